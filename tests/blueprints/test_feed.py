"""The feed's pages: sharing, answering, deleting, muting, reporting, and the feed for programs."""

import re
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import func, select

from tests import factories
from webapp import clock
from webapp.domain import feed, relationships
from webapp.extensions import db
from webapp.models.post import Comment, Post
from webapp.models.report import Report

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


@pytest.fixture
def ben(context, ana):
    other = factories.member("Ben Okafor")
    factories.connect(ana, other)
    return other


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def shared(author, body="We published the survey today.", **asked):
    key = feed.share(author, body, **asked)
    db.session.commit()
    return key


def form_of(response):
    return re.search(r'name="form" value="([^"]+)"', response.text)[1]


def number(model):
    return db.session.scalar(select(func.count()).select_from(model))


def test_a_quiet_feed_says_so_and_leads_to_finding_connections(ana, as_member):
    page = as_member(ana).get("/feed")
    assert "It's quiet When people you know share something, it appears here." in words(page)
    assert 'href="/contacts"' in page.text


def test_the_feed_ends_and_goes_on_to_earlier_pages(ana, ben, as_member):
    for count in range(21):
        shared(ben, f"Update {count}.")
    browser = as_member(ana)
    first = browser.get("/feed")
    assert "Update 20." in first.text
    assert "Update 0." not in first.text
    assert "You're up to date" not in words(first)
    earlier = browser.get(re.search(r'href="(/feed\?after=[^"]+)">Show earlier', first.text)[1])
    assert "Update 0." in earlier.text
    assert "You're up to date" in words(earlier)
    assert 'name="body"' not in earlier.text


