"""Cards become people: an address stands on one row only, and the counts add up."""

import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp import addresses
from webapp.providers.base import Card, Fate, Page, ProviderError, card, merge, wait


def book(*cards, unusable=0):
    return [Page([*(Card(name, tuple(rest)) for name, *rest in cards), *[Card("", why="none")] * unusable])]


def rows(merged):
    return [(each.name, each.addresses) for each in merged.people]


def test_a_card_keeps_the_order_and_drops_what_is_no_address():
    assert card(" Ada ", ["Ada@Example.org", "no address", None, 7, "ADA@example.org", "b@example.org"]) == Card(
        "Ada", ("Ada@example.org", "b@example.org")
    )


@pytest.mark.parametrize(("written", "why"), [(["", "nobody"], "invalid"), ([], "none"), ([""], "none")])
def test_a_card_without_an_address_is_of_no_use_and_says_why(written, why):
    found = card("Ada", written)
    assert (found, found.is_usable) == (Card("Ada", why=why), False)


def test_a_card_has_ten_addresses_at_most():
    found = card("Ada", [f"ada{number}@example.org" for number in range(30)])
    assert len(found.addresses) == 10


@pytest.mark.parametrize("name", [None, 3, "", "ada@example.org", "ADA@example.org"])
def test_a_name_that_is_none_is_empty_and_the_address_is_shown(name):
    merged = merge([Page([card(name, ["ada@example.org"])])])
    assert merged.people[0].name == ""
    assert merged.people[0].shown == "ada@example.org"


def test_two_contacts_with_one_name_that_share_an_address_are_one_person():
    merged = merge(book(("Ada", "a@x.example", "b@x.example"), ("ADA", "B@x.example", "c@x.example")))
    assert rows(merged) == [("Ada", ["a@x.example", "b@x.example", "c@x.example"])]
    assert merged.merged == 1


@pytest.mark.parametrize("order", [("", "Ada"), ("Ada", "")])
def test_a_contact_without_a_name_joins_the_one_it_shares_an_address_with(order):
    merged = merge(book((order[0], "a@x.example"), (order[1], "a@x.example", "b@x.example")))
    assert rows(merged) == [("Ada", ["a@x.example", "b@x.example"])]


def test_people_behind_one_address_of_a_firm_do_not_melt_into_one():
    cards = [(f"Person {number}", "info@firm.example", f"p{number}@firm.example") for number in range(200)]
    merged = merge(book(*cards))
    assert len(merged.people) == 200
    assert merged.people[0].addresses == ["info@firm.example", "p0@firm.example"]
    assert merged.people[7].addresses == ["p7@firm.example"]
    assert merged.merged == 0


def test_a_contact_left_without_an_address_counts_as_merged():
    merged = merge(book(("Ada", "info@firm.example"), ("Ben", "info@firm.example")))
    assert rows(merged) == [("Ada", ["info@firm.example"])]
    assert (merged.read, merged.merged) == (2, 1)


def test_a_card_that_links_two_rows_of_one_person_makes_them_one():
    merged = merge(
        book(
            ("Ada", "a@x.example"),
            ("Ben", "z@x.example"),
            ("Ada", "b@x.example"),
            ("Ada", "b@x.example", "a@x.example"),
        )
    )
    assert rows(merged) == [("Ada", ["a@x.example", "b@x.example"]), ("Ben", ["z@x.example"])]
    assert (merged.read, merged.merged) == (4, 2)


def test_a_card_without_a_name_does_not_link_two_people():
    merged = merge(
        book(("Ada", "a@x.example"), ("Ben", "b@x.example"), ("", "a@x.example", "b@x.example", "c@x.example"))
    )
    assert rows(merged) == [("Ada", ["a@x.example", "c@x.example"]), ("Ben", ["b@x.example"])]


def test_own_addresses_and_those_of_no_person_are_set_aside_with_their_rule():
    merged = merge(
        book(
            ("Me", "ME@x.example"),
            ("Shop", "no-reply@shop.example"),
            ("Shop", "no-reply@shop.example"),
            ("Ada", "no-reply@shop.example", "ada@x.example"),
            unusable=2,
        ),
        {"me@x.example"},
    )
    assert rows(merged) == [("Ada", ["ada@x.example"])]
    assert [(each.shown, each.rule) for each in merged.not_people] == [("Me", "own"), ("Shop", "no_reply")]
    assert (merged.read, merged.merged, merged.unusable) == (6, 1, 2)


def test_a_mail_goes_to_the_first_address_any_server_takes():
    (person,) = merge(book(("José", "josé@x.example", "jose@x.example"))).people
    assert person.mail_address == "jose@x.example"
    (other,) = merge(book(("José", "josé@x.example"))).people
    assert other.mail_address is None


_address = st.sampled_from([f"{letter}@x.example" for letter in "abcdefgh"] + ["no-reply@x.example", "me@x.example"])
_card = st.builds(
    Card,
    st.sampled_from(["", "Ada", "ada", "Ben", "Cid"]),
    st.lists(_address, max_size=4, unique=True).map(tuple),
    st.sampled_from(["", "linkedin.com/in/ada", "linkedin.com/in/ben"]),
    st.sampled_from(["", "Firm"]),
).filter(lambda card: card.is_usable)


