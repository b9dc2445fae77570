"""Find connections through a CardDAV server, in a browser: on a phone, without JavaScript and with, and at a desk."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import WAYS, Site
from tests.providers import dav
from webapp.extensions import db
from webapp.models.member import Member

HERE = ["Ana Lima", "Ben Okafor"]
OUTSIDE = ["Grace Hopper", "Hugo Ball"]
ADDRESS = "maya@icloud.com"


def mail_of(name):
    return f"{name.lower().replace(' ', '.')}@post.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Radicale over TLS with two books; its port, and what to trust."""
    authority = dav.Authority(tmp_path_factory.mktemp("authority"))
    cards = [dav.vcard(name, mail_of(name)) for name in (*HERE, *OUTSIDE)]
    made = dav.Watched(dav.radicale(tmp_path_factory.mktemp("server"), {"one": cards[:3], "two": cards[3:]}))
    with dav.listening(made, authority) as port:
        made.port, made.authority = port, authority
        yield made


@pytest.fixture
def site(tmp_path, server):
    with Site(tmp_path / "instance", {}) as running:
        running.app.config["KITH"] = running.app.config["KITH"] | {
            "CARDDAV_ALLOWED_HOSTS": (f"127.0.0.1:{server.port}",),
            "CARDDAV_CA_FILE": str(server.authority.file),
        }
        with running.app.app_context():
            factories.member("Maya Lindqvist", ADDRESS)
            for name in HERE:
                factories.member(name, mail_of(name), headline="Keeps bees")
        yield running


@pytest.mark.parametrize("way", ["mouse", "keyboard", "no-javascript-phone", "phone-dark"])
def test_the_books_of_a_server_are_read_and_people_invited(site, server, visit, check_axe, way, tmp_path):
    maya = visit(**WAYS[way])
    page = maya.page
    scripted = WAYS[way].get("javascript", True)

    def looked_at(name):
        if scripted:
            check_axe(maya)
            assert maya.fits()
        page.screenshot(path=tmp_path / f"{name}-{way}.png", full_page=True)

    maya.sign_in(site.url, ADDRESS)
    expect(page).not_to_have_url(re.compile("/signin"))

    # What the address tells stands there already, and how to get the password.
    page.goto(f"{site.url}/contacts/carddav")
    expect(page.get_by_label("Address of the server")).to_have_value("contacts.icloud.com")
    expect(page.get_by_label("User name there")).to_have_value(ADDRESS)
    expect(page.get_by_text("Make an app-specific password").first).to_be_visible()
    looked_at("carddav")
    maya.use(page.locator("summary"))
    expect(page.get_by_text("dav.mailbox.org")).to_be_visible()
    looked_at("carddav-help")

    # A wrong password says so beside it; the rest stays.
    maya.type("Address of the server", f"127.0.0.1:{server.port}")
    maya.type("User name there", dav.USER)
    maya.type("App password", "wrong")
    maya.use(maya.button("Read my address books"))
    expect(page.get_by_text("doesn't accept this user name").first).to_be_visible()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.get_by_label("Address of the server")).to_have_value(f"127.0.0.1:{server.port}")
    expect(page.get_by_label("App password", exact=True)).to_have_value("")
    looked_at("carddav-wrong")
    maya.trouble.clear()  # the console's own line for a 422

    maya.type("App password", dav.PASSWORD)
    maya.use(maya.button("Read my address books"))
    expect(page).to_have_url(re.compile("/contacts/members"))
    expect(page.get_by_text("Ana Lima").first).to_be_visible()
    looked_at("members")
    maya.use(maya.button(r"Add 2 connections"))
    expect(page).to_have_url(re.compile("/contacts/others"))
    expect(page.get_by_text("Grace Hopper").first).to_be_visible()

    with site.app.app_context():
        assert db.session.query(Member).count() == 3


def test_another_network_is_refused_and_everything_stays_typed(site, visit, check_axe):
    maya = visit(width=390)
    page = maya.page
    maya.sign_in(site.url, ADDRESS)
    expect(page).not_to_have_url(re.compile("/signin"))
    page.goto(f"{site.url}/contacts/carddav")
    maya.type("Address of the server", "https://169.254.169.254/latest")
    maya.type("App password", "anything")
    maya.use(maya.button("Read my address books"))
    expect(page.get_by_text("We ask only servers that everybody on the Internet can reach").first).to_be_visible()
    expect(page.get_by_label("Address of the server")).to_have_value("https://169.254.169.254/latest")
    check_axe(maya)
    maya.trouble.clear()
