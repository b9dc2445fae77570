"""Conversations in a real browser: arriving by themselves, by keyboard, on a phone, without JavaScript, and when sending fails."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from webapp import clock
from webapp.domain import messages, moderation, relationships
from webapp.extensions import db
from webapp.models.member import Member

IN_TIME = 3500
"""Milliseconds: what is new is asked for every three seconds, and the answer has to come back."""
HIDDEN = """
window.seen = false;
for (const [name, value] of [['hidden', () => !window.seen], ['visibilityState', () => window.seen ? 'visible' : 'hidden']]) {
  Object.defineProperty(document, name, { get: value });
}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("messages") / "instance", {}) as running:
        yield running


@pytest.fixture
def pair(site):
    """Ana and Ben, who are connected and have written to each other; and the key of their conversation."""
    with site.app.app_context():
        clock.move(days=-30)
        ana, ben = factories.member("Ana Lima", writable="members"), factories.member("Ben Okafor")
        clock.reset()
        factories.connect(ana, ben)
        key = messages.key_of(messages.write_to(ben, ana, "Are you coming?"))
        db.session.commit()
        return ana.id, ben.id, key


@pytest.fixture
def says(site):
    """`says(author_id, key, text)`: somebody writes elsewhere."""

    def say(author_id, key, *texts):
        with site.app.app_context():
            for text in texts:
                messages.send(db.session.get_one(Member, author_id), key, text)
            db.session.commit()

    return say


@pytest.fixture
def enter(site, visit):
    """`enter(member_id, width=390)`: somebody who is signed in already."""

    def come(member_id, **how):
        with site.app.app_context():
            token = factories.sign_in(db.session.get_one(Member, member_id))
        kept = {"_user_id": token, "_fresh": True, "_permanent": True}
        value = site.app.session_interface.get_signing_serializer(site.app).dumps(kept)
        visitor = visit(**how)
        name = site.app.config["SESSION_COOKIE_NAME"]
        visitor.page.context.add_cookies([{"name": name, "value": value, "url": site.url}])
        return visitor

    return come


def box(page):
    return page.get_by_label("Message to ")


def bubbles(page):
    return page.locator("#talk-lines li[id^=message-] .mailtext")


def at_end(page):
    return page.locator("#talk-lines").evaluate("list => list.scrollHeight - list.scrollTop - list.clientHeight < 2")


def test_what_one_writes_the_other_reads_in_time_in_an_open_conversation(site, pair, enter):
    ana_id, ben_id, key = pair
    ana, ben = enter(ana_id), enter(ben_id, width=390)
    for visitor in (ana, ben):
        visitor.page.goto(f"{site.url}/messages/{key}")
    expect(ana.page.locator("#unread-messages")).to_be_empty()  # what was shown is read
    expect(ana.page.locator(".who .unread")).to_have_count(0)  # in the list beside it, too
    box(ana.page).fill("On Thursday")
    box(ana.page).press("Shift+Enter")
    box(ana.page).press_sequentially("at six")
    expect(bubbles(ana.page)).to_have_text(["Are you coming?"])
    box(ana.page).press("Enter")
    expect(bubbles(ana.page)).to_have_text(["Are you coming?", "On Thursday\nat six"])
    expect(box(ana.page)).to_have_value("")
    expect(box(ana.page)).to_be_focused()
    expect(bubbles(ben.page)).to_have_text(["Are you coming?", "On Thursday\nat six"], timeout=IN_TIME)
    ana.page.keyboard.type("Bring Chen")
    ana.page.keyboard.press("Enter")
    expect(bubbles(ana.page)).to_have_count(3)
    expect(bubbles(ben.page)).to_have_count(3, timeout=IN_TIME)
    expect(box(ana.page)).to_be_focused()
    ana.page.reload()
    expect(bubbles(ana.page)).to_have_text(["Are you coming?", "On Thursday\nat six", "Bring Chen"])
    assert at_end(ben.page)


