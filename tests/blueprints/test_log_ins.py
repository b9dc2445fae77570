"""Signing in with an account elsewhere, against a provider that really listens: connected by both sides' proof, never silently."""

import dataclasses
import html
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
from sqlalchemy import select

from tests import factories
from tests.providers import live
from tests.providers.fixtures import *  # noqa: F403 - fixtures are found by name
from tests.providers.fixtures import settings_for
from webapp import clock
from webapp.domain import log_ins
from webapp.domain.errors import Refused
from webapp.domain.second_steps import authenticators
from webapp.extensions import db
from webapp.models.member import LogIn

ADA = "ada@gmail.com"


@pytest.fixture
def offered(app, provider, setting):
    """The provider, with the application registered there and all its log-ins offered."""
    app.extensions["kith.oauth"].clear()
    given = settings_for(provider)
    google = provider.providers["google"]
    before = google.client
    google.client = dataclasses.replace(
        before, redirect_uris=(*before.redirect_uris, f"{live.BASE_URL}/signin/oidc/callback")
    )
    oidc = {f"OIDC_{name}": given[f"GOOGLE_{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET", "METADATA_URL")}
    setting(**given, **oidc, OIDC_NAME="Northgate ID", SIGN_IN_WITH=("google", "microsoft", "oidc"))
    yield provider
    google.client = before


@pytest.fixture
def ada(context):
    return factories.member("Ada Lovelace", ADA)


def go(browser, start, account=ADA, **decided):
    """Press the button, decide at the provider, and come back; the last answer."""
    asked = browser.post(start)
    assert asked.status_code == 303, asked.status_code
    door = re.search(r"(google|microsoft|oidc)", start)[1]
    back = live.consent(asked.headers["Location"], account, **decided)
    return browser.get(f"/signin/{door}/callback?{urlencode(back)}")


def connected(browser, door="google", account=ADA):
    answer = go(browser, f"/settings/log-ins/{door}", account)
    assert answer.status_code == 303
    return browser.get(answer.headers["Location"]).text


def is_signed_in(browser):
    return browser.get("/network").status_code == 200


def rows():
    db.session.rollback()
    return [(row.member_id, row.door) for row in db.session.scalars(select(LogIn).order_by(LogIn.id))]


def test_nothing_is_offered_unless_the_operator_says_so(app, client, as_member, ada):
    assert "Sign in with" not in client.get("/signin").text
    assert as_member().post("/signin/google").status_code == 404


@pytest.mark.parametrize("door", ["google", "oidc"])
def test_a_connected_account_signs_in_and_asks_for_nothing_but_who_it_is(offered, ada, as_member, door):
    browser = as_member(ada)
    assert "You can sign in with" in connected(browser, door)
    stranger = as_member()
    page = stranger.get("/signin")
    assert "Northgate ID" in page.text
    assert offered.url in page.headers["Content-Security-Policy"]
    asked = stranger.post(f"/signin/{door}").headers["Location"]
    assert parse_qs(urlsplit(asked).query)["scope"] == ["openid email profile"]
    assert go(stranger, f"/signin/{door}").headers["Location"] == "/"
    assert is_signed_in(stranger)
    assert rows() == [(ada.id, door)]


def test_a_known_address_is_connected_only_with_the_password(offered, ada, as_member):
    stranger = as_member()
    answer = go(stranger, "/signin/google")
    assert answer.headers["Location"] == "/signin/connect"
    assert not is_signed_in(stranger)
    page = stranger.get("/signin/connect").text
    assert ADA in page
    wrong = stranger.post("/signin/connect", {"password": "not the one"})
    assert wrong.status_code == 422
    assert rows() == []
    assert stranger.post("/signin/connect", {"password": factories.PASSWORD}).status_code == 303
    assert is_signed_in(stranger)
    assert rows() == [(ada.id, "google")]
    again = as_member()
    assert go(again, "/signin/google").headers["Location"] == "/"


def with_an_app(member):
    """Give a member an authenticator app; what shows its next code."""
    token = authenticators.begin(member)
    app = pyotp.TOTP(authenticators.waiting(member, token).secret.replace(" ", ""))
    authenticators.confirm(member, token, app.at(clock.now()))
    db.session.commit()
    clock.move(seconds=60)
    return app


@pytest.mark.parametrize("door", ["google", "oidc"])
def test_a_connected_account_leads_to_the_second_step_and_back_to_where_it_was_asked(offered, ada, as_member, door):
    connected(as_member(ada), door)
    app = with_an_app(ada)
    stranger = as_member()
    going = stranger.get("/settings/addresses").headers["Location"].partition("?")[2]
    assert go(stranger, f"/signin/{door}?{going}").headers["Location"] == "/signin/second"
    assert not is_signed_in(stranger)
    answer = stranger.post("/signin/second", {"code": app.at(clock.now())})
    assert answer.headers["Location"] == "/settings/addresses"


def test_nothing_is_connected_before_the_second_step(offered, ada, as_member):
    app = with_an_app(ada)
    stranger = as_member()
    go(stranger, "/signin/google")
    answer = stranger.post("/signin/connect", {"password": factories.PASSWORD})
    assert answer.headers["Location"] == "/signin/second"
    assert rows() == []
    assert stranger.post("/signin/second", {"code": app.at(clock.now())}).status_code == 303
    assert rows() == [(ada.id, "google")]
    assert is_signed_in(stranger)


