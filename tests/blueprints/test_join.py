"""What somebody invited by mail can do: see what is known, join, hear nothing more, be erased; opening a page changes nothing."""

import re

import pytest
from sqlalchemy import select

from tests import factories
from tests.invited import GUEST, connected, fields, grace, invite, link, words
from webapp import clock
from webapp.domain import guests
from webapp.extensions import db
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member
from webapp.transaction import transaction


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", headline="River ecologist").id


@pytest.fixture
def invited(ana):
    """The mail that Grace got, invited by Ana."""
    return invite(ana)


def test_the_page_says_who_invites_and_what_is_stored(invited, as_member):
    page = as_member().get(link(invited))
    said = words(page)
    assert "Ana Lima would like to connect" in said
    assert "River ecologist" in said
    assert "Do come" in said
    assert f"You join with {GUEST}" in said
    assert "Ana Lima, from your Google contacts" in said
    assert "It is kept for this invitation only" in said
    assert 'value="Grace Hopper"' in page.text
    assert grace() is None


def test_what_does_not_hold_is_named_and_the_name_stays(invited, as_member):
    browser = as_member()
    given = fields(browser.get(link(invited)))
    answer = browser.post(link(invited), given | {"name": "G. Hopper", "password": "short"})
    assert answer.status_code == 422
    assert 'value="G. Hopper"' in answer.text
    assert "short" not in re.findall(r'value="([^"]*)"', answer.text)
    assert browser.post(link(invited), given | {"name": "", "password": factories.PASSWORD}).status_code == 422
    assert grace() is None


def test_of_several_inviters_only_the_ticked_are_connected(ana, as_member):
    ben = factories.member("Ben Okafor").id
    mail = invite(ana, ben)
    browser = as_member()
    page = browser.get(link(mail))
    assert set(fields(page)["inviter"]) == {str(ana), str(ben)}
    browser.post(link(mail), {"inviter": [str(ben)], "name": "Grace Hopper", "password": factories.PASSWORD})
    assert connected(grace().id, ben)
    assert not connected(grace().id, ana)


def test_forged_inviters_are_not_connected(ana, invited, as_member):
    other = factories.member("Not An Inviter").id
    as_member().post(
        link(invited),
        {"inviter": [str(other), "x", str(ana), "99999999"], "name": "Grace Hopper", "password": factories.PASSWORD},
    )
    assert connected(grace().id, ana)
    assert not connected(grace().id, other)


@pytest.mark.parametrize("path", ["/join/nonsense", "/join/" + "x" * 43])
def test_a_link_nobody_was_given_is_over(context, as_member, path):
    answer = as_member().get(path)
    assert answer.status_code == 410
    assert "This invitation is no longer open" in words(answer)


def test_a_link_ends_with_its_time_or_with_the_invitation(ana, invited, as_member):
    browser = as_member()
    key = db.session.scalars(select(GuestInvitation.key)).one()
    with transaction():
        guests.withdraw(db.session.get_one(Member, ana), [key])
    answer = browser.post(
        link(invited), {"inviter": [str(ana)], "name": "Grace Hopper", "password": factories.PASSWORD}
    )
    assert answer.status_code == 410
    assert grace() is None


def test_a_link_ends_after_its_days(invited, as_member):
    clock.move(days=31)
    assert as_member().get(link(invited)).status_code == 410


# No more mail


def opted_out():
    db.session.rollback()
    return db.session.scalars(select(GuestAddress.opted_out_at)).one() is not None


@pytest.mark.parametrize("number", [0, 1], ids=["never again", "not me"])
def test_the_page_asks_first_and_then_it_is_for_good(ana, invited, as_member, number):
    text = invited.get_body(("plain",)).get_content()
    path = re.findall(r"/optout/\S+", text)[number]
    browser = as_member()
    assert browser.get(path).status_code == 200
    assert not opted_out()
    assert "Done. You won't hear from us again" in words(browser.post(path))
    assert opted_out()
    assert browser.get(link(invited)).status_code == 410
    ben = factories.member("Ben Okafor").id
    clock.move(days=800)
    db.session.query(MailboxMessage).delete()
    db.session.commit()
    assert invite(ben) is None


def test_a_forged_opt_out_is_not_found(context, as_member):
    for path in ("/optout/nonsense", "/erase?about=nonsense", "/erase"):
        assert as_member().get(path).status_code == 404
        assert as_member().post(path).status_code == 404


def test_whoever_invited_sees_nothing_of_an_opt_out(ana, invited, as_member):
    before = words(as_member(ana).get("/invitations/guests"))
    as_member().post(re.search(r"/optout/\S+", invited.get_body(("plain",)).get_content())[0])
    assert words(as_member(ana).get("/invitations/guests")) == before


def test_erasing_shows_first_what_there_is_and_then_nothing_is_left(invited, as_member):
    browser = as_member()
    page = browser.get(link(invited))
    path = re.search(r'href="(/erase\?about=[^"]+)"', page.text)[1]
    page = browser.get(path)
    assert f"{GUEST}, given by Ana Lima, from your Google contacts" in words(page)
    about = re.search(r'name="about" value="([^"]+)"', page.text)[1]
    assert "Your address is erased" in words(browser.post("/erase", {"about": about}))
    db.session.rollback()
    assert db.session.scalars(select(GuestInvitation.address)).all() == [None]
    assert "Your address, erased" in words(browser.get(path)) or "Nothing" in words(browser.get(path))
    assert browser.get(link(invited)).status_code == 410
