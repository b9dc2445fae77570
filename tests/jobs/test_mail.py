"""Sending what is on the table: once, later, never, or nobody knows; and two at it at the same time."""

import os
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests import factories, ports, smtp
from tests.working import run
from webapp import clock, jobs
from webapp.domain import accounts, events, guests, relationships
from webapp.extensions import db
from webapp.jobs import health, housekeeping, lease, mail
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import Member
from webapp.transaction import transaction

BEN, GUEST = "ben@friends.example", "grace@out.example"


@pytest.fixture
def ada(context):
    return factories.member("Ada Lovelace").id


@pytest.fixture
def ben(context):
    return factories.member("Ben Okri", BEN).id


def member(member_id):
    return db.session.get_one(Member, member_id)


def ask(by, to):
    """Ask a member to connect, and wait until it leaves."""
    with transaction():
        relationships.invite(member(by), [to])
    clock.move(seconds=61)


def ask_guest(by, address=GUEST):
    """Invite somebody by mail, and wait until it leaves."""
    with transaction():
        invitee = guests.Invitee("Grace Hopper", address, factories.lookup(address))
        guests.invite(member(by), [invitee], note="Hello", source="typed in")
    clock.move(seconds=61)


def states():
    return list(db.session.scalars(select(OutgoingMail.state).order_by(OutgoingMail.id)))


def the_row():
    return db.session.scalars(select(OutgoingMail)).one()


def guest_row():
    return db.session.scalars(select(GuestInvitation)).one()