def test_sharing_leads_to_the_post_and_a_form_sent_twice_is_one_post(ana, ben, as_member):
    browser = as_member(ana)
    form = form_of(browser.get("/feed"))
    answers = [
        browser.post("/feed", {"body": "Hello, all", "audience": "connections", "form": form}) for _time in range(2)
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert number(Post) == 1
    assert "Hello, all" in as_member(ben).get("/feed").text
    part = browser.part("/feed", {"body": "Once more", "audience": "connections"})
    assert part.headers["HX-Redirect"].startswith("/feed/")


def test_what_cannot_be_shared_stays_in_the_form(ana, as_member, setting):
    browser = as_member(ana)
    long = "a" * 3001
    answer = browser.post("/feed", {"body": long, "audience": "members", "form": "f1"})
    assert answer.status_code == 422
    assert long in answer.text
    assert "Use at most 3000 characters" in answer.text
    assert form_of(answer) == "f1"
    assert 'value="members" selected' in answer.text
    setting(POSTS_PER_DAY=0)
    answer = browser.post("/feed", {"body": "Hello", "audience": "connections"})
    assert (answer.status_code, int(answer.headers["Retry-After"])) == (429, 86400)
    assert ">Hello</textarea>" in answer.text


def test_text_is_text_and_only_web_addresses_are_links(ana, ben, as_member):
    key = shared(ben, "<img src=x onerror=alert(1)> {{ 7*7 }} see https://a.example/x?a=1&b=2. and javascript:alert(1)")
    for url in ("/feed", f"/feed/{key}", f"/people/{ben.handle}"):
        text = as_member(ana).get(url).text
        assert "&lt;img src=x onerror=alert(1)&gt; {{ 7*7 }}" in text
        link = '<a class="link" href="https://a.example/x?a=1&amp;b=2" rel="noopener noreferrer nofollow ugc">'
        assert f"{link}https://a.example/x?a=1&amp;b=2</a>." in text
        assert 'href="javascript' not in text


def test_a_post_is_a_404_for_who_may_not_see_it_whatever_they_try(ana, ben, as_member):
    key = shared(ben)
    feed.comment(ben, key, "Mine")
    db.session.commit()
    comment = db.session.scalars(select(Comment.key)).one()
    stranger = as_member(factories.member("Dan"))
    for path in (key, f"{key}/edit", f"{key}/delete", f"{key}/report", f"comments/{comment}/delete"):
        assert stranger.get(f"/feed/{path}").status_code == 404, path
        assert stranger.post(f"/feed/{path}", {"on": "1", "body": "x"}).status_code in {404, 405}, path
    for verb in ("comment", "congratulate"):
        assert stranger.post(f"/feed/{key}/{verb}", {"on": "1", "body": "x"}).status_code == 404
    assert as_member(ana).get(f"/feed/{key}").status_code == 200
    relationships.end(ben, ana)
    db.session.commit()
    assert as_member(ana).get(f"/feed/{key}").status_code == 404


def test_commenting_shows_the_comment_and_keeps_what_cannot_be_taken(ana, ben, as_member):
    key = shared(ben)
    browser = as_member(ana)
    answer = browser.post(f"/feed/{key}/comment", {"body": "Well done", "form": "c1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/feed/{key}#answer")
    browser.post(f"/feed/{key}/comment", {"body": "Well done", "form": "c1"})
    page = browser.get(f"/feed/{key}")
    assert page.text.count("Well done") == 1
    assert "1 comment" in words(page)
    long = "b" * 1001
    answer = browser.post(f"/feed/{key}/comment", {"body": long})
    assert answer.status_code == 422
    assert long in answer.text
    told = as_member(ben).get("/notifications")
    assert f'href="/feed/{key}"' in told.text
    assert "commented on what you shared" in words(told)


def test_congratulating_in_place_swaps_the_button_and_keeps_its_id(ana, ben, as_member):
    key = shared(ben)
    browser = as_member(ana)
    for on, pressed in (("1", "true"), ("1", "true"), ("0", "false")):
        part = browser.part(f"/feed/{key}/congratulate", {"on": on})
        assert f'id="congratulate-{key}" aria-pressed="{pressed}"' in part.text
    assert browser.post(f"/feed/{key}/congratulate", {"on": "1"}).headers["Location"] == f"/feed/{key}"
    assert "congratulated you" in words(as_member(ben).get("/notifications"))


def test_an_own_post_is_changed_for_a_while_and_deleted_at_any_time(ana, ben, as_member):
    key = shared(ben)
    browser = as_member(ben)
    assert f"/feed/{key}/edit" in browser.get(f"/feed/{key}").text
    assert browser.post(f"/feed/{key}/edit", {"body": "Better"}).status_code == 303
    page = as_member(ana).get("/feed")
    assert "Better" in page.text
    assert "edited" in words(page)
    clock.move(minutes=16)
    assert browser.get(f"/feed/{key}/edit").status_code == 409
    assert f"/feed/{key}/edit" not in browser.get(f"/feed/{key}").text
    assert "Delete your post?" in browser.get(f"/feed/{key}/delete").text
    assert browser.post(f"/feed/{key}/delete").headers["Location"] == "/feed"
    assert number(Post) == 0


def test_a_comment_is_deleted_after_asking(ana, ben, as_member):
    key = shared(ben)
    feed.comment(ana, key, "Hasty words")
    db.session.commit()
    comment = db.session.scalars(select(Comment.key)).one()
    browser = as_member(ana)
    assert "Hasty words" in browser.get(f"/feed/comments/{comment}/delete").text
    assert browser.post(f"/feed/comments/{comment}/delete").status_code == 303
    assert number(Comment) == 0
    assert "commented" not in as_member(ben).get("/notifications").text


def test_muting_is_asked_for_how_long_listed_and_undone(ana, ben, as_member):
    shared(ben)
    browser = as_member(ana)
    assert "Mute for 30 days" in words(browser.get(f"/feed/mute/{ben.handle}"))
    browser.post(f"/feed/mute/{ben.handle}", {"for": "days"})
    assert "It's quiet" in words(browser.get("/feed"))
    assert "Until" in words(browser.get("/settings/muted"))
    browser.post(f"/feed/mute/{ben.handle}", {"for": "good"})
    assert "For good" in words(browser.get("/settings/muted"))
    browser.post(f"/settings/muted/{ben.handle}/unmute")
    assert "We published" in browser.get("/feed").text


def test_muting_and_its_end_are_in_the_menu_of_a_person_too(ana, ben, as_member):
    browser, quiet = as_member(ana), f"/feed/mute/{ben.handle}"
    back = f"/connections?sort=first&q={ben.name[:3]}"

    def offered():
        found = []
        for page in ("/connections", f"/people/{ben.handle}"):
            found += re.findall(rf'href="{quiet}[^"]*"[^>]*>(?:<svg.*?</svg>)?(\w+)</a>', browser.get(page).text)
        return found

    assert offered() == ["Mute", "Mute"]
    there = {"HX-Current-URL": f"{browser.client.base_url}{back}"}
    asked = browser.part(quiet, method="GET", headers=there)
    token = re.search(r'name="back" value="([^"]+)"', asked.text)[1]
    assert browser.post(quiet, {"for": "days", "back": token}).headers["Location"] == back
    assert offered() == ["Unmute", "Unmute"]
    again = browser.part(quiet, method="GET", headers=there)
    assert "Your feed leaves out what they share until" in words(again)
    assert f'action="/settings/muted/{ben.handle}/unmute"' in again.text
    assert browser.post(f"/settings/muted/{ben.handle}/unmute", {"back": token}).headers["Location"] == back
    assert offered() == ["Mute", "Mute"]
    browser.post(quiet, {"for": "good"})
    assert "leaves out what they share. You stay connected" in words(browser.get(quiet))
    assert "Unmute" not in as_member(ben).get(f"/people/{ana.handle}").text
    assert offered() == ["Unmute", "Unmute"]


def test_a_mute_that_has_ended_is_none(ana, ben, as_member):
    feed.mute(ana, ben.handle, 30)
    db.session.commit()
    assert feed.muted_among(ana, [ben.id]) == {ben.id}
    assert feed.muted_among(ben, [ana.id]) == set()
    clock.move(days=31)
    assert feed.muted_among(ana, [ben.id]) == set()
    assert "Mute for 30 days" in words(as_member(ana).get(f"/feed/mute/{ben.handle}"))
    feed.mute(ana, ben.handle, None)
    clock.move(days=1000)
    assert feed.muted_among(ana, [ben.id]) == {ben.id}


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "http://127.0.0.1:8000//evil.example", "x", ""])
def test_a_dialog_leads_back_to_no_other_site(ana, ben, as_member, elsewhere):
    browser, quiet = as_member(ana), f"/feed/mute/{ben.handle}"
    asked = browser.part(quiet, method="GET", headers={"HX-Current-URL": elsewhere})
    token = (re.findall(r'name="back" value="([^"]+)"', asked.text) or [""])[0]
    assert browser.post(quiet, {"for": "days", "back": token}).headers["Location"] == "/settings/muted"


