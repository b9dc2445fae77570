"""Whether all is well: what `/readyz` asks in a moment, and what `kith doctor` looks into."""

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from flask import Flask, current_app
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from webapp import config, databases, schema, shared
from webapp.domain import acts, ledger, relationships
from webapp.domain.desk import numbers
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.mail import OutgoingMail

FREE_BYTES = 50_000_000
READY_SECONDS = 2
"""So long `/readyz` waits for the database. Whoever asks it asks again."""
FOLLOWING_SECONDS = 2
"""So long `kith doctor` waits for a replica to have what the primary has."""


def is_ready() -> bool:
    """Whether a request could write now: the database takes a lock, is at the right revision, and the disk has room.

    Says no after READY_SECONDS, also where the database does not answer at all. However many ask at once, one of them looks.
    """
    return _looking().said()


class _Looking:
    """One look at a time, in a thread of its own: a database that hangs holds up nobody who asks."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.lock = threading.Lock()
        self.until = 0.0
        self.found: Future[bool] = Future()
        self.found.set_result(False)

    def said(self) -> bool:
        """Return what the present look finds, or a new one where none is under way."""
        with self.lock:
            if self.found.done():
                self.found, self.until = Future(), time.monotonic() + READY_SECONDS + 0.5
                threading.Thread(target=self._look, args=(self.found,), name="ready", daemon=True).start()
            found, left = self.found, self.until - time.monotonic()
        try:
            return found.result(max(left, 0))
        except TimeoutError:
            return False

    def _look(self, found: "Future[bool]") -> None:
        try:
            with self.app.app_context():
                ready = schema.takes_writes(READY_SECONDS)
                found.set_result(
                    ready and shutil.disk_usage(config.setting("INSTANCE")).free > FREE_BYTES,
                )
        except (SQLAlchemyError, OSError):
            found.set_result(False)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
            found.set_exception(error)


def _looking() -> _Looking:
    kept: dict[str, _Looking] = current_app.extensions
    return kept.setdefault("kith.ready", _Looking(current_app._get_current_object()))  # type: ignore[attr-defined]  # noqa: SLF001


def problems() -> list[str]:
    """Return what is wrong, a sentence each."""
    return [sentence for check in CHECKS for sentence in check()]


def unsound() -> list[str]:
    """Return what is wrong with what the database holds, a sentence each; reads only. What `kith upgrade` asks before anything counts."""
    return [sentence for check in SOUND for sentence in check()]


def unmigrated() -> list[str]:
    """Say that the database is not at this version's revision."""
    if schema.current() == schema.wanted():
        return []
    return [f"the database is at revision {schema.current()}, not {schema.wanted()}: run `kith upgrade`."]


def damaged() -> list[str]:
    """Say which rows of SQLite are damaged or refer to rows that are gone."""
    if not is_sqlite():
        return []
    found = [str(row[0]) for row in db.session.execute(text("PRAGMA integrity_check"))]
    broken = db.session.execute(text("PRAGMA foreign_key_check")).all()
    sentences = [] if found == ["ok"] else [f"the database file is damaged: {found[0]}."]
    return sentences + ([f"{len(broken)} rows refer to rows that are gone."] if broken else [])


def stuck_mails() -> list[str]:
    """Say which mails are late, cannot be handed over, or may or may not have left."""
    waiting = numbers.waiting()
    sentences = (
        [f"{waiting.late} mails are more than half an hour late: is the worker running?"] if waiting.late else []
    )
    if waiting.stuck:
        answer = db.session.scalar(select(func.max(OutgoingMail.reason)).where(*numbers.STUCK))
        sentences.append(f"{waiting.stuck} mails could not be handed over again and again: {answer}.")
    return sentences + ([f"{waiting.uncertain} mails may or may not have left."] if waiting.uncertain else [])


def full_disk() -> list[str]:
    """Say that there is no room left to write."""
    free = shutil.disk_usage(config.setting("INSTANCE")).free
    return [f"only {free // 1_000_000} MB are free beside {config.setting('INSTANCE')}."] if free < FREE_BYTES else []


def silent_redis() -> list[str]:
    """Say that Redis does not answer, where there is to be one."""
    if not shared.is_shared():
        return []
    try:
        shared.ask(lambda redis: redis.ping())
    except shared.Gone:
        return ["Redis does not answer at REDIS_URL: nobody can sign in with a password until it does."]
    return []


def idle_replica() -> list[str]:
    """Say why nothing is read from the replica, where there is to be one."""
    engine = databases.replica()
    if engine is None:
        return []
    why = "does not answer"
    try:
        with db.engine.connect() as primary:
            position = primary.scalar(databases.WRITTEN)
        with engine.connect() as replica:
            end = time.monotonic() + FOLLOWING_SECONDS
            while not replica.scalar(databases.HAS_ALL, {"position": position}):
                if time.monotonic() > end:
                    is_one = replica.scalar(text("SELECT pg_is_in_recovery()"))
                    why = "lacks what was written seconds ago" if is_one else "follows no other server"
                    break
                time.sleep(0.05)
            else:
                return []
    except SQLAlchemyError:
        pass
    return [f"the replica at DATABASE_REPLICA_URL {why}: all pages are read from the primary."]


Check = Callable[[], list[str]]
"""Looks at one thing, reading only, and returns a sentence for each fault."""
SOUND: tuple[Check, ...] = (damaged, relationships.problems, ledger.problems, acts.problems)
CHECKS: tuple[Check, ...] = (unmigrated, *SOUND, stuck_mails, full_disk, silent_redis, idle_replica)
