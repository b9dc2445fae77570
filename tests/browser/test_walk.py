"""The product's main story as somebody lives it: from joining to the first connection, by mouse, by keyboard, without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from webapp.extensions import db
from webapp.models.member import Member

ADDRESS = "maya.lindqvist@northgate.example"
HERE = ["Ana Lima", "Ben Okafor", "Chen Wei", "Dana Fox", "Eli Roth"]
OUTSIDE = ["Grace Hopper", "Hugo Ball", "Ida Lovelace", "Jan Neruda"]


def mail_of(name):
    return f"{name.lower().replace(' ', '.')}@post.example"


BOOKS = {
    ADDRESS: [{"name": name, "emails": [mail_of(name)]} for name in (*HERE, *OUTSIDE)]
    + [{"name": "Harbour Club", "emails": ["no-reply@club.example"]}, {"name": "", "emails": ["nameless@post.example"]}]
}
WAYS = {
    "mouse": {"width": 1280},
    "mouse-phone-dark": {"width": 390, "dark": True},
    "keyboard": {"width": 1280, "dark": True, "keyboard": True},
    "no-javascript": {"width": 1280, "javascript": False},
    "no-javascript-phone": {"width": 390, "javascript": False},
}


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", BOOKS) as running:
        with running.app.app_context():
            for name in HERE:
                factories.member(name, mail_of(name), headline="Keeps bees", field="Research")
        yield running


def read_mail(visitor, site, recipient):
    """Open the newest mail to an address on the mailbox page and return the first link of ours in it."""
    visitor.page.goto(f"{site.url}/mailbox")
    visitor.use(visitor.page.locator("li", has_text=recipient).first.get_by_role("link"))
    link = visitor.page.locator(".mailtext a").first
    return link.get_attribute("href")


@pytest.mark.parametrize("way", WAYS)
def test_from_joining_to_the_first_connection(site, visit, check_axe, way):
    maya = visit(**WAYS[way])
    axe = (lambda: None) if "no-javascript" in way else (lambda: check_axe(maya))
    page = maya.page

    # Join, and confirm by the mail.
    page.goto(site.url)
    axe()
    maya.use(maya.link("^Join$"))
    maya.type("Your name", "Maya Lindqvist")
    maya.type("Email", ADDRESS)
    maya.type("Password", factories.PASSWORD)
    axe()
    maya.use(maya.button("Create account"))
    expect(maya.heading("Check your mail")).to_be_visible()
    axe()
    site.wait(seconds=1)
    page.goto(read_mail(maya, site, ADDRESS))
    maya.type("Password", factories.PASSWORD)
    axe()
    maya.use(maya.button("Confirm and sign in"))
    expect(page).to_have_url(re.compile("/welcome"))
    axe()

    # Find connections: the address is there, Continue leads to the provider.
    page.goto(f"{site.url}/network")
    axe()
    page.goto(f"{site.url}/contacts")
    axe()
    expect(page.get_by_label("Your email address").first).to_have_value(ADDRESS)
    maya.use(maya.button("^Continue"))
    expect(page).to_have_url(re.compile(f":{site.beside}/"))
    consent(maya, site)
    while "/contacts/reading" in page.url:
        if "no-javascript" in way:
            maya.use(maya.button("^Continue$"))
        else:
            page.wait_for_url(re.compile("/contacts/members"))

    # Those who are here are ticked; one is left out.
    expect(maya.heading("5 people you know are here")).to_be_visible()
    axe()
    box = page.locator("label.pick", has_text="Eli Roth").get_by_role("checkbox")
    expect(box).to_be_checked()
    maya.tick(box)
    if "no-javascript" not in way:
        expect(maya.button("Add 4 connections")).to_be_visible()
    maya.use(page.locator("#contacts-go"))

    # The others arrive un-ticked, beside the mail they would get.
    expect(maya.heading("Invite others to join")).to_be_visible()
    axe()
    for name in ("Grace Hopper", "Hugo Ball"):
        other = page.locator("label.pick", has_text=name).get_by_role("checkbox")
        expect(other).not_to_be_checked()
        maya.tick(other)
    if "no-javascript" not in way:
        expect(maya.button("Add 2 to network")).to_be_visible()
    maya.use(page.locator("#contacts-go"), force="no-javascript" in way)  # the server counts anew when it is pressed
    expect(maya.heading("That's everyone")).to_be_visible()
    axe()

    # The invited person reads the mail and joins by it.
    site.wait(seconds=61)
    site.wait(seconds=1)
    grace = visit(**WAYS[way])
    grace.page.goto(read_mail(grace, site, mail_of("Grace Hopper")))
    expect(grace.heading("Maya Lindqvist would like to connect")).to_be_visible()
    if "no-javascript" not in way:
        check_axe(grace)
    grace.type("Password", factories.PASSWORD)
    grace.use(grace.button("Accept and join"))
    expect(grace.page).to_have_url(re.compile("/welcome"))
    grace.page.goto(f"{site.url}/connections")
    expect(grace.page.get_by_text("Maya Lindqvist").first).to_be_visible()
    if "no-javascript" not in way:
        check_axe(grace)

    # A member answers in Received.
    ana = visit(**WAYS[way])
    sign_in(ana, site, mail_of("Ana Lima"))
    ana.page.goto(f"{site.url}/invitations")
    if "no-javascript" not in way:
        check_axe(ana)
    ana.use(ana.button("Accept"))
    expect(ana.page.get_by_text("You and Maya Lindqvist are connected").first).to_be_visible()

    # See all, the three-dot menu, Remove connection, Remove, Undo.
    page.goto(f"{site.url}/network")
    axe()
    expect(page.get_by_text("2").first).to_be_visible()
    maya.use(maya.link("See all"))
    expect(page).to_have_url(re.compile("/connections"))
    axe()
    row = page.locator("li", has_text="Ana Lima").first
    maya.use(row.get_by_role("button", name=re.compile("More for")))
    maya.use(maya.link("Remove connection").or_(maya.button("Remove connection")))
    axe()
    maya.use(page.get_by_role("button", name="Remove", exact=True))
    expect(page.get_by_text(re.compile("Ana Lima.*removed")).first).to_be_visible()
    maya.use(maya.button("Undo"))
    expect(page.locator("li", has_text="Ana Lima").first).to_be_visible()

    with site.app.app_context():
        from webapp.domain import relationships

        assert relationships.problems() == []
        assert db.session.query(Member).filter_by(name="Maya Lindqvist").one().degree == 2


def test_ticks_quicker_than_their_answers_are_all_counted(site, visit, hold):
    with site.app.app_context():
        factories.member("Maya Lindqvist", ADDRESS)
    maya = visit()
    page = maya.page
    sign_in(maya, site, ADDRESS)
    page.goto(f"{site.url}/contacts")
    maya.use(maya.button("^Continue"))
    consent(maya, site)
    page.wait_for_url(re.compile("/contacts/members"))
    first = hold(page, "**/contacts/members/tick")
    for name in ("Eli Roth", "Dana Fox", "Chen Wei"):
        maya.tick(page.locator("label.pick", has_text=name).get_by_role("checkbox"))
    first().continue_()
    expect(maya.button("Add 2 connections")).to_be_visible()
    every = page.get_by_role("checkbox", name=re.compile("Select all"))
    first = hold(page, "**/contacts/members")
    for _twice in range(2):
        maya.tick(every)
    first().continue_()
    for _again in range(2):
        expect(page.locator("#contacts-bar")).to_contain_text("0 of 5 selected")
        expect(page.locator("label.pick input:checked")).to_have_count(0)
        page.reload()


def consent(visitor, site):
    """Sign in at the demo provider and allow what is asked."""
    page = visitor.page
    while f":{site.beside}/" in page.url:
        button = page.get_by_role("button", name=re.compile("Continue|Allow|Next|Sign in")).first
        with page.expect_navigation():  # a key does not wait for the page it leads to, as a click does
            visitor.use(button)


def sign_in(visitor, site, address):
    visitor.sign_in(site.url, address)