def test_the_page_that_asks_for_the_password_belongs_to_the_browser_that_came_back(offered, ada, as_member):
    go(as_member(), "/signin/google")
    other = as_member()
    assert other.get("/signin/connect").headers["Location"] == "/signin"
    assert other.post("/signin/connect", {"password": factories.PASSWORD}).headers["Location"] == "/signin"
    assert rows() == []


def test_an_address_the_provider_has_not_proven_connects_nothing(offered, ada, as_member):
    offered.change_id_token("google", lambda claims: claims | {"email_verified": False})
    stranger = as_member()
    assert go(stranger, "/signin/google").headers["Location"] == "/signin"
    assert "hasn't confirmed your email address" in html.unescape(stranger.get("/signin").text)
    assert "we can't connect it" in html.unescape(connected(as_member(ada)))
    assert rows() == []


def test_microsofts_address_counts_only_where_its_owner_is_verified(offered, context, as_member):
    outlook = factories.member("Ada", "ada@outlook.com")
    browser = as_member(outlook)
    assert "we can't connect it" in html.unescape(connected(browser, "microsoft", "ada@outlook.com"))
    offered.change_id_token("microsoft", lambda claims: claims | {"xms_edov": True})
    assert "You can sign in with Microsoft" in connected(browser, "microsoft", "ada@outlook.com")


def test_another_address_is_to_be_added_first(offered, context, as_member):
    ben = factories.member("Ben", "ben@example.org")
    assert "Add that address here first" in connected(as_member(ben))
    assert rows() == []


def test_one_account_elsewhere_belongs_to_one_member(offered, ada, context):
    log_ins.connect(ada, "google", "https://issuer.example", "1", ADA, "Google")
    log_ins.connect(ada, "google", "https://issuer.example", "1", ADA, "Google")
    db.session.commit()
    assert rows() == [(ada.id, "google")]
    ben = factories.member("Ben", "ben@example.org")
    with pytest.raises(Refused):
        log_ins.connect(ben, "google", "https://issuer.example", "1", "ben@example.org", "Google")
    assert log_ins.by_identity("https://issuer.example", "2") is None
    assert log_ins.by_identity("https://other.example", "1") is None


def test_the_answer_counts_once_for_the_browser_that_asked_and_for_ten_minutes(offered, ada, as_member):
    connected(as_member(ada))
    asking, other = as_member(), as_member()
    back = live.consent(asking.post("/signin/google").headers["Location"], ADA)
    url = f"/signin/google/callback?{urlencode(back)}"
    assert other.get(url).headers["Location"] == "/signin"
    assert not is_signed_in(other)
    assert asking.get(url).headers["Location"] == "/signin", "the state was used up"
    assert not is_signed_in(asking)
    back = live.consent(asking.post("/signin/google").headers["Location"], ADA)
    clock.move(minutes=11)
    assert asking.get(f"/signin/google/callback?{urlencode(back)}").headers["Location"] == "/signin"
    assert not is_signed_in(asking)


def test_an_answer_meant_for_the_contacts_or_for_another_door_signs_nobody_in(offered, ada, as_member):
    connected(as_member(ada))
    browser = as_member()
    back = live.consent(browser.post("/signin/google").headers["Location"], ADA)
    assert browser.get(f"/signin/oidc/callback?{urlencode(back)}").headers["Location"] == "/signin"
    member = as_member(ada)
    member.get("/contacts")
    asked = member.post("/contacts", {"address": ADA}).headers["Location"]
    back = live.consent(asked, ADA)
    stranger = as_member()
    assert stranger.get(f"/signin/google/callback?{urlencode(back)}").headers["Location"] == "/signin"
    assert not is_signed_in(stranger)


def test_who_denies_is_told_that_nothing_changed(offered, ada, as_member):
    stranger = as_member()
    assert go(stranger, "/signin/google", decision="deny").headers["Location"] == "/signin"
    assert "as you wished" in stranger.get("/signin").text


def test_disconnecting_ends_it_and_only_ones_own(offered, ada, as_member):
    browser = as_member(ada)
    connected(browser)
    key = db.session.scalars(select(LogIn.key)).one()
    ben = factories.member("Ben", "ben@example.org")
    assert as_member(ben).post(f"/settings/log-ins/{key}/remove").status_code == 404
    assert browser.post(f"/settings/log-ins/{key}/remove").status_code == 303
    assert rows() == []
    stranger = as_member()
    assert go(stranger, "/signin/google").headers["Location"] == "/signin/connect"


def test_a_suspended_member_sees_the_one_page_there_is_for_them(offered, ada, as_member):
    connected(as_member(ada))
    ada.suspended_at = clock.now()
    db.session.commit()
    stranger = as_member()
    assert go(stranger, "/signin/google").headers["Location"] == "/"
    assert not is_signed_in(stranger)
    assert stranger.get("/network").headers["Location"] == "/suspended"


def test_a_provider_that_does_not_answer_leaves_the_password(offered, ada, as_member):
    offered.faults["/google/.well-known/openid-configuration"] = live.answer(503)
    stranger = as_member()
    assert stranger.post("/signin/google").headers["Location"] == "/signin"
    assert "use your password" in stranger.get("/signin").text
