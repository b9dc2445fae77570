"""What operators do about members, and the log of it: lines are added, none is changed, and the chain tells."""

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from tests import factories
from webapp import clock, jobs
from webapp.domain import (
    accounts,
    acts,
    guests,
    introductions,
    leaving,
    links,
    moderation,
    people,
    relationships,
    silence,
)
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.jobs import health
from webapp.models.act import Act
from webapp.models.invitation import GuestInvitation
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import Member, SignIn, Ticket

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def olga(context):
    return factories.member("Olga Operator", is_operator=True)


def kinds(member):
    db.session.commit()
    return [act.kind for act in acts.own(member)]


def status(viewer, other):
    seen = relationships.as_seen_by(viewer, among=[other.id])
    return db.session.execute(select(seen.c.status, seen.c.leaves_at)).one_or_none() or (None, None)


def release():
    relationships.release(clock.now())
    guests.release(clock.now())
    db.session.commit()


def invite_guest(by, address="grace@out.example"):
    guests.invite(by, [guests.Invitee("Grace", address, factories.lookup(address))], source="a list")
    db.session.commit()


# Suspending


def test_a_suspended_member_is_gone_for_others_and_what_had_not_left_is_taken_back(ana, ben, olga):
    chen = factories.known(ana, "Chen Wei")
    relationships.invite(ana, [ben])
    invite_guest(ana)
    token = factories.sign_in(ana)
    accounts.ask_reset(accounts.primary_address(ana))
    db.session.commit()
    acts.suspend(olga, ana, "  Sold boats\r\nto everybody ")
    db.session.commit()
    assert accounts.signed_in(token) is None
    assert db.session.query(Ticket).count() == db.session.query(GuestInvitation).count() == 0
    assert status(ana, ben)[0] in {None, "none"}
    for viewer in (ben, chen):
        with pytest.raises(NotFound):
            people.one_of(viewer, ana.handle)
    assert [(act.kind, act.reason) for act in acts.own(ana)] == [("suspended", "Sold boats\nto everybody")]
    acts.lift(olga, ana, "A mistake")
    db.session.commit()
    assert people.one_of(chen, ana.handle) is ana
    assert kinds(ana) == ["lifted", "suspended"]
    assert kinds(ben) == []


def test_each_act_is_told_by_mail_with_the_reason_and_the_mark_of_its_line(ana, olga):
    for do in (acts.suspend, acts.lift, lambda *given: acts.silence_invitations(*given, 30), acts.unsilence):
        do(olga, ana, "Because & so")
        db.session.commit()
        jobs.run_due()
        db.session.rollback()
    mails = [raw.decode() for raw in db.session.scalars(select(MailboxMessage.raw).order_by(MailboxMessage.id))]
    lines = list(reversed(acts.own(ana)))
    assert len(mails) == len(lines) == 4
    for mail, line in zip(mails, lines, strict=True):
        assert '"Because & so"' in mail
        assert line.digest in mail
    assert "suspended your account" in mails[0]


def test_an_operator_needs_a_reason_and_leaves_alone_what_is_so_already(ana, olga):
    for do in (acts.suspend, acts.lift, acts.unsilence):
        for reason in ("", "  ", "x" * 1001):
            with pytest.raises(Invalid):
                do(olga, ana, reason)
    with pytest.raises(Invalid):
        acts.silence_invitations(olga, ana, "Boats", 8)
    for do in (acts.lift, acts.unsilence):
        with pytest.raises(Refused):
            do(olga, ana, "Boats")
    acts.suspend(olga, ana, "Boats")
    acts.silence_invitations(olga, ana, "Boats", 0)
    with pytest.raises(Refused):
        acts.suspend(olga, ana, "Boats")
    with pytest.raises(Refused):
        acts.silence_invitations(olga, ana, "Boats", 7)
    assert kinds(ana) == ["silenced", "suspended"]


def test_nobody_does_it_to_themselves_and_who_is_suspended_is_no_operator(ana, olga):
    otto = factories.member("Otto Operator", is_operator=True)
    for do in (acts.suspend, lambda *given: acts.silence_invitations(*given, 7)):
        with pytest.raises(Refused):
            do(olga, olga, "Tired")
    acts.suspend(olga, otto, "Boats")
    db.session.commit()
    for operator in (otto, ana):
        with pytest.raises(NotFound):
            acts.suspend(operator, olga, "Revenge")
    assert olga.is_visible


