"""Turns of the threads of a process: so many at once, and who came first goes first."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Place:
    """Somebody's place among those who have their turn or wait for it."""

    __slots__ = ("_turns", "came", "turn")

    def __init__(self, turns: "Turns") -> None:
        self._turns = turns
        self.came = time.monotonic()
        self.turn = threading.Lock()
        self.turn.acquire()

    def leave(self) -> None:
        """Let the next one go, if it is not done yet. What is done after that is done without a turn."""
        self._turns.left(self)


class Turns:
    """So many may go at once. A turn that was waited for in vain is taken nevertheless: nothing that hangs keeps the others out."""

    def __init__(self, many: int) -> None:
        self.many = many
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
                mine.turn.acquire(timeout=seconds)
            yield mine
        finally:
            self.left(mine)

    def admit(self, _mine: Place) -> None:
        """Raise where this one is not even to wait. Here all may."""

    def left(self, place: Place) -> None:
        """Take somebody's place away, if it is still there, and let the next one go where that was a turn."""
        with self.lock:
            if place not in self.places:
                return
            had_turn = self.places.index(place) < self.many
            self.places.remove(place)
            if had_turn and len(self.places) >= self.many:
                self.places[self.many - 1].turn.release()


page: ContextVar[Place | None] = ContextVar("page", default=None)
"""The turn of the page that this thread makes, if it has one."""


def give_up() -> None:
    """Let the next page be made: this thread is about to wait, or to do something that takes long."""
    mine = page.get()
    if mine is not None:
        mine.leave()
