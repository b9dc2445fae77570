"""The operators' desk: finding members, deleting and keeping accounts, the mail queue, and the numbers of what there is."""

import pytest
from sqlalchemy import select, update

from tests import factories
from webapp import clock, jobs
from webapp.domain import accounts, acts, doors, guests, leaving, relationships
from webapp.domain.desk import deeds, lookups, mails, members, numbers
from webapp.domain.desk import guests as invited_guests
from webapp.domain.errors import NotFound, Refused, TooMany
from webapp.extensions import db
from webapp.jobs import health
from webapp.jobs import leaving as going
from webapp.mail.catalog import KINDS
from webapp.models.act import Act
from webapp.models.invitation import GuestInvitation
from webapp.models.leaving import Departure
from webapp.models.ledger import LookupCharge
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import Member, SignIn

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def olga(context):
    return factories.member("Olga Operator", is_operator=True)


def found(*given):
    return [each.name for each in db.session.scalars(members.listed(*given))]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_every_kind_of_mail_has_a_name_that_fits_a_line(app):
    assert mails.KIND_WORDS.keys() == KINDS.keys()
    assert max(map(len, mails.KIND_WORDS.values())) <= 45
    assert mails.called("of_an_earlier_version") == "A mail of an earlier version"


def test_members_are_found_by_name_handle_or_whole_address_whatever_their_state(olga, ana, ben):
    ben.suspended_at = clock.now()
    lea = factories.member("Lea Låna", email="lea@out.example", deleted_at=clock.now())
    uma = factories.member("Uma Lim", email="uma@out.example", verified=False)
    db.session.commit()
    assert found() == ["Uma Lim", "Lea Låna", "Ben Okafor", "Ana Lima", "Olga Operator"]
    assert found("lim") == ["Uma Lim", "Ana Lima"]
    assert found("lana") == ["Lea Låna"]
    assert found("ben oka") == ["Ben Okafor"]
    assert found("ben lima") == []
    assert found(ana.handle.upper()) == ["Ana Lima"]
    assert found(" LEA@out.example ") == ["Lea Låna"]
    assert found("uma@out.example") == ["Uma Lim"]
    assert found("lea@out") == found("@") == found("%") == found("_ima") == []
    assert found("", "suspended") == ["Ben Okafor"]
    assert found("", "leaving") == ["Lea Låna"]
    assert found("", "unconfirmed") == ["Uma Lim"]
    assert found("", "operators") == ["Olga Operator"]
    assert found("lim", "unconfirmed") == ["Uma Lim"]
    assert found("", "", lea.id) == ["Ben Okafor", "Ana Lima", "Olga Operator"]
    acts.silence_invitations(olga, ana, "Too many", 7)
    assert found("", "silenced") == ["Ana Lima"]
    clock.move(days=8)
    assert found("", "silenced") == []
    assert members.one(uma.handle) is uma
    assert members.address_of(ana).member_id == ana.id
    with pytest.raises(NotFound):
        members.one("nobody-abcd")


def test_a_confirmation_is_sent_again_but_not_too_often(ana):
    uma = factories.member("Uma", email="uma@out.example", verified=False)
    for _time in range(3):
        members.confirm_again(uma)
    with pytest.raises(TooMany):
        members.confirm_again(uma)
    assert (
        db.session.scalars(select(OutgoingMail.kind).where(OutgoingMail.to_member_id == uma.id)).all()
        == ["confirmation"] * 3
    )
    with pytest.raises(NotFound):
        members.confirm_again(ana)


def test_a_deleted_account_is_gone_for_all_at_once_told_why_and_deleted_when_the_days_are_over(olga, ana, ben):
    factories.connect(ana, ben)
    factories.sign_in(ana)
    cancelled = factories.member("Carl")
    relationships.invite(ana, [cancelled])
    deeds.delete(olga, ana, "Sold addresses")
    db.session.commit()
    assert not ana.is_visible
    assert db.session.scalar(select(SignIn.id).where(SignIn.member_id == ana.id)) is None
    act = acts.own(ana)[0]
    assert (act.kind, act.reason, act.until) == ("deleted", "Sold addresses", leaving.condemned(ana).due_at)
    for again in (deeds.delete, acts.suspend, acts.lift):
        with pytest.raises(Refused):
            again(olga, ana, "Once more")
        db.session.rollback()
    with pytest.raises(Refused, match="Operators delete"):
        leaving.ask(ana, "")
    db.session.rollback()
    with pytest.raises(Refused):
        deeds.delete(olga, olga, "Myself")
    db.session.rollback()
    jobs.run_due()
    mail = db.session.scalars(select(MailboxMessage)).one()
    assert b"deletes your account on" in mail.raw.replace(b"=\r\n", b"").replace(b"\r\n", b" ")
    clock.move(days=6)
    jobs.run_due()
    assert db.session.get(Member, ana.id) is not None
    clock.move(days=1, minutes=1)
    going.go_on(500)
    jobs.run_due()
    clock.move(days=4)
    going.go_on(500)
    db.session.expire_all()
    assert db.session.scalar(select(Member.name).where(Member.name == "Ana Lima")) is None
    assert ben.degree == 0
    assert db.session.scalars(select(Act.kind)).all() == ["deleted"]
    assert acts.problems() == []


