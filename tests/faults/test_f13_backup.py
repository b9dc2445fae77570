"""F13: backups while two write as fast as they can. Each is of one moment, no writer ever fails, and what is restored starts."""

import re
import signal
import sqlite3
import threading
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from tests import houses, ports, programs
from tests.keeping.copies import Copy
from webapp import transaction
from webapp.domain import throttles
from webapp.extensions import db
from webapp.jobs import housekeeping
from webapp.models.message import Message
from webapp.models.post import Post

TIMES = {"sqlite": 5, "postgresql": 2}


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, tmp_path, worker_id):
    database = ""
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres").database(f"kith_f13_{worker_id}")
    made = houses.House(tmp_path, database).fill(2)
    made.times = TIMES[request.param]
    yield made
    if made.program:
        made.stop(signal.SIGKILL)


def written():
    """What members wrote, of which there is no second one."""
    found = [text for text in db.session.scalars(select(Message.body)) if text != "Hello"]
    found += db.session.scalars(select(Post.body).where(Post.kind == "post"))
    assert len(found) == len(set(found))
    return set(found)


def is_of_one_moment(found):
    """Whether of each writer everything is there up to some point, and nothing after it."""
    numbers = defaultdict(set)
    for text in found:
        writer, number = re.fullmatch(r"(\d+)-(\d+)-", text).groups()
        numbers[writer].add(int(number))
    return all(each == set(range(len(each))) for each in numbers.values())


def test_f13_each_backup_taken_while_two_write_is_of_one_moment_and_starts(house, tmp_path):
    house.start()
    ends = threading.Event()
    threads = house.writing(ends)
    taken = []
    for number in range(house.times):
        many = len(house.acknowledged)
        house.program.wait_until(lambda many=many: len(house.acknowledged) > many + 5)
        before = {text for _verb, text in house.acknowledged}
        done = programs.run("backup", tmp_path / f"{number}.kith", **house.settings)
        assert (done.returncode, done.stderr) == (0, "")
        after = {text for _verb, text in house.acknowledged}
        taken.append((tmp_path / f"{number}.kith", before, after))
    ends.set()
    for thread in threads:
        thread.join()
    assert house.answers.keys() == {303}, "no writer ever failed"
    assert house.stop() == 0
    house.is_sound()
    for file, before, after in taken:
        restored = Copy(tmp_path / file.stem, tmp_path / "instance")
        assert restored.restore(file).settled.sign_ins == 2
        there = restored.within(written)
        assert before <= there
        assert len(there - after) <= 2, "those whose answer was on its way"
        assert is_of_one_moment(there)
        assert restored.problems() in ([], ["1 mails may or may not have left."])
    port = ports.free()
    url = f"http://127.0.0.1:{port}"
    program = programs.start("serve", "--port", port, log=house.log, leads=True, INSTANCE=restored.folder, BASE_URL=url)
    try:
        program.wait_until(lambda: programs.answers(f"{url}/readyz"))
    finally:
        program.kill_all(signal.SIGTERM)
    assert program.wait() == 0


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_f13_what_tidies_up_during_a_backup_keeps_nobody_from_writing(app, context, monkeypatch):
    """And what was deleted leaves the log once the backup is done."""
    monkeypatch.setattr(transaction, "PATIENCE_MS", 1000)
    monkeypatch.setattr(housekeeping, "CHORES", ())
    monkeypatch.setattr(housekeeping, "EMPTYING_TRIES", 2)
    log, numbers = Path(f"{db.engine.url.database}-wal"), []

    def tidy():
        with app.app_context():
            housekeeping.tidy()

    with closing(sqlite3.connect(db.engine.url.database, isolation_level=None)) as backup:
        backup.execute("BEGIN")
        backup.execute("SELECT count(*) FROM member").fetchone()
        with transaction.transaction():
            throttles.count(throttles.ABOUT_MAILS, "before")
        tidying = threading.Thread(target=tidy)
        tidying.start()
        while tidying.is_alive():
            with transaction.transaction():
                throttles.count(throttles.ABOUT_MAILS, f"{len(numbers)}")
            numbers.append(log.stat().st_size)
        tidying.join()
    assert numbers
    assert log.stat().st_size > 0
    tidy()
    assert log.stat().st_size == 0
