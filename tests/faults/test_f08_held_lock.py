"""F8: somebody else holds the lock that writing needs, for a while or for too long."""

import multiprocessing
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree
from structlog.testing import capture_logs

from tests import dav, factories
from webapp import clock, create_app, jobs, schema, transaction
from webapp.domain import feed, throttles
from webapp.extensions import db
from webapp.jobs import lease

PATIENCE_MS = 700
PRESSES = 24


@pytest.fixture
def hold(app, context, monkeypatch):
    """`with hold() as let_go: ...`: another connection holds what every write needs. Nobody waits longer for it here than PATIENCE_MS."""
    assert transaction.PATIENCE_MS < 10_000, "who pressed a button hears within ten seconds"
    monkeypatch.setattr(transaction, "PATIENCE_MS", PATIENCE_MS)
    short = [f"busy_timeout={PATIENCE_MS}" if "busy" in each else each for each in transaction.SQLITE_PRAGMAS]
    monkeypatch.setattr(transaction, "SQLITE_PRAGMAS", short)
    db.engine.dispose()

    @contextmanager
    def held():
        if db.engine.dialect.name == "sqlite":
            with closing(sqlite3.connect(db.engine.url.database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                yield lambda: other.execute("ROLLBACK")
        else:
            with create_engine(db.engine.url, poolclass=NullPool).connect() as other:
                names = ", ".join(f'"{name}"' for name in db.metadata.tables)
                other.exec_driver_sql(f"LOCK TABLE {names} IN EXCLUSIVE MODE")  # others read, and do not write
                yield other.rollback

    yield held
    db.session.rollback()
    db.engine.dispose()  # those that come after it wait as long as ever


def test_f8_a_write_waits_for_the_lock_and_is_done(hold, as_member, context):
    ada = as_member(factories.member())
    with hold() as let_go:
        answers = []
        pressed = threading.Thread(
            target=lambda: answers.append(ada.post("/feed", {"body": "I waited", "audience": "connections"}))
        )
        pressed.start()
        pressed.join(0.2)
        assert pressed.is_alive()
        let_go()
    pressed.join()
    assert answers[0].status_code == 303
    assert "I waited" in ada.get(answers[0].headers["Location"]).text


def test_f8_a_lock_held_for_too_long_is_said_and_reading_does_not_wait(hold, as_member, context):
    ada = as_member(factories.member())
    with hold():
        answer = ada.post("/feed", {"body": "Too late", "audience": "connections"})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "the database is busy" in answer.text
        assert "locked" not in answer.text
        assert "lock timeout" not in answer.text
        part = ada.part("/feed", {"body": "Too late", "audience": "connections"})
        assert part.status_code == 503
        assert "busy" in part.text
        for path in ("/feed", "/people?q=ada", "/settings"):
            assert ada.get(path).status_code == 200
    assert "Too late" not in ada.get("/feed").text


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_f8_a_page_finds_a_connection_however_many_wait_to_write(hold, as_member, context, monkeypatch):
    monkeypatch.setattr(transaction, "PATIENCE_MS", 10_000)
    ada = as_member(factories.member())
    with hold() as let_go:
        waiting = [
            threading.Thread(target=ada.post, args=("/feed", {"body": f"{each}", "audience": "connections"}))
            for each in range(PRESSES)
        ]
        for each in waiting:
            each.start()
        end = time.monotonic() + 2
        while db.engine.pool.checkedout() < PRESSES and time.monotonic() < end:
            time.sleep(0.001)
        assert db.engine.pool.checkedout() == PRESSES
        assert ada.get("/feed").status_code == 200
        assert db.engine.pool.checkedout() == PRESSES, "all of them wait meanwhile"
        let_go()
    for each in waiting:
        each.join()


def test_f8_what_a_page_notes_beside_itself_is_left_out(hold, as_member, context, monkeypatch):
    """When somebody was last seen, and how many pages of results they looked at: a page waits for neither."""
    ada = as_member(factories.member())
    monkeypatch.setattr(throttles, "TOGETHER", 1)
    clock.move(minutes=11)
    with hold(), capture_logs() as lines:
        assert ada.get("/people?q=ada").status_code == 200
    assert [line["why"] for line in lines if line["event"] == "left out"] == ["busy", "busy"]
    assert transaction.ASIDE_MS < 100
    with capture_logs() as lines:
        assert ada.get("/people?q=ada").status_code == 200
    assert [line for line in lines if line["event"] == "left out"] == []


def test_f8_programs_that_read_wait_for_no_lock_either(hold, client, context):
    """Neither one that reads the feed by its address, nor one that looks for changes of the address book, for the first time today."""
    ada = factories.member("Ada", "ada@post.example")
    address, phone = feed.new_address(ada), dav.Device(client, ada, "ada@post.example")
    db.session.commit()
    with hold(), capture_logs() as lines:
        assert client.get(f"/feed/{address}.atom").status_code == 200
        assert phone.ask("OPTIONS").status_code == 200
    assert [line["why"] for line in lines if line["event"] == "left out"] == ["busy", "busy"]


def test_f8_a_process_that_stops_waits_for_no_lock_and_ends_as_ever(hold, app, context):
    """What it would have given back ends by itself."""
    worker = jobs.Worker(app)
    assert lease.take(jobs.WORK)
    with hold(), capture_logs() as said:
        worker.stop()
    assert [each["event"] for each in said] == ["left out", "left out"]
    assert not lease.take(jobs.WORK, "another process")
    worker.stop()
    assert lease.take(jobs.WORK, "another process")


def waiting_in(queue, number):
    """Return once so many wait in a queue."""
    end = time.monotonic() + 10
    while len(queue.places) < number and time.monotonic() < end:
        time.sleep(0.001)
    assert len(queue.places) == number


def test_f8_who_writes_next_is_who_came_first():
    """Also after one who had no patience left, and one whose turn ended in an error: nobody's place stays taken."""
    queue, came = transaction.Writers(), []

    def come(name, seconds):
        with suppress(OSError), queue.place(seconds):
            came.append(name)
            if name == "fails":
                raise OSError

    def thread(name, seconds=10):
        return threading.Thread(target=come, args=(name, seconds))

    expected = ["fails", "second", "third", "fourth"]
    threads = [thread(name) for name in expected]
    with queue.place(10):
        for number, each in enumerate(threads):
            waiting_in(queue, number + 1)
            each.start()
        waiting_in(queue, 5)
        impatient = thread("impatient", 0.001)
        impatient.start()
        impatient.join()  # its time was up, and it tried nevertheless
        assert came == ["impatient"]
        waiting_in(queue, 5)
    for each in threads:
        each.join()
    assert came == ["impatient", *expected]
    assert not queue.places


def test_f8_who_comes_when_many_have_waited_for_long_hears_at_once_that_all_is_busy(monkeypatch):
    """So a disk that needs seconds for each commit cannot have every thread wait for it."""
    monkeypatch.setattr(transaction, "MANY", 3)
    queue = transaction.Writers()
    threads = [threading.Thread(target=wait_in, args=(queue,)) for _each in range(4)]
    with queue.place(10):
        for number, each in enumerate(threads):
            waiting_in(queue, number + 1)
            each.start()  # the last one more than may always wait, but nobody has waited for long
        waiting_in(queue, 5)
        monkeypatch.setattr(transaction, "SLOW_SECONDS", 0)
        with pytest.raises(NoneFree) as refused, queue.place(10):
            pass
        assert transaction.trouble(refused.value) == "busy"
        waiting_in(queue, 5)
    for each in threads:
        each.join()
    with queue.place(10):
        assert len(queue.places) == 1


def wait_in(queue):
    with queue.place(10):
        pass


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_f8_a_page_does_not_wait_for_the_disk_to_keep_what_may_be_missed(engine, request, tmp_path, monkeypatch):
    """When somebody was last here is written without waiting; what anybody pressed is not, also afterwards on the same connection."""
    monkeypatch.setattr(transaction, "SQLITE_PRAGMAS", ("journal_mode=WAL", "synchronous=FULL"))
    settings, asked, waits = {"INSTANCE": str(tmp_path)}, "PRAGMA synchronous", [2, 1, 2, 1, 1]
    if engine == "postgresql":
        url = request.getfixturevalue("postgres").database(f"waits_{request.getfixturevalue('worker_id')}")
        settings["DATABASE_URL"] = f"{url}{'&' if '?' in url else '?'}options=-csynchronous_commit%3Don"
        asked, waits = "SHOW synchronous_commit", ["on", "off", "on", "off", "off"]
    app = create_app(settings)
    with app.app_context():
        found = []
        for how in (
            transaction.transaction,
            transaction.aside,
            transaction.transaction,
            transaction.aside,
            transaction.aside,
        ):
            with how():
                found.append(db.session.execute(text(asked)).scalar_one())
        db.session.remove()
        db.engine.dispose()
    assert found == waits


WRITERS, WRITING_SECONDS = 4, 3.0


def write_all_the_time(folder, said):
    """Write one transaction of five milliseconds after the other; say how many were, and how many were refused."""
    app = create_app({"INSTANCE": folder})
    written = refused = 0
    end = time.monotonic() + WRITING_SECONDS
    with app.app_context():
        while time.monotonic() < end:
            try:
                with transaction.transaction():
                    db.session.execute(text("UPDATE alembic_version SET version_num = version_num"))
                    time.sleep(0.005)
                written += 1
            except DBAPIError:
                refused += 1
    said.put((written, refused))


def test_f8_processes_that_write_all_the_time_let_each_other_write(tmp_path):
    """Left to itself, SQLite asks ever more seldom for who has waited for longest, and has one of four wait all the time."""
    app = create_app({"INSTANCE": str(tmp_path)})
    with app.app_context():
        schema.upgrade()
        db.session.remove()
        db.engine.dispose()
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    writers = [context.Process(target=write_all_the_time, args=(str(tmp_path), said)) for _each in range(WRITERS)]
    for each in writers:
        each.start()
    found = [said.get(timeout=60) for _each in writers]
    for each in writers:
        each.join()
    written = [number for number, refused in found if refused == 0]
    assert len(written) == WRITERS
    assert min(written) * WRITERS * 10 > sum(written), written
