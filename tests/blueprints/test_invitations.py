"""Invitations on their pages: received, sent, ignored, to guests; answered, taken back, undone; and the link in the mail."""

import re

import pytest

from tests import crawl, factories
from webapp import clock
from webapp.domain import guests, relationships, tickets
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.notification import Notification
from webapp.transaction import transaction


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@example.org")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor", "ben@example.org", headline="River ecologist")


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


def ask(by, to, note="", *, wait=61):
    by_id, to_id = by.id, to.id
    with transaction():
        relationships.invite(db.session.get_one(Member, by_id), [to_id], note)
    if wait:
        clock.move(seconds=wait)
        with transaction():
            relationships.release(clock.now())


def ask_guest(by, address, name="Grace Hopper"):
    by_id = by.id
    with transaction():
        inviter = db.session.get_one(Member, by_id)
        guests.invite(inviter, [guests.Invitee(name, address, factories.lookup(address))], note="", source="typed in")
    clock.move(seconds=61)
    with transaction():
        guests.release(clock.now())


def tabs(response):
    """The numbers in the tabs, by their word."""
    return dict(re.findall(r'class="chip"[^>]*>(\w+) <span class="faint">(\d+)</span>', response.text))


def status(viewer_id, other_id):
    db.session.rollback()
    seen = relationships.as_seen_by(db.session.get_one(Member, viewer_id), among=[other_id])
    return db.session.scalar(db.select(seen.c.status)) or "none"


def undo_of(response):
    return re.search(r'action="(/invitations/[^"]+)"', response.text)[1]


def test_the_tabs_count_what_their_pages_list(ana, ben, as_member):
    for number in range(3):
        ask(factories.member(f"Asker {number}"), ana)
    ignored = factories.member("Ignored One")
    ask(ignored, ana)
    with transaction():
        relationships.ignore(db.session.get_one(Member, ana.id), [ignored.id])
    ask(ana, ben, wait=0)
    ask_guest(ana, "grace@out.example")
    browser = as_member(ana)
    pages = {path: browser.get(f"/invitations{path}") for path in ("", "/sent", "/guests", "/ignored")}
    assert {tuple(tabs(page).items()) for page in pages.values()} == {
        (("Received", "3"), ("Sent", "1"), ("Guests", "1"), ("Ignored", "1"))
    }
    assert words(pages[""]).count("Asker") >= 3
    assert "Ben Okafor" in words(pages["/sent"])
    assert "grace@out.example" in words(pages["/guests"])
    assert "Ignored One" in words(pages["/ignored"])


def test_empty_tabs_say_what_would_stand_there(ana, as_member):
    browser = as_member(ana)
    for path, said in (
        ("", "No invitations"),
        ("/sent", "Nothing waits for an answer"),
        ("/guests", "No guests yet"),
        ("/ignored", "Nobody is ignored"),
    ):
        assert said in words(browser.get(f"/invitations{path}"))


def test_what_was_written_stands_with_the_invitation_as_words(ana, ben, as_member):
    ask(ben, ana, "<b>Hello</b>\nshall we?")
    page = as_member(ana).get("/invitations")
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page.text
    assert "River ecologist" in words(page)


def test_accepting_without_javascript_leads_back_with_a_sentence_and_can_be_undone(ana, ben, as_member):
    ask(ben, ana)
    browser = as_member(ana)
    answer = browser.post(f"/invitations/{ben.handle}/accept")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/invitations")
    assert "You and Ben Okafor are connected" in words(browser.get("/invitations"))
    assert status(ana.id, ben.id) == "connected"
    browser.post(f"/invitations/{ben.handle}/undo-accept")
    assert status(ana.id, ben.id) == "received"
    assert "Ben Okafor" in words(browser.get("/invitations"))


def test_accepting_with_htmx_changes_the_row_in_place_and_offers_undo(ana, ben, as_member):
    ask(ben, ana)
    browser = as_member(ana)
    part = browser.part(f"/invitations/{ben.handle}/accept")
    assert part.status_code == 200
    assert "<html" not in part.text
    assert f'id="invitation-{ben.handle}"' in part.text
    part = browser.part(undo_of(part))
    assert "back under Received" in words(part)
    assert status(ana.id, ben.id) == "received"


