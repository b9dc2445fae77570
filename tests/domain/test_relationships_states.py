"""Every state of a pair met by every event, from both sides: no cell is without an answer, and the answers are these."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from webapp.domain.relationships.states import (
    OPEN,
    OTHER,
    Connect,
    Disconnect,
    Event,
    Given,
    Numbers,
    Pair,
    Retract,
    Side,
    Tell,
    Undo,
    decide,
)

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(seconds=60), timedelta(days=1)
GIVEN = Given(NOW, Numbers(MINUTE, 180 * DAY, 21 * DAY, 90 * DAY), leaves_at=NOW + MINUTE, batch_id=7, note="Hello")
HELD = Side(held=True, leaves_at=NOW, batch_id=3, note="Held")
QUEUED = replace(HELD, leaves_at=NOW + DAY)
LATER = NOW + 100 * DAY


def ended(state, by, **sides):
    return Pair(state, by, NOW - DAY, None, None, **sides)


# "me" is the low one. What stands before the name says whose doing it was.
STATES = {
    "none": Pair(),
    "held by me": Pair(low=HELD),
    "held by them": Pair(high=HELD),
    "held by both": Pair(low=HELD, high=HELD),
    "held by me, queued by them": Pair(low=HELD, high=QUEUED),
    "I asked": Pair("pending", "low", NOW - DAY, LATER, None, low=Side(note="Mine")),
    "they asked": Pair("pending", "high", NOW - DAY, LATER, None, high=Side(note="Theirs")),
    "they asked, held by me": Pair("pending", "high", NOW - DAY, LATER, None, low=HELD),
    "I asked, held by them": Pair("pending", "low", NOW - DAY, LATER, None, high=HELD),
    "I ignore": Pair("ignored", "high", NOW - DAY, LATER, None, high=Side(note="Theirs")),
    "I just ignored": Pair(
        "ignored", "high", NOW - DAY, LATER, Undo("low", NOW + MINUTE, "pending", "high", NOW - DAY)
    ),
    "I am ignored": Pair("ignored", "low", NOW - DAY, LATER),
    "connected": Pair("connected", None, NOW - DAY),
    "I just accepted": Pair("connected", None, NOW, LATER, Undo("low", NOW + MINUTE, "pending", "high", NOW - DAY)),
    "I withdrew": ended("withdrawn", "low", low=Side(may_ask_from=NOW + DAY)),
    "I withdrew long ago": ended("withdrawn", "low", low=Side(may_ask_from=NOW - DAY)),
    "they withdrew": ended("withdrawn", "high", high=Side(may_ask_from=NOW + DAY)),
    "expired": ended("expired", "high"),
    "due to expire": Pair("pending", "high", NOW - 180 * DAY, NOW),
    "I just removed": Pair(
        "removed",
        "low",
        NOW,
        None,
        Undo("low", NOW + MINUTE, "connected", "low", NOW - DAY),
        high=Side(quiet_until=LATER),
    ),
    "I just removed, and asked anew": Pair(
        "pending", "low", NOW, LATER, Undo("low", NOW + MINUTE, "connected", "low", NOW - DAY), low=Side(note="Mine")
    ),
    "I removed": ended("removed", "low", high=Side(quiet_until=LATER)),
    "they removed": ended("removed", "high", low=Side(quiet_until=LATER)),
    "they removed, held by me": ended("removed", "high", low=replace(HELD, quiet_until=LATER)),
    "not to ask again, held by me": Pair(low=replace(HELD, refused_at=NOW - DAY)),
    "they are not to ask again": Pair("ignored", "high", NOW - DAY, LATER, high=Side(refused_at=NOW - DAY)),
    "I block": Pair(low=Side(blocked_at=NOW - DAY)),
    "they block": Pair(high=Side(blocked_at=NOW - DAY)),
    "both block": Pair(low=Side(blocked_at=NOW - DAY), high=Side(blocked_at=NOW - DAY)),
}


def flipped(pair):
    """The same pair with the sides exchanged."""
    undo = pair.undo and replace(pair.undo, by=OTHER[pair.undo.by], of=OTHER[pair.undo.of])
    return replace(pair, by=pair.by and OTHER[pair.by], undo=undo, low=pair.high, high=pair.low)


def answer(state, event, pair=None):
    outcome = decide(pair or STATES[state], event, "low", GIVEN)
    if outcome.unknown:
        return "404"
    return "409" if outcome.refusal else outcome.word


TABLE = """
                             | INVITE | RELEASE | UNDO | ACCEPT | UNDO_ACCEPT | IGNORE | UNDO_IGNORE | NEVER_AGAIN | LIFT | WITHDRAW | REMOVE | UNDO_REMOVE | BLOCK | UNBLOCK | EXPIRE
