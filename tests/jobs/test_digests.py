"""Digests: at most one a day, never empty, and only what is unread and true when it leaves."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from tests.working import mails, run
from webapp import clock, jobs
from webapp.domain import events, messages, moderation, notifications, relationships, telling
from webapp.extensions import db
from webapp.jobs import digests, mail
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.models.message import Message
from webapp.transaction import transaction

HOUR = 7


@pytest.fixture
def ana(context):
    """A member who wants one mail a day, chosen on a Monday, an hour after that day's digests."""
    now = clock.now()
    monday = (now + timedelta(days=7 - now.weekday())).replace(hour=HOUR + 1, minute=0, second=0)
    clock.move(seconds=(monday - now).total_seconds())
    row = factories.member("Ana Lima", "ana@example.org")
    with transaction():
        events.choose(row, [], [], "daily")
    return row.id


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor").id


def member(member_id):
    return db.session.get_one(Member, member_id)


def accept(ana, *others):
    clock.move(seconds=1)  # what happens in the very millisecond of a choice was told as before it
    with transaction():
        telling.tell("connected", [(ana, other) for other in others])


def subjects():
    return [mail.subject for mail in mails()]


def test_what_happens_in_a_day_comes_together_the_next_morning_and_once(ana, ben):
    accept(ana, ben, factories.member("Carl").id)
    run(tidying=True)
    assert subjects() == []
    clock.move(hours=22)
    run(tidying=True)
    assert subjects() == []
    for _minute in range(3):
        clock.move(hours=1)
        run(tidying=True)
    assert subjects() == ["What is new at Northgate"]
    raw = mails()[0].raw
    assert "and 1 other accepted your invitation" in raw
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    for _day in range(3):
        clock.move(days=1)
        run(tidying=True)
    assert len(mails()) == 1, "nothing new, no mail"


def test_once_a_week_is_on_monday(ana, ben):
    with transaction():
        events.choose(member(ana), [], [], "weekly")
    accept(ana, ben)
    for _day in range(6):
        clock.move(days=1)
        run(tidying=True)
    assert subjects() == []
    clock.move(days=1)
    run(tidying=True)
    assert len(subjects()) == 1


def write(author_id, to_id, *texts):
    for text in texts:
        clock.move(seconds=1)
        with transaction():
            messages.write_to(member(author_id), member(to_id), text)


def test_who_left_messages_unread_is_told_from_whom_in_the_digest(ana, ben):
    chen = factories.member("Chen Wei").id
    for other in (ben, chen):
        factories.connect(member(ana), member(other))
    write(ben, ana, "Are you coming?", "On Thursday?")
    write(chen, ana, "Hello")
    write(ana, chen, "Hello Chen")  # what she answered, she has read
    write(chen, ana, "Dinner?")
    clock.move(days=1)
    run(tidying=True)
    assert [subject for subject in subjects() if "new at" in subject] == ["What is new at Northgate"]
    body = mails()[-1].raw
    assert "Chen Wei and 1 other wrote to you" in body
    assert "Are you coming" not in body
    assert "/messages" in body
    clock.move(days=1)
    run(tidying=True)
    assert len([subject for subject in subjects() if "new at" in subject]) == 1


@pytest.mark.parametrize("meanwhile", ["read", "muted", "blocked", "unwanted", "deleted"])
def test_messages_that_need_no_telling_are_in_no_digest(ana, ben, meanwhile):
    factories.connect(member(ana), member(ben))
    write(ben, ana, "Are you coming?")
    key = messages.key_of(db.session.scalars(select(Message)).one())
    with transaction():
        me = member(ana)
        if meanwhile == "read":
            messages.mark_read(me, key, 10**6)
        elif meanwhile == "muted":
            messages.mute(me, key, on=True)
        elif meanwhile == "blocked":
            moderation.block(me, member(ben))
        elif meanwhile == "unwanted":
            events.choose(me, ["message"], [("message", "app")], "daily")
        else:
            messages.delete_for_all(member(ben), key, db.session.scalars(select(Message.key)).one())
    clock.move(days=1)
    run(tidying=True)
    assert "What is new at Northgate" not in subjects()


def read(ana, _ben):
    notifications.read_all(member(ana))


def take_back(ana, ben):
    telling.retract("connected", [(ana, ben)])


def block(ana, ben):
    relationships.block(member(ana), member(ben))


def want_none(ana, _ben):
    events.turn_mail_off(member(ana), "connected")


def stop(ana, _ben):
    events.turn_mail_off(member(ana), events.DIGEST)


@pytest.mark.parametrize("meanwhile", [read, take_back, block, want_none, stop])
@pytest.mark.parametrize("late", [False, True], ids=["before it is put down", "before it leaves"])
def test_what_is_read_or_not_true_any_more_is_not_told(ana, ben, meanwhile, late):
    accept(ana, ben)
    jobs.run_due()
    clock.move(days=1)
    if late:
        with transaction():
            assert digests.put_due(clock.now()) == 1
    with transaction():
        meanwhile(ana, ben)
    run(tidying=True)
    assert subjects() == []


def test_what_somebody_does_not_see_in_kith_still_comes_by_mail(ana, ben):
    with transaction():
        events.choose(member(ana), ["connected"], [("connected", "email")], "daily")
    accept(ana, ben)
    assert notifications.unread(member(ana)) == 0
    clock.move(days=1)
    run(tidying=True)
    assert len(subjects()) == 1


def test_a_crash_while_digests_are_put_down_loses_none_and_doubles_none(ana, ben):
    accept(ana, ben)
    jobs.run_due()
    clock.move(days=1)
    with pytest.raises(ZeroDivisionError), transaction():
        digests.put_due(clock.now())
        raise ZeroDivisionError
    for _time in range(2):
        with transaction():
            digests.put_due(clock.now())
    assert db.session.query(OutgoingMail).filter_by(kind="digest").count() == 1
    assert mail.claim() is not None  # the worker dies here
    clock.move(minutes=11)
    run(tidying=True)
    assert subjects() == []
    assert db.session.query(OutgoingMail).filter_by(kind="digest").one().state == "uncertain"


def test_changing_ones_mind_brings_no_second_digest_on_a_day(ana, ben):
    accept(ana, ben)
    clock.move(days=1)
    run(tidying=True)
    accept(ana, factories.member("Carl").id)
    with transaction():
        events.choose(member(ana), [], [], "weekly")
        events.choose(member(ana), [], [], "daily")
    clock.move(hours=5)
    run(tidying=True)
    assert len(subjects()) == 1


def test_many_members_take_as_many_statements_as_one(ana, ben, statements):
    counts = []
    for more in (0, 5):
        to = [ana, *(factories.member(digest="daily", digested_at=clock.now()).id for _number in range(more))]
        with transaction():
            telling.tell("connected", [(member_id, ben) for member_id in to])
        clock.move(days=1)
        with transaction(), statements() as seen:
            assert digests.put_due(clock.now()) == len(to)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_mails_that_ended_are_forgotten_after_a_while(ana, ben, setting):
    setting(MAIL_DAYS=3)
    with transaction():
        events.choose(member(ana), [], [], "each")
    accept(ana, ben)
    run(tidying=True)
    accept(ana, factories.member("Carl").id)
    clock.move(days=4)
    with transaction():
        assert mail.sweep(clock.now()) == 1
    assert [row.state for row in db.session.scalars(select(OutgoingMail))] == ["queued"]
