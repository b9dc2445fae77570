"""The two screens of Find connections: who is ticked, what is shown before it is sent, and what is left afterwards."""

import re

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.wizard import Page, Wizard, sum_of
from webapp import clock
from webapp.domain import relationships
from webapp.extensions import db
from webapp.models.contact import AddressBookImport
from webapp.models.invitation import GuestInvitation
from webapp.models.member import Member

GUESTS = [f"Guest {number:03} <g{number:03}@out.example>" for number in range(120)]


@pytest.fixture
def maya(context, as_member):
    member = factories.member("Maya van Nes", email="maya@home.example", headline="Gardener")
    wizard = Wizard(as_member(member))
    wizard.member_id = member.id
    return wizard


@pytest.fixture
def friends(context):
    return [factories.member(f"Friend {n:02}", email=f"f{n}@friends.example", headline="Baker") for n in range(3)]


FRIENDS = [f"f{n}@friends.example" for n in range(3)]


def invited(owner_id):
    """Whom a member has asked, as they see it themselves."""
    db.session.rollback()
    seen = relationships.as_seen_by(db.session.get_one(Member, owner_id), "held", "queued", "invited")
    return set(db.session.scalars(select(seen.c.other_id)))


def mailed(owner_id):
    db.session.rollback()
    return sorted(db.session.scalars(select(GuestInvitation.address).where(GuestInvitation.inviter_id == owner_id)))


# Screen 1


def test_members_arrive_ticked_with_name_and_headline(maya, friends):
    page = maya.paste(*FRIENDS, *GUESTS[:2])
    assert page.boxes == {0: True, 1: True, 2: True}
    assert "3 people you know are here" in page.words
    assert "Friend 00 Baker" in page.words
    assert "Add 3 connections" in page.words
    assert "3 of 3 selected" in page.words
    assert sum_of(page) == (5, [3, 2])
    assert re.search(r"You can send 500 more invitations to members now, 200 of them today", page.words)


def test_a_box_changes_the_number_on_the_button_and_survives_reload(maya, friends):
    maya.paste(*FRIENDS)
    part = maya.part("/members/tick", {"at": "1", "on": "0"})
    assert "Add 2 connections" in part.words
    assert 'id="contacts-bar"' in part.html
    assert "data-mixed" in part.html
    assert maya.get("/members").boxes == {0: True, 1: False, 2: True}
    part = maya.part("/members/tick", {"at": "1", "tick": ["0", "1", "2"]})
    assert "Add 3 connections" in part.words
    part = maya.part("/members/tick", {"at": "0", "tick": ["1", "2"]})
    assert "Add 2 connections" in part.words
    assert maya.post("/members/tick", {"at": "0", "on": "1"}).response.headers["Location"] == "/contacts/members"
    assert maya.post("/members/tick", {}).status == 422
    assert maya.post("/nobody/tick", {"at": "0"}).status == 404


def test_the_box_of_select_all_ticks_all_or_none(maya, friends):
    maya.paste(*FRIENDS)
    part = maya.part("/members", {"do": "every", "shown": "0,1,2", "tick": ["0", "1", "2"]})
    assert part.boxes == {0: False, 1: False, 2: False}
    assert 'hx-swap-oob="true"' in part.html
    assert "data-off" in part.html
    part = maya.part("/members", {"do": "every", "every": "1", "shown": "0,1,2"})
    assert part.boxes == {0: True, 1: True, 2: True}


