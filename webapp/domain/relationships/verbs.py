"""What members do to each other, one or five hundred at a time. The viewer comes first; each verb is a fixed number of statements."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    bindparam,
    cast,
    delete,
    func,
    null,
    or_,
    select,
    tuple_,
    type_coerce,
    union_all,
    update,
)

from webapp import clock, config, tokens
from webapp.domain import circles, ledger, silence
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.relationships import store
from webapp.domain.relationships.states import (
    OTHER,
    TOO_LATE,
    Connect,
    Disconnect,
    Event,
    Given,
    Numbers,
    Outcome,
    Pair,
    Retract,
    Side,
    Tell,
    Who,
    decide,
)
from webapp.domain.relationships.store import Ids, Locked, ordered, who
from webapp.domain.relationships.views import NOT_CONNECTED, blocked_between
from webapp.extensions import db
from webapp.models.base import Moment, from_ms
from webapp.models.batch import rows_of, values_of
from webapp.models.built import built_once
from webapp.models.connection import Connection
from webapp.models.invitation import Batch
from webapp.models.member import AnyViewer, Member, visible
from webapp.models.relationship import Relationship

Person = Member | int
RELEASED_AT_ONCE = 500
_SIDES: tuple[Who, ...] = ("low", "high")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Result:
    """What a press of the button came to; the numbers add up to how many were chosen."""

    batch: Batch | None = None
    invited: int = 0
    connected: int = 0
    gone: int = 0
    already: int = 0
    queued: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Allowance:
    """How many more invitations may be open, and how many of them can leave now; the rest would be queued."""

    open: int
    today: int


def _ids(people: Iterable[Person]) -> list[int]:
    return list(dict.fromkeys(person if isinstance(person, int) else person.id for person in people))


def _numbers() -> Numbers:
    return Numbers(
        undo=timedelta(seconds=config.setting("UNDO_SECONDS")),
        invitation=timedelta(days=config.setting("INVITATION_DAYS")),
        reinvite=timedelta(days=config.setting("REINVITE_DAYS")),
        quiet=timedelta(days=config.setting("QUIET_DAYS")),
    )


def _act(
    viewer: Member, others: Sequence[Person], event: Event, *, joins: bool = True, make: bool = False
) -> dict[Ids, Outcome]:
    """Do one event to all these pairs. A single one that is refused says why; of several, those are left out of the count."""
    ids = [i for i in _ids(others) if i != viewer.id]
    members = store.lock_members([viewer.id, *ids]) if joins else {}
    given = Given(clock.now(), _numbers())
    room = _Room(members)

    def one(pair_ids: Ids, pair: Pair) -> Outcome:
        me = who(pair_ids, viewer.id)
        other_id = pair_ids[1] if me == "low" else pair_ids[0]
        if joins and not store.is_visible(members, other_id) and event is not Event.UNBLOCK:
            return Outcome(pair, unknown=True)
        return room.count(pair_ids, decide(pair, event, me, room.given(given, pair_ids)))

    before = store.lock([ordered(viewer.id, i) for i in ids], make=make, circles=joins)
    outcomes = store.apply(before, one, members)
    if len(ids) == 1:
        _say(outcomes)
    if event in {Event.UNDO, Event.WITHDRAW}:
        _note_taken_back(viewer.id, before, outcomes)
    return outcomes


def _note_taken_back(viewer_id: int, before: Mapping[Ids, Pair], outcomes: Mapping[Ids, Outcome]) -> None:
    """Tell the viewer's contacts ledger what they took back, before it left and after."""
    sides = [(outcome.word, before[ids].side(who(ids, viewer_id))) for ids, outcome in outcomes.items()]
    for what in ("undone", "withdrawn"):
        _note(what, [(viewer_id, side) for word, side in sides if word == what])


