"""Delivery reports: the mail that names itself in its return path, and what comes back."""

from email.message import EmailMessage, MIMEPart
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain import guests, relationships
from webapp.extensions import db
from webapp.jobs import mail, run_due
from webapp.mail import bounces
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.transaction import transaction

GUEST = "grace@out.example"


@pytest.fixture
def sent(context, sink, setting):
    """The return path of the mail that Grace got from Ana."""
    setting(BOUNCE_ADDRESS="bounces@northgate.example")
    ana = factories.member("Ana Lima")
    with transaction():
        invitee = guests.Invitee("Grace", GUEST, factories.lookup(GUEST))
        guests.invite(db.session.get_one(Member, ana.id), [invitee], note="", source="typed in")
    clock.move(seconds=61)
    run_due()
    db.session.rollback()
    assert sink.recipients == [GUEST]
    return sink.senders[-1]


def report(to, *, action="failed", status="5.1.1", kind="message/delivery-status"):
    """A delivery report as mail servers write it (RFC 3464)."""
    made = MIMEMultipart("report", report_type="delivery-status")
    made["From"], made["To"], made["Subject"] = "MAILER-DAEMON@out.example", to, "Undelivered mail"
    made.attach(MIMEText("I'm sorry to have to inform you"))
    blocks = MIMEPart()
    blocks["Content-Type"] = "message/delivery-status"
    server, recipient = EmailMessage(), EmailMessage()
    server["Reporting-MTA"] = "dns; mx.out.example"
    recipient["Final-Recipient"] = f"rfc822; {GUEST}"
    recipient["Action"], recipient["Status"] = action, status
    blocks.set_payload([server, recipient])
    made.attach(blocks)
    made.attach(MIMEMessage(EmailMessage()))
    return made.as_bytes().replace(b"message/delivery-status", kind.encode())


def states():
    db.session.rollback()
    return (
        db.session.scalars(select(OutgoingMail.state)).one(),
        db.session.scalars(select(GuestInvitation.state)).one(),
        db.session.scalars(select(GuestAddress.undeliverable_until)).one() is not None,
    )


def test_a_report_ends_the_invitation_and_lets_the_address_rest(sent):
    assert sent.startswith("bounces+")
    assert sent.endswith("@northgate.example")
    assert mail.read_report(report(sent))
    assert states() == ("failed", "failed", True)
    assert mail.read_report(report(sent))
    assert states() == ("failed", "failed", True)


def test_the_mail_server_may_say_where_it_was_delivered_to_and_fold_its_letters(sent):
    assert mail.read_report(report("postmaster@northgate.example"), sent.upper())
    assert states() == ("failed", "failed", True)


@pytest.mark.parametrize(
    "changed",
    [{"action": "delayed"}, {"action": "delivered"}, {"status": "4.4.7"}, {"status": ""}, {"kind": "text/plain"}],
    ids=str,
)
def test_what_says_no_permanent_refusal_changes_nothing(sent, changed):
    assert not mail.read_report(report(sent, **changed))
    assert states() == ("sent", "invited", False)


def test_a_forged_return_path_changes_nothing(sent):
    local, _at, domain = sent.partition("@")
    number = local.partition("+")[2].partition("-")[0]
    for forged in (
        f"bounces+{number}-{'0' * 20}@{domain}",
        f"bounces+{int(number) + 1}-{local.rpartition('-')[2]}@{domain}",
        f"bounces+{number}@{domain}",
        "bounces@northgate.example",
    ):
        assert not mail.read_report(report(forged))
    assert states() == ("sent", "invited", False)


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\x00", b"To: x\n\nhello", b"Content-Type: message/delivery-status\n\n" * 50]
)
def test_what_is_no_report_at_all_changes_nothing(sent, raw):
    assert not mail.read_report(raw)
    assert not mail.read_report(raw, sent)
    assert states() == ("sent", "invited", False)


def test_an_invitation_that_was_answered_stays_answered(sent):
    invitation = db.session.scalars(select(GuestInvitation)).one()
    invitation.state, invitation.ended_at = "accepted", clock.now()
    db.session.commit()
    assert mail.read_report(report(sent))
    assert states() == ("failed", "accepted", True)


def test_a_report_about_a_members_mail_is_noted_and_nothing_else(context, sink, setting):
    setting(BOUNCE_ADDRESS="bounces@northgate.example")
    ana, ben = factories.member("Ana Lima").id, factories.member("Ben", "ben@out.example").id
    with transaction():
        relationships.invite(db.session.get_one(Member, ana), [ben])
    clock.move(seconds=61)
    run_due()
    assert mail.read_report(report(sink.senders[-1]))
    db.session.rollback()
    assert db.session.scalars(select(OutgoingMail.state)).one() == "failed"
    assert db.session.get_one(Member, ben).is_visible


def test_without_an_address_for_reports_mail_leaves_from_the_sender(context, setting):
    setting(MAIL_FROM="hello@northgate.example")
    assert bounces.return_path(7) == "hello@northgate.example"
    setting(BOUNCE_ADDRESS="bounces@northgate.example")
    longest = bounces.return_path(2**62)
    assert len(longest.partition("@")[0]) <= 64
    assert bounces.mail_of(longest) == 2**62
