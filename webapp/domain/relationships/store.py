"""Pairs in the database: a batch is locked, decided and written back with the same number of statements for 5 pairs or 500.

Locks are always taken in the same order, members by id and then pairs by id, so two transactions never wait for each other in a circle.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from webapp.models.batch import is_sqlite, rows_of, values_of
from webapp.models.connection import Adjacency, Connection
from webapp.models.member import Member, visible
from webapp.models.relationship import OPEN_ASKS, Relationship

Ids = tuple[int, int]
_TABLE: Any = Relationship.__table__
_SIDE = tuple(column.name for column in fields(Side))
_PAIR = ("state", "by_id", "since", "expires_at", "undo_by_id", "undo_until", "undo_state", "undo_of_id", "undo_since")
_COLUMNS = (*_PAIR, *(f"{who}_{name}" for who in OTHER for name in _SIDE))


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


def lock_members(ids: Iterable[int]) -> dict[int, Locked]:
    """Lock members in the order of their ids; return them."""
    given = values_of(sorted(set(ids)))
    rows = db.session.execute(
        select(Member.id, Member.degree, visible().label("visible"), Member.askable, Member.cohort)
        .join(given, given.c.value == Member.id)
        .order_by(Member.id)
        .with_for_update(of=Member, key_share=True)
    )
    return {row.id: Locked(row.id, row.degree, bool(row.visible), row.askable, row.cohort) for row in rows}


def is_visible(members: Mapping[int, Locked], member_id: int) -> bool:
    """Whether a member was found, and others may see them."""
    return member_id in members and members[member_id].visible


def lock(pairs: Sequence[Ids], *, make: bool = False) -> dict[Ids, Pair]:
    """Lock the rows of these pairs in the order of their ids and return them; with `make`, missing ones are made first."""
    ordered_pairs = sorted(set(pairs))
    if make:
        values = [{"low_id": low, "high_id": high} for low, high in ordered_pairs]
        making = (sqlite.insert if is_sqlite() else postgresql.insert)(Relationship)
        db.session.execute(making.on_conflict_do_nothing(), values)
    given = rows_of([{"low": low, "high": high} for low, high in ordered_pairs], {"low": Integer(), "high": Integer()})
    rows = db.session.execute(
        select(_TABLE)
        .join(given, (given.c.low == _TABLE.c.low_id) & (given.c.high == _TABLE.c.high_id))
        .order_by(_TABLE.c.low_id, _TABLE.c.high_id)
        .with_for_update(of=_TABLE)
    ).mappings()
    return {(row["low_id"], row["high_id"]): _pair(row) for row in rows}


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


def _values(ids: Ids, pair: Pair) -> dict[str, Any]:
    person = {"low": ids[0], "high": ids[1], None: None}
    undo = pair.undo
    values: dict[str, Any] = {
        "b_low": ids[0],
        "b_high": ids[1],
        "v_state": pair.state,
        "v_by_id": person[pair.by],
        "v_since": pair.since,
        "v_expires_at": pair.expires_at,
        "v_undo_by_id": person[undo.by] if undo else None,
        "v_undo_until": undo.until if undo else None,
        "v_undo_state": undo.state if undo else None,
        "v_undo_of_id": person[undo.of] if undo else None,
        "v_undo_since": undo.since if undo else None,
    }
    for side in OTHER:
        values |= {f"v_{side}_{name}": getattr(pair.side(side), name) for name in _SIDE}
    return values


_WRITE = (
    update(_TABLE)
    .where(_TABLE.c.low_id == bindparam("b_low"), _TABLE.c.high_id == bindparam("b_high"))
    .values({name: bindparam(f"v_{name}") for name in _COLUMNS})
)


def apply(before: Mapping[Ids, Pair], decide: Callable[[Ids, Pair], Outcome]) -> dict[Ids, Outcome]:
    """Decide every pair, write what changed, and let follow what follows; return what came of each."""
    outcomes = {ids: decide(ids, pair) for ids, pair in before.items()}
    changed = [_values(ids, outcome.pair) for ids, outcome in outcomes.items() if outcome.pair != before[ids]]
    if changed:
        db.session.connection().execute(_WRITE, changed)
    follow([(ids, effect) for ids, outcome in outcomes.items() for effect in outcome.effects])
    return outcomes


def follow(effects: Sequence[tuple[Ids, Effect]]) -> None:
    """Let the effects of a batch follow: connections, their counters and blobs, notifications, mails."""
    joined = {ids: effect.since for ids, effect in effects if isinstance(effect, Connect)}
    parted = [ids for ids, effect in effects if isinstance(effect, Disconnect)]
    if parted:
        _disconnect(parted)
    if joined:
        _connect(joined)
    if joined or parted:
        _recount(joined, parted)
        announcing.parted(parted)
        announcing.connected(joined)
    _retract([(ids, effect) for ids, effect in effects if isinstance(effect, Retract)])
    _tell([(ids, effect) for ids, effect in effects if isinstance(effect, Tell)])


def _both(pairs: Iterable[Ids]) -> list[dict[str, int]]:
    return [{"member": one, "other": other} for low, high in pairs for one, other in ((low, high), (high, low))]


def _connect(joined: Mapping[Ids, datetime]) -> None:
    making = (sqlite.insert if is_sqlite() else postgresql.insert)(Connection).on_conflict_do_nothing()
    rows = [
        {"member_id": one, "other_id": other, "since": since}
        for (low, high), since in joined.items()
        for one, other in ((low, high), (high, low))
    ]
    db.session.execute(making, rows)


def _disconnect(parted: Sequence[Ids]) -> None:
    given = rows_of(_both(parted), {"member": Integer(), "other": Integer()})
    # By key: asked of every row whether its pair is given, SQLite would read the connections of everybody.
    pair = tuple_(Connection.member_id, Connection.other_id).in_(select(given.c.member, given.c.other))
    db.session.execute(delete(Connection).where(pair).execution_options(synchronize_session=False))


def _recount(joined: Iterable[Ids], parted: Iterable[Ids]) -> None:
    """Change the counters and the blobs of everybody concerned, in one statement each way."""
    more: dict[int, set[int]] = {}
    less: dict[int, set[int]] = {}
    for pairs, sets in ((joined, more), (parted, less)):
        for low, high in pairs:
            sets.setdefault(low, set()).add(high)
            sets.setdefault(high, set()).add(low)
    concerned = sorted(more.keys() | less.keys())
    given = values_of(concerned)
    rows = db.session.execute(
        select(Adjacency.member_id, Adjacency.ids).join(given, given.c.value == Adjacency.member_id)
    )
    blobs = {row.member_id: row.ids for row in rows}
    after = {
        member_id: (set(circles.unpack(blobs.get(member_id, b""))) - less.get(member_id, set()))
        | more.get(member_id, set())
        for member_id in concerned
    }
    making = (sqlite.insert if is_sqlite() else postgresql.insert)(Adjacency)
    writing = making.on_conflict_do_update(index_elements=[Adjacency.member_id], set_={"ids": making.excluded.ids})
    db.session.execute(writing, [{"member_id": member_id, "ids": pack(ids)} for member_id, ids in after.items()])
    counted = rows_of(
        [{"id": member_id, "degree": len(ids)} for member_id, ids in after.items()],
        {"id": Integer(), "degree": Integer()},
    )
    db.session.execute(
        update(Member)
        .where(Member.id == counted.c.id)
        .values(degree=counted.c.degree)
        .execution_options(synchronize_session=False)
    )
    for loaded in db.session.identity_map.values():
        if isinstance(loaded, Member) and loaded.id in after:
            db.session.expire(loaded, ["degree"])


def pack(ids: Iterable[int]) -> bytes:
    """Return ids as a blob of little-endian int32, in order."""
    return array("i", sorted(ids)).tobytes()


def _retract(effects: Sequence[tuple[Ids, Retract]]) -> None:
    """Take back what was told: the notification, and the mail that has not left."""
    by_kind: dict[str, list[Ids]] = {}
    for ids, effect in effects:
        to, by = (ids[0], ids[1]) if effect.who == "low" else (ids[1], ids[0])
        by_kind.setdefault(effect.kind, []).append((to, by))
    for kind, pairs in sorted(by_kind.items()):
        telling.retract(kind, pairs)


def _tell(effects: Sequence[tuple[Ids, Tell]]) -> None:
    """Notify and mail; one notification for each cause, however often it is told."""
    groups: dict[tuple[str, datetime], list[Ids]] = {}
    for ids, effect in effects:
        to, by = (ids[0], ids[1]) if effect.who == "low" else (ids[1], ids[0])
        groups.setdefault((effect.kind, effect.at), []).append((to, by))
    for (kind, at), pairs in groups.items():
        telling.tell(kind, pairs, at=at)


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