def test_without_javascript_ticks_survive_pages_search_and_select_all(maya):
    maya.paste(*GUESTS)
    page = maya.get("/others")
    assert page.hidden["shown"].startswith("0,1,2,")
    maya.post("/others", {"shown": page.hidden["shown"], "tick": ["3", "4"], "page": "2"})
    page = maya.get("/others")
    assert "Page 2 of 3" in page.words
    maya.post("/others", {"shown": page.hidden["shown"], "tick": ["60"], "do": "search", "search": "g119"})
    page = maya.get("/others")
    assert list(page.boxes) == [119]
    assert "1 person matches" in page.words
    assert "Add 3 to network" in page.words
    maya.post("/others", {"shown": page.hidden["shown"], "do": "search", "search": ""})
    maya.post("/others", {"shown": "", "sort": "address"})
    assert maya.get("/others").boxes[3]
    maya.post("/others", {"shown": "", "do": "all"})
    assert "Add 120 to network" in maya.get("/others").words
    maya.post("/others", {"shown": "", "do": "none"})
    assert "0 of 120 selected" in maya.get("/others").words


def test_the_same_form_carries_everything_without_javascript(maya, friends):
    page = maya.paste(*FRIENDS)
    assert page.button("all")["name"] == "do"
    assert page.button("none")["name"] == "do"
    assert page.button("skip")["form"] == page.button("add")["form"] == "pick"
    assert page.buttons[0]["value"] == "search"  # what Enter in the search field presses


def test_add_connects_with_those_ticked_and_leads_to_the_others(maya, friends):
    page = maya.paste(*FRIENDS, *GUESTS[:1])
    answer = maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0", "2"], "do": "add"})
    assert answer.response.headers["Location"] == "/contacts/others"
    assert invited(maya.member_id) == {friends[0].id, friends[2].id}
    page = maya.get("/others")
    assert "2 invitations sent. You can undo it for one minute. Undo" in page.words


def test_undo_is_offered_for_a_minute(maya, friends):
    page = maya.paste(*FRIENDS)
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0"], "do": "add"})
    clock.move(seconds=61)
    page = maya.get("/others")
    assert "1 invitation sent." in page.words
    assert "Undo" not in page.words


def undo(maya, screen, page):
    """Press Undo in the note on a page."""
    form = re.search(rf'action="(/invitations/undo/[^"]+)" id="undo-{screen}">(.*?)</form>', page.html)
    back = re.search(r'name="back" value="([^"]+)"', form[2])
    return maya.browser.post(form[1], {"back": back[1]} if back else {})


def test_undo_leads_back_to_the_same_ticks_and_nothing_is_said_any_more(maya, friends):
    page = maya.paste(*FRIENDS, *GUESTS[:1])
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0", "2"], "do": "add"})
    answer = undo(maya, "members", maya.get("/others"))
    assert answer.headers["Location"] == "/contacts/members"
    page = maya.get("/members")
    assert page.boxes == {0: True, 1: False, 2: True}
    assert "Nothing was sent" in page.words
    assert "2 invitations sent" not in page.words
    assert invited(maya.member_id) == set()
    assert "invitations sent" not in maya.get("/others").words


def test_undo_of_guests_leads_to_the_network_once_the_book_is_forgotten(maya):
    maya.paste(*GUESTS[:2])
    maya.post("/others", {"do": "add", "note": "", "shown": "0,1", "tick": ["0", "1"]})
    answer = undo(maya, "others", maya.get("/done"))
    assert answer.headers["Location"] == "/network"
    assert mailed(maya.member_id) == []
    assert "on their way" not in maya.get("/done").words


def test_the_result_names_who_had_asked_and_who_is_gone(maya, friends):
    relationships.invite(friends[0], [maya.member_id])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()
    page = maya.paste(*FRIENDS)
    assert "Asked to connect with you" in page.words
    db.session.get_one(Member, friends[1].id).suspended_at = clock.now()
    db.session.commit()
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0", "1", "2"], "do": "add"})
    assert "1 invitation sent, 1 connected (they had asked you), 1 no longer here." in maya.get("/others").words


def test_the_only_one_chosen_may_be_gone(maya, friends):
    page = maya.paste(FRIENDS[0])
    relationships.block(friends[0], db.session.get_one(Member, maya.member_id))
    db.session.commit()
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0"], "do": "add"})
    assert "1 no longer here." in maya.get("/others").words


