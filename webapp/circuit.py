"""Another server that may be gone: it costs a process one short wait, then none, and comes back without a restart.

For a second after it did not answer, everything that would need it is told at once that it is gone; then one request tries again.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

PAUSE_SECONDS = 1.0
"""So long nothing is asked of a server that did not answer."""
log = structlog.get_logger("kith.circuit")


class Gone(Exception):
    """It does not answer, or has just not done so."""


class Circuit:
    """The way to one server, as one process knows it. `name` is what the log calls it."""

    def __init__(self, name: str, errors: type[Exception] | tuple[type[Exception], ...]) -> None:
        self.errors = errors
        self.gone, self.back = f"{name} is gone", f"{name} is back"
        self.lock = threading.Lock()
        self.until = 0.0
        self.is_gone = False

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Run the block, which asks it; Gone where it does not answer (one of `errors`), and without asking where it has just not."""
        if self.is_gone:
            with self.lock:
                if time.monotonic() < self.until:
                    raise Gone
                self.until = time.monotonic() + PAUSE_SECONDS  # this one tries; the others need not wait for it
        try:
            yield
        except self.errors as error:
            self._lost(error)
            raise Gone from None
        if self.is_gone:
            self.is_gone = False
            log.warning(self.back)

    def _lost(self, error: Exception) -> None:
        with self.lock:
            self.until = time.monotonic() + PAUSE_SECONDS
            was_there, self.is_gone = not self.is_gone, True
        if was_there:
            log.error(self.gone, kind=type(error).__name__)