def test_an_undo_too_late_says_so(ana, ben, as_member):
    ask(ben, ana)
    browser = as_member(ana)
    browser.post(f"/invitations/{ben.handle}/accept")
    clock.move(seconds=61)
    answer = browser.post(f"/invitations/{ben.handle}/undo-accept")
    assert answer.status_code == 409
    assert status(ana.id, ben.id) == "connected"


def test_ignoring_is_quiet_and_can_be_undone_or_turned_into_a_yes(ana, ben, as_member):
    ask(ben, ana)
    browser = as_member(ana)
    part = browser.part(f"/invitations/{ben.handle}/ignore")
    assert "Ben Okafor won't be told" in words(part).replace("&#39;", "'")
    assert status(ben.id, ana.id) == "invited"
    browser.part(undo_of(part))
    assert status(ana.id, ben.id) == "received"
    browser.post(f"/invitations/{ben.handle}/ignore")
    assert "Ben Okafor" in words(browser.get("/invitations/ignored"))
    browser.post(f"/invitations/{ben.handle}/accept")
    assert status(ana.id, ben.id) == "connected"


def test_who_may_not_ask_again_asks_into_the_void_until_that_is_lifted(ana, ben, as_member):
    ask(ben, ana)
    browser = as_member(ana)
    part = browser.part(f"/invitations/{ben.handle}/never")
    assert "can't ask you again" in words(part).replace("&#39;", "'")
    assert "Let them ask again" in words(browser.get("/invitations/ignored"))
    answer = browser.post(f"/invitations/{ben.handle}/lift")
    assert answer.headers["Location"] == "/invitations/ignored"
    assert "Let them ask again" not in words(browser.get("/invitations/ignored"))


def test_withdrawing_says_from_when_it_may_be_repeated(ana, ben, as_member):
    ask(ana, ben)
    browser = as_member(ana)
    assert db.session.query(Notification).filter_by(member_id=ben.id).count() == 1
    part = browser.part(f"/invitations/{ben.handle}/withdraw")
    assert "The invitation to Ben Okafor is withdrawn. You can invite again on" in words(part)
    assert status(ana.id, ben.id) == "withdrawn"
    assert db.session.query(Notification).filter_by(member_id=ben.id).count() == 0
    assert "No invitations" in words(as_member(ben).get("/invitations"))


def test_several_are_withdrawn_at_once_and_forged_ones_do_nothing(ana, ben, as_member):
    chen = factories.member("Chen Wei")
    for other in (ben, chen):
        ask(ana, other)
    browser = as_member(ana)
    answer = browser.post("/invitations/sent/withdraw", {"handle": [ben.handle, chen.handle, "nobody"]})
    assert answer.headers["Location"] == "/invitations/sent"
    assert "2 invitations are withdrawn" in words(browser.get("/invitations/sent"))
    for handles in ([], ["nobody"], [ben.handle]):
        assert browser.post("/invitations/sent/withdraw", {"handle": handles}).status_code == 422


def test_what_has_not_left_is_taken_back_and_nobody_ever_hears_of_it(ana, ben, as_member):
    ask(ana, ben, wait=0)
    browser = as_member(ana)
    assert "Leaves in a minute" in words(browser.get("/invitations/sent"))
    assert "Nothing was sent to Ben Okafor" in words(browser.part(f"/invitations/{ben.handle}/undo"))
    clock.move(seconds=61)
    with transaction():
        relationships.release(clock.now())
    assert status(ana.id, ben.id) == "none"
    assert browser.post(f"/invitations/{ben.handle}/undo").status_code == 409


def test_a_press_of_the_sending_button_is_taken_back_as_a_whole_and_only_by_its_sender(ana, ben, as_member):
    with transaction():
        batch = relationships.invite(db.session.get_one(Member, ana.id), [ben.id]).batch.key
    assert as_member(ben).post(f"/invitations/undo/{batch}").status_code == 404
    browser = as_member(ana)
    assert browser.post(f"/invitations/undo/{batch}").status_code == 303
    assert "Nothing was sent" in words(browser.get("/network"))
    assert status(ana.id, ben.id) == "none"
    assert browser.post(f"/invitations/undo/{batch}").status_code == 409
    assert browser.post("/invitations/undo/nonsense").status_code == 404


