"""Private cards in a real browser: by keyboard, each thing saved in its place; and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from tests.browser.test_network import signed_in
from webapp.domain import cards, profiles
from webapp.extensions import db


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        yield running


@pytest.fixture
def handle(site):
    """Ben's, who is connected to Ana and has changed the number she had corrected."""
    with site.app.app_context():
        ana, ben = factories.member("Ana Lima", "ana@post.example"), factories.member("Ben Okafor")
        factories.connect(ana, ben)
        theirs = profiles.add_detail(ben, "phone", "+44 20 7946 0000", audience="connections")
        cards.save_detail(ana, ben, kind="phone", value="+44 20 7946 0999", label="", instead=theirs.key)
        profiles.change_detail(ben, theirs.key, "+44 20 7946 0111", "", "connections")
        db.session.commit()
        return ben.handle


def test_a_card_is_filled_by_keyboard_and_nothing_typed_elsewhere_is_lost(site, handle, visit, check_axe):
    ana = signed_in(visit(keyboard=True), site)
    page = ana.page
    page.goto(f"{site.url}/people/{handle}")
    check_axe(ana)
    ana.use(page.locator("#card-panel").get_by_role("link", name="Edit"))
    expect(ana.heading("Your card on Ben Okafor")).to_be_visible()
    check_axe(ana)
    page.locator("#met").press_sequentially("Field station")
    page.locator("#note").press_sequentially("Ask about the tide")
    ana.use(page.get_by_role("button", name="Save Note"))
    expect(page.locator("#toasts")).to_have_text("Saved")
    expect(page.locator("#save-note")).to_be_focused()
    expect(page.locator("#met")).to_have_value("Field station")
    ana.use(page.get_by_role("button", name="Save How you met"))
    expect(page.locator("#save-met")).to_be_focused()
    ana.use(page.get_by_role("button", name="Keep mine"))
    expect(page.get_by_text("Ben Okafor changed this")).to_have_count(0)
    ana.type("What it says", "call me")
    ana.use(page.get_by_role("button", name="Add", exact=True))
    expect(page.get_by_text("Enter a number like")).to_be_visible()
    expect(page.get_by_label("What it says", exact=True)).to_have_value("call me")
    check_axe(ana)
    ana.trouble.clear()  # the console names every refusal
    page.reload()
    expect(page.locator("#note")).to_have_value("Ask about the tide")


def test_a_card_works_without_javascript_on_a_phone(site, handle, visit):
    ana = signed_in(visit(javascript=False, width=390), site)
    page = ana.page
    page.goto(f"{site.url}/people/{handle}/card")
    page.locator("#tags").fill("Choir, Porto")
    ana.use(page.get_by_role("button", name="Save Tags"))
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.goto(f"{site.url}/people/{handle}")
    ana.use(page.get_by_role("button", name="Use theirs"))
    expect(page.locator("#card-panel")).not_to_contain_text("0999")
    expect(page.locator("#card-panel")).to_contain_text("Choir, Porto")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
