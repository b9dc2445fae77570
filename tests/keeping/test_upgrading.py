"""`kith upgrade`: taken back whenever the result is not as it should be; older code stays away from a newer database."""

import os
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import select, text

from tests import filling, ports, programs
from webapp import clock, config, create_app, schema, transaction
from webapp.extensions import db
from webapp.jobs import health, housekeeping
from webapp.keeping import upgrading
from webapp.keeping.errors import Refused
from webapp.models.member import Member

OLD = "0027"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An instance folder whose database is of an older revision, with rows in it."""
    folder = tmp_path_factory.mktemp("old") / "instance"
    with create_app({"INSTANCE": str(folder)}).app_context():
        schema.make(OLD)
        with db.engine.begin() as connection:
            filling.fill(connection)
        db.session.remove()
        db.engine.dispose()
    return folder


@pytest.fixture
def old(made, tmp_path):
    """Such an instance, for one test."""
    shutil.copytree(made, tmp_path / "instance")
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_a_backup_is_made_first_and_everything_is_said(old):
    instance = old.config["KITH"]["INSTANCE"]
    done = programs.run("upgrade", INSTANCE=instance)
    assert done.returncode == 0, done.stderr
    assert f"was brought from revision {OLD} to {schema.wanted()}" in done.stdout
    (made,) = (instance / "backups").iterdir()
    assert str(made) in done.stdout
    assert (made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    again = programs.run("upgrade", INSTANCE=instance)
    assert (again.returncode, "there is nothing to upgrade" in again.stdout) == (0, True)
    # the documented way back, as the version before would go it: what the backup holds is the old revision
    back = programs.run("restore", "--replace", str(made), INSTANCE=instance)
    assert f"brought from revision {OLD} to" in back.stdout, back.stderr


def test_backups_of_before_go_after_a_month(old):
    folder = old.config["KITH"]["INSTANCE"] / config.BACKUPS
    folder.mkdir()
    now = clock.now()
    for name, days in (("before-2-from-1-x.kith", 31), ("before-3-from-2-x.kith", 29), ("mine.kith", 400)):
        (folder / name).touch()
        os.utime(folder / name, (now.timestamp() - days * 86400,) * 2)
    assert housekeeping.forget_backups(now) == 1
    assert {each.name for each in folder.iterdir()} == {"before-3-from-2-x.kith", "mine.kith"}


def test_what_is_wrong_afterwards_takes_everything_back(old, monkeypatch):
    with pytest.raises(
        Refused, match=r"was taken back, and nothing has changed, .*: 3 members are wrong\. .*--despite"
    ):
        upgrading.upgrade(lambda: ["3 members are wrong."], without_backup=True)
    assert schema.current() == OLD
    migrate = schema.migrate

    def forgetful(connection, revision="head"):
        before = migrate(connection, revision)
        connection.exec_driver_sql("DELETE FROM throttle")
        return before

    monkeypatch.setattr(schema, "migrate", forgetful)
    with pytest.raises(Refused, match="The table throttle has 0 rows, and had 3"):
        upgrading.upgrade(health.unsound, without_backup=True)
    monkeypatch.setattr(
        schema, "deletes_from", lambda before: frozenset({"throttle"}) if before == OLD else frozenset()
    )
    assert upgrading.upgrade(health.unsound, without_backup=True).after == schema.wanted()


def test_rows_that_would_refer_to_nothing_take_everything_back(old, monkeypatch):
    migrate = schema.migrate

    def forgetful(connection, revision="head"):
        before = migrate(connection, revision)
        connection.exec_driver_sql("DELETE FROM member WHERE id = 3")
        return before

    monkeypatch.setattr(schema, "migrate", forgetful)
    with pytest.raises(Refused, match="refer to rows of member that are gone"):
        upgrading.upgrade(list, without_backup=True, despite=True)
    assert schema.current() == OLD
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM member")).scalar_one() == 3
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_what_is_tried_again_and_again_in_vain_leaves_no_backup_each_time(old, tmp_path):
    """As a unit does that starts Kith anew each time it ends. The backup that somebody asked for stays."""
    for asked in (None, None, tmp_path / "asked.kith"):
        with pytest.raises(Refused, match="was taken back"):
            upgrading.upgrade(lambda: ["3 members are wrong."], backup=asked)
    assert list((old.config["KITH"]["INSTANCE"] / config.BACKUPS).iterdir()) == []
    assert asked.exists()


def test_an_upgrade_waits_for_who_writes_or_upgrades_at_that_moment(old, monkeypatch):
    """However long SQLite itself waits for its lock: here for a hundredth of a second."""
    monkeypatch.setattr(transaction, "SQLITE_PRAGMAS", ("busy_timeout=10",))
    db.session.remove()
    db.engine.dispose()
    other = sqlite3.connect(db.engine.url.database, isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        later = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        later.start()
        assert upgrading.upgrade(list, without_backup=True).after == schema.wanted()
        later.join()


def test_of_two_who_upgrade_at_once_one_finds_it_done(old, monkeypatch):
    back_up = upgrading.back_up

    def take_long(file, **given):
        back_up(file, **given)
        schema.upgrade()  # by the other, meanwhile

    monkeypatch.setattr(upgrading, "back_up", take_long)
    done = upgrading.upgrade(list)
    assert (done.before, done.after, done.backup) == (schema.wanted(), schema.wanted(), None)
    assert list((old.config["KITH"]["INSTANCE"] / config.BACKUPS).iterdir()) == []


def test_despite_goes_on_and_looking_changes_nothing(old):
    def looks():
        return [f"{len(db.session.scalars(select(Member)).all())} members are there."]

    assert upgrading.upgrade(looks, without_backup=True, despite=True).after == schema.wanted()
    assert upgrading.upgrade(looks).backup is None


@pytest.mark.parametrize("workers", [1, 2])
def test_serve_upgrades_by_itself(old, tmp_path, workers):
    port, log = ports.free(), tmp_path / "log"
    log.touch()
    db.engine.dispose()
    serving = programs.start(
        "serve", "--port", port, "--workers", workers, log=log, INSTANCE=old.config["KITH"]["INSTANCE"]
    )
    serving.wait_until(lambda: programs.answers(f"http://127.0.0.1:{port}/readyz"))
    assert f"The database is at revision {schema.wanted()}." in log.read_text()
    assert "A backup of it as it was" in log.read_text()
    serving.send_signal(15)
    assert serving.wait() == 0


def test_an_older_kith_does_not_touch_the_database_of_a_newer_one(old):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.engine.dispose()
    given = {"INSTANCE": old.config["KITH"]["INSTANCE"]}
    for words in (["serve", "--port", ports.free()], ["worker"], ["upgrade"], ["rotate-key"], ["doctor"]):
        answer = programs.run(*words, **given)
        assert answer.returncode == 1
        assert answer.stderr.startswith(
            "Error: The database is at revision 9999, which this version of Kith does not know"
        )
        assert answer.stderr.count("\n") == 1


def test_who_needs_the_newest_revision_asks_for_it(old):
    db.engine.dispose()
    given = {"INSTANCE": old.config["KITH"]["INSTANCE"]}
    for words in (["worker"], ["rotate-key"]):
        answer = programs.run(*words, **given)
        assert (
            answer.stderr
            == f"Error: The database is at revision {OLD}, not {schema.wanted()}: run `kith upgrade` first.\n"
        )
    assert "choose one" in programs.run("upgrade", "--backup", "x", "--without-backup", **given).stderr


def test_several_processes_on_postgresql_want_the_newest_revision_to_be_there(postgres, worker_id, tmp_path):
    url = postgres.database(f"upgrading_{worker_id}")
    words, given = (
        ("serve", "--workers", 2, "--port", ports.free()),
        {"INSTANCE": tmp_path, "DATABASE_URL": url},
    )
    assert "has nothing of Kith in it" in programs.run(*words, **given).stderr
    with create_app(given).app_context():
        schema.make(OLD)
        db.session.remove()
        db.engine.dispose()
    assert "run `kith upgrade` first" in programs.run(*words, **given).stderr
