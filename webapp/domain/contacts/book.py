"""An import as it lies in the database: sealed parts under a key that only the browser has, and two sets of ticks."""

import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Self

from sqlalchemy import delete, insert, select

from webapp import clock, sealed
from webapp.config import setting
from webapp.domain import accounts, ledger
from webapp.extensions import db
from webapp.models.contact import AddressBookImport, ImportPart
from webapp.models.member import Member, SignIn

GROUP = 50
"""A sealed part of a list, and a page of it on the screen."""
ROWS = 500
"""A sealed part of what became of each row, and of a file whose columns have no name yet: read whole, or from its beginning."""
HOURS_IN_ALL = 4
TOUCH_SECONDS = 30
"""A last click is noted when it is that much later than the one noted before; it never makes an import live longer."""

List = Literal["member", "guest"]
Kind = Literal["page", "table", "member", "guest", "other", "row"]
Why = Literal["none", "elsewhere", "over", "unreadable"]
How = Literal[
    "finished", "button", "sign_out", "late", "anew", "empty", "refused", "unreadable", "leaving", "suspended"
]
"""What ended an import: each is a line of the contacts ledger."""


class Lost(Exception):
    """There is no import to go on with. `why` says what happened; `ended` is the id of one that has to be deleted now."""

    def __init__(self, why: Why, ended: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.ended = ended


class Key(NamedTuple):
    """What the browser holds: which import it is for, and the key to it."""

    import_id: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.import_id})"  # a key has no place in a traceback


@dataclass
class View:
    """What a screen's list shows: which page, what it was searched for, how it is sorted."""

    page: int = 1
    search: str = ""
    sort: str = "name"


@dataclass
class Draft:
    """The mail as it was last shown to the member, and for whom."""

    note: str = ""
    reply_to: bool = False
    at: int | None = None


@dataclass
class Summary:
    """What is known of the whole book; sealed like everything else of it."""

    email: str = ""
    source: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    not_people: int = 0
    fixed: dict[str, str] = field(default_factory=dict)
    """For each list the positions without a box, as base64 of a bit a position."""
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    draft: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    """Of a file whose columns the member has to name: its header, and what is chosen so far. Empty before and after."""

    def view(self, which: List) -> View:
        """Return what the list's screen shows."""
        return View(**self.views.get(which, {}))

    def show(self, which: List, view: View) -> None:
        """Note what the list's screen shows."""
        self.views[which] = asdict(view)

    def fixed_positions(self, which: List) -> bytes:
        """Return the positions of a list that have no box."""
        return b64decode(self.fixed.get(which, ""))


@dataclass
class Book:
    """An import that was opened with its key."""

    row: AddressBookImport
    secret: bytes
    summary: Summary

    @property
    def key(self) -> Key:
        """What the browser has to hold."""
        return Key(self.row.id, self.secret)

    @property
    def wants_columns(self) -> bool:
        """Whether the member has to say which column of their file holds what."""
        return bool(self.summary.columns)

    @property
    def is_ready(self) -> bool:
        """Whether the book was read to its end and compared."""
        return self.row.state == "ready"


# Finding, keeping alive, forgetting


def begin(viewer: Member, sign_in_id: int, door: str, summary: Summary) -> Book:
    """Return a new, empty import of this sign-in under a fresh key. An earlier one of the member, wherever it was begun, is forgotten."""
    forget(viewer, "anew")
    now = clock.now()
    row = AddressBookImport(member_id=viewer.id, sign_in_id=sign_in_id, door=door, started_at=now, clicked_at=now)
    db.session.add(row)
    db.session.flush()
    book = Book(row, sealed.new_key(), summary)
    keep_summary(book)
    return book


def opened(viewer: Member, sign_in_id: int, key: Key | None, *, lock: bool = False) -> Book:
    """Return the member's import, opened. Raises Lost where there is none for this browser."""
    found = select(AddressBookImport).where(AddressBookImport.member_id == viewer.id)
    row = db.session.scalar(found.with_for_update().execution_options(populate_existing=True) if lock else found)
    if row is None:
        raise Lost("none")
    if is_over(row, clock.now()):
        raise Lost("over", row.id)
    if row.sign_in_id != sign_in_id or (key is not None and key.import_id != row.id):
        raise Lost("elsewhere")
    secret = key.secret if key else b""
    try:
        plain = sealed.unseal(secret, row.summary or b"", _place(row.id, "summary", 0))
    except sealed.Unreadable:
        raise Lost("unreadable", row.id) from None
    return Book(row, secret, Summary(**json.loads(plain)))


