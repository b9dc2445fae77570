"""People: who can be seen by whom, and how the viewer stands with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, tuple_
from sqlalchemy.orm import aliased

from webapp.domain import circles, connections, relationships
from webapp.domain.connections import Badge
from webapp.domain.errors import NotFound
from webapp.extensions import db
from webapp.models import built
from webapp.models.batch import values_of
from webapp.models.built import built_once, for_any_viewer, values_given
from webapp.models.connection import Connection
from webapp.models.member import IN_LISTS, AnyViewer, Member, visible

_TOTAL = select(func.count(Member.id)).where(visible())
COUNTED = 1000
"""Up to how many a list counts; beyond that it says "more than"."""
ASKING = ("none", "removed", "withdrawn")
"""The standings in which somebody could be asked, now or later."""


@dataclass(frozen=True)
class Standing:
    """How a viewer stands with somebody, as `relationships.as_seen_by` tells it; or "closed", who may not be asked."""

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


@for_any_viewer
def visible_to(viewer: Member | type[AnyViewer]) -> Any:
    """Return everybody who exists for the viewer, as rows of a list: nobody unverified, suspended or deleted, nobody across a block."""
    return select(*IN_LISTS, Member.degree).where(visible(), ~relationships.blocked_between(viewer, Member.id))


def one_of(viewer: Member, handle: str) -> Member:
    """Return who has this handle, else NotFound: the same for unknown, unverified, suspended, deleted, and across a block."""
    found: Member | None = db.session.scalar(_by_handle(), {"viewer": viewer.id, "handle": handle})
    if found is None:
        raise NotFound
    return found


@built_once
def _by_handle() -> Any:
    here = visible() & ~relationships.blocked_between(AnyViewer, Member.id)
    return select(Member).where(Member.handle == bindparam("handle"), here)


def all_of(viewer: Member, handles: Sequence[str]) -> list[Member]:
    """Return who have these handles, each once and in that order; NotFound where `one_of` of one of them would be. One statement."""
    wanted = list(dict.fromkeys(handles))
    given = values_of([*wanted, ""], "handles")
    here = visible() & ~relationships.blocked_between(viewer, Member.id)
    found = db.session.scalars(select(Member).where(Member.handle.in_(select(given.c.value)), here))
    by_handle = {member.handle: member for member in found}
    if by_handle.keys() != set(wanted):
        raise NotFound
    return [by_handle[handle] for handle in wanted]


def other_of(viewer: Member, handle: str) -> Member:
    """Return who has this handle, if that is somebody else; NotFound for the viewer's own, too."""
    other = one_of(viewer, handle)
    if other.id == viewer.id:
        raise NotFound
    return other


def in_order(ids: Sequence[int]) -> list[Any]:
    """Return rows as of `visible_to` for these, who were found among those who exist for the viewer, in their order. One statement."""
    if not ids:
        return []
    by_id = {row.id: row for row in built.rows(_in_order(), {"given": list(ids)})}
    return [by_id[each] for each in ids if each in by_id]


@built_once
def _in_order() -> Any:
    given = values_given()
    return select(*IN_LISTS, Member.degree).join(given, given.c.value == Member.id)


def best_connected(viewer: Member, *conditions: Any) -> Any:
    """Return everybody but the viewer for whom these hold, the best connected first: quick where many do."""
    return _best_connected(viewer).where(*conditions)


@for_any_viewer
def _best_connected(viewer: Member | type[AnyViewer]) -> Any:
    return visible_to(viewer).where(Member.id != viewer.id).order_by(Member.degree.desc(), Member.id.desc())


def after(found: Any, degree: int, member_id: int) -> Any:
    """Return what follows one row of such a list."""
    return found.where(tuple_(Member.degree, Member.id) < (degree, member_id))


def count(found: Any, most: int = COUNTED) -> int:
    """Return how many a list has; `most` + 1 for more than that."""
    return db.session.scalar(_counting(found, most)) or 0


def _counting(found: Any, most: int) -> Any:
    some = found.with_only_columns(Member.id, maintain_column_froms=True).order_by(None).limit(most + 1).subquery()
    return select(func.count()).select_from(some)


def total() -> int:
    """Return how many members there are to be seen."""
    return db.session.scalar(_TOTAL) or 0


def standings(viewer: Member, ids: Sequence[int]) -> dict[int, Standing]:
    """Return how the viewer stands with each of these; "closed" with whom there is nothing and who may not be asked.

    One statement, and two more where somebody wants to be asked by those near to them only.
    """
    rows = built.rows(_standings(), {"viewer": viewer.id, "among": list(ids)})
    closed = relationships.closed_among(viewer, [row for row in rows if (row.status or "none") in ASKING])
    stands = {row.id: Standing(*row[3:]) if row.status else Standing() for row in rows}
    return {
        each: replace(stand, status="closed") if each in closed else stand
        for each, stand in ((each, stands.get(each, Standing())) for each in ids)
    }


