"""People: who can be seen by whom, and how they are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_

from webapp.domain import connections, relationships
from webapp.domain.connections import Badge
from webapp.domain.errors import NotFound
from webapp.domain.names import words
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.models.member import Member, visible

COUNTED = 1000
"""Up to how many a search counts; beyond that it says "more than"."""
SUGGESTED = 6
LOOKED_AT = 30
WORDS = 8


@dataclass(frozen=True)
class Standing:
    """How a viewer stands with somebody, as `relationships.as_seen_by` tells it."""

    status: str = "none"
    since: datetime | None = None
    note: str = ""
    leaves_at: datetime | None = None
    may_ask_from: datetime | None = None
    undo_until: datetime | None = None


@dataclass(frozen=True)
class Person:
    """Somebody in a list: who they are, how near, and how the viewer stands with them."""

    id: int
    handle: str
    name: str
    headline: str
    photo: str | None
    badge: Badge
    standing: Standing


def visible_to(viewer: Member) -> Any:
    """Return everybody who exists for the viewer, as rows of a list: nobody unverified, suspended or deleted, nobody across a block."""
    return select(Member.id, Member.handle, Member.name, Member.headline, Member.photo, Member.degree).where(
        visible(), ~relationships.blocked_between(viewer, Member.id)
    )


def one_of(viewer: Member, handle: str) -> Member:
    """Return who has this handle, else NotFound: the same for unknown, unverified, suspended, deleted, and across a block."""
    found = db.session.scalar(
        select(Member).where(Member.handle == handle, visible(), ~relationships.blocked_between(viewer, Member.id))
    )
    if found is None:
        raise NotFound
    return found


def search(viewer: Member, q: str = "", field: str = "") -> Any:
    """Return who has every word of `q` at the beginning of a word of their name, headline, organisation, title, field, place, year or tags.

    With `field`, only members of that field. The best connected come first.
    """
    found = visible_to(viewer).where(Member.id != viewer.id)
    for word in words(q)[:WORDS]:
        found = found.where(Member.search_text.like(f"% {word}%"))  # a word has no % and no _
    if field:
        found = found.where(Member.field == field)
    return found.order_by(Member.degree.desc(), Member.id.desc())


def after(found: Any, degree: int, member_id: int) -> Any:
    """Return what follows one row of a search."""
    return found.where(tuple_(Member.degree, Member.id) < (degree, member_id))


def count(found: Any, most: int = COUNTED) -> int:
    """Return how many a search finds; `most` + 1 for more than that."""
    some = found.with_only_columns(Member.id, maintain_column_froms=True).order_by(None).limit(most + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def total() -> int:
    """Return how many members there are to be seen."""
    return db.session.scalar(select(func.count(Member.id)).where(visible())) or 0


def standings(viewer: Member, ids: Sequence[int]) -> dict[int, Standing]:
    """Return how the viewer stands with each of these, in one statement."""
    seen = relationships.as_seen_by(viewer, among=ids)
    rows = db.session.execute(
        select(
            seen.c.other_id,
            seen.c.status,
            seen.c.since,
            seen.c.note,
            seen.c.leaves_at,
            seen.c.may_ask_from,
            seen.c.undo_until,
        )
    )
    found = {row.other_id: Standing(*row[1:]) for row in rows}
    return {member_id: found.get(member_id, Standing()) for member_id in ids}


def standing(viewer: Member, other: Member) -> Standing:
    """Return how the viewer stands with one member."""
    return standings(viewer, [other.id])[other.id]


def persons(viewer: Member, rows: Sequence[Any]) -> list[Person]:
    """Return rows of a list with badges and standings: two statements, however many rows."""
    ids = [row.id for row in rows]
    near = connections.badges(viewer, ids)
    stands = standings(viewer, ids)
    return [Person(row.id, row.handle, row.name, row.headline, row.photo, near[row.id], stands[row.id]) for row in rows]


def in_field_of(viewer: Member) -> list[Person]:
    """Return a few members of the viewer's field with whom there is nothing yet, the best connected first."""
    if not viewer.field:
        return []
    connected = select(Connection.other_id).where(Connection.member_id == viewer.id, Connection.other_id == Member.id)
    rows = db.session.execute(search(viewer, field=viewer.field).where(~connected.exists()).limit(LOOKED_AT)).all()
    return [each for each in persons(viewer, rows) if each.standing.status == "none"][:SUGGESTED]
