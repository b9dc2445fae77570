"""Who learns what about membership: sentences 1 to 10."""

import math
import time
from email import message_from_bytes, policy
from statistics import median
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from tests import crawl, factories
from tests.providers import live
from tests.providers.fixtures import settings_for
from webapp import clock, jobs, passwords
from webapp.domain import leaving, links
from webapp.extensions import db
from webapp.models.mail import MailboxMessage
from webapp.models.member import EmailAddress, Member

STATES = ("nobody", "member", "guessed", "blocked", "leaver")
"""Who may be behind an address: nobody, a member, somebody who has not proven it, one who is suspended, one who leaves."""


def address_of(state):
    """An address of the same length for each."""
    return f"{state:x<7}@example.org"


def settled():
    """One account in each state."""
    for state in STATES[1:]:
        factories.member(f"Member {state}", address_of(state), verified=state != "guessed")
    blocked, leaver = (
        db.session.scalars(
            select(Member).join(EmailAddress, EmailAddress.member_id == Member.id).where(EmailAddress.address == each)
        ).one()
        for each in (address_of("blocked"), address_of("leaver"))
    )
    blocked.suspended_at = clock.now()
    leaving.ask(leaver, factories.sign_in(leaver))
    db.session.commit()


def seen(answer, address):
    """Everything of an answer that could tell two addresses apart: status, headers, and the text without the address and the token."""
    text = crawl.without_tokens(answer.get_data(as_text=True))
    headers = [(name, value) for name, value in answer.headers if name not in {"Set-Cookie", "Date", "X-Request-Id"}]
    cookies = [each.split("=")[0] for each in answer.headers.getlist("Set-Cookie")]
    return answer.status_code, headers, cookies, text.replace(address, "")


def walked(browser, answer, address):
    """What is seen of an answer and of every page it leads to."""
    steps = [seen(answer, address)]
    while answer.status_code in {302, 303, 307}:
        answer = browser.get(answer.headers["Location"])
        steps.append(seen(answer, address))
        assert len(steps) < 10
    return steps


def mailed():
    """(recipient, subject) of every mail that has left."""
    jobs.run_due()
    found = db.session.scalars(select(MailboxMessage).order_by(MailboxMessage.id)).all()
    got = [(row.recipient, row.subject) for row in found]
    db.session.rollback()
    return got


# 1


def test_01_an_address_says_nothing_about_its_owner(app, context, as_member):
    """Signing up, signing in, asking for a new password and for the confirmation once more answer alike, in status, headers, text and
    redirects, whether the address is a member's, nobody's, not proven yet, suspended, or of somebody who is leaving."""
    settled()
    owner = factories.member("Olga", "olga@example.org")
    link = links.make(owner, "", 30, 50, connects=False)
    db.session.commit()
    passed = {"password": "an owl reads under the lamp"}
    doors = {
        "sign up": ("/signup", lambda email: {"name": "Ada", "email": email} | passed),
        "sign up by a link": (
            f"/join/by/{links.token_of(link)}",
            lambda email: {"name": "Ada", "email": email} | passed,
        ),
        "sign up badly": ("/signup", lambda email: {"name": "", "email": email, "password": "short"}),
        "sign in": ("/signin", lambda email: {"email": email} | passed),
        "reset": ("/reset", lambda email: {"email": email}),
        "confirm again": ("/confirm", lambda email: {"email": email}),
    }
    for door, (url, given) in doors.items():
        found = {}
        for state in STATES:
            browser, address = as_member(), address_of(state)
            found[state] = walked(browser, browser.post(url, given(address)), address)
        for state in STATES[1:]:
            assert found[state] == found["nobody"], (door, state)

    # Not even with the password, where the address is not proven yet.
    early = as_member().post("/signin", {"email": address_of("guessed"), "password": factories.PASSWORD})
    wrong = as_member().post("/signin", {"email": address_of("nobody")} | passed)
    assert seen(early, address_of("guessed")) == seen(wrong, address_of("nobody"))

    # Nor after so many tries that there may be no more.
    for state in STATES:
        answers = [as_member().post("/signin", {"email": address_of(state)} | passed) for _try in range(11)]
        assert answers[-1].status_code == 429, state
        assert [each.status_code for each in answers[:8]] == [422] * 8


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_01_an_account_elsewhere_tells_about_its_own_proven_address_only(app, context, as_member, provider, setting):
    """Signing in with an account elsewhere answers alike for every address that is not proven there; to who has proven one there it says
    whether that very address has an account here, alike for a member, one who is suspended and one who is leaving."""
    settled()
    app.extensions["kith.oauth"].clear()
    setting(**settings_for(provider), SIGN_IN_WITH=("google",))

    def come_back(state, *, proven):
        browser, address = as_member(), address_of(state)
        claims = {"email": address, "sub": state, "email_verified": proven}
        provider.change_id_token("google", lambda found: found | claims)
        asked = browser.post("/signin/google")
        back = live.consent(asked.headers["Location"], "ada@gmail.com")
        answer = browser.get(f"/signin/google/callback?{urlencode(back)}")
        return browser, walked(browser, answer, address)

    unproven = {state: come_back(state, proven=False)[1] for state in STATES}
    assert all(steps == unproven["nobody"] for steps in unproven.values())
    proven = {state: come_back(state, proven=True) for state in STATES}
    assert proven["guessed"][1] == proven["nobody"][1]
    for state in ("blocked", "leaver"):
        assert proven[state][1] == proven["member"][1]