none                         | held   |         |      | 404    | 404         | 404    | 404         | 404         |      |          |        |             | blocked |         |
held by me                   |        | released | undone | 404    | 404         | 404    | 404         | 404         |      | undone   |        |             | blocked |         |
held by them                 | held   |         |      | 404    | 404         | 404    | 404         | 404         |      |          |        |             | blocked |         |
held by both                 |        | released | undone | 404    | 404         | 404    | 404         | 404         |      | undone   |        |             | blocked |         |
held by me, queued by them   |        | connected | undone | 404    | 404         | 404    | 404         | 404         |      | undone   |        |             | blocked |         |
I asked                      |        |         | 409  |        |             |        |             |             |      | withdrawn |        |             | blocked |         |
they asked                   | connected |         |      | connected | 404         | ignored |             | ignored     |      |          |        |             | blocked |         |
they asked, held by me       |        | connected | undone | 404    | 404         | 404    | 404         | 404         |      | undone   |        |             | blocked |         |
I asked, held by them        |        |         | 409  |        |             |        |             |             |      | withdrawn |        |             | blocked |         |
I ignore                     | connected |         |      | connected | 404         |        |             | ignored     |      |          |        |             | blocked |         |
I just ignored               | connected |         |      | connected | 404         |        | undone      | ignored     |      |          |        |             | blocked |         |
I am ignored                 |        |         | 409  |        |             |        |             |             |      | withdrawn |        |             | blocked |         |
connected                    |        |         |      |        | 409         |        |             |             |      |          | removed |             | blocked |         |
I just accepted              |        |         |      |        | undone      |        |             |             |      |          | removed |             | blocked |         |
I withdrew                   | 409    |         |      | 409    | 409         | 409    | 409         | 409         |      |          |        |             | blocked |         |
I withdrew long ago          | held   |         |      | 409    | 409         | 409    | 409         | 409         |      |          |        |             | blocked |         |
they withdrew                | held   |         |      | 409    | 409         | 409    | 409         | 409         |      |          |        |             | blocked |         |
expired                      | held   |         |      | 409    | 409         | 409    | 409         | 409         |      |          |        |             | blocked |         |
due to expire                | connected |         |      | connected | 404         | ignored |             | ignored     |      |          |        |             | blocked |         | expired
I just removed               | held   |         |      | 409    | 409         | 409    | 409         | 409         |      |          |        | connected   | blocked |         |
I just removed, and asked anew |      |         | 409  |        |             |        |             |             |      | withdrawn |        |             | blocked |         |
I removed                    | held   |         |      | 409    | 409         | 409    | 409         | 409         |      |          |        | 409         | blocked |         |
they removed                 | held   |         |      | 409    | 409         | 409    | 409         | 409         |      |          |        |             | blocked |         |
they removed, held by me     |        | released | undone | 409    | 409         | 409    | 409         | 409         |      | undone   |        |             | blocked |         |
not to ask again, held by me |        | released | undone | 404    | 404         | 404    | 404         | 404         |      | undone   |        |             | blocked |         |
they are not to ask again    | connected |         |      | connected | 404         |        |             | ignored     | lifted |          |        |             | blocked |         |
I block                      | 409    |         | 404  | 404    | 404         | 404    | 404         | 404         | 404  | 404      | 404    | 404         |       | unblocked |
they block                   | 404    |         | 404  | 404    | 404         | 404    | 404         | 404         | 404  | 404      | 404    | 404         | blocked |         |
both block                   | 404    |         | 404  | 404    | 404         | 404    | 404         | 404         | 404  | 404      | 404    | 404         |       | unblocked |
"""


def expected():
    rows = [line.split("|") for line in TABLE.strip().splitlines()]
    names = [name.strip() for name in rows[0][1:]]
    return {
        (row[0].strip(), name): cell.strip() or "unchanged"
        for row in rows[1:]
        for name, cell in zip(names, row[1:], strict=True)
    }


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", STATES)
def test_every_cell_has_its_answer(state, event):
    assert answer(state, event) == expected()[state, event.name]


def test_the_table_has_no_cell_too_many():
    assert set(expected()) == {(state, event.name) for state in STATES for event in Event}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", STATES)
def test_what_holds_in_every_cell(state, event):
    before = STATES[state]
    outcome = decide(before, event, "low", GIVEN)
    after = outcome.pair
    if outcome.unknown or outcome.refusal:
        assert after == before
        assert outcome.effects == ()
    became = after.state == "connected" and before.state != "connected"
    ended_now = before.state == "connected" and after.state != "connected"
    assert any(isinstance(effect, Connect) for effect in outcome.effects) is became
    assert any(isinstance(effect, Disconnect) for effect in outcome.effects) is ended_now
    if after.state in {"withdrawn", "expired", "removed"} and after.state != before.state:
        assert all(not side.note for side in (after.low, after.high) if not side.held)
    if after.is_blocked:
        assert not after.low.held
        assert not after.high.held
    mirrored = decide(flipped(before), event, "high", GIVEN)
    assert flipped(mirrored.pair) == after
    assert mirrored.word == outcome.word


def test_whatever_happens_in_whatever_order_these_always_hold():
    """Every pair that up to six events can lead to, at once or with minutes, weeks and months between them."""
    later = [replace(GIVEN, now=NOW + passed) for passed in (timedelta(0), 2 * MINUTE, 30 * DAY, 200 * DAY)]
    seen, edge = {Pair()}, {Pair()}
    for _event in range(6):
        edge = {
            decide(pair, event, me, given).pair for pair in edge for event in Event for me in OTHER for given in later
        } - seen
        seen |= edge
    assert len(seen) > 1000
    for pair in seen:
        sides = (pair.low, pair.high)
        assert not (pair.state == "connected" and any(side.held for side in sides))
        assert not (pair.is_blocked and (pair.state in {"connected", *OPEN} or any(side.held for side in sides)))
        assert (pair.by is None) == (pair.state in {"none", "connected"})
        assert (pair.expires_at is not None) or pair.state not in OPEN
        assert all(side.leaves_at is not None for side in sides if side.held)


def test_a_full_list_refuses_what_gives_and_lets_what_takes_through():
    full = replace(GIVEN, full=frozenset({"low"}))
    for state, event in (
        ("they asked", Event.ACCEPT),
        ("they asked", Event.INVITE),
        ("I just removed", Event.UNDO_REMOVE),
    ):
        outcome = decide(STATES[state], event, "low", full)
        assert outcome.refusal
        assert outcome.pair == STATES[state]
    theirs = decide(STATES["they asked"], Event.ACCEPT, "low", replace(GIVEN, full=frozenset({"high"})))
    assert "Their list" in theirs.refusal
    met = decide(STATES["they asked, held by me"], Event.RELEASE, "low", full)
    assert met.pair.state == "pending"
    assert met.effects == (Tell("low", "invitation", NOW),)
    both = decide(STATES["held by me, queued by them"], Event.RELEASE, "low", full)
    assert both.word == "full"
    assert not both.effects
    assert decide(STATES["they asked"], Event.IGNORE, "low", full).word == "ignored"
    assert decide(STATES["connected"], Event.REMOVE, "low", full).word == "removed"
    theirs_full = decide(STATES["I just removed"], Event.UNDO_REMOVE, "low", replace(GIVEN, full=frozenset({"high"})))
    assert "Their list" in theirs_full.refusal


def test_who_is_told_and_when():
    accepted = decide(STATES["they asked"], Event.ACCEPT, "low", GIVEN)
    assert set(accepted.effects) == {
        Connect(NOW),
        Retract("low", "invitation"),
        Tell("high", "connected", NOW + MINUTE),
    }
    met = decide(STATES["they asked, held by me"], Event.RELEASE, "low", GIVEN)
    assert set(met.effects) == {Connect(NOW), Tell("low", "connected", NOW), Tell("high", "connected", NOW)}
    for state in ("they removed, held by me", "not to ask again, held by me"):
        quiet = decide(STATES[state], Event.RELEASE, "low", GIVEN)
        assert quiet.pair.state == "ignored"
        assert quiet.effects == ()


def test_an_undo_too_late_is_refused_or_changes_nothing():
    late = replace(GIVEN, now=NOW + 2 * MINUTE)
    assert decide(STATES["I just accepted"], Event.UNDO_ACCEPT, "low", late).refusal
    assert decide(STATES["I just removed"], Event.UNDO_REMOVE, "low", late).refusal
    assert decide(STATES["I just ignored"], Event.UNDO_IGNORE, "low", late).word == "unchanged"


def test_undoing_a_removal_dissolves_what_the_other_asked_meanwhile():
    removed = STATES["I just removed"]
    asking = decide(removed.with_side("high", held=True, leaves_at=NOW), Event.RELEASE, "high", GIVEN).pair
    assert asking.state == "ignored"
    back = decide(asking, Event.UNDO_REMOVE, "low", GIVEN)
    assert back.word == "connected"
    assert back.pair.since == NOW - DAY
    taken = decide(decide(asking, Event.ACCEPT, "low", GIVEN).pair, Event.UNDO_REMOVE, "low", GIVEN)
    assert taken.word == "unchanged"