@built_once
def _standings() -> Any:
    seen = relationships.as_seen_by(AnyViewer, among="given")
    given = values_given("among")
    columns = (seen.c.since, seen.c.note, seen.c.leaves_at, seen.c.may_ask_from, seen.c.undo_until)
    return (
        select(Member.id, Member.askable, Member.cohort, seen.c.status, *columns)
        .join(given, given.c.value == Member.id)
        .outerjoin(seen, seen.c.other_id == Member.id)
    )


def standing(viewer: Member, other: Member) -> Standing:
    """Return how the viewer stands with one member."""
    return standings(viewer, [other.id])[other.id]


@dataclass(frozen=True)
class Alike:
    """A connection of the viewer's whose name somebody else's looks like; `same`: it is the very name."""

    name: str
    same: bool


def lookalikes(viewer: Member, ids: Sequence[int]) -> dict[int, Alike]:
    """Return which of these, who are no connections of the viewer's, have a name that looks like that of one who is. One statement."""
    if not ids:
        return {}
    asked = {"viewer": viewer.id, "given": [each for each in ids if each != viewer.id]}
    rows = built.rows(_lookalikes(), asked)
    return {row.id: Alike(row.like, row.like.casefold() == row.name.casefold()) for row in rows}


@built_once
def _lookalikes() -> Any:
    viewer = AnyViewer
    other, known, near = aliased(Member), aliased(Member), aliased(Connection)
    given = values_given()
    mine = (Connection.member_id == viewer.id) & (Connection.other_id == known.id)
    theirs = select(near.other_id).where(near.member_id == viewer.id, near.other_id == other.id)
    return (
        select(other.id, other.name, known.name.label("like"))
        .join(given, given.c.value == other.id)
        .join(known, (known.likeness == other.likeness) & (known.id != other.id))
        .join(Connection, mine)
        .where(other.likeness != "", visible(known), ~theirs.exists())
        .order_by(known.id.desc())
    )


def connections_of(viewer: Member, other: Member) -> Any:
    """Return the connections of somebody, as the viewer may see them. NotFound where the viewer may not.

    In the order of their ids, which tells nothing of when the two connected, nor does the place in a page's address.
    """
    if not shows_connections(viewer, other):
        raise NotFound
    return _connections_of(viewer).params(owner=other.id)


@for_any_viewer
def _connections_of(viewer: Member | type[AnyViewer]) -> Any:
    return (
        _apart_from(viewer)
        .join(Connection, Connection.other_id == Member.id)
        .where(Connection.member_id == bindparam("owner"))
        .order_by(Connection.other_id.desc())
    )


def number_shown(viewer: Member, other: Member, *, connected: bool) -> int | None:
    """Return how many `connections_of` somebody has, up to COUNTED and one more; None where the viewer may see none of it."""
    if not shows_connections(viewer, other, connected=connected):
        return None
    return int(db.session.scalars(_number_shown(), {"viewer": viewer.id, "owner": other.id}).one())


@built_once
def _number_shown() -> Any:
    return _counting(_connections_of(AnyViewer), COUNTED)


_SINCE = select(Connection.since).where(
    Connection.member_id == bindparam("one"), Connection.other_id == bindparam("other")
)


def shows_connections(viewer: Member, other: Member, *, connected: bool | None = None) -> bool:
    """Whether somebody lets the viewer look through their connections. `connected`: whether the two are, where that is known."""
    if other.connections_shown == "connections":
        if connected is not None:
            return connected
        return db.session.scalar(_SINCE, {"one": viewer.id, "other": other.id}) is not None
    return other.connections_shown == "members"


def shared_with(viewer: Member, other: Member) -> Any:
    """Return whom the viewer and somebody both know, without those who hide as a mutual connection."""
    mine, theirs = aliased(Connection), aliased(Connection)
    return (
        _apart_from(viewer)
        .join(mine, mine.other_id == Member.id)
        .join(theirs, theirs.other_id == mine.other_id)
        .where(mine.member_id == viewer.id, theirs.member_id == other.id)
        .order_by(Member.id.desc())
    )


@for_any_viewer
def _apart_from(viewer: Member | type[AnyViewer]) -> Any:
    """Return who may stand in a list of somebody's connections, but the viewer."""
    return visible_to(viewer).where(circles.listed(), Member.id != viewer.id)


def after_member(found: Any, member_id: int) -> Any:
    """Return what follows one row of such a list."""
    return found.where(Member.id < member_id)


def persons(viewer: Member, rows: Sequence[Any], near: circles.Near | None = None) -> list[Person]:
    """Return rows of a list with badges and standings: as many statements for 20 as for 10, fewer where it is known who is near."""
    if not rows:
        return []
    ids = [row.id for row in rows]
    badges = connections.badges(viewer, ids, near)
    stands = standings(viewer, ids)
    return [
        Person(row.id, row.handle, row.name, row.headline, row.photo, badges[row.id], stands[row.id]) for row in rows
    ]
