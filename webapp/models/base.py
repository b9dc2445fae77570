"""What all tables share: moments in time, the same on both engines."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, TypeDecorator, bindparam

from webapp import clock, sealed
from webapp.extensions import Base, db

__all__ = [
    "KEYED",
    "LAST_ID",
    "LAST_MS",
    "NOT_IN_BACKUPS",
    "NOW",
    "Base",
    "Moment",
    "Sealed",
    "db",
    "from_ms",
    "sealed_for",
    "to_ms",
]


LAST_ID = 2**31 - 1
"""No row has a higher number; PostgreSQL compares it with none."""
LAST_MS = 6 * 10**13
"""No moment we keep is further away from 1970: Python can count so far back and ahead, and no further than the year 9999."""
NOT_IN_BACKUPS = {"in_backups": False}
"""The `info` of a table whose rows no backup holds: they end within hours, and mean nothing anywhere else."""

KEYED = {"keyed": True}
"""The `info` of a column that holds keyed hashes (`tokens.keyed_hash`), so that `kith rotate-key` lays each new key over them."""


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


class Sealed(TypeDecorator[Any]):
    """A value of JSON, sealed under the instance's wrapping key: without the key file, a copy of the database does not tell it.

    `place` is the table and the column; put into another column, it does not open. Two equal values look different, so nothing can be
    compared or sorted by it. With another wrapping key, reading raises sealed.Unreadable.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        """Seal a value; None stays NULL."""
        return None if value is None else sealed.wrap(json.dumps(value, ensure_ascii=False).encode(), self.place)

    def process_result_value(self, value: bytes | None, dialect: Any) -> Any:
        """Open a value."""
        return None if value is None else json.loads(sealed.unwrap(bytes(value), self.place))


def sealed_for(place: str) -> dict[str, str]:
    """Return the `info` of a column that holds what `sealed.wrap` made, so that `kith rotate-key` seals it under each new key.

    `place` is where it belongs, with the row's own columns in braces.
    """
    return {"wrapped": place}


NOW = bindparam("now", callable_=clock.now, type_=Moment)
"""The moment at which a statement runs, also of one that was built long before."""
