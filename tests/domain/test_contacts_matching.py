"""Comparing a book: who is shown where, what is counted, what it costs, and what nobody can find out."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import factories
from tests.contacts import Book
from webapp import clock
from webapp.domain import contacts, guests, profiles, relationships
from webapp.domain.contacts import matching
from webapp.domain.errors import TooMany
from webapp.extensions import db
from webapp.models.contact import AddressBookImport, ImportPart
from webapp.models.ledger import LookupCharge
from webapp.models.member import EmailAddress
from webapp.providers.base import Card, card


@pytest.fixture
def maya(context):
    return factories.member("Maya van Nes", email="maya@home.example")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okri", email="ben@friends.example", organisation="Harbour")


def names_of(shown):
    return [row.name for row in shown.rows]


def test_members_and_others_stand_on_their_own_lists(maya, ben):
    book = Book(maya).read("Benny <ben@friends.example>", "Ada <ada@out.example>", "chen@out.example")
    assert names_of(book.members()) == ["Ben Okri"]
    assert [(row.name, row.address) for row in book.guests().rows] == [
        ("Ada", "ada@out.example"),
        ("", "chen@out.example"),
    ]


def test_every_member_starts_ticked_and_no_guest_does(maya, ben, setting):
    book = Book(maya).read("Ben <ben@friends.example>", "Ada <ada@out.example>")
    assert book.members().rows[0].ticked
    assert book.members().selection.state == "all"
    assert book.guests().selection.state == "none"
    setting(GUESTS_PRESELECTED=True)
    assert Book(maya).read("Ada <ada@out.example>").guests().rows[0].ticked


def test_any_address_of_a_person_may_match_and_the_row_is_one(maya, ben):
    book = Book(maya).read(Card("Ben", ("old@out.example", "BEN@friends.example", "third@out.example")))
    assert names_of(book.members()) == ["Ben Okri"]
    assert book.guests().rows == []


def test_two_contacts_of_one_member_are_one_row_and_counted_as_merged(maya, ben):
    factories.address(ben, "ben@work.example")
    book = Book(maya).read("Benny <ben@friends.example>", "Mr Okri <ben@work.example>")
    assert len(book.members().rows) == 1
    assert book.counts["merged"] == 1


def test_the_sum_adds_up(maya, ben):
    friend, asked, blocked = (factories.member(name, email=f"{name.lower()}@f.example") for name in ("Fay", "Al", "Bo"))
    factories.connect(maya, friend)
    relationships.invite(maya, [asked])
    relationships.block(maya, blocked)
    db.session.commit()
    book = Book(maya).read(
        "Ben <ben@friends.example>",
        "Fay <fay@f.example>",
        "Al <al@f.example>",
        "Bo <bo@f.example>",
        "Ada <ada@out.example>",
        "Ada <ada@out.example>",
        "Me <maya@home.example>",
        "<no-reply@shop.example>",
        unusable=2,
    )
    counts = book.counts
    assert counts == {
        "read": 10,
        "members": 1,
        "guests": 1,
        "connected": 1,
        "invited": 1,
        "blocked": 1,
        "merged": 1,
        "not_people": 2,
        "unusable": 2,
    }
    assert counts["read"] == sum(value for name, value in counts.items() if name != "read")


def test_who_is_probably_not_a_person_is_set_aside_with_the_rule(maya):
    book = Book(maya).read("Me <maya@home.example>", "Shop <no-reply@shop.example>", "list@lists.example")
    assert contacts.not_people(book.opened) == [
        ["Me", "maya@home.example", "own"],
        ["Shop", "no-reply@shop.example", "no_reply"],
        ["", "list@lists.example", "list"],
    ]


def test_an_address_no_server_takes_has_no_box(maya):
    book = Book(maya).read(Card("Ω", ("ωmega@out.example",)), "Ada <ada@out.example>")
    rows = {row.name: row.has_box for row in book.guests().rows}
    assert rows == {"Ω": False, "Ada": True}
    assert book.guests().selection.choosable == 1
    book.change(lambda opened: contacts.tick_all(opened, "guest", on=True))
    assert [each.address for each in contacts.chosen_guests(book.opened)] == ["ada@out.example"]


def test_a_member_in_another_script_still_matches(maya):
    factories.member("Omega", email="ωmega@friends.example")
    assert names_of(Book(maya).read(Card("Ω", ("ωmega@friends.example",))).members()) == ["Omega"]


# What nobody can find out


def hide_nobody(other, _viewer):
    other.findable = "nobody"


def hide_distant(other, _viewer):
    other.findable = "second"


def hide_blocking(other, viewer):
    relationships.block(other, viewer)


def hide_suspended(other, _viewer):
    other.suspended_at = clock.now()


def hide_connected(other, viewer):
    factories.connect(viewer, other)
    other.findable = "nobody"


HIDING = [hide_nobody, hide_distant, hide_blocking, hide_suspended, hide_connected]


@pytest.mark.parametrize("hide", HIDING)
def test_a_hidden_member_is_a_stranger_in_everything_the_book_becomes(maya, ben, hide):
    lines = ["Ben <ben@friends.example>", "Ada <ada@out.example>", "Zoe <zoe@out.example>"]
    hide(ben, maya)
    db.session.commit()
    hidden = Book(maya).read(*lines)
    seen = hidden.everything()
    assert "Ben" in names_of(hidden.guests())
    db.session.execute(update(EmailAddress).where(EmailAddress.member_id == ben.id).values(lookup="elsewhere"))
    db.session.commit()
    assert Book(maya).read(*lines).everything() == seen


def test_whom_i_block_is_counted_whether_or_not_they_block_me(maya, ben):
    relationships.block(maya, ben)
    db.session.commit()
    alone = Book(maya).read("ben@friends.example").everything()
    relationships.block(ben, maya)
    db.session.commit()
    assert Book(maya).read("ben@friends.example").everything() == alone
    assert alone["counts"]["blocked"] == 1


def test_the_connections_of_connections_can_find_who_allows_that(maya, ben):
    ben.findable = "second"
    db.session.commit()
    between = factories.member("Between")
    factories.connect(maya, between)
    assert Book(maya).read("ben@friends.example").members().rows == []
    factories.connect(between, ben)
    assert names_of(Book(maya).read("ben@friends.example").members()) == ["Ben Okri"]


# Whom a file without addresses finds


def linked(name, page="", organisation="", *written):
    return card(name, written, link=page, organisation=organisation)


@pytest.fixture
def here(ben):
    """Ben, who links to his profile elsewhere and says where he works."""
    profiles.edit(ben, links="https://www.linkedin.com/in/ben-okri", organisation="Harbour Works")
    db.session.commit()
    return ben


def test_a_profile_elsewhere_finds_a_member_beyond_doubt(maya, here):
    book = Book(maya).read(linked("Benjamin O.", "https://uk.linkedin.com/in/Ben-Okri/"))
    (row,) = book.members().rows
    assert (row.name, row.ticked, row.possible) == ("Ben Okri", True, False)


def test_a_profile_that_not_every_member_may_see_finds_nobody(maya, here):
    profiles.edit(here, {"links": "connections"})
    db.session.commit()
    assert Book(maya).read(linked("B", "https://linkedin.com/in/ben-okri")).members().rows == []


def test_a_name_and_an_organisation_are_only_possible_and_start_unticked(maya, here):
    book = Book(maya).read(linked("ben OKRI", "", "harbour works"))
    (row,) = book.members().rows
    assert (row.name, row.has_box, row.ticked, row.possible) == ("Ben Okri", True, False, True)
    assert [row[2] for row in contacts.rows(book.opened)] == ["possible"]
    book.change(lambda opened: contacts.tick(opened, "member", 0, on=True))
    assert contacts.chosen_members(book.opened) == [here.id]


def test_two_who_share_name_and_organisation_are_no_clue(maya, here):
    twin = factories.member("Ben Okri")
    profiles.edit(twin, organisation="Harbour Works")
    db.session.commit()
    book = Book(maya).read(linked("Ben Okri", "", "Harbour Works"))
    assert book.members().rows == []
    assert (book.counts["guests"], book.counts["unusable"]) == (0, 1)


def test_an_organisation_that_not_every_member_may_see_is_no_clue(maya, here):
    profiles.edit(here, {"organisation": "connections"})
    db.session.commit()
    assert Book(maya).read(linked("Ben Okri", "", "Harbour Works")).members().rows == []


def test_whoever_is_certain_comes_before_whoever_is_possible(maya, here):
    book = Book(maya).read(linked("Ben Okri", "", "Harbour Works"), "Ben <ben@friends.example>")
    (row,) = book.members().rows
    assert (row.ticked, row.possible, book.counts["merged"]) == (True, False, 1)


def test_without_an_address_nobody_is_a_guest(maya, here):
    book = Book(maya).read(
        linked("Ada", "https://linkedin.com/in/ada", "Sea"), linked("Zoe", "", "Sea", "zoe@out.example")
    )
    assert names_of(book.guests()) == ["Zoe"]
    assert [row[1:] for row in contacts.rows(book.opened)] == [
        ["linkedin.com/in/ada", "unusable", ""],
        ["zoe@out.example", "guests", ""],
    ]


@pytest.mark.parametrize("hide", [*HIDING, None])
@pytest.mark.parametrize("page", ["https://linkedin.com/in/ben-okri", ""])
def test_who_hides_is_found_by_no_clue(maya, here, hide, page):
    given = linked("Ben Okri", page, "Harbour Works")
    assert len(Book(maya).read(given).members().rows) == 1
    if hide is None:
        factories.connect(maya, here)
        assert Book(maya).read(given).counts["connected"] == 1
        return
    hide(here, maya)
    db.session.commit()
    book = Book(maya).read(given)
    assert (book.members().rows, book.counts["unusable"]) == ([], 1)


def test_a_contact_without_an_address_is_charged_like_one(maya, here):
    Book(maya).read(linked("A", "https://linkedin.com/in/a"), linked("B", "", "Sea"), "c@x.example")
    assert charges(maya) == [3]


def test_each_row_says_what_became_of_it(maya, here):
    book = Book(maya).read(
        "Ben <ben@friends.example>",
        "Ada <ada@out.example>",
        Card("Ada", ("ada@out.example", "ada@home.example")),
        Card("Zoe", ("ada@out.example",)),
        linked("B", "https://linkedin.com/in/ben-okri"),
        "<no-reply@shop.example>",
        Card("Nobody", why="none"),
    )
    assert contacts.rows(book.opened) == [
        ["Ben", "ben@friends.example", "members", ""],
        ["Ada", "ada@out.example", "guests", ""],
        ["Ada", "ada@out.example", "merged", "2"],
        ["Zoe", "ada@out.example", "merged", ""],
        ["B", "linkedin.com/in/ben-okri", "merged", ""],
        ["", "no-reply@shop.example", "not_person", "no_reply"],
        ["Nobody", "", "unusable", "none"],
    ]
    counts = book.counts
    assert counts["read"] == sum(value for name, value in counts.items() if name != "read")


# How members stand


def test_somebody_i_removed_starts_unticked(maya, ben):
    factories.connect(maya, ben)
    relationships.end(maya, ben)
    db.session.commit()
    (row,) = Book(maya).read("ben@friends.example").members().rows
    assert (row.has_box, row.ticked, row.standing.word) == (True, False, "removed")


def test_somebody_i_may_not_ask_yet_has_a_date_and_no_box(maya, ben):
    relationships.invite(maya, [ben])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    relationships.withdraw(maya, [ben])
    db.session.commit()
    book = Book(maya).read("ben@friends.example")
    (row,) = book.members().rows
    assert (row.has_box, row.ticked, row.standing.word) == (False, False, "withdrawn")
    assert row.standing.again_from - clock.now() > timedelta(days=20)
    book.change(lambda opened: contacts.tick(opened, "member", 0, on=True))
    book.change(lambda opened: contacts.tick_all(opened, "member", on=True))
    assert contacts.chosen_members(book.opened) == []


def test_somebody_who_asked_me_is_ticked(maya, ben):
    relationships.invite(ben, [maya])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()
    (row,) = Book(maya).read("ben@friends.example").members().rows
    assert (row.ticked, row.standing.word) == (True, "received")


def test_a_held_invitation_of_the_other_side_does_not_exist(maya, ben):
    relationships.invite(ben, [maya])
    db.session.commit()
    (row,) = Book(maya).read("ben@friends.example").members().rows
    assert row.standing.word == "none"


def test_who_has_gone_since_is_no_longer_here_whatever_the_reason(maya, ben):
    book = Book(maya).read("ben@friends.example")
    relationships.block(ben, maya)
    db.session.commit()
    (row,) = book.members().rows
    assert (row.person, row.has_box, row.name) == (None, False, "Ben Okri")


# What it costs


def charges(owner):
    return list(
        db.session.scalars(
            select(LookupCharge.addresses).where(LookupCharge.member_id == owner.id).order_by(LookupCharge.id)
        )
    )


def test_the_date_is_when_enough_has_grown_old(maya, setting):
    setting(LOOKUPS_MAX=3)
    Book(maya).read("a@x.example")
    clock.move(days=2)
    Book(maya).read("b@x.example", "c@x.example")
    with pytest.raises(TooMany) as refused:
        Book(maya).read("a@x.example", "b@x.example")
    assert refused.value.params["date"] - clock.now() > timedelta(days=9)


def test_a_book_that_can_never_be_compared_is_said_so(maya, setting):
    setting(LOOKUPS_MAX=1)
    with pytest.raises(TooMany) as refused:
        Book(maya).read("a@x.example", "b@x.example")
    assert "at most 1 may be compared in 10 days" in str(refused.value)


def test_a_comparison_is_settled_and_charged_once(maya):
    book = Book(maya).start("a@x.example")
    first, second = book.compare(), book.compare()
    book.settle(first)
    book.settle(second)
    assert charges(maya) == [1]
    assert book.opened.is_ready
    assert contacts.key_of(book.opened) is None


def test_comparing_takes_the_same_statements_for_any_size(maya, statements):
    for number in range(40):
        factories.member(f"Friend {number}", email=f"f{number}@friends.example")
    seen = {}
    for size in (10, 40):
        book = Book(maya).start(
            *[f"f{n}@friends.example" for n in range(size)], *[f"g{n}@out.example" for n in range(size)]
        )
        with statements() as compared:
            result = book.compare()
        with statements() as settled:
            book.settle(result)
        seen[size] = (len(compared), len(settled))
    assert seen[10] == seen[40]


def test_nothing_of_a_compared_book_is_readable(maya, ben):
    book = Book(maya).read("Canary Yellow <canary@cage.example>", "Ben <ben@friends.example>")
    row = db.session.scalars(select(AddressBookImport)).one()
    kept = row.summary + b"".join(db.session.scalars(select(ImportPart.sealed)))
    for word in (b"canary", b"Canary", b"cage.example", b"friends.example", b"Ben"):
        assert word not in kept
    assert row.secret is None
    assert db.session.scalar(select(func.count()).where(ImportPart.kind == "page")) == 0
    assert "canary" in json.dumps(book.everything())


def test_guests_are_in_order_of_name_then_address(maya):
    book = Book(maya).read(
        "Émile <e@x.example>", "zoe <z@x.example>", "Ada <b@x.example>", Card("Ada", ("a@y.example",))
    )
    assert [row.address for row in book.guests().rows] == ["a@y.example", "b@x.example", "e@x.example", "z@x.example"]


def test_an_earlier_invitation_takes_the_box_away_until_its_date(maya):
    lookup = factories.lookup("ada@out.example")
    guests.invite(maya, [guests.Invitee("Ada", "ada@out.example", lookup)], source="Google contacts")
    db.session.commit()
    book = Book(maya).read("Ada <ada@out.example>", "Zoe <zoe@out.example>")
    rows = {row.name: row for row in book.guests().rows}
    assert not rows["Ada"].has_box
    assert rows["Ada"].status is not None
    assert rows["Zoe"].has_box
    assert book.guests().selection.choosable == 1


def test_a_lower_case_search_text_is_folded_the_quick_way():
    assert matching.folded("ADA Lovelace") == "ada lovelace"
    assert matching.folded("Émile Ångström") == "emile angstrom"


def test_who_wants_to_be_asked_by_nobody_stands_among_the_others_and_gets_no_card(maya, ben):
    ben.askable = "nobody"
    db.session.commit()
    book = Book(maya).read("Benny <ben@friends.example>")
    assert names_of(book.members()) == []
    assert [row.address for row in book.guests().rows] == ["ben@friends.example"]
    guests.invite(maya, [guests.Invitee("Benny", "ben@friends.example", factories.lookup("ben@friends.example"))])
    clock.move(seconds=61)
    guests.release(clock.now())
    assert db.session.execute(guests.cards(ben)).all() == []


def test_who_wants_to_be_asked_by_those_near_counts_an_address_that_was_just_read(maya, ben):
    ben.askable = "near"
    db.session.commit()
    assert names_of(Book(maya).read("Benny <ben@friends.example>").members()) == ["Ben Okri"]
    guests.invite(maya, [guests.Invitee("Benny", "ben@friends.example", factories.lookup("ben@friends.example"))])
    clock.move(seconds=61)
    guests.release(clock.now())
    assert len(db.session.execute(guests.cards(ben)).all()) == 1
