"""Taking everything along in a real browser: progress by itself, the file with the password, its pages; also without JavaScript."""

import zipfile

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from tests.browser.test_network import signed_in
from webapp.domain import archives, cards, messages
from webapp.extensions import db
from webapp.jobs import archives as building
from webapp.transaction import transaction


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            ana, ben = factories.member("Ana Lima", "ana@post.example"), factories.member("Ben Okafor")
            factories.connect(ana, ben)
            cards.set_note(ana, ben, "Ask about the tide")
            messages.write_to(ben, ana, "Good evening")
            db.session.commit()
        yield running


def build(site):
    with site.app.app_context():
        assert building.build_due()


def test_an_archive_is_asked_for_watched_fetched_and_read_by_keyboard(site, visit, check_axe, tmp_path):
    ana = signed_in(visit(keyboard=True), site)
    page = ana.page
    page.goto(f"{site.url}/settings/export")
    check_axe(ana)
    ana.type("Your password", "wrong")
    ana.use(ana.button("Make the archive"))
    expect(page.get_by_text("That is not your password").first).to_be_visible()
    check_axe(ana)
    ana.trouble.clear()  # the console names every refusal
    ana.type("Your password", factories.PASSWORD)
    ana.use(ana.button("Make the archive"))
    expect(page.get_by_text("Your archive waits to be made")).to_be_visible()
    check_axe(ana)
    with site.app.app_context():
        with transaction():
            claimed = archives.claim()
        with transaction():
            archives.say(claimed, 30, 120)
    expect(page.get_by_text("Your archive is being made: 25 %")).to_be_visible()
    with site.app.app_context(), transaction():
        archives.put_back(claimed)
    build(site)
    expect(page.get_by_text("Your archive is ready")).to_be_visible()
    check_axe(ana)
    ana.type("Your password", factories.PASSWORD)
    with page.expect_download() as waiting:
        ana.use(ana.button("Download the archive"))
    waiting.value.save_as(tmp_path / "kith.zip")
    with zipfile.ZipFile(tmp_path / "kith.zip") as kept:
        kept.extractall(tmp_path / "kept")
    for name, text in (
        ("index", "Everything you put into"),
        ("connections", "Ask about the tide"),
        ("messages", "Good evening"),
    ):
        page.goto(f"file://{tmp_path}/kept/kith/{name}.html")
        expect(page.get_by_text(text).first).to_be_visible()
        assert page.evaluate("document.scripts.length") == 0
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"file://{tmp_path}/kept/kith/index.html")
    ana.use(ana.link("^Conversations$"))
    ana.use(ana.link("Ben Okafor"))
    expect(page.get_by_text("Good evening")).to_be_visible()


def test_it_works_without_javascript_on_a_phone(site, visit, tmp_path):
    ana = signed_in(visit(width=390, dark=True, javascript=False), site)
    page = ana.page
    page.goto(f"{site.url}/settings/export")
    page.get_by_label("Your password", exact=True).fill(factories.PASSWORD)
    page.get_by_role("button", name="Make the archive").click()
    expect(page.get_by_text("Your archive waits to be made")).to_be_visible()
    build(site)
    page.get_by_role("link", name="Reload").click()
    expect(page.get_by_text("Your archive is ready")).to_be_visible()
    page.get_by_label("Your password", exact=True).fill(factories.PASSWORD)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the archive").click()
    assert zipfile.is_zipfile(waiting.value.path())
    page.get_by_role("button", name="Delete it now").click()
    expect(page.get_by_text("The archive is deleted")).to_be_visible()
    expect(page.get_by_role("button", name="Make the archive")).to_be_visible()
