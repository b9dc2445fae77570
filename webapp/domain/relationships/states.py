"""What an event does to a pair of members: pure, without database, clock or settings.

The table of states is written here once. `decide` answers every event in every state; an event the state does not offer changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Literal

from webapp.domain.errors import N_

Who = Literal["low", "high"]
OTHER: Mapping[Who, Who] = {"low": "high", "high": "low"}
OPEN = ("pending", "ignored")


@dataclass(frozen=True)
class Side:
    """What belongs to one of the two: its hold and note, its block, and from when or whether it may ask."""

    held: bool = False
    leaves_at: datetime | None = None
    batch_id: int | None = None
    note: str = ""
    blocked_at: datetime | None = None
    may_ask_from: datetime | None = None
    quiet_until: datetime | None = None
    refused_at: datetime | None = None


@dataclass(frozen=True)
class Undo:
    """What an undo of the last answer or removal brings back, and who may."""

    by: Who
    until: datetime
    state: str
    of: Who
    since: datetime


@dataclass(frozen=True)
class Pair:
    """The state of two members. `by`: who asked, withdrew or removed; in the states none and connected, nobody."""

    state: str = "none"
    by: Who | None = None
    since: datetime | None = None
    expires_at: datetime | None = None
    undo: Undo | None = None
    low: Side = field(default_factory=Side)
    high: Side = field(default_factory=Side)

    def side(self, who: Who) -> Side:
        """Return one of the two sides."""
        return self.low if who == "low" else self.high

    def with_side(self, who: Who, **changes: Any) -> "Pair":
        """Return the pair with one side changed."""
        changed = replace(self.side(who), **changes)
        low, high = (changed, self.high) if who == "low" else (self.low, changed)
        return Pair(self.state, self.by, self.since, self.expires_at, self.undo, low, high)

    @property
    def is_blocked(self) -> bool:
        """Whether either of the two blocks the other."""
        return self.low.blocked_at is not None or self.high.blocked_at is not None

    def asked(self, who: Who) -> bool:
        """Whether `who` can see that the other asked: it left, and `who` is not asking at the same time."""
        return self.state in OPEN and self.by == OTHER[who] and not self.side(who).held


class Event(Enum):
    """What can happen to a pair. All but RELEASE and EXPIRE are done by one of the two."""

    INVITE = auto()
    RELEASE = auto()
    UNDO = auto()
    ACCEPT = auto()
    UNDO_ACCEPT = auto()
    IGNORE = auto()
    UNDO_IGNORE = auto()
    NEVER_AGAIN = auto()
    LIFT = auto()
    WITHDRAW = auto()
    REMOVE = auto()
    UNDO_REMOVE = auto()
    BLOCK = auto()
    UNBLOCK = auto()
    EXPIRE = auto()


@dataclass(frozen=True)
class Numbers:
    """The numbers of the contract that decide."""

    undo: timedelta
    invitation: timedelta
    reinvite: timedelta
    quiet: timedelta


@dataclass(frozen=True)
class Given:
    """What an event comes with: when it happens, the numbers, and for INVITE when it leaves, in which batch, with what note."""

    now: datetime
    numbers: Numbers
    leaves_at: datetime | None = None
    batch_id: int | None = None
    note: str = ""
    full: frozenset[Who] = frozenset()
    """Whose list of connections is full."""


@dataclass(frozen=True)
class Connect:
    """Both become connections, since then."""

    since: datetime


@dataclass(frozen=True)
class Disconnect:
    """Both stop being connections."""


@dataclass(frozen=True)
class Tell:
    """`who` gets a notification and, by preference, a mail; both appear from `at` on."""

    who: Who
    kind: str
    at: datetime


@dataclass(frozen=True)
class Retract:
    """What `who` was told, and the mail that has not left, are taken back."""

    who: Who
    kind: str


Effect = Connect | Disconnect | Tell | Retract


@dataclass(frozen=True)
class Outcome:
    """What an event comes to: the pair afterwards, what follows from it, or why not.

    `word` names it for the sum of a batch: held, connected, unchanged, ignored, ... `refusal` is a sentence (409) and `unknown` means the
    actor may not know of the other (404); both leave the pair as it was.
    """

    pair: Pair
    word: str = "unchanged"
    effects: tuple[Effect, ...] = ()
    refusal: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    unknown: bool = False


ENDED = N_("This invitation is no longer open.")
TOO_LATE = N_("Too late, they have been sent.")
UNBLOCK_FIRST = N_("Unblock first, then invite.")
TOO_EARLY = N_("You can invite again on %(date)s.")
YOUR_LIST_IS_FULL = N_("Your list of connections is full. Remove somebody first.")
THEIR_LIST_IS_FULL = N_("Their list of connections is full, so they can't be added now.")


def decide(pair: Pair, event: Event, me: Who, given: Given) -> Outcome:
    """Return what `event`, done by `me`, does to the pair."""
    if event not in (Event.BLOCK, Event.UNBLOCK) and pair.is_blocked:
        if event is Event.INVITE and pair.side(me).blocked_at and not pair.side(OTHER[me]).blocked_at:
            return Outcome(pair, refusal=UNBLOCK_FIRST)
        return Outcome(pair, unknown=event not in (Event.RELEASE, Event.EXPIRE))
    return _RULES[event](pair, me, given)


def _invite(pair: Pair, me: Who, given: Given) -> Outcome:
    mine = pair.side(me)
    if pair.state == "connected" or mine.held or (pair.state in OPEN and pair.by == me):
        return Outcome(pair)
    if pair.asked(me):
        return _accept(pair, me, given)
    if mine.may_ask_from is not None and given.now < mine.may_ask_from:
        return Outcome(pair, refusal=TOO_EARLY, params={"date": mine.may_ask_from})
    held = pair.with_side(me, held=True, leaves_at=given.leaves_at, batch_id=given.batch_id, note=given.note)
    return Outcome(held, "held")


def _release(pair: Pair, me: Who, given: Given) -> Outcome:
    """End a hold whose time has come. Two that ask each other are connected when both holds have ended."""
    mine, theirs, other = pair.side(me), pair.side(OTHER[me]), OTHER[me]
    if not mine.held:
        return Outcome(pair)
    assert pair.state != "connected", "becoming connected ends both holds"
    pair = pair.with_side(me, held=False)
    if pair.state in OPEN:
        return _connected(pair, given, both=True)
    queued = theirs.held and theirs.leaves_at is not None and theirs.leaves_at > given.now + given.numbers.undo
    if queued:  # the other wants it too, and has had the time to undo
        return _connected(pair, given, both=True)
    quiet = mine.refused_at is not None or (mine.quiet_until is not None and given.now < mine.quiet_until)
    asking = replace(
        pair,
        state="ignored" if quiet else "pending",
        by=me,
        since=given.now,
        expires_at=given.now + given.numbers.invitation,
        undo=None if pair.undo is None or pair.undo.state != "connected" else pair.undo,
    ).with_side(me, may_ask_from=None)
    if quiet or theirs.held:
        return Outcome(asking, "released")
    return Outcome(asking, "released", (Tell(other, "invitation", given.now),))


def _undo(pair: Pair, me: Who, given: Given) -> Outcome:
    mine = pair.side(me)
    if not mine.held:
        asked = pair.state in OPEN and pair.by == me
        return Outcome(pair, refusal=TOO_LATE) if asked else Outcome(pair)
    undone = pair.with_side(me, held=False, leaves_at=None, batch_id=None, note="")
    if pair.state == "pending" and pair.by == OTHER[me]:
        return Outcome(undone, "undone", (Tell(me, "invitation", given.now),))  # it waited for both holds to end
    return Outcome(undone, "undone")


def _stale(pair: Pair, me: Who) -> Outcome:
    """Answer somebody whose card shows what is over; one who never had a card learns nothing."""
    if pair.state in ("withdrawn", "expired", "removed"):
        return Outcome(pair, refusal=ENDED)
    if pair.state == "connected" or (pair.state in OPEN and pair.by == me):
        return Outcome(pair)
    return Outcome(pair, unknown=True)


def _accept(pair: Pair, me: Who, given: Given) -> Outcome:
    if not pair.asked(me):
        return _stale(pair, me)
    if given.full:
        return Outcome(pair, refusal=YOUR_LIST_IS_FULL if me in given.full else THEIR_LIST_IS_FULL)
    return _connected(pair, given, accepted_by=me)


def _connected(pair: Pair, given: Given, *, accepted_by: Who | None = None, both: bool = False) -> Outcome:
    """Connect the two. Who asked is told once the time to undo the answer has passed; where both asked, both are told now."""
    if given.full:
        # What waited for both holds to end is a card now.
        told_later = (Tell(OTHER[pair.by], "invitation", given.now),) if pair.state == "pending" and pair.by else ()
        return Outcome(_cleared(pair), "full", told_later)
    undo = None
    told: tuple[Effect, ...] = ()
    if accepted_by is not None:
        asker = OTHER[accepted_by]
        assert pair.since is not None
        undo = Undo(accepted_by, given.now + given.numbers.undo, pair.state, asker, pair.since)
        told = (Retract(accepted_by, "invitation"), Tell(asker, "connected", given.now + given.numbers.undo))
    if both:
        told = (Tell("low", "connected", given.now), Tell("high", "connected", given.now))
    after = replace(pair, state="connected", by=None, since=given.now, undo=undo)
    if both:
        after = replace(after, expires_at=None)
    for who in ("low", "high"):
        after = after.with_side(who, held=False, may_ask_from=None, quiet_until=None, refused_at=None)
        if both:
            after = after.with_side(who, note="")
    return Outcome(after, "connected", (Connect(given.now), *told))


def _undo_accept(pair: Pair, me: Who, given: Given) -> Outcome:
    undo = pair.undo
    if pair.state != "connected" or undo is None or undo.by != me or undo.state not in OPEN or given.now > undo.until:
        return Outcome(pair, refusal=TOO_LATE) if pair.state == "connected" else _stale(pair, me)
    before = replace(pair, state=undo.state, by=undo.of, since=undo.since, undo=None)
    return Outcome(before, "undone", (Disconnect(), Retract(OTHER[me], "connected")))


def _ignore(pair: Pair, me: Who, given: Given) -> Outcome:
    if not pair.asked(me):
        return _stale(pair, me)
    if pair.state == "ignored":
        return Outcome(pair)
    assert pair.since is not None
    undo = Undo(me, given.now + given.numbers.undo, "pending", OTHER[me], pair.since)
    return Outcome(replace(pair, state="ignored", undo=undo), "ignored", (Retract(me, "invitation"),))


def _undo_ignore(pair: Pair, me: Who, given: Given) -> Outcome:
    undo = pair.undo
    if not pair.asked(me) or undo is None or undo.by != me or undo.state != "pending" or given.now > undo.until:
        return _stale(pair, me) if not pair.asked(me) else Outcome(pair)
    return Outcome(replace(pair, state="pending", undo=None), "undone")


def _never_again(pair: Pair, me: Who, given: Given) -> Outcome:
    ignored = _ignore(pair, me, given)
    if not pair.asked(me):
        return ignored
    return replace(ignored, pair=ignored.pair.with_side(OTHER[me], refused_at=given.now), word="ignored")


def _lift(pair: Pair, me: Who, _given: Given) -> Outcome:
    if pair.side(OTHER[me]).refused_at is None:
        return Outcome(pair)
    return Outcome(pair.with_side(OTHER[me], refused_at=None), "lifted")


def _withdraw(pair: Pair, me: Who, given: Given) -> Outcome:
    if pair.side(me).held:
        return _undo(pair, me, given)
    if pair.state not in OPEN or pair.by != me:
        return Outcome(pair)
    after = _ended(pair, "withdrawn", me, given).with_side(me, may_ask_from=given.now + given.numbers.reinvite)
    return Outcome(after, "withdrawn", (Retract(OTHER[me], "invitation"),))


def _ended(pair: Pair, state: str, by: Who | None, given: Given) -> Pair:
    """Return the pair after an ask or a connection ended; the notes go with it."""
    after = replace(pair, state=state, by=by, since=given.now, expires_at=None, undo=None)
    for who in ("low", "high"):
        if not after.side(who).held:
            after = after.with_side(who, note="")
    return after


def _remove(pair: Pair, me: Who, given: Given) -> Outcome:
    if pair.state != "connected":
        return Outcome(pair)
    assert pair.since is not None
    undo = Undo(me, given.now + given.numbers.undo, "connected", me, pair.since)
    after = replace(_ended(pair, "removed", me, given), undo=undo)
    after = after.with_side(OTHER[me], quiet_until=given.now + given.numbers.quiet).with_side(me, quiet_until=None)
    return Outcome(after, "removed", (Disconnect(), Retract("low", "connected"), Retract("high", "connected")))


def _undo_remove(pair: Pair, me: Who, given: Given) -> Outcome:
    undo = pair.undo
    open_ask = pair.state in OPEN and pair.by == OTHER[me]
    if undo is None or undo.by != me or undo.state != "connected" or given.now > undo.until:
        return Outcome(pair, refusal=TOO_LATE) if pair.state == "removed" and pair.by == me else Outcome(pair)
    if pair.state != "removed" and not open_ask:
        return Outcome(pair)
    if given.full:
        return Outcome(pair, refusal=YOUR_LIST_IS_FULL if me in given.full else THEIR_LIST_IS_FULL)
    after = replace(pair, state="connected", by=None, since=undo.since, expires_at=None, undo=None)
    for who in ("low", "high"):
        after = after.with_side(who, held=False, note="", quiet_until=None)
    return Outcome(after, "connected", (Connect(undo.since),))


def _block(pair: Pair, me: Who, given: Given) -> Outcome:
    """Block the other. It ends holds, counts as withdrawing an own invitation, and as removing a connection."""
    if pair.side(me).blocked_at is not None:
        return Outcome(pair)
    other = OTHER[me]
    effects: list[Effect] = [Retract(who, kind) for who in (me, other) for kind in ("invitation", "connected")]
    after = _cleared(pair)
    if pair.state == "connected":
        effects.insert(0, Disconnect())
        after = _ended(after, "removed", me, given).with_side(other, quiet_until=given.now + given.numbers.quiet)
    elif pair.state in OPEN and pair.by == me:
        after = _ended(after, "withdrawn", me, given).with_side(me, may_ask_from=given.now + given.numbers.reinvite)
    elif pair.state in OPEN:
        after = _ended(after, "none", None, given)
    after = replace(after, undo=None).with_side(me, blocked_at=given.now)
    return Outcome(after, "blocked", tuple(effects))


def _cleared(pair: Pair) -> Pair:
    """Return the pair without holds."""
    for who in ("low", "high"):
        if pair.side(who).held:
            pair = pair.with_side(who, held=False, leaves_at=None, batch_id=None, note="")
    return pair


def _unblock(pair: Pair, me: Who, _given: Given) -> Outcome:
    if pair.side(me).blocked_at is None:
        return Outcome(pair)
    return Outcome(pair.with_side(me, blocked_at=None), "unblocked")


def _expire(pair: Pair, _me: Who, given: Given) -> Outcome:
    if pair.state not in OPEN or pair.expires_at is None or given.now < pair.expires_at:
        return Outcome(pair)
    assert pair.by is not None
    return Outcome(_ended(pair, "expired", pair.by, given), "expired", (Retract(OTHER[pair.by], "invitation"),))


_RULES: Mapping[Event, Callable[[Pair, Who, Given], Outcome]] = {
    Event.INVITE: _invite,
    Event.RELEASE: _release,
    Event.UNDO: _undo,
    Event.ACCEPT: _accept,
    Event.UNDO_ACCEPT: _undo_accept,
    Event.IGNORE: _ignore,
    Event.UNDO_IGNORE: _undo_ignore,
    Event.NEVER_AGAIN: _never_again,
    Event.LIFT: _lift,
    Event.WITHDRAW: _withdraw,
    Event.REMOVE: _remove,
    Event.UNDO_REMOVE: _undo_remove,
    Event.BLOCK: _block,
    Event.UNBLOCK: _unblock,
    Event.EXPIRE: _expire,
}
