"""What is tidied up by itself, every minute. Each of these may run twice or late without harm."""

from collections.abc import Callable
from datetime import datetime, timedelta

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
from webapp.transaction import transaction

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
        # What was deleted may still stand in the write-ahead log; moving it into the database overwrites it there.
        with db.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
