"""Redis: what is counted there, and what goes on without it."""

import time

import pytest
from limits import RateLimitItemPerHour
from sqlalchemy import select
from structlog.testing import capture_logs

from tests import factories
from webapp import clock, config, shared
from webapp.config import SettingError
from webapp.domain import accounts, feed, throttles
from webapp.extensions import db
from webapp.jobs import health
from webapp.models.member import Throttle
from webapp.transaction import transaction

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
RIGHT = {"email": "ada@example.org", "password": factories.PASSWORD}
WRONG = RIGHT | {"password": "not this one"}
SAID = "done at this moment, and nothing was changed. Try again in a moment."


@pytest.fixture
def ada(context):
    return factories.member("Ada Lovelace", "ada@example.org")


@pytest.fixture
def kept(app, in_redis):
    """What this process has to do with Redis."""
    with app.app_context():
        shared.ask(lambda redis: redis.ping())
    return app.extensions["kith.shared"][1]


def later(kept):
    """As if the second had passed for which nothing is asked."""
    kept.circuit.until = 0.0


def test_guesses_cost_the_database_no_write(ada, as_member, in_redis, statements):
    stranger = as_member()
    stranger.post("/signin", WRONG)
    with statements() as seen:
        answers = [stranger.post("/signin", WRONG).status_code for _try in range(10)]
    assert answers == [422] * 9 + [429]
    assert [each for each in seen if not each.startswith(("SELECT", "BEGIN"))] == []
    assert "BEGIN IMMEDIATE" not in seen
    assert db.session.scalars(select(Throttle)).all() == []
    with in_redis.client() as client:
        keys = client.keys("*")
        assert len(keys) == 3
        assert all(0 < client.ttl(key) <= 300 for key in keys)
        assert not any(b"ada" in key for key in keys)
    db.session.rollback()
    clock.move(minutes=5, seconds=1)
    assert stranger.post("/signin", RIGHT).status_code == 303


def test_pages_of_results_are_counted_at_once_by_all_processes(ada, as_member, in_redis, monkeypatch):
    monkeypatch.setattr(throttles, "RESULT_PAGES", RateLimitItemPerHour(5, 1, namespace="result-pages"))
    browser = as_member(ada)
    assert [browser.get("/people?q=ada").status_code for _page in range(6)] == [200] * 5 + [429]
    throttles._tallies.clear()  # as another process
    refused = browser.get("/people?q=ada")
    assert refused.status_code == 429
    assert "Go on in 60 minutes" in refused.text
    clock.move(hours=1, seconds=1)
    assert browser.get("/people?q=ada").status_code == 200


def test_what_is_promised_for_longer_than_an_hour_is_counted_with_what_is_promised(ada, in_redis):
    with transaction():
        accounts.ask_reset("ada@example.org")
    assert [key for key in db.session.scalars(select(Throttle.key)) if "reset-mail" in key]
    with in_redis.client() as client:
        assert client.keys("*reset-mail*") == []


def test_a_count_is_taken_back_and_forgotten(context, in_redis):
    limit, storage = RateLimitItemPerHour(2, 1, namespace="few"), throttles.storage_of(RateLimitItemPerHour(2, 1))
    assert storage.check()
    throttles.uncount(limit, "x")
    assert [throttles.count(limit, "x") for _each in range(3)] == [True, True, False]
    throttles.uncount(limit, "x")
    throttles.uncount(limit, "x")
    assert (throttles.is_full(limit, "x"), throttles.count(limit, "x")) == (False, True)
    storage.clear(limit.key_for("x"))
    assert storage.get(limit.key_for("x")) == 0
    throttles.count(limit, "y")
    assert (storage.reset(), storage.reset()) == (1, 0)


@pytest.mark.parametrize("how", ["ended", "hangs"])
def test_without_it_nobody_signs_in_and_everybody_reads_on(ada, as_member, kept, in_redis, how, setting):
    setting(LOG_REQUESTS=False)
    reading, stranger = as_member(ada), as_member()
    address = f"/feed/{feed.new_address(ada)}.atom"
    db.session.commit()
    in_redis.end() if how == "ended" else in_redis.hang()
    with capture_logs() as lines:
        begun = time.monotonic()
        answer = stranger.post("/signin", RIGHT)
        assert time.monotonic() - begun < 4 * shared.SECONDS
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert SAID in answer.text
        assert 'value="ada@example.org"' in answer.text
        begun = time.monotonic()
        kept.circuit.until = begun + 60
        assert stranger.post("/signin", RIGHT).status_code == 503
        for page in ("/people?q=ada", "/feed", "/network", "/settings", address):
            assert reading.get(page).status_code == 200, page
        assert (
            as_member()
            .post("/signup", {"name": "Ben", "email": "b@example.org", "password": factories.PASSWORD})
            .status_code
            == 503
        )
        assert [sentence for sentence in health.problems() if "Redis" in sentence]
        db.session.rollback()
        if how == "ended":
            in_redis.start()
        else:
            in_redis.go_on()
        later(kept)
        assert stranger.post("/signin", RIGHT).status_code == 303
        assert health.problems() == []
    told = [line["event"] for line in lines if line["event"].startswith("redis")]
    assert told == ["redis is gone", "redis is back"]
    assert not [line for line in lines if line.get("what") == "too often or too much"]


def test_one_that_is_started_anew_costs_no_request(ada, as_member, kept, in_redis):
    """Its connections are dead, which is found out by using them; and nobody was signed in by anything that was lost."""
    browser = as_member()
    assert browser.post("/signin", RIGHT).status_code == 303
    in_redis.end()
    in_redis.start()
    assert as_member().post("/signin", WRONG).status_code == 422
    assert browser.get("/settings").status_code == 200


def test_of_many_who_come_while_it_is_gone_one_asks(context, kept, in_redis):
    in_redis.end()
    asked = []

    def question(redis):
        asked.append(1)
        redis.ping()

    for _each in range(5):
        with pytest.raises(shared.Gone):
            shared.ask(question)
    assert len(asked) == 1
    later(kept)
    for _each in range(5):
        with pytest.raises(shared.Gone):
            shared.ask(question)
    assert len(asked) == 2


def test_an_address_that_is_none_stops_the_start(app):
    with pytest.raises(SettingError, match="KITH_REDIS_URL must start with"):
        config.load({"REDIS_URL": "localhost:6379"}, {})