def test_an_account_is_kept_after_all_and_stays_suspended_until_that_is_lifted_too(olga, ana):
    with pytest.raises(Refused):
        deeds.keep(olga, ana, "There is nothing to keep")
    deeds.delete(olga, ana, "Sold addresses")
    deeds.keep(olga, ana, "It was somebody else")
    db.session.commit()
    assert db.session.get(Departure, ana.id) is None
    assert ana.suspended_at is not None
    acts.lift(olga, ana, "Sorry")
    assert ana.is_visible
    assert [act.kind for act in acts.own(ana)] == ["lifted", "kept", "deleted"]
    assert acts.problems() == []
    deeds.delete(olga, ana, "After all")
    db.session.commit()
    clock.move(days=7, minutes=1)
    with pytest.raises(Refused, match="can't be stopped"):
        deeds.keep(olga, ana, "Too late")


def test_who_leaves_already_is_not_deleted_a_second_time(olga, ana):
    leaving.ask(ana, "")
    db.session.commit()
    with pytest.raises(Refused, match="leaves already"):
        deeds.delete(olga, ana, "Sold addresses")


def test_signing_somebody_out_ends_every_sign_in_and_is_a_line_they_read(olga, ana):
    for _time in range(2):
        factories.sign_in(ana)
    deeds.sign_out(olga, ana, "You lost your phone")
    db.session.commit()
    assert db.session.scalar(select(SignIn.id).where(SignIn.member_id == ana.id)) is None
    assert [act.kind for act in acts.own(ana)] == ["signed_out"]
    assert ana.is_visible


def test_the_last_operator_stays_one(olga, ana):
    address = accounts.primary_address(olga)
    for typed, why in (
        (address, "only one"),
        (accounts.primary_address(ana), "runs nothing"),
        ("no@out.example", "runs"),
    ):
        with pytest.raises(Refused, match=why):
            accounts.drop_operator(typed)
    ana.is_operator = True
    ana.suspended_at = clock.now()
    db.session.flush()
    with pytest.raises(Refused, match="only one"):
        accounts.drop_operator(address)
    ana.suspended_at = None
    db.session.flush()
    accounts.drop_operator(address)
    assert (olga.is_operator, ana.is_operator) == (False, True)


# Mail


def sent(kind, state, **given):
    now = clock.now()
    row = OutgoingMail(kind=kind, state=state, created_at=now, not_before=now, facts={}, **given)
    db.session.add(row)
    db.session.commit()
    return row


def invitation(inviter):
    guests.invite(
        inviter, [guests.Invitee("Gus", "gus@out.example", factories.lookup("gus@out.example"))], source="a list"
    )
    db.session.commit()
    return db.session.scalars(select(GuestInvitation)).one()


@pytest.mark.parametrize(
    ("kind", "state", "age", "guest", "again"),
    [
        ("invitation", "failed", 0, False, True),
        ("invitation", "uncertain", 0, False, False),
        ("reset", "uncertain", 0, False, True),
        ("confirmation", "uncertain", 0, False, True),
        ("reset", "failed", 2, False, False),
        ("guest_invitation", "failed", 0, True, False),
        ("guest_invitation", "uncertain", 0, True, False),
        ("no_such_kind", "failed", 0, False, False),
    ],
)
def test_a_mail_is_sent_again_only_where_that_cannot_be_one_too_many(ana, kind, state, age, guest, again):
    to = {"guest_invitation_id": invitation(ana).id} if guest else {"to_member_id": ana.id}
    row = sent(kind, state, attempts=3, reason="550 5.1.1", **to)
    clock.move(days=age)
    assert mails.may_again(row) is again
    if not again:
        with pytest.raises(Refused):
            mails.send_again(row.id)
        return
    mails.send_again(row.id)
    db.session.commit()
    assert (row.state, row.reason, row.attempts) == ("queued", "", 0)
    with pytest.raises(NotFound):
        mails.send_again(row.id)


