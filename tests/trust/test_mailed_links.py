"""Sentences 64 to 66: links in mails, whoever opens them, and however often."""

import re
from email import message_from_bytes
from email.policy import default
from html import unescape

import pytest
from sqlalchemy import delete, select

from tests import crawl, factories, routes
from tests.invited import GUEST, connected, fields, grace, invite, link, words
from webapp import clock, jobs
from webapp.domain import accounts, leaving, messages, relationships, tickets
from webapp.extensions import db
from webapp.models.mail import MailboxMessage
from webapp.models.member import EmailAddress, Member, SignIn, Throttle
from webapp.transaction import transaction

ONE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
HERE = "http://127.0.0.1:8000"


def did(verb, *owners, **more):
    """Do it in a transaction of its own, as a handler would."""
    with transaction():
        return verb(
            *(db.session.get_one(Member, owner) if isinstance(owner, int) else owner for owner in owners), **more
        )


def delivered():
    db.session.rollback()
    jobs.run_due()
    db.session.rollback()
    rows = db.session.scalars(select(MailboxMessage).order_by(MailboxMessage.id)).all()
    return [message_from_bytes(row.raw, policy=default) for row in rows]


def links(mail):
    """Every link of a mail: in its text, its page and its headers."""
    found = re.findall(rf"{HERE}(/[^\s\"'<>]*)", mail.get_body(("plain",)).get_content())
    found += [unescape(each) for each in re.findall(rf'href="{HERE}(/[^"]*)"', mail.get_body(("html",)).get_content())]
    found += re.findall(rf"<{HERE}(/[^>]*)>", mail.get("List-Unsubscribe", ""))
    return set(found)


@ONE
def test_64_a_program_that_opens_every_link_of_every_mail_uses_up_none(app, context, as_member):
    """Programs that look through mail open every link in it, three times, by GET and by HEAD: nothing changes, and every link still does
    what it is for when its reader comes, who has to press a button there.
    """
    ana, ben = factories.member("Ana Lima", "ana@example.org").id, factories.member("Ben Okafor", "ben@example.org").id
    eve, zoe = factories.member("Eve Quint", "eve@example.org").id, factories.member("Zoe Roy", "zoe@example.org").id
    factories.connect(db.session.get_one(Member, ben), db.session.get_one(Member, eve))
    invite(ana)
    did(relationships.invite, ana, [ben])
    with transaction():
        messages.write_to(db.session.get_one(Member, ben), db.session.get_one(Member, eve), "Hello")
    browser = as_member()
    for name, address in (("Newcomer", "new@example.org"), ("Ana again", "ana@example.org")):
        browser.post("/signup", {"name": name, "email": address, "password": factories.PASSWORD})
    browser.post("/reset", {"email": "eve@example.org"})
    did(accounts.add_address, eve, address="eve@work.example")
    with transaction():
        leaving.ask(db.session.get_one(Member, zoe), "")
    clock.move(minutes=20)
    mails = delivered()
    found = sorted(set().union(*map(links, mails)))
    opened = {crawl.endpoint_of(app, path, "GET") for path in found}
    assert opened >= {
        "accounts.confirm", "accounts.reset", "invitations.accept_by_mail", "join.join", "join.opt_out", "leaving.stay_by", "unsubscribe.show"
    }  # fmt: skip
    first, before = {}, routes.dump()
    for _time in range(3):
        for path in found:
            scanner = app.test_client()
            with routes.writes() as written:
                answers = [scanner.get(path), scanner.head(path)]
            assert written == [], path
            assert {answer.status_code for answer in answers} == {first.setdefault(path, answers[0].status_code)}, path
            assert first[path] in {200, 303}, path
    assert routes.dump() == before

    def only(what, owner=""):
        mine = [mail for mail in mails if not owner or owner in mail["To"]]
        return next(path for mail in mine for path in sorted(links(mail)) if path.startswith(f"/{what}/"))

    right = {"password": factories.PASSWORD}
    assert as_member().post(only("confirm", "new@example.org"), right).status_code == 303
    assert "/signin" in as_member().post(only("reset", "eve@"), {"password": "another quiet walk"}).headers["Location"]
    assert as_member().post(only("invitations/accept", "ben@")).status_code == 200
    assert connected(ana, ben)
    assert as_member().post(only("stay", "zoe@")).status_code in {200, 303}
    assert db.session.get_one(Member, zoe).deleted_at is None
    mail = next(mail for mail in mails if GUEST in mail["To"])
    joining = as_member()
    given = fields(joining.get(link(mail))) | {"name": "Grace Hopper", "password": factories.PASSWORD}
    assert joining.post(link(mail), given).headers["Location"] == "/welcome"
    assert as_member().post(only("optout", GUEST)).status_code == 200
    assert as_member().post(only("unsubscribe", "ben@")).status_code == 200


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", headline="River ecologist").id


