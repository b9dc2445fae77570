"""Restoring yesterday's backup undoes nothing that somebody refused or ended since: no opt-out, no leaving, no block."""

import pytest
from sqlalchemy import func, select

from tests import factories, programs
from tests.keeping.copies import Copy
from webapp import clock, config, jobs, schema
from webapp.domain import acts, guests, held, leaving, relationships
from webapp.extensions import db
from webapp.jobs import health, housekeeping
from webapp.jobs import leaving as going
from webapp.keeping import backup
from webapp.keeping.errors import Refused
from webapp.models.act import Act
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import EmailAddress, Member

ADDRESSES = {"out": "out@guest.example", "waits": "waits@guest.example", "erased": "erased@guest.example"}
pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


def invite(viewer, *addresses):
    people = [guests.Invitee("Guest", address, factories.lookup(address)) for address in addresses]
    guests.invite(viewer, people, source="Google contacts")
    db.session.commit()


def by_name(name):
    return db.session.scalars(select(Member).where(Member.name == name)).one_or_none()


def delivered():
    return sorted(db.session.scalars(select(MailboxMessage.recipient)))


def go_on(**moved):
    clock.move(**moved)
    jobs.run_due()
    housekeeping.tidy()
    db.session.commit()


@pytest.fixture
def yesterday(context, tmp_path):
    """A copy of the instance to go on with, and a backup of it as it was yesterday.

    Ada runs it and has invited three guests, the mail to one of whom waits; Grace stays, Ida leaves, Olga is a nuisance.
    """
    ada = factories.member("Ada Lovelace", is_operator=True)
    for name in ("Grace Hopper", "Ida Rhodes", "Olga Ladyzhenskaya", "Karen Sparck Jones"):
        factories.connect(ada, factories.member(name))
    jobs.run_due()
    invite(ada, ADDRESSES["out"], ADDRESSES["erased"])
    clock.move(minutes=2)
    jobs.run_due()
    invite(ada, ADDRESSES["waits"])
    leaving.ask(by_name("Karen Sparck Jones"), "")
    db.session.commit()
    backup.back_up(tmp_path / "first")
    instance = Copy(tmp_path / "instance", config.setting("INSTANCE"))
    instance.restore(tmp_path / "first", as_it_was=True)
    instance.back_up(tmp_path / "yesterday")
    return instance, tmp_path / "yesterday"


def a_day():
    """What happens on the day that is lost: opting out, erasing, leaving, staying after all, blocking, suspending, and mail."""
    go_on(hours=1)
    ada, grace, olga = (by_name(name) for name in ("Ada Lovelace", "Grace Hopper", "Olga Ladyzhenskaya"))
    guests.opt_out(factories.lookup(ADDRESSES["out"]))
    guests.opt_out(factories.lookup("stranger@guest.example"))
    held.erase(factories.lookup(ADDRESSES["erased"]))
    leaving.ask(by_name("Ida Rhodes"), "")
    leaving.at_once(by_name("Ida Rhodes"))
    leaving.stay(by_name("Karen Sparck Jones"))
    relationships.block(grace, olga)
    acts.suspend(ada, olga, "Writes to everybody")
    grace.findable = "nobody"
    db.session.commit()
    for hours in (1, 25):  # the last mail stays in the mailbox for a day
        going.go_on(1000)
        go_on(hours=hours)
    assert by_name("Ida Rhodes") is None


def everything_stays():
    """What an instance must know after yesterday's backup was restored over that day."""
    go_on(seconds=1)
    ada, grace, olga = (by_name(name) for name in ("Ada Lovelace", "Grace Hopper", "Olga Ladyzhenskaya"))
    assert by_name("Ida Rhodes") is None, "who has left is not here again"
    assert by_name("Karen Sparck Jones").is_visible, "who stayed after all is not deleted"
    assert db.session.scalar(select(EmailAddress.id).where(EmailAddress.member_id.not_in(select(Member.id)))) is None
    assert olga.suspended_at is not None
    assert [line.reason for line in db.session.scalars(select(Act))] == ["Writes to everybody"]
    assert db.session.scalar(select(relationships.blocked_between(grace, olga.id)))
    assert grace.findable == "nobody"
    assert (ada.degree, health.problems()) == (3, [])
    erased = db.session.scalars(
        select(GuestInvitation).where(GuestInvitation.lookup == factories.lookup(ADDRESSES["erased"]))
    ).one()
    assert (erased.address, erased.name, erased.quiet_reason) == (None, None, "erased")
    already = delivered()
    other = factories.member("Newcomer", "new@post.example")
    invite(other, *ADDRESSES.values(), "stranger@guest.example", "nobody-yet@guest.example")
    go_on(minutes=5)
    new = delivered()
    for address in already:
        new.remove(address)
    assert new == ["nobody-yet@guest.example"], "no address gets a second mail, and none that wants none"


