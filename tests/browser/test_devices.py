"""The address book on devices in a real browser: an app password is made by keyboard, seen once, and revoked; and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from tests.browser.test_network import signed_in


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            factories.member("Ana Lima", "ana@post.example")
        yield running


@pytest.mark.parametrize(
    "how", [{"keyboard": True}, {"width": 390, "dark": True, "javascript": False}], ids=["keyboard", "phone"]
)
def test_an_app_password_is_made_seen_once_and_revoked(site, visit, check_axe, how):
    ana = signed_in(visit(**how), site)
    page, scripts = ana.page, how.get("javascript", True)
    page.goto(f"{site.url}/settings")
    ana.use(page.get_by_role("main").get_by_role("link", name="On your devices"))
    expect(ana.heading("Address book on your devices")).to_be_visible()
    expect(page.get_by_label("Server or address")).to_have_value(f"{site.url}/dav/")
    expect(page.get_by_label("User name")).to_have_value("ana@post.example")
    ana.type("What is it for?", "My phone")
    ana.type("Your password", "not it")
    ana.use(ana.button("^Make an app password"))
    expect(page.get_by_text("That is not your password").first).to_be_visible()
    expect(page.get_by_label("What is it for?")).to_have_value("My phone")
    ana.trouble.clear()  # the console names every refusal
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("^Make an app password"))
    expect(ana.heading("The app password for My phone")).to_be_visible()
    if scripts:
        check_axe(ana)
    assert ana.fits()
    page.reload()
    expect(ana.heading("The app password for My phone")).to_have_count(0)
    ana.use(page.get_by_role("button", name="Revoke My phone"))
    expect(page.get_by_text("You have none.")).to_be_visible()
