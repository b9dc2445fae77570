"""The settings page of the address book on devices: making an app password, seeing it once, revoking it."""

import re

import pytest

from tests import dav, factories
from webapp.domain import app_passwords
from webapp.extensions import db

URL = "/settings/devices"
EMAIL = "ana@friends.example"


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", EMAIL)


@pytest.fixture
def browser(as_member, ana):
    return as_member(ana)


def make(browser, name="My phone", old=factories.PASSWORD):
    return browser.post(URL, {"name": name, "old": old})


def test_made_with_the_password_shown_once_and_it_works(browser, ana, client):
    assert "You have none." in browser.get(URL).text
    answer = make(browser)
    assert (answer.status_code, answer.headers["Location"]) == (303, URL)
    shown = browser.get(URL).text
    secret = re.search(r'id="secret" readonly value="([a-z2-7-]+)"', shown)[1]
    assert "The app password for My phone" in shown
    again = browser.get(URL).text
    assert secret not in again
    assert "Not used yet" in again
    assert dav.Device(client, ana, EMAIL, secret).ask("OPTIONS").status_code == 200
    assert "Last used on" in browser.get(URL).text


def test_what_to_type_is_on_the_page(browser, setting):
    page = browser.get(URL).text
    assert 'value="http://127.0.0.1:8000/dav/"' in page
    assert f'value="{EMAIL}"' in page
    assert "no https:// address" in page
    setting(BASE_URL="https://kith.example.org")
    page = browser.client.get(URL, base_url="https://kith.example.org").text
    assert "no https:// address" not in page


def test_a_wrong_password_makes_none_and_loses_nothing_that_was_typed(browser, ana):
    answer = make(browser, "My phone", "not it")
    assert answer.status_code == 422
    assert "That is not your password" in answer.text
    assert 'value="My phone"' in answer.text
    assert app_passwords.of(ana) == []


@pytest.mark.parametrize(("name", "words"), [("", "Enter a name"), ("x" * 41, "at most 40 characters")])
def test_a_name_that_is_none_is_said_beside_its_field(browser, ana, name, words):
    answer = make(browser, name)
    assert answer.status_code == 422
    assert words in answer.text
    assert app_passwords.of(ana) == []


def test_too_many_wrong_passwords_are_too_many(browser):
    statuses = [make(browser, "My phone", f"wrong {number}").status_code for number in range(11)]
    assert statuses == [422] * 10 + [429]


def test_beyond_twenty_is_said(browser, ana):
    for number in range(app_passwords.MOST):
        app_passwords.make(ana, f"Device {number}")
    db.session.commit()
    answer = make(browser)
    assert answer.status_code == 409
    assert "Revoke one first" in answer.text


def test_one_is_revoked(browser, ana, as_member):
    app_passwords.make(ana, "Old phone")
    app_passwords.make(ana, "Laptop")
    db.session.commit()
    page = browser.get(URL).text
    paths = re.findall(r'action="(/settings/devices/\d+/revoke)"', page)
    assert len(paths) == 2
    mallory = as_member(factories.member("Mallory Quint"))
    assert mallory.post(paths[1]).status_code == 404
    assert browser.post(paths[1]).status_code == 303
    page = browser.get(URL).text
    assert "Old phone can&#39;t read your address book any more" in page
    assert [row.name for row in app_passwords.of(ana)] == ["Laptop"]
    assert browser.post(paths[1]).status_code == 404


def test_a_name_is_shown_as_it_was_typed_and_no_more(browser, ana):
    app_passwords.make(ana, "<b>Phone</b> & co")
    db.session.commit()
    assert "&lt;b&gt;Phone&lt;/b&gt; &amp; co" in browser.get(URL).text


def test_the_page_is_found_from_settings_and_from_the_cards(browser):
    for path in ("/settings", "/cards"):
        assert f'href="{URL}"' in browser.get(path).text


def test_changing_the_password_says_that_they_end(browser, ana):
    app_passwords.make(ana, "Old phone")
    db.session.commit()
    assert "App passwords of your devices end, too" in browser.get("/settings/sign-in").text
    new = "another quiet walk home"
    browser.post("/settings/sign-in", {"old": factories.PASSWORD, "password": new})
    assert app_passwords.of(ana) == []