def test_what_is_over_the_days_number_is_queued_and_said(maya, friends, setting):
    setting(INVITATIONS_PER_DAY=1)
    page = maya.paste(*FRIENDS)
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0", "1", "2"], "do": "add"})
    assert re.search(r"1 invitation sent, 2 queued until \d+ \w+ \d{4}\.", maya.get("/others").words)


def test_nobody_chosen_is_said(maya, friends):
    page = maya.paste(*FRIENDS)
    page = maya.post("/members", {"shown": page.hidden["shown"], "do": "add"})
    assert page.status == 422
    assert "Choose at least one person, or skip." in page.words
    assert "<title>Error:" in page.html


def test_above_the_open_number_nothing_is_sent_and_one_press_keeps_the_nearest(maya, friends, setting):
    setting(INVITATIONS_OPEN_MAX=2)
    between = factories.member("Between")
    factories.connect(db.session.get_one(Member, maya.member_id), between)
    factories.connect(between, friends[2])
    page = maya.paste(*FRIENDS)
    page = maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0", "1", "2"], "do": "add"})
    assert page.status == 409
    assert re.search(r"3.* 2 ", page.words)
    assert invited(maya.member_id) == set()
    assert all(maya.get("/members").boxes.values())
    assert "Keep the 2 with the most mutual connections" in page.words
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0", "1", "2"], "do": "keep"})
    page = maya.get("/members")
    assert page.boxes == {0: True, 1: False, 2: True}
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0", "2"], "do": "add"})
    assert invited(maya.member_id) == {friends[0].id, friends[2].id}


def test_skip_sends_nothing_and_goes_on(maya, friends):
    page = maya.paste(*FRIENDS)
    answer = maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0"], "do": "skip"})
    assert answer.response.headers["Location"] == "/contacts/others"
    assert invited(maya.member_id) == set()
    assert maya.get("/members").boxes == {0: True, 1: False, 2: False}


def test_with_nobody_here_the_page_says_so(maya):
    page = maya.paste(*GUESTS[:3])
    assert "None of your 3 contacts are here yet" in page.words
    assert "You could be the first to invite them." in page.words
    assert "/contacts/others" in page.links


def test_forged_positions_send_to_nobody_else(maya, friends):
    stranger = factories.member("Stranger")
    maya.paste(FRIENDS[0])
    maya.post("/members", {"shown": "0,1,2,99", "tick": ["0", "1", str(stranger.id)], "do": "add"})
    assert invited(maya.member_id) == {friends[0].id}


def test_names_are_shown_as_they_are_and_never_run(maya):
    name = "<img src=x onerror=alert(1)> ' hx-get=/x"
    factories.member(name, email="evil@friends.example")
    page = maya.paste("evil@friends.example", '"<b>bold</b> {{7*7}}" <bold@out.example>')
    assert name in page.words
    assert "<img src=x" not in page.html
    assert "{{7*7}}" in maya.get("/others").words


def test_who_is_connected_invited_or_blocked_is_counted_with_a_link(maya, friends):
    viewer = db.session.get_one(Member, maya.member_id)
    factories.connect(viewer, friends[0])
    relationships.invite(viewer, [friends[1]])
    relationships.block(viewer, friends[2])
    db.session.commit()
    page = maya.paste(*FRIENDS, *GUESTS[:1])
    assert "Nobody else you know is here yet" in page.words
    counted = "4 contacts read: 0 here, 1 not here, 1 already connected, 1 already invited, 1 you blocked."
    assert counted in re.sub(r" (?=[,.])", "", page.words)
    for link in ("/connections", "/invitations/sent", "/settings/blocked"):
        assert link in page.links
        assert maya.browser.get(link).status_code == 200


# Screen 2


