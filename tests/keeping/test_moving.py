"""Moving to another database: everything arrives, is proven to have arrived, or nothing is moved."""

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from tests import factories
from tests.keeping.copies import Copy
from webapp import config
from webapp.cli import kith
from webapp.extensions import db
from webapp.jobs import WORK, lease
from webapp.keeping import backup, moving, tables
from webapp.keeping.errors import Refused
from webapp.models.member import Member
from webapp.models.words import hits

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def instance(context, tmp_path):
    """An instance of its own with a few members; moving takes its database for itself."""
    ada = factories.member("Ada Lovelace", "ada@post.example", tags=["a ✓", "b"], links=[])
    for name in ("Grace Hopper", "Ольга Ладыженская", "田中太郎"):
        factories.connect(ada, factories.member(name, headline='Line\twith \\ and "quotes"', is_operator=True))
    factories.sign_in(ada)
    db.session.commit()
    backup.back_up(tmp_path / "file")
    made = Copy(tmp_path / "instance", config.setting("INSTANCE"))
    made.restore(tmp_path / "file", as_it_was=True)
    return made


def found():
    return [row.name for row in db.session.query(Member).where(Member.id.in_(hits([["ada"]])))]


def test_there_and_back_again(instance, tmp_path, request, worker_id, monkeypatch):
    before, wrong = instance.sums(), instance.problems()
    url = request.getfixturevalue("postgres").database(f"kith_copy_{worker_id}_1")
    proofs = instance.within(lambda: moving.move(url))
    assert {proof.table: proof.here.rows for proof in proofs}["member"] == 4
    assert all(proof.holds for proof in proofs)
    there = Copy(tmp_path / "there", instance.folder, url)
    assert (there.sums(), there.problems(), there.within(found)) == (before, wrong, ["Ada Lovelace"])
    assert (instance.sums(), instance.problems()) == (before, wrong), "what was left is as it was"
    back = tmp_path / "back.sqlite3"
    for name, value in {"INSTANCE": there.folder, "DATABASE_URL": url}.items():
        monkeypatch.setenv(f"KITH_{name}", str(value))
    done = CliRunner().invoke(kith, ["move", f"sqlite:///{back}"])
    assert done.exit_code == 0, done.output
    assert "rows of" in done.output.splitlines()[-2]
    assert "set KITH_DATABASE_URL" in done.output.splitlines()[-1]
    again = Copy(tmp_path / "again", instance.folder, f"sqlite:///{back}")
    assert (again.sums(), again.problems(), again.within(found)) == (before, wrong, ["Ada Lovelace"])


def test_where_a_row_differs_nothing_is_moved(instance, request, worker_id, monkeypatch, tmp_path):
    url = request.getfixturevalue("postgres").database(f"kith_copy_{worker_id}_1")
    real = tables.copy

    def altering(source, target, **how):
        left = real(source, target, **how)
        target.exec_driver_sql("UPDATE member SET headline = headline || '!' WHERE name = 'Ada Lovelace'")
        return left

    monkeypatch.setattr(tables, "copy", altering)
    with pytest.raises(Refused, match=r"Not everything arrived as it left \(member\): nothing was moved"):
        instance.within(lambda: moving.move(url))
    monkeypatch.undo()
    there = Copy(tmp_path / "there", instance.folder, url)
    assert there.sums()["member"].rows == 0
    assert instance.within(lambda: moving.move(url))


def test_it_refuses_what_is_not_empty_what_is_no_database_and_to_move_while_kith_runs(
    instance, request, worker_id, tmp_path
):
    url = request.getfixturevalue("postgres").database(f"kith_copy_{worker_id}_1")

    def refused(words, to, of=instance):
        with pytest.raises(Refused, match=words):
            of.within(lambda: moving.move(to))

    for wrong in ("mysql://here/kith", "postgresql://here/kith", "kith.sqlite3", "sqlite://"):
        refused("Name the new database as", wrong)
    refused("That is the database in use", f"sqlite:///{instance.folder}/kith.sqlite3")
    refused("The new database can't be used", url.replace("kith_copy", "no_such"))
    with instance.open(), db.engine.connect():
        refused("Kith is running", url)
    instance.within(lambda: moving.move(url))
    refused("The new database is not empty", url)
    there = Copy(tmp_path / "there", instance.folder, url)
    target = tmp_path / "new.sqlite3"
    there.within(lambda: lease.take(WORK))
    refused("Kith is running", f"sqlite:///{target}", there)
    there.within(lambda: lease.give_back(WORK))
    with there.open(), db.engine.begin() as writing:
        writing.execute(update(Member).values(place="Here"))
        refused("Kith is running", f"sqlite:///{target}", there)
        writing.rollback()
    assert not target.exists()
