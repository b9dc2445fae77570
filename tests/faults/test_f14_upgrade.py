"""F14: from the schema of every earlier migration, with rows in every table, to the newest; killed at each step, it is old or new.

There are no earlier releases to keep databases of: each is made by going to its revision, and filled by what its tables say of themselves.
"""

import sqlite3
from contextlib import closing, contextmanager

import pytest
import sqlalchemy
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests import dying, filling
from tests.conftest import ENGINES
from webapp import create_app, schema
from webapp.extensions import db
from webapp.jobs import health
from webapp.keeping import upgrading
from webapp.keeping.ground import database

REVISIONS = [each.revision for each in ScriptDirectory(str(schema.FOLDER)).walk_revisions()][:0:-1]
"""All but the newest, the oldest first."""
MOVING = ("0001", "0006", "0018", "0022")
"""The revisions after which a migration moves rows, or makes a table anew: on PostgreSQL these, and the last."""
ANOTHER = {
    "member": {"search_text", "likeness"},  # made of the others, and made again
    "guest_invitation": {"address", "name", "facts"},  # sealed since 0023
}
"""Columns that do not say the same afterwards."""


class Line:
    """Databases that stand at one revision after the other: a bare one goes forward, and copies of it are filled."""

    def __init__(self, engine, folder, server, name):
        self.engine, self.folder, self.server, self.name = engine, folder, server, name
        app = create_app({"INSTANCE": str(folder / "instance")})
        self.values, self.keys = app.config["KITH"], app.config["KEYS"]
        self.bare = self.url("bare")
        if server is not None:
            server.database(f"{name}_bare")

    def url(self, which):
        if self.server is None:
            return f"sqlite:///{self.folder / which}.sqlite3"
        made = sqlalchemy.make_url(self.server.url).set(database=f"{self.name}_{which}")
        return made.render_as_string(hide_password=False)

    def _copy(self, which, to):
        if self.server is None:
            with closing(sqlite3.connect(self.folder / f"{which}.sqlite3")) as source:
                (self.folder / f"{to}.sqlite3").unlink(missing_ok=True)
                source.execute("VACUUM INTO ?", (str(self.folder / f"{to}.sqlite3"),))
            return
        engine = sqlalchemy.create_engine(self.server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{self.name}_{to}" WITH (FORCE)')
            connection.exec_driver_sql(f'CREATE DATABASE "{self.name}_{to}" TEMPLATE "{self.name}_{which}"')
        engine.dispose()

    def copied(self):
        """A copy of the one that is filled."""
        self._copy("filled", "copied")
        return self.url("copied")

    def shape_of_copy(self):
        with database(self.values, self.keys, self.url("copied")):
            return shape()

    @contextmanager
    def filled(self, revision):
        """The rules at work on a database of that revision, with rows in it."""
        with database(self.values, self.keys, self.bare), schema.changing() as connection:
            schema.migrate(connection, revision)
        self._copy("bare", "filled")
        with database(self.values, self.keys, self.url("filled")):
            with db.engine.begin() as connection:
                filling.fill(connection)
            yield


@pytest.fixture(params=ENGINES)
def line(request, tmp_path):
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    return Line(request.param, tmp_path, server, f"kith_line_{request.getfixturevalue('worker_id')}")


def read():
    with db.engine.connect() as connection:
        found = filling.rows(connection)
    # A backup leaves its mark there.
    return (
        found | {"lease": [row for row in found["lease"] if not row["name"].startswith("backup ")]}
        if "lease" in found
        else found
    )


def same(before, after):
    """Every row that was there says what it said, in the columns that are still there."""
    for table, rows in before.items():
        if table not in after or not rows:
            continue
        columns = (rows[0].keys() & after[table][0].keys()) - ANOTHER.get(table, set()) if after[table] else set()
        then = sorted(repr([(name, row[name]) for name in sorted(columns)]) for row in rows)
        now = sorted(repr([(name, row[name]) for name in sorted(columns)]) for row in after[table])
        assert set(then) <= set(now), table


def test_f14_from_every_earlier_schema_with_rows_in_it(line):
    for revision in REVISIONS if line.engine == "sqlite" else (*MOVING, REVISIONS[-1]):
        with line.filled(revision):
            before = read()
            done = upgrading.upgrade(health.unsound, without_backup=True)
            assert (done.before, done.after, schema.current()) == (revision, schema.wanted(), schema.wanted())
            assert done.rows == sum(map(len, before.values())) >= 3 * (len(before) - len(filling.EMPTY)) - 3
            same(before, read())


def shape():
    """The revision and everything that the schema is made of, as the database itself says it."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            made = connection.execute(
                text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'member_words%'")
            )
        else:
            made = connection.execute(
                text(
                    "SELECT table_name, column_name, data_type || is_nullable || coalesce(column_default, '') FROM information_schema.columns"
                    " WHERE table_schema = 'public' UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
                    " UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
                    " UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
                )
            )
        # a table that was made anew says its rules in any order
        return schema.current(), sorted(
            (kind, name, sorted(each.strip(" ,\t") for each in (sql or "").splitlines())) for kind, name, sql in made
        )


def test_f14_killed_at_each_step_it_is_old_or_new_never_between(line, tmp_path):
    """While the backup is made, in the middle, and at the last steps, which are those around the commit: both sides of it are seen."""
    revision, words = "0001", ["upgrade", "--without-backup"]
    with line.filled(revision):
        old, rows = shape(), read()
        db.engine.dispose()
        settings = {"INSTANCE": str(tmp_path / "instance")}
        killed, steps = dying.run(*words, log=tmp_path / "whole", **settings, DATABASE_URL=line.copied())
        assert not killed
        new = line.shape_of_copy()
        seen = set()
        assert dying.run("upgrade", log=tmp_path / "backup", at=20, **settings, DATABASE_URL=line.url("filled"))[0]
        for at in (steps // 2, steps - 1, steps):
            killed, reached = dying.run(
                *words, log=tmp_path / f"at-{at}", at=at, **settings, DATABASE_URL=line.url("filled")
            )
            assert (killed, reached) == (True, at)
            found = shape()
            assert found in (old, new), "neither the old schema nor the new one"
            seen.add(found[0])
            if found == old:
                assert read() == rows
            else:
                same(rows, read())
                break
            db.engine.dispose()
        assert (
            schema.current() == schema.wanted()
            or not dying.run(*words, log=tmp_path / "last", **settings, DATABASE_URL=line.url("filled"))[0]
        )
        assert seen >= {revision}
        assert (shape(), health.unsound()) == (new, [])
        same(rows, read())
