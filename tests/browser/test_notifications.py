"""What is told, and choosing it, in a real browser: many as one line, the table of choices by keyboard, on a phone, without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from webapp.domain import telling
from webapp.extensions import db


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            ana = factories.member("Ana Lima", "ana@post.example")
            others = [factories.member(f"Ben {number}").id for number in range(5)]
            telling.tell("connected", [(ana.id, other) for other in others], mail="")
            db.session.commit()
        yield running


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_many_are_one_line_and_what_to_hear_of_is_chosen(site, visit, check_axe, javascript):
    ana = visit(keyboard=javascript, javascript=javascript, width=1280 if javascript else 390)
    page = ana.page
    ana.sign_in(site.url, "ana@post.example")
    expect(ana.heading("Home")).to_be_visible()
    page.goto(f"{site.url}/notifications")
    expect(page.get_by_text("accepted your invitation")).to_have_count(1)
    if javascript:
        check_axe(ana)
    else:
        expect(page.locator("#unread-notifications")).to_contain_text("1")
        ana.use(ana.button("Mark all as read"))
    expect(page.locator("#unread-notifications")).to_be_empty()
    ana.use(ana.link("4 others"))
    expect(page.locator(".row")).to_have_count(5)

    page.goto(f"{site.url}/settings/email")
    box = page.get_by_role("checkbox", name="Somebody accepts my invitation: By email")
    if javascript:
        check_axe(ana)
        ana.use(box, "Space")
        ana.use(page.get_by_label("Right away"), "ArrowDown")
    else:
        box.uncheck()
        page.get_by_label("Once a day").check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ana.use(ana.button("Save"))
    expect(page.get_by_text("Your choice is saved")).to_be_visible()
    expect(box).not_to_be_checked()
    expect(page.get_by_label("Once a day")).to_be_checked()
