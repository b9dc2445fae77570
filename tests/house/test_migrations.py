"""The database that the migrations make is the one the models describe, on both engines."""

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from tests.conftest import ENGINES
from webapp import create_app, schema
from webapp.extensions import db


def made(given, make):
    app = create_app(given)
    with app.app_context():
        make()
        found = description()
        db.engine.dispose()
    return found


def description():
    inspector = inspect(db.engine)
    found = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        columns = {
            column["name"]: (str(column["type"]), column["nullable"], str(column.get("default")))
            for column in inspector.get_columns(table)
        }
        indexes = {
            index["name"]: (
                tuple(index["column_names"]),
                bool(index["unique"]),
                plain(
                    next(
                        (
                            str(value)
                            for key, value in (index.get("dialect_options") or {}).items()
                            if key.endswith("_where")
                        ),
                        "",
                    )
                ),
            )
            for index in inspector.get_indexes(table)
        }
        found[table] = {
            "columns": columns,
            "key": inspector.get_pk_constraint(table),
            "indexes": indexes,
            "checks": {check["name"]: plain(check["sqltext"]) for check in inspector.get_check_constraints(table)},
            "unique": sorted(
                (each["name"], tuple(each["column_names"])) for each in inspector.get_unique_constraints(table)
            ),
            "references": sorted(
                (each["name"], tuple(each["constrained_columns"]), each["referred_table"], str(each["options"]))
                for each in inspector.get_foreign_keys(table)
            ),
        }
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            triggers = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' OR sql LIKE '%VIRTUAL%'")
            found["triggers"] = sorted(tuple(row) for row in connection.execute(triggers))
            found["without rowid"] = sorted(
                row[0]
                for row in connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'"))
            )
    return found


def plain(sql):
    return " ".join(sql.replace("(", " ").replace(")", " ").split()).lower()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_migrated_schema_is_the_one_of_the_models(engine, tmp_path, request):
    given = [{"INSTANCE": str(tmp_path / name)} for name in ("migrated", "created")]
    if engine == "postgresql":
        server = request.getfixturevalue("postgres")
        worker = request.getfixturevalue("worker_id")
        for number, values in enumerate(given):
            values["DATABASE_URL"] = server.database(f"kith_schema_{worker}_{number}")
    migrated = made(given[0], schema.upgrade)
    created = made(given[1], db.create_all)
    assert migrated.keys() == created.keys()
    for table in created:
        assert migrated[table] == created[table], table


def test_the_files_are_named_after_what_they_bring_and_follow_one_another():
    scripts = ScriptDirectory(schema.FOLDER)
    found = [each.revision for each in scripts.walk_revisions()][::-1]
    assert found == list(schema._revisions())
    assert scripts.get_current_head() == schema.wanted()


def test_migrating_twice_is_migrating_once(tmp_path):
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    with app.app_context():
        assert schema.upgrade() == (None, schema.wanted())
        assert schema.upgrade() == (schema.wanted(), schema.wanted())
        db.engine.dispose()
