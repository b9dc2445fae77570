"""Leaving, as the member does it: what goes and stays is said first, the password is asked, one page is left, and it can be undone."""

import re

import pytest
from sqlalchemy import func, select

from tests import crawl, factories
from webapp import clock, jobs
from webapp.domain import cards, feed, messages, relationships
from webapp.extensions import db
from webapp.models.leaving import Departure
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member, SignIn

LEAVE = "/settings/leave"
PAGES = ("/feed", "/network", "/connections", "/messages", "/people", "/settings", "/settings/email", "/contacts")


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@example.org")


@pytest.fixture
def ben(context, ana):
    return factories.known(ana, "Ben Okafor")


def words(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def leave(browser):
    answer = browser.post(LEAVE, {"password": factories.PASSWORD})
    assert answer.status_code == 303, answer.text
    return answer


def test_what_goes_and_what_stays_is_said_before_anything_is_pressed(ana, ben, as_member):
    cards.set_note(ana, ben, "Likes tea")
    messages.write_to(ana, ben, "Hello")
    feed.share(ana, "Good evening", "members")
    relationships.invite(ana, [factories.member("Cleo Dane")])
    db.session.commit()
    shown = words(as_member(ana).get(LEAVE))
    for said in (
        "For 7 days you can change your mind",
        "Your connection: 1",
        "1 to members, 0 by email",
        "all notes and tags: 1",
        "all that was said to it, and your comments elsewhere: 0",
        "Messages you wrote to others: 1",
        "Former member",
        "Older backups",
        "as a code from which nobody reads the address",
        "ana@example.org",
    ):
        assert said in shown, said
    assert ana.deleted_at is None


def test_a_wrong_password_changes_nothing_and_is_counted(ana, as_member):
    browser = as_member(ana)
    answer = browser.post(LEAVE, {"password": "not this one"})
    assert answer.status_code == 422
    assert "That is not your password" in answer.text
    assert "What stays" in answer.text
    for _ in range(10):
        answer = browser.post(LEAVE, {"password": "not this one"})
    assert answer.status_code == 429
    assert db.session.scalar(select(func.count()).select_from(Departure)) == 0


def test_who_leaves_sees_one_page_and_nothing_else(ana, ben, as_member):
    browser = as_member(ana)
    elsewhere = as_member(ana)
    assert leave(browser).headers["Location"] == LEAVE
    assert "You are leaving" in browser.get(LEAVE).text
    for path in PAGES:
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, LEAVE), path
    part = browser.get("/people", headers={"HX-Request": "true"})
    assert part.headers["HX-Redirect"] == LEAVE
    assert browser.get("/").headers["Location"].endswith("/feed")
    assert browser.post("/feed", {"body": "Still here?"}).headers["Location"] == LEAVE
    # To a page that anybody may see they are anybody.
    assert browser.get(f"/people/{ben.handle}").status_code == as_member(None).get(f"/people/{ben.handle}").status_code
    assert browser.get("/notifications/news?messages=0&notifications=0").status_code == 303
    assert elsewhere.get("/feed").headers["Location"].startswith("/signin")


def test_nobody_can_reach_the_page_of_the_deleting_by_address(ana, as_member):
    browser = as_member(ana)
    assert browser.get(f"{LEAVE}/now").headers["Location"] == LEAVE
    assert browser.post(f"{LEAVE}/now", {"password": factories.PASSWORD}).headers["Location"] == LEAVE
    assert browser.post(f"{LEAVE}/stay").status_code == 303
    assert ana.deleted_at is None


def test_signing_in_again_leads_to_that_page_and_staying_brings_everything_back(ana, ben, as_member):
    browser = as_member(ana)
    leave(browser)
    assert browser.post("/signout").status_code == 303
    browser = as_member(None)
    answer = browser.post("/signin", {"email": "ana@example.org", "password": factories.PASSWORD})
    assert answer.status_code == 303
    assert browser.get(answer.headers["Location"]).headers["Location"].endswith(("/feed", LEAVE))
    assert "Keep my account" in browser.get(LEAVE).text
    other = as_member(ben)
    assert other.get(f"/people/{ana.handle}").status_code == 404
    assert browser.post(f"{LEAVE}/stay").status_code == 303
    assert "Others see you as before" in browser.get("/feed").text
    assert other.get(f"/people/{ana.handle}").status_code == 200


