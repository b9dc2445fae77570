"""Turns of the threads of a process: so many at once, and who came first goes first."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice


class Place:
    """Somebody's place among those who have their turn or wait for it."""

    __slots__ = ("_turns", "began", "came", "turn")

    def __init__(self, turns: "Turns") -> None:
        self._turns = turns
        self.came = self.began = time.monotonic()
        self.turn = threading.Lock()
        self.turn.acquire()

    def leave(self) -> None:
        """Let the next one go, if it is not done yet. What is done after that is done without a turn."""
        self._turns.left(self)


class Turns:
    """So many may go at once. A turn that was waited for in vain is taken nevertheless: nothing that hangs keeps the others out.

    Where a turn may not last longer than `longest` seconds, the next one goes on beside it after about twice that.
    """

    def __init__(self, many: int, longest: float = threading.TIMEOUT_MAX) -> None:
        self.many = many
        self.longest = longest
        self.lock = threading.Lock()
        self.places: deque[Place] = deque()

    @contextmanager
    def place(self, seconds: float) -> Iterator[Place]:
        """Wait for one's turn, at most so many seconds, and have it during the block, or until one leaves."""
        mine = Place(self)
        with self.lock:
            self.admit(mine)
            self.places.append(mine)
            is_free = len(self.places) <= self.many
        try:
            if not is_free:
                self._wait(mine, mine.came + seconds)
            yield mine
        finally:
            self.left(mine)

    def admit(self, _mine: Place) -> None:
        """Raise where this one is not even to wait. Here all may."""

    def left(self, place: Place) -> None:
        """Take somebody's place away, if it is still there, and let the next one go where that was a turn."""
        with self.lock:
            self._remove(place)

    def _wait(self, mine: Place, end: float) -> None:
        left = end - time.monotonic()
        while left > 0 and not mine.turn.acquire(timeout=min(left, self.longest)):
            now = time.monotonic()
            left = end - now
            with self.lock:
                for each in [*islice(self.places, self.many)]:
                    if now - each.began > self.longest:
                        self._remove(each)

    def _remove(self, place: Place) -> None:
        if place not in self.places:
            return
        had_turn = self.places.index(place) < self.many
        self.places.remove(place)
        if had_turn and len(self.places) >= self.many:
            following = self.places[self.many - 1]
            following.began = time.monotonic()
            following.turn.release()


page: ContextVar[Place | None] = ContextVar("page", default=None)
"""The turn of the page that this thread makes, if it has one."""


def give_up() -> None:
    """Let the next page be made: this thread is about to wait, or to do something that takes long."""
    mine = page.get()
    if mine is not None:
        mine.leave()