def test_opt_out_then_restore_yesterday_then_invite_and_no_mail_is_sent(yesterday):
    instance, file = yesterday
    instance.within(a_day)
    done = instance.restore(file, replace=True).merged
    assert (done.opt_outs, done.left, done.suspended, done.blocked) == (2, 1, 1, 1)
    assert (done.is_later, done.is_whole) == (True, True)
    instance.within(everything_stays)


def test_the_same_where_the_old_database_is_elsewhere_and_of_the_other_engine(yesterday, tmp_path, request, worker_id):
    instance, file = yesterday
    url = request.getfixturevalue("postgres").database(f"kith_copy_{worker_id}_1")
    old = Copy(tmp_path / "old", instance.folder, url)
    old.restore(file, as_it_was=True)
    old.within(a_day)
    new = Copy(tmp_path / "new", instance.folder)
    new.restore(file, old_database=url)
    new.within(everything_stays)


def test_an_old_database_that_is_none_is_refused_before_what_was_refused_is_lost(yesterday, tmp_path):
    instance, file = yesterday
    wrong, new = tmp_path / "notes.txt", Copy(tmp_path / "new", instance.folder)
    wrong.write_text("no database")
    with pytest.raises(Refused, match="no database of SQLite's"):
        new.restore(file, old_database=str(wrong))
    assert not (new.folder / "kith.sqlite3").exists()


def test_of_a_damaged_database_what_can_be_read_counts_and_nobody_is_taken_for_gone(yesterday):
    instance, file = yesterday
    instance.within(a_day)
    path = instance.folder / "kith.sqlite3"
    with path.open("r+b") as broken:
        page = 4096
        root = instance.within(
            lambda: (
                db.session.connection()
                .exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'member'")
                .scalar()
            )
        )
        broken.seek((root - 1) * page)
        broken.write(b"\xff" * page)
    said = programs.run("doctor", INSTANCE=instance.folder)
    assert (said.returncode, said.stderr.partition(" (")[0]) == (1, "Error: The database is damaged")
    done = instance.restore(file, replace=True).merged
    assert (done.opt_outs, done.is_whole, done.left) == (2, False, 0)
    assert instance.within(lambda: by_name("Ida Rhodes")) is not None


def test_of_one_that_the_backup_was_not_taken_of_only_opt_outs_are_taken(yesterday, tmp_path):
    instance, file = yesterday
    later = Copy(tmp_path / "later", instance.folder)
    later.restore(file, as_it_was=True)
    later.within(lambda: (go_on(hours=1), factories.member("Newcomer")))
    later.back_up(tmp_path / "today")
    instance.within(lambda: (guests.opt_out(factories.lookup(ADDRESSES["waits"])), db.session.commit()))
    done = instance.restore(tmp_path / "today", replace=True).merged
    assert (done.opt_outs, done.is_later) == (1, False)
    assert instance.within(lambda: by_name("Newcomer")) is not None


def test_without_an_old_database_what_waited_is_uncertain_and_its_address_counts_as_having_had_its_mail(
    yesterday, tmp_path
):
    instance, file = yesterday
    clock.move(hours=1)
    new = Copy(tmp_path / "new", instance.folder)
    assert new.restore(file).settled.mails == 1

    def look():
        go_on(minutes=1)
        lookup = factories.lookup(ADDRESSES["waits"])
        row = db.session.scalars(select(GuestInvitation).where(GuestInvitation.lookup == lookup)).one()
        assert row.state == "invited", "its inviter sees no difference between it and one that led to no mail"
        assert db.session.get_one(GuestAddress, lookup).mailed_at is not None
        states = select(OutgoingMail.state).where(OutgoingMail.guest_invitation_id == row.id)
        assert db.session.scalars(states).all() == ["uncertain"]
        assert ADDRESSES["waits"] not in delivered()
        link = db.session.get_one(GuestAddress, factories.lookup(ADDRESSES["out"]))
        assert link.link_digest is not None
        assert link.link_expires_at > clock.now(), "links of guests go on"
        assert schema.current() == schema.wanted()
        return db.session.scalar(select(func.count()).select_from(Member))

    assert new.within(look) == 5
