"""People you may know in a real browser: dismissing and its undo by keyboard, with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            names = ("Ana Lima", "Carl Berg", "Ben Okafor", "Dora Lind")
            ana, carl, *others = [factories.member(name, f"{name.split()[0].lower()}@post.example") for name in names]
            for other in (ana, *others):
                factories.connect(carl, other)
        yield running


def signed_in(visitor, site):
    visitor.sign_in(site.url, "ana@post.example")
    expect(visitor.heading("Home")).to_be_visible()
    return visitor


@pytest.mark.parametrize("path", ["/network", "/suggestions"])
def test_a_card_is_dismissed_and_brought_back_by_keyboard(site, visit, check_axe, path):
    ana = signed_in(visit(keyboard=True), site)
    page = ana.page
    page.goto(f"{site.url}{path}")
    people = page.locator("#suggestions a.name")
    expect(people).to_have_text(["Ben Okafor", "Dora Lind"])
    expect(page.locator("#suggestions")).to_contain_text("Through Carl Berg")
    check_axe(ana)
    ana.use(page.get_by_role("button", name="Don't suggest Ben Okafor again"))
    expect(people).to_have_text(["Dora Lind"])
    expect(page.locator("#toasts")).to_contain_text("Ben Okafor won't be suggested again.")
    expect(page.get_by_role("button", name="Don't suggest Dora Lind again")).to_be_focused()
    check_axe(ana)
    ana.use(page.locator("#toasts").get_by_role("button", name="Undo Ben Okafor"))
    expect(people).to_have_text(["Ben Okafor", "Dora Lind"])
    expect(page.locator("#suggestions li").first).to_be_focused()


def test_without_javascript_the_way_back_is_in_settings(site, visit):
    ana = signed_in(visit(javascript=False, width=390), site)
    page = ana.page
    page.goto(f"{site.url}/network")
    ana.use(page.get_by_role("button", name="Don't suggest Ben Okafor again"))
    expect(page.get_by_text("Ben Okafor won't be suggested again")).to_be_visible()
    expect(page.locator("#suggestions a.name")).to_have_text(["Dora Lind"])
    page.goto(f"{site.url}/settings/dismissed")
    ana.use(page.get_by_role("button", name="Suggest again Ben Okafor"))
    page.goto(f"{site.url}/suggestions")
    expect(page.locator("#suggestions a.name")).to_have_text(["Ben Okafor", "Dora Lind"])