@given(st.lists(_card, max_size=30), st.integers(0, 3))
def test_the_counts_add_up_and_no_address_stands_twice(cards, unusable):
    merged = merge([Page([*cards, *[Card("", why="none")] * unusable])], {"me@x.example"})
    assert merged.read == len(merged.people) + len(merged.not_people) + merged.merged + merged.unusable
    keys = [key for person in merged.people for key in person.keys]
    assert len(keys) == len(set(keys))
    written = {addresses.key(each) for one in cards for each in one.addresses}
    assert set(keys) == {key for key in written if key != "me@x.example" and not addresses.not_a_person(key)}
    assert all(person.addresses or person.link or person.organisation for person in merged.people)
    stand = [fate.person for fate in merged.fates if fate.kind == "person"]
    assert sorted(stand) == list(range(len(merged.people)))
    for one, fate in zip(cards, merged.fates, strict=False):
        if fate.kind == "person":
            person = merged.people[fate.person]
            known = {*person.keys, person.link}
            assert {*map(addresses.key, one.addresses), one.link} & known or one.organisation == person.organisation


@given(st.lists(_card, max_size=12))
def test_a_book_read_twice_is_the_same_people(cards):
    once = merge([Page(cards)])
    twice = merge([Page(cards), Page(cards)])
    assert {tuple(sorted(each.keys)) for each in twice.people} == {tuple(sorted(each.keys)) for each in once.people}


def test_twenty_five_thousand_contacts_are_merged_in_well_under_a_second():
    order = random.Random(5)
    cards = [
        Card(f"Person {number}", (f"p{number}@x.example", f"q{order.randrange(25_000)}@y.example"))
        for number in range(25_000)
    ]
    start = time.perf_counter()
    merged = merge([Page(cards)])
    assert time.perf_counter() - start < 3  # 0.2 s on an idle core
    assert merged.read == 25_000


def test_a_page_survives_being_dumped():
    linked = Card("Ben", link="linkedin.com/in/ben", organisation="Firm")
    page = Page([Card("Ada", ("a@x.example", "b@x.example")), linked, Card("Cid", why="invalid")], "next", 9)
    loaded = Page.load(json.loads(json.dumps(page.dump())))
    assert (loaded.cards, loaded.read, loaded.cursor) == (page.cards, 3, None)


@pytest.mark.parametrize(
    "written",
    [
        "https://www.linkedin.com/in/Ada-Lovelace",
        "http://de.linkedin.com/in/ada-lovelace/",
        "linkedin.com/in/ada-lovelace?trk=contact",
        " https://www.linkedin.com/in/ada%2Dlovelace/en#top ",
    ],
)
def test_a_profile_is_the_same_however_its_address_is_written(written):
    assert addresses.profile_link(written) == "linkedin.com/in/ada-lovelace"


@pytest.mark.parametrize(
    "written", ["", "https://example.org/in/ada", "https://linkedin.com/company/firm", "javascript:linkedin.com/in/a"]
)
def test_any_other_page_is_no_profile(written):
    assert addresses.profile_link(written) == ""


def test_contacts_without_an_address_are_one_person_by_their_link():
    linked = Card("Ada", link="linkedin.com/in/ada", organisation="Firm")
    merged = merge(
        [Page([linked, Card("ada", ("a@x.example",), "linkedin.com/in/ada"), Card("Ada", organisation="Firm")])]
    )
    assert [(each.addresses, each.link) for each in merged.people] == [
        (["a@x.example"], "linkedin.com/in/ada"),
        ([], ""),
    ]
    assert merged.fates == [Fate("person", 0), Fate("merged", 0), Fate("person", 1)]


def test_every_contact_has_a_fate_also_where_two_rows_became_one():
    cards = [Card("Ada", ("a@x.example",)), Card("Ada", ("b@x.example",)), Card("Ada", ("a@x.example", "b@x.example"))]
    more = [
        Card("Ben", ("a@x.example",)),
        Card("", ("no-reply@x.example",)),
        Card("", why="none"),
        Card("Cid", ("c@x.example",)),
    ]
    assert merge([Page([*cards, *more])]).fates == [
        Fate("person", 0),
        Fate("merged", 0),
        Fate("merged", 0),
        Fate("merged"),
        Fate("not_person", why="no_reply"),
        Fate("unusable", why="none"),
        Fate("person", 1),
    ]


def test_the_wait_is_what_the_provider_says_at_most_five_minutes():
    assert wait(1, 7) == 7
    assert wait(1, 3600) == 300
    assert wait(1, -5) == 0


def test_the_wait_doubles_up_to_a_minute():
    for tries, about in [(1, 1), (2, 2), (3, 4), (7, 60), (40, 60)]:
        assert about * 0.75 <= wait(tries) <= about * 1.25


def test_only_what_may_pass_is_tried_again():
    assert {
        kind for kind in ("busy", "unavailable", "expired", "broken", "too_large") if ProviderError(kind).retryable
    } == {
        "busy",
        "unavailable",
    }
