"""The clock: the one place that tells the time, so that a test can move it."""

from datetime import UTC, datetime, timedelta

_moved = timedelta(0)
_held: datetime | None = None


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return (_held or datetime.now(UTC)) + _moved


def hold(moment: datetime) -> None:
    """Stop the clock at a moment: from now on only `move` moves it. For the proof of the promise, which compares whole pages."""
    global _held  # noqa: PLW0603
    _held = moment


def move(**by: float) -> None:
    """Move the clock by a `timedelta`'s keywords (`days=1`, `seconds=61`). For tests and for the proof of the promise."""
    global _moved  # noqa: PLW0603 - the one thing this module holds
    _moved += timedelta(**by)


def reset() -> None:
    """Put the clock right again."""
    global _moved, _held
    _moved, _held = timedelta(0), None