def ends_at(row: Any) -> datetime:
    """Return when an import's time has come: so long after the last click, or four hours in all."""
    clicked: datetime = row.clicked_at + timedelta(minutes=setting("IMPORT_MINUTES"))
    started: datetime = row.started_at + timedelta(hours=HOURS_IN_ALL)
    return min(clicked, started)


def is_over(row: Any, now: datetime) -> bool:
    """Whether an import's time has come."""
    return now >= ends_at(row)


def is_stale(book: Book) -> bool:
    """Whether the last click is to be noted."""
    return clock.now() - book.row.clicked_at >= timedelta(seconds=TOUCH_SECONDS)


def touch(book: Book) -> None:
    """Note a click."""
    book.row.clicked_at = clock.now()


def forget(member: Member, how: How) -> bool:
    """Delete a member's import with everything that was read; whether there was one."""
    return bool(_delete(AddressBookImport.member_id == member.id, how))


def forget_lost(lost: Lost) -> bool:
    """Delete an import that cannot be opened any more, unless it was replaced by another meanwhile."""
    return bool(_delete(AddressBookImport.id == lost.ended, "late" if lost.why == "over" else "unreadable"))


def end_for_sign_in(sign_in_id: int) -> bool:
    """Delete the import that belongs to a sign-in which ends."""
    return bool(_delete(AddressBookImport.sign_in_id == sign_in_id, "sign_out"))


def _end_with_sign_ins(ending: Any) -> None:
    """Delete the imports of sign-ins that are about to be ended elsewhere, by a new password, or by themselves."""
    _delete(AddressBookImport.sign_in_id.in_(select(SignIn.id).where(ending)), "sign_out")


accounts.before_sign_ins_end(_end_with_sign_ins)


def forget_idle(now: datetime) -> int:
    """Delete the imports whose time has come; return how many."""
    idle = AddressBookImport.clicked_at <= now - timedelta(minutes=setting("IMPORT_MINUTES"))
    old = AddressBookImport.started_at <= now - timedelta(hours=HOURS_IN_ALL)
    return _delete(idle | old, "late")


def _delete(condition: Any, how: How) -> int:
    """Delete imports and say so in their members' ledgers; return how many."""
    row = AddressBookImport
    # The parts go with their import (ON DELETE CASCADE); SQLite overwrites them (secure_delete).
    gone = delete(row).where(condition).returning(row.member_id, row.door, row.read, row.state)
    rows = db.session.execute(gone.execution_options(synchronize_session="fetch")).all()
    ledger.add_all(
        ledger.Entry(
            each.member_id,
            "forgotten",
            {"how": how, "door": each.door, "read": each.read, "compared": each.state == "ready"},
        )
        for each in rows
    )
    return len(rows)


class Held(NamedTuple):
    """What lies here of a member's address book, as far as it can be told without the browser's key."""

    door: str
    read: int
    is_ready: bool
    ends_at: datetime


def held(viewer: Member) -> Held | None:
    """Return what lies here of the viewer's address book, wherever it was begun; None where there is nothing, or its time has come."""
    row = db.session.execute(
        select(
            AddressBookImport.door,
            AddressBookImport.read,
            AddressBookImport.state,
            AddressBookImport.clicked_at,
            AddressBookImport.started_at,
        ).where(AddressBookImport.member_id == viewer.id)
    ).one_or_none()
    if row is None or is_over(row, clock.now()):
        return None
    return Held(row.door, row.read, row.state == "ready", ends_at(row))


def key_to_revoke(viewer: Member, sign_in_id: int, key: Key | None) -> tuple[str, str] | None:
    """Return the door and the provider's key of an import that is about to be forgotten; None without one that can be opened."""
    try:
        book = opened(viewer, sign_in_id, key)
    except Lost:  # what cannot be opened is deleted all the same
        return None
    token = secret_of(book).get("token")
    return (book.row.door, token) if isinstance(token, str) and token else None


# Sealed parts


def _place(import_id: int, kind: str, number: int) -> str:
    return f"import {import_id} {kind} {number}"


