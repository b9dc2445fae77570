"""Finding people in a real browser: typing, narrowing by a filter and saving the search, with the keyboard alone."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            factories.member("Ana Lima", "ana@post.example")
            for name, place in (("Ben River", "Porto"), ("Carl River", "Paris"), ("Dora River", "Porto")):
                factories.member(name, place=place)
        yield running


def enter(site, visit):
    """Sign in and open People."""
    ana = visit()
    ana.sign_in(site.url, "ana@post.example")
    ana.page.goto(f"{site.url}/people")
    return ana


def test_typing_narrowing_and_saving_with_the_keyboard(site, visit, check_axe):
    ana = enter(site, visit)
    page = ana.page
    page.get_by_label("Name, organisation or keyword").press_sequentially("rivr")
    expect(page.locator("#people-list")).to_contain_text('Nobody matches "rivr". Showing people for "river".')
    expect(page).to_have_url(f"{site.url}/people?q=rivr")
    ana.use(page.locator(".filters > summary"))
    check_axe(ana)
    ana.use(page.locator(".filters").get_by_role("link", name="Porto"))
    expect(page).to_have_url(f"{site.url}/people?q=rivr&place=Porto")
    expect(page.locator("#people-list a.name")).to_have_text(["Dora River", "Ben River"])
    page.get_by_label("Name, organisation or keyword").fill("ben")
    expect(page.locator("#people-list a.name")).to_have_text(["Ben River"])
    expect(page).to_have_url(f"{site.url}/people?q=ben&place=Porto")
    ana.use(page.get_by_role("link", name="Save this search"))
    ana.use(ana.button("^Save$"))
    expect(page.get_by_role("link", name="ben Porto")).to_be_visible()
    check_axe(ana)


def test_a_slow_answer_never_stands_where_a_newer_one_belongs(site, visit, hold):
    ana = enter(site, visit)
    page = ana.page
    words = page.get_by_label("Name, organisation or keyword")
    slow = hold(page, "**/people?q=dora*")
    words.press_sequentially("dora")
    slow()
    words.fill("ben")
    expect(page.locator("#people-list a.name")).to_have_text(["Ben River"])
    expect(page).to_have_url(f"{site.url}/people?q=ben")
