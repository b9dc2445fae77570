"""The page behind an invitation link, for strangers and for members, and the pages of its owner."""

import re

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock, jobs
from webapp.domain import guests, links, moderation
from webapp.extensions import db
from webapp.models.link import Arrival, InviteLink
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member

JOINING = {"name": "Grace Hopper", "email": "grace@out.example", "password": factories.PASSWORD}


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@post.example")


@pytest.fixture
def link(ana):
    made = links.make(ana, "Reunion <2026>", 30, 10, connects=False)
    db.session.commit()
    return made


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def page_of(link):
    return f"/join/by/{links.token_of(link)}"


def mailed(address):
    db.session.rollback()
    jobs.run_due()
    row = db.session.scalars(select(MailboxMessage).where(MailboxMessage.recipient == address)).all()[-1]
    return row.raw.decode()


def confirm(stranger, address="grace@out.example"):
    token = re.search(r"/confirm/([\w-]+)", mailed(address))[1]
    return stranger.post(f"/confirm/{token}", {"password": factories.PASSWORD})


def fresh(row):
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(type(row), row.id)


def test_a_stranger_signs_up_and_asks_who_invited_them(ana, link, as_member):
    stranger, address = as_member(), page_of(link)
    shown = stranger.get(address)
    assert "Ana Lima invites you" in words(shown)
    assert "Reunion" not in shown.text, "what the owner calls it is theirs"
    assert stranger.post(address, JOINING).headers["Location"] == "/signup/check-mail"
    assert "grace@out.example" in words(stranger.get("/signup/check-mail"))
    assert fresh(link).uses == 0
    assert confirm(stranger).headers["Location"] == "/welcome"
    assert "Ana Lima is asked to connect with you" in words(stranger.get("/welcome"))
    assert fresh(link).uses == 1
    clock.move(seconds=61)
    jobs.run_due()
    mine = as_member(ana)
    assert "Came by your link “Reunion &lt;2026&gt;”" in words(mine.get("/invitations"))
    assert "Grace Hopper" in words(mine.get(f"/invitations/links/{link.key}"))
    assert "1 of 10 people came" in words(mine.get("/invitations/links"))


def test_the_card_of_who_invited_an_address_says_by_which_link_they_came(ana, link, as_member):
    grace = factories.member("Grace Hopper")
    db.session.add(Arrival(link_id=link.id, member_id=grace.id, arrived_at=clock.now()))
    address = "ana@post.example"
    guests.invite(grace, [guests.Invitee("Ana", address, factories.lookup(address))], note="", source="typed in")
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    page = words(as_member(ana).get("/invitations"))
    assert "Came by your link “Reunion &lt;2026&gt;” Invited you at ana@post.example" in page


