"""Backups: what is in one, that it comes back the same on either engine, and what is refused."""

import json
import re
import stat
import zipfile
from contextvars import Context

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from tests import factories
from tests.keeping.copies import Copy, rows, sums
from webapp import config, schema
from webapp.cli import kith
from webapp.domain import leaving, tickets
from webapp.extensions import db
from webapp.jobs import health
from webapp.keeping import backup
from webapp.keeping.errors import Refused
from webapp.models.member import Member
from webapp.models.words import hits
from webapp.transaction import transaction

only_sqlite = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


def keys():
    return config.setting("INSTANCE")


@pytest.fixture
def taken(context, tmp_path):
    """A backup of a few members, one of whom is signed in."""
    ada, grace = factories.member("Ada Lovelace", "ada@post.example"), factories.member("Grace Hopper")
    factories.connect(ada, grace)
    factories.sign_in(ada)
    db.session.commit()
    file = tmp_path / "monday"
    backup.back_up(file)
    return file


@only_sqlite
def test_a_community_comes_back_the_same_from_either_engine_on_either(sample, request, tmp_path, worker_id):
    server = request.getfixturevalue("postgres")
    before, wrong, found = sums(), health.problems(), found_by("a*")
    assert found
    instances = [
        Copy(tmp_path / "one", keys()),
        Copy(tmp_path / "two", keys(), server.database(f"kith_copy_{worker_id}_1")),
        Copy(tmp_path / "three", keys(), server.database(f"kith_copy_{worker_id}_2")),
        Copy(tmp_path / "four", keys()),
    ]
    file = tmp_path / "0"
    made = backup.back_up(file)
    assert made.rows["member"] == before["member"].rows > 50
    for number, each in enumerate(instances, 1):
        each.restore(file, as_it_was=True)
        there = each.sums()
        assert {name: (number, each) for name, each in there.items() if each != before[name]} == {}
        assert (each.problems(), there.keys()) == (wrong, before.keys())
        assert each.within(lambda: found_by("a*")) == found
        file = tmp_path / str(number)
        again = each.back_up(file)
        assert (again.engine, again.revision) == ("postgresql" if number in {2, 3} else "sqlite", schema.wanted())
        assert {name: rows for name, rows in again.rows.items() if rows} == {
            name: rows for name, rows in made.rows.items() if rows
        }


@only_sqlite
def test_numbers_go_on_where_they_were_also_those_of_rows_that_are_gone(context, request, tmp_path, worker_id):
    ada = factories.member("Ada Lovelace")
    db.session.commit()
    with transaction():
        db.session.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('message', 41)"))
    url = request.getfixturevalue("postgres").database(f"kith_copy_{worker_id}_1")
    there, back = Copy(tmp_path / "there", keys(), url), Copy(tmp_path / "back", keys())
    backup.back_up(tmp_path / "first")
    there.restore(tmp_path / "first")

    def next_member():
        with transaction():
            new = factories.member("Ada Byron")
        return new.id

    assert there.within(next_member) == ada.id + 1
    assert rows(url, "SELECT nextval(pg_get_serial_sequence('message', 'id'))") == [(42,)]
    there.back_up(tmp_path / "second")
    back.restore(tmp_path / "second")
    assert rows(f"sqlite:///{back.folder}/kith.sqlite3", "SELECT seq FROM sqlite_sequence WHERE name = 'message'") == [
        (42,)
    ]


@only_sqlite
def test_the_file_is_its_owners_and_holds_neither_the_key_nor_a_book_that_is_looked_through(taken):
    assert stat.S_IMODE(taken.stat().st_mode) == 0o600
    with zipfile.ZipFile(taken) as archive:
        assert archive.namelist() == ["kith.sqlite3", "manifest.json"]
    secret = (keys() / "secret_key").read_text()
    assert not any(
        key in taken.read_bytes() for key in (bytes.fromhex(each) for each in re.findall("[0-9a-f]{64}", secret))
    )
    assert [path.name for path in taken.parent.iterdir()] == ["monday"]  # nothing is left beside it


