"""Connections: who is connected to whom, how far apart two members are, and the way a connection ends."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select, tuple_

from webapp.domain import relationships
from webapp.domain.errors import NotFound
from webapp.domain.names import words
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.connection import Adjacency, Connection
from webapp.models.member import Member, visible

Order = Literal["recent", "first", "last"]
MUTUAL_NAMES = 3


@dataclass(frozen=True)
class Badge:
    """How near somebody is: 1, 2 or 0 for farther, and how many connections the two share."""

    degree: int = 0
    mutual: int = 0


def of(viewer: Member, *, search: str = "", order: Order = "recent") -> Any:
    """Return the viewer's connections with the date of each, in that order; with `search`, those who have words beginning so."""
    found: Any = (
        select(
            Member.id,
            Member.handle,
            Member.name,
            Member.headline,
            Member.photo,
            Member.name_key,
            Member.sort_key,
            Connection.since,
        )
        .join(Connection, Connection.other_id == Member.id)
        .where(Connection.member_id == viewer.id, visible())
    )
    for word in words(search):
        found = found.where(Member.search_text.like(f"% {word}%"))  # a word has no % and no _
    if order == "first":
        return found.order_by(Member.name_key, Member.id)
    if order == "last":
        return found.order_by(Member.sort_key, Member.id)
    return found.order_by(Connection.since.desc(), Connection.other_id.desc())


def after(found: Any, order: Order, key: str | datetime, member_id: int) -> Any:
    """Return what follows one row of such a list (keyset paging: as quick on the last page as on the first).

    The two columns are compared as one, so that both engines begin in their index there instead of reading up to it.
    """
    if order == "recent":
        return found.where(tuple_(Connection.since, Connection.other_id) < (key, member_id))
    column = Member.name_key if order == "first" else Member.sort_key
    return found.where(tuple_(column, Member.id) > (key, member_id))


def count(viewer: Member) -> int:
    """Return how many connections the viewer has; kept in the transaction that changes it."""
    return db.session.scalars(select(Member.degree).where(Member.id == viewer.id)).one()


def one_of(viewer: Member, handle: str) -> Member:
    """Return the viewer's connection with this handle, else NotFound."""
    found = db.session.scalar(
        select(Member)
        .join(Connection, Connection.other_id == Member.id)
        .where(Connection.member_id == viewer.id, Member.handle == handle, visible())
    )
    if found is None:
        raise NotFound
    return found


def _blobs(ids: Sequence[int]) -> "dict[int, array[int]]":
    given = values_of(list(ids))
    rows = db.session.execute(
        select(Adjacency.member_id, Adjacency.ids).join(given, given.c.value == Adjacency.member_id)
    )
    made = {}
    for row in rows:
        made[row.member_id] = array("i")
        made[row.member_id].frombytes(row.ids)
    return made


def badges(viewer: Member, ids: Sequence[int]) -> dict[int, Badge]:
    """Return how near each of these members is, in one statement: the blobs of all of them, intersected with the viewer's."""
    blobs = _blobs([viewer.id, *ids])
    mine = set(blobs.get(viewer.id, ()))
    found = {}
    for member_id in ids:
        shared = len(mine.intersection(blobs.get(member_id, ())))
        found[member_id] = Badge(1 if member_id in mine else 2 if shared else 0, shared)
    return found


def distance(viewer: Member, other: Member) -> int:
    """Return how near one member is: 1, 2, 3 (their connections know each other's), or 0 for farther."""
    blobs = _blobs([viewer.id, other.id])
    mine, theirs = set(blobs.get(viewer.id, ())), set(blobs.get(other.id, ()))
    if other.id in mine:
        return 1
    if mine & theirs:
        return 2
    if not mine or not theirs:
        return 0
    near, far = (mine, theirs) if len(mine) <= len(theirs) else (theirs, mine)
    meeting = values_of(sorted(near))
    blobs_between = select(Adjacency.ids).join(meeting, meeting.c.value == Adjacency.member_id)
    with db.session.execute(blobs_between.execution_options(yield_per=200)) as rows:  # closed also where we stop early
        for blob in rows.scalars():
            ids = array("i")
            ids.frombytes(blob)
            if not far.isdisjoint(ids):
                return 3
    return 0


def mutual(viewer: Member, other: Member, most: int = MUTUAL_NAMES) -> tuple[int, list[Any]]:
    """Return how many connections the two share, and the first few of them, without those the viewer may not see.

    Nobody who blocks one of the two, or is blocked, is among them: a block ends the connection.
    """
    blobs = _blobs([viewer.id, other.id])
    shared = sorted(set(blobs.get(viewer.id, ())) & set(blobs.get(other.id, ())))
    if not shared:
        return 0, []
    given = values_of(shared)
    number = func.count().over().label("number")
    found = (
        select(Member.id, Member.handle, Member.name, Member.photo, Member.degree, number)
        .join(given, given.c.value == Member.id)
        .where(visible())
        .subquery()
    )
    # Counted inside, cut outside: PostgreSQL takes a limit beside the join for a reason to compare every member with every value.
    rows = db.session.execute(select(found).order_by(found.c.degree.desc(), found.c.id).limit(most)).all()
    return (rows[0].number if rows else 0), list(rows)


def remove(viewer: Member, other: Member) -> None:
    """End the connection for both sides. Quiet: the other side is not told. Undoable for UNDO_SECONDS; removing twice is one removal."""
    relationships.end(viewer, other)


def restore(viewer: Member, other: Member) -> None:
    """Bring a connection back that the viewer just removed, with its date."""
    relationships.undo_end(viewer, other)


def recently_removed(viewer: Member) -> list[Any]:
    """Return whom the viewer removed and can still bring back."""
    seen = relationships.as_seen_by(viewer, "removed")
    return list(
        db.session.execute(
            select(Member.id, Member.handle, Member.name, Member.headline, Member.photo, seen.c.undo_until)
            .join(seen, seen.c.other_id == Member.id)
            .where(visible(), seen.c.undo_until.is_not(None))
            .order_by(seen.c.undo_until.desc())
        ).all()
    )
