"""Reading an address book: sealed page by page, each page once, given up after five tries, forgotten in time."""

from itertools import pairwise

import pytest
from sqlalchemy import func, select, update

from tests import factories
from webapp import clock, sealed
from webapp.domain.contacts import book as books
from webapp.domain.contacts import reading
from webapp.domain.contacts.book import Key, Lost, Ticks
from webapp.extensions import db
from webapp.models.contact import AddressBookImport, ImportPart
from webapp.models.member import Member, SignIn
from webapp.providers.base import Card, Page, ProviderError
from webapp.providers.files import Columns, Table
from webapp.transaction import transaction

CANARY = Card("Canary Yellow", ("canary@cage.example",))


class Reader:
    """A member's browser, as far as reading a book goes."""

    def __init__(self):
        self.member_id = factories.member("Maya van Nes").id
        self.again()

    def again(self):
        """Sign in anew."""
        factories.sign_in(self.viewer)
        self.sign_in_id = db.session.scalars(select(func.max(SignIn.id))).one()

    @property
    def viewer(self):
        return db.session.get_one(Member, self.member_id)

    def start(self):
        with transaction():
            self.key = reading.start(
                self.viewer, self.sign_in_id, "google", token="secret-token", email="m@x.example", source="Google"
            ).key

    def opened(self):
        return books.opened(self.viewer, self.sign_in_id, self.key)

    def claim(self, number=0):
        with transaction():
            return reading.claim(self.viewer, self.sign_in_id, self.key, number)

    def keep(self, taken, *cards, cursor=None, total=None):
        with transaction():
            page = Page([*cards, Card("", why="none")], cursor, total)
            return reading.keep(self.viewer, self.sign_in_id, self.key, taken, page)

    def fail(self, taken, kind, **more):
        with transaction():
            return reading.fail(self.viewer, self.sign_in_id, self.key, taken, ProviderError(kind, **more))

    def progress(self):
        return reading.progress(self.opened())


@pytest.fixture
def maya(context):
    return Reader()


def test_a_book_is_read_page_by_page_and_kept_in_order(maya):
    maya.start()
    first = maya.claim()
    assert (first.token, first.cursor, first.is_read) == ("secret-token", None, False)
    assert maya.keep(first, CANARY, cursor="two", total=4) is False
    second = maya.claim(1)
    assert (second.token, second.cursor) == ("secret-token", "two")
    assert maya.keep(second, Card("B", ("b@x.example",))) is True
    book = maya.opened()
    assert (book.row.read, book.row.total, book.row.step) == (4, 4, 2)
    pages = [Page.load(dumped) for dumped in books.parts(book, "page")]
    assert [page.cards[0].name for page in pages] == ["Canary Yellow", "B"]
    done = maya.claim(2)
    assert done.is_read
    assert done.token == ""


def test_nothing_in_the_database_is_readable_and_neither_is_a_claim(maya):
    maya.start()
    taken = maya.claim()
    maya.keep(taken, CANARY, cursor="next-page-cursor")
    row = db.session.scalars(select(AddressBookImport)).one()
    kept = row.secret + row.summary + b"".join(db.session.scalars(select(ImportPart.sealed)))
    for word in (b"canary", b"Canary", b"secret-token", b"next-page-cursor", b"m@x.example"):
        assert word not in kept
    assert "secret" not in repr(taken)
    assert repr(maya.key) == f"Key({maya.key.import_id})"


def test_the_providers_key_is_gone_with_the_last_page(maya):
    maya.start()
    assert reading.key_of(maya.opened()) == "secret-token"
    maya.keep(maya.claim(), CANARY)
    assert reading.key_of(maya.opened()) is None


def test_two_tabs_never_read_a_page_twice(maya):
    maya.start()
    taken = maya.claim()
    assert maya.claim() is None  # busy
    assert maya.progress().wait == 1
    maya.keep(taken, CANARY, cursor="two")
    assert maya.claim(0) is None  # not the next
    assert maya.keep(taken, CANARY, cursor="two") is False  # kept already
    assert maya.fail(taken, "expired") is False
    assert maya.opened().row.read == 2