def test_a_mail_leaves_once_with_both_bodies_and_nothing_stays_in_the_mailbox(sink, ada, ben):
    ask(ada, ben)
    run()
    run()
    assert sink.recipients == [BEN]
    assert states() == ["sent"]
    said = sink.last()
    assert said["To"] == BEN
    assert said["Subject"] == "Ada Lovelace would like to connect"
    assert said["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in said.iter_parts()] == ["text/plain", "text/html"]
    assert db.session.scalar(select(func.count()).select_from(MailboxMessage)) == 0


def test_the_table_holds_no_address(sink, ada, ben):
    ask(ada, ben)
    ask_guest(ada)
    sink.rcpt[BEN] = f"450 4.2.1 <{BEN}> is busy, ask postmaster@friends.example"
    run()
    for row in db.session.scalars(select(OutgoingMail)):
        assert "@" not in "".join(map(str, (row.facts, row.reason)))
    assert "is busy" in db.session.scalars(select(OutgoingMail.reason).where(OutgoingMail.kind == "invitation")).one()


def test_a_line_with_a_dot_arrives_as_it_was_written(sink, ada, ben):
    with transaction():
        relationships.invite(member(ada), [ben], "First\n.\n..Last")
    clock.move(seconds=61)
    run()
    text = sink.last().get_body(("plain",)).get_content()
    assert "First\n.\n..Last" in text.replace("\r\n", "\n")


@pytest.mark.parametrize("where", ["rcpt", "data"])
def test_a_server_that_cannot_now_is_asked_again_later_and_later(sink, ada, ben, where):
    getattr(sink, where)[BEN] = "451 4.3.0 later"
    ask(ada, ben)
    for minutes in (1, 2, 5, 15, 30, 60, 60):
        run()
        row = the_row()
        assert (row.state, row.reason) == ("queued", "451 4.3.0 later")
        assert row.not_before - clock.now() <= timedelta(minutes=minutes)
        attempts = row.attempts
        clock.move(minutes=minutes, seconds=-2)
        run()
        assert the_row().attempts == attempts
        clock.move(seconds=3)
    getattr(sink, where).clear()
    run()
    assert states() == ["sent"]
    assert sink.recipients == [BEN]


def test_without_a_server_there_nothing_is_lost(ada, ben, setting):
    setting(SMTP_URL=f"smtp://127.0.0.1:{ports.free()}")
    ask(ada, ben)
    run()
    assert states() == ["queued"]
    with smtp.listening() as sink:
        setting(SMTP_URL=sink.url)
        clock.move(minutes=2)
        run()
        assert sink.recipients == [BEN]


def test_a_refused_guest_mail_ends_the_invitation_and_its_address_rests_for_a_year(sink, ada, ben):
    sink.rcpt[GUEST] = "550 5.1.1 no such user"
    ask_guest(ada)
    run()
    assert states() == ["failed"]
    assert guest_row().state == "failed"
    rest = db.session.scalars(select(GuestAddress.undeliverable_until)).one()
    assert timedelta(days=364) < rest - clock.now() < timedelta(days=367)
    sink.rcpt.clear()
    ask_guest(ben)
    run()
    assert states() == ["failed", "skipped"]
    assert sink.recipients == []


def test_a_refused_mail_to_a_member_is_not_tried_again(sink, ada, ben):
    sink.rcpt[BEN] = "550 5.1.1 no such user"
    ask(ada, ben)
    for _day in range(3):
        run()
        clock.move(days=1)
    assert states() == ["failed"]
    assert member(ben).is_visible


@pytest.mark.parametrize("answer", ["550 5.7.1 relaying denied", "554 5.7.0 who are you?"])
def test_a_server_that_does_not_let_the_operator_in_says_nothing_about_the_address(sink, ada, answer):
    sink.rcpt[GUEST] = answer
    ask_guest(ada)
    run()
    assert states() == ["queued"]
    assert guest_row().state == "invited"
    assert db.session.scalars(select(GuestAddress.undeliverable_until)).one() is None


def test_a_line_that_breaks_after_the_body_leaves_it_uncertain_and_is_shown(sink, ada, as_member):
    sink.cut.add(GUEST)
    ask_guest(ada)
    for _day in range(3):
        run()
        clock.move(hours=12)
    assert sink.recipients == [GUEST]
    assert states() == ["uncertain"]
    assert guest_row().state == "uncertain"
    assert "The mail may not have arrived" in as_member(ada).get("/invitations/guests").text
    assert "1 mails may or may not have left." in health.problems()


def test_what_is_harmless_twice_and_dear_to_miss_is_sent_again(sink, ben):
    sink.cut.add(BEN)
    with transaction():
        accounts.ask_reset(BEN)
    run()
    run()
    assert sink.recipients == [BEN]
    assert states() == ["queued"]
    sink.cut.clear()
    clock.move(minutes=1, seconds=1)
    run()
    assert states() == ["sent"]
    assert sink.recipients == [BEN, BEN]


def test_a_worker_that_died_with_a_mail_in_its_hands_leaves_it_uncertain_after_ten_minutes(sink, ada, ben):
    ask(ada, ben)
    jobs.release()
    assert mail.claim().recipient == BEN
    clock.move(minutes=9)
    housekeeping.tidy()
    db.session.rollback()
    assert states() == ["claimed"]
    clock.move(minutes=2)
    housekeeping.tidy()
    run()
    assert states() == ["uncertain"]
    assert sink.recipients == []


def withdraw(ada, ben):
    relationships.withdraw(member(ada), [ben])


def block(ada, ben):
    relationships.block(member(ben), ada)


def want_none(_ada, ben):
    events.turn_mail_off(member(ben), "invitation")


def want_a_digest(_ada, ben):
    member(ben).digest = "daily"


def leave(ada, _ben):
    relationships.forget(member(ada))
    db.session.delete(member(ada))


@pytest.mark.parametrize("meanwhile", [withdraw, block, want_none, want_a_digest, leave])
def test_what_happened_while_a_mail_waited_keeps_it_from_leaving(sink, ada, ben, meanwhile):
    sink.rcpt[BEN] = "451 later"
    ask(ada, ben)
    run()
    sink.rcpt.clear()
    with transaction():
        meanwhile(ada, ben)
    clock.move(minutes=5)
    run()
    assert sink.recipients == []
    assert "queued" not in states()


def opt_out(_ada):
    guests.opt_out(factories.lookup(GUEST))


def withdraw_guest(ada):
    guests.withdraw(member(ada), [guest_row().key])


def erase(_ada):
    guests.erase(factories.lookup(GUEST))


@pytest.mark.parametrize("meanwhile", [opt_out, withdraw_guest, erase])
def test_what_a_guest_or_the_inviter_did_while_a_mail_waited_keeps_it_from_leaving(sink, ada, meanwhile):
    sink.rcpt[GUEST] = "451 later"
    ask_guest(ada)
    run()
    sink.rcpt.clear()
    with transaction():
        meanwhile(ada)
    clock.move(minutes=5)
    run()
    assert sink.recipients == []
    assert "queued" not in states()


def test_a_mail_that_cannot_be_written_takes_nothing_and_holds_nobody_up(sink, ada, ben):
    ask_guest(ada)
    jobs.release()
    with transaction():
        guest_row().facts = {}
    ask(ada, ben)
    run()
    row = db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == "guest_invitation")).one()
    assert (row.state, row.attempts, row.reason) == ("queued", 1, "It cannot be written: KeyError")
    assert guest_row().mailed_at is None
    assert db.session.scalar(select(func.count()).where(GuestAddress.mailed_at.is_not(None))) == 0
    assert sink.recipients == [BEN]


