"""Invitations in a real browser: several answered in one press, and the page behind an invitation link."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from webapp.domain import links, relationships
from webapp.extensions import db


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        yield running


@pytest.fixture
def address(site):
    """Three ask Ana; the address of a link of hers."""
    with site.app.app_context():
        ana = factories.member("Ana Lima", "ana@post.example")
        for name in ("Ben Okafor", "Chen Wei", "Dana Fox"):
            relationships.invite(factories.member(name), [ana])
        link = links.make(ana, "Reunion 2026", 30, 10, connects=False)
        db.session.commit()
        token = links.token_of(link)
    site.wait(seconds=61)
    return f"{site.url}/join/by/{token}"


def signed_in(visitor, site):
    visitor.sign_in(site.url, "ana@post.example")
    expect(visitor.heading("Home")).to_be_visible()
    return visitor


@pytest.mark.parametrize("javascript", [True, False], ids=["keyboard", "without JavaScript on a phone"])
def test_several_invitations_are_answered_in_one_press_and_come_back(site, address, visit, check_axe, javascript):
    look = {"keyboard": True} if javascript else {"javascript": False, "width": 390}
    ana = signed_in(visit(**look), site)
    page = ana.page
    page.goto(f"{site.url}/invitations")
    ana.use(page.get_by_role("link", name="Choose several"))
    expect(page.get_by_role("checkbox")).to_have_count(3)
    for name in ("Ben Okafor", "Dana Fox"):
        ana.tick(page.get_by_role("checkbox", name=re.compile(name)))
    if javascript:
        check_axe(ana)
    ana.use(ana.button("^Accept the chosen"))
    expect(page.get_by_text("2 invitations are accepted.")).to_be_visible()
    expect(page.locator("main a.name")).to_have_text(["Chen Wei"])
    if javascript:
        check_axe(ana)
    ana.use(ana.button("^Undo"))
    expect(page.get_by_text("2 invitations are back under Received")).to_be_visible()
    expect(page.locator("main a.name")).to_have_count(3)
    page.goto(f"{site.url}/invitations?choose=1&least=0")
    ana.use(ana.button("^Ignore the chosen"))
    expect(page.get_by_text("3 invitations are ignored.")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["keyboard", "without JavaScript on a phone"])
def test_a_stranger_signs_up_by_a_link_and_its_owner_closes_it(site, address, visit, check_axe, javascript):
    look = {"keyboard": True} if javascript else {"javascript": False, "width": 390}
    grace = visit(**look)
    grace.page.goto(address)
    expect(grace.heading("Ana Lima invites you")).to_be_visible()
    if javascript:
        check_axe(grace)
    assert grace.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    grace.type("Your name", "Grace Hopper")
    grace.type("Email", "grace@out.example")
    grace.type("Password", factories.PASSWORD)
    grace.use(grace.button("^Create account$"))
    expect(grace.heading("Check your mail")).to_be_visible()

    ana = signed_in(visit(**look), site)
    ana.page.goto(f"{site.url}/invitations/links")
    ana.use(ana.link("Reunion 2026"))
    expect(ana.page.get_by_label("Send this address to whom you like")).to_have_value(address)
    if javascript:
        check_axe(ana)
    ana.use(ana.link("A sheet to print"))
    square = ana.page.get_by_role("img", name=re.compile("square"))
    assert square.evaluate("image => image.complete && image.naturalWidth > 0")
    if javascript:
        check_axe(ana)
    ana.use(ana.link("^Back$"))
    ana.use(ana.button("^Close this link$"))
    expect(ana.page.get_by_text("Nobody can come by this link any more")).to_be_visible()
    assert ana.page.request.get(address).status == 410