def test_a_step_whose_process_died_can_be_taken_again(maya):
    maya.start()
    maya.claim()
    clock.move(seconds=reading.BUSY_SECONDS + 1)
    assert maya.claim() is not None


def test_a_provider_that_asks_to_wait_is_left_alone(maya):
    maya.start()
    assert maya.fail(maya.claim(), "busy", retry_after=17.0) is False
    assert 17 <= maya.progress().wait <= 18
    assert maya.claim() is None
    clock.move(seconds=18)
    assert maya.progress().wait == 0
    assert maya.claim() is not None


def test_five_failed_tries_end_a_reading_until_it_is_tried_again(maya):
    maya.start()
    maya.keep(maya.claim(), CANARY, cursor="two")
    for _ in range(5):
        assert maya.progress().failure == ""
        maya.fail(maya.claim(1), "unavailable")
        clock.move(seconds=80)
    assert maya.progress().failure == "unavailable"
    assert maya.progress().may_go_on
    assert maya.claim(1) is None
    with transaction():
        reading.go_on(maya.opened())
    again = maya.claim(1)
    assert (again.cursor, again.token) == ("two", "secret-token")


@pytest.mark.parametrize("kind", ["expired", "forbidden_scope", "api_disabled", "too_large"])
def test_what_cannot_get_better_throws_the_key_away(maya, kind):
    maya.start()
    assert maya.fail(maya.claim(), kind) is True
    assert not maya.progress().may_go_on
    assert reading.key_of(maya.opened()) is None
    with transaction():
        reading.go_on(maya.opened())
    assert maya.progress().failure == kind


def test_a_broken_answer_keeps_what_was_read_and_the_key(maya):
    maya.start()
    maya.keep(maya.claim(), CANARY, cursor="two")
    assert maya.fail(maya.claim(1), "broken") is False
    assert (maya.progress().failure, maya.progress().read) == ("broken", 2)
    assert reading.key_of(maya.opened()) == "secret-token"


def test_a_book_over_the_limit_is_not_read_on(maya, setting):
    setting(IMPORT_CONTACTS_MAX=3)
    maya.start()
    maya.keep(maya.claim(), CANARY, cursor="two")
    assert maya.keep(maya.claim(1), CANARY, cursor="three") is True
    assert maya.progress().failure == "too_many"
    assert maya.claim(2) is None


def test_pasted_addresses_are_a_book_of_one_page(maya):
    with transaction():
        maya.key = reading.start_whole(maya.viewer, maya.sign_in_id, "paste", Page([CANARY]), source="typed").key
    assert maya.claim(1).is_read
    assert maya.opened().row.door == "paste"


def columns_of(maya):
    return reading.table_of(maya.opened(), whole=True).guess


def test_a_file_without_known_columns_waits_until_they_are_named_once(maya):
    table = Table(["Kto", "Gdzie"], [["Ada", "ada@out.example"]] * 501, Columns((0,)))
    with transaction():
        maya.key = reading.start_table(maya.viewer, maya.sign_in_id, "csv", table, source="typed").key
    assert maya.claim() is None
    assert len(reading.table_of(maya.opened()).rows) == 500
    assert reading.table_of(maya.opened(), whole=True) == table
    with transaction():
        reading.choose_columns(maya.opened(), Columns((0,), (1,)))
    assert columns_of(maya) == Columns((0,), (1,))
    for cards in ([CANARY], [CANARY, CANARY]):
        with transaction():
            reading.name_columns(maya.viewer, maya.sign_in_id, maya.key, Page(cards))
    assert (maya.progress().read, maya.claim(1).is_read) == (1, True)
    with pytest.raises(Lost):
        columns_of(maya)


def test_a_file_of_nothing_but_a_header_is_a_table_without_rows(maya):
    with transaction():
        table = Table(["Kto"], [], Columns())
        maya.key = reading.start_table(maya.viewer, maya.sign_in_id, "csv", table, source="typed").key
    assert reading.table_of(maya.opened()) == table


