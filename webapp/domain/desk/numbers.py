"""What the overview says: what waits for somebody, and how large the community is. Numbers, of which none is anybody's."""

import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import and_, func, select, text

from webapp import clock, config
from webapp.domain import joining
from webapp.extensions import db
from webapp.models import mail
from webapp.models.batch import is_sqlite
from webapp.models.mail import OutgoingMail
from webapp.models.member import HIDDEN, SPECIAL, Member
from webapp.models.report import Report

LATE = timedelta(minutes=30)
"""A mail that is due for so long waits for somebody to look."""
STUCK_ATTEMPTS = 5
"""After so many, a mail has been refused for most of an hour."""
STUCK = (OutgoingMail.state == "queued", OutgoingMail.attempts >= STUCK_ATTEMPTS)
FRESH_SECONDS = 300
"""For so long the size of the community is not counted again."""


@dataclass(frozen=True)
class Waiting:
    """What needs somebody: numbers to be 0, and the disk."""

    reports: int
    late: int
    stuck: int
    uncertain: int
    failed: int


@dataclass(frozen=True)
class Size:
    """How large the community is. `members`: with a confirmed address, whatever became of them since."""

    members: int
    joined: int
    unconfirmed: int
    suspended: int
    leaving: int
    connections: int
    database: int


def waiting() -> Waiting:
    """Return what waits for an operator. Each number is read from an index of what waits, and so is quick however much does not."""
    now = clock.now()
    reports = select(func.count()).where(Report.settled_at.is_(None)).scalar_subquery()
    late = select(func.count()).where(OutgoingMail.state == "queued", OutgoingMail.not_before < now - LATE)
    wrong = select(OutgoingMail.state, func.count()).where(text(mail.TROUBLE))
    trouble = {row[0]: row[1] for row in db.session.execute(wrong.group_by(OutgoingMail.state))}
    stuck = select(func.count()).where(*STUCK)
    row = db.session.execute(select(reports, late.scalar_subquery(), stuck.scalar_subquery())).one()
    return Waiting(*row, trouble.get("uncertain", 0), trouble.get("failed", 0))


_sizes: dict[str, tuple[float, Size]] = {}


def size() -> Size:
    """Return how large the community is, counted at most every five minutes in a process: members are counted one by one."""
    key, now = str(db.engine.url), clock.now().timestamp()
    known = _sizes.get(key)
    if known is None or not 0 <= now - known[0] < FRESH_SECONDS:
        known = _sizes[key] = (now, _size())
    return known[1]


def _size() -> Size:
    week = clock.now() - timedelta(days=7)
    everybody, ends = db.session.execute(select(func.count(), func.coalesce(func.sum(Member.degree), 0))).one()
    unconfirmed = db.session.scalar(
        select(func.count()).where(and_(text(f"({SPECIAL})"), Member.verified_at.is_(None)))
    )
    hidden = db.session.execute(
        select(
            func.count().filter(Member.suspended_at.is_not(None), ~joining.is_waiting()),
            func.count().filter(Member.deleted_at.is_not(None)),
        ).where(text(f"({HIDDEN})"))
    ).one()
    # Numbers are given in the order of joining, so those of this week are behind the last one who was there before.
    before = select(Member.id).where(Member.created_at <= week).order_by(Member.id.desc()).limit(1).scalar_subquery()
    joined = db.session.scalar(
        select(func.count()).where(Member.id > func.coalesce(before, 0), Member.verified_at.is_not(None))
    )
    return Size(
        everybody - (unconfirmed or 0), joined or 0, unconfirmed or 0, hidden[0], hidden[1], ends // 2, _database()
    )


def _database() -> int:
    if not is_sqlite():
        return db.session.scalar(select(func.pg_database_size(func.current_database()))) or 0
    file = Path(str(db.engine.url.database))
    return _bytes((file, file.with_name(f"{file.name}-wal")))


def stored() -> int:
    """Return how many bytes the instance folder takes, the database included where it is there."""
    folder: Path = config.setting("INSTANCE")
    return _bytes(folder.rglob("*"))


def _bytes(files: Iterable[Path]) -> int:
    found = 0
    for each in files:
        with suppress(OSError):  # gone in this moment
            about = each.lstat()
            found += about.st_size if stat.S_ISREG(about.st_mode) else 0
    return found


def engine() -> str:
    """Return what the database is, with its version."""
    if is_sqlite():
        return f"SQLite {db.session.scalar(select(func.sqlite_version()))}"
    return f"PostgreSQL {str(db.session.scalar(text('SHOW server_version'))).split()[0]}"
