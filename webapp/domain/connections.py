"""Connections: who is connected to whom, how far apart two members are, and the way a connection ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, literal, select, tuple_, union_all
from sqlalchemy.orm import aliased

from webapp import clock
from webapp.domain import cards, circles, relationships
from webapp.domain.errors import N_, NotFound, Refused
from webapp.domain.names import fold, words
from webapp.extensions import db
from webapp.models import built
from webapp.models.batch import values_of
from webapp.models.built import built_once, for_any_viewer, values_given
from webapp.models.connection import Adjacency, Connection
from webapp.models.member import IN_LISTS, AnyViewer, Member, visible

Order = Literal["recent", "first", "last", "contact"]
Filter = Literal["field", "company", "place", "cohort"]
FILTERS: Mapping[Filter, Any] = {
    "field": Member.field,
    "company": Member.organisation,
    "place": Member.place,
    "cohort": Member.cohort,
}
QUIET = timedelta(days=365)
OPTIONS = 40
"""How many values a filter offers, those of most connections first."""
GONE = N_("The time to undo this has passed.")
MUTUAL_NAMES = 3
_RECENT = (Connection.since.desc(), Connection.other_id.desc())
MEETING = 1000
"""How many on the way to the third degree are looked at: more have hardly ever nobody in common with somebody as well connected."""


@dataclass(frozen=True)
class Badge:
    """How near somebody is: 1, 2 or 0 for farther, and how many connections the two share."""

    degree: int = 0
    mutual: int = 0


def of(
    viewer: Member,
    *,
    search: str = "",
    order: Order = "recent",
    only: Mapping[Filter, str] | None = None,
    tag: str = "",
    talks: Any = None,
    quiet: bool = False,
) -> Any:
    """Return the viewer's connections with the date of each, in that order.

    With `search`, those who have words beginning so; with `only`, those who say exactly this of themselves; with `tag`, those who have
    the viewer's own tag with that key (nobody for a key that is not theirs); with `quiet`, those with whom no message between the two
    alone was exchanged for a year. In the order of contact, `last_id` is the number of the latest message, 0 for none. Both need
    `talks`, what `messages.with_each` tells of them: nothing here knows messages, because suggestions must not.
    """
    found = _all(viewer)
    for word in words(search):
        found = found.where(Member.search_text.like(f"% {word}%"))  # a word has no % and no _
    for name, value in (only or {}).items():
        found = found.where(FILTERS[name] == value)
    if tag:
        found = found.where(Connection.other_id.in_(cards.tagged(viewer, tag)))
    if quiet:
        lately = select(talks.c.other_id).where(talks.c.sent_at > clock.now() - QUIET)
        found = found.where(Connection.other_id.not_in(lately))
    if order == "contact":
        # Not an outer join: SQLite reads all talks for every connection then.
        never = select(Connection.other_id, literal(0)).where(
            Connection.member_id == viewer.id, Connection.other_id.not_in(select(talks.c.other_id))
        )
        last = union_all(select(talks.c.other_id, talks.c.last_id), never).subquery("last")
        found = found.join(last, last.c.other_id == Connection.other_id).add_columns(last.c.last_id)
        return found.order_by(last.c.last_id.desc(), Connection.other_id.desc())
    if order == "first":
        return found.order_by(Member.name_key, Member.id)
    if order == "last":
        return found.order_by(Member.sort_key, Member.id)
    return found.order_by(*_RECENT)


@for_any_viewer
def newest(viewer: Member | type[AnyViewer]) -> Any:
    """Return the viewer's connections, the last one first, as `of` does where nothing else is asked for."""
    return _all(viewer).order_by(*_RECENT)


@for_any_viewer
def _all(viewer: Member | type[AnyViewer]) -> Any:
    return (
        select(
            *IN_LISTS,
            Member.name_key,
            Member.sort_key,
            Connection.since,
        )
        .join(Connection, Connection.other_id == Member.id)
        .where(Connection.member_id == viewer.id, visible())
    )


def after(found: Any, order: Order, key: str | int | datetime, member_id: int) -> Any:
    """Return what follows one row of such a list (keyset paging: as quick on the last page as on the first).

    The two columns are compared as one, so that both engines begin in their index there instead of reading up to it.
    """
    if order == "recent":
        return found.where(tuple_(Connection.since, Connection.other_id) < (key, member_id))
    if order == "contact":
        return found.where(tuple_(found.selected_columns.last_id, Connection.other_id) < (key, member_id))
    column = Member.name_key if order == "first" else Member.sort_key
    return found.where(tuple_(column, Member.id) > (key, member_id))