@pytest.mark.parametrize("what", ["post", "comment"])
def test_a_report_carries_the_words_even_when_they_are_deleted(ana, ben, as_member, what):
    text = "x" * 2500 if what == "post" else "Rude words"
    key = shared(ben, text if what == "post" else "Hello")
    url = f"/feed/{key}/report"
    if what == "comment":
        feed.comment(ben, key, text)
        db.session.commit()
        url = f"/feed/comments/{db.session.scalars(select(Comment.key)).one()}/report"
    browser = as_member(ana)
    assert text in browser.get(url).text
    assert browser.post(url, {"text": "Look"}).status_code == 422
    assert browser.post(url, {"reason": "harassment", "text": "Look"}).status_code == 303
    feed.delete_post(ben, key)
    db.session.commit()
    report = db.session.scalars(select(Report)).one()
    assert (report.about_id, report.note) == (ben.id, text)
    assert as_member(ben).get(url).status_code == 404


def test_a_profile_shows_the_last_three_the_viewer_may_see(ana, ben, as_member):
    for count in range(4):
        shared(ben, f"Update {count}.")
    page = as_member(ana).get(f"/people/{ben.handle}")
    assert "Lately" in page.text
    assert [f"Update {count}." in page.text for count in range(4)] == [False, True, True, True]
    assert "Update 0." in as_member(ana).get(f"/feed/by/{ben.handle}").text
    stranger = as_member(factories.member("Dan"))
    assert "Lately" not in stranger.get(f"/people/{ben.handle}").text
    assert "Nothing yet" in stranger.get(f"/feed/by/{ben.handle}").text


