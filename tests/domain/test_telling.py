"""Telling: a notification and its mail come together and go together."""

import pytest
from sqlalchemy import select

from tests import factories
from webapp.domain import notifications, telling
from webapp.extensions import db
from webapp.models.mail import OutgoingMail
from webapp.models.notification import Notification


@pytest.fixture
def pair(context):
    return factories.member("Ana"), factories.member("Ben")


def told():
    return [(row.member_id, row.kind, row.about) for row in db.session.scalars(select(Notification))]


def mailed():
    return [(row.to_member_id, row.kind) for row in db.session.scalars(select(OutgoingMail))]


def test_telling_puts_down_a_notification_and_the_mail_of_that_kind(pair):
    ana, ben = pair
    telling.tell("connected", [(ana.id, ben.id)])
    assert told() == [(ana.id, "connected", "")]
    assert mailed() == [(ana.id, "connected")]
    assert notifications.unread(ana) == 1


def test_a_kind_without_a_mail_sends_none(pair):
    ana, ben = pair
    telling.tell("connected", [(ana.id, ben.id)], mail="")
    telling.tell("guest_invitation", [(ana.id, ben.id)], mail="no_such_mail")
    assert len(told()) == 2
    assert mailed() == []


def test_what_is_taken_back_is_only_what_it_was_about(pair):
    ana, ben = pair
    for about in ("one", "two"):
        telling.tell("connected", [(ana.id, ben.id), (ben.id, ana.id)], about=about)
    telling.retract("connected", [(ana.id, ben.id)], about="one")
    assert sorted(told()) == sorted(
        [(ben.id, "connected", "one"), *((i, "connected", "two") for i in (ana.id, ben.id))]
    )
    telling.forget("connected", "two")
    assert told() == [(ben.id, "connected", "one")]


def test_nobody_is_told_nothing(pair, statements):
    with statements() as seen:
        telling.tell("connected", [])
        telling.retract("connected", [])
    assert seen == []
