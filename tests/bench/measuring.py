"""Measuring: cases in turns, so that whatever else the machine does falls on all of them; the median, and how far it varies."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from sqlalchemy import event

from webapp.extensions import db

WARM_UP = 3


def _nothing(*_given: Any) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """Something to measure. What `before` returns is given to `run` and to `after`; only `run` is on the clock."""

    run: Callable[..., Any]
    before: Callable[[], Any] = _nothing
    after: Callable[..., Any] = _nothing

    def once(self) -> float:
        """Run it once; return the seconds it took."""
        given = self.before()
        gc.collect(0)
        begun = time.perf_counter()
        self.run(given)
        took = time.perf_counter() - begun
        self.after(given)
        return took


@dataclass(frozen=True)
class Ratio:
    """How many times as long the one takes as the other, turn by turn: the median, and the middle half."""

    middle: float
    low: float
    high: float


def in_turns(cases: Sequence[Case], rounds: int) -> list[list[float]]:
    """Run the cases A B C, C B A, A B C ... and return the seconds of each."""
    taken: list[list[float]] = [[] for _ in cases]
    order = list(enumerate(cases))
    for _ in range(WARM_UP if rounds > WARM_UP else 1):
        for case in cases:
            case.once()
    for _ in range(rounds):
        for number, case in order:
            taken[number].append(case.once())
        order.reverse()
    return taken


def ratio(taken: Sequence[float], against: Sequence[float], share: float = 1.0) -> Ratio:
    """Return the ratio of two cases that were measured in turns, times `share` (to compare what one of many costs)."""
    pairs = [one / other * share for one, other in zip(taken, against, strict=True)]
    return Ratio(median(pairs), *quantiles(pairs, n=4)[::2])


@contextmanager
def statements():
    """Note the SQL statements of the block."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def count(case: Case) -> int:
    """Return how many statements a case needs."""
    given = case.before()
    with statements() as seen:
        case.run(given)
    case.after(given)
    return len(seen)


def commits(case: Case) -> int:
    """Return how many transactions a case commits."""
    given = case.before()
    seen: list[Any] = []

    def note(connection: Any) -> None:
        seen.append(connection)

    event.listen(db.engine, "commit", note)
    try:
        case.run(given)
    finally:
        event.remove(db.engine, "commit", note)
    case.after(given)
    return len(seen)


def memory(case: Case) -> int:
    """Return how many bytes Python holds at most while a case runs, beyond those it held before."""
    given = case.before()
    gc.collect()
    tracemalloc.start()
    try:
        case.run(given)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    case.after(given)
    return peak
