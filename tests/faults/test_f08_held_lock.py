"""F8: somebody else holds the lock that writing needs, for a while or for too long."""

import sqlite3
import threading
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from tests import factories
from webapp import clock, transaction
from webapp.domain import throttles
from webapp.extensions import db

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
PATIENCE_MS = 700


@pytest.fixture
def hold(app, context, monkeypatch):
    """`with hold(): ...`: another connection holds SQLite's write lock. Nobody waits longer for it here than PATIENCE_MS."""
    assert transaction.PATIENCE_MS < 10_000, "who pressed a button hears within ten seconds"
    monkeypatch.setattr(transaction, "PATIENCE_MS", PATIENCE_MS)
    short = [f"busy_timeout={PATIENCE_MS}" if "busy" in each else each for each in transaction.SQLITE_PRAGMAS]
    monkeypatch.setattr(transaction, "SQLITE_PRAGMAS", short)
    db.engine.dispose()

    def begin():
        other = sqlite3.connect(app.config["KITH"]["INSTANCE"] / "kith.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return closing(other)

    yield begin
    db.session.rollback()
    db.engine.dispose()  # those that come after it wait as long as ever


def test_f8_a_write_waits_for_the_lock_and_is_done(hold, as_member, context):
    ada = as_member(factories.member())
    with hold() as other:
        answers = []
        pressed = threading.Thread(
            target=lambda: answers.append(ada.post("/feed", {"body": "I waited", "audience": "connections"}))
        )
        pressed.start()
        pressed.join(0.2)
        assert pressed.is_alive()
        other.execute("ROLLBACK")
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
        part = ada.part("/feed", {"body": "Too late", "audience": "connections"})
        assert part.status_code == 503
        assert "busy" in part.text
        for path in ("/feed", "/people?q=ada", "/settings"):
            assert ada.get(path).status_code == 200
    assert "Too late" not in ada.get("/feed").text


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
