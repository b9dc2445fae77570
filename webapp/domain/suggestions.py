"""Suggestions: people a member may know, each with the whole reason, and whom they don't want to be suggested any more.

What is looked at: connections shared with the member, and the organisation, cohort and field both wrote into their profiles. Nothing
else, ever: no address book, no message, no looking at a profile. A contract over the imports holds that.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any, Literal

from sqlalchemy import Integer, bindparam, delete, literal, not_, select, union_all

from webapp import clock
from webapp.domain import circles, people, relationships
from webapp.domain.connections import Badge
from webapp.domain.people import Person, Standing
from webapp.extensions import db
from webapp.models.batch import insert_ignoring, values_of
from webapp.models.built import built_once, rows, values_given
from webapp.models.connection import Adjacency, Connection
from webapp.models.dismissed import Dismissed
from webapp.models.member import IN_LISTS, AnyViewer, Member, visible

MOST = 20
AT_A_GLANCE = 6
BRIDGES = 500
BRIDGE_DEGREE = 1000
"""Only the newest BRIDGES connections with at most BRIDGE_DEGREE of their own are followed: for members with more, the best connected are
a sample. Who knows everybody says least about whom one may know. The number on a card is always the true one."""
LOOKED_AT = 3
"""For each who is wanted so many are looked up at once; the next ones only where these have opted out."""

Kind = Literal["through", "organisation", "cohort", "field"]
KINDS: Mapping[Kind, Any] = {
    "organisation": Member.organisation,
    "cohort": Member.cohort,
    "field": Member.field,
}


@dataclass(frozen=True)
class Reason:
    """Why somebody is suggested: through whom and how many others, or what both wrote into their profiles."""

    kind: Kind
    what: str
    others: int = 0


@dataclass(frozen=True)
class Suggestion(Person):
    """Somebody the viewer may know, with the whole reason."""

    reason: Reason


@dataclass(frozen=True)
class _Around:
    """What is known before anybody is looked for: the viewer's connections, those of them who hide, the bridges, whom not to suggest.

    Bridges are connections through whom others are reached: rows of `_bridges` by their ids.
    """

    mine: frozenset[int]
    hiding: frozenset[int]
    bridges: Mapping[int, Any]
    apart: frozenset[int]


def of(viewer: Member, most: int = MOST) -> list[Suggestion]:
    """Return whom the viewer may know: by how many connections they share, then of one organisation, cohort or field.

    The same for the same data; the lower id first where two share as many. Four statements, unless many in a row have opted out.
    """
    around = _around(viewer)
    found: list[Suggestion] = []
    for some in _ranked(around, LOOKED_AT * most):
        found += _reached(around, some, most - len(found))
        if len(found) == most:
            return found
    return found + _alike(viewer, around, [each.id for each in found], most - len(found))


def _around(viewer: Member) -> _Around:
    asked = {"viewer": viewer.id, "bridges": BRIDGES, "bridge_degree": BRIDGE_DEGREE}
    bridges = {row.id: row for row in rows(_bridges(), asked)}
    mine = bridges.pop(viewer.id, None)
    left_out = rows(_left_out(), {"viewer": viewer.id})
    return _Around(
        frozenset(circles.unpack(mine.ids) if mine else ()),
        frozenset(row.id for row in left_out if row.hides),
        bridges,
        frozenset(row.id for row in left_out if not row.hides) | {viewer.id},
    )


@built_once
def _bridges() -> Any:
    viewer = AnyViewer
    newest = (
        select(Connection.other_id)
        .join(Member, Member.id == Connection.other_id)
        .where(Connection.member_id == viewer.id, circles.listed(), Member.degree <= bindparam("bridge_degree"))
        .order_by(Connection.since.desc(), Connection.other_id.desc())
        .limit(bindparam("bridges", type_=Integer))
        .subquery()
    )
    followed = union_all(select(newest.c.other_id), select(viewer.id))
    return (
        select(Member.id, Member.name, Member.degree, Adjacency.ids)
        .join(Adjacency, Adjacency.member_id == Member.id)
        .where(Member.id.in_(followed))
    )


@built_once
def _left_out() -> Any:
    viewer = AnyViewer
    concerned = relationships.concerned(viewer).subquery()
    return union_all(
        select(literal(False).label("hides"), concerned.c.id),
        select(literal(False), Dismissed.other_id).where(Dismissed.member_id == viewer.id),
        select(literal(True), Connection.other_id)
        .join(Member, Member.id == Connection.other_id)
        .where(Connection.member_id == viewer.id, not_(circles.listed())),
    )


def _ranked(around: _Around, size: int) -> Iterator[list[int]]:
    """Give the ids of those the bridges lead to, so many at a time; who is reached by most first. Who is out is out before the cut."""
    reached = array("i")
    for bridge in around.bridges.values():
        reached.frombytes(bridge.ids)
    counted = Counter(reached)
    for each in around.mine | around.apart:
        counted.pop(each, None)
    # One number for both, the count above the id: many times as quick to compare as a pair of them.
    places = [(-number << 32) + each for each, number in counted.items()]
    for start in range(0, len(places), size):
        yield [place & 0xFFFFFFFF for place in nsmallest(start + size, places)[start:]]


def _may_be_suggested() -> Any:
    return visible() & ~Member.unsuggested


def _columns() -> Sequence[Any]:
    return (*IN_LISTS, Adjacency.ids)


def _reached(around: _Around, ids: Sequence[int], most: int) -> list[Suggestion]:
    """Return the first of these who may be suggested, in their order, each named by the bridge who knows fewest others."""
    by_id = {row.id: row for row in rows(_suggestible(), {"given": list(ids)})}
    found = []
    for row in [by_id[each] for each in ids if each in by_id][:most]:
        shared = _shared(around, row)
        bridge = min(
            (around.bridges[each] for each in shared & around.bridges.keys()), key=lambda each: (each.degree, each.id)
        )
        found.append(_suggestion(row, shared, Reason("through", bridge.name, len(shared) - 1)))
    return found


@built_once
def _suggestible() -> Any:
    given = values_given()
    return (
        select(*_columns())
        .join(given, given.c.value == Member.id)
        .join(Adjacency, Adjacency.member_id == Member.id)
        .where(_may_be_suggested(), Member.askable != "nobody")
    )


def _shared(around: _Around, row: Any) -> Collection[int]:
    return around.mine.intersection(circles.unpack(row.ids or b"")) - around.hiding


def _suggestion(row: Any, shared: Collection[int], reason: Reason) -> Suggestion:
    near = Badge(2 if shared else 0, len(shared))
    return Suggestion(row.id, row.handle, row.name, row.headline, row.photo, near, Standing(), reason)


def _alike(viewer: Member, around: _Around, found: Sequence[int], most: int) -> list[Suggestion]:
    """Return who wrote the same organisation, cohort or field as the viewer, in this order; the best connected of each first."""
    out = values_of(sorted({*around.mine, *around.apart, *found}), name="out")
    askable = Member.askable == "everyone"
    if viewer.cohort:
        askable |= (Member.askable == "near") & (Member.cohort == viewer.cohort)
    branches = []
    for kind, column in KINDS.items():
        value = getattr(viewer, kind)
        if value:
            same = (
                select(literal(kind).label("kind"), Member.degree, *_columns())
                .outerjoin(Adjacency, Adjacency.member_id == Member.id)
                .where(column == value, _may_be_suggested(), askable, Member.id.not_in(select(out.c.value)))
                .order_by(Member.degree.desc(), Member.id.desc())
                .limit(most)
            )
            branches.append(select(same.subquery()))
    if not branches:
        return []
    order = list(KINDS)
    alike: dict[int, Suggestion] = {}
    for row in sorted(
        db.session.execute(union_all(*branches)), key=lambda row: (order.index(row.kind), -row.degree, -row.id)
    ):
        reason = Reason(row.kind, getattr(viewer, row.kind))
        alike.setdefault(row.id, _suggestion(row, _shared(around, row), reason))
    return list(alike.values())[:most]


# Dismissing


def dismiss(viewer: Member, handle: str) -> Member:
    """Never suggest somebody to the viewer again, and return them; they don't learn it. Twice is once."""
    other = people.other_of(viewer, handle)
    db.session.execute(insert_ignoring(Dismissed, member_id=viewer.id, other_id=other.id, at=clock.now()))
    return other


def restore(viewer: Member, handle: str) -> Member:
    """Let somebody be suggested again, and return them."""
    other = people.other_of(viewer, handle)
    db.session.execute(delete(Dismissed).where(Dismissed.member_id == viewer.id, Dismissed.other_id == other.id))
    return other


def dismissed(viewer: Member) -> Any:
    """Return whom the viewer dismissed, the last one first, as rows of a list."""
    return (
        people.visible_to(viewer)
        .add_columns(Dismissed.at)
        .join(Dismissed, Dismissed.other_id == Member.id)
        .where(Dismissed.member_id == viewer.id)
        .order_by(Dismissed.at.desc(), Member.id.desc())
    )


def after(found: Any, at: Any, member_id: int) -> Any:
    """Return what follows one row of that list."""
    return found.where((Dismissed.at < at) | ((Dismissed.at == at) & (Member.id < member_id)))
