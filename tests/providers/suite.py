"""What holds with every provider: run against the demo provider, and against another team's server (tests/peers).

A subclass gives a fixture `server` with `consent(url, account, untick=(), decision="allow")`, which returns what the callback gets, and
`contacts(door)`, the scope that reads contacts; and a fixture `house`, the application that is registered with it, in a context.
"""

from dataclasses import replace

import pytest

from tests.providers.live import query
from webapp.providers import BOOKS
from webapp.providers.base import Card, ProviderError, merge
from webapp.web import consents, oauth
from webapp.web.consents import ConsentError, Reason

ACCOUNT = "ada@gmail.com"
DOORS = ["google", "microsoft"]
OTHER_CONTACTS = "https://www.googleapis.com/auth/contacts.other.readonly"


def reason(call, *args):
    """Why a consent failed."""
    with pytest.raises(ConsentError) as caught:
        call(*args)
    assert caught.value.__cause__ is None
    return caught.value.reason


def whole(door, grant):
    """The whole book that a key opens."""
    pages = [BOOKS[door].read(grant.access_token, None, others=grant.others)]
    while pages[-1].cursor:
        pages.append(BOOKS[door].read(grant.access_token, pages[-1].cursor, others=grant.others))
    return pages


class ConsentSuite:
    """The way from the consent page to the address book and back."""

    @pytest.fixture(params=DOORS)
    def door(self, request):
        return request.param

    @pytest.fixture
    def asked(self, house, server, door):
        """`asked(...)`: the pending consent, and what the provider answered to it."""

        def ask(account=ACCOUNT, *, others=False, untick=(), decision="allow", **more):
            pending = consents.pend(door, others=others)
            url = oauth.authorize(pending, f"state-{pending.nonce}", login_hint=account, **more)
            back = server.consent(url, account, untick=untick, decision=decision)
            assert back["state"] == f"state-{pending.nonce}"
            return pending, back

        return ask

    def test_consent_gives_a_key_that_reads_the_whole_book(self, door, asked):
        pending, back = asked()
        grant = oauth.exchange(consents.Pending.load(pending.dump()), back)
        people = merge(whole(door, grant)).people
        found = {each.name: each.addresses for each in people}
        assert found["Grace Hopper"] == ["grace@navy.example", "g.hopper@yard.example"]
        assert found[""] == ["nameless@x.example"]
        assert grant.email == ACCOUNT
        assert grant.access_token not in repr(grant)

    def test_a_long_book_comes_in_pages(self, door, asked):
        pages = whole(door, oauth.exchange(*asked("many@gmail.com")))
        assert sum(page.read for page in pages) == 2500
        assert pages[0].total == 2500
        assert pages[0].cards[0] == Card("Person 0", ("p0@x.example",))
        assert max(page.read for page in pages) == 1000

    def test_what_was_only_written_to_is_read_on_its_own_tick(self, door, asked):
        without = oauth.exchange(*asked())
        given = oauth.exchange(*asked(others=True))
        assert (without.others, given.others) == (False, door == "google")
        if door == "google":
            assert "Written To" not in {each.name for page in whole(door, without) for each in page.cards}
            assert "Written To" in {each.name for page in whole(door, given) for each in page.cards}

    def test_unticking_only_what_was_written_to_leaves_the_contacts(self, door, asked):
        grant = oauth.exchange(*asked(others=True, untick=[OTHER_CONTACTS]))
        assert grant.others is False
        assert whole(door, grant)

    def test_unticking_the_contacts_is_told_and_nothing_is_read(self, server, door, asked):
        pending, back = asked(untick=[server.contacts(door)])
        assert reason(oauth.exchange, pending, back) == Reason.SCOPE_MISSING

    def test_asking_again_with_a_prompt_works(self, asked):
        pending, back = asked(prompt="consent")
        assert oauth.exchange(pending, back).access_token

    def test_denying_is_told(self, asked):
        pending, back = asked(decision="deny")
        assert reason(oauth.exchange, pending, back) == Reason.DENIED

    def test_a_code_is_good_once_and_a_second_use_ends_the_key(self, door, asked):
        pending, back = asked()
        grant = oauth.exchange(pending, back)
        assert reason(oauth.exchange, pending, back) == Reason.EXPIRED
        with pytest.raises(ProviderError) as caught:
            whole(door, grant)
        assert caught.value.kind == "expired"

    def test_a_code_of_another_consent_is_refused(self, asked):
        pending, _ = asked()
        _, back = asked()
        assert reason(oauth.exchange, pending, back) == Reason.EXPIRED  # the verifier is not the one it was asked with

    def test_a_code_that_was_made_up_is_refused(self, asked):
        pending, back = asked()
        assert reason(oauth.exchange, pending, back | {"code": "made-up"}) == Reason.EXPIRED

    def test_an_answer_to_another_request_is_refused_by_its_nonce(self, asked):
        pending, back = asked()
        assert reason(oauth.exchange, replace(pending, nonce="another"), back) == Reason.FAULT

    def test_a_wrong_client_secret_is_the_operators(self, house, door, asked):
        pending, back = asked()
        house.config["KITH"] = house.config["KITH"] | {f"{door.upper()}_CLIENT_SECRET": "wrong"}
        assert reason(oauth.exchange, pending, back) == Reason.MISCONFIGURED

    def test_a_key_can_be_ended_where_the_provider_has_a_way(self, door, asked):
        grant = oauth.exchange(*asked())
        assert oauth.revoke(door, grant.access_token) is (door == "google")
        if door == "google":
            with pytest.raises(ProviderError) as caught:
                whole(door, grant)
            assert caught.value.kind == "expired"

    def test_an_answer_that_names_another_sender_is_refused(self, asked):
        pending, back = asked()
        assert reason(oauth.exchange, pending, back | {"iss": "https://evil.example"}) == Reason.FAULT

    def test_the_request_is_minimal_and_protected(self, house, door):
        pending = consents.pend(door)
        asked = query(oauth.authorize(pending, "the-state", login_hint=ACCOUNT))
        assert asked.pop("code_challenge")
        assert asked == {
            "response_type": "code",
            "client_id": house.config["KITH"][f"{door.upper()}_CLIENT_ID"],
            "redirect_uri": f"http://127.0.0.1:8000/contacts/{door}/callback",
            "scope": {
                "google": "openid email https://www.googleapis.com/auth/contacts.readonly",
                "microsoft": "openid email profile Contacts.Read",
            }[door],
            "state": "the-state",
            "nonce": pending.nonce,
            "login_hint": ACCOUNT,
            "code_challenge_method": "S256",
        }