def test_everybody_gets_the_same_answer_whether_they_have_an_account_or_not(link, as_member):
    stranger = as_member()
    answer = stranger.post(page_of(link), JOINING | {"email": "ana@post.example"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signup/check-mail")
    assert db.session.scalars(select(Arrival)).all() == []


def test_nothing_typed_is_lost_and_all_problems_are_said(link, as_member):
    answer = as_member().post(page_of(link), {"name": "Grace", "email": "grace", "password": "short"})
    assert answer.status_code == 422
    assert 'value="Grace"' in answer.text
    assert "Enter an email address" in words(answer)
    assert "for your password" in words(answer)


def test_a_link_lets_in_where_joining_is_by_invitation_and_is_looked_at_again(ana, link, as_member, setting):
    setting(JOIN="invitation")
    first, second = as_member(), as_member()
    for stranger, email in ((first, "grace@out.example"), (second, "late@out.example")):
        assert stranger.post(page_of(link), JOINING | {"email": email}).status_code == 303
    assert confirm(first).headers["Location"] == "/welcome"
    links.close(ana, link.key)
    db.session.commit()
    answer = confirm(second, "late@out.example")
    assert answer.status_code == 410
    assert "no longer open" in words(answer)
    assert fresh(link).uses == 1
    assert confirm(second, "late@out.example").status_code == 410, "the mail's link is not used up"
    assert db.session.scalars(select(Member.name).where(Member.verified_at.is_(None))).all() == ["Grace Hopper"]


def test_a_member_asks_with_one_press_and_a_get_does_nothing(ana, link, as_member):
    ben = factories.member("Ben Okafor")
    browser, address = as_member(ben), page_of(link)
    assert "Connect with Ana Lima" in words(browser.get(address))
    assert fresh(link).uses == 0
    assert browser.post(address).headers["Location"] == f"/people/{ana.handle}"
    assert "Ana Lima is asked to connect with you" in words(browser.get(f"/people/{ana.handle}"))
    assert "is asked to connect" in words(browser.get(address))
    assert fresh(link).uses == 1


def test_at_once_where_the_owner_chose_that(ana, as_member):
    link = links.make(ana, "", 7, 1, connects=True)
    db.session.commit()
    ben = as_member(factories.member("Ben Okafor"))
    ben.post(page_of(link))
    assert "You and Ana Lima are connected" in words(ben.get("/network"))
    assert as_member(factories.member("Cleo Marsh")).post(page_of(link)).status_code == 410


def test_the_owner_is_told_that_it_is_their_own(ana, link, as_member):
    browser = as_member(ana)
    assert "your own link" in words(browser.get(page_of(link)))
    assert browser.post(page_of(link)).status_code == 409


def test_forged_closed_blocked_and_gone_look_the_same(ana, link, as_member):
    ben, address = factories.member("Ben Okafor"), page_of(link)
    moderation.block(ana, ben)
    other = links.make(ana, "", 7, 1, connects=False)
    links.close(ana, other.key)
    db.session.commit()
    browser = as_member(ben)
    seen = {browser.get(path).text.replace(path, "") for path in (address, page_of(other), "/join/by/x.y")}
    assert len({re.sub(r"csrf\S+|X-CSRFToken[^}]*", "", text) for text in seen}) == 1
    assert {browser.get(path).status_code for path in (address, page_of(other), "/join/by/x.y")} == {410}
    assert browser.post(address).status_code == 410


def test_signing_in_leads_back_to_the_link(link, as_member):
    stranger, ben = as_member(), factories.member("Ben Okafor", "ben@post.example")
    where = re.search(r'href="(/signin\?next=[^"]+)"', stranger.get(page_of(link)).text)[1]
    answer = stranger.post(where, {"email": "ben@post.example", "password": factories.PASSWORD})
    assert answer.headers["Location"] == page_of(link)
    assert ben.name not in words(stranger.get("/join/by/x")), "and the page of a dead link names nobody"


def test_the_owner_makes_prints_and_closes_one(ana, as_member):
    browser = as_member(ana)
    answer = browser.post("/invitations/links", {"comment": "Choir", "days": "7", "uses": "10", "connects": "1"})
    made = db.session.scalars(select(InviteLink)).one()
    assert (made.comment, made.uses_max, made.connects) == ("Choir", 10, True)
    where = answer.headers["Location"]
    shown = browser.get(where)
    assert page_of(made) in shown.text
    assert 'src="data:image/svg+xml' in shown.text
    assert len(shown.data) <= 40_000
    sheet = browser.get(f"{where}/print")
    assert "Northgate" in words(sheet)
    assert 'src="data:image/svg+xml' in sheet.text
    browser.post(f"{where}/close")
    assert page_of(made) not in browser.get(where).text
    assert "data:image" not in browser.get(where).text
    assert page_of(made) not in browser.get(f"{where}/print").text
    assert as_member().get(page_of(made)).status_code == 410


@pytest.mark.parametrize("wrong", [{"days": "8"}, {"uses": "x"}, {"days": ""}, {"comment": "x" * 101}])
def test_a_wrong_choice_is_said_and_nothing_is_lost(ana, as_member, wrong):
    typed = {"comment": "Choir <1>", "days": "7", "uses": "10"} | wrong
    answer = as_member(ana).post("/invitations/links", typed)
    assert answer.status_code == 422
    assert typed["comment"].replace("<", "&lt;").replace(">", "&gt;") in answer.text
    assert db.session.scalars(select(InviteLink)).all() == []


def test_a_long_list_of_who_came_goes_on_and_asks_as_often(ana, link, as_member, statements):
    counts = []
    browser = as_member(ana)
    big = links.make(ana, "", 7, 200, connects=False)
    db.session.commit()
    for _round in range(3):
        for number in range(10):
            links.use(factories.member(f"Guest {number}"), links.token_of(big))
            db.session.commit()
        with statements() as seen:
            shown = browser.get(f"/invitations/links/{big.key}")
        counts.append(len([each for each in seen if not each.startswith(("BEGIN", "UPDATE sign_in"))]))
    assert counts[0] == counts[1] == counts[2] <= 6
    more = re.search(r'href="([^"]+)" rel="next"', shown.text)[1]
    assert browser.get(more).text.count('class="row"') == 5