def options(viewer: Member) -> dict[Filter, list[str]]:
    """Return what the viewer's connections can be filtered by, in the order of the alphabet.

    One statement for all filters, which reads the connections once.
    """
    columns = (column.label(name) for name, column in FILTERS.items())
    mine = (
        select(*columns)
        .join(Connection, Connection.other_id == Member.id)
        .where(Connection.member_id == viewer.id, visible())
        .cte("mine")
    )
    halves = []
    for name in FILTERS:
        value = mine.c[name]
        counted = (
            select(literal(name).label("name"), value.label("value"))
            .where(value != "")
            .group_by(value)
            .order_by(func.count().desc(), value)
            .limit(OPTIONS)
            .subquery(f"by_{name}")
        )
        halves.append(select(counted))
    found: dict[Filter, list[str]] = {name: [] for name in FILTERS}
    for row in db.session.execute(union_all(*halves)):
        found[row.name].append(row.value)
    return {name: sorted(values, key=fold) for name, values in found.items()}


def count(viewer: Member) -> int:
    """Return how many connections the viewer has, as far as they can be seen."""
    return int(db.session.scalars(_count(), {"viewer": viewer.id}).one())


@built_once
def _count() -> Any:
    return select(number_of(AnyViewer))


def number_of(viewer: Member | type[AnyViewer]) -> Any:
    """The same as part of another statement.

    The number is kept in the transaction that changes it; taken off are those who are suspended or leave: few in the whole community.
    """
    me, other = aliased(Member), aliased(Member)
    hidden = select(other.id).where(other.suspended_at.is_not(None) | other.deleted_at.is_not(None))
    gone = select(func.count()).where(Connection.member_id == viewer.id, Connection.other_id.in_(hidden))
    return select(me.degree - gone.scalar_subquery()).where(me.id == viewer.id).scalar_subquery()


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


def among(viewer: Member, handles: Sequence[str]) -> list[Any]:
    """Return those of these who are connections of the viewer, by name. Whoever is none is left out; nobody learns why."""
    given = values_of([*handles, ""], "handles")
    return list(
        db.session.execute(
            select(Member.id, Member.handle, Member.name, Member.photo)
            .join(Connection, Connection.other_id == Member.id)
            .where(Connection.member_id == viewer.id, Member.handle.in_(select(given.c.value)), visible())
            .order_by(Member.name_key, Member.id)
        ).all()
    )


def tagged(viewer: Member, key: str, most: int) -> list[Member]:
    """Return who of the viewer's connections have the viewer's tag with this key, by name, and at most so many."""
    return list(
        db.session.scalars(
            select(Member)
            .join(Connection, Connection.other_id == Member.id)
            .where(Connection.member_id == viewer.id, Member.id.in_(cards.tagged(viewer, key)), visible())
            .order_by(Member.name_key, Member.id)
            .limit(most)
        )
    )


def badges(viewer: Member, ids: Sequence[int], near: circles.Near | None = None) -> dict[int, Badge]:
    """Return how near each of these members is, in two statements at most; in none where it is known who is near the viewer.

    Who hides as a mutual connection is in no number, and nobody is of the second degree through them.
    """
    if not ids:
        return {}
    if near is not None:
        mine, mutual = near.mine, near.mutual(ids)
    else:
        circle = circles.of(viewer.id, ids)
        mine, mutual = circle.mine, Counter({each: len(shared) for each, shared in circle.shared.items()})
    return {each: Badge(1 if each in mine else 2 if mutual[each] else 0, mutual[each]) for each in ids}


@dataclass(frozen=True)
class Nearness:
    """How near one member is: 1, 2, 3 or 0 for farther; how many they share, the first few, and who stands between, in their order."""

    degree: int = 0
    mutual: int = 0
    names: Sequence[Any] = ()
    path: Sequence[Any] = ()


def between(viewer: Member, other: Member) -> Nearness:
    """Return how near somebody is, and through whom: four statements at most, of a bounded number of rows.

    Everybody named allows it, can be seen, and has no block towards either of the two; a degree that rests on others is not told.
    """
    blobs = circles.blobs([viewer.id, other.id])
    mine, theirs = (set(blobs.get(each, ())) for each in (viewer.id, other.id))
    mutual, names = _named(mine & theirs)
    if other.id in mine:
        return Nearness(1, mutual, names)
    if mutual:
        return Nearness(2, mutual, names, names[:1])
    forth = len(mine) <= len(theirs)
    path = _chain(viewer, mine, other, theirs) if forth else _chain(other, theirs, viewer, mine)[::-1]
    return Nearness(3 if path else 0, path=path)