def test_the_keyboard_alone_leads_from_a_connection_to_a_sent_message(site, pair, enter):
    ana_id, _ben_id, _key = pair
    with site.app.app_context():
        chen = factories.member("Chen Wei")
        factories.connect(db.session.get_one(Member, ana_id), chen)
    ana = enter(ana_id, keyboard=True)
    page = ana.page
    page.goto(f"{site.url}/connections")
    ana.use(ana.link("^Message Chen Wei"))
    expect(ana.heading("New message")).to_be_visible()
    ana.type("Message", "Hello Chen")
    ana.use(ana.button("^Send message$"))
    expect(bubbles(page)).to_have_text(["Hello Chen"])
    ana.use(box(page), "H")
    page.keyboard.type("ow are you?")
    page.keyboard.press("Enter")
    expect(bubbles(page)).to_have_text(["Hello Chen", "How are you?"])
    ana.use(page.get_by_role("link", name="Options, ").last)
    dialog = page.get_by_role("dialog", name="Message")
    expect(dialog).to_contain_text("How are you?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Options, ").last).to_be_focused()


@pytest.mark.parametrize("width", [390, 320])
def test_without_javascript_a_reload_shows_what_was_sent(site, pair, enter, says, width):
    ana_id, ben_id, key = pair
    ana = enter(ana_id, javascript=False, width=width)
    page = ana.page
    page.goto(f"{site.url}/messages")
    ana.use(ana.link("Ben Okafor"))
    box(page).fill("On Thursday")
    ana.use(ana.button("^Send$"))
    expect(bubbles(page)).to_have_text(["Are you coming?", "On Thursday"])
    says(ben_id, key, "See you then")
    page.reload()
    expect(bubbles(page)).to_have_text(["Are you coming?", "On Thursday", "See you then"])
    ana.use(ana.button("^Mark as read$"))
    expect(ana.button("^Mark as read$")).to_have_count(0)
    expect(page.get_by_text("See you then").last).to_be_in_viewport()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(site, pair, enter, says, check_axe, dark):
    ana_id, ben_id, key = pair
    with site.app.app_context():
        ana = db.session.get_one(Member, ana_id)
        chen = factories.member("Chen Wei")
        messages.write_to(chen, ana, "May I ask you something?")
        db.session.commit()
    says(ben_id, key, "A" * 200, "https://harbour.example/" + "long/" * 30)
    ana = enter(ana_id, dark=dark, width=320)
    page = ana.page
    for path in ("", f"/{key}", "/new", "/requests", "/search?q=coming"):
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(f"{site.url}/messages{path}")
        check_axe(ana)
        for width in (320, 390):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        check_axe(ana)


def test_a_page_that_nobody_sees_asks_for_nothing(site, pair, enter, says):
    ana_id, ben_id, key = pair
    ana = enter(ana_id)
    page = ana.page
    page.context.add_init_script(HIDDEN)
    page.goto(f"{site.url}/messages/{key}")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/static/" not in request.url else None)
    says(ben_id, key, "Are you there?")
    page.wait_for_timeout(3800)
    assert asked == []
    page.evaluate("() => { window.seen = true; document.dispatchEvent(new Event('visibilitychange')); }")
    expect(bubbles(page)).to_have_text(["Are you coming?", "Are you there?"], timeout=1500)


def test_a_conversation_that_is_gone_is_asked_for_once_more(site, pair, enter):
    ana_id, ben_id, key = pair
    ana = enter(ana_id)
    page = ana.page
    page.goto(f"{site.url}/messages/{key}")
    gone = page.expect_response(lambda answer: f"{key}/news" in answer.url and answer.status == 404, timeout=IN_TIME)
    with gone, site.app.app_context():
        moderation.block(db.session.get_one(Member, ana_id), db.session.get_one(Member, ben_id))
        db.session.commit()
    expect(page.locator("#toasts")).to_contain_text("We can't find that page")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3300)
    assert asked == []
    assert [said for said in ana.trouble if "404" not in said] == []
    ana.trouble.clear()


def test_undo_puts_the_text_back_into_the_box(site, pair, enter):
    ana_id, ben_id, key = pair
    ana, ben = enter(ana_id, keyboard=True), enter(ben_id)
    ben.page.goto(f"{site.url}/messages/{key}")
    page = ana.page
    page.goto(f"{site.url}/messages/{key}")
    box(page).fill("Not meant for you")
    box(page).press("Enter")
    expect(bubbles(ben.page)).to_have_count(2, timeout=IN_TIME)
    ana.use(ana.button("^Undo$"))
    expect(box(page)).to_have_value("Not meant for you")
    expect(box(page)).to_be_focused()
    expect(bubbles(page)).to_have_text(["Are you coming?"])
    expect(bubbles(ben.page)).to_have_text(["Are you coming?"], timeout=IN_TIME)
    box(page).press("Enter")
    expect(bubbles(page)).to_have_text(["Are you coming?", "Not meant for you"])


