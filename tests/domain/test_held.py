"""What is held about an address: told to its owner alone, and erased by them; asking looks the same for every address."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from tests import factories
from webapp import clock, jobs
from webapp.domain import accounts, guests, held, throttles
from webapp.domain.errors import NotFound, TooMany
from webapp.extensions import db
from webapp.jobs import housekeeping
from webapp.models.invitation import GuestInvitation, Inquiry
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import EmailAddress, Member

pytestmark = pytest.mark.usefixtures("context")
GRACE = "grace@out.example"


def invited(by, address=GRACE, note="We sailed together"):
    guests.invite(by, [guests.Invitee("Grace", address, factories.lookup(address))], note=note, source="a list")
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    db.session.rollback()


def mails(kind=held.MAIL):
    db.session.commit()
    jobs.run_due()
    db.session.rollback()
    sent = select(MailboxMessage.recipient).join(OutgoingMail, OutgoingMail.id == MailboxMessage.mail_id)
    return db.session.scalars(sent.where(OutgoingMail.kind == kind)).all()


def test_asking_costs_the_same_statements_and_mails_whoever_has_the_address(ana, ben, statements):
    invited(ana)
    guests.opt_out(factories.lookup("none@out.example"))
    factories.member("Carl", "carl@example.org", verified=False)
    db.session.commit()
    texts = []
    everybody = [accounts.primary_address(ben), GRACE, "none@out.example", "carl@example.org", "nobody@out.example"]
    for address in everybody:
        db.session.rollback()
        with statements() as seen:
            held.ask(address)
        db.session.commit()
        texts.append([each for each in seen if not each.startswith(("BEGIN", "SAVEPOINT"))])
    assert all(each == texts[0] for each in texts), texts
    assert mails() == everybody


def test_one_address_gets_three_a_day_and_one_a_month_where_it_wants_none(ana):
    guests.opt_out(factories.lookup("none@out.example"))
    for _try in range(5):
        held.ask(GRACE)
        held.ask("none@out.example")
    assert sorted(mails()) == [GRACE] * 3 + ["none@out.example"]
    clock.move(days=2)
    held.ask(GRACE)
    held.ask("none@out.example")
    assert sorted(mails()) == [GRACE] * 4 + ["none@out.example"]
    clock.move(days=31)
    held.ask("none@out.example")
    assert mails().count("none@out.example") == 2


def test_who_asks_very_often_is_asked_to_wait():
    for _try in range(throttles.ABOUT_PER_NETWORK.amount):
        held.count("192.0.2.1")
    with pytest.raises(TooMany):
        held.count("192.0.2.1")
    held.count("192.0.2.2")


def test_the_address_is_kept_sealed_until_the_mail_has_left():
    held.ask(GRACE)
    db.session.commit()
    [raw] = db.session.execute(text("SELECT address FROM inquiry")).scalars()
    assert b"grace" not in bytes(raw)
    assert mails() == [GRACE]
    clock.move(minutes=2)
    housekeeping.tidy()
    db.session.rollback()
    assert db.session.query(MailboxMessage).count() == 1
    assert db.session.query(Inquiry).count() == 0


def test_everything_held_is_shown_to_who_has_the_link(ana, ben):
    invited(ana)
    invited(ben, note="")
    factories.member("Carl", GRACE, verified=False)
    found = held.about(factories.lookup(GRACE))
    assert [(name, row.address, row.facts["note"]) for row, name in found.invitations] == [
        ("Ana Lima", GRACE, "We sailed together"),
        ("Ben Okafor", GRACE, ""),
    ]
    assert (found.is_member, len(found.claimed_at), found.is_nothing) == (False, 1, False)
    assert found.rests_until > clock.now() + timedelta(days=360)
    assert held.about(factories.lookup(accounts.primary_address(ben))).is_member
    assert held.about(factories.lookup("nobody@out.example")).is_nothing
    with pytest.raises(NotFound):
        held.behind("forged")


def test_erasing_takes_what_was_claimed_too_and_leaves_a_member_alone(ana, ben):
    invited(ana)
    carl = factories.member("Carl", GRACE, verified=False).id
    factories.address(ben, GRACE, verified=False)
    lookup = factories.lookup(GRACE)
    held.erase(lookup)
    db.session.commit()
    assert db.session.get(Member, carl) is None
    assert db.session.query(EmailAddress).filter_by(lookup=lookup).count() == 0
    row = db.session.query(GuestInvitation).one()
    assert (row.address, row.name, row.state) == (None, None, "invited")
    own = factories.lookup(accounts.primary_address(ben))
    held.erase(own)
    db.session.commit()
    assert held.about(own).is_member