def test_65_an_invitation_connects_whom_it_is_for_and_signs_nobody_in(ana, as_member):
    """An invitation to a guest that is opened by somebody who is signed in with another address asks first, and connects that account
    only after a yes; the link is over after that, and opening it signs nobody in. An invitation to a member acts for the invited member
    only, whoever opens it, asks for no sign-in, and gives none.
    """
    mail = invite(ana)
    ben = factories.member("Ben Okafor").id
    browser = as_member(ben)
    page = browser.get(link(mail))
    said = words(page)
    assert f"The invitation went to {GUEST} . You are signed in as Ben Okafor ." in said
    assert "Accept as Ben Okafor, and add the address" in said
    assert not connected(ben, ana)
    assert as_member().get(link(mail)).status_code == 200
    sign_ins = db.session.query(SignIn).count()
    assert browser.post(link(mail), fields(page)).headers["Location"] == "/network"
    assert connected(ben, ana)
    assert grace() is None
    assert browser.get(link(mail)).status_code == 410
    assert as_member().post(link(mail), {"name": "Grace Hopper", "password": factories.PASSWORD}).status_code == 410
    # To a member
    cleo, eve = factories.member("Cleo Braun").id, factories.member("Eve Stranger").id
    did(relationships.invite, ana, [cleo])
    clock.move(seconds=61)
    did(relationships.release, clock.now())
    with transaction():
        token = tickets.issue("accept", minutes=60, member=db.session.get_one(Member, cleo), other=ana)
    path = f"/invitations/accept/{token}"
    stranger, other = as_member(), as_member(eve)
    assert "You are signed in as Eve Stranger. This invitation is for Cleo Braun." in words(other.get(path)).replace(
        " .", "."
    )
    assert not connected(cleo, ana)
    other.post(path)
    assert connected(cleo, ana)
    assert not connected(eve, ana)
    assert stranger.get("/network").headers["Location"].startswith("/signin")
    assert stranger.get(path).status_code == stranger.post(path).status_code == 410
    assert db.session.query(SignIn).count() == sign_ins + 1  # Eve's own
    stranger.get("/network")


def test_66_only_who_has_the_mail_has_proven_the_address(ana, as_member):
    """Who joins by the link in a mail has proven that the mailbox is theirs: the address is confirmed, and no other. Who joins with the
    same address in any other way (the form, a link for many, a link that was guessed or is over) has to confirm it first.
    """
    mail = invite(ana)
    # Without the mail
    stranger = as_member()
    given = {"name": "Grace Hopper", "email": GUEST, "password": factories.PASSWORD}
    assert stranger.post("/signup", given).headers["Location"] == "/signup/check-mail"
    row = db.session.scalars(select(EmailAddress).where(EmailAddress.address == GUEST)).one()
    assert row.verified_at is None
    assert stranger.get("/network").headers["Location"].startswith("/signin")
    for path in ("/join/nonsense", "/join/" + "x" * 43, link(mail)[:-1]):
        assert stranger.post(path, given).status_code in {404, 410}
    db.session.rollback()
    assert db.session.scalars(select(EmailAddress.verified_at).where(EmailAddress.address == GUEST)).all() == [None]
    db.session.execute(delete(Throttle))
    db.session.commit()
    # With it, and with an address that the form was never asked for
    browser = as_member()
    given = fields(browser.get(link(mail))) | {
        "name": "Grace Hopper",
        "password": factories.PASSWORD,
        "email": "other@evil.example",
    }
    answer = browser.post(link(mail), given)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/welcome")
    db.session.rollback()
    rows = db.session.scalars(select(EmailAddress).where(EmailAddress.verified_at.is_not(None))).all()
    assert {(row.address, row.member_id == ana) for row in rows} >= {(GUEST, False)}
    assert not [row for row in rows if "evil" in row.address]
    joined = next(row.member_id for row in rows if row.address == GUEST)
    assert connected(joined, ana)
    assert "Ana Lima" in words(browser.get("/connections"))
    assert browser.get(link(mail)).status_code == 410
    assert as_member().get(link(mail)).status_code == 410
