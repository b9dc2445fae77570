"""The clock: the one place that tells the time, so that a test can move it."""

from datetime import UTC, datetime, timedelta

_moved = timedelta(0)


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC) + _moved


def move(**by: float) -> None:
    """Move the clock by a `timedelta`'s keywords (`days=1`, `seconds=61`). For tests and for the proof of the promise."""
    global _moved  # noqa: PLW0603 - the one thing this module holds
    _moved += timedelta(**by)


def reset() -> None:
    """Put the clock right again."""
    global _moved  # noqa: PLW0603
    _moved = timedelta(0)
