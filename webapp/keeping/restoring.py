"""Bringing an instance back from a backup, into an empty database of either engine.

All is prepared in a file of its own in the instance folder (checked, brought to the newest revision, settled) and only then put in its
place, so whatever goes wrong before leaves everything as it was.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from flask import current_app
from sqlalchemy.engine import Connection

from webapp import clock, config, schema
from webapp.extensions import db
from webapp.keeping import keys as newer
from webapp.keeping import merging, running, serving, settling, tables
from webapp.keeping.backup import remember
from webapp.keeping.container import DATABASE, KEYS_FILE, SETTINGS_FILE, Backup, Manifest, give_name, to_disk
from webapp.keeping.errors import Refused
from webapp.keeping.ground import Progress, database, silent
from webapp.transaction import transaction

BESIDE = ("", "-wal", "-shm")
"""The files of a database of SQLite's."""


@dataclass(frozen=True)
class Restored:
    """What became of a backup."""

    manifest: Manifest
    revision: str
    settled: settling.Settled | None
    merged: merging.Merged | None = None
    """What was taken over from the database that it replaces; None where none was at hand."""
    set_aside: Path | None = None
    """The folder in which the database lies that stood here before."""


def url_of(values: Mapping[str, Any]) -> str:
    """Return where the settings say that the database is."""
    return values["DATABASE_URL"] or f"sqlite:///{values['INSTANCE'] / DATABASE}"


def file_of(url: str) -> Path | None:
    """Return the file of a database of SQLite's; None for PostgreSQL's."""
    made = sqlalchemy.make_url(url)
    return Path(str(made.database)) if made.drivername.startswith("sqlite") else None


def restore(
    file: Path,
    load: Callable[[], dict[str, Any]] = config.load,
    *,
    replace: bool = False,
    old_database: str = "",
    as_it_was: bool = False,
    progress: Progress = silent,
) -> Restored:
    """Restore a backup into the instance of the settings, whose database must be empty; Refused, with nothing changed, for anything else.

    `replace` sets a database that is there aside (SQLite only) and takes over from it what must not be undone; `old_database` (a file or a
    URL) names another one for that. `as_it_was` ends and settles nothing: for who takes a backup, tries
    something and puts it back, while nobody is served.
    """
    backup = Backup(file)
    values = load()
    folder: Path = values["INSTANCE"]
    folder.mkdir(parents=True, exist_ok=True)
    stopped = nullcontext() if as_it_was else serving.locked(folder, "A backup is restored")
    with closing(backup), stopped, _secrets(backup, folder, values):
        values = load()
        keys = config.keys(values, has_data=lambda: True)
        backup.check(keys)
        if not schema.knows(backup.manifest.revision):
            raise Refused(f"{file} was made by Kith {backup.manifest.kith}, which is newer: upgrade Kith first.")
        url = url_of(values)
        here = file_of(url)
        is_there = _check_target(values, keys, url, replace=replace)
        with _workplace(folder, backup) as within:
            there = within / DATABASE
            backup.take_out(DATABASE, there, progress)
            _check(backup, there)
            with database(values, keys, f"sqlite:///{there}"):
                progress("bringing it to the newest revision", 0, 0)
                newer.settle(current_app)
                schema.upgrade()
                if not as_it_was:
                    newer.bring_forward(keys)
                old = old_database or (f"sqlite:///{here}" if is_there and here and not as_it_was else "")
                merged = _merge(old, backup.manifest.id, is_named=bool(old_database)) if old else None
                settled = None if as_it_was else settling.settle()
                if merged is not None:
                    merging.finish(merged)
                if here is not None:
                    _remember(backup.manifest.id)
            with closing(sqlite3.connect(there, isolation_level=None)) as made:
                made.execute("PRAGMA journal_mode=DELETE")  # nothing of it is in another file
            aside = None
            if here is None:
                _into_postgresql(there, values, keys, url, backup.manifest.id, progress)
            else:
                to_disk(there)
                aside = _set_aside(here, folder) if is_there else None
                give_name(there, here)
                _own(here, folder)
    return Restored(backup.manifest, str(schema.wanted()), settled, merged, aside)


@contextmanager
def _secrets(backup: Backup, folder: Path, values: Mapping[str, Any]) -> Iterator[None]:
    """Put the key file and the settings that are in a backup where there are none, and take them away again where it is refused."""
    put = []
    try:
        for name in (KEYS_FILE, SETTINGS_FILE):
            if name in backup.manifest.members and not (folder / name).exists():
                backup.take_out(name, folder / name)
                _own(folder / name, folder)
                put.append(folder / name)
        _need_key(folder, values)
        yield
    except BaseException:
        for path in put:
            path.unlink(missing_ok=True)
        raise


def _need_key(folder: Path, values: Mapping[str, Any]) -> None:
    if not values["SECRET_KEY"] and not (folder / KEYS_FILE).exists():
        raise Refused(
            f"There is no key file {folder / KEYS_FILE}, and without it the backup can't be read: "
            "put the one of this instance there (chmod 600)."
        )