def test_a_guests_invitation_is_withdrawn_by_its_inviter_only(ana, ben, as_member):
    ask_guest(ana, "grace@out.example")
    browser = as_member(ana)
    action = re.search(r'action="(/invitations/guests/[^"]+)"', browser.get("/invitations/guests").text)[1]
    assert as_member(ben).post(action).status_code == 404
    assert browser.post(action).headers["Location"] == "/invitations/guests"
    assert "Withdrawn" in words(browser.get("/invitations/guests"))
    assert browser.post(action).status_code == 404


@pytest.mark.parametrize("what", ["accept", "ignore"])
def test_a_card_names_the_address_and_is_answered_like_any_other(ana, ben, as_member, what):
    db.session.get_one(Member, ben.id).findable = "nobody"
    db.session.commit()
    ask_guest(ana, "ben@example.org")
    browser = as_member(ben)
    page = browser.get("/invitations")
    assert "Invited you at ben@example.org" in words(page)
    assert "Accepting shows Ana Lima that this address is yours." in words(page)
    action = re.search(rf'action="(/invitations/cards/[^"]+/{what})"', page.text)[1]
    assert as_member(ana).post(action).status_code == 404
    assert browser.part(action).status_code == 200
    assert status(ben.id, ana.id) == ("connected" if what == "accept" else "none")
    assert "Invited you at" not in words(browser.get("/invitations"))


