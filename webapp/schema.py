"""The database's revision: which one it has, which one this version of Kith wants, and the way from one to the other."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from webapp.config import SettingError
from webapp.extensions import db

if TYPE_CHECKING:  # a start that finds nothing to change needs none of it
    from alembic.config import Config
    from alembic.script import ScriptDirectory

_PACKAGE = Path(__file__).parent
FOLDER = next(path for path in (_PACKAGE.parent / "migrations", _PACKAGE / "migrations") if (path / "env.py").exists())
_LOCK = 0x6B697468  # "kith": the key of PostgreSQL's advisory lock, so that two processes never migrate at once
LOCK_SECONDS = 60
"""So long a migration waits for others to let go of a table of PostgreSQL; meanwhile all others wait behind it."""
OTHERS_SECONDS = 600
"""So long it waits on SQLite for who writes or migrates there; on PostgreSQL for who migrates for as long as that takes."""


class BrokenReferences(Exception):
    """A change of the schema would leave rows behind that refer to nothing; nothing was changed."""


def _config() -> "Config":
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    return settings


@cache
def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def current() -> str | None:
    """Return the revision of the database; None for an empty one."""
    with db.engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def holds_data(url: str) -> bool:
    """Whether there is a database with tables behind an address; asked before there is an application. Makes none."""
    if url.startswith("sqlite:///"):
        return Path(url.removeprefix("sqlite:///")).exists()
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        return _revision(connection) is not None


@cache
def _revisions() -> tuple[str, ...]:
    """Return all revisions, in their order. The files of migrations are named after them."""
    return tuple(sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def wanted() -> str:
    """Return the newest revision this version of Kith knows."""
    return _revisions()[-1]


def knows(revision: str) -> bool:
    """Whether this version of Kith knows a revision; a newer one's it does not."""
    return revision in _revisions()


def make(revision: str) -> None:
    """Make the tables of a revision in an empty database."""
    if revision == wanted():
        from alembic import command

        db.create_all()
        command.stamp(_config(), revision)
    else:
        with changing() as connection:
            migrate(connection, revision)


def refuse_newer() -> None:
    """Raise SettingError where a newer version of Kith has changed the database: this one would not understand it."""
    there = current()
    if there is not None and not knows(there):
        raise SettingError(
            f"The database is at revision {there}, which this version of Kith does not know: a newer one has changed it. Start the newer "
            "version, or restore the backup that was made before (docs/operate.md, Upgrading)."
        )


def require_newest() -> None:
    """Raise SettingError where the database is not at the newest revision."""
    refuse_newer()
    if current() != wanted():
        raise SettingError(f"The database is at revision {current()}, not {wanted()}: run `kith upgrade` first.")


def require_utf8(connection: Connection) -> None:
    """Raise SettingError where an empty database of PostgreSQL's would not take every name. One of SQLite's always does."""
    if connection.dialect.name != "sqlite" and (is_like := connection.scalar(text("SHOW server_encoding"))) != "UTF8":
        raise SettingError(
            f"The database keeps texts as {is_like}, which has no signs for many names: make one with --encoding UTF8 (docs/operate.md)."
        )


def takes_writes(seconds: float) -> bool:
    """Whether the database is at the newest revision, nobody migrates it, and something could be written within so many seconds.

    Asks over a connection of its own: those of the pool may all be waiting. SQLAlchemyError where the database does not answer.
    """
    is_sqlite = db.engine.dialect.name == "sqlite"
    if is_sqlite and not Path(db.engine.url.database or "").exists():
        return False  # asking would make an empty one
    patience = {"timeout": seconds} if is_sqlite else {"connect_timeout": max(2, round(seconds))}
    engine = create_engine(db.engine.url, poolclass=NullPool, connect_args=patience, hide_parameters=True)
    with engine.connect() as connection:
        if is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            free = "SELECT pg_try_advisory_xact_lock_shared(:key) AND current_setting('transaction_read_only') = 'off'"
            if not connection.scalar(text(free), {"key": _LOCK}):
                return False
        return _revision(connection) == wanted()


def upgrade() -> tuple[str | None, str | None]:
    """Bring the database to the newest revision; return the revision before and after."""
    before = current()
    if before != wanted():
        with changing() as connection:
            before = migrate(connection)
    return before, wanted()


@contextmanager
def changing() -> Iterator[Connection]:
    """Give a connection on which the schema is changed, in one transaction: killed at any moment, nothing has happened.

    One process at a time has it. On SQLite a table is altered by making it anew; what refers to its rows must not be deleted with the old
    one, so references are looked at once, at the end: BrokenReferences where a row refers to one that is gone.
    """
    engine = db.engine
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect().execution_options(kith_single=True) as connection:
        try:
            if sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # means nothing inside a transaction
                _begin_alone(connection)
            else:
                connection.exec_driver_sql("BEGIN; SET LOCAL lock_timeout = 0")  # for as long as another one has it
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": f"{LOCK_SECONDS}s"})
            yield connection
            if sqlite and (astray := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                raise BrokenReferences(f"Rows of {astray[0]} refer to rows of {astray[2]} that are gone.")
            connection.commit()
        finally:
            connection.rollback()
            if sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _begin_alone(connection: Connection) -> None:
    """Begin to write on SQLite, once others are done. Asked anew every few seconds, in which who waits can be ended by Ctrl-C."""
    end = time.monotonic() + OTHERS_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        else:
            return


def migrate(connection: Connection, revision: str = "head") -> str | None:
    """Bring the database behind a connection to a revision, in the transaction that is open on it; return the revision before."""
    from alembic import command

    before = _revision(connection)
    if before is None:
        require_utf8(connection)
    settings = _config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision)
    return before


def deletes_from(before: str | None) -> frozenset[str]:
    """Return the tables from which the migrations after a revision delete rows on purpose: those they name in DELETES_FROM."""
    after = _scripts().iterate_revisions("head", before or "base")
    return frozenset(name for each in after for name in getattr(each.module, "DELETES_FROM", ()))
