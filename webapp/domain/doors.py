"""Doors: how often each provider gave an address book or failed to, day by day, for the operators. Numbers of nobody in particular."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from webapp import clock
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.door import DoorTally

READ = "read"
KEPT_DAYS = 30


def note(door: str, what: str) -> None:
    """Count that a book was read at a door (`READ`), or why not. The last statement of its transaction: others wait for this row."""
    now = clock.now()
    insert = sqlite.insert if is_sqlite() else postgresql.insert
    fresh = insert(DoorTally).values(day=_day(now), door=door, what=what, times=1, last_at=now)
    db.session.execute(
        fresh.on_conflict_do_update(
            index_elements=[DoorTally.day, DoorTally.door, DoorTally.what],
            set_={"times": DoorTally.times + 1, "last_at": fresh.excluded.last_at},
        )
    )


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def tally(days: int) -> Mapping[str, Mapping[str, int]]:
    """Return how often what happened at each door in the last so many days, today included: door -> what -> times."""
    since = _day(clock.now()) - timedelta(days=days - 1)
    found: dict[str, dict[str, int]] = {}
    rows = select(DoorTally.door, DoorTally.what, func.sum(DoorTally.times).label("times"))
    for row in db.session.execute(rows.where(DoorTally.day >= since).group_by(DoorTally.door, DoorTally.what)):
        found.setdefault(row.door, {})[row.what] = row.times
    return found


def last(what: str, *, door: str) -> datetime | None:
    """Return when something last happened at a door, as far as that is kept."""
    since = _day(clock.now()) - timedelta(days=KEPT_DAYS)
    met = (DoorTally.day >= since) & (DoorTally.door == door) & (DoorTally.what == what)
    return db.session.scalar(select(func.max(DoorTally.last_at)).where(met))


def sweep(now: datetime) -> int:
    """Forget what happened more than KEPT_DAYS ago; return how many rows."""
    old = delete(DoorTally).where(DoorTally.day < _day(now) - timedelta(days=KEPT_DAYS))
    return db.session.execute(old).rowcount  # type: ignore[attr-defined,no-any-return]
