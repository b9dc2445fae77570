"""The way to the newest version of the database: a backup, then all migrations and a look at the result in one transaction.

Either all of it happened, or nothing: there is no moment at which a kill, a power cut or a mistake in a migration leaves something between.
The backup is the second belt, and the way back to the version before.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from webapp import clock, config, schema
from webapp.config import SettingError
from webapp.extensions import db
from webapp.keeping import tables
from webapp.keeping.backup import back_up
from webapp.keeping.errors import Refused
from webapp.keeping.ground import Progress, silent
from webapp.transaction import trouble

Examine = Callable[[], Sequence[str]]
"""Looks at the database of the session; returns what is wrong with it, a sentence each."""


@dataclass(frozen=True)
class Upgraded:
    """From which revision to which, where the backup of before lies, and how many rows were counted before and after."""

    before: str | None
    after: str | None
    backup: Path | None
    rows: int


def upgrade(
    examine: Examine,
    *,
    backup: Path | None = None,
    without_backup: bool = False,
    despite: bool = False,
    progress: Progress = silent,
) -> Upgraded:
    """Bring the running application's database to the newest revision. An empty one, and one that is there already, needs no backup.

    Refused, with nothing changed, where the backup cannot be written, and where the result is not as it should be (`despite`: not then).
    A backup that was made for that goes, too; one that was asked for stays.
    """
    schema.refuse_newer()
    before = schema.current()
    if before == schema.wanted():
        return Upgraded(before, before, None, 0)
    made = None
    if before is not None and not without_backup:
        made = backup or _next_backup(before)
        back_up(made, progress=progress)
    progress("migrating", 0, 0)
    try:
        counted, found = _change(examine, despite=despite)
    except (Refused, DBAPIError) as error:
        # All is as it was. Who tries again and again by itself, as a unit does, must not fill the disk with backups of it.
        if made != backup and (isinstance(error, Refused) or trouble(error) == "busy"):
            _drop(made)
        raise
    if found == schema.wanted():  # somebody else did it meanwhile, and has a backup
        if made != backup:
            _drop(made)
        return Upgraded(found, found, None, 0)
    return Upgraded(found, schema.wanted(), made, sum(counted.values()))


def _drop(backup: Path | None) -> None:
    if backup is not None:
        backup.unlink(missing_ok=True)


def _change(examine: Examine, *, despite: bool) -> tuple[dict[str, int], str | None]:
    """Migrate and look at the result; return how many rows each table had, and from which revision it came."""
    try:
        with schema.changing() as connection:
            counted = tables.counts(connection)
            before = schema.migrate(connection)
            with _session_on(connection):
                wrong = [*_lost(connection, counted, before), *examine()]
            if wrong and not despite:
                raise Refused(
                    f"Upgrading was taken back, and nothing has changed, because afterwards this was wrong: {' '.join(wrong)} "
                    "Look at it with `kith doctor` of the version before, or go on with `kith upgrade --despite`."
                )
    except schema.BrokenReferences as error:
        raise Refused(f"Upgrading was taken back, and nothing has changed: {error}") from None
    return counted, before


def _next_backup(before: str) -> Path:
    """Return where the backup of before goes: a folder of the instance that only its owner reads, and that is tidied up."""
    folder: Path = current_app.config["KITH"]["INSTANCE"] / config.BACKUPS
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"before-{schema.wanted()}-from-{before}-{clock.now():%Y%m%d-%H%M%S}-{os.getpid()}.kith"


def _lost(connection: Connection, counted: dict[str, int], before: str | None) -> list[str]:
    """Return of which tables rows have gone that no migration meant to delete."""
    there = tables.counts(connection)
    meant = schema.deletes_from(before)
    return [
        f"The table {name} has {there[name]} rows, and had {many}."
        for name, many in counted.items()
        if name in there and name not in meant and there[name] < many
    ]


@contextmanager
def _session_on(connection: Connection) -> Iterator[None]:
    """Let the session read inside the transaction of a connection."""
    db.session.remove()
    session: Any = db.session()
    session.get_bind = lambda *_given, **_named: connection
    try:
        yield
        if session.new or session.dirty or session.deleted:
            raise SettingError("Looking at the database must not change it.")
    finally:
        session.expunge_all()
        del session.get_bind
        db.session.remove()