def test_a_new_position_is_told_when_its_form_says_so_and_else_not(ana, ben, as_member):
    browser = as_member(ben)
    box = re.search(r'<input [^>]*name="tell"[^>]*>', browser.get("/settings/profile/title").text)[0]
    assert "checked" not in box
    assert 'name="tell"' not in browser.get("/settings/profile/headline").text
    browser.post("/settings/profile/title", {"title": "Archivist"})
    assert number(Post) == 0
    browser.post("/settings/profile/title", {"title": "Climate analyst", "tell": "1"})
    browser.post("/settings/profile/organisation", {"organisation": "Nordlys Energy", "tell": "1"})
    assert number(Post) == 1, "said within a quarter of an hour, it is one news"
    assert "Ben Okafor started as Climate analyst at Nordlys Energy" in words(as_member(ana).get("/feed"))


def test_a_position_for_fewer_than_all_members_is_told_to_nobody(ana, ben, as_member):
    as_member(ben).post("/settings/profile/title", {"title": "Spy", "audience": "me", "tell": "1"})
    assert number(Post) == 0


@pytest.mark.parametrize("hidden", ["title", "organisation"])
@pytest.mark.parametrize("audience", ["me", "connections"])
def test_a_position_that_was_hidden_later_is_told_to_nobody_any_more(ana, ben, as_member, hidden, audience):
    browser, reader = as_member(ben), as_member(ana)
    browser.post("/settings/profile/title", {"title": "Climate analyst"})
    browser.post("/settings/profile/organisation", {"organisation": "Nordlys Energy", "tell": "1"})
    address = f"/feed/{db.session.scalars(select(Post.key)).one()}"
    pages = ("/feed", address, f"/feed/by/{ben.handle}", f"/people/{ben.handle}", atom_of(reader))

    def told():
        return [page for page in pages if "started as Climate analyst at Nordlys Energy" in words(reader.get(page))]

    assert told() == list(pages)
    browser.post(f"/settings/profile/{hidden}", {"audience": audience})
    assert told() == []
    assert reader.get(address).status_code == 404
    assert "Nordlys Energy" in browser.get(address).text, "who wrote it still sees it"
    browser.post(f"/settings/profile/{hidden}", {"audience": "public"})
    assert told() == list(pages)


def atom_of(browser):
    browser.post("/settings/feed")
    page = browser.get("/settings/feed")
    address = re.search(r'value="http://127.0.0.1:8000(/feed/[\w-]+\.atom)"', page.text)[1]
    assert ".atom" not in browser.get("/settings/feed").text, "it is shown once"
    return address


def test_a_program_reads_the_same_as_the_page_in_valid_atom(app, ana, ben, as_member, client):
    first = shared(ben, "One & <two>")
    shared(ben, "Two")
    address = atom_of(as_member(ana))
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.mimetype == "application/atom+xml"
    assert "private" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    feed_element = ET.fromstring(answer.data)
    assert feed_element.tag == f"{ATOM}feed"
    for name in ("id", "title", "updated"):
        assert feed_element.findtext(f"{ATOM}{name}")
    entries = feed_element.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}content") for entry in entries] == ["Two", "One & <two>"]
    assert entries[1].find(f"{ATOM}link").get("href") == f"http://127.0.0.1:8000/feed/{first}"
    for entry in entries:
        assert entry.findtext(f"{ATOM}author/{ATOM}name") == "Ben Okafor"
        assert all(entry.findtext(f"{ATOM}{name}") for name in ("id", "title", "published", "updated"))
    again = ET.fromstring(client.get(address).data)
    assert [entry.findtext(f"{ATOM}id") for entry in again.iter(f"{ATOM}entry")] == [
        entry.findtext(f"{ATOM}id") for entry in entries
    ]
    relationships.end(ben, ana)
    db.session.commit()
    assert ET.fromstring(client.get(address).data).findall(f"{ATOM}entry") == []


def test_an_address_ends_with_a_new_one_and_by_pressing(ana, as_member, client):
    browser = as_member(ana)
    first = atom_of(browser)
    second = atom_of(browser)
    assert [client.get(address).status_code for address in (first, second)] == [404, 200]
    browser.post("/settings/feed/end")
    assert client.get(second).status_code == 404


def test_a_program_that_reads_too_often_is_told_to_wait(ana, as_member, client):
    address = atom_of(as_member(ana))
    answers = [client.get(address) for _time in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {200}
    assert (answers[60].status_code, answers[60].headers["Retry-After"]) == (429, "3600")