def test_what_cannot_be_sent_is_said_and_stays_typed(site, pair, enter):
    ana_id, ben_id, key = pair
    ana = enter(ana_id)
    page = ana.page
    page.goto(f"{site.url}/messages/{key}")
    page.context.set_offline(True)
    box(page).fill("On Thursday")
    box(page).press("Enter")
    failed = page.locator("#talk-lines").get_by_text("Not sent. Try again")
    expect(failed).to_be_visible()
    expect(box(page)).to_have_value("On Thursday")
    expect(box(page)).to_be_focused()
    expect(bubbles(page)).to_have_text(["Are you coming?"])
    page.context.set_offline(False)
    box(page).press("Enter")
    expect(bubbles(page)).to_have_text(["Are you coming?", "On Thursday"])
    expect(failed).to_have_count(0)
    with site.app.app_context():
        relationships.end(db.session.get_one(Member, ben_id), db.session.get_one(Member, ana_id))
        db.session.commit()
    box(page).fill("And bring Chen")
    box(page).press("Enter")
    expect(failed).to_be_visible()
    expect(box(page)).to_have_value("And bring Chen")
    expect(page.locator("#toasts")).to_contain_text("You are no longer connected")
    assert [said for said in ana.trouble if "Failed to" not in said] == []
    ana.trouble.clear()  # the console names every failure


def test_what_is_sent_while_another_is_on_its_way_is_a_message_of_its_own(site, pair, enter, hold):
    ana_id, _ben_id, key = pair
    page = enter(ana_id).page
    page.goto(f"{site.url}/messages/{key}")
    first = hold(page, f"**/messages/{key}")
    for text in ("On Thursday", "At six", "Bring Chen"):
        box(page).press_sequentially(text)
        box(page).press("Enter")
        expect(box(page)).to_have_value("")
    box(page).press_sequentially("And")
    expect(page.locator("#talk-lines .sending")).to_have_text(["On Thursday", "At six", "Bring Chen"])
    first().continue_()
    expect(bubbles(page)).to_have_text(["Are you coming?", "On Thursday", "At six", "Bring Chen"])
    expect(page.locator("#talk-lines .sending")).to_have_count(0)
    expect(box(page)).to_have_value("And")
    page.reload()
    expect(bubbles(page)).to_have_text(["Are you coming?", "On Thursday", "At six", "Bring Chen"])


def test_what_did_not_arrive_comes_back_in_its_order_before_what_was_typed_since(site, pair, enter, hold):
    ana_id, _ben_id, key = pair
    ana = enter(ana_id)
    page = ana.page
    page.goto(f"{site.url}/messages/{key}")
    first = hold(page, f"**/messages/{key}")
    for text in ("On Thursday", "At six"):
        box(page).fill(text)
        box(page).press("Enter")
    box(page).press_sequentially("And")
    page.context.set_offline(True)
    first().abort()
    expect(box(page)).to_have_value("On Thursday\nAt six\nAnd")
    expect(page.locator("#talk-lines .sending")).to_have_count(0)
    page.context.set_offline(False)
    box(page).press("Enter")
    expect(bubbles(page)).to_have_text(["Are you coming?", "On Thursday\nAt six\nAnd"])
    assert [said for said in ana.trouble if "Failed to" not in said] == []
    ana.trouble.clear()  # the console names every failure


def test_who_reads_further_up_is_not_moved_but_told(site, pair, enter, says):
    ana_id, ben_id, key = pair
    says(ben_id, key, *(f"Number {number}" for number in range(40)))
    ana = enter(ana_id)
    page = ana.page
    page.goto(f"{site.url}/messages/{key}")
    assert at_end(page)
    newer = ana.button("New message")
    expect(newer).to_be_hidden()
    page.locator("#talk-lines").evaluate("list => { list.scrollTop = 100; }")
    says(ben_id, key, "Are you there?")
    expect(newer).to_be_visible(timeout=IN_TIME)
    assert page.locator("#talk-lines").evaluate("list => list.scrollTop") == 100
    ana.use(newer)
    expect(newer).to_be_hidden()
    expect(bubbles(page).last).to_be_in_viewport()
    says(ben_id, key, "Still there?")
    expect(bubbles(page).last).to_have_text("Still there?", timeout=IN_TIME)
    assert at_end(page)
    expect(newer).to_be_hidden()
