"""The feed in a real browser: sharing, commenting and congratulating by keyboard, on a phone, and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from webapp.domain import feed
from webapp.extensions import db


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            ana, ben = (
                factories.member(name, f"{name.split()[0].lower()}@post.example") for name in ("Ana Lima", "Ben Okafor")
            )
            factories.connect(ana, ben)
            feed.share(ben, "We published the survey today.")
            db.session.commit()
        yield running


def signed_in(visitor, site):
    visitor.sign_in(site.url, "ana@post.example")
    expect(visitor.page.get_by_text("We published the survey today.")).to_be_visible()
    return visitor


@pytest.mark.parametrize(
    "how", [{"keyboard": True}, {"width": 390, "dark": True}, {"javascript": False}], ids=["keyboard", "phone", "plain"]
)
def test_congratulating_commenting_and_sharing(site, visit, check_axe, how):
    ana = signed_in(visit(**how), site)
    page = ana.page
    scripted = how.get("javascript", True)
    if scripted:
        check_axe(ana)
    assert page.locator(".post header .xs a").first.bounding_box()["height"] >= 24, "a finger meets it"
    share = page.get_by_role("button", name="Share", exact=True)
    expect(share).to_be_hidden()  # the line opens when somebody goes there

    ana.use(ana.button("^Congratulate"))
    pressed = ana.button("^Congratulate")
    expect(pressed).to_have_attribute("aria-pressed", "true")
    if scripted:
        expect(page.locator(":focus")).to_have_id(re.compile("^congratulate-"))  # it stays on the button

    page.goto(f"{site.url}/feed")
    ana.use(page.get_by_role("link", name="Comment Ben Okafor"))
    ana.type("Your comment", "Ten sites, really?")
    ana.use(page.get_by_role("button", name="Comment", exact=True))
    expect(page.get_by_text("Ten sites, really?")).to_be_visible()
    expect(ana.heading("1 comment")).to_be_visible()
    if scripted:
        check_axe(ana)

    page.goto(f"{site.url}/feed")
    page.get_by_label("What are you working on?").focus()
    expect(share).to_be_visible()
    ana.type("What are you working on?", "A bridge, and a choir.")
    ana.use(share)
    expect(page.get_by_text("Your connections see it in their feed")).to_be_visible()
    expect(page.get_by_text("A bridge, and a choir.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
