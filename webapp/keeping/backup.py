"""Taking a backup of an instance while it runs: one moment of all tables, in one file, whichever engine it runs on.

SQLite writes the copy itself (VACUUM INTO): writers go on meanwhile, and what was deleted is not in it. Of PostgreSQL the rows are read
in one snapshot and written into such a file, so that a backup can be restored on either engine. No backup holds address books that are
being looked through, archives waiting to be downloaded, or which process works.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError

from webapp import clock, config, schema, tokens
from webapp.extensions import db
from webapp.keeping import tables
from webapp.keeping.container import (
    DATABASE,
    FORMAT,
    KEYS_FILE,
    SETTINGS_FILE,
    Manifest,
    known_by,
    placed,
    write,
)
from webapp.keeping.errors import Refused
from webapp.keeping.ground import Progress, database, silent
from webapp.models.batch import insert_ignoring
from webapp.models.mail import Lease
from webapp.transaction import transaction

PATIENCE_SECONDS = 30
MARK = "backup "
"""How the rows begin by which a database knows the backups that were taken of it, in a table that no backup holds."""
REMEMBERED_DAYS = 400


def back_up(file: Path, *, with_key: bool = False, progress: Progress = silent) -> Manifest:
    """Write a backup of the running application's instance into a new file, and return its manifest. Works on a database of any revision.

    With `with_key` the key file and config.toml, which may name passwords, are in it, too: then whoever has the file can read all of it.
    Refused, with nothing left behind, where it cannot be written.
    """
    values, keys = current_app.config["KITH"], current_app.config["KEYS"]
    file = file.absolute()
    secret = _secret_files(values) if with_key else {}
    revision = schema.current()
    if revision is None:
        raise Refused("There is no database to back up yet.")
    mark = tokens.new()
    with placed(file) as within:
        _note(mark)
        there = within / DATABASE
        there.touch(0o600)
        if db.engine.dialect.name == "sqlite":
            progress("the database", 0, 0)
            _copy_of_sqlite(Path(str(db.engine.url.database)), there)
        else:
            _copy_of_postgresql(there, revision, progress)
        manifest = Manifest(
            format=FORMAT,
            id=mark,
            kith=config.VERSION,
            engine=db.engine.dialect.name,
            revision=revision,
            made_at=clock.now().isoformat(timespec="seconds"),
            rows=_counted(there),
            keys=known_by(keys),
        )
        return write(file, within, manifest, {DATABASE: there, **secret}, keys.signing[0], progress)


def _note(mark: str) -> None:
    """Note in the database itself that a backup was taken: where one is restored, what has happened since is read from who knows it.

    A disk that is full or busy takes no note; the backup is worth as much.
    """
    with suppress(OperationalError), transaction():
        remember(mark)
        old = clock.now() - timedelta(days=REMEMBERED_DAYS)
        gone = delete(Lease).where(Lease.name.startswith(MARK), Lease.until < old)
        db.session.execute(gone.execution_options(synchronize_session=False))


def remember(mark: str) -> None:
    """Let the database of the application at hand know a backup, in the transaction of the caller."""
    now = clock.now()
    db.session.execute(insert_ignoring(Lease, name=MARK + mark, holder="", until=now))


def _secret_files(values: Mapping[str, Any]) -> dict[str, Path]:
    if values["SECRET_KEY"]:
        raise Refused("The key is a setting (KITH_SECRET_KEY) here, not a file: keep it where you keep that setting.")
    found = {name: values["INSTANCE"] / name for name in (KEYS_FILE, SETTINGS_FILE)}
    return {name: path for name, path in found.items() if path.exists()}


def _copy_of_sqlite(here: Path, there: Path) -> None:
    """Copy one moment of a database in use, without what no backup holds. Writers go on."""
    try:
        with closing(sqlite3.connect(here, timeout=PATIENCE_SECONDS, isolation_level=None)) as running:
            running.execute("VACUUM main INTO ?", (str(there),))
        with closing(sqlite3.connect(there, isolation_level=None)) as copied:
            copied.executescript("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON")
            copied.execute("BEGIN")
            made = {name for (name,) in copied.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for name in sorted(tables.left_out() & made):
                copied.execute(f'DELETE FROM "{name}"')  # noqa: S608 - a table of ours
            copied.execute("COMMIT")
    except sqlite3.Error as error:
        raise Refused(f"The database could not be copied: {tables.first_line(error)}.") from None


def _copy_of_postgresql(there: Path, revision: str, progress: Progress) -> None:
    """Copy one moment of a database in use into a file of SQLite's with the same tables."""
    values, keys, running = current_app.config["KITH"], current_app.config["KEYS"], db.engine
    with database(values, keys, f"sqlite:///{there}"):
        schema.make(revision)
        with (
            running.connect().execution_options(isolation_level="REPEATABLE READ") as source,
            db.engine.connect() as target,
            source.begin(),
        ):
            driver: Any = target.connection.driver_connection
            for pragma in (
                "foreign_keys=OFF",
                "synchronous=OFF",
            ):  # who reads it checks it, and it is brought to the disk as a whole
                driver.execute(f"PRAGMA {pragma}")
            tables.copy(source, target, without=tables.left_out(), progress=progress)
            target.commit()
    with closing(sqlite3.connect(there, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode=DELETE")  # nothing of it is in another file


def _counted(there: Path) -> dict[str, int]:
    """Return how many rows each table of a copy has. Nothing is written beside it."""
    with closing(sqlite3.connect(f"file:{there}?immutable=1", uri=True)) as made:
        found = made.execute("PRAGMA main.table_list").fetchall()
        names = sorted(row[1] for row in found if row[2] == "table" and not row[1].startswith("sqlite_"))
        return {
            name: int(made.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - a name of the database's own
            for name in names
            if name != tables.REVISION
        }