def keep_summary(book: Book) -> None:
    """Seal the summary as it is now."""
    plain = json.dumps(asdict(book.summary)).encode()
    book.row.summary = sealed.seal(book.secret, plain, _place(book.row.id, "summary", 0))


def keep_secret(book: Book, secret: dict[str, Any]) -> None:
    """Seal what reading on needs."""
    book.row.secret = sealed.seal(book.secret, json.dumps(secret).encode(), _place(book.row.id, "secret", 0))


def secret_of(book: Book) -> dict[str, Any]:
    """Return what reading on needs; nothing where the book was read to its end."""
    if book.row.secret is None:
        return {}
    found: dict[str, Any] = json.loads(sealed.unseal(book.secret, book.row.secret, _place(book.row.id, "secret", 0)))
    return found


def sealed_part(book: Book, kind: Kind, number: int, value: Any) -> dict[str, Any]:
    """Return the row of one part."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    box = sealed.seal(book.secret, plain, _place(book.row.id, kind, number))
    return {"import_id": book.row.id, "kind": kind, "number": number, "sealed": box}


def sealed_list(book: Book, kind: Kind, entries: Sequence[Any], size: int = GROUP) -> list[dict[str, Any]]:
    """Return the rows of a list: groups of 50, or another size, in its order."""
    starts = range(0, len(entries), size)
    return [sealed_part(book, kind, start // size, entries[start : start + size]) for start in starts]


def add_parts(rows: Sequence[dict[str, Any]]) -> None:
    """Put parts into the database, in one statement."""
    if rows:
        db.session.execute(insert(ImportPart), list(rows))


def drop_parts(book: Book, kind: Kind) -> None:
    """Delete the parts of a kind: pages as they were read once their lists are made, a table once its columns have names."""
    db.session.execute(delete(ImportPart).where(ImportPart.import_id == book.row.id, ImportPart.kind == kind))


def parts(book: Book, kind: Kind, numbers: Collection[int] | None = None) -> list[Any]:
    """Return the parts of a kind in their order, opened: all of them, or those with the given numbers. One statement."""
    wanted = select(ImportPart.number, ImportPart.sealed).where(
        ImportPart.import_id == book.row.id, ImportPart.kind == kind
    )
    if numbers is not None:
        wanted = wanted.where(ImportPart.number.in_(sorted(numbers)))
    rows = db.session.execute(wanted.order_by(ImportPart.number)).all()
    try:
        return [
            json.loads(sealed.unseal(book.secret, row.sealed, _place(book.row.id, kind, row.number))) for row in rows
        ]
    except sealed.Unreadable:
        raise Lost("unreadable", book.row.id) from None


# Ticks: a bit a position


class Ticks:
    """A set of positions in a list, a bit each."""

    def __init__(self, size: int, bits: bytes = b"") -> None:
        self.size = size
        self._bits = bytearray(bits.ljust((size + 7) // 8, b"\0"))

    def __contains__(self, at: int) -> bool:
        return 0 <= at < self.size and bool(self._bits[at >> 3] >> (at & 7) & 1)

    def __len__(self) -> int:
        return int.from_bytes(self._bits).bit_count()

    def put(self, at: int, *, on: bool) -> None:
        """Tick one position, or not; one outside the list is passed over."""
        if 0 <= at < self.size:
            mask = 1 << (at & 7)
            self._bits[at >> 3] = self._bits[at >> 3] | mask if on else self._bits[at >> 3] & ~mask

    def positions(self) -> list[int]:
        """Return the ticked positions in their order."""
        return [at for at in range(self.size) if at in self]

    def without(self, other: "Ticks") -> "Ticks":
        """Return the positions that are ticked here and not there."""
        both = bytes(mine & ~theirs & 0xFF for mine, theirs in zip(self._bits, other.dump(), strict=True))
        return Ticks(self.size, both)

    def dump(self) -> bytes:
        """Return the set as the database keeps it."""
        return bytes(self._bits)

    def text(self) -> str:
        """Return the set as JSON can hold it."""
        return b64encode(self._bits).decode()

    @classmethod
    def of(cls, size: int, positions: Iterable[int]) -> Self:
        """Return the set of the given positions."""
        made = cls(size)
        for at in positions:
            made.put(at, on=True)
        return made

    @classmethod
    def full(cls, size: int) -> Self:
        """Return the set of all positions."""
        return cls(size, ((1 << size) - 1).to_bytes((size + 7) // 8, "little"))