def _note(what: str, sides: Iterable[tuple[int, Side]]) -> None:
    """Tell the contacts ledgers of members what became of their invitations, of those to which an address book led."""
    asked = Counter((member_id, side.batch_id) for member_id, side in sides if side.batch_id is not None)
    if not asked:
        return
    given = values_of(sorted({batch_id for _, batch_id in asked}))
    ours = select(Batch.id).join(given, given.c.value == Batch.id).where(Batch.from_contacts)
    read = set(db.session.scalars(ours))
    numbers: Counter[int] = Counter()
    for (member_id, batch_id), number in asked.items():
        if batch_id in read:
            numbers[member_id] += number
    ledger.add_all(
        ledger.Entry(member_id, what, {"who": "members", "number": number})
        for member_id, number in sorted(numbers.items())
    )


class _Room:
    """Whose list of connections is full, counted along within a batch."""

    def __init__(self, members: Mapping[int, Locked]) -> None:
        self.degrees = Counter({member_id: locked.degree for member_id, locked in members.items()})
        self.most = config.setting("CONNECTIONS_MAX")

    def given(self, given: Given, ids: Ids, **more: Any) -> Given:
        sides: tuple[tuple[Who, int], ...] = (("low", ids[0]), ("high", ids[1]))
        full = frozenset(side for side, member_id in sides if self.degrees[member_id] >= self.most)
        values = {"leaves_at": given.leaves_at, "batch_id": given.batch_id, "note": given.note} | more
        return Given(given.now, given.numbers, full=full, **values)

    def count(self, ids: Ids, outcome: Outcome) -> Outcome:
        for effect in outcome.effects:
            if isinstance(effect, Connect | Disconnect):
                self.degrees.update(dict.fromkeys(ids, 1 if isinstance(effect, Connect) else -1))
        return outcome


def _say(outcomes: Mapping[Ids, Outcome]) -> None:
    outcome = next(iter(outcomes.values()), None)
    if outcome is None or outcome.unknown:
        raise NotFound
    if outcome.refusal:
        raise Refused(outcome.refusal, **_dates(outcome.params))


def _dates(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value:%-d %B %Y}" if isinstance(value, datetime) else value for name, value in params.items()}


# Asking


def allowance(viewer: Member) -> Allowance:
    """Return what the viewer may still send."""
    now = clock.now()
    open_now, leaving = _sent(viewer.id, now)
    most = config.setting("INVITATIONS_OPEN_MAX")
    return Allowance(max(0, most - open_now), max(0, config.setting("INVITATIONS_PER_DAY") - leaving.get(0, 0)))


