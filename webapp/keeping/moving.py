"""Moving an instance to another database, of the other engine or of the same, with a proof that all of it arrived.

Nobody may write meanwhile: Kith has to be stopped, and until the end this holds a lock under which nothing can be written. The database
that is left is read only, and stays as it was.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from flask import current_app
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from webapp import config, schema
from webapp.extensions import db
from webapp.keeping import restoring, running, serving, tables
from webapp.keeping.errors import Refused
from webapp.keeping.ground import Progress, database, silent


@dataclass(frozen=True)
class Proof:
    """A table in both databases: how many rows, and the sum of the digests of all their values."""

    table: str
    here: tables.Sum
    there: tables.Sum

    @property
    def holds(self) -> bool:
        """Whether both are the same."""
        return self.here == self.there

    def __str__(self) -> str:
        if self.holds:
            return f"{self.table:<24} {self.here.rows:>12,} rows  {self.here.digest:032x}"
        return f"{self.table:<24} DIFFERS: {self.here} here, {self.there} there"


def check_url(url: str) -> None:
    """Refused for what names no database that Kith can use."""
    if not url.startswith(config.SCHEMES["DATABASE_URL"]):
        raise Refused(
            "Name the new database as postgresql+psycopg://user:password@host/name, or sqlite:////folder/kith.sqlite3."
        )
    if fault := config.database_fault(url):
        raise Refused(f"The new database's address {fault}.")


def move(url: str, progress: Progress = silent) -> list[Proof]:
    """Copy the database of the running application into another, empty one, and return the proof of each table.

    Refused, with the new one empty as before, where that is not empty, this one is in use, or anything arrived otherwise than it left.
    """
    check_url(url)
    values, keys, here = current_app.config["KITH"], current_app.config["KEYS"], db.engine
    if schema.current() != schema.wanted():
        raise Refused("The database is not at the newest revision: run `kith upgrade` first.")
    if sqlalchemy.make_url(url) == here.url:
        raise Refused("That is the database in use.")
    file = restoring.file_of(url)
    new = file is not None and not file.exists()
    try:
        with (
            serving.locked(values["INSTANCE"], "An instance is moved"),
            _alone(here) as source,
            _empty(values, keys, url),
            db.engine.connect() as target,
        ):
            if target.dialect.name == "sqlite":
                driver: Any = target.connection.driver_connection
                driver.execute("PRAGMA foreign_keys=OFF")  # they are looked at when all rows are there
            with target.begin():
                tables.clear(target)
                left = tables.copy(source, target, progress=progress)
                found = _proven(left, target, progress)
            restoring.analyze()
    except BaseException:
        if new and file is not None:
            for end in restoring.BESIDE:
                file.with_name(file.name + end).unlink(missing_ok=True)
        raise
    if file is not None:
        file.chmod(0o600)
    return found


@contextmanager
def _alone(here: Any) -> Iterator[Connection]:
    """Give a connection that reads one moment, while nobody can write. Refused where Kith runs."""
    if here.dialect.name == "sqlite":
        file = Path(str(here.url.database))
        db.session.remove()
        here.dispose()  # our own connections would be in the way
        running.refuse_open(file)
        engine = sqlalchemy.create_engine(f"sqlite:///{file}", poolclass=sqlalchemy.NullPool)
        with engine.connect() as source:
            driver: Any = source.connection.driver_connection
            driver.isolation_level = None
            driver.execute("PRAGMA locking_mode=EXCLUSIVE")
            driver.execute("BEGIN IMMEDIATE")
            yield source
        return
    with here.connect().execution_options(isolation_level="REPEATABLE READ") as source, source.begin():
        running.refuse_running(source)
        names = ", ".join(f'"{name}"' for name in sorted(tables.names(source)))
        try:
            source.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE NOWAIT")
        except OperationalError:
            raise Refused(running.STOP) from None
        yield source


@contextmanager
def _empty(values: Mapping[str, Any], keys: Any, url: str) -> Iterator[None]:
    """Work in the new database, with all tables made and nothing in them; Refused where something is."""
    with database(values, keys, url):
        try:
            with db.engine.connect() as connection:
                if not tables.is_empty(connection):
                    raise Refused("The new database is not empty: make another one. Nothing was changed.")
                schema.require_utf8(connection)
        except DBAPIError as error:
            raise Refused(f"The new database can't be used: {tables.first_line(error.orig)}.") from None
        schema.upgrade()
        yield


def _proven(left: Mapping[str, tables.Sum], target: Connection, progress: Progress) -> list[Proof]:
    """Read everything again over there, and return the proof; Refused, naming the tables, where anything differs."""
    found = []
    for table in tables.tables(target):
        if table.name in left:
            there = tables.sum_of(
                target, table, lambda what, done, all_: progress(f"proof of {what}", done, all_), left[table.name].rows
            )
            found.append(Proof(table.name, left[table.name], there))
    wrong = [each.table for each in found if not each.holds]
    if target.dialect.name == "sqlite" and target.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise Refused("Some rows refer to rows that are not there: run `kith doctor` first.")
    if wrong or len(found) != len(left):
        raise Refused(
            f"Not everything arrived as it left ({', '.join(wrong)}): nothing was moved, and all is as it was."
        )
    return found