def test_guests_arrive_unticked_beside_the_mail_they_would_get(maya):
    maya.paste(*GUESTS[:3])
    page = maya.get("/others")
    assert page.boxes == {0: False, 1: False, 2: False}
    assert "Each gets at most one e-mail. No reminders." in page.words
    assert "Select all 3" in page.words
    assert "From Maya van Nes via Northgate" in page.words
    assert "To g000@out.example" in page.words
    assert "Subject Maya van Nes would like to connect" in page.words
    assert "Answers go to nobody" in page.words
    assert page.frames[0]["src"].startswith("/contacts/preview?v=")
    assert page.frames[0]["sandbox"] is None
    assert "frame-src 'self'" in page.response.headers["Content-Security-Policy"]


def test_the_framed_mail_runs_nothing_and_loads_nothing(maya):
    maya.paste(*GUESTS[:1])
    framed = maya.get("/preview")
    policy = framed.response.headers["Content-Security-Policy"]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]{44}'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
        policy,
    )
    assert "Hello Guest 000" in framed.words
    assert framed.html.count("<style>") == 1
    assert " style=" not in framed.html


def test_the_note_is_seen_before_it_is_sent(maya):
    page = maya.paste(*GUESTS[:2])
    page = maya.get("/others")
    form = {"shown": page.hidden["shown"], "tick": ["1"], "note": "See you in June", "reply_to": "1"}
    part = maya.part("/others", form | {"do": "preview", "recipient": "1"})
    assert "To g001@out.example" in part.words
    assert "Answers go to maya@home.example" in part.words
    assert "See you in June" in maya.get("/preview").words
    assert "See you in June" in maya.get("/others").html
    assert maya.post("/others", form | {"do": "add"}).response.headers["Location"] == "/contacts/done"
    assert mailed(maya.member_id) == ["g001@out.example"]


def test_a_note_that_was_altered_is_shown_first(maya):
    page = maya.get("/others") if maya.paste(*GUESTS[:2]) else None
    form = {"shown": page.hidden["shown"], "tick": ["0"], "note": "New words", "do": "add"}
    page = maya.post("/others", form)
    assert page.status == 409
    assert "You changed the mail. Here is how it reads now; press the button again to send it." in page.words
    assert mailed(maya.member_id) == []
    assert maya.post("/others", form).response.headers["Location"] == "/contacts/done"
    assert mailed(maya.member_id) == ["g000@out.example"]


def test_without_javascript_the_mail_is_shown_by_a_button(maya):
    maya.paste(*GUESTS[:1])
    answer = maya.post("/others", {"do": "preview", "note": "Hi", "shown": "0"})
    assert answer.response.headers["Location"] == "/contacts/others#preview"
    assert "Hi" in maya.get("/preview").words


@pytest.mark.parametrize("note", ["x" * 301, "look at https://bad.example"])
def test_a_note_that_is_too_long_or_holds_a_link_is_refused_and_kept(maya, note):
    maya.paste(*GUESTS[:1])
    page = maya.post("/others", {"do": "preview", "note": note, "shown": "0", "tick": ["0"]})
    assert page.status == 422
    assert note in page.words or note in page.html
    assert page.boxes == {0: True}


def test_nobody_chosen_is_said_on_the_second_screen_too(maya):
    maya.paste(*GUESTS[:1])
    page = maya.post("/others", {"do": "add", "note": "", "shown": "0"})
    assert page.status == 422
    assert "Choose at least one person, or skip." in page.words


def test_what_was_invited_stays_and_the_rest_is_forgotten(maya):
    maya.paste(*GUESTS[:3])
    maya.post("/others", {"do": "add", "note": "", "shown": "0,1,2", "tick": ["2"]})
    page = maya.get("/done")
    assert "That's everyone" in page.words
    assert "1 invitation is on its way. You can undo it for one minute. Undo" in page.words
    assert "The contacts you didn't choose are forgotten." in page.words
    assert db.session.scalar(select(func.count()).select_from(AddressBookImport)) == 0
    assert maya.cookie() is None
    assert maya.get("/others").response.headers["Location"] == "/contacts"