# 2


def tells_apart(one, other):
    """Whether two series of times differ: by the test of Mann and Whitney (normal approximation), and by 5 ms between the medians."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_value, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    p = math.erfc(abs(z) / math.sqrt(2))
    return p <= 0.01 and abs(median(one) - median(other)) >= 0.005


class Timed:
    """Asks about a member's and about nobody's address in turn, from ever another network, and takes the time."""

    def __init__(self, browser):
        self.browser = browser
        self.asked = 0

    def once(self, url, given):
        self.asked += 1
        where = {"REMOTE_ADDR": f"10.{self.asked >> 16 & 255}.{self.asked >> 8 & 255}.{self.asked & 255}"}
        begun = time.perf_counter()
        answer = self.browser.post(url, given, environ_overrides=where)
        took = time.perf_counter() - begun
        assert answer.status_code in {200, 422}
        return took

    def tells_apart(self, url, members, strangers, tries=40, **more):
        pairs = list(zip(members[:tries], strangers[:tries], strict=True))
        for pair in (pairs[0], pairs[-1]):  # what happens for the first time takes longer
            for email in pair:
                self.once(url, {"email": email} | more)
        times = [[self.once(url, {"email": email} | more) for email in pair] for pair in pairs]
        return tells_apart(*zip(*times, strict=True))


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_02_time_says_nothing_either(app, context, as_member, monkeypatch):
    """Forty tries each to sign in, and to ask for a new password, take as long for an address of nobody as for a member's: no difference
    that statistics would find (Mann-Whitney, p > 0.01), or less than 5 ms between the medians."""
    members = [f"m{number:02}@example.org" for number in range(40)]
    strangers = [f"s{number:02}@example.org" for number in range(40)]
    for address in members:
        factories.member("Member", address)
    timed = Timed(as_member())
    for url, more in (("/signin", {"password": "not this one at all"}), ("/reset", {})):
        # A busy machine may spoil a measurement, but no machine spoils three of what is the same.
        found = [True]
        while found[-1] and len(found) <= 3:
            found.append(timed.tells_apart(url, members, strangers, **more))
        assert not found[-1], url
    # The same measure sees it where no password is hashed for nobody.
    verify = passwords.verify
    monkeypatch.setattr(passwords, "verify", lambda hashed, given: hashed is not None and verify(hashed, given))
    assert timed.tells_apart("/signin", members, strangers, tries=20, password="not this one at all")


# 3


def test_03_the_truth_travels_by_mail_only(app, context, as_member):
    """Who signs up with an address that has an account is told so by mail, and gets no confirmation; who asks for a new password for an
    address without an account gets no mail; nobody ever gets both."""
    settled()
    db.session.query(MailboxMessage).delete()
    db.session.commit()
    mailed()
    before = len(mailed())
    for state in ("member", "nobody"):
        as_member().post(
            "/signup", {"name": "Ada", "email": address_of(state), "password": "an owl reads under the lamp"}
        )
    assert mailed()[before:] == [
        (address_of("member"), "You already have an account at Northgate"),
        (address_of("nobody"), "Confirm your address for Northgate"),
    ]
    before = len(mailed())
    for state in ("member", "missing", "guessed", "leaver"):
        as_member().post("/reset", {"email": address_of(state)})
    assert mailed()[before:] == [(address_of("member"), "Set a new password for Northgate")]
    before = len(mailed())
    for state in ("member", "missing", "guessed"):
        as_member().post("/confirm", {"email": address_of(state)})
    assert mailed()[before:] == [(address_of("guessed"), "Confirm your address for Northgate")]
    # The mail to a member names nothing of who typed the address.
    [raw] = [
        row.raw
        for row in db.session.scalars(select(MailboxMessage))
        if row.recipient == address_of("member") and "already" in row.subject
    ]
    text = message_from_bytes(raw, policy=policy.default).get_body(("plain",)).get_content()
    assert "Ada" not in text
    assert "/confirm/" not in text


# 4


def test_04_mails_have_caps_that_nobody_sees(app, context, as_member):
    """An address gets at most 3 confirmations in 6 hours and 5 links for a new password in a day, whoever asks and however; beyond that the
    answers stay the same and no mail leaves. Then it goes on."""
    factories.member("Ada Lovelace", "ada@example.org")
    new = {"name": "New", "email": "new@example.org", "password": "an owl reads under the lamp"}

    def asked(url, given, number):
        address = given["email"]
        found = []
        for place in range(number):
            browser = as_member()
            where = {"REMOTE_ADDR": f"192.0.2.{place}"}
            answer = browser.post(url, given, environ_overrides=where)
            found.append(walked(browser, answer, address))
        assert all(each == found[0] for each in found)

    asked("/reset", {"email": "ada@example.org"}, 8)
    assert len(mailed()) == 5
    asked("/signup", new, 2)
    asked("/confirm", {"email": "new@example.org"}, 2)
    asked("/signup", new, 2)
    assert mailed()[5:] == [("new@example.org", "Confirm your address for Northgate")] * 3
    asked("/signup", new | {"email": "ada@example.org"}, 5)
    assert mailed()[8:] == [("ada@example.org", "You already have an account at Northgate")] * 3
    clock.move(hours=6, minutes=1)
    asked("/confirm", {"email": "new@example.org"}, 5)
    asked("/reset", {"email": "ada@example.org"}, 2)
    assert mailed()[11:] == [("new@example.org", "Confirm your address for Northgate")] * 3
    clock.move(hours=18)
    asked("/reset", {"email": "ada@example.org"}, 8)
    assert mailed()[14:] == [("ada@example.org", "Set a new password for Northgate")] * 5


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("url", ["/reset", "/confirm"])
def test_a_network_that_asks_for_very_many_mails_is_asked_to_wait(app, context, as_member, url):
    browser = as_member()
    for number in range(60):
        assert browser.post(url, {"email": f"p{number}@example.org"}).status_code in {200, 303}
    for address in ("p61@example.org", "ada@example.org"):
        answer = browser.post(url, {"email": address})
        assert answer.status_code == 429
        assert "Very many mails were asked for from your network" in answer.text
        assert f'value="{address}"' in answer.text
    elsewhere = browser.post(url, {"email": "p61@example.org"}, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert elsewhere.status_code in {200, 303}
    clock.move(hours=1, seconds=1)
    assert browser.post(url, {"email": "p61@example.org"}).status_code in {200, 303}
