"""Leaving in a real browser: by keyboard, and on a phone without JavaScript; with a change of mind in between."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from tests import factories
from tests.browser.fixtures import Site
from webapp.extensions import db
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member

LOOKS = {"keyboard": {"keyboard": True}, "without JavaScript on a phone": {"javascript": False, "width": 390}}


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            ana = factories.member("Ana Lima", "ana@post.example")
            factories.connect(ana, factories.member("Ben Okafor", "ben@post.example"))
        yield running


def signed_in(visitor, site, email):
    visitor.sign_in(site.url, email)
    return visitor


def mailed(site):
    """The latest mail."""
    with site.app.app_context():
        return db.session.scalars(select(MailboxMessage.raw).order_by(MailboxMessage.id.desc())).first().decode()


def leave(ana, site):
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("^Leave"))
    expect(ana.heading("You are leaving")).to_be_visible()
    site.wait()


@pytest.mark.parametrize("name", LOOKS)
def test_a_member_leaves_stays_leaves_and_goes(site, visit, check_axe, name):
    look = LOOKS[name]
    ana, ben = signed_in(visit(**look), site, "ana@post.example"), signed_in(visit(), site, "ben@post.example")
    expect(ana.heading("Home")).to_be_visible()
    page = ana.page

    def check():
        if look.get("javascript", True):
            check_axe(ana)
        assert ana.fits(), page.url

    page.goto(f"{site.url}/settings")
    ana.use(ana.link("^Leave$"))
    expect(page.get_by_text("Your connection: 1")).to_be_visible()
    expect(page.get_by_text("Former member")).to_be_visible()
    check()
    ana.type("Your password", "not this one")
    ana.use(ana.button("^Leave"))
    expect(page.get_by_role("alert")).to_contain_text("That is not your password")
    check()
    leave(ana, site)
    check()
    page.goto(f"{site.url}/network")
    expect(ana.heading("You are leaving")).to_be_visible()
    ben.page.goto(f"{site.url}/connections")
    expect(ben.page.get_by_text("Ana Lima")).to_have_count(0)

    # By the link in the mail, from a browser that is signed in nowhere.
    somebody = visit(**look)
    somebody.page.goto(site.url + urlsplit(re.search(r"http://\S+/stay/[\w-]+", mailed(site))[0]).path)
    somebody.use(somebody.button("^Keep my account"))
    expect(somebody.heading("^Sign in|Welcome back")).to_be_visible()
    expect(somebody.page.get_by_text("Your account stays")).to_be_visible()
    ben.page.goto(f"{site.url}/connections")
    expect(ben.page.locator("main a.name")).to_have_text(["Ana Lima"])

    page.goto(f"{site.url}/settings/leave")
    leave(ana, site)
    ana.use(ana.button("^Keep my account"))
    expect(page.get_by_text("Good to have you back")).to_be_visible()
    page.goto(f"{site.url}/settings/leave")
    leave(ana, site)
    ana.use(ana.link("^Delete it now"))
    expect(ana.heading("Delete your account now")).to_be_visible()
    check()
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("^Delete it now"))
    expect(ana.heading("Goodbye")).to_be_visible()
    check()
    for _turn in range(10):
        site.wait()
    assert "Connections: 1" in mailed(site)
    signed_in(ana, site, "ana@post.example")
    expect(page.get_by_role("alert")).to_contain_text("don't match")
    site.wait(hours=25)
    site.wait()
    with site.app.app_context():
        assert [each.name for each in db.session.scalars(select(Member))] == ["Ben Okafor"]
    ana.trouble[:] = [said for said in ana.trouble if "422" not in said]  # Chromium itself reports the status