def test_the_last_skip_forgets_too(maya):
    maya.paste(*GUESTS[:3])
    assert maya.post("/others", {"do": "skip"}).response.headers["Location"] == "/contacts/done"
    assert db.session.scalar(select(func.count()).select_from(AddressBookImport)) == 0
    assert "Nobody will hear from you." in maya.get("/done").words


def test_an_address_that_was_invited_is_shown_with_its_dates_and_no_box(maya):
    maya.paste(*GUESTS[:1])
    maya.post("/others", {"do": "add", "note": "", "shown": "0", "tick": ["0"]})
    maya.paste(*GUESTS[:2])
    page = maya.get("/others")
    assert list(page.boxes) == [1]
    assert re.search(r"invited \d+ \w+ \d{4}", page.words)
    assert "Select all 1" in page.words


def test_with_everyone_here_the_second_screen_says_so(maya, friends):
    maya.paste(*FRIENDS)
    page = maya.get("/others")
    assert "Everyone in your contacts is already here." in page.words
    assert maya.get("/preview").status == 404


def test_without_a_mail_server_nothing_can_be_sent(maya, setting, monkeypatch):
    from webapp.mail import outbox

    monkeypatch.setattr(outbox, "guest_mail_possible", lambda: False)
    maya.paste(*GUESTS[:1])
    page = maya.get("/others")
    assert "Invitations are off while email isn't set up. Ask your administrator." in page.words
    assert page.button("add")["aria-disabled"] == "true"
    page = maya.post("/others", {"do": "add", "note": "", "shown": "0", "tick": ["0"]})
    assert page.status == 409
    assert mailed(maya.member_id) == []


def test_who_is_probably_not_a_person_stands_apart_with_the_rule(maya):
    maya.paste(*GUESTS[:1], "Shop <no-reply@shop.example>", "Me <maya@home.example>")
    page = maya.get("/others")
    assert "Probably not people (2)" in page.words
    assert "Takes no answers" in page.words
    assert "Your own address" in page.words
    assert sum_of(page) == (3, [0, 1, 2])


def test_the_allowance_is_said_beforehand(maya):
    maya.paste(*GUESTS[:1])
    assert "You can invite 200 more people by email now, 20 of them today." in maya.get("/others").words


# Measure


def test_pages_of_ten_and_twenty_take_the_same_statements(maya, statements):
    for number in range(20):
        factories.member(f"Other {number:02}", email=f"o{number}@friends.example")
    seen = {}
    for size in (10, 20):
        maya.paste(*[f"o{n}@friends.example" for n in range(size)], *GUESTS[:size])
        counts = []
        for path in ("/members", "/others"):
            with statements() as said:
                assert len(maya.get(path).boxes) == size
            counts.append(len(said))
        seen[size] = counts
    assert seen[10] == seen[20]
    assert max(seen[10]) <= 15, seen


def test_pages_of_fifty_stay_within_their_weight(maya):
    for number in range(50):
        factories.member(
            f"Alexandra Konstantinopoulou {number:02}", email=f"o{number}@friends.example", headline="Head " * 10
        )
    maya.paste(*[f"o{n}@friends.example" for n in range(50)], *GUESTS)
    for path in ("/members", "/others"):
        page = maya.get(path)
        assert len(page.boxes) == 50
        assert len(page.response.data) < 40_000, path


def test_every_part_is_its_own_page_too(maya, friends):
    maya.paste(*FRIENDS, *GUESTS[:3])
    for path in ("/members", "/others"):
        page, part = maya.get(path), Page(maya.browser.part(f"/contacts{path}", method="GET"))
        assert page.boxes == part.boxes
        assert "<html" in page.html
        assert "<html" not in part.html
        assert page.response.headers["Vary"].count("HX-Request")
        assert page.response.headers["Cache-Control"] == "no-store"
