"""The operators' page about providers: what is set up, what to register, and what is wrong, asked of a provider that listens."""

import re

import pytest

from tests import factories
from tests.providers import live
from tests.providers.fixtures import settings_for
from webapp.blueprints.admin import providers
from webapp.domain import doors
from webapp.extensions import db

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def operator(context):
    return factories.member("Olga Operator", is_operator=True)


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def test_the_exact_addresses_to_register_are_there_before_anything_is_set_up(operator, as_member):
    page = as_member(operator).get("/admin/providers")
    assert re.findall(r'<code class="copy">([^<]+)</code>', page.text) == [
        f"{live.BASE_URL}/contacts/google/callback",
        f"{live.BASE_URL}/contacts/microsoft/callback",
        f"{live.BASE_URL}/signin/oidc/callback",
    ]
    assert "then set KITH_GOOGLE_CLIENT_ID, KITH_GOOGLE_CLIENT_SECRET" in words(page)
    assert "Check now" not in page.text
    assert as_member(operator).post("/admin/providers/google/check").status_code == 404


def test_a_check_says_what_is_right_and_what_is_wrong_and_no_secret(operator, as_member, setting, provider):
    setting(**settings_for(provider), SIGN_IN_WITH=("google",))
    browser = as_member(operator)
    page = browser.get("/admin/providers")
    assert "demo-google" in page.text
    assert "secret-of-demo" not in page.text
    assert f"{live.BASE_URL}/signin/google/callback" in page.text
    answer = browser.post("/admin/providers/google/check")
    assert answer.status_code == 200
    assert words(answer).count("The redirect address is registered.") == 2
    assert "The client secret is right." in words(answer)
    setting(BASE_URL=live.BASE_URL, GOOGLE_CLIENT_SECRET="typo", MICROSOFT_CLIENT_ID="nobody")
    shown = words(browser.post("/admin/providers/google/check"))
    assert "The client secret is wrong." in shown
    assert "typo" not in shown
    assert "It does not know the client id." in words(browser.post("/admin/providers/microsoft/check"))
    setting(GOOGLE_METADATA_URL="http://127.0.0.1:1/x")
    assert "It could not be reached" in words(browser.post("/admin/providers/google/check"))
    with providers._asking:
        assert browser.post("/admin/providers/google/check").status_code == 429


def test_what_only_a_members_key_tells_is_remembered_until_a_book_is_read_again(operator, as_member, setting, provider):
    setting(**settings_for(provider))
    doors.note("google", "api_disabled")
    db.session.commit()
    browser = as_member(operator)
    assert "Switch on the People API there" in words(browser.get("/admin/providers"))
    assert "its interface for contacts is switched off" in words(browser.get("/admin/look-ups"))
    doors.note("google", doors.READ)
    db.session.commit()
    assert "Switch on the People API there" not in words(browser.get("/admin/providers"))
    assert "Google: read and compared 1" in words(browser.get("/admin/look-ups"))


def test_a_checked_provider_is_nobody_elses_page(context, as_member, setting, provider):
    setting(**settings_for(provider))
    browser = as_member(factories.member())
    assert browser.get("/admin/providers").status_code == 404
    assert browser.post("/admin/providers/google/check").status_code == 404
    assert provider.seen == []
