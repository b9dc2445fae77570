"""Choosing: ticks survive everything, pages hold fifty, a search finds, and the numbers are the server's."""

import time

import pytest

from tests import factories
from tests.contacts import Book
from webapp.domain import contacts, profiles
from webapp.domain.contacts.choosing import draft_of
from webapp.extensions import db
from webapp.providers.base import Card


@pytest.fixture
def maya(context):
    return factories.member("Maya van Nes", email="maya@home.example")


@pytest.fixture
def guests_120(maya):
    return Book(maya).read(*[Card(f"Guest {n:03}", (f"g{n:03}@out.example",)) for n in range(120)])


def ticked(book, which="guest"):
    return contacts.selection(book.opened, which).chosen


def test_a_page_holds_fifty(guests_120):
    shown = guests_120.guests()
    assert (len(shown.rows), shown.pages, shown.found) == (50, 3, 120)
    guests_120.change(lambda book: contacts.look(book, "guest", page=3))
    shown = guests_120.guests()
    assert [row.at for row in shown.rows] == list(range(100, 120))
    guests_120.change(lambda book: contacts.look(book, "guest", page=99))
    assert guests_120.guests().view.page == 3
    guests_120.change(lambda book: contacts.look(book, "guest", page=-1))
    assert guests_120.guests().view.page == 1


def test_select_all_means_all_of_them(guests_120):
    guests_120.change(lambda book: contacts.tick_all(book, "guest", on=True))
    assert ticked(guests_120) == 120
    assert guests_120.guests().selection.state == "all"
    guests_120.change(lambda book: contacts.tick(book, "guest", 7, on=False))
    assert guests_120.guests().selection.state == "some"
    guests_120.change(lambda book: contacts.tick_all(book, "guest", on=False))
    assert guests_120.guests().selection.state == "none"


def test_the_wanted_state_counts_however_often_it_is_sent(guests_120):
    for _ in range(2):
        guests_120.change(lambda book: contacts.tick(book, "guest", 3, on=True))
    assert ticked(guests_120) == 1
    for at in (-1, 120, 10**9):
        guests_120.change(lambda book, at=at: contacts.tick(book, "guest", at, on=True))
    assert ticked(guests_120) == 1


def test_a_page_that_is_sent_changes_only_what_it_shows(guests_120):
    guests_120.change(lambda book: contacts.tick(book, "guest", 99, on=True))
    guests_120.change(lambda book: contacts.tick_shown(book, "guest", [0, 1, 2], {1, 50}))
    chosen = [each.address for each in contacts.chosen_guests(guests_120.opened)]
    assert chosen == ["g001@out.example", "g099@out.example"]


def test_a_search_finds_by_every_word_in_name_and_address(maya):
    book = Book(maya).read("Émile Zola <ez@paris.example>", "Ada <ada@out.example>", "Zoe <zoe@paris.example>")

    def found(text):
        book.change(lambda opened: contacts.look(opened, "guest", search=text))
        return [row.name for row in book.guests().rows]

    assert found("emile") == ["Émile Zola"]
    assert found("paris zo") == ["Émile Zola", "Zoe"]
    assert found("nobody") == []
    assert book.guests().found == 0
    assert found(" ") == ["Ada", "Émile Zola", "Zoe"]
    book.change(lambda opened: contacts.look(opened, "guest", sort="address"))
    assert [row.address for row in book.guests().rows] == ["ada@out.example", "ez@paris.example", "zoe@paris.example"]
    book.change(lambda opened: contacts.look(opened, "guest", sort="shoe size"))
    assert book.guests().view.sort == "address"


def test_members_are_found_by_the_name_in_the_book_and_by_their_organisation(maya):
    factories.member("Benjamin Okri", email="ben@f.example", organisation="Harbour Institute")
    factories.member("Chen Wei", email="chen@f.example")
    book = Book(maya).read("Benny <ben@f.example>", "Chen <chen@f.example>")
    for text in ("benny", "benjamin", "harbour"):
        book.change(lambda opened, text=text: contacts.look(opened, "member", search=text))
        assert [row.name for row in book.members().rows] == ["Benjamin Okri"]


def test_an_organisation_that_was_hidden_after_the_reading_finds_nobody(maya):
    ben = factories.member("Benjamin Okri", email="ben@f.example")
    profiles.edit(ben, organisation="Harbour Institute")
    db.session.commit()
    book = Book(maya).read("Benny <ben@f.example>")
    for audience, found in (("connections", []), ("me", []), ("members", ["Benjamin Okri"])):
        profiles.edit(ben, {"organisation": audience})
        db.session.commit()
        book.change(lambda opened: contacts.look(opened, "member", search="harbour"))
        assert [row.name for row in book.members().rows] == found


