"""A profile's fields changed in their place, and an introduction from asking to both sides' yes: by keyboard and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site

WAYS = {
    "keyboard": {"width": 1280, "keyboard": True},
    "keyboard-phone": {"width": 390, "keyboard": True, "dark": True},
    "no-javascript": {"width": 390, "javascript": False},
}


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            people = [
                factories.member(f"{name} Berg", f"{name.lower()}@post.example") for name in ("Ana", "Ben", "Carl")
            ]
            ana, ben, carl = people
            factories.connect(ana, ben)
            factories.connect(ben, carl)
        yield running


@pytest.fixture(params=WAYS)
def enter(site, visit, request):
    """`enter("ana")`: somebody signed in, who does everything in one of the ways."""

    def come(name):
        visitor = visit(**WAYS[request.param])
        visitor.sign_in(site.url, f"{name}@post.example")
        expect(visitor.page).not_to_have_url(f"{site.url}/signin")
        visitor.has_javascript = WAYS[request.param].get("javascript", True)
        return visitor

    return come


def test_a_field_is_changed_in_its_place(site, enter, check_axe):
    ana = enter("ana")
    page = ana.page
    page.goto(f"{site.url}/settings/profile")
    field = page.locator("#field-place")
    ana.use(field.get_by_role("link", name="Edit Place"))
    if ana.has_javascript:
        expect(page).to_have_url(f"{site.url}/settings/profile")
        expect(page.get_by_label("Place", exact=True)).to_be_focused()
        check_axe(ana)
    page.get_by_label("Who sees it").first.select_option("me")
    ana.type("Place", "Porto")
    ana.use(ana.button("^Save$"))
    expect(page.locator("#field-place")).to_contain_text("Porto")
    expect(page.locator("#field-place")).to_contain_text("Only you")
    if ana.has_javascript:
        expect(page.get_by_role("link", name="Edit Place")).to_be_focused()
        ana.use(page.get_by_role("link", name="Edit Place"))
        ana.use(page.locator("#field-place").get_by_role("link", name="Cancel"))
        expect(page.get_by_role("link", name="Edit Place")).to_be_focused()
        check_axe(ana)
    ana.use(page.get_by_role("link", name="Edit Your pages"))
    ana.type("Your pages", "javascript:alert(1)")
    ana.use(ana.button("^Save$"))
    expect(page.locator("#field-links .error, .error").first).to_be_visible()
    expect(page.get_by_label("Your pages", exact=True)).to_have_value(
        "javascript:alert(1)"
    )  # what was typed is still there
    assert [said for said in ana.trouble if "422" not in said] == []
    ana.trouble.clear()  # the console names every refusal
    ben = enter("ben")
    ben.use(ben.link("^My network$"))
    ben.page.goto(f"{site.url}/connections")
    ben.use(ben.link("^Ana Berg$"))
    expect(ben.heading("^Ana Berg$")).to_be_visible()
    expect(ben.page.get_by_text("Porto")).to_have_count(0)


def test_two_are_introduced_by_somebody_both_know(site, enter, check_axe):
    ana, ben, carl = (enter(name) for name in ("ana", "ben", "carl"))
    ana.page.goto(f"{site.url}/people?q=carl")
    ana.use(ana.link("^Carl Berg$"))
    ana.use(ana.link("Ask for an introduction"))
    ana.type("Why would you like to meet?", "We both build bridges.")
    ana.use(ana.button("^Ask for an introduction$"))
    expect(ana.page.get_by_text("Ben Berg is asked")).to_be_visible()
    site.wait(seconds=61)
    ben.page.goto(f"{site.url}/introductions")
    ben.use(ben.link("^Pass on"))
    ben.type("Your own words (optional)", "Ana knows rivers.")
    ben.use(ben.button("^Pass on$"))
    expect(ben.page.get_by_text("You introduced Ana Berg to Carl Berg")).to_be_visible()
    carl.page.goto(f"{site.url}/introductions")
    expect(carl.page.get_by_text("We both build bridges.")).to_be_visible()
    expect(carl.page.get_by_text("Ana knows rivers.")).to_be_visible()
    if carl.has_javascript:
        check_axe(carl)
    carl.use(carl.button("^Accept"))
    expect(carl.page.get_by_text("You and Ana Berg are connected").first).to_be_visible()
    ana.page.goto(f"{site.url}/connections")
    expect(ana.link("^Carl Berg$")).to_be_visible()
