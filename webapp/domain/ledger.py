"""The contacts ledger: what was read of a member's address books, what was sent because of it, and what was forgotten, a line each.

A line holds numbers and dates. No name and no address of a contact is ever in one, and nothing that its member may not know: who hides
counts among those who are not here, and an invitation that leads to no mail leaves like any other.

Whatever adds a line does so in the transaction of what it tells, as the last thing that locks anything: the ledger's own row is locked
after the rows of what happened, so two transactions never wait for each other in a circle.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp import chain, clock
from webapp.chain import Plain
from webapp.extensions import db
from webapp.models.base import from_ms, to_ms
from webapp.models.batch import is_sqlite, values_of
from webapp.models.ledger import ContactsLedger, ContactsLedgerLine
from webapp.models.member import Member

AT_ONCE = 500
"""How many lines are read at once by who reads all of them."""

_waiting: ContextVar[list["Entry"] | None] = ContextVar("waiting", default=None)
_HEAD: Any = ContactsLedger.__table__
_LINE: Any = ContactsLedgerLine.__table__


class Entry(NamedTuple):
    """What is to be told to whom."""

    member_id: int
    what: str
    facts: Mapping[str, Plain]


@dataclass(frozen=True)
class Line:
    """A line as its member sees it."""

    number: int
    at: datetime
    what: str
    facts: Mapping[str, Plain]
    digest: str

    def plain(self) -> dict[str, Plain]:
        """Return what the digest is made of."""
        return {**self.facts, "number": self.number, "at": chain.moment(self.at), "what": self.what}


def add(member_id: int, what: str, **facts: Plain) -> None:
    """Add a line to a member's ledger."""
    add_all([Entry(member_id, what, facts)])


@contextmanager
def together() -> Iterator[None]:
    """Add the lines of this block at its end, where it locks rows after what is to be told."""
    kept: list[Entry] = []
    token = _waiting.set(kept)
    try:
        yield
    finally:
        _waiting.reset(token)
    add_all(kept)


def add_all(entries: Iterable[Entry]) -> None:
    """Add lines to the ledgers of members, in the order given. Three statements, however many; a member who is gone has no ledger."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting.extend(entries)
        return
    told: dict[int, list[Entry]] = {}
    for entry in entries:
        told.setdefault(entry.member_id, []).append(entry)
    if not told:
        return
    at = from_ms(to_ms(clock.now()))  # as the database will give it back
    lines: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    for member_id, number, before in _locked(sorted(told)):
        digest = before
        for each, entry in enumerate(told[member_id], number + 1):
            line = Line(each, at, entry.what, entry.facts, "")
            digest = chain.digest(digest, line.plain())
            lines.append(
                {
                    "member_id": member_id,
                    "number": each,
                    "at": at,
                    "what": entry.what,
                    "facts": dict(entry.facts),
                    "digest": digest,
                }
            )
        heads.append({"of": member_id, "to": number + len(told[member_id]), "ends": digest})
    if lines:
        connection = db.session.connection()
        connection.execute(insert(_LINE), lines)
        ends = update(_HEAD).where(_HEAD.c.member_id == bindparam("of"))
        connection.execute(ends.values(lines=bindparam("to"), digest=bindparam("ends")), heads)


def sent(member_id: int, who: str, invited: int, queued: Mapping[date, int], **more: Plain) -> None:
    """Add the line of a press of a sending button: how many leave now, how many later and until when."""
    until = max(queued).isoformat() if queued else None
    add(member_id, "sent", who=who, invited=invited, queued=sum(queued.values()), until=until, **more)


def _locked(ids: Sequence[int]) -> list[tuple[int, int, str]]:
    """Lock the ends of these ledgers, in the order of their members, making those that are missing; return them."""
    given = values_of(list(ids))
    members = (
        select(Member.id, literal(0), literal(chain.FIRST))
        .join(given, given.c.value == Member.id)
        .where(Member.id > 0)  # SQLite reads ON CONFLICT after a SELECT only behind a WHERE
        .order_by(Member.id)
    )
    making = (sqlite.insert if is_sqlite() else postgresql.insert)(_HEAD)
    locking = making.from_select(["member_id", "lines", "digest"], members).on_conflict_do_update(
        index_elements=[_HEAD.c.member_id], set_={"lines": _HEAD.c.lines}
    )
    rows = db.session.execute(locking.returning(_HEAD.c.member_id, _HEAD.c.lines, _HEAD.c.digest))
    return [(row.member_id, row.lines, row.digest) for row in rows]


def of(viewer: Member) -> Any:
    """Return a member's ledger, the latest line first."""
    return select(_LINE).where(_LINE.c.member_id == viewer.id).order_by(_LINE.c.number.desc())


def before(found: Any, number: int) -> Any:
    """Return what stands before one line of such a ledger."""
    return found.where(_LINE.c.number < number)


def end_of(viewer: Member) -> tuple[int, str]:
    """Return how many lines a member's ledger has, and the digest of the last."""
    row = db.session.execute(select(_HEAD.c.lines, _HEAD.c.digest).where(_HEAD.c.member_id == viewer.id)).one_or_none()
    return (0, chain.FIRST) if row is None else (row.lines, row.digest)


def lines_of(viewer: Member) -> Iterator[list[Line]]:
    """Return a member's whole ledger from its first line on, so many lines at a time, each batch by a statement of its own."""
    after = 0
    while True:
        found = select(_LINE).where(_LINE.c.member_id == viewer.id, _LINE.c.number > after)
        rows = db.session.execute(found.order_by(_LINE.c.number).limit(AT_ONCE)).all()
        if rows:
            yield [line(row) for row in rows]
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].number


def line(row: Any) -> Line:
    """Return a row as its member sees it."""
    return Line(row.number, row.at, row.what, row.facts, row.digest)


def problems() -> list[str]:
    """Return what is wrong with any ledger, a sentence each. Of who is leaving, half may be gone already."""
    stays = select(Member.id).where(Member.deleted_at.is_(None))
    ends = {
        row.member_id: (row.lines, row.digest)
        for row in db.session.execute(select(_HEAD).where(_HEAD.c.member_id.in_(stays)))
    }
    found = select(_LINE).where(_LINE.c.member_id.in_(stays)).order_by(_LINE.c.member_id, _LINE.c.number)
    rows = db.session.execute(found.execution_options(yield_per=10_000))  # there may be many
    sentences = []
    for member_id, group in groupby(rows, key=lambda row: row.member_id):
        last: list[Line] = []
        at = chain.broken(_said(map(line, group), last))
        if at is not None:
            sentences.append(f"the contacts ledger of member {member_id} is not as it was written, from line {at} on.")
        elif ends.pop(member_id, None) != (last[0].number, last[0].digest):
            sentences.append(f"the contacts ledger of member {member_id} was cut off after line {last[0].number}.")
        ends.pop(member_id, None)
    cut = [member_id for member_id, (number, _digest) in ends.items() if number]
    return sentences + [f"the contacts ledger of member {member_id} is gone." for member_id in sorted(cut)]


def _said(lines: Iterable[Line], last: list[Line]) -> Iterator[tuple[dict[str, Plain], str]]:
    for each in lines:
        last[:] = [each]
        yield each.plain(), each.digest