@only_sqlite
def test_the_key_file_and_the_settings_are_in_it_on_request_and_come_back_with_it(context, tmp_path):
    factories.member("Ada Lovelace")
    db.session.commit()
    (keys() / "config.toml").write_text('site_name = "Southgate"\n')
    try:
        assert backup.back_up(tmp_path / "whole", with_key=True).has_keys
    finally:
        (keys() / "config.toml").unlink()
    there = Copy(tmp_path / "there", None)
    there.restore(tmp_path / "whole")
    assert (there.folder / "secret_key").read_text() == (keys() / "secret_key").read_text()
    assert stat.S_IMODE((there.folder / "secret_key").stat().st_mode) == 0o600
    assert (there.folder / "config.toml").read_text() == 'site_name = "Southgate"\n'


@only_sqlite
def test_after_restoring_nobody_is_signed_in_and_no_link_in_a_mail_works(context, tmp_path):
    ada = factories.member("Ada Lovelace", "ada@post.example")
    factories.sign_in(ada)
    tickets.issue("reset", minutes=60, member=ada)
    tickets.issue(leaving.CANCEL, minutes=60, member=ada)
    db.session.commit()
    backup.back_up(tmp_path / "first")
    there = Copy(tmp_path / "there", keys())
    settled = there.restore(tmp_path / "first").settled
    assert (settled.sign_ins, settled.links) == (1, 1)
    url = f"sqlite:///{there.folder}/kith.sqlite3"
    assert rows(url, "SELECT count(*) FROM sign_in") == [(0,)]
    assert rows(url, "SELECT purpose FROM ticket") == [(leaving.CANCEL,)]


def names(folder):
    return {path.name for path in folder.iterdir()} - {"running.lock"}


def refused(there, file, **how):
    before = names(there.folder)
    with pytest.raises(Refused) as why:
        there.restore(file, **how)
    assert names(there.folder) == before, "nothing was changed"
    assert str(why.value).count(". ") == 0
    return str(why.value)


@only_sqlite
def test_restoring_refuses_a_missing_key_file_and_another_one(taken, tmp_path):
    there = Copy(tmp_path / "there", None)
    assert "There is no key file" in refused(there, taken)
    config.keys(there.load(), has_data=lambda: False)
    assert "was made with other keys" in refused(there, taken)


@only_sqlite
def test_restoring_refuses_where_something_stands_already_unless_it_is_to_be_set_aside(taken, tmp_path):
    there = Copy(tmp_path / "there", keys())
    there.within(schema.upgrade)
    assert there.restore(taken).set_aside is None  # an empty database stands in nobody's way
    assert "There is an instance in" in refused(there, taken)
    with there.open():
        assert schema.current() == schema.wanted()
        assert "Kith is running" in refused(there, taken, replace=True)
    done = there.restore(taken, replace=True)
    assert rows(f"sqlite:///{done.set_aside}/kith.sqlite3", "SELECT count(*) FROM member") == [(2,)]
    assert there.problems() == ["1 mails may or may not have left."]


@only_sqlite
def test_restoring_refuses_a_database_of_postgresql_in_which_something_stands(taken, tmp_path, request, worker_id):
    url = request.getfixturevalue("postgres").database(f"kith_copy_{worker_id}_1")
    there = Copy(tmp_path / "there", keys(), url)
    assert "is not set aside" in refused(there, taken, replace=True)
    there.restore(taken)
    assert "is not empty" in refused(there, taken)


def altered(file, change):
    """The same backup with some of its members changed: a function of name and bytes; None leaves it out."""
    other = file.with_name("altered")
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(other, "w") as after:
        for name in before.namelist():
            content = change(name, before.read(name))
            if content is not None:
                after.writestr(name, content)
    return other


def in_manifest(**changes):
    def change(name, content):
        return json.dumps(json.loads(content) | changes).encode() if name == "manifest.json" else content

    return change


CHANGES = {
    "no manifest": (lambda name, content: None if name == "manifest.json" else content, "is no backup of Kith"),
    "no database": (lambda name, content: None if name == "kith.sqlite3" else content, "not what its manifest says"),
    "a byte": (
        lambda name, content: content[:-1] + b"!" if name == "kith.sqlite3" else content,
        "not what its manifest says",
    ),
    "a newer format": (in_manifest(format=2), "is newer: upgrade Kith first"),
    "another revision": (in_manifest(revision="9999"), "was changed since it was made"),
    "other numbers": (in_manifest(rows={"member": 3}), "was changed since it was made"),
    "something else": (in_manifest(more=1), "is no backup of Kith"),
}