def test_long_lists_are_paged_and_show_everybody_once(ana, as_member, setting):
    askers = [factories.member(f"Asker {number:02}") for number in range(60)]
    for start in range(0, 60, 20):
        for asker in askers[start : start + 20]:
            ask(asker, ana, wait=0)
        clock.move(seconds=61)
        with transaction():
            relationships.release(clock.now())
    browser, url, seen = as_member(ana), "/invitations", []
    while url:
        page = browser.get(url)
        seen += re.findall(r'id="invitation-([\w-]+)"', page.text)
        more = re.search(r'href="(/invitations\?after=[^"]+)"', page.text)
        url = more and more[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 60


@pytest.mark.parametrize(
    "verb", ["accept", "ignore", "never", "withdraw", "undo", "undo-accept", "undo-ignore", "lift"]
)
def test_nobody_answers_what_is_not_theirs(ana, ben, as_member, verb):
    ask(ana, ben)
    stranger = factories.member("Eve Stranger")
    eve = as_member(stranger)
    for handle in (ana.handle, ben.handle, "nobody-at-all", stranger.handle):
        assert eve.post(f"/invitations/{handle}/{verb}").status_code in {303, 404, 409}
    assert status(ana.id, ben.id) == "invited"
    assert status(stranger.id, ana.id) == "none"


# The link in a mail


@pytest.fixture
def link(ana, ben):
    """The link that Ben's mail about Ana's invitation carries."""
    ask(ana, ben)
    with transaction():
        member = db.session.get_one(Member, ben.id)
        token = tickets.issue("accept", minutes=60, member=member, other=ana.id)
    return f"/invitations/accept/{token}"


def test_the_link_accepts_with_one_press_and_without_signing_in(ana, ben, link, as_member):
    browser = as_member()
    for _scanner in range(3):
        assert "Ana Lima would like to connect" in words(browser.get(link))
    assert status(ben.id, ana.id) == "received"
    assert "You and Ana Lima are connected" in words(browser.post(link))
    assert status(ben.id, ana.id) == "connected"
    assert browser.get("/network").headers["Location"].startswith("/signin")
    assert browser.get(link).status_code == 410
    assert browser.post(link).status_code == 410


def withdraw(ana, ben):
    relationships.withdraw(ana, [ben])


def block(ana, ben):
    relationships.block(ana, ben)


def leave(ana, _ben):
    relationships.forget(ana)
    db.session.delete(ana)


@pytest.mark.parametrize("meanwhile", [withdraw, block, leave])
def test_a_link_whose_invitation_is_over_says_so(ana, ben, link, as_member, meanwhile):
    ana_id, ben_id = ana.id, ben.id
    with transaction():
        meanwhile(db.session.get_one(Member, ana_id), db.session.get_one(Member, ben_id))
    browser = as_member()
    for answer in (browser.get(link), browser.post(link), browser.get("/invitations/accept/nonsense")):
        assert answer.status_code == 410
        assert "This invitation is no longer open" in words(answer)


def test_an_answered_link_leads_on(ana, ben, link, as_member):
    with transaction():
        relationships.accept(db.session.get_one(Member, ben.id), [ana.id])
    assert "You and Ana Lima are connected" in words(as_member().get(link))


def ask_all(ana, number):
    """So many ask Ana; the first of them knows somebody she knows."""
    others = [factories.member(f"Asker {each}") for each in range(number)]
    shared = factories.member("Shared")
    factories.connect(ana, shared)
    factories.connect(others[0], shared)
    for other in others:
        relationships.invite(other, [ana])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()
    return [other.handle for other in others]


def standing(viewer, handles):
    db.session.expire_all()
    seen = relationships.as_seen_by(viewer)
    found = db.select(seen.c.status).join(Member, Member.id == seen.c.other_id).where(Member.handle.in_(handles))
    return sorted(db.session.scalars(found))


def take_back(browser, url):
    """The forms on a page that take an answer back: where each posts and what it sends."""
    forms = [
        form for form in crawl.forms(browser.get(url).text, url) if form.action.startswith("/invitations/answer/undo")
    ]
    return [(form.action, form.fixed) for form in forms]


@pytest.mark.parametrize(("what", "state"), [("accept", "connected"), ("ignore", "ignored")])
def test_several_are_answered_in_one_press_with_one_undo(ana, as_member, what, state):
    handles = ask_all(ana, 3)
    browser = as_member(ana)
    answer = browser.post("/invitations/answer", {"do": what, "handle": handles[:2]})
    assert answer.status_code == 303
    assert standing(ana, handles) == sorted([state, state, "received"])
    assert f"2 invitations are {what.rstrip('e')}ed." in browser.get(answer.headers["Location"]).text
    # On whatever page of these one comes by within the minute.
    assert take_back(browser, "/invitations/sent") != []
    ((action, sent),) = take_back(browser, "/network")
    assert browser.post(action, sent).headers["Location"] == "/network"
    assert standing(ana, handles) == ["received"] * 3
    assert relationships.problems() == []


@pytest.mark.parametrize(("what", "state"), [("accept", "connected"), ("ignore", "ignored")])
def test_an_answer_by_one_press_can_be_taken_back_from_the_list_and_the_profile(ana, as_member, what, state):
    (handle,) = ask_all(ana, 1)
    browser = as_member(ana)
    for url in ("/invitations", f"/people/{handle}", "/network"):
        browser.post(f"/invitations/{handle}/{what}", {})
        assert standing(ana, [handle]) == [state]
        ((action, sent),) = take_back(browser, url)
        assert browser.post(action, sent).headers["Location"] == url
        assert standing(ana, [handle]) == ["received"]
    browser.post(f"/people/{handle}/connect", {})  # which is a yes to who asked before
    assert len(take_back(browser, f"/people/{handle}")) == 1
    clock.move(seconds=61)
    assert [take_back(browser, url) for url in ("/invitations", f"/people/{handle}", "/network")] == [[], [], []]


def test_who_is_ignored_can_still_be_kept_from_asking_again_or_reported(ana, as_member):
    (handle,) = ask_all(ana, 1)
    browser = as_member(ana)
    browser.post(f"/invitations/{handle}/ignore", {})
    text = browser.get("/invitations/ignored").text
    never = f"/invitations/{handle}/never"
    assert never in {form.action for form in crawl.forms(text, "")}
    assert f"/people/{handle}/report" in text
    browser.post(never, {})
    assert never not in browser.get("/invitations/ignored").text
    other = db.session.scalars(db.select(Member).where(Member.handle == handle)).one()
    assert not relationships.invite(other, [ana]).invited


def test_the_undo_of_several_answers_ends_and_is_nobody_elses(ana, as_member):
    handles = ask_all(ana, 2)
    browser = as_member(ana)
    browser.post("/invitations/answer", {"do": "accept", "handle": handles})
    ((action, sent),) = take_back(browser, "/invitations")
    other = as_member(factories.member("Somebody"))
    assert take_back(other, "/invitations") == []
    mine = {"until": sent["until"]}
    assert other.post(action, mine).status_code == 409
    assert browser.post(action, sent | {"until": "forged"}).status_code == 404
    clock.move(seconds=61)
    assert take_back(browser, "/invitations") == []
    late = browser.post(action, sent)
    assert (late.status_code, '<a class="btn primary block" href="/invitations">Back</a>' in late.text) == (409, True)
    assert standing(ana, handles) == ["connected"] * 2


def test_an_invitation_that_is_back_can_be_answered_again_in_its_row(ana, as_member):
    (handle,) = ask_all(ana, 1)
    browser = as_member(ana)
    for what in ("accept", "ignore"):
        browser.part(f"/invitations/{handle}/{what}")
        here = {"HX-Current-URL": f"{browser.client.base_url}/invitations"}
        row = browser.part(f"/invitations/{handle}/undo-{what}", headers=here).text
        (tell,) = {link for link in crawl.links(row)[0] if "/report" in link}
        assert re.search('name="back" value="([^"]+)"', browser.get(tell).text)[1].startswith(
            "Ii9pbnZpdGF0aW9ucyI"
        )  # "/invitations"
        assert f'id="invitation-{handle}"' in row
        assert {form.action for form in crawl.forms(row, "")} >= {
            f"/invitations/{handle}/{each}" for each in ("accept", "ignore")
        }


def test_those_with_mutual_connections_are_ticked_and_nobody_else(ana, as_member):
    handles = ask_all(ana, 3)
    browser = as_member(ana)
    for query, ticked in (("", []), ("&least=0", handles), ("&least=1", handles[:1]), ("&least=5", [])):
        text = browser.get(f"/invitations?choose=1{query}").text
        assert sorted(re.findall(r'value="([\w-]+)" checked', text)) == sorted(ticked), query


def test_answering_nobody_or_strangers_is_refused_in_one_sentence(ana, as_member):
    stranger = factories.member("Stranger")
    browser = as_member(ana)
    for url in ("/invitations/answer", "/invitations/sent/withdraw"):
        for data in ({"do": "accept"}, {"do": "accept", "handle": stranger.handle}):
            answer = browser.post(url, data)
            assert (answer.status_code, "Choose at least one invitation" in answer.text) == (422, True)
            assert 'id="list-title"' in answer.text  # the list is still there
    assert browser.post("/invitations/answer", {"do": "marry", "handle": stranger.handle}).status_code == 404


def test_several_are_withdrawn_in_one_press_and_the_date_is_told(ana, as_member):
    others = [factories.member(f"Asked {each}") for each in range(3)]
    relationships.invite(ana, others)
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()
    handles = [other.handle for other in others]
    browser = as_member(ana)
    assert browser.get("/invitations/sent?choose=1").text.count('name="handle"') == 3
    browser.post("/invitations/sent/withdraw", {"handle": handles[:2]})
    assert standing(ana, handles) == ["invited", "withdrawn", "withdrawn"]
    text = browser.get("/invitations/sent").text
    assert "2 invitations are withdrawn. You can invite again on" in text


def test_answering_twenty_takes_as_many_statements_as_answering_five(ana, as_member, statements):
    browser, counts = as_member(ana), []
    for number in (5, 20):
        handles = ask_all(ana, number)
        with statements() as seen:
            browser.post("/invitations/answer", {"do": "accept", "handle": handles})
        counts.append(len([each for each in seen if "sign_in" not in each]))
    assert counts[0] == counts[1]
