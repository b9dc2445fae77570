"""What somebody invited by mail can do: see what is known, join, hear nothing more, be erased; opening a page changes nothing."""

import re
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock, jobs
from webapp.domain import guests, relationships
from webapp.extensions import db
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import MailboxMessage
from webapp.models.member import EmailAddress, Member
from webapp.transaction import transaction

GUEST = "grace@out.example"


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", headline="River ecologist").id


@pytest.fixture
def invited(ana):
    """The mail that Grace got, invited by Ana."""
    return invite(ana)


def invite(*inviters, address=GUEST, note="Do come"):
    for inviter in inviters:
        with transaction():
            invitee = guests.Invitee("Grace Hopper", address, factories.lookup(address))
            source = "your Google contacts"
            guests.invite(db.session.get_one(Member, inviter), [invitee], note=note, source=source)
    clock.move(seconds=61)
    db.session.rollback()
    jobs.run_due()
    db.session.rollback()
    rows = db.session.scalars(select(MailboxMessage).where(MailboxMessage.recipient == address)).all()
    return message_from_bytes(rows[-1].raw, policy=default) if rows else None


def link(mail, what="join"):
    return re.search(rf"/{what}/[\w.-]+(\?not-me=1)?", mail.get_body(("plain",)).get_content())[0]


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def fields(page):
    """The hidden fields and the ticks of a form, without the token."""
    found = re.findall(r'<input[^>]*type="(hidden|checkbox)"[^>]*name="(\w+)"[^>]*value="([^"]*)"([^>]*)', page.text)
    found += re.findall(r'<input[^>]*class="check" type="(checkbox)" name="(\w+)" value="(\d+)"([^>]*)', page.text)
    return {
        "inviter": [
            value for kind, name, value, rest in found if name == "inviter" and (kind == "hidden" or "checked" in rest)
        ]
    }


def connected(one_id, other_id):
    db.session.rollback()
    seen = relationships.as_seen_by(db.session.get_one(Member, one_id), "connected", among=[other_id])
    return bool(db.session.scalar(select(seen.c.status)))


def grace():
    db.session.rollback()
    return db.session.scalars(select(Member).where(Member.name == "Grace Hopper")).one_or_none()


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


def test_with_a_password_the_guest_is_a_member_connected_and_signed_in(ana, invited, as_member):
    browser = as_member()
    page = browser.get(link(invited))
    answer = browser.post(link(invited), fields(page) | {"name": "Grace Hopper", "password": factories.PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/welcome")
    joined = grace()
    assert connected(joined.id, ana)
    assert db.session.scalars(select(EmailAddress).where(EmailAddress.member_id == joined.id)).one().verified_at
    assert "Ana Lima" in words(browser.get("/connections"))
    assert browser.get(link(invited)).status_code == 410
    assert as_member().get(link(invited)).status_code == 410


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


def test_a_member_who_opens_the_link_is_asked_before_the_address_becomes_theirs(ana, invited, as_member):
    ben = factories.member("Ben Okafor").id
    browser = as_member(ben)
    page = browser.get(link(invited))
    said = words(page)
    assert f"The invitation went to {GUEST} . You are signed in as Ben Okafor ." in said
    assert "Accept as Ben Okafor, and add the address" in said
    assert not connected(ben, ana)
    answer = browser.post(link(invited), fields(page))
    assert answer.headers["Location"] == "/network"
    assert connected(ben, ana)
    assert grace() is None
    assert browser.get(link(invited)).status_code == 410


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
