"""The tables of a database as they are, of whatever revision, and the way of their rows from one engine to the other.

Nothing is known of the models here: columns and their kinds are asked of the database itself, sealed values go over unopened, and what is
derived (the words people are found by) is made anew by the database that takes the rows.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from operator import itemgetter
from typing import Any

from sqlalchemy import JSON, Boolean, Integer, LargeBinary, String, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from webapp.extensions import db
from webapp.keeping.errors import Refused
from webapp.keeping.ground import Progress, silent

REVISION = "alembic_version"
EMPTY_BUT = frozenset({"lease", "key_generation"})
CHUNK = 2000
_KINDS: Sequence[tuple[Any, str]] = (
    (Boolean, "boolean"),
    (JSON, "json"),
    (LargeBinary, "bytes"),
    (Integer, "integer"),
    (String, "text"),
)
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A table: its columns by name (their order tells when they were added), each with its kind, and the tables its rows refer to."""

    name: str
    columns: Mapping[str, str]
    refers_to: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Sum:
    """What a table amounts to: how many rows, and the sum of their digests, in whatever order they come."""

    rows: int
    digest: int

    def __str__(self) -> str:
        return f"{self.rows:,} rows, {self.digest:032x}"


def left_out() -> frozenset[str]:
    """Return the tables that no backup holds."""
    return frozenset(name for name, table in db.metadata.tables.items() if table.info.get("in_backups") is False)


