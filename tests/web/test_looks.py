"""What an open page asks every few seconds, answered in front of the application, to nobody whom that would not answer so."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, event, select
from sqlalchemy.exc import OperationalError

from tests import factories
from webapp import clock, create_app, schema
from webapp.domain import accounts, messages, moderation
from webapp.extensions import db
from webapp.models.member import Member, SignIn


@pytest.fixture
def ana(context):
    ana, ben = factories.member("Ana Lima"), factories.member("Ben Okafor")
    factories.connect(ana, ben)
    db.session.flush()
    messages.write_to(ben, ana, "Are you coming?")
    db.session.commit()
    return ana


@pytest.fixture
def browser(ana, as_member):
    return as_member(ana)


@pytest.fixture(params=["talk", "numbers"])
def address(request, ana, browser):
    """What the two parts of an open page ask that look for news."""
    key = db.session.execute(messages.listed(ana)).first().key
    db.session.rollback()
    asked = re.findall(r'hx-get="(/[^"]+/news\?[^"]+)"', browser.get(f"/messages/{key}").text)
    wanted = "/messages/" if request.param == "talk" else "/notifications/"
    return next(html.unescape(each) for each in asked if each.startswith(wanted))


def look(browser, address):
    return browser.part(address, method="GET")


def questions(seen):
    return [each for each in seen if not each.startswith(("BEGIN", "ROLLBACK"))]


def test_nothing_new_is_an_empty_answer_with_the_headers_of_every_answer(browser, address, statements):
    with statements() as seen:
        answer = look(browser, address)
    assert (answer.status_code, answer.data) == (204, b"")
    assert len(seen) == len(questions(seen)), "no transaction stands around a question"
    assert len(seen) == (1 if "/messages/" in address else 2)
    page = browser.get("/signin").headers
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy"):
        assert answer.headers[name] == page[name]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def end(ana):
    accounts.end_other_sign_ins(ana)


def suspend(ana):
    ana.suspended_at = clock.now()


def unprove(ana):
    ana.verified_at = None


def idle(_ana):
    clock.move(days=accounts.IDLE_DAYS, minutes=1)


def grow_old(ana):
    db.session.scalars(select(SignIn).where(SignIn.member_id == ana.id)).one().created_at -= timedelta(
        days=accounts.SIGN_IN_DAYS, minutes=1
    )


def remove(ana):
    db.session.execute(delete(Member).where(Member.id == ana.id))


@pytest.mark.parametrize("ends", [end, suspend, unprove, idle, grow_old, remove])
def test_a_sign_in_that_ended_is_told_to_sign_in(ana, browser, address, ends):
    assert look(browser, address).status_code == 204
    ends(ana)
    db.session.commit()
    answer = look(browser, address)
    suspended = (200, "/suspended")  # where they read why
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (suspended if ends is suspend else (401, "/signin"))


def test_a_cookie_that_is_missing_or_forged_is_told_to_sign_in(client, browser, address):
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 401
    cookie = browser.client.get_cookie("kith", domain="127.0.0.1")
    client.set_cookie("kith", cookie.value[:-3] + "abc", domain="127.0.0.1")
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 401
    client.set_cookie("kith", cookie.value, domain="127.0.0.1")
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 204


def test_a_remembered_cookie_ends_with_its_time(app, browser):
    sessions = app.session_interface
    cookies = f"kith={browser.client.get_cookie('kith', domain='127.0.0.1').value}; theme=dark"
    token = sessions.token_in({"HTTP_COOKIE": cookies})
    assert token is not None
    assert sessions.token_in({"HTTP_COOKIE": cookies}) == token
    clock.move(days=91)
    assert sessions.token_in({"HTTP_COOKIE": cookies}) is None
    assert sessions.token_in({"HTTP_COOKIE": cookies.replace("kith=", "kith=x")}) is None
    assert sessions.token_in({}) is None


def test_an_open_page_keeps_its_sign_in_alive(ana, browser, address):
    for _hour in range(2):
        clock.move(hours=1)
        assert look(browser, address).status_code == 204
        seen = db.session.scalar(select(SignIn.seen_at).where(SignIn.member_id == ana.id))
        assert clock.now() - seen < timedelta(minutes=1)
        db.session.rollback()


def test_another_name_of_the_host_is_led_to_the_right_one(browser, address):
    answer = browser.get(address, base_url="http://localhost:8000")
    assert answer.status_code == 307


def test_a_question_of_somebody_else_or_one_that_nobody_asks_is_none_of_these(ana, browser, address, as_member):
    if "/messages/" not in address:
        assert look(browser, "/notifications/news").status_code == 200
        return
    assert look(as_member(factories.member("Eve")), address).status_code == 404
    path = address.partition("?")[0]
    for version in ("", "x", "²", "-1", "9" * 40, "%00"):
        assert look(browser, f"{path}?version={version}").status_code in {200, 204, 400}
    ben = db.session.scalars(select(Member).where(Member.name == "Ben Okafor")).one()
    moderation.block(db.session.get_one(Member, ana.id), ben)
    db.session.commit()
    assert look(browser, address).status_code == 404, "who blocks somebody has no conversation with them"


def test_a_database_that_fails_here_is_left_to_the_application(app, browser, address):
    failed = []

    def fail(_connection, _cursor, statement, *_rest):
        if not failed:
            failed.append(statement)
            raise OperationalError(statement, {}, Exception("database is locked"))

    event.listen(db.engine, "before_cursor_execute", fail)
    try:
        assert look(browser, address).status_code == 204
    finally:
        event.remove(db.engine, "before_cursor_execute", fail)
    assert failed


def test_behind_a_proxy_the_name_that_it_was_asked_for_counts(tmp_path):
    given = {"INSTANCE": str(tmp_path / "instance"), "BASE_URL": "https://kith.example", "TRUSTED_PROXIES": 1}
    app = create_app(given)
    seen = []
    with app.app_context():
        schema.upgrade()
        token = factories.sign_in(factories.member("Ana Lima"))
        event.listen(db.engine, "before_cursor_execute", lambda _connection, _cursor, asked, *_rest: seen.append(asked))
    signer = app.session_interface.get_signing_serializer(app)
    client = app.test_client()
    client.set_cookie("__Host-kith", signer.dumps({"_user_id": token}), domain="10.0.0.5", path="/", secure=True)
    said = {"X-Forwarded-Host": "kith.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    asked = "/notifications/news?messages=0&notifications=0"
    answer = client.get(asked, headers=said, base_url="https://10.0.0.5")
    assert answer.status_code == 204
    assert len(seen) == len(questions(seen)) == 2, "answered in front of the application"
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert client.get(asked, base_url="https://10.0.0.5").status_code == 307
    with app.app_context():
        db.engine.dispose()
