"""Redis, where an operator has it: what several processes count together, and nothing that must not be lost.

A Redis that is gone costs a process one short wait, then none: for a second everything that needs it is refused at once, and then one
request tries again. So it comes back without a restart.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from flask import current_app

from webapp.config import setting

T = TypeVar("T")
log = structlog.get_logger("kith.shared")

SECONDS = 0.5
"""So long Redis is waited for. It answers in a fraction of a thousandth."""
PAUSE_SECONDS = 1.0
"""So long nothing is asked of a Redis that did not answer."""


class Gone(Exception):
    """Redis does not answer."""


class Shared:
    """What one process has to do with Redis."""

    def __init__(self, url: str) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.errors: type[Exception] = redis.RedisError
        # Once more, at once, where a connection of the pool turns out to be dead: Redis was started anew.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        self.client: Any = redis.Redis.from_url(
            url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=again, decode_responses=True
        )
        self.lock = threading.Lock()
        self.until = 0.0
        self.is_gone = False

    def ask(self, question: Callable[[Any], T]) -> T:
        """Return what Redis answers; Gone where it does not, or has just not done so."""
        if self.is_gone:
            with self.lock:
                if time.monotonic() < self.until:
                    raise Gone
                self.until = time.monotonic() + PAUSE_SECONDS  # this one tries; the others need not wait for it
        try:
            found = question(self.client)
        except self.errors as error:
            self._lost(error)
            raise Gone from None
        if self.is_gone:
            self.is_gone = False
            log.warning("redis is back")
        return found

    def _lost(self, error: Exception) -> None:
        with self.lock:
            self.until = time.monotonic() + PAUSE_SECONDS
            was_there, self.is_gone = not self.is_gone, True
        if was_there:
            log.error("redis is gone", kind=type(error).__name__)


def is_shared() -> bool:
    """Whether there is a Redis for this instance."""
    return bool(setting("REDIS_URL"))


def ask(question: Callable[[Any], T]) -> T:
    """Ask this instance's Redis; Gone where it does not answer."""
    url = setting("REDIS_URL")
    kept: tuple[str, Shared] | None = current_app.extensions.get("kith.shared")
    if kept is None or kept[0] != url:
        kept = current_app.extensions["kith.shared"] = (url, Shared(url))
    return kept[1].ask(question)
