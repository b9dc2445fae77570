"""The notifications page and its unread count."""

import re

import pytest

from tests import factories
from webapp import clock
from webapp.domain import notifications, relationships, telling
from webapp.extensions import db


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def asked_by(*others, to):
    for other in others:
        relationships.invite(other, [to])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()


def unread(response):
    found = re.search(r'id="unread-notifications">(\d+)', response.text)
    return int(found[1]) if found else 0


def test_a_get_reads_nothing_and_the_count_equals_the_unread_rows(ana, as_member):
    asked_by(factories.member("Ben"), factories.member("Carl"), to=ana)
    browser = as_member(ana)
    for _time in range(2):
        page = browser.get("/notifications")
        assert unread(page) == page.text.count("row stacks unread") == 2
    assert "Ben would like to connect (new)" in words(page)
    assert "Today" in words(page)


def test_what_was_shown_is_read_by_the_post_the_page_sends(ana, as_member):
    asked_by(factories.member("Ben"), to=ana)
    browser = as_member(ana)
    page = browser.get("/notifications")
    assert 'hx-trigger="load"' in page.text
    shown = re.search(r'name="shown" value="([\d,]+)"', page.text)[1]
    answer = browser.part("/notifications/read", {"shown": shown})
    assert '<span id="unread-notifications" hx-swap-oob="true"></span>' in answer.text
    later = browser.get("/notifications")
    assert unread(later) == 0
    assert "Ben would like to connect" in words(later)
    assert "shown" not in later.text


def test_others_notifications_stay_unread(ana, as_member):
    ben = factories.member("Ben")
    asked_by(ben, to=ana)
    shown = re.search(r'name="shown" value="([\d,]+)"', as_member(ana).get("/notifications").text)[1]
    as_member(ben).post("/notifications/read", {"shown": f"{shown},x,-1,{'9' * 30}"})
    db.session.expire_all()
    assert notifications.unread(ana) == 1


def test_mark_all_as_read_works_without_javascript(ana, as_member):
    asked_by(factories.member("Ben"), factories.member("Carl"), to=ana)
    browser = as_member(ana)
    response = browser.post("/notifications/read")
    assert (response.status_code, response.headers["Location"]) == (303, "/notifications")
    assert unread(browser.get("/notifications")) == 0


def test_an_invitation_is_answered_from_its_row_while_it_is_open(ana, as_member):
    ben = factories.member("Ben")
    asked_by(ben, to=ana)
    browser = as_member(ana)
    page = browser.get("/notifications")
    assert f"/invitations/{ben.handle}/accept" in page.text
    back = re.search(r'name="back" value="([^"]+)"', page.text)[1]
    response = browser.post(f"/invitations/{ben.handle}/accept", {"back": back})
    assert response.headers["Location"] == "/notifications"
    clock.move(seconds=61)
    assert "Ana Lima accepted your invitation" in words(as_member(ben).get("/notifications"))
    assert f"/invitations/{ben.handle}/accept" not in browser.get("/notifications").text


def test_older_ones_are_grouped_and_paged(ana, as_member):
    asked_by(*[factories.member(f"Ben {number}") for number in range(20)], to=ana)
    clock.move(days=3)
    asked_by(*[factories.member(f"Carl {number}") for number in range(10)], to=ana)
    browser = as_member(ana)
    first = browser.get("/notifications")
    assert first.text.count("row stacks") == 25
    assert {"Today", "This week"} <= set(re.findall(r'<h2 class="group faint"[^>]*>([^<]+)<', first.text))
    second = browser.get(re.search(r'href="(/notifications\?after=[^"]+)"', first.text)[1])
    assert second.text.count("row stacks") == 5
    clock.move(days=10)
    assert "Earlier" in words(browser.get("/notifications"))


def test_nothing_new_is_said(ana, as_member):
    assert "Nothing new" in words(as_member(ana).get("/notifications"))


def test_many_acceptances_are_one_line_that_leads_to_the_people(ana, as_member):
    others = [factories.member(f"Ben {number}") for number in range(30)]
    telling.tell("connected", [(ana.id, other.id) for other in others], mail="")
    db.session.commit()
    browser = as_member(ana)
    page = browser.get("/notifications")
    assert unread(page) == page.text.count("row stacks unread") == 1
    assert re.search(r"Ben \d+ and 29 others accepted your invitation", words(page))
    link = re.search(r'href="(/notifications/people[^"]+)"', page.text)[1].replace("&amp;", "&")
    first = browser.get(link)
    assert "These people accepted your invitation" in words(first)
    after = re.search(r'href="(/notifications/people[^"]+after=[^"]+)"', first.text)[1].replace("&amp;", "&")
    names = re.findall(r"<bdi hx-ignore>(Ben \d+)</bdi>", first.text + browser.get(after).text)
    assert len(names) == len(set(names)) == 30
    assert as_member(others[0]).get(link).status_code == 404
    assert browser.get("/notifications/people?kind=connected&day=99999999999999999999").status_code == 404