# Silencing


def test_a_silenced_member_invites_nobody_and_is_told_why(ana, ben, olga):
    hub = factories.known(ana, "Hugo Hub", connections_shown="members")
    factories.connect(hub, ben)
    link = links.make(ana, "Reunion", 30, 10, connects=False)
    db.session.commit()
    acts.silence_invitations(olga, ana, "Sold boats", 7)
    db.session.commit()
    attempts = (
        lambda: relationships.invite(ana, [ben]),
        lambda: invite_guest(ana),
        lambda: links.make(ana, "More", 30, 10, connects=False),
        lambda: introductions.ask(ana, ben, hub.handle, "We both sail"),
    )
    for attempt in attempts:
        with pytest.raises(Refused, match="Sold boats"):
            attempt()
        db.session.rollback()
    with pytest.raises(links.Over):
        links.behind(links.token_of(link))
    clock.move(days=7, minutes=1)
    assert relationships.invite(ana, [ben]).invited == 1
    assert links.behind(links.token_of(link))[1] is ana


def test_a_silenced_member_still_answers_who_asked(ana, ben, olga):
    relationships.invite(ben, [ana])
    db.session.commit()
    clock.move(seconds=61)
    release()
    acts.silence_invitations(olga, ana, "Sold boats", 0)
    db.session.commit()
    assert relationships.invite(ana, [ben]).connected == 1


@pytest.mark.parametrize("days", [7, 0])
def test_what_waits_leaves_later_each_as_far_from_the_next_as_before(ana, ben, olga, days, setting):
    setting(INVITATIONS_PER_DAY=1, GUEST_MAILS_PER_DAY=1, GUEST_MAILS_PER_DAY_NEW=1)
    chen = factories.member("Chen Wei")
    relationships.invite(ana, [ben, chen])
    for address in ("grace@out.example", "hugo@out.example"):
        invite_guest(ana, address)

    def leaving_at():
        db.session.expire_all()
        guest = select(GuestInvitation.leaves_at).order_by(GuestInvitation.id)
        return [*(status(ana, other)[1] for other in (ben, chen)), *db.session.scalars(guest)]

    before = leaving_at()
    acts.silence_invitations(olga, ana, "Sold boats", days)
    db.session.commit()
    if days:
        assert [(late - early).days for early, late in zip(before, leaving_at(), strict=True)] == [7] * 4
    clock.move(days=2)
    release()
    assert {status(ana, other)[0] for other in (ben, chen)} == {"queued"}
    assert {row.state for row in db.session.query(GuestInvitation)} == {"queued"}
    acts.unsilence(olga, ana, "Talked")
    db.session.commit()
    assert [(late - early).days for early, late in zip(before, leaving_at(), strict=True)] == [2] * 4
    relationships.undo(ana, others=[chen])
    clock.move(seconds=61)
    release()
    assert status(ana, ben)[0] == "invited"
    assert status(ana, chen)[0] in {None, "none"}


def test_an_end_far_away_is_none(ana, olga):
    acts.silence_invitations(olga, ana, "Sold boats", 0)
    assert silence.is_open_ended(silence.ends(ana))
    assert acts.own(ana)[0].until is None
    with pytest.raises(Refused, match="until operators lift"):
        silence.check(ana)


# The log


def test_the_log_is_a_chain_that_the_doctor_reads(ana, ben, olga):
    acts.suspend(olga, ana, "Boats")
    acts.silence_invitations(olga, ben, "Boats", 7)
    acts.lift(olga, ana, "Sorry")
    db.session.commit()
    assert [act.number for act in db.session.scalars(select(Act).order_by(Act.number))] == [1, 2, 3]
    assert acts.problems() == []
    assert not [problem for problem in health.problems() if "log" in problem]


