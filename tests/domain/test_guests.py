"""Inviting people who are not members: one mail a year, undo, opting out, joining, and nothing the inviter could learn."""

import re

import pytest
from sqlalchemy import text

from tests import factories
from webapp import clock, jobs, sealed
from webapp.domain import connections, guests, relationships
from webapp.domain.errors import NotFound, Refused
from webapp.extensions import db
from webapp.models.invitation import GuestInvitation
from webapp.models.mail import MailboxMessage
from webapp.models.member import EmailAddress, Member
from webapp.models.notification import Notification

pytestmark = pytest.mark.usefixtures("context")


def invitee(address, name="Guest"):
    return guests.Invitee(name, address, factories.lookup(address))


def invite(viewer, *addresses, **more):
    result = guests.invite(viewer, [invitee(address) for address in addresses], source="Google contacts", **more)
    db.session.commit()
    return result


def work(**moved):
    clock.move(**(moved or {"seconds": 61}))
    jobs.run_due()
    db.session.expire_all()


def delivered(address=None):
    db.session.commit()
    rows = db.session.query(MailboxMessage).order_by(MailboxMessage.id).all()
    return [row for row in rows if address is None or row.recipient == address]


def states(viewer):
    db.session.expire_all()
    return [row.state for row in db.session.scalars(guests.mine(viewer))]


def token_of(message):
    text = message.raw.replace(b"=\r\n", b"").decode()
    return re.search(r"/join/([\w-]+)", text).group(1)


def test_nothing_leaves_within_the_minute_and_one_mail_after_it(ana):
    result = invite(ana, "guest@example.net")
    jobs.run_due()
    assert (result.invited, states(ana), delivered()) == (1, ["held"], [])
    work()
    assert states(ana) == ["invited"]
    assert len(delivered("guest@example.net")) == 1


def test_undo_leaves_no_trace(ana):
    result = invite(ana, "guest@example.net", "other@example.net")
    assert guests.undo(ana, result.batch) == 2
    db.session.commit()
    work()
    assert (states(ana), delivered()) == ([], [])
    assert invite(ana, "guest@example.net").invited == 1
    work()
    with pytest.raises(Refused, match="Too late"):
        guests.undo(ana, db.session.merge(result.batch))


def test_the_undone_mail_of_one_inviter_goes_to_the_next(ana, ben):
    first = invite(ana, "guest@example.net")
    invite(ben, "guest@example.net")
    guests.undo(ana, first.batch)
    db.session.commit()
    work()
    assert len(delivered("guest@example.net")) == 1
    assert states(ben) == ["invited"]


def test_joining_by_the_link_proves_the_address_and_connects_with_the_ticked_inviters(ana, ben):
    invite(ana, "guest@example.net")
    work()
    invite(ben, "guest@example.net")
    work()
    token = token_of(delivered()[0])
    link = guests.of_link(token)
    assert [member.name for member in link.inviters] == ["Ana Lima", "Ben Okafor"]
    gus = guests.join(token, "Guest", factories.password_hash(), [ana.id])
    db.session.commit()
    assert gus.verified_at is not None
    assert relationships.problems() == []
    assert [row.name for row in db.session.execute(connections.of(ana))] == ["Guest"]
    assert db.session.execute(connections.of(ben)).all() == []
    assert (states(ana), states(ben)) == (["accepted"], ["invited"])
    told = [(row.kind, row.member_id) for row in db.session.query(Notification)]
    assert told == [("connected", ana.id)]
    with pytest.raises(Refused, match="no longer open"):
        guests.of_link(token)
    work(days=31)
    guests.expire(clock.now())
    assert states(ben) == ["expired"]


def test_a_member_who_hides_gets_a_card_instead_and_answers_it(ana, ben):
    factories.address(ben, "ben.private@example.net")
    invite(ana, "ben.private@example.net")
    work()
    assert delivered("ben.private@example.net") == []
    row, inviter = db.session.execute(guests.cards(ben)).one()
    assert inviter.id == ana.id
    assert states(ana) == ["invited"]
    guests.accept_card(ben, row.key)
    db.session.commit()
    assert states(ana) == ["accepted"]
    assert connections.count(ana) == 1
    with pytest.raises(NotFound):
        guests.accept_card(ben, row.key)