@pytest.mark.parametrize("state", ["queued", "claimed"])
def test_a_kind_of_mail_that_a_new_release_does_not_know_ends_quietly(sink, ada, ben, state):
    ask(ada, ben)
    jobs.release()
    with transaction():
        row = the_row()
        row.kind, row.state, row.claimed_at = "retired", state, clock.now()
    clock.move(minutes=11)
    housekeeping.tidy()
    run()
    assert states() == ["skipped" if state == "queued" else "uncertain"]
    assert sink.recipients == []


def test_an_address_that_no_mail_server_takes_holds_nobody_up(sink, ben):
    with transaction():  # as an older version let somebody join
        accounts.sign_up("Zoë", "zoë@out.example", factories.password_hash())
    with transaction():
        accounts.ask_reset(BEN)
    run()
    assert states() == ["skipped", "sent"]
    assert sink.recipients == [BEN]


def test_a_mail_server_that_refuses_for_an_hour_is_shown_to_the_operator(sink, ada, ben):
    sink.rcpt[BEN] = "550 5.7.1 relaying denied"
    ask(ada, ben)
    for _attempt in range(5):
        assert health.problems() == []
        run()
        clock.move(minutes=16)
    assert "1 mails could not be handed over again and again: 550 5.7.1 relaying denied." in health.problems()


def test_a_mail_whose_time_is_over_is_not_sent(sink, ben):
    sink.rcpt[BEN] = "451 later"
    with transaction():
        accounts.ask_reset(BEN)
    run()
    sink.rcpt.clear()
    clock.move(days=2)
    run()
    assert (the_row().state, the_row().reason) == ("skipped", "too old")
    assert sink.recipients == []


def test_four_at_the_table_at_once_send_each_mail_once(app, sink, ada):
    others = [factories.member(f"Member {number}", f"m{number}@post.example").id for number in range(40)]
    with transaction():
        relationships.invite(member(ada), others)
    clock.move(seconds=61)
    jobs.release()
    errors = []

    def work():
        try:
            with app.app_context():
                mail.deliver_due()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a thread fails the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(sink.recipients) == sorted(f"m{number}@post.example" for number in range(40))
    db.session.rollback()
    assert set(states()) == {"sent"}


def test_a_lease_has_one_holder_until_it_ends_or_is_given_back(context):
    assert lease.take("work", "one")
    assert not lease.take("work", "two")
    assert lease.take("work", "one")
    clock.move(seconds=31)
    assert lease.take("work", "two")
    assert not lease.take("work", "one")
    lease.give_back("work", "one")
    assert not lease.take("work", "one")
    lease.give_back("work", "two")
    clock.move(seconds=1)
    assert lease.take("work", "one")
    assert lease.take("other work", "two")


def test_processes_that_begin_as_copies_of_one_hold_leases_under_names_of_their_own():
    """So do those of `kith serve --workers 2`: the application is made before there are two."""
    names = {lease.ours()}
    for _each in range(2):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, lease.ours().encode())
            os._exit(0)
        os.close(write)
        names.add(os.read(read, 200).decode())
        os.close(read)
        assert os.waitpid(child, 0)[1] == 0
    assert len(names) == 3
    assert all(names)
    assert lease.ours() in names


def test_only_who_holds_the_lease_sends(app, sink, ada, ben):
    ask(ada, ben)
    worker = jobs.Worker(app)
    assert lease.take(jobs.WORK, "another process")
    worker.sweep.call_local()
    assert sink.recipients == []
    clock.move(seconds=lease.SECONDS + 1)
    worker.sweep.call_local()
    assert sink.recipients == [BEN]
    assert not lease.take(jobs.WORK, "another process")


def test_a_worker_that_stops_gives_the_lease_back_and_begins_no_other_mail(app, sink, ada, ben):
    ask(ada, ben)
    worker = jobs.Worker(app)
    assert lease.take(jobs.WORK)
    worker.stop()
    worker.sweep.call_local()
    assert sink.recipients == []
    clock.move(seconds=lease.SECONDS + 1)
    assert lease.take(jobs.WORK, "another process")


def test_a_chore_that_fails_does_not_hold_up_the_others(context, monkeypatch):
    with transaction():
        accounts.sign_up("Unproven", "unproven@post.example", factories.password_hash())

    def fail(_now):
        raise RuntimeError

    monkeypatch.setattr(housekeeping, "CHORES", (fail, *housekeeping.CHORES))
    clock.move(days=60)
    housekeeping.tidy()
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Member)) == 0
