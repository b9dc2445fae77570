"""My network in a real browser: removing with its dialog and undo, connecting in place, searching while typing, reading what is new."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.fixtures import Site
from webapp import clock
from webapp.domain import relationships
from webapp.extensions import db


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "instance", {}) as running:
        yield running


@pytest.fixture
def people(site):
    """Ana with three connections, somebody who asks her, and two strangers; by first name."""
    with site.app.app_context():
        names = ("Ana Lima", "Ben Okafor", "Chen Wei", "Dana Fox", "Eli Roth", "Freya Nilsson", "Gita Rao")
        made = [factories.member(name, f"{name.split()[0].lower()}@post.example", field="Research") for name in names]
        for other in made[1:4]:
            factories.connect(made[0], other)
            clock.move(seconds=1)
        relationships.invite(made[4], [made[0]])
        db.session.commit()
        clock.move(seconds=61)
        relationships.release(clock.now())
        db.session.commit()
        return {member.name.split()[0]: member.handle for member in made}


def signed_in(visitor, site):
    visitor.sign_in(site.url, "ana@post.example")
    expect(visitor.heading("Home")).to_be_attached()
    return visitor


def names_are(page, selector, names):
    expect(page.locator(f"{selector} a.name")).to_have_text(names)


def focus_is_kept(page):
    expect(page.locator("[id] :focus, [id]:focus")).to_have_count(1)


@pytest.mark.parametrize("keyboard", [False, True], ids=["mouse", "keyboard"])
def test_removing_asks_takes_the_row_away_and_undo_brings_it_back_in_its_place(
    site, people, visit, check_axe, keyboard
):
    ana = signed_in(visit(keyboard=keyboard, width=1280 if keyboard else 390), site)
    page = ana.page
    page.goto(f"{site.url}/connections")
    names_are(page, "#connections-list", ["Dana Fox", "Chen Wei", "Ben Okafor"])
    dots = page.get_by_role("button", name="More for Chen Wei")
    ana.use(dots)
    ana.use(page.locator("#menu-2").get_by_role("link", name="Remove connection"))
    dialog = page.get_by_role("dialog", name="Remove Chen Wei?")
    expect(dialog).to_be_visible()
    check_axe(ana)
    expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(dots).to_be_focused()

    ana.use(dots)
    ana.use(page.locator("#menu-2").get_by_role("link", name="Remove connection"))
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Remove").press("Enter")
    expect(page.locator(f"#connection-{people['Chen']}")).to_have_count(0)
    expect(page.get_by_role("heading", name="2 connections")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Chen Wei removed.")
    expect(page.get_by_role("button", name="More for Ben Okafor")).to_be_focused()

    undo = page.locator("#toasts").get_by_role("button", name="Undo")
    undo.press("Enter") if keyboard else undo.click()
    expect(page.get_by_role("heading", name="3 connections")).to_be_visible()
    names_are(page, "#connections-list", ["Dana Fox", "Chen Wei", "Ben Okafor"])
    expect(page.locator(f"#connection-{people['Chen']}")).to_be_focused()
    expect(undo).to_have_count(0)
    expect(page).to_have_url(f"{site.url}/connections")


@pytest.mark.parametrize("javascript", [True, False], ids=["keyboard", "without-javascript"])
def test_several_are_ticked_named_and_removed_with_one_undo(site, people, visit, check_axe, javascript):
    ana = signed_in(visit(keyboard=javascript, javascript=javascript, width=1280 if javascript else 390), site)
    page = ana.page
    page.goto(f"{site.url}/connections")
    ana.use(ana.link("Choose several"))
    for name in ("Ben Okafor", "Dana Fox"):
        ana.tick(page.get_by_role("checkbox", name=name))
    if javascript:
        check_axe(ana)
    ana.use(ana.button("Remove the chosen"))
    place = page.get_by_role("dialog", name="Remove 2 connections?") if javascript else page.locator("main")
    expect(place).to_contain_text("Remove 2 connections?")
    expect(place.get_by_role("listitem")).to_have_text(["Ben Okafor", "Dana Fox"])
    if javascript:
        expect(place.get_by_role("button", name="Keep")).to_be_focused()
        check_axe(ana)
    ana.use(place.get_by_role("button", name="Remove"))
    expect(page.get_by_role("heading", name="1 connection")).to_be_visible()
    ana.use(page.get_by_role("button", name="Undo"))
    expect(page.get_by_role("heading", name="3 connections")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(3)
    if javascript:
        focus_is_kept(page)


def test_a_filter_is_opened_chosen_and_taken_away_again(site, people, visit, check_axe):
    ana = signed_in(visit(width=390), site)
    page = ana.page
    page.goto(f"{site.url}/connections")
    ana.use(ana.link("^Filter$"))
    field = page.locator("select[name=field]")
    expect(field).to_be_focused()
    field.select_option("Research")
    expect(page.locator("#connections-found")).to_have_text("3 connections match")
    expect(field).to_be_focused()
    expect(page).to_have_url(re.compile("field=Research"))
    check_axe(ana)
    ana.use(ana.link("Remove the filter Field"))
    expect(page.get_by_text("3 connections match")).to_have_count(0)
    expect(page).to_have_url(f"{site.url}/connections")


def test_connecting_swaps_the_row_and_keeps_the_focus(site, people, visit, check_axe):
    ana = signed_in(visit(keyboard=True), site)
    page = ana.page
    page.goto(f"{site.url}/people?q=freya")
    row = page.locator(f"#person-{people['Freya']}")
    ana.use(row.get_by_role("button", name="Connect"))
    expect(row).to_contain_text("Invited")
    expect(row.get_by_role("button", name="Undo")).to_be_focused()
    expect(page.locator("#toasts")).to_contain_text("Freya Nilsson is invited. It leaves in one minute")
    check_axe(ana)
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Connect")).to_be_focused()
    expect(page.locator("#toasts")).to_contain_text("Nothing was sent")

    page.goto(f"{site.url}/network")
    card = page.locator(f"#person-{people['Gita']}")
    ana.use(card.get_by_role("button", name="Connect"))
    expect(card.get_by_role("button", name="Undo")).to_be_focused()
    check_axe(ana)
    site.wait(seconds=61)
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Too late, they have been sent")
    assert [said for said in ana.trouble if "409" not in said] == []
    ana.trouble.clear()  # the console names every refusal


def test_searching_while_typing_keeps_the_field_and_writes_the_address(site, people, visit):
    ana = signed_in(visit(), site)
    page = ana.page
    page.goto(f"{site.url}/people")
    field = page.get_by_label("Name, organisation or keyword")
    field.press_sequentially("ben")
    expect(page.locator("#people-found")).to_have_text('1 person matches "ben"')
    names_are(page, "#people-list", ["Ben Okafor"])
    expect(field).to_be_focused()
    expect(page).to_have_url(f"{site.url}/people?q=ben")
    page.reload()
    names_are(page, "#people-list", ["Ben Okafor"])
    page.goto(f"{site.url}/connections")
    page.get_by_label("Sort by").select_option("first")
    expect(page.locator("#connections-list a.name").first).to_have_text("Ben Okafor")
    page.get_by_label("Search your connections").fill("dan")
    names_are(page, "#connections-list", ["Dana Fox"])
    page.get_by_label("Search your connections").fill("nobody")
    expect(page.get_by_text('No connections match "nobody"')).to_be_visible()


def test_a_note_is_written_in_a_dialog_and_goes_along(site, people, visit, check_axe):
    ana = signed_in(visit(), site)
    page = ana.page
    page.goto(f"{site.url}/people/{people['Freya']}")
    ana.use(ana.link("Add a note"))
    dialog = page.get_by_role("dialog", name="Invite Freya Nilsson")
    dialog.get_by_label("Your note").fill("The river survey, remember?")
    check_axe(ana)
    ana.use(dialog.get_by_role("button", name="Send invitation"))
    expect(page.get_by_text("Freya Nilsson is invited.")).to_be_visible()
    expect(page).to_have_url(f"{site.url}/people/{people['Freya']}")


def test_what_was_shown_is_read_and_answered_in_its_row(site, people, visit):
    ana = signed_in(visit(), site)
    page = ana.page
    expect(page.locator("#unread-notifications")).to_contain_text("1")
    page.goto(f"{site.url}/notifications")
    expect(page.locator("#unread-notifications")).to_be_empty()
    ana.use(page.get_by_role("button", name="Accept Eli Roth"))
    expect(page.get_by_text("You and Eli Roth are connected").first).to_be_visible()
    focus_is_kept(page)
    page.reload()
    expect(page.locator("#unread-notifications")).to_be_empty()


def test_every_menu_opens_where_it_can_be_seen_and_signs_out(site, people, visit):
    ana = signed_in(visit(), site)
    page = ana.page
    page.set_viewport_size({"width": 1280, "height": 600})
    page.goto(f"{site.url}/connections")
    for opener in (".row .menu >> nth=-1", "#me-menu"):
        menu = page.locator(opener)
        page.locator(f"[popovertarget='{menu.get_attribute('id')}']").click()
        expect(menu).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")
    page.locator("[popovertarget='me-menu']").click()
    button = ana.button("Sign out")
    box = button.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + 4)  # not on the words
    expect(page).to_have_url(f"{site.url}/")


@pytest.mark.parametrize("javascript", [True, False], ids=["keyboard", "without-javascript"])
def test_a_connection_is_muted_and_unmuted_from_its_row(site, people, visit, check_axe, javascript):
    ana = signed_in(visit(keyboard=javascript, javascript=javascript), site)
    page = ana.page
    page.goto(f"{site.url}/connections?sort=first")
    for press, words in (("Mute", "Mute for 30 days"), ("Unmute", "Unmute")):
        ana.use(page.get_by_role("button", name="More for Chen Wei"))
        ana.use(page.locator("#menu-2").get_by_role("link", name=press, exact=True))
        if javascript:
            expect(page.get_by_role("dialog", name=f"{press} Chen Wei?")).to_be_visible()
            check_axe(ana)
        ana.use(page.get_by_role("button", name=words, exact=True))
        expect(page).to_have_url(f"{site.url}/connections?sort=first" if javascript else f"{site.url}/settings/muted")
        page.goto(f"{site.url}/connections?sort=first")


@pytest.mark.parametrize("javascript", [True, False], ids=["keyboard", "without-javascript"])
def test_several_are_tagged_and_then_found_and_written_to_by_the_tag(site, people, visit, check_axe, javascript):
    ana = signed_in(visit(keyboard=javascript, javascript=javascript), site)
    page = ana.page
    page.goto(f"{site.url}/connections?choose=1")
    for name in ("Ben Okafor", "Dana Fox"):
        ana.tick(page.get_by_role("checkbox", name=name))
    ana.use(ana.button("Tag the chosen"))
    if javascript:
        expect(page.get_by_role("dialog", name="Tag 2 connections")).to_be_visible()
        check_axe(ana)
    ana.type("Tags", "Choir")
    ana.use(page.get_by_role("button", name="Save", exact=True))
    expect(page).to_have_url(f"{site.url}/connections?choose=1")

    page.goto(f"{site.url}/connections?sort=first")
    ana.use(page.locator("#connections-filter"))
    page.locator("select[name=tag]").select_option("Choir")
    if not javascript:
        ana.use(ana.button("Show connections"))
    names_are(page, "#connections-list", ["Ben Okafor", "Dana Fox"])
    expect(page.locator("#connections-list .chip")).to_contain_text("Choir")
    expect(page).to_have_url(re.compile("tag="))
    assert "hoir" not in page.url

    page.goto(f"{site.url}/messages/new")
    page.get_by_label("Everybody with one of your tags").select_option("Choir")
    if javascript:
        check_axe(ana)
    ana.use(ana.button("Write to them"))
    expect(page.get_by_text("Ben Okafor")).to_be_visible()
    expect(page.get_by_text("Dana Fox")).to_be_visible()
    expect(page.get_by_text("Chen Wei")).to_have_count(0)
    assert "hoir" not in page.url
