"""Every address of the application, and what the database says before and after somebody asked for one."""

import re
import sqlite3
from contextlib import closing, contextmanager

from flask import url_for
from sqlalchemy import event, select

from webapp import config
from webapp.extensions import db
from webapp.models.base import Moment

ONE_CLICK = {"join.opt_out", "unsubscribe.show"}
"""Mail programs post there (RFC 8058)."""
VALUES = {
    "token": "x",
    "key": "x",
    "handle": "nobody-abcd",
    "mail_id": 1,
    "report_id": 1,
    "name": "x",
    "pixels": 64,
    "what": "accept",
    "sign_in_id": 1,
    "address_id": 1,
    "app_password_id": 1,
    "passkey_id": 1,
    "door": "google",
}
NOTED = {"seen_at", "clicked_at"}
"""When a sign-in or an address book was last used."""
COUNTED = "throttle"
"""How often something was tried: a limit has to count."""
_WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)\"?(.*)", re.IGNORECASE | re.DOTALL)


def rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def address(app, rule):
    """An address of a rule, of nothing that is there."""
    values = {
        name: min(getattr(rule._converters[name], "items", None) or [VALUES.get(name, "x")])
        for name in rule.arguments - set(rule.defaults or ())
    }
    with app.test_request_context():
        return url_for(rule.endpoint, **values)


def dump():
    """Everything in the database but when something was last used, and how often it was tried."""
    db.session.rollback()
    return {
        table.name: sorted(
            str([value for column, value in zip(table.columns.keys(), row, strict=True) if column not in NOTED])
            for row in db.session.execute(select(table))
        )
        for table in db.metadata.sorted_tables
        if table.name != COUNTED
    }


BY_CHANCE = {
    "key",
    "digest",
    "hashed",
    "name",
    "token",
    "client_id",
    "lookup",
    "link_digest",
    "password_hash",
    "handle",
    "about",
}
"""Columns in which each writing puts something else; a form's own words stand in some of them, which is compared by its length."""


PLAIN = {
    "": lambda value: (
        RANDOM.sub("", value) if isinstance(value, str) else len(value) if isinstance(value, bytes) else value
    ),
    "chance": lambda value: value and len(str(value)),
    "moment": lambda value: value and value // 600_000,
}
RANDOM = re.compile(r"[\w-]{24,}")


def rows():
    """What every table says: all of it but what is random, and moments, of which it counts whether there is one."""
    db.session.rollback()
    found = {}
    for table in db.metadata.sorted_tables:
        if table.name == COUNTED:
            continue
        columns = [f'"{column.name}"' for column in table.columns if column.name != "webp"]
        kinds = [
            "chance" if column.name in BY_CHANCE else "moment" if isinstance(column.type, Moment) else ""
            for column in table.columns
            if column.name != "webp"
        ]
        found[table.name] = sorted(
            repr([PLAIN[kind](value) for kind, value in zip(kinds, row, strict=True)])
            for row in db.session.connection().exec_driver_sql(f'SELECT {", ".join(columns)} FROM "{table.name}"')
        )
    db.session.rollback()
    return found


@contextmanager
def writes():
    """The tables that are written to meanwhile, but for what `dump` leaves out."""
    found = []

    def note(_connection, cursor, statement, *_rest):
        written = _WRITES.match(statement)
        if (
            written
            and cursor.rowcount
            and written[1] != COUNTED
            and not re.match(rf"\s+SET ({'|'.join(NOTED)})=\S+\s+WHERE", written[2])
        ):
            found.append(statement)

    event.listen(db.engine, "after_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "after_cursor_execute", note)


class Snapshot:
    """An SQLite database as it stands, to be put back as often as one likes."""

    def __init__(self):
        db.session.rollback()
        self.kept = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(config.setting("INSTANCE") / "kith.sqlite3")) as now:
            now.backup(self.kept)

    def restore(self):
        db.session.rollback()
        db.session.expire_all()
        with closing(sqlite3.connect(config.setting("INSTANCE") / "kith.sqlite3")) as now:
            self.kept.backup(now)


class Rows:
    """What stands in the tables of PostgreSQL, to be put into empty ones as often as one likes, with the numbers that come next."""

    def __init__(self):
        db.session.rollback()
        self.tables, self.counters = [], []
        connection = db.session.connection()
        for table in db.metadata.sorted_tables:
            kept = [f'"{column.name}"' for column in table.columns if column.computed is None]
            what = f'"{table.name}" ({", ".join(kept)})'
            with connection.connection.cursor().copy(f"COPY {what} TO STDOUT (FORMAT binary)") as given:
                self.tables.append((what, b"".join(given)))
            if table.autoincrement_column is not None:
                asked = f"SELECT pg_get_serial_sequence('{table.name}', '{table.autoincrement_column.name}')"
                counter = connection.exec_driver_sql(asked).scalar()
                if counter:
                    place = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {counter}").one()
                    self.counters.append((counter, *place))
        db.session.rollback()

    def restore(self):
        db.session.rollback()
        db.session.expire_all()
        with db.engine.begin() as connection:
            for what, rows in self.tables:
                with connection.connection.cursor().copy(f"COPY {what} FROM STDIN (FORMAT binary)") as taken:
                    taken.write(rows)
            for counter, last, called in self.counters:
                connection.exec_driver_sql(f"SELECT setval('{counter}', {last}, {called})")
