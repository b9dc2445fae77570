"""What is tidied up by itself, every minute. Each of these may run twice or late without harm."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from webapp import clock, config
from webapp.domain import (
    accounts,
    archives,
    cards,
    contacts,
    doors,
    feed,
    guests,
    held,
    introductions,
    notices,
    notifications,
    relationships,
    saved_searches,
    throttles,
    tickets,
)
from webapp.extensions import db
from webapp.jobs import digests, mail, reminders
from webapp.models.batch import is_sqlite
from webapp.transaction import PATIENCE_MS, for_one_statement, transaction

EMPTYING_MS, EMPTYING_TRIES, BETWEEN_SECONDS = 50, 10, 0.2
"""How long nobody can write while the log waits to be emptied, how often that is tried in a minute, and how long they write in between."""
log = structlog.get_logger("kith.jobs")


def forget_backups(now: datetime) -> int:
    """Delete the backups that were made before upgrades a month ago: they hold what has been deleted since."""
    count = 0
    for file in (config.setting("INSTANCE") / config.BACKUPS).glob("before-*.kith"):
        if now.timestamp() - file.stat().st_mtime > timedelta(days=config.BACKUP_DAYS).total_seconds():
            file.unlink(missing_ok=True)
            count += 1
    return count


# In one transaction each, so that a failing one does not hold up the others.
CHORES: tuple[Callable[[datetime], int], ...] = (
    mail.give_up_claims,
    accounts.drop_unverified,
    accounts.sweep_sign_ins,
    lambda _now: tickets.sweep(),
    lambda _now: throttles.sweep(),
    relationships.expire,
    guests.expire,
    introductions.sweep,
    notices.sweep,
    guests.sweep,
    held.sweep,
    contacts.forget_idle,
    contacts.sweep_charges,
    doors.sweep,
    cards.sweep,
    archives.sweep,
    saved_searches.look,
    digests.put_due,
    reminders.put_due,
    notifications.sweep,
    mail.sweep,
    feed.sweep,
    forget_backups,
)


def tidy() -> None:
    """Do every chore once, and leave nothing forgotten in the log that SQLite writes ahead."""
    now = clock.now()
    for chore in CHORES:
        try:
            with transaction():
                chore(now)
        except Exception:
            log.exception("chore failed")
    if is_sqlite():
        _empty_log()


def _empty_log() -> None:
    """Move what stands in the log that SQLite writes ahead into the database: what was deleted is overwritten there, and leaves the log.

    While SQLite waits for who still reads what was there before, as a backup does, it lets nobody write. So each try waits for a moment
    only, and in between they write; where all are in vain, the next minute has more.
    """
    with for_one_statement(db.engine).connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # most of it, while others write
        driver.execute(f"PRAGMA busy_timeout={EMPTYING_MS}")
        try:
            for left in reversed(range(EMPTYING_TRIES)):
                is_busy, _in_log, _moved = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not is_busy:
                    return
                if left:
                    time.sleep(BETWEEN_SECONDS)
        finally:
            driver.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
