"""What members want to hear of, by event and channel."""

import pytest
from sqlalchemy import select

from tests import factories
from webapp.domain import events, notifications, telling
from webapp.domain.errors import Invalid, NotFound
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.event_choice import EventChoice
from webapp.models.notification import Notification

USUAL = {
    (event.name, channel) for event in events.EVENTS for channel in ("app", "email") if channel == "app" or event.mailed
}


@pytest.fixture
def ana(context):
    return factories.member("Ana")


@pytest.fixture
def ben(context):
    return factories.member("Ben")


def kept():
    return {(row.member_id, row.event, row.channel, row.wanted) for row in db.session.scalars(select(EventChoice))}


def test_only_what_differs_from_the_default_is_kept_and_for_nobody_else(ana, ben):
    assert {each for each, wanted in events.chosen(ana).items() if wanted} <= USUAL
    events.choose(ana, events.BY_NAME, USUAL - {("connected", "email")}, "each")
    assert kept() == {(ana.id, "connected", "email", False)}
    assert not events.wants_mail(ana, "connected")
    assert events.wants_mail(ana, "invitation")
    assert events.wants_mail(ben, "connected")
    events.choose(ana, events.BY_NAME, USUAL, "each")
    assert kept() == set()


def test_an_event_the_form_did_not_show_keeps_its_choice(ana):
    events.choose(ana, ["invitation"], [], "each")
    events.choose(ana, ["connected"], [("connected", "app"), ("connected", "email")], "each")
    assert kept() == {(ana.id, "invitation", "app", False), (ana.id, "invitation", "email", False)}


def test_a_rhythm_nobody_offered_changes_nothing(ana):
    with pytest.raises(Invalid):
        events.choose(ana, events.BY_NAME, [], "hourly")
    assert (kept(), ana.digest) == (set(), "each")


def test_with_a_digest_no_mail_leaves_by_itself(ana):
    for digest in ("daily", "weekly", "none"):
        events.choose(ana, [], [], digest)
        assert not events.wants_mail(ana, "connected")
        assert events.wants_mail(ana, events.DIGEST) is (digest != "none")


def test_what_somebody_does_not_want_to_see_is_neither_shown_nor_counted(ana, ben):
    events.choose(ana, ["connected"], [("connected", "email")], "each")
    telling.tell("connected", [(ana.id, ben.id), (ben.id, ana.id)])
    assert (notifications.unread(ana), notifications.unread(ben)) == (0, 1)
    assert db.session.execute(notifications.of(ana)).all() == []
    assert db.session.query(Notification).count() == 2, "kept for the digest"


def test_telling_many_takes_as_many_statements_as_telling_one(ana, statements):
    others = [factories.member(f"Ben {number}").id for number in range(5)]
    counts = []
    for to in (others[:1], others):
        pairs = [(member_id, ana.id) for member_id in to]
        with statements() as seen:
            telling.tell("connected", pairs)
        counts.append(len([each for each in seen if each.startswith(("INSERT", "SELECT", "WITH"))]))
    assert counts == ([2, 2] if is_sqlite() else [1, 1])


def test_a_link_turns_off_one_event_of_one_member_and_twice_is_once(ana, ben):
    token = events.unsubscribe_token(ana, "connected")
    for _time in range(2):
        events.turn_mail_off(*events.of_token(token))
        assert kept() == {(ana.id, "connected", "email", False)}
    events.turn_mail_off(*events.of_token(events.unsubscribe_token(ben, events.DIGEST)))
    assert (ana.digest, ben.digest) == ("each", "none")


def test_a_link_of_somebody_or_something_gone_leads_nowhere(ana):
    gone = events.unsubscribe_token(ana, "carrier_pigeons"), events.unsubscribe_token(ana, "connected")
    ana.handle = "another"
    db.session.flush()
    for token in (*gone, "", "x", gone[1][:-1]):
        with pytest.raises(NotFound):
            events.of_token(token)


def test_what_has_no_row_in_the_table_cannot_be_told(ana, ben):
    with pytest.raises(LookupError, match="'something'"):
        telling.tell("something", [(ana.id, ben.id)])