def _check_target(values: Mapping[str, Any], keys: config.Keys, url: str, *, replace: bool) -> bool:
    """Refused where something stands in the database that is to be restored into, or it is in use; whether there is one (of SQLite's)."""
    here = file_of(url)
    if here is None:
        if replace:
            raise Refused("A database of PostgreSQL is not set aside: make a new one and name it in KITH_DATABASE_URL.")
        with database(values, keys, url), db.engine.connect() as connection:
            if not tables.is_empty(connection):
                raise Refused("The database of KITH_DATABASE_URL is not empty: make a new one and name that there.")
            schema.require_utf8(connection)
        return False
    if not here.exists():
        return False
    if not replace and not _is_empty(here):
        raise Refused(
            f"There is an instance in {here.parent} already: name another folder, or say --replace to set its database aside."
        )
    running.refuse_open(here)
    return True


def _is_empty(here: Path) -> bool:
    engine = sqlalchemy.create_engine(f"sqlite:///{here}")
    try:
        with engine.connect() as connection:
            return tables.is_empty(connection)
    except sqlalchemy.exc.DatabaseError:  # whatever it is, it is something
        return False
    finally:
        engine.dispose()


@contextmanager
def _workplace(folder: Path, backup: Backup) -> Iterator[Path]:
    """Give a folder of one's own in the instance folder; afterwards it is gone."""
    size = int(backup.manifest.members[DATABASE]["bytes"])
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        raise Refused(f"{2 * size // 1_000_000:,} MB must be free in {folder}, but only {free // 1_000_000:,} are.")
    within = folder / f"restoring-{os.getpid()}"
    within.mkdir(mode=0o700)
    try:
        yield within
    finally:
        shutil.rmtree(within, ignore_errors=True)


def _check(backup: Backup, there: Path) -> None:
    """Refused where a database is damaged, or not the one that the manifest describes."""
    damaged = Refused(f"{backup.file} is damaged: the database in it is not what its manifest says.")
    engine = sqlalchemy.create_engine(f"sqlite:///{there}")
    try:
        with engine.connect() as connection:
            whole = connection.exec_driver_sql("PRAGMA quick_check").scalars().all() == ["ok"]
            astray = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            revision = connection.exec_driver_sql(f"SELECT version_num FROM {tables.REVISION}").scalar()  # noqa: S608 - a name of ours
            found = tables.counts(connection)
    except sqlalchemy.exc.DatabaseError:
        raise damaged from None
    finally:
        engine.dispose()
    if not whole or astray is not None or revision != backup.manifest.revision or found != dict(backup.manifest.rows):
        raise damaged


def _merge(old_database: str, mark: str, *, is_named: bool) -> merging.Merged:
    other = merging.engine_of(old_database, is_named=is_named)
    try:
        return merging.merge(other, mark)
    finally:
        other.dispose()


def _set_aside(here: Path, folder: Path) -> Path | None:
    """Put a database of SQLite's into a folder of its own; None, and it is deleted, where it is empty."""
    if _is_empty(here):
        for end in BESIDE:
            here.with_name(here.name + end).unlink(missing_ok=True)
        return None
    aside = folder / f"replaced-{clock.now():%Y%m%d-%H%M%S}"
    aside.mkdir(mode=0o700)
    for end in BESIDE:
        path = here.with_name(here.name + end)
        if path.exists():
            path.replace(aside / path.name)
    _own(aside, folder)
    return aside


def _own(path: Path, folder: Path) -> None:
    """Give what root has put into the instance folder to whom that belongs, who has to write there."""
    whose = folder.stat()
    if os.geteuid() == 0 and (whose.st_uid, whose.st_gid) != (0, 0):
        os.chown(path, whose.st_uid, whose.st_gid)


def _into_postgresql(
    there: Path, values: Mapping[str, Any], keys: config.Keys, url: str, mark: str, progress: Progress
) -> None:
    """Copy a prepared database into an empty one of PostgreSQL's: all of it, or nothing."""
    made = sqlalchemy.create_engine(f"sqlite:///{there}")
    try:
        with database(values, keys, url):
            schema.upgrade()
            with made.connect() as source, db.engine.begin() as target:
                tables.clear(target)
                copied = tables.copy(source, target, without=tables.left_out(), progress=progress)
                check_counts(target, copied)
            _remember(mark)
            analyze()
    finally:
        made.dispose()


def _remember(mark: str) -> None:
    with transaction():
        remember(mark)


def check_counts(target: Connection, copied: Mapping[str, tables.Sum]) -> None:
    """Refused where not all rows arrived."""
    for name, each in copied.items():
        if tables.count(target, name) != each.rows:
            raise Refused(f"Of the table {name} not all rows arrived.")


def analyze() -> None:
    """Let the database of the application at hand learn what is in its tables, so that it finds the quick ways."""
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