CHANGES = {
    "when": update(Act).where(Act.number == 2).values(at=clock.now()),
    "what": update(Act).where(Act.number == 2).values(kind="lifted"),
    "why": update(Act).where(Act.number == 2).values(reason="Another"),
    "whom": update(Act).where(Act.number == 2).values(member_id=1_000_000),
    "the digest": update(Act).where(Act.number == 2).values(digest="0" * 64),
    "all of it": delete(Act).where(Act.number == 2),
    "the last": delete(Act).where(Act.number == 3),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_database_itself_changes_and_deletes_no_line(ana, ben, olga, change):
    acts.suspend(olga, ana, "Boats")
    acts.silence_invitations(olga, ben, "Boats", 7)
    acts.lift(olga, ana, "Sorry")
    db.session.commit()
    with pytest.raises(DBAPIError, match="cannot be changed"):
        db.session.execute(change)
    db.session.rollback()
    assert acts.problems() == []


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", [name for name in CHANGES if name != "the last"])
def test_who_gets_around_that_is_found_out(ana, ben, olga, name):
    """Somebody with the file itself can take the triggers away; then the chain tells. Only the end can be cut off, which the mails tell."""
    acts.suspend(olga, ana, "Boats")
    acts.silence_invitations(olga, ben, "Boats", 7)
    acts.lift(olga, ana, "Sorry")
    db.session.commit()
    for trigger in ("act_update", "act_delete"):
        db.session.execute(text(f"DROP TRIGGER {trigger}"))
    db.session.execute(text("PRAGMA defer_foreign_keys = ON"))
    db.session.execute(CHANGES[name])
    [problem] = acts.problems()
    assert "line 2" in problem
    db.session.rollback()
    assert acts.problems() == []


def test_a_deleted_account_leaves_the_lines_without_it(ana, ben, olga):
    otto = factories.member("Otto Operator", is_operator=True)
    acts.silence_invitations(otto, ana, "Sold secretwordboats", 7)
    acts.silence_invitations(otto, ben, "Other", 7)
    db.session.commit()
    for leaver in (ana, otto):
        leaver_id = leaver.id
        leaving.ask(leaver, factories.sign_in(leaver))
        leaving.at_once(leaver)
        db.session.commit()
        for _step in range(200):
            if db.session.get(Member, leaver_id) is None:
                break
            clock.move(minutes=2)
            jobs.run_due()
            db.session.rollback()
            clock.move(hours=1)
        assert db.session.get(Member, leaver_id) is None
    lines = db.session.scalars(select(Act).order_by(Act.number)).all()
    assert [(act.kind, act.member_id, act.operator_id, act.reason) for act in lines] == [
        ("silenced", None, None, ""),
        ("silenced", ben.id, None, "Other"),
    ]
    assert {act.operator_salt for act in lines} == {""}
    assert acts.problems() == []


# One member, as operators see them


def test_i_dont_know_this_person_is_counted_for_thirty_days(ana, ben):
    reporters = [factories.member(f"Reporter {number}") for number in range(6)]
    moderation.report(reporters[5], ana, "unknown")
    clock.move(days=31)
    before = status(ana, reporters[0]), relationships.allowance(ana), guests.allowance(ana)
    for reporter in reporters[:5]:
        moderation.report(reporter, ana, "unknown")
    moderation.report(ben, ana, "advertising")
    db.session.commit()
    assert acts.unknown_to(ana) == 5
    assert (status(ana, reporters[0]), relationships.allowance(ana), guests.allowance(ana)) == before
    assert kinds(ana) == []


def test_how_guests_took_the_mails_is_numbers(ana):
    for name in ("grace", "hugo", "ida"):
        invite_guest(ana, f"{name}@out.example")
    clock.move(seconds=61)
    jobs.run_due()
    db.session.rollback()
    guests.opt_out(factories.lookup("grace@out.example"))
    guests.opt_out(factories.lookup("hugo@out.example"), "not_me")
    db.session.commit()
    assert acts.mailed(ana) == acts.Mailed(sent=3, opted_out=1, not_me=1, reported=0)
    assert db.session.query(OutgoingMail).filter_by(kind="guest_invitation", state="sent").count() == 3


def test_an_operator_finds_who_is_hidden_too(ana, ben, olga):
    moderation.block(ana, olga)
    acts.suspend(olga, ana, "Boats")
    db.session.commit()
    assert acts.one_of(ana.handle) is ana
    for handle in ("nobody-abcd", factories.member("Carl", verified=False).handle):
        with pytest.raises(NotFound):
            acts.one_of(handle)
    assert db.session.query(SignIn).count() == 0
