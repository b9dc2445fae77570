"""Pairs in the database: a batch is locked, decided and written back with the same number of statements for 5 pairs or 500.

Locks are always taken in the same order, members by id and then pairs by id, so two transactions never wait for each other in a circle.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Integer, bindparam, delete, func, insert, select, text, tuple_, union_all, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp.domain import announcing, circles, telling
from webapp.domain.relationships.states import (
    OTHER,
    Connect,
    Disconnect,
    Effect,
    Outcome,
    Pair,
    Retract,
    Side,
    Tell,
    Undo,
    Who,
)
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.built import Change, built_once, rows_given, values_given, write
from webapp.models.connection import Adjacency, Connection
from webapp.models.member import Member, visible
from webapp.models.relationship import OPEN_ASKS, Relationship

Ids = tuple[int, int]
_TABLE: Any = Relationship.__table__
_MEMBER: Any = Member.__table__
_CONNECTION: Any = Connection.__table__
_ADJACENCY: Any = Adjacency.__table__
_SIDE = tuple(column.name for column in fields(Side))
_PAIR = {
    "state": ("state",),
    "by": ("by_id",),
    "since": ("since",),
    "expires_at": ("expires_at",),
    "undo": ("undo_by_id", "undo_until", "undo_state", "undo_of_id", "undo_since"),
}
"""The columns of what a pair has beside its two sides."""


def ordered(one: int, other: int) -> Ids:
    """Return the two ids as the row has them, the low one first."""
    return (one, other) if one < other else (other, one)


def who(ids: Ids, member_id: int) -> Who:
    """Return which of the two somebody is."""
    return "low" if ids[0] == member_id else "high"


@dataclass(frozen=True)
class Locked:
    """A member as the lock found them: how many connections, whether others may see them, and by whom they may be asked."""

    id: int
    degree: int
    visible: bool
    askable: str
    cohort: str
    announces: bool
    """Whether new connections of theirs may be told with their name."""


class Held(dict[Ids, Pair]):
    """Pairs that are locked, and the connections of their members (`Adjacency.ids`), as far as they were read with them."""

    def __init__(self, pairs: Mapping[Ids, Pair], blobs: Mapping[int, bytes]) -> None:
        super().__init__(pairs)
        self.blobs = blobs


def lock_members(ids: Iterable[int]) -> dict[int, Locked]:
    """Lock members in the order of their ids; return them."""
    db.session.flush()  # what is to be locked may have been changed here
    rows = db.session.connection().execute(_members(), {"given": sorted(set(ids))})
    return {row.id: Locked(*row) for row in rows}


@built_once
def _members() -> Any:
    given, row = values_given(), _MEMBER.c
    announces = row.announces_connections & ~row.unlisted
    return (
        select(row.id, row.degree, visible(row).label("visible"), row.askable, row.cohort, announces.label("announces"))
        .join(given, given.c.value == row.id)
        .order_by(row.id)
        .with_for_update(of=_MEMBER, key_share=True)
    )


def is_visible(members: Mapping[int, Locked], member_id: int) -> bool:
    """Whether a member was found, and others may see them."""
    return member_id in members and members[member_id].visible


def lock(pairs: Sequence[Ids], *, make: bool = False, circles: bool = False) -> Held:
    """Lock the rows of these pairs in the order of their ids and return them; with `make`, missing ones are made first.

    With `circles`, the connections of their members are read in the same statement. The members must be locked by then, in a statement
    before: nobody else can change their connections any more, also while this one waits.
    """
    given: list[dict[str, int | None]] = [{"low": low, "high": high} for low, high in sorted(set(pairs))]
    db.session.flush()
    connection = db.session.connection()
    if make:
        connection.execute(_make(), {"given": given})
    if circles:  # each member's once: who presses the button is in every pair
        asked: set[int | None] = set()
        for each in given:
            for side in OTHER:
                each[f"{side}_asked"] = None if each[side] in asked else each[side]
                asked.add(each[side])
    rows = connection.execute(_pairs(circles=circles), {"given": given}).mappings().all()
    blobs: dict[int, bytes] = {}
    if circles:
        for row in rows:
            blobs |= {row[f"{side}_asked"]: row[f"{side}_ids"] or b"" for side in OTHER if row[f"{side}_asked"]}
    return Held({(row["low_id"], row["high_id"]): _pair(row) for row in rows}, blobs)


@built_once
def _make() -> Any:
    given = rows_given({"low": Integer(), "high": Integer()})
    # Without a condition, SQLite would read ON as that of a join.
    missing = select(given.c.low, given.c.high).where(given.c.low < given.c.high)
    return _inserting()(_TABLE).from_select(["low_id", "high_id"], missing).on_conflict_do_nothing()


@built_once
def _pairs(*, circles: bool) -> Any:
    sides = tuple(OTHER)
    given = rows_given(dict.fromkeys((*sides, *(f"{side}_asked" for side in sides)), Integer()))
    found = (
        select(_TABLE)
        .join(given, (given.c.low == _TABLE.c.low_id) & (given.c.high == _TABLE.c.high_id))
        .order_by(_TABLE.c.low_id, _TABLE.c.high_id)
        .with_for_update(of=_TABLE)
    )
    if circles:
        for side in sides:
            circle = _ADJACENCY.alias(f"{side}_circle")
            asked = given.c[f"{side}_asked"]
            found = found.outerjoin(circle, circle.c.member_id == asked)
            found = found.add_columns(asked, circle.c.ids.label(f"{side}_ids"))
    return found


def _inserting() -> Any:
    return sqlite.insert if is_sqlite() else postgresql.insert


def _pair(row: Mapping[Any, Any]) -> Pair:
    ids = (row["low_id"], row["high_id"])
    undo = None
    if row["undo_by_id"] is not None:
        undo = Undo(
            who(ids, row["undo_by_id"]),
            row["undo_until"],
            row["undo_state"],
            who(ids, row["undo_of_id"]),
            row["undo_since"],
        )
    return Pair(
        state=row["state"],
        by=None if row["by_id"] is None else who(ids, row["by_id"]),
        since=row["since"],
        expires_at=row["expires_at"],
        undo=undo,
        low=Side(**{name: row[f"low_{name}"] for name in _SIDE}),
        high=Side(**{name: row[f"high_{name}"] for name in _SIDE}),
    )


def _columns(before: Pair, after: Pair) -> set[str]:
    """Return the columns in which two states of a pair differ."""
    found = {
        column for name, columns in _PAIR.items() if getattr(before, name) != getattr(after, name) for column in columns
    }
    for side in OTHER:
        one, other = before.side(side), after.side(side)
        if one is not other:
            found.update(f"{side}_{name}" for name in _SIDE if getattr(one, name) != getattr(other, name))
    return found


def _values(ids: Ids, pair: Pair, columns: Sequence[str]) -> dict[str, Any]:
    person = {"low": ids[0], "high": ids[1], None: None}
    undo = pair.undo
    values: dict[str, Any] = {
        "state": pair.state,
        "by_id": person[pair.by],
        "since": pair.since,
        "expires_at": pair.expires_at,
        "undo_by_id": person[undo.by] if undo else None,
        "undo_until": undo.until if undo else None,
        "undo_state": undo.state if undo else None,
        "undo_of_id": person[undo.of] if undo else None,
        "undo_since": undo.since if undo else None,
    }
    sides = {"low": pair.low, "high": pair.high}
    row: dict[str, Any] = {"b_low": ids[0], "b_high": ids[1]}
    for column in columns:
        side, _, name = column.partition("_")
        row[f"v_{column}"] = getattr(sides[side], name) if side in sides else values[column]
    return row


@built_once
def _write(*columns: str) -> Any:
    """Write these columns alone: SQLite writes every index anew of which a column is named, whether it changes or not."""
    return (
        update(_TABLE)
        .where(_TABLE.c.low_id == bindparam("b_low"), _TABLE.c.high_id == bindparam("b_high"))
        .values({name: bindparam(f"v_{name}") for name in columns})
    )


def apply(
    before: Held, decide: Callable[[Ids, Pair], Outcome], members: Mapping[int, Locked] | None = None
) -> dict[Ids, Outcome]:
    """Decide every pair, write what changed, and let follow what follows; return what came of each.

    Who may become connected is among the members, as they were locked.
    """
    outcomes = {ids: decide(ids, pair) for ids, pair in before.items()}
    changed = {ids: outcome.pair for ids, outcome in outcomes.items() if outcome.pair != before[ids]}
    if changed:
        columns = sorted(set().union(*(_columns(before[ids], pair) for ids, pair in changed.items())))
        rows = [_values(ids, pair, columns) for ids, pair in changed.items()]
        db.session.connection().execute(_write(*columns), rows)
    effects = [(ids, effect) for ids, outcome in outcomes.items() for effect in outcome.effects]
    if effects:
        announcing_ids = {each.id for each in (members or {}).values() if each.announces}
        follow(effects, blobs=before.blobs, announcing_ids=announcing_ids)
    return outcomes


def follow(
    effects: Sequence[tuple[Ids, Effect]],
    *,
    blobs: Mapping[int, bytes] | None = None,
    announcing_ids: Container[int] = (),
) -> None:
    """Let the effects of a batch follow: connections, their counters and blobs, notifications, mails."""
    joined = {ids: effect.since for ids, effect in effects if isinstance(effect, Connect)}
    parted = [ids for ids, effect in effects if isinstance(effect, Disconnect)]
    if parted:
        _disconnect(parted)
    if joined:
        _connect(joined)
    changes = _recount(joined, parted, blobs or {}) if joined or parted else []
    changes += announcing.to_part(parted)
    taken_back = [(effect.kind, *_to_and_by(ids, effect)) for ids, effect in effects if isinstance(effect, Retract)]
    told = [
        telling.Telling(*_to_and_by(ids, effect), effect.kind, effect.at)
        for ids, effect in effects
        if isinstance(effect, Tell)
    ]
    write([*changes, *telling.to_retract(taken_back), *telling.to_tell(told)])
    announcing.connected(joined, announcing_ids)


def _to_and_by(ids: Ids, effect: Tell | Retract) -> Ids:
    """Return who is told, and who caused it."""
    return ids if effect.who == "low" else (ids[1], ids[0])


def _both(pairs: Iterable[Ids]) -> list[dict[str, int]]:
    return [{"member": one, "other": other} for low, high in pairs for one, other in ((low, high), (high, low))]


def _connect(joined: Mapping[Ids, datetime]) -> None:
    rows = [
        {"member_id": one, "other_id": other, "since": since}
        for (low, high), since in joined.items()
        for one, other in ((low, high), (high, low))
    ]
    db.session.connection().execute(_join(), rows)


@built_once
def _join() -> Any:
    return _inserting()(_CONNECTION).on_conflict_do_nothing()


def _disconnect(parted: Sequence[Ids]) -> None:
    db.session.connection().execute(_part(), {"given": _both(parted)})


@built_once
def _part() -> Any:
    given = rows_given({"member": Integer(), "other": Integer()})
    # By key: asked of every row whether its pair is given, SQLite would read the connections of everybody.
    pair = tuple_(_CONNECTION.c.member_id, _CONNECTION.c.other_id).in_(select(given.c.member, given.c.other))
    return delete(_CONNECTION).where(pair)


def _recount(joined: Iterable[Ids], parted: Iterable[Ids], known: Mapping[int, bytes]) -> list[Change]:
    """Change the blobs of everybody concerned, and return what is to be written for the counters; `known` are blobs that were read."""
    more: dict[int, set[int]] = {}
    less: dict[int, set[int]] = {}
    for pairs, sets in ((joined, more), (parted, less)):
        for low, high in pairs:
            sets.setdefault(low, set()).add(high)
            sets.setdefault(high, set()).add(low)
    concerned = sorted(more.keys() | less.keys())
    blobs = {member_id: circles.unpack(blob) for member_id, blob in known.items()}
    unread = [member_id for member_id in concerned if member_id not in known]
    if unread:
        blobs |= circles.blobs(unread)
    after = {
        member_id: (set(blobs.get(member_id, ())) - less.get(member_id, set())) | more.get(member_id, set())
        for member_id in concerned
    }
    kept = [{"member_id": member_id, "ids": pack(ids)} for member_id, ids in after.items()]
    db.session.connection().execute(_keep(), kept)
    for loaded in db.session.identity_map.values():
        if isinstance(loaded, Member) and loaded.id in after:
            db.session.expire(loaded, ["degree"])
    return [(_count(), {"counted": [{"id": member_id, "degree": len(ids)} for member_id, ids in after.items()]})]


@built_once
def _keep() -> Any:
    making = _inserting()(_ADJACENCY)
    return making.on_conflict_do_update(index_elements=[_ADJACENCY.c.member_id], set_={"ids": making.excluded.ids})


@built_once
def _count() -> Any:
    counted = rows_given({"id": Integer(), "degree": Integer()}, "counted")
    return update(_MEMBER).where(_MEMBER.c.id == counted.c.id).values(degree=counted.c.degree)


def pack(ids: Iterable[int]) -> bytes:
    """Return ids as a blob of little-endian int32, in order."""
    return array("i", sorted(ids)).tobytes()


def words(outcomes: Mapping[Ids, Outcome]) -> Counter[str]:
    """Return how many pairs came to what."""
    return Counter("gone" if outcome.unknown else outcome.word for outcome in outcomes.values())


def due(now: datetime, column: str, most: int) -> list[Ids]:
    """Return pairs in which that side's hold has ended, without locking them."""
    rows = db.session.execute(
        select(_TABLE.c.low_id, _TABLE.c.high_id)
        .where(_TABLE.c[f"{column}_held"], _TABLE.c[f"{column}_leaves_at"] <= now)
        .order_by(_TABLE.c[f"{column}_leaves_at"])
        .limit(most)
    )
    return [(row.low_id, row.high_id) for row in rows]


