"""Reading an address book: the browser asks for one page after another; nothing is compared before the last one.

Nobody holds a transaction open while the provider is asked. A step is claimed (a short transaction), read (none), and kept (another).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from webapp import clock
from webapp.config import setting
from webapp.domain.contacts import book as books
from webapp.domain.contacts.book import Book, Key, Lost, Summary
from webapp.models.member import Member
from webapp.providers import base
from webapp.providers.base import Page, ProviderError
from webapp.providers.files import Columns, Table

BUSY_SECONDS = 40
"""A page takes 30 seconds at most; after this a step whose process died can be taken by another."""
PASTE = "paste"
GO_ON = frozenset({"busy", "unavailable", "broken"})
"""What may be different a while later with the same key; after anything else the key is thrown away."""


@dataclass(frozen=True)
class Claim:
    """The right to read one page. A claim on a book that was read already (`is_read`) only compares it."""

    import_id: int
    number: int
    door: str
    token: str
    cursor: str | None
    others: bool
    is_read: bool

    def __repr__(self) -> str:
        return f"Claim({self.import_id}, {self.number}, {self.door})"  # a key has no place in a traceback


@dataclass(frozen=True)
class Progress:
    """How far a reading is."""

    page: int
    read: int
    total: int | None
    wait: int
    failure: str
    may_go_on: bool


def start(
    viewer: Member, sign_in_id: int, door: str, *, token: str, email: str, source: str, others: bool = False
) -> Book:
    """Begin to read an address book with the provider's key to it. The member's earlier import is forgotten."""
    book = books.begin(viewer, sign_in_id, door, Summary(email=email, source=source))
    books.keep_secret(book, {"token": token, "cursor": None, "others": others, "is_read": False})
    return book


def start_whole(viewer: Member, sign_in_id: int, door: str, page: Page, *, source: str) -> Book:
    """Begin with a book of one page that is here already, and so read."""
    book = books.begin(viewer, sign_in_id, door, Summary(source=source))
    _keep(book, page)
    return book


def start_table(viewer: Member, sign_in_id: int, door: str, table: Table, *, source: str) -> Book:
    """Begin with a file whose columns the member has to name first."""
    book = books.begin(viewer, sign_in_id, door, Summary(source=source))
    _choose(book, table.header, table.guess)
    books.keep_secret(book, {"is_read": False})
    books.add_parts(books.sealed_list(book, "table", table.rows, size=books.ROWS))
    return book


def table_of(book: Book, *, whole: bool = False) -> Table:
    """Return the file with what is chosen for its columns so far: all of it, or its first rows. Lost for a book that wants no columns."""
    if not book.wants_columns:
        raise Lost("none")
    chosen = book.summary.columns
    parts = books.parts(book, "table", None if whole else [0])
    columns = Columns(tuple(chosen["names"]), tuple(chosen["addresses"]))
    return Table(chosen["header"], [row for part in parts for row in part], columns)


def choose_columns(book: Book, columns: Columns) -> None:
    """Keep what the member chose for the columns of their file, to show what it gives."""
    _choose(book, book.summary.columns["header"], columns)
    books.touch(book)


def _choose(book: Book, header: Sequence[str], columns: Columns) -> None:
    book.summary.columns = {"header": list(header), "names": columns.names, "addresses": columns.addresses}
    books.keep_summary(book)


def name_columns(viewer: Member, sign_in_id: int, key: Key | None, page: Page) -> None:
    """Take what the columns gave as the book, in place of the file. Once: a book that was read stays as it is. Raises Lost."""
    book = books.opened(viewer, sign_in_id, key, lock=True)
    if book.wants_columns:
        book.summary.columns = {}
        books.keep_summary(book)
        books.drop_parts(book, "table")
        _keep(book, page)
        books.touch(book)


def claim(viewer: Member, sign_in_id: int, key: Key | None, wanted: int) -> Claim | None:
    """Take the step that reads page `wanted`; None where it was taken, is not the next, or has to wait. Raises Lost."""
    book = books.opened(viewer, sign_in_id, key, lock=True)
    row, now = book.row, clock.now()
    if book.is_ready or book.wants_columns or row.failure or row.step != wanted:
        return None
    if any(until is not None and until > now for until in (row.busy_until, row.wait_until)):
        return None
    books.touch(book)
    row.busy_until = now + timedelta(seconds=BUSY_SECONDS)
    secret = books.secret_of(book)
    return Claim(
        row.id,
        row.step,
        row.door,
        secret.get("token", ""),
        secret.get("cursor"),
        secret.get("others", False),
        secret["is_read"],
    )


def keep(viewer: Member, sign_in_id: int, key: Key | None, taken: Claim, page: Page) -> bool:
    """Keep a page that was read; one that was kept meanwhile is dropped. Whether the provider's key was thrown away. Raises Lost."""
    book = books.opened(viewer, sign_in_id, key, lock=True)
    if book.row.step != taken.number:
        return False
    books.touch(book)
    _keep(book, page, taken)
    return key_of(book) is None


def _keep(book: Book, page: Page, taken: Claim | None = None) -> None:
    row = book.row
    books.add_parts([books.sealed_part(book, "page", row.step or 0, page.dump())])
    row.step = (row.step or 0) + 1
    row.read = (row.read or 0) + page.read
    row.total = row.total if page.total is None else page.total
    row.tries = 0
    row.busy_until = row.wait_until = None
    if row.read > setting("IMPORT_CONTACTS_MAX"):
        row.failure = "too_many"
    if page.cursor is None or row.failure or taken is None:
        books.keep_secret(book, {"is_read": not row.failure})  # the provider's key is gone from here on
    else:
        books.keep_secret(book, {"token": taken.token, "cursor": page.cursor, "others": taken.others, "is_read": False})


def fail(viewer: Member, sign_in_id: int, key: Key | None, taken: Claim, error: ProviderError) -> bool:
    """Note that a page could not be read: it is asked for again after a while, five times in all. Whether the key was thrown away."""
    book = books.opened(viewer, sign_in_id, key, lock=True)
    row = book.row
    if row.step != taken.number:
        return False
    books.touch(book)
    row.busy_until = None
    row.tries += 1
    if error.retryable and row.tries < base.TRIES:
        row.wait_until = clock.now() + timedelta(seconds=base.wait(row.tries, error.retry_after))
        return False
    row.failure = error.kind
    if error.kind in GO_ON:
        return False
    books.keep_secret(book, {"is_read": False})
    return True


def go_on(book: Book) -> None:
    """Try the page that failed again, with its tries counted anew."""
    if book.row.failure in GO_ON:
        book.row.failure = ""
        book.row.tries = 0
        book.row.wait_until = None
    books.touch(book)


def progress(book: Book) -> Progress:
    """Return how far the reading is, and in how many seconds the next step can be taken."""
    row, now = book.row, clock.now()
    waits = [(until - now).total_seconds() for until in (row.wait_until,) if until is not None]
    wait = max([0, *(int(seconds) + 1 for seconds in waits if seconds > 0)])
    if not wait and row.busy_until is not None and row.busy_until > now:
        wait = 1
    return Progress(row.step, row.read, row.total, wait, row.failure, row.failure in GO_ON)


def key_of(book: Book) -> str | None:
    """Return the provider's key, as long as the reading has one; to have it revoked."""
    token = books.secret_of(book).get("token")
    return token if isinstance(token, str) else None
