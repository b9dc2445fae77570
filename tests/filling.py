"""Rows for the tables of any revision, made from what the database itself says of them: kinds, references, what is allowed.

What the tables can't say (two members who know each other, and all that is derived from it) is written by hand, at the first revision
the same as at the last. The two logs that hold themselves together line by line stay empty.
"""

import random
import re
from array import array
from graphlib import TopologicalSorter

from sqlalchemy import JSON, Boolean, Integer, LargeBinary, MetaData, insert, inspect, text
from sqlalchemy.exc import IntegrityError

ROWS = 3
TRIES = 400
WRITTEN = {"member", "relationship", "connection", "adjacency"}
EMPTY = {"act", "contacts_ledger", "contacts_ledger_line", "alembic_version", "key_generation"}
LISTS = {"links", "tags", "transports"}
NOW = 1_800_000_000_000


def fill(connection, seed=1):
    """Put a few rows into every table; return which tables have how many."""
    found = tables(connection)
    choose = random.Random(seed)
    for number in range(1, ROWS + 1):
        put(connection, found["member"], choose, number, {"id": number, "degree": 1 if number < 3 else 0})
    put(connection, found["relationship"], choose, 1, {"low_id": 1, "high_id": 2, "state": "connected", "by_id": 1})
    put(connection, found["relationship"], choose, 2, {"low_id": 1, "high_id": 3, "state": "pending", "by_id": 3})
    for one, other in ((1, 2), (2, 1)):
        put(connection, found["connection"], choose, one, {"member_id": one, "other_id": other})
        put(connection, found["adjacency"], choose, one, {"member_id": one, "ids": array("i", [other]).tobytes()})
    for name, table in found.items():
        if name not in WRITTEN | EMPTY:
            for number in range(1, ROWS + 1):
                put(connection, table, choose, number)
    if connection.dialect.name == "postgresql":
        for name, table in found.items():
            counted = table.autoincrement_column
            if counted is not None and name not in EMPTY:
                counter = f"pg_get_serial_sequence('{name}', '{counted.name}')"
                connection.execute(text(f'SELECT setval({counter}, (SELECT max("{counted.name}") FROM "{name}"))'))


def tables(connection):
    """The tables, those first that others refer to."""
    metadata, inspector = MetaData(), inspect(connection)
    own = [name for name in inspector.get_table_names() if not name.startswith("member_words")]
    metadata.reflect(connection, only=own)
    for name in own:
        metadata.tables[name].info["checks"] = [each["sqltext"] for each in inspector.get_check_constraints(name)]
    order = TopologicalSorter(
        {name: {key.column.table.name for key in metadata.tables[name].foreign_keys} - {name} for name in own}
    )
    return {name: metadata.tables[name] for name in order.static_order()}


def put(connection, table, choose, number, given=()):
    """Add one row: as the kinds say, tried again with other values where a rule of the table says no."""
    given = dict(given)
    for _try in range(TRIES):
        values = {column.name: value(connection, column, choose, number) for column in table.columns} | given
        try:
            with connection.begin_nested():
                connection.execute(insert(table).values(values))
        except IntegrityError:
            continue
        return
    raise AssertionError(f"{table.name} takes no row: {table.info['checks']}")


def value(connection, column, choose, number):
    """A value that the column may take, as far as it can be known from the column alone."""
    if column.nullable and choose.random() < 0.4:
        return None
    if column.foreign_keys:
        to = next(iter(column.foreign_keys)).column
        there = keys_of(connection, to, fresh=to.table is column.table)
        return choose.choice(there) if there else None
    allowed = words(column)
    return choose.choice(allowed) if allowed else of_kind(column, choose, number)


def keys_of(connection, column, *, fresh):
    """The values that can be referred to; a table that others refer to is full when they are filled."""
    known = column.table.info.setdefault("keys", {})
    if fresh or column.name not in known:
        found = text(f'SELECT "{column.name}" FROM "{column.table.name}" ORDER BY 1')
        known[column.name] = connection.execute(found).scalars().all()
    return known[column.name]


def of_kind(column, choose, number):
    """A value of the column's kind."""
    if isinstance(column.type, JSON):
        return [f"https://www.linkedin.com/in/person-{number}"] if column.name in LISTS else {"note": f"Æ {number}"}
    if isinstance(column.type, Boolean):
        return choose.random() < 0.5
    if isinstance(column.type, Integer):
        if column.name.endswith(("_at", "_from", "_until")) or column.name in {"since", "at", "until", "day"}:
            return NOW + choose.randrange(10**9)
        return number if column.primary_key else choose.randrange(1, 100)
    if isinstance(column.type, LargeBinary):
        return f"bytes {number}".encode()
    length = getattr(column.type, "length", None) or 200
    return f"{column.name}-é-{number}-{choose.randrange(10**6)}"[-length:]


def words(column):
    """The words that a rule of the table allows for a column, if there is such a rule."""
    for check in column.table.info["checks"]:
        sql = re.sub(r"::[a-z ]+(\([0-9]+\))?(\[\])?", "", check).replace("(", " ").replace(")", " ").replace('"', "")
        if re.match(rf"\s*{column.name}\s*(IN|= ANY)\b", sql):
            return re.findall(r"'([^']*)'", sql)
    return []


def rows(connection):
    """Every row of every table, as a mapping."""
    return {
        name: [dict(row) for row in connection.execute(text(f'SELECT * FROM "{name}"')).mappings()]
        for name in inspect(connection).get_table_names()
        if name != "alembic_version" and not name.startswith("member_words")
    }
