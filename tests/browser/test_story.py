"""What a connection is for, as somebody lives it: found by search, written to, looked up and noted about, and one day removed."""

import contextlib
import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import WAYS, Site
from webapp.domain import profiles
from webapp.domain.names import fold
from webapp.extensions import db


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            names = ("Maya Lindqvist", "Tomás Ferreira", "Ines Okafor", "Hiroshi Tanaka")
            maya, tomas, ines, hiroshi = (
                factories.member(
                    name, f"{fold(name.split()[0])}@post.example", field="Research", organisation="Atlantic Shelf"
                )
                for name in names
            )
            for one, other in ((maya, ines), (ines, tomas), (maya, hiroshi)):
                factories.connect(one, other)
            profiles.add_detail(tomas, "phone", "+351 21 555 0148", audience="connections")
            db.session.commit()
            running.handle = tomas.handle
        yield running


def signed_in(visitor, site, who):
    visitor.sign_in(site.url, f"{who}@post.example")


@pytest.mark.parametrize("way", WAYS)
def test_what_a_connection_is_for(site, visit, check_axe, way):
    maya, tomas = visit(**WAYS[way]), visit()
    page, quiet = maya.page, "no-javascript" in way
    axe = (lambda: None) if quiet else (lambda: check_axe(maya))
    signed_in(maya, site, "maya")

    # Found by a part of the name without its accent, and asked.
    page.goto(f"{site.url}/people?q=tomas")
    axe()
    maya.use(page.get_by_role("button", name="Connect Tomás Ferreira"))
    expect(page.get_by_role("button", name="Undo Tomás Ferreira")).to_be_visible()
    page.goto(f"{site.url}/people/{site.handle}")
    assert "+351" not in page.content()
    site.wait(seconds=61)
    signed_in(tomas, site, "tomas")
    tomas.page.goto(f"{site.url}/network")
    tomas.use(tomas.page.get_by_role("button", name="Accept Maya Lindqvist"))
    expect(tomas.page.get_by_role("link", name="Message Maya Lindqvist")).to_be_visible()

    # Their contact information, and a message from the list, beside the three dots.
    page.goto(f"{site.url}/people/{site.handle}")
    expect(page.get_by_text("+351 21 555 0148")).to_be_visible()
    axe()
    page.goto(f"{site.url}/network")
    maya.use(page.get_by_role("link", name=re.compile("See all.*connections")))
    expect(page.get_by_role("heading", name="3 connections")).to_be_visible()
    maya.use(page.get_by_role("link", name="Message Tomás Ferreira"))
    maya.type("Message", "Are you coming to Lisbon?")
    with page.expect_navigation():
        maya.use(maya.button("^Send message$"))
    axe()
    tomas.page.goto(f"{site.url}/messages")
    expect(tomas.page.get_by_text("Are you coming to Lisbon?").first).to_be_visible()

    # What Maya keeps about them, for herself alone.
    page.goto(f"{site.url}/people/{site.handle}/card")
    axe()
    page.locator("#met").focus()
    page.keyboard.type("Field station, summer 2013")
    with contextlib.ExitStack() as waiting:
        if quiet:
            waiting.enter_context(page.expect_navigation())
        maya.use(page.get_by_role("button", name="Save How you met"))
    expect(page.get_by_text("Saved").first).to_be_visible()
    page.goto(f"{site.url}/people/{site.handle}")
    expect(page.get_by_text("Field station, summer 2013")).to_be_visible()
    expect(page.get_by_text("Only you see this")).to_be_visible()
    axe()

    # Removed, quietly: what was written stays to be read, what was for connections is gone.
    page.goto(f"{site.url}/connections")
    maya.use(page.get_by_role("button", name="More for Tomás Ferreira"))
    maya.use(page.get_by_role("link", name="Remove connection"))
    maya.use(page.get_by_role("button", name="Remove", exact=True))
    expect(page.get_by_role("heading", name="2 connections")).to_be_visible()
    page.goto(f"{site.url}/people/{site.handle}")
    assert "+351" not in page.content()
    tomas.page.goto(f"{site.url}/messages")
    tomas.page.get_by_role("link", name="Maya Lindqvist").first.click()
    expect(tomas.page.get_by_text("You are no longer connected.")).to_be_visible()
    assert "Field station" not in tomas.page.content()
    expect(page.get_by_text("Field station, summer 2013")).to_be_visible()
    expect(tomas.page.get_by_text("Are you coming to Lisbon?").last).to_be_visible()