def near(maya, *numbers):
    """Members who share so many connections with Maya."""
    between = [factories.member(f"Between {n}") for n in range(max(numbers))]
    for each in between:
        factories.connect(maya, each)
    made = []
    for number in numbers:
        other = factories.member(f"Shares {number}", email=f"shares{number}@f.example")
        for each in between[:number]:
            factories.connect(other, each)
        made.append(other)
    return made


def test_members_are_sorted_by_mutual_connections_on_request(maya):
    near(maya, 0, 2, 1)
    book = Book(maya).read(*[f"shares{n}@f.example" for n in range(3)])
    assert [row.mutual for row in book.members().rows] == [0, 1, 2]
    book.change(lambda opened: contacts.look(opened, "member", sort="mutual"))
    assert [(row.name, row.mutual) for row in book.members().rows] == [
        ("Shares 2", 2),
        ("Shares 1", 1),
        ("Shares 0", 0),
    ]


def test_one_press_keeps_those_with_the_most_mutual_connections(maya):
    people = near(maya, 0, 2, 1)
    book = Book(maya).read(*[f"shares{n}@f.example" for n in range(3)])
    book.change(lambda opened: contacts.keep_closest(book.owner, opened, 2))
    assert set(contacts.chosen_members(book.opened)) == {people[1].id, people[2].id}


def test_the_mail_is_shown_for_the_one_asked_for_else_the_first_ticked_else_the_first(guests_120):
    opened = guests_120.opened
    assert contacts.recipient(opened, None)[0] == 0
    assert contacts.recipient(opened, 60)[1].address == "g060@out.example"
    assert contacts.recipient(opened, 500)[0] == 0
    guests_120.change(lambda book: contacts.tick(book, "guest", 30, on=True))
    assert contacts.recipient(guests_120.opened, None)[0] == 30


def test_there_is_no_mail_to_show_where_nobody_can_be_invited(maya):
    book = Book(maya).read(Card("Ω", ("ωmega@out.example",)))
    assert contacts.recipient(book.opened, None) is None


def test_what_is_sent_is_what_was_shown(guests_120):
    assert contacts.was_shown(guests_120.opened, "", reply_to=False)
    assert not contacts.was_shown(guests_120.opened, "Hello", reply_to=False)
    guests_120.change(lambda book: contacts.keep_draft(book, " Hello ", reply_to=True, at=4))
    opened = guests_120.opened
    assert contacts.was_shown(opened, "Hello", reply_to=True)
    assert not contacts.was_shown(opened, "Hello", reply_to=False)
    assert (draft_of(opened).note, draft_of(opened).at) == ("Hello", 4)


def test_an_empty_list_is_an_empty_page(maya):
    book = Book(maya).read("ada@out.example")
    shown = book.members()
    assert (list(shown.rows), shown.pages, shown.found, shown.selection.state) == ([], 1, 0, "none")
    assert contacts.chosen_members(book.opened) == []


def test_pages_of_ten_and_of_twenty_take_the_same_statements(maya, statements):
    for number in range(20):
        factories.member(f"Friend {number}", email=f"f{number}@friends.example")
    seen = {}
    for size in (10, 20):
        lines = [f"f{n}@friends.example" for n in range(size)] + [f"g{n}@out.example" for n in range(size)]
        book = Book(maya).read(*lines)
        opened, owner = book.opened, book.owner
        with statements() as members:
            assert len(contacts.members_shown(owner, opened).rows) == size
        with statements() as others:
            assert len(contacts.guests_shown(owner, opened).rows) == size
        with statements() as sending:
            assert len(contacts.chosen_members(opened)) == size
        seen[size] = [len(each) for each in (members, others, sending)]
    assert seen[10] == seen[20]


def test_the_largest_book_is_quick_and_its_pages_cost_what_small_ones_cost(maya, statements):
    cards = [Card(f"Person {n:05}", (f"person{n}@out.example",)) for n in range(25_000)]
    book = Book(maya)
    book.pull(cards)
    began = time.perf_counter()
    book.settle(book.compare())
    compared = time.perf_counter() - began
    owner, opened = book.owner, book.opened
    with statements() as seen:
        began = time.perf_counter()
        assert len(contacts.guests_shown(owner, opened).rows) == 50
        shown = time.perf_counter() - began
    assert len(seen) <= 3
    began = time.perf_counter()
    contacts.look(opened, "guest", search="person2499")
    assert contacts.guests_shown(owner, opened).found == 11
    searched = time.perf_counter() - began
    db.session.rollback()
    # Generous: these guard against another order of growth, on a machine that does other things, too.
    assert (compared < 8, shown < 0.5, searched < 2) == (True, True, True), (compared, shown, searched)