def ending(now: datetime, most: int) -> list[Ids]:
    """Return pairs whose invitation has come to its end, without locking them."""
    rows = db.session.execute(
        select(_TABLE.c.low_id, _TABLE.c.high_id).where(text(OPEN_ASKS), _TABLE.c.expires_at <= now).limit(most)
    )
    return [(row.low_id, row.high_id) for row in rows]


def derive() -> None:
    """Write everything that follows from the pairs anew: the directed rows, the counters, the blobs."""
    db.session.execute(delete(Connection))
    db.session.execute(delete(Adjacency))
    connected = _TABLE.c.state == "connected"
    columns = ["member_id", "other_id", "since"]
    ends = ((_TABLE.c.low_id, _TABLE.c.high_id), (_TABLE.c.high_id, _TABLE.c.low_id))
    both = union_all(*(select(one, other, _TABLE.c.since).where(connected) for one, other in ends))
    # In the order of the index; else millions of rows are written all over the place, several times as slowly.
    db.session.execute(insert(Connection).from_select(columns, both.order_by(text("1"), text("2"))))
    count = select(func.count()).where(Connection.member_id == Member.id).scalar_subquery()
    db.session.execute(update(Member).values(degree=count).execution_options(synchronize_session=False))
    blobs = [{"member_id": member_id, "ids": blob} for member_id, blob in _blobs_of_connections().items()]
    if blobs:
        db.session.execute(insert(Adjacency), blobs)
    db.session.expire_all()


def wrong_blobs() -> int:
    """Return how many members have a blob that is not exactly their connections."""
    right = _blobs_of_connections()
    kept = {row.member_id: row.ids for row in db.session.execute(select(Adjacency.member_id, Adjacency.ids)) if row.ids}
    return sum(right.get(member_id) != kept.get(member_id) for member_id in right.keys() | kept.keys())


def _blobs_of_connections() -> dict[int, bytes]:
    found = select(Connection.member_id, Connection.other_id).order_by(Connection.member_id)
    rows = db.session.execute(found.execution_options(yield_per=10_000))  # there may be millions
    return {
        member_id: pack(row.other_id for row in group)
        for member_id, group in groupby(rows, key=lambda row: row.member_id)
    }
