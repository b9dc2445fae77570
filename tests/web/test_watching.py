"""The line of each request: what kind of page, how it ended, and nothing of who asked or for what."""

import io
import json
import sys

import pytest

from tests import factories
from webapp import logs

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def told(setting, monkeypatch):
    """`told()`: the lines of the requests so far."""
    setting(LOG_REQUESTS=True)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.configure()
    yield lambda: [line for line in map(json.loads, out.getvalue().splitlines()) if line["event"] == "request"]
    monkeypatch.undo()
    logs.configure()


@pytest.fixture
def ada(context):
    return factories.member("Ada Canary", "ada@example.org")


def test_a_request_is_a_line(ada, as_member, told, statements):
    browser = as_member(ada)
    with statements() as seen:
        answer = browser.get("/network?next=canary", headers={"User-Agent": "canary", "X-Request-Id": "canary"})
    (line,) = told()
    asked = [each for each in seen if not each.startswith(("BEGIN", "ROLLBACK"))]
    assert line.pop("ms") > 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "request": answer.headers["X-Request-Id"],
        "route": "/network",
        "method": "GET",
        "status": 200,
        "statements": len(asked),
        "member": ada.id,
        "level": "info",
    }
    assert len(asked) > 1


def test_the_line_has_the_rule_and_never_what_stands_in_the_address(ada, as_member, told):
    browser = as_member()
    answers = [
        browser.get(path)
        for path in ("/reset/canary-token", "/people/canary-abcd", "/canary\n.php", "/join/canary?q=canary%0aevil")
    ]
    answers.append(browser.client.open("/", method="CANARY"))
    answers.append(browser.post("/signin", {"email": "canary@example.org", "password": "canary"}))
    lines = told()
    assert [line["request"] for line in lines] == [answer.headers["X-Request-Id"] for answer in answers]
    assert len({line["request"] for line in lines}) == len(lines)
    assert [(line["route"], line["method"], line["member"]) for line in lines] == [
        ("/reset/<token>", "GET", None),
        ("/people/<handle>", "GET", None),
        (None, "GET", None),
        ("/join/<token>", "GET", None),
        (None, "other", None),
        ("/signin", "POST", None),
    ]
    assert "canary" not in json.dumps(lines).lower()


def test_what_says_nothing_is_no_line(ada, as_member, told):
    browser = as_member(ada)
    browser.get("/livez")
    browser.get("/notifications/news?messages=0&notifications=0")
    browser.get(browser.client.application.config["ASSETS"]["kith.css"])
    assert told() == []
    assert browser.get("/notifications/news?messages=9&notifications=9").status_code == 200
    assert browser.get("/messages/canary/news?version=0").status_code == 404
    assert [line["route"] for line in told()] == ["/notifications/news", "/messages/<key>/news"]


def test_a_log_that_is_gone_and_one_that_is_off_cost_nobody_an_answer(client, setting, monkeypatch, told):
    assert client.get("/signin").status_code == 200
    assert len(told()) == 1
    setting(LOG_REQUESTS=False)
    assert client.get("/signin").headers["X-Request-Id"]
    assert len(told()) == 1
    setting(LOG_REQUESTS=True)

    def gone(_text):
        raise BrokenPipeError

    monkeypatch.setattr(sys.stderr, "write", gone)
    assert client.get("/signin").status_code == 200


def test_an_error_and_its_request_have_one_number(app, client, told, monkeypatch):
    def broken():
        raise ZeroDivisionError("canary")

    monkeypatch.setattr("webapp.jobs.health.is_ready", broken)
    answer = client.get("/readyz")
    (line,) = told()
    assert (line["status"], line["route"]) == (500, "/readyz")
    assert line["request"] in answer.text
