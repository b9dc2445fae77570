"""Blocking: the two do not exist for each other, and only who blocks can lift it."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import connections, guests, moderation, notifications, people
from webapp.domain.errors import NotFound
from webapp.extensions import db
from webapp.models.invitation import GuestInvitation
from webapp.models.mail import OutgoingMail

pytestmark = pytest.mark.usefixtures("context")


def names(viewer):
    return [row.name for row in db.session.scalars(moderation.blocked(viewer))]


def test_a_block_ends_a_connection_and_hides_both(ana, ben):
    factories.connect(ana, ben)
    moderation.block(ana, ben)
    db.session.commit()
    assert connections.count(ana) == connections.count(ben) == 0
    for viewer, other in ((ana, ben), (ben, ana)):
        with pytest.raises(NotFound):
            people.one_of(viewer, other.handle)
    assert (names(ana), names(ben)) == (["Ben Okafor"], [])


def test_only_who_blocks_can_lift_it_and_the_connection_stays_ended(ana, ben):
    factories.connect(ana, ben)
    moderation.block(ana, ben)
    db.session.commit()
    with pytest.raises(NotFound):
        moderation.unblock(ben, ana.handle)
    assert moderation.unblock(ana, ben.handle) is ben
    db.session.commit()
    assert names(ana) == []
    assert people.one_of(ben, ana.handle) is ana
    assert connections.count(ana) == 0


def test_an_own_block_stays_in_the_list_when_the_other_blocks_too_or_leaves(ana, ben):
    moderation.block(ana, ben)
    moderation.block(ben, ana)
    db.session.commit()
    assert (names(ana), names(ben)) == (["Ben Okafor"], ["Ana Lima"])
    moderation.unblock(ana, ben.handle)
    db.session.commit()
    with pytest.raises(NotFound):
        people.one_of(ana, ben.handle)
    ana.suspended_at = clock.now()
    db.session.commit()
    assert names(ben) == ["Ana Lima"]


@pytest.mark.parametrize("blocker", ["invited", "inviter"])
def test_a_block_takes_the_card_of_an_invitation_by_mail_away_for_good(ana, blocker):
    ben = factories.member("Ben Okafor", "ben@example.org", findable="nobody")
    guests.invite(ana, [guests.Invitee("Ben", "ben@example.org", factories.lookup("ben@example.org"))])
    db.session.commit()
    clock.move(seconds=61)
    guests.release(clock.now())
    db.session.commit()
    assert len(db.session.execute(guests.cards(ben)).all()) == notifications.unread(ben) == 1
    viewer, other = (ben, ana) if blocker == "invited" else (ana, ben)
    moderation.block(viewer, other)
    moderation.unblock(viewer, other.handle)
    db.session.commit()
    assert db.session.execute(guests.cards(ben)).all() == []
    assert notifications.unread(ben) == 0
    assert db.session.query(OutgoingMail).filter_by(state="queued").count() == 0
    assert [row.state for row in db.session.query(GuestInvitation)] == ["invited"]