def names(connection: Connection) -> set[str]:
    """Return the names of the tables in which rows of ours stand: neither an index of words nor the revision."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("PRAGMA main.table_list").all()
        there = {row[1] for row in found if row[2] == "table" and not row[1].startswith("sqlite_")}
    else:
        there = set(inspect(connection).get_table_names())
    return there - {REVISION}


def tables(connection: Connection) -> list[Table]:
    """Return the tables of a database, those first that others refer to."""
    inspector, wanted = inspect(connection), names(connection)
    filtered: Any = {"filter_names": sorted(wanted)}
    columns, keys = inspector.get_multi_columns(**filtered), inspector.get_multi_foreign_keys(**filtered)
    found = {}
    for (_schema, name), each in columns.items():
        kinds = {str(column["name"]): _kind(name, column) for column in sorted(each, key=itemgetter("name"))}
        to = frozenset(str(key["referred_table"]) for key in keys.get((_schema, name), ())) - {name}
        found[name] = Table(name, kinds, to)
    order = TopologicalSorter({name: sorted(found[name].refers_to) for name in sorted(found)}).static_order()
    return [found[name] for name in order]


def _kind(table: str, column: Any) -> str:
    for type_, kind in _KINDS:
        if isinstance(column["type"], type_):
            return kind
    raise Refused(f"The column {column['name']} of the table {table} is of a kind that Kith does not know.")


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    return {name: count(connection, name) for name in sorted(names(connection))}


def count(connection: Connection, name: str) -> int:
    """Return how many rows a table has."""
    return int(connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one())  # noqa: S608 - a name of the database's own


def is_empty(connection: Connection, but: frozenset[str] = EMPTY_BUT) -> bool:
    """Whether nothing stands in a database, or nothing but which process works and which keys count."""
    some = (f'SELECT EXISTS (SELECT 1 FROM "{name}")' for name in sorted(names(connection) - but))  # noqa: S608 - as above
    return not any(connection.exec_driver_sql(each).scalar_one() for each in some)


def clear(connection: Connection) -> None:
    """Delete what stands in an empty database all the same."""
    for name in sorted(EMPTY_BUT & names(connection)):
        connection.exec_driver_sql(f'DELETE FROM "{name}"')  # noqa: S608 - a name of ours


# Reading


def rows(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """Return the rows of a table, so many at a time; on both engines each value looks the same."""
    cast = "{}" if connection.dialect.name == "sqlite" else "{}::text"
    picked = ", ".join(
        cast.format(f'"{name}"') if kind == "json" else f'"{name}"' for name, kind in table.columns.items()
    )
    streaming = connection.execution_options(stream_results=True, max_row_buffer=CHUNK)
    # psycopg would take a % for a place to put a value into; no name of ours has one
    found = streaming.exec_driver_sql(f'SELECT {picked} FROM "{table.name}"')  # noqa: S608 - names of the database's own
    same = _booleans(table) if connection.dialect.name == "sqlite" else _as_they_are
    for some in found.partitions(CHUNK):
        yield same(some)
    connection.execution_options(stream_results=False)


def _as_they_are(some: Iterable[Any]) -> list[Row]:
    return [tuple(row) for row in some]


def _booleans(table: Table) -> Callable[[Iterable[Any]], list[Row]]:
    """Return what makes true and false of the ones and zeros that SQLite keeps."""
    places = [place for place, kind in enumerate(table.columns.values()) if kind == "boolean"]
    if not places:
        return _as_they_are

    def made(some: Iterable[Any]) -> list[Row]:
        found = []
        for row in some:
            values = list(row)
            for place in places:
                if values[place] is not None:
                    values[place] = bool(values[place])
            found.append(tuple(values))
        return found

    return made


class Summing:
    """Adds up the digests of rows."""

    def __init__(self) -> None:
        self._rows, self._digest = 0, 0

    def add(self, some: Iterable[Row]) -> None:
        """Take some rows."""
        for row in some:
            self._rows += 1
            self._digest += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest(), "big")

    @property
    def sum(self) -> Sum:
        """What they amount to."""
        return Sum(self._rows, self._digest % 2**128)


def sum_of(connection: Connection, table: Table, progress: Progress = silent, total: int = 0) -> Sum:
    """Return what a table amounts to; equal tables do on both engines."""
    summing = Summing()
    for some in rows(connection, table):
        summing.add(some)
        progress(table.name, summing.sum.rows, total)
    return summing.sum


# Copying


def copy(
    source: Connection, target: Connection, *, without: frozenset[str] = frozenset(), progress: Progress = silent
) -> dict[str, Sum]:
    """Copy the rows of all tables but some from one database to another that has the same tables, empty; return what went over.

    Whatever the number of rows, few of them are in memory at a time. Numbers that were given once are not given again over there.
    """
    here, there = tables(source), {table.name: table for table in tables(target)}
    for table in here:
        if table.name not in there or there[table.name].columns.keys() != table.columns.keys():
            raise Refused(f"The table {table.name} is not the same in both databases.")
    found: dict[str, Sum] = {}
    with _without_indexes(target):
        for table in here:
            if table.name not in without:
                found[table.name] = _copy(source, target, table, progress)
    _go_on_counting(source, target)
    return found


def _copy(source: Connection, target: Connection, table: Table, progress: Progress) -> Sum:
    total, summing = count(source, table.name), Summing()
    columns = ", ".join(f'"{name}"' for name in table.columns)

    def read() -> Iterator[list[Row]]:
        for some in rows(source, table):
            summing.add(some)
            yield some
            progress(table.name, summing.sum.rows, total)

    try:
        if target.dialect.name == "sqlite":
            marks = ", ".join("?" * len(table.columns))
            statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608 - names of the database's own
            for some in read():
                target.exec_driver_sql(statement, some)
        else:
            driver: Any = target.connection.driver_connection
            with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as taking:
                for some in read():
                    for row in some:
                        taking.write_row(row)
    except DBAPIError as error:
        raise Refused(f"The table {table.name} could not be copied: {first_line(error.orig)}.") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise Refused(f"The table {table.name} could not be copied: {first_line(error)}.") from None
    return summing.sum


def first_line(error: BaseException | None) -> str:
    """Return what an engine says, without the values that it may show behind it."""
    return (str(error).splitlines() or ["no reason was given"])[0].rstrip(".")


@contextmanager
def _without_indexes(target: Connection) -> Iterator[None]:
    """Let SQLite make its indexes once all rows are there: keeping them right with every row takes several times as long."""
    made = []
    if target.dialect.name == "sqlite":
        every = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY rowid"
        for name, statement in target.exec_driver_sql(every).all():
            target.exec_driver_sql(f'DROP INDEX "{name}"')
            made.append(statement)
    yield
    for statement in made:
        target.exec_driver_sql(statement)


# Numbers that are given once


def _go_on_counting(source: Connection, target: Connection) -> None:
    """Let the next row of every table get the number that it would have got."""
    given = _given(source)
    for name, column in _counted(target).items():
        highest = target.exec_driver_sql(f'SELECT max("{column}") FROM "{name}"').scalar() or 0  # noqa: S608 - names of the database's own
        last = max(given.get(name, 0), highest)
        if not last:
            continue
        if target.dialect.name == "sqlite":
            target.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            target.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last))
        else:
            target.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('\"{name}\"', '{column}'), {last})")


def _counted(connection: Connection) -> dict[str, str]:
    """Return the tables whose rows are counted by the database, and which never give a number twice, with that column."""
    if connection.dialect.name == "sqlite":
        made = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
        return dict.fromkeys(connection.exec_driver_sql(made).scalars(), "id")
    counted = (
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL"
    )
    return {str(name): str(column) for name, column in connection.exec_driver_sql(counted)}


def _given(connection: Connection) -> dict[str, int]:
    """Return the highest number that each table has ever given, as far as its database remembers it."""
    if connection.dialect.name == "sqlite":
        return {
            str(name): int(last) for name, last in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
        }
    found = {}
    for name, column in _counted(connection).items():
        sequence = connection.exec_driver_sql(f"SELECT pg_get_serial_sequence('\"{name}\"', '{column}')").scalar_one()
        last, called = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608 - as above
        found[name] = last if called else 0
    return found