@only_sqlite
def test_restoring_refuses_whatever_was_changed(taken, tmp_path, subtests):
    there = Copy(tmp_path / "there", keys())
    for name, (change, words) in CHANGES.items():
        with subtests.test(name):
            assert words in refused(there, altered(taken, change))
    half = tmp_path / "half"
    half.write_bytes(taken.read_bytes()[: taken.stat().st_size // 2])
    assert "only a part of one" in refused(there, half)
    assert "There is no file" in refused(there, tmp_path / "none")


@only_sqlite
def test_restoring_refuses_one_of_a_newer_kith_that_was_not_changed(context, tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "current", lambda: "9999")
    backup.back_up(tmp_path / "newer")
    monkeypatch.undo()
    assert "is newer: upgrade Kith first" in refused(Copy(tmp_path / "there", keys()), tmp_path / "newer")


@only_sqlite
def test_a_database_that_is_not_the_manifests_is_refused_though_the_digests_agree(context, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "_counted", lambda _there: {"member": 3})
    backup.back_up(tmp_path / "wrong")
    assert "not what its manifest says" in refused(Copy(tmp_path / "there", keys()), tmp_path / "wrong")


def test_one_of_an_older_kith_is_brought_to_the_newest_revision(tmp_path, request, worker_id):
    """On both engines: the tables are asked of the database, so a new Kith can take a backup before it migrates."""
    old = Copy(tmp_path / "old", None)
    older = Copy(
        tmp_path / "older", keys_made(old), request.getfixturevalue("postgres").database(f"kith_copy_{worker_id}_1")
    )

    def fill():
        schema.make("0024")
        with db.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO member (handle, name, sort_as, name_key, sort_key, search_text, password_hash, headline, organisation,"
                " title, field, tags, place, cohort, about, links, created_at) VALUES"
                " ('ada-abcd', 'Ada', '', 'ada', 'ada', ' ada', '', '', '', '', '', '[]', '', '', '', '[]', 1)"
            )

    for each in (old, older):
        each.within(fill)
        file = tmp_path / f"of {each.folder.name}"
        assert each.back_up(file).revision == "0024"
        new = Copy(tmp_path / f"new from {each.folder.name}", old.folder)
        assert new.restore(file).revision == schema.wanted()
        assert new.problems() == []
        assert rows(f"sqlite:///{new.folder}/kith.sqlite3", "SELECT name, tags FROM member") == [("Ada", "[]")]


def keys_made(instance):
    config.keys(instance.load(), has_data=lambda: False)
    return instance.folder


@only_sqlite
def test_a_backup_refuses_a_name_that_is_taken_a_folder_that_is_not_there_and_an_empty_instance(taken, tmp_path):
    with pytest.raises(Refused, match="exists already"):
        backup.back_up(taken)
    with pytest.raises(Refused, match="Nothing can be written in"):
        backup.back_up(tmp_path / "none" / "monday")
    with pytest.raises(Refused, match="no database to back up"):
        Copy(tmp_path / "new", keys()).back_up(tmp_path / "tuesday")


@only_sqlite
def test_the_commands_say_what_they_did_and_what_is_wrong_in_one_sentence(taken, tmp_path, monkeypatch):
    there = Copy(tmp_path / "there", keys())
    monkeypatch.setenv("KITH_INSTANCE", str(there.folder))

    def run(*words, **how):
        done = Context().run(CliRunner().invoke, kith, list(words), **how)
        return done.exit_code, done.output

    assert run("restore", str(taken))[0] == 0
    code, said = run("backup", str(tmp_path / "tuesday"))
    assert (code, said.splitlines()[0].partition(" (")[0]) == (0, f"Wrote {tmp_path / 'tuesday'}")
    assert "The key file is not in it" in said
    code, said = run("backup", str(tmp_path / "whole"), "--with-key", input="n\n")
    assert (code, (tmp_path / "whole").exists()) == (1, False)
    assert run("backup", str(tmp_path / "whole"), "--with-key", "--yes")[0] == 0
    code, said = run("restore", str(taken))
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("Error: There is an instance in")
    code, said = run("restore", str(taken), "--replace")
    assert code == 0
    assert "2 members" in said
    assert "What stood here before is in" in said


def found_by(words):
    return sorted(db.session.scalars(select(Member.handle).where(Member.id.in_(hits([[words]])))))
