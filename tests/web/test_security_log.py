"""The log of doors: every sign-in, every wrong password and every refusal is a line, and no line says more than which member and what."""

import io
import json
import stat
import sys
from datetime import timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from tests import dav, factories
from webapp import clock, logs
from webapp.domain import accounts, app_passwords, tickets
from webapp.extensions import db

RIGHT = {"email": "ada@example.org", "password": factories.PASSWORD}
WRONG = RIGHT | {"password": "a canary sings at dawn"}


@pytest.fixture
def ada(context):
    return factories.member("Ada Canary", "ada@example.org")


@pytest.fixture
def log():
    with capture_logs() as lines:
        yield lines


def told(lines):
    return [(line["what"], line["member"], line["where"]) for line in lines if line["event"] == "security"]


def test_sign_ins_that_worked_and_did_not_are_lines(ada, as_member, log):
    browser = as_member()
    browser.post("/signin", WRONG)
    browser.post("/signin", WRONG | {"email": "nobody@example.org"})
    browser.post("/signin", RIGHT)
    browser.post("/signout")
    assert told(log) == [
        ("wrong password", ada.id, "accounts.signin"),
        ("wrong password", None, "accounts.signin"),
        ("signed in", ada.id, "accounts.signin"),
        ("signed out", ada.id, "accounts.signout"),
    ]


def test_an_app_password_that_opens_nothing_is_a_line(ada, app, log):
    app_passwords.make(ada, "phone")
    db.session.commit()
    client = app.test_client()
    client.open("/dav/", method="PROPFIND", headers=dav.Device(client, ada, "ada@example.org", "a canary").sent)
    assert told(log) == [("wrong app password", None, "dav.book")]


def test_changing_what_signs_in_is_a_line(ada, as_member, log):
    token = tickets.issue("reset", minutes=60, member=ada, only=True)
    db.session.commit()
    as_member().post(f"/reset/{token}", {"password": "another walk by the sea"})
    browser = as_member(ada)
    browser.post("/settings/sign-in", {"old": "another walk by the sea", "password": "an owl reads under the lamp"})
    browser.post("/settings/addresses", {"email": "canary@example.net", "old": "an owl reads under the lamp"})
    assert [what for what, member, _where in told(log) if member == ada.id] == [
        "password set by a mailed link",
        "password changed",
        "address added",
    ]


def test_what_stays_shut_is_a_line(ada, as_member, client, log):
    ben = factories.member("Ben Okafor", "ben@example.org")
    sign_in = accounts.signed_in(factories.sign_in(ben))[1].id
    browser = as_member(ada)
    browser.post(f"/settings/sign-ins/{sign_in}/end")
    browser.get("/people/canary-abcd")
    browser.get("/admin/reports")
    browser.client.post("/signout")
    browser.post("/signout", headers={"Sec-Fetch-Site": "cross-site"})
    browser.get("/people?q=canary%00")
    browser.client.open("/network", method="TRACE")
    for _try in range(11):
        answer = as_member().post("/signin", WRONG)
    assert answer.status_code == 429
    # The three that say no member were turned away before it was asked who they are.
    assert [line for line in told(log) if line[0] != "wrong password"] == [
        ("not there or not theirs", ada.id, "settings.end_sign_in"),
        ("not there or not theirs", ada.id, "people.show"),
        ("not there or not theirs", ada.id, "admin.reports"),
        ("a form without its token", None, "accounts.signout"),
        ("refused", None, "accounts.signout"),
        ("refused", None, "people.index"),
        ("refused", ada.id, None),
        ("too often or too much", None, "accounts.signin"),
    ]


def test_an_unknown_address_is_no_line_of_a_door(client, log):
    assert client.get("/wp-login.php").status_code == 404
    assert told(log) == []


def test_no_line_says_who_from_where_or_what_was_typed(ada, as_member, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.configure()
    try:
        browser = as_member()
        for data in (WRONG, WRONG | {"email": "canary@example.net"}, RIGHT):
            browser.post("/signin", data, environ_overrides={"REMOTE_ADDR": "198.51.100.77"})
        browser.get("/people/canary\nevil%0aline-abcd?next=canary")
        browser.post("/signout")
    finally:
        monkeypatch.undo()
        logs.configure()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == 5
    for line in lines:
        assert set(line) == {"event", "what", "member", "where", "request", "level", "timestamp"}
        assert line["timestamp"].endswith("Z")
    for canary in ("canary", "ada@", "198.51", "dawn", factories.PASSWORD):
        assert canary not in out.getvalue().lower()
    assert structlog.get_config()["cache_logger_on_first_use"] is False


@pytest.fixture
def folder(app, tmp_path, setting):
    """Where this test's lines about doors are kept."""
    setting(INSTANCE=tmp_path)
    return tmp_path / "logs"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_lines_are_kept_in_a_file_of_their_day_that_its_owner_alone_can_read(ada, as_member, folder):
    browser = as_member()
    answers = [browser.post("/signin", data) for data in (WRONG, RIGHT)]
    (path,) = folder.iterdir()
    assert path.name == f"security-{clock.now():%Y-%m-%d}.log"
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["what"] for line in lines] == ["wrong password", "signed in"]
    assert [line["request"] for line in lines] == [answer.headers["X-Request-Id"] for answer in answers]
    assert set(lines[0]) == {"event", "what", "member", "where", "request", "timestamp"}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_files_go_after_ninety_days_and_nothing_else_does(app, ada, as_member, folder):
    browser = as_member()
    browser.post("/signin", WRONG)
    (folder / "notes.txt").touch()
    first = clock.now()
    clock.move(days=logs.DOORS_DAYS)
    browser.post("/signin", WRONG)
    with app.app_context():
        assert logs.sweep() == 0
        clock.move(days=1)
        assert logs.sweep() == 1
    kept = f"security-{first + timedelta(days=logs.DOORS_DAYS):%Y-%m-%d}.log"
    assert {path.name for path in folder.iterdir()} == {kept, "notes.txt"}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_log_that_cannot_be_written_keeps_nobody_out(ada, as_member, folder):
    folder.write_text("in the way")
    assert as_member().post("/signin", RIGHT).status_code == 303