def test_the_link_in_the_mail_keeps_the_account_by_a_press_and_once(ana, as_member):
    leave(as_member(ana))
    jobs.run_due()
    raw = db.session.scalars(select(MailboxMessage.raw)).one().decode()
    path = re.search(r"/stay/[\w-]+", raw)[0]
    anybody = as_member(None)
    for _ in range(2):
        assert "Keep your account?" in anybody.get(path).text
    db.session.expire_all()
    assert ana.deleted_at is not None
    assert anybody.post(path).headers["Location"] == "/signin"
    db.session.expire_all()
    assert ana.deleted_at is None
    assert anybody.get(path).status_code == 410
    assert anybody.post(path).status_code == 410
    assert anybody.get("/feed").headers["Location"].startswith("/signin")


def test_the_link_is_over_once_the_days_are(ana, as_member):
    leave(as_member(ana))
    jobs.run_due()
    path = re.search(r"/stay/[\w-]+", db.session.scalars(select(MailboxMessage.raw)).one().decode())[0]
    clock.move(days=7, seconds=90)
    assert as_member(None).post(path).status_code == 410


def test_deleting_at_once_asks_again_signs_out_and_goes(ana, ben, as_member):
    ana_id, handle = ana.id, ana.handle
    browser = as_member(ana)
    leave(browser)
    assert browser.post(f"{LEAVE}/now", {"password": "not this one"}).status_code == 422
    answer = browser.post(f"{LEAVE}/now", {"password": factories.PASSWORD})
    assert answer.headers["Location"] == "/left"
    assert "cache" in answer.headers["Clear-Site-Data"]
    assert "Goodbye" in browser.get("/left").text
    assert browser.get(LEAVE).headers["Location"].startswith("/signin")
    assert db.session.scalar(select(func.count()).where(SignIn.member_id == ana_id)) == 0
    wrong = as_member(None).post("/signin", {"email": "ana@example.org", "password": factories.PASSWORD})
    db.session.rollback()
    for _ in range(20):
        jobs.run_due()
    assert as_member(ben).get(f"/people/{handle}").status_code == 404
    again = as_member(None).post("/signin", {"email": "ana@example.org", "password": factories.PASSWORD})
    assert again.status_code == 422
    assert wrong.status_code in {303, 422}
    clock.move(hours=25)
    for _ in range(3):
        jobs.run_due()
    db.session.expire_all()
    assert db.session.get(Member, ana_id) is None


def test_the_last_operator_reads_why_not_and_keeps_everything(ana, as_member):
    ana.is_operator = True
    db.session.commit()
    browser = as_member(ana)
    page = browser.get(LEAVE)
    assert "Make somebody else an operator first" in page.text
    assert 'type="password"' not in page.text
    assert browser.post(LEAVE, {"password": factories.PASSWORD}).status_code == 409
    factories.member("Ben Okafor", is_operator=True)
    leave(browser)


def test_the_same_answers_for_an_address_that_leaves_as_for_one_that_is_unknown(ana, as_member):
    leave(as_member(ana))
    jobs.run_due()
    before = db.session.scalar(select(func.count()).select_from(MailboxMessage))
    db.session.rollback()
    for path, fields in (
        ("/reset", {}),
        ("/confirm", {}),
        ("/signup", {"name": "Ana", "password": "a long walk on the beach"}),
    ):
        answers = [
            as_member(None).post(path, {"email": email} | fields) for email in ("ana@example.org", "nobody@example.org")
        ]
        assert answers[0].status_code == answers[1].status_code
        theirs, nobodys = (crawl.without_tokens(each.text) for each in answers)
        assert theirs.replace("ana@", "nobody@") == nobodys
    jobs.run_due()
    mailed = db.session.scalars(select(MailboxMessage.recipient).where(MailboxMessage.recipient == "ana@example.org"))
    assert len(mailed.all()) == before == 1