def _sent(viewer_id: int, now: datetime) -> tuple[int, Counter[int]]:
    """Return how many invitations are open, and how many leave in each window of a day; window 0 ends when a hold from now on ends."""
    end = now + timedelta(seconds=config.setting("UNDO_SECONDS"))
    open_now = 0
    leaving: Counter[int] = Counter()
    for is_open, moment in db.session.execute(_asked(), {"viewer": viewer_id, "since": end - DAY}):
        open_now += is_open or 0
        if moment is not None:
            leaving[max(0, -((end - from_ms(moment)) // DAY))] += 1
    return open_now, leaving


@built_once
def _asked() -> Any:
    """One row with how many are open, for each side, and one with the moment (milliseconds) of each that left or leaves."""
    row, viewer = Relationship, AnyViewer.id
    counted, moments = [], []
    for mine, held, leaves in (
        (row.low_id, row.low_held, row.low_leaves_at),
        (row.high_id, row.high_held, row.high_leaves_at),
    ):
        asked = row.state.in_(("pending", "ignored")) & (row.by_id == viewer)
        is_open = (mine == viewer) & row.state.in_(NOT_CONNECTED) & or_(held, asked)
        counted.append(select(func.count(), cast(null(), BigInteger)).where(is_open))
        later = leaves > bindparam("since", type_=Moment)
        moments.append(select(cast(null(), Integer), type_coerce(leaves, BigInteger)).where(mine == viewer, later))
    return union_all(*counted, *moments)


def may_ask(viewer: Member, others: Sequence[Person], *, by_address: bool = False) -> set[int]:
    """Return the ids of those the viewer may ask: they can be seen, neither of the two blocks the other, and they want to be asked.

    `by_address`: the viewer has the address of each of these in the address book that was just read. That counts as being near, but
    only there; it is remembered nowhere.
    """
    ids = _ids(others)
    given = values_of(ids)
    apart = ~blocked_between(viewer, Member.id)
    found = select(Member.id).join(given, given.c.value == Member.id).where(visible(), Member.id != viewer.id, apart)
    return set(db.session.scalars(found)) - closed_to(viewer, ids, by_address=by_address)


def closed_to(viewer: Member, ids: Sequence[int], *, by_address: bool = False) -> set[int]:
    """Return those of these members who don't want to be asked by the viewer. One statement, and two where nearness has to be looked up."""
    given = values_of(list(ids))
    rows = db.session.execute(
        select(Member.id, Member.askable, Member.cohort).join(given, given.c.value == Member.id)
    ).all()
    return closed_among(viewer, rows, by_address=by_address)


def closed_among(viewer: Member, rows: Iterable[Any], *, by_address: bool = False) -> set[int]:
    """Return the same of rows with `id`, `askable` and `cohort`. Near is who shares a cohort, or a connection that may be told."""
    rows = list(rows)
    closed = {row.id for row in rows if row.askable == "nobody"}
    distant = [row.id for row in rows if row.askable == "near" and not (row.cohort and row.cohort == viewer.cohort)]
    if by_address or not distant:
        return closed
    return closed | {each for each, shared in circles.of(viewer.id, distant).shared.items() if not shared}


def check_note(note: str) -> str:
    """Return a note as it is kept; Invalid when it is too long."""
    kept = note.replace("\r\n", "\n").strip()
    most = config.setting("NOTE_CHARACTERS")
    if len(kept) > most:
        raise Invalid(note=N_("Use at most %(most)s characters for your note").replace("%(most)s", str(most)))
    return kept


def invite(
    viewer: Member, others: Sequence[Person], note: str = "", *, by_address: bool = False, welcome: bool = False
) -> Result:
    """Ask members to connect. It is held for UNDO_SECONDS; who asked the viewer already is connected at once.

    Who does not want to be asked by the viewer (`may_ask`) is as unknown; with `welcome`, each of them has let the viewer ask.

    What is over the day's number leaves on the following days, each with its date. Refused, with both numbers, where more would be open
    than may be; then nothing is sent. A single one that cannot be asked is Refused or NotFound. Refused for who is silenced.
    """
    note = check_note(note)
    ids = [i for i in _ids(others) if i != viewer.id]
    members = store.lock_members([viewer.id, *ids])
    if not store.is_visible(members, viewer.id):
        raise NotFound
    seen = [i for i in ids if store.is_visible(members, i)]
    pairs = store.lock([ordered(viewer.id, i) for i in seen], make=True) if seen else store.Held({}, {})
    now = clock.now()
    given = Given(now, _numbers(), leaves_at=now, note=note)
    asking = [
        i
        for i in seen
        if decide(pairs[ordered(viewer.id, i)], Event.INVITE, who(ordered(viewer.id, i), viewer.id), given).word
        == "held"
    ]
    closed = set() if welcome else closed_among(viewer, [members[i] for i in asking], by_address=by_address)
    asking = [i for i in asking if i not in closed]
    if asking and not welcome:
        silence.check(viewer)
    leaves = _leave_dates(viewer.id, len(asking), now)
    batch = None
    if asking:
        batch = Batch(
            key=tokens.new(), member_id=viewer.id, created_at=now, held_until=leaves[0], from_contacts=by_address
        )
        db.session.add(batch)
        db.session.flush()
    when = dict(zip((ordered(viewer.id, i) for i in asking), leaves, strict=True))
    room = _Room(members)

    def one(pair_ids: Ids, pair: Pair) -> Outcome:
        if not closed.isdisjoint(pair_ids):
            return Outcome(pair, unknown=True)
        mine = room.given(given, pair_ids, leaves_at=when.get(pair_ids, now), batch_id=batch.id if batch else None)
        return room.count(pair_ids, decide(pair, Event.INVITE, who(pair_ids, viewer.id), mine))

    outcomes = store.apply(pairs, one, members)
    if len(ids) == 1:
        _say(outcomes)
    end = now + given.numbers.undo
    queued = Counter(moment.date() for moment in leaves if moment > end)
    words = Counter("gone" if outcome.unknown or outcome.refusal else outcome.word for outcome in outcomes.values())
    result = Result(
        batch=batch,
        invited=len(leaves) - sum(queued.values()),
        connected=words["connected"],
        gone=words["gone"] + len(ids) - len(seen),
        already=words["unchanged"],
        queued=dict(sorted(queued.items())),
    )
    if by_address and (leaves or result.connected):
        ledger.sent(viewer.id, "members", result.invited, result.queued, connected=result.connected)
    return result


def _leave_dates(viewer_id: int, number: int, now: datetime) -> list[datetime]:
    """Return when each of so many invitations leaves: the day's number after the undo, the rest a day later each."""
    open_now, leaving = _sent(viewer_id, now)
    most = config.setting("INVITATIONS_OPEN_MAX")
    if number and open_now + number > most:
        raise Refused(
            N_("You chose %(number)s, but only %(left)s more invitations may be open at once. Choose fewer."),
            number=number,
            left=max(0, most - open_now),
        )
    per_day = max(1, config.setting("INVITATIONS_PER_DAY"))
    end = now + timedelta(seconds=config.setting("UNDO_SECONDS"))
    dates: list[datetime] = []
    window = 0
    while len(dates) < number:
        free = max(0, per_day - leaving[window])
        dates += [end + window * DAY] * min(free, number - len(dates))
        window += 1
    return dates


def undo(viewer: Member, *, batch: Batch | None = None, others: Sequence[Person] = ()) -> int:
    """Take back what has not left, of a batch or of these; return how many. Refused when everything has left."""
    ids = _of_batch(viewer, batch) if batch is not None else _ids(others)
    outcomes = _act(viewer, ids, Event.UNDO, joins=False) if ids else {}
    undone = store.words(outcomes)["undone"]
    if not undone:
        raise Refused(TOO_LATE)
    return undone


def _of_batch(viewer: Member, batch: Batch) -> list[int]:
    row = Relationship
    if batch.member_id != viewer.id:
        raise NotFound
    found = select(row.high_id).where(row.low_id == viewer.id, row.low_batch_id == batch.id, row.low_held)
    other = select(row.low_id).where(row.high_id == viewer.id, row.high_batch_id == batch.id, row.high_held)
    return [*db.session.scalars(found), *db.session.scalars(other)]


def withdraw(viewer: Member, others: Sequence[Person]) -> int:
    """Take invitations back: card, notification and undelivered mail go. Return how many; they may be repeated after REINVITE_DAYS."""
    words = store.words(_act(viewer, others, Event.WITHDRAW, joins=False))
    return words["withdrawn"] + words["undone"]


# Answering


def accept(viewer: Member, others: Sequence[Person]) -> int:
    """Say yes: connected at once; who asked is told when the time to undo has passed. Return how many."""
    return store.words(_act(viewer, others, Event.ACCEPT))["connected"]


def undo_accept(viewer: Member, others: Sequence[Person]) -> int:
    """Take an acceptance back within the time to undo; nobody was told yet."""
    return store.words(_act(viewer, others, Event.UNDO_ACCEPT))["undone"]


def ignore(viewer: Member, others: Sequence[Person]) -> int:
    """Put invitations aside. Who asked sees no difference. Return how many."""
    return store.words(_act(viewer, others, Event.IGNORE, joins=False))["ignored"]


def undo_ignore(viewer: Member, others: Sequence[Person]) -> int:
    """Bring ignored invitations back to Received, with their dates and without a second notice."""
    return store.words(_act(viewer, others, Event.UNDO_IGNORE, joins=False))["undone"]


def never_again(viewer: Member, other: Person) -> None:
    """Ignore, and let later invitations of this member go under Ignored unseen until the viewer lifts that."""
    _act(viewer, [other], Event.NEVER_AGAIN, joins=False)


def lift(viewer: Member, other: Person) -> None:
    """Let a member ask again who was not to."""
    _act(viewer, [other], Event.LIFT, joins=False)


# Ending


def end(viewer: Member, *others: Person) -> int:
    """End connections for both sides; return how many. Quiet: the other side is not told. Undoable for UNDO_SECONDS.

    Removing twice is one removal.
    """
    return store.words(_act(viewer, others, Event.REMOVE))["removed"]


def undo_end(viewer: Member, *others: Person) -> int:
    """Bring connections back that the viewer just removed, with their dates; return how many. Refused once the time has passed."""
    return store.words(_act(viewer, others, Event.UNDO_REMOVE))["connected"]


def block(viewer: Member, other: Person) -> None:
    """Make the two unknown to each other, whatever was between them."""
    _act(viewer, [other], Event.BLOCK, make=True)


def unblock(viewer: Member, other: Person) -> None:
    """Lift the viewer's own block. It never restores what was before."""
    _act(viewer, [other], Event.UNBLOCK)


def join(member: Member, inviters: Sequence[Person]) -> int:
    """Connect a member with those whose invitation by mail they accept, telling each once. Return how many.

    Who blocks the other, cannot be seen, or has a full list is left out.
    """
    ids = [i for i in _ids(inviters) if i != member.id]
    members = store.lock_members([member.id, *ids])
    seen = [i for i in ids if store.is_visible(members, i)]
    if not seen:
        return 0
    room = _Room(members)
    given = Given(clock.now(), _numbers())

    def one(pair_ids: Ids, pair: Pair) -> Outcome:
        if pair.state == "connected" or pair.is_blocked or room.given(given, pair_ids).full:
            return Outcome(pair)
        me = who(pair_ids, member.id)
        asked = Pair("pending", OTHER[me], given.now, given.now, low=pair.low, high=pair.high).with_side(me, held=False)
        accepted = decide(asked, Event.ACCEPT, me, room.given(given, pair_ids))
        answered = (Retract("low", "invitation"), Retract("high", "invitation"))
        told: tuple[Any, ...] = (Connect(given.now), *answered, Tell(OTHER[me], "connected", given.now))
        return room.count(pair_ids, Outcome(_without_undo(accepted.pair), "connected", told))

    outcomes = store.apply(store.lock([ordered(member.id, i) for i in seen], make=True, circles=True), one, members)
    return store.words(outcomes)["connected"]


def _without_undo(pair: Pair) -> Pair:
    return Pair(pair.state, None, pair.since, None, None, pair.low, pair.high)


# By itself


def release(now: datetime) -> int:
    """Let go every invitation whose hold has ended, with its card, notification and mail; return how many."""
    low, high = (store.due(now, side, RELEASED_AT_ONCE) for side in ("low", "high"))
    keys = sorted({*low, *high})
    if not keys:
        return 0
    members = store.lock_members(i for ids in keys for i in ids)
    room = _Room(members)
    given = Given(now, _numbers())

    def one(ids: Ids, pair: Pair) -> Outcome:
        outcome = Outcome(pair)
        gone = not all(store.is_visible(members, i) for i in ids)
        effects: list[Any] = []
        for side in _SIDES:
            mine = outcome.pair.side(side)
            if mine.held and mine.leaves_at is not None and mine.leaves_at <= now:
                event = Event.UNDO if gone else Event.RELEASE
                outcome = room.count(ids, decide(outcome.pair, event, side, room.given(given, ids)))
                effects += [] if gone else outcome.effects
        return Outcome(outcome.pair, outcome.word, tuple(effects))

    before = store.lock(keys)
    released = len(store.apply(before, one, members))
    held = [(ids, side, pair.side(side)) for ids, pair in before.items() for side in _SIDES]
    _note(
        "left",
        (
            (ids[0] if side == "low" else ids[1], mine)
            for ids, side, mine in held
            if mine.held and mine.leaves_at is not None and mine.leaves_at <= now
        ),
    )
    return released


def expire(now: datetime) -> int:
    """End the invitations that nobody answered in INVITATION_DAYS; return how many."""
    keys = store.ending(now, RELEASED_AT_ONCE)
    if not keys:
        return 0
    given = Given(now, _numbers())
    outcomes = store.apply(store.lock(keys), lambda _ids, pair: decide(pair, Event.EXPIRE, "low", given))
    return store.words(outcomes)["expired"]


def cancel_held(member: Member) -> int:
    """Take back whatever a member has asked that has not left, queued ones included; return how many."""
    row = Relationship
    asked = select(row.high_id).where(row.low_id == member.id, row.low_held)
    others = select(row.low_id).where(row.high_id == member.id, row.high_held)
    ids = [*db.session.scalars(asked), *db.session.scalars(others)]
    if not ids:
        return 0
    given = Given(clock.now(), _numbers())
    before = store.lock([ordered(member.id, each) for each in ids])
    outcomes = store.apply(before, lambda pair_ids, pair: decide(pair, Event.UNDO, who(pair_ids, member.id), given))
    _note_taken_back(member.id, before, outcomes)
    return store.words(outcomes)["undone"]


def put_off(member: Member, milliseconds: int) -> None:
    """Let whatever a member has asked that has not left leave so much later (below 0: earlier), each as far from the next as before."""
    row = Relationship
    for mine, held, leaves in (
        (row.low_id, row.low_held, row.low_leaves_at),
        (row.high_id, row.high_held, row.high_leaves_at),
    ):
        moved = (
            update(row).where(mine == member.id, held).values({leaves: type_coerce(leaves, BigInteger) + milliseconds})
        )
        db.session.execute(moved.execution_options(synchronize_session=False))
    db.session.expire_all()


def forget(member: Member) -> None:
    """Undo everything between a member and others before the account goes: their connections, counters and blobs are right afterwards."""
    forget_connections(member.id)
    row = Relationship
    mine = (row.low_id == member.id) | (row.high_id == member.id)
    db.session.execute(delete(row).where(mine).execution_options(synchronize_session=False))


def forget_connections(member_id: int, most: int | None = None) -> int:
    """End so many of a member's connections (None: all) as if the two had never met; everybody's counters and blobs are right afterwards.

    Return how many. A fixed number of statements.
    """
    others = _lock_with_connections(member_id, most)
    if others:
        pairs = [ordered(member_id, other) for other in others]
        store.follow([(ids, Disconnect()) for ids in pairs])
        given = rows_of([{"low": low, "high": high} for low, high in pairs], {"low": Integer(), "high": Integer()})
        row = Relationship
        meant = tuple_(row.low_id, row.high_id).in_(select(given.c.low, given.c.high))
        db.session.execute(delete(row).where(meant).execution_options(synchronize_session=False))
    return len(others)


def _lock_with_connections(member_id: int, most: int | None = None) -> list[int]:
    """Lock a member and everybody connected with them (so many), in the order all locks are taken; return the ids of the others.

    Who connects while the locks are waited for is found only then, so all are let go and taken again in their order. With the
    member's own lock held, nobody can connect any more.
    """
    mine = select(Connection.other_id).where(Connection.member_id == member_id).order_by(Connection.other_id)
    while True:
        with db.session.begin_nested() as attempt:
            others = list(db.session.scalars(mine.limit(most)))
            store.lock_members([member_id, *others])
            if list(db.session.scalars(mine.limit(most))) == others:
                return others
            attempt.rollback()
