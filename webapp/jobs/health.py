"""Whether all is well: what `/readyz` asks in a moment, and what `kith doctor` looks into."""

import shutil
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from webapp import clock, config, schema
from webapp.domain import acts, ledger, relationships
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.mail import OutgoingMail
from webapp.transaction import transaction

FREE_BYTES = 50_000_000
LATE = timedelta(minutes=30)
STUCK_ATTEMPTS = 5
"""After so many, a mail has been refused for most of an hour."""


def is_ready() -> bool:
    """Whether a request could write now: the database takes a lock, has the right revision, and the disk has room."""
    try:
        with transaction():
            db.session.execute(text("SELECT 1"))
        current = schema.current() == schema.wanted()
    except OperationalError:
        return False
    return current and shutil.disk_usage(config.setting("INSTANCE")).free > FREE_BYTES


def problems(*, rebuild: bool = False) -> list[str]:
    """Return what is wrong, a sentence each; with `rebuild`, what is derived is counted anew first."""
    return [sentence for check in CHECKS for sentence in check(rebuild)]


def _revision(_rebuild: bool) -> list[str]:
    if schema.current() == schema.wanted():
        return []
    return [f"the database is at revision {schema.current()}, not {schema.wanted()}: run `kith migrate`."]


def _integrity(_rebuild: bool) -> list[str]:
    if not is_sqlite():
        return []
    found = [str(row[0]) for row in db.session.execute(text("PRAGMA integrity_check"))]
    broken = db.session.execute(text("PRAGMA foreign_key_check")).all()
    sentences = [] if found == ["ok"] else [f"the database file is damaged: {found[0]}."]
    return sentences + ([f"{len(broken)} rows refer to rows that are gone."] if broken else [])


def _mail(_rebuild: bool) -> list[str]:
    now = clock.now()
    late = db.session.scalar(
        select(func.count()).where(OutgoingMail.state == "queued", OutgoingMail.not_before < now - LATE)
    )
    uncertain = db.session.scalar(select(func.count()).where(OutgoingMail.state == "uncertain"))
    stuck, answer = db.session.execute(
        select(func.count(), func.max(OutgoingMail.reason)).where(
            OutgoingMail.state == "queued", OutgoingMail.attempts >= STUCK_ATTEMPTS
        )
    ).one()
    sentences = [f"{late} mails are more than half an hour late: is the worker running?"] if late else []
    sentences += [f"{stuck} mails could not be handed over again and again: {answer}."] if stuck else []
    return sentences + ([f"{uncertain} mails may or may not have left."] if uncertain else [])


def _disk(_rebuild: bool) -> list[str]:
    free = shutil.disk_usage(config.setting("INSTANCE")).free
    return [f"only {free // 1_000_000} MB are free beside {config.setting('INSTANCE')}."] if free < FREE_BYTES else []


def _connections(rebuild: bool) -> list[str]:
    if rebuild:
        with transaction():
            relationships.rebuild()
    return relationships.problems()


def _ledgers(_rebuild: bool) -> list[str]:
    return ledger.problems()


def _acts(_rebuild: bool) -> list[str]:
    return acts.problems()


CHECKS: tuple[Callable[[bool], list[str]], ...] = (_revision, _integrity, _connections, _ledgers, _acts, _mail, _disk)