def test_only_the_browser_that_began_can_go_on(maya):
    maya.start()
    mine, first = maya.sign_in_id, maya.key

    def why(sign_in_id, key):
        with pytest.raises(Lost) as lost:
            books.opened(maya.viewer, sign_in_id, key)
        return lost.value

    assert why(mine, None).ended == first.import_id
    assert why(mine, Key(first.import_id, sealed.new_key())).why == "unreadable"
    maya.again()
    assert why(maya.sign_in_id, first).why == "elsewhere"
    maya.start()
    assert (why(mine, first).why, why(mine, first).ended) == ("elsewhere", None)
    assert maya.key.import_id > first.import_id
    assert db.session.scalar(select(func.count()).select_from(AddressBookImport)) == 1


def test_a_step_that_comes_back_to_another_import_touches_nothing(maya):
    maya.start()
    taken, before = maya.claim(), maya.key
    maya.start()
    maya.key = before
    with pytest.raises(Lost) as lost:
        maya.keep(taken, CANARY)
    assert (lost.value.why, lost.value.ended) == ("elsewhere", None)


def test_a_part_that_was_altered_does_not_open(maya):
    maya.start()
    maya.keep(maya.claim(), CANARY, cursor="two")
    with transaction():
        db.session.execute(update(ImportPart).values(sealed=b"x" * 40))
    with pytest.raises(Lost) as lost:
        books.parts(maya.opened(), "page")
    assert lost.value.why == "unreadable"


def test_an_hour_after_the_last_click_it_is_over(maya):
    maya.start()
    clock.move(minutes=59)
    assert books.is_stale(maya.opened())
    with transaction():
        books.touch(maya.opened())
    assert not books.is_stale(maya.opened())
    clock.move(minutes=59)
    assert maya.opened()
    with transaction():
        assert books.forget_idle(clock.now()) == 0
    clock.move(minutes=1)
    with pytest.raises(Lost) as lost:
        maya.opened()
    assert lost.value.why == "over"
    with transaction():
        assert books.forget_idle(clock.now()) == 1


def test_after_four_hours_it_is_over_whatever_was_clicked(maya):
    maya.start()
    for _ in range(8):
        with transaction():
            books.touch(maya.opened())
        clock.move(minutes=30)
    with pytest.raises(Lost):
        maya.opened()
    with transaction():
        assert books.forget_idle(clock.now()) == 1


@pytest.mark.parametrize("how", ["member", "import", "sign-in"])
def test_forgetting_leaves_nothing(maya, how):
    maya.start()
    maya.keep(maya.claim(), CANARY, cursor="two")
    with transaction():
        done = {
            "member": lambda: books.forget(maya.viewer, "button"),
            "import": lambda: books.forget_lost(books.Lost("over", maya.key.import_id)),
            "sign-in": lambda: books.end_for_sign_in(maya.sign_in_id),
        }[how]()
        assert done
    for table in (AddressBookImport, ImportPart):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0
    with transaction():
        assert not books.forget(maya.viewer, "button")
    with pytest.raises(Lost) as lost:
        maya.opened()
    assert lost.value.why == "none"


def test_ticks_are_a_set_of_positions():
    ticks = Ticks(20)
    for at in (0, 7, 8, 19, 20, -1):
        ticks.put(at, on=True)
    assert ticks.positions() == [0, 7, 8, 19]
    ticks.put(7, on=False)
    assert (len(ticks), 8 in ticks, 7 in ticks, 99 in ticks) == (3, True, False, False)
    again = Ticks(20, ticks.dump())
    assert again.positions() == [0, 8, 19]
    assert Ticks.full(20).without(again).positions() == [at for at in range(20) if at not in (0, 8, 19)]
    for size in (0, 1, 8, 9, 50):
        assert len(Ticks.full(size)) == size
    assert all(one < other for one, other in pairwise(Ticks.of(20, [3, 1, 2]).positions()))