def test_a_mail_put_aside_is_off_the_list_and_never_sent(ana):
    row = sent("reset", "uncertain", to_member_id=ana.id)
    assert [each.OutgoingMail.id for each in db.session.execute(mails.trouble())] == [row.id]
    mails.put_aside(row.id)
    db.session.commit()
    jobs.run_due()
    assert db.session.execute(mails.trouble()).all() == []
    assert db.session.query(MailboxMessage).count() == 0
    with pytest.raises(NotFound):
        mails.put_aside(row.id)


def test_the_queue_says_how_much_waits_and_since_when(ana):
    first = clock.now()
    sent("digest", "queued", to_member_id=ana.id)
    clock.move(minutes=40)
    sent("digest", "queued", to_member_id=ana.id, attempts=2)
    db.session.execute(
        update(OutgoingMail).where(OutgoingMail.attempts == 2).values(not_before=clock.now().replace(year=2100))
    )
    for state in ("sent", "sent", "uncertain", "failed", "claimed", "skipped"):
        sent("digest", state, to_member_id=ana.id)
    queue = mails.queue()
    assert (queue.queued, queue.due, queue.tried, queue.leaving, queue.sent) == (2, 1, 1, 1, 2)
    assert (queue.uncertain, queue.failed) == (1, 1)
    assert abs((queue.oldest - first).total_seconds()) < 5
    assert numbers.waiting() == numbers.Waiting(0, 1, 0, 1, 1)
    assert any("half an hour late" in each for each in health.problems())
    clock.move(days=2)
    assert mails.queue().sent == 0


# Numbers


def test_the_size_of_the_community_is_what_it_is(ana, ben):
    factories.connect(ana, ben)
    ben.suspended_at = clock.now()
    factories.member("Uma", verified=False)
    db.session.commit()
    numbers._sizes.clear()
    size = numbers.size()
    assert (size.members, size.joined, size.unconfirmed, size.suspended, size.leaving, size.connections) == (
        2,
        2,
        1,
        1,
        0,
        1,
    )
    assert size.database > 10_000
    factories.member("Cleo")
    assert numbers.size() is size
    clock.move(days=8)
    factories.member("Dora")
    size = numbers.size()
    assert (size.members, size.joined) == (4, 1)
    assert numbers.stored() > 0
    assert numbers.engine().split()[0] in {"SQLite", "PostgreSQL"}


def test_look_ups_are_added_up_for_each_member_within_the_days(ana, ben):
    for owner, number in ((ana, 30), (ben, 500), (ana, 40)):
        db.session.add(LookupCharge(member_id=owner.id, at=clock.now(), addresses=number))
    db.session.commit()
    rows = [(row.Member.name, row.used, row.times) for row in db.session.execute(lookups.heaviest())]
    assert rows == [("Ben Okafor", 500, 1), ("Ana Lima", 70, 2)]
    clock.move(days=11)
    assert db.session.execute(lookups.heaviest()).all() == []


def test_what_happened_at_a_door_is_counted_by_day_and_forgotten(context):
    for _time in range(3):
        doors.note("google", doors.READ)
    doors.note("google", "api_disabled")
    first = clock.now()
    clock.move(days=2)
    doors.note("google", doors.READ)
    db.session.commit()
    assert doors.tally(7) == {"google": {"read": 4, "api_disabled": 1}}
    assert doors.tally(1) == {"google": {"read": 1}}
    assert abs((doors.last("api_disabled", door="google") - first).total_seconds()) < 5
    assert doors.last("api_disabled", door="microsoft") is None
    clock.move(days=30)
    assert doors.sweep(clock.now()) == 2
    assert doors.tally(60) == {"google": {"read": 1}}


def test_invitations_by_mail_are_numbers(ana):
    invitation(ana)
    assert invited_guests.invited().waiting == 1
    clock.move(seconds=61)
    jobs.run_due()
    guests.opt_out(factories.lookup("gus@out.example"))
    db.session.commit()
    now = invited_guests.invited()
    assert (now.waiting, now.unanswered, now.mailed_today, now.opted_out, now.bounced) == (0, 1, 1, 1, 0)
    clock.move(days=2)
    assert invited_guests.invited().mailed_today == 0