def test_ignoring_a_card_or_blocking_changes_nothing_the_inviter_sees(ana, ben):
    factories.address(ben, "ben.private@example.net")
    relationships.block(ben, ana)
    db.session.commit()
    invite(ana, "ben.private@example.net", "nobody@example.net")
    work()
    assert db.session.execute(guests.cards(ben)).all() == []
    assert states(ana) == ["invited", "invited"]
    work(days=31)
    guests.expire(clock.now())
    assert states(ana) == ["expired", "expired"]


def test_hidden_and_stranger_look_alike_for_thirty_days(ana, ben):
    """One address belongs to somebody who blocks Ana, one to a member who ignores, one to nobody: the rows differ in the address only."""
    blocking, ignoring = ben, factories.member("Ida Roth")
    factories.address(blocking, "one@example.net")
    factories.address(ignoring, "two@example.net")
    relationships.block(blocking, ana)
    db.session.commit()
    invite(ana, "one@example.net", "two@example.net", "six@example.net")
    work()
    card = db.session.execute(guests.cards(ignoring)).one()[0]
    guests.ignore_card(ignoring, card.key)
    db.session.commit()
    for _day in range(33):
        rows = db.session.scalars(guests.mine(ana)).all()
        seen = {(row.state, row.leaves_at, row.expires_at, row.ended_at, row.name, row.address is None) for row in rows}
        assert len(seen) == 1
        assert len({status.state for status in guests.status_of(ana, [row.lookup for row in rows]).values()}) == 1
        work(days=1)
        guests.expire(clock.now())
        guests.sweep(clock.now())
        db.session.commit()


def test_proving_an_address_in_another_way_turns_the_invitation_into_a_card(ana):
    invite(ana, "guest@example.net")
    work()
    gus = factories.member("Guest", "guest@example.net")
    assert guests.meet(gus, factories.lookup("guest@example.net")) == 1
    db.session.commit()
    assert [row[1].name for row in db.session.execute(guests.cards(gus))] == ["Ana Lima"]


def test_erasing_takes_the_address_away_and_sends_none_for_a_year(ana, ben):
    invite(ana, "guest@example.net")
    work()
    guests.erase(factories.lookup("guest@example.net"))
    db.session.commit()
    row = db.session.query(GuestInvitation).one()
    assert (row.address, row.name, row.facts) == (None, None, {})
    assert states(ana) == ["invited"]
    invite(ben, "guest@example.net")
    work()
    assert len(delivered()) == 1


def test_a_guest_is_sealed_in_the_database(ana):
    invite(ana, "guest@example.net", note="Between us")
    row = db.session.execute(text("SELECT * FROM guest_invitation")).one()
    kept = b" ".join(bytes(each) if isinstance(each, bytes | memoryview) else str(each).encode() for each in row)
    for told in (b"guest@", b'"Guest', b"Between", b"Ana"):
        assert told not in kept
    read = db.session.query(GuestInvitation).one()
    assert (read.address, read.name, read.facts["note"]) == ("guest@example.net", "Guest", "Between us")
    with pytest.raises(sealed.Unreadable):  # and no column opens as another
        sealed.unwrap(bytes(row.address), "guest_invitation.name")


def test_without_a_way_to_send_nothing_is_invited(ana, setting):
    setting(BASE_URL="https://kith.example.org")
    with pytest.raises(Refused, match="Invitations are off"):
        invite(ana, "guest@example.net")


def test_an_existing_member_may_take_the_address_for_its_own(ana, ben):
    invite(ana, "guest@example.net")
    work()
    guests.join_as(ben, token_of(delivered()[0]), [ana.id])
    db.session.commit()
    mine = {row.address for row in db.session.query(EmailAddress).filter_by(member_id=ben.id)}
    assert "guest@example.net" in mine
    assert db.session.query(Member).count() == 2
    assert connections.count(ben) == 1


def test_the_number_of_statements_is_the_same_for_5_and_50(ana, statements, setting):
    setting(GUEST_MAILS_PER_DAY_NEW=500)

    def cost(number, start):
        people = [invitee(f"g{start + i}@example.net") for i in range(number)]
        with statements() as seen:
            guests.invite(ana, people)
        db.session.commit()
        return len(seen)

    assert cost(5, 0) == cost(50, 100) <= 12
