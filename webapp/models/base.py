"""What all tables share: moments in time, the same on both engines."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, TypeDecorator, bindparam

from webapp import clock
from webapp.extensions import Base, db

__all__ = ["NOW", "Base", "Moment", "db", "from_ms", "to_ms"]


def to_ms(moment: datetime) -> int:
    """Return a moment as the database keeps it: whole milliseconds since 1970, UTC."""
    return int(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return the aware moment that the database keeps as milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment, kept as milliseconds in a BIGINT: orders, compares and binds alike on SQLite and PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """Write a moment; a naive one is a mistake of ours and is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs its time zone.")
        return to_ms(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """Read a moment back."""
        return None if value is None else from_ms(value)


NOW = bindparam("now", callable_=clock.now, type_=Moment)
"""The moment at which a statement runs, also of one that was built long before."""
