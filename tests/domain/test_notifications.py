"""What a member is told inside Kith."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import notifications, relationships
from webapp.extensions import db

pytestmark = pytest.mark.usefixtures("context")


def asked(one, other):
    relationships.invite(one, [other])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()


def told(viewer):
    return [(row.kind, row.name) for row in db.session.execute(notifications.of(viewer))]


def test_an_acceptance_is_told_when_it_can_no_longer_be_undone(ana, ben):
    asked(ana, ben)
    assert told(ben) == [("invitation", "Ana Lima")]
    relationships.accept(ben, [ana])
    db.session.commit()
    assert (told(ana), notifications.unread(ana)) == ([], 0)
    clock.move(seconds=61)
    assert (told(ana), notifications.unread(ana)) == ([("connected", "Ben Okafor")], 1)


def test_a_cause_that_goes_away_takes_its_notification_along(ana, ben):
    asked(ana, ben)
    relationships.withdraw(ana, [ben])
    db.session.commit()
    assert (told(ben), notifications.unread(ben)) == ([], 0)


def test_unread_counts_what_is_shown_and_what_was_shown_is_read(ana, ben):
    carl = factories.member("Carl")
    gone = factories.member("Dora")
    for other in (ben, carl, gone):
        asked(other, ana)
    gone.suspended_at = clock.now()
    db.session.commit()
    rows = db.session.execute(notifications.of(ana)).all()
    assert [row.name for row in rows] == ["Carl", "Ben Okafor"]
    assert notifications.unread(ana) == 2
    assert [
        row.name for row in db.session.execute(notifications.after(notifications.of(ana), *rows[0][2:3], rows[0].id))
    ] == ["Ben Okafor"]
    notifications.read(ben, [rows[0].id])
    assert notifications.unread(ana) == 2
    notifications.read(ana, [rows[0].id])
    assert notifications.unread(ana) == 1
    notifications.read_all(ana)
    db.session.commit()
    assert notifications.unread(ana) == 0
