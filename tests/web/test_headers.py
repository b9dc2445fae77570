"""What every answer of a site that speaks https tells a browser: over https only, of one kind only, and whose its cookies are."""

import re

import pytest
from werkzeug.datastructures import MultiDict

from tests import factories
from tests.conftest import Browser, Client
from webapp import create_app, schema
from webapp.extensions import db
from webapp.web import assets

SITE = "https://kith.example"
YEAR = 365 * 24 * 3600


class Https(Client):
    """Asks as a browser does that came over https."""

    base_url = SITE


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    made = create_app({"INSTANCE": str(tmp_path_factory.mktemp("https") / "instance"), "BASE_URL": SITE})
    made.testing = True
    made.test_client_class = Https
    with made.app_context():
        schema.upgrade()
        factories.member("Ada Lovelace", "ada@example.org")
        db.session.commit()
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def ada(app):
    """Ada's browser, signed in through the page."""
    browser = Browser(app)
    assert browser.post("/signin", {"email": "ada@example.org", "password": factories.PASSWORD}).status_code == 303
    return browser


def static(app, name):
    with app.app_context():
        return assets.asset(name)


def test_every_answer_says_that_only_https_will_do_also_for_files_and_errors(app, ada):
    answers = [
        Browser(app).get("/"),
        ada.get("/network"),
        ada.get("/nope"),
        ada.get("/notifications/news?messages=0&notifications=0"),
        ada.client.post("/signout"),
        ada.client.open("/dav/", method="PROPFIND"),
        *(ada.get(static(app, name)) for name in ("kith.css", "kith.js", "icons.svg")),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 204, 400, 401, 200, 200, 200]
    for answer in answers:
        told = answer.headers["Strict-Transport-Security"]
        assert int(re.search(r"max-age=(\d+)", told)[1]) >= YEAR
        assert "includeSubDomains" in told
        policy = answer.headers["Content-Security-Policy"]
        for rule in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert rule in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_over_plain_http_nothing_is_promised(tmp_path):
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    for path in ("/livez", static(app, "kith.css")):
        answer = app.test_client().get(path, base_url="http://127.0.0.1:8000")
        assert answer.status_code == 200
        assert "Strict-Transport-Security" not in answer.headers


def test_every_text_says_in_which_letters_it_is_written(app, ada):
    texts = [
        "/network",
        "/livez",
        "/cards/vcard",
        "/cards/csv",
        *(static(app, name) for name in ("kith.css", "icon.svg")),
    ]
    for path in texts:
        answer = ada.get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].endswith("; charset=utf-8"), path
    refused = ada.client.open("/dav/", method="PROPFIND")
    assert refused.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_no_answer_lets_another_site_read_it(app, ada):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for path in ("/", "/network", "/livez", "/dav/", "/manifest.webmanifest", "/nope", static(app, "kith.js")):
        for method in ("GET", "OPTIONS", "HEAD"):
            answer = ada.client.open(path, method=method, headers=asked)
            assert not [name for name, _value in answer.headers if name.lower().startswith("access-control-")], path


def test_a_value_given_twice_counts_once(app):
    twice = MultiDict([("email", "ada@example.org"), ("email", "eve@example.org"), ("password", factories.PASSWORD)])
    assert Browser(app).post("/signin", twice).status_code == 303
    turned = MultiDict([("email", "eve@example.org"), ("email", "ada@example.org"), ("password", factories.PASSWORD)])
    assert Browser(app).post("/signin", turned).status_code == 422
    in_the_address = f"/signin?email=ada%40example.org&password={factories.PASSWORD.replace(' ', '+')}"
    assert Browser(app).post(in_the_address, {}).status_code == 422


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "DEBUG"])
def test_methods_that_nobody_needs_are_refused_and_repeat_nothing(app, ada, method):
    for path in ("/", "/network", "/dav/", static(app, "kith.css")):
        answer = ada.client.open(path, method=method, headers={"X-Secret": "do not repeat this"})
        assert answer.status_code in {404, 405}
        assert "do not repeat this" not in answer.text