def _named(shared: set[int]) -> tuple[int, list[Any]]:
    """Return how many of these allow to be told as a mutual connection, and the best connected of them."""
    if not shared:
        return 0, []
    rows = built.rows(_naming(), {"given": sorted(shared)})
    return (rows[0].number if rows else 0), list(rows)


@built_once
def _naming() -> Any:
    given = values_given()
    number = func.count().over().label("number")
    found = (
        select(Member.id, Member.handle, Member.name, Member.photo, Member.degree, number)
        .join(given, given.c.value == Member.id)
        .where(circles.listed())
        .subquery()
    )
    # Counted inside, cut outside: PostgreSQL takes a limit beside the join for a reason to compare every member with every value.
    return select(found).order_by(found.c.degree.desc(), found.c.id).limit(MUTUAL_NAMES)


def _chain(near: Member, their_own: set[int], far: Member, beyond: set[int]) -> list[Any]:
    """Return the two who stand between two members of the third degree, from `near` on; nothing where there are none.

    At most MEETING of the connections of `near`, who has fewer, are looked at, and as many of those they know.
    """
    asked: dict[str, Any] = {"viewer": far.id, "given": sorted(their_own)[:MEETING]}
    through: dict[int, Any] = {}
    with db.session.execute(_first_of_chain(), asked) as rows:  # closed also where we stop early
        for row in rows:
            for each in sorted(beyond.intersection(circles.unpack(row.ids))):
                through.setdefault(each, row)
            if len(through) >= MEETING:
                break
    if not through:
        return []
    last = db.session.execute(_last_of_chain(), {"viewer": near.id, "given": list(through)}).one_or_none()
    return [through[last.id], last] if last else []


@built_once
def _first_of_chain() -> Any:
    wanted = _between(Member.id, Member.handle, Member.name, Adjacency.ids)
    return wanted.join(Adjacency, Adjacency.member_id == Member.id).execution_options(yield_per=200)


@built_once
def _last_of_chain() -> Any:
    return _between(Member.id, Member.handle, Member.name).limit(1)


def _between(*columns: Any) -> Any:
    """Return those of the given who may be named, with whom the one at that end has no block, in their order."""
    given = values_given()
    return (
        select(*columns)
        .join(given, given.c.value == Member.id)
        .where(circles.listed(), ~relationships.blocked_between(AnyViewer, Member.id))
        .order_by(Member.id)
    )


def remove(viewer: Member, *others: Member | int, notes_too: bool = False) -> int:
    """End connections for both sides; return how many. Quiet: nobody is told. Undoable for UNDO_SECONDS; removing twice is one removal.

    With `notes_too`, the viewer's private cards and tags go with them, and come back with them.
    """
    if notes_too:
        cards.put_aside(viewer, *others)
    return relationships.end(viewer, *others)


def restore(viewer: Member, other: Member) -> None:
    """Bring a connection back that the viewer just removed, with its date, and with the private notes that went with it."""
    relationships.undo_end(viewer, other)
    cards.bring_back(viewer, other)


def restore_removed_at(viewer: Member, until: datetime) -> int:
    """Bring back all that the viewer removed in one press, which is what can be undone until the same moment; return how many."""
    ids = [row.id for row in recently(viewer, "removed") if row.undo_until == until]
    if not ids:
        raise Refused(GONE)
    number = relationships.undo_end(viewer, *ids)
    cards.bring_back(viewer, *ids)
    return number


def recently(viewer: Member, *states: str) -> list[Any]:
    """Return whom the viewer removed ("removed"), accepted ("connected") or ignored ("ignored") and can still take back.

    The last first, within one press by name: those of one press have the same `undo_until`. One statement.
    """
    return list(built.rows(_recently(*states), {"viewer": viewer.id}))


@built_once
def _recently(*states: str) -> Any:
    seen = relationships.undoable(AnyViewer, *states)
    return (
        select(
            *IN_LISTS,
            seen.c.state,
            seen.c.undo_until,
        )
        .join(seen, seen.c.other_id == Member.id)
        .where(visible())
        .order_by(seen.c.undo_until.desc(), Member.name_key, Member.id)
    )
