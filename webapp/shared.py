"""Redis, where an operator has it: what several processes count together, and nothing that must not be lost."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app

from webapp.circuit import Circuit, Gone
from webapp.config import setting

__all__ = ["Gone", "ask", "is_shared"]

T = TypeVar("T")

SECONDS = 0.5
"""So long Redis is waited for. It answers in a fraction of a thousandth."""


class Shared:
    """What one process has to do with Redis."""

    def __init__(self, url: str) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.circuit = Circuit("redis", redis.RedisError)
        # Once more, at once, where a connection of the pool turns out to be dead: Redis was started anew.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        self.client: Any = redis.Redis.from_url(
            url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=again, decode_responses=True
        )


def is_shared() -> bool:
    """Whether there is a Redis for this instance."""
    return bool(setting("REDIS_URL"))


def ask(question: Callable[[Any], T]) -> T:
    """Ask this instance's Redis; Gone where it does not answer."""
    url = setting("REDIS_URL")
    kept: tuple[str, Shared] | None = current_app.extensions.get("kith.shared")
    if kept is None or kept[0] != url:
        kept = current_app.extensions["kith.shared"] = (url, Shared(url))
    shared = kept[1]
    with shared.circuit.asking():
        return question(shared.client)
