"""Reminders: at most one mail a week, asked for, never empty, of names only, and true when it leaves."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from tests.working import mails, run
from webapp import clock
from webapp.domain import cards, events, messages, relationships
from webapp.extensions import db
from webapp.jobs import mail, reminders
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.transaction import transaction

NOTE = "Zebrafinch"
ABOUT = "Time to get in touch again"


def ask(member, *, digest="each"):
    events.choose(member, ["keep_in_touch"], [("keep_in_touch", "email")], digest)


@pytest.fixture
def ana(context):
    """A member who asked for it on a Tuesday."""
    now = clock.now()
    tuesday = (now + timedelta(days=8 - now.weekday())).replace(hour=12, minute=0, second=0)
    clock.move(seconds=(tuesday - now).total_seconds())
    row = factories.member("Ana Lima", "ana@example.org")
    with transaction():
        ask(row)
    return row.id


@pytest.fixture
def ben(ana):
    """With whom Ana wants to be in touch every month; they last spoke five weeks ago."""
    other = factories.member("Ben Okafor")
    factories.connect(member(ana), other)
    keep(ana, other)
    clock.move(days=35)
    return other.id


def member(member_id):
    return db.session.get_one(Member, member_id)


def keep(owner, other):
    with transaction():
        cards.set_note(member(owner), other, NOTE)
        cards.set_tags(member(owner), other, NOTE)
        cards.set_every(member(owner), other, 1)


def test_it_comes_on_monday_names_who_is_due_and_comes_once_a_week(ana, ben):
    run(tidying=True)
    before = len(mails(ABOUT))  # the weeks that passed at once are one
    for _day in range(7):
        clock.move(days=1)
        run(tidying=True)
        run(tidying=True)
    found = mails(ABOUT)[before:]
    assert len(found) == 1
    recipient, raw = found[0].to, found[0].raw
    assert recipient == "ana@example.org"
    assert "Ben Okafor" in raw
    assert "/cards/due" in raw
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    for _day in range(7):
        clock.move(days=1)
        run(tidying=True)
    assert len(mails(ABOUT)) == before + 2
    assert not any(NOTE in each.raw for each in mails(ABOUT))
    put = db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == reminders.KIND))
    assert {(row.to_member_id, row.by_member_id, str(row.facts)) for row in put} == {(ana, None, "{}")}


def test_the_day_is_monday_at_the_hour_of_digests(ana, ben):
    run(tidying=True)
    before, now = len(mails(ABOUT)), clock.now()
    monday = (now + timedelta(days=7 - now.weekday())).replace(hour=7, minute=0, second=0, microsecond=0)
    clock.move(seconds=(monday - now).total_seconds() - 60)
    run(tidying=True)
    assert len(mails(ABOUT)) == before
    clock.move(seconds=120)
    run(tidying=True)
    assert len(mails(ABOUT)) == before + 1


def test_nobody_who_did_not_ask_gets_one_and_nobody_an_empty_one(ana, ben):
    with transaction():
        cards.set_every(member(ben), member(ana), 1)  # Ben asked for no mail
    quiet = factories.member("Quinn Ito")
    with transaction():
        ask(quiet)
        cards.set_note(quiet, member(ana), "A card without a wish")
    clock.move(days=70)
    run(tidying=True)
    assert {each.to for each in mails(ABOUT)} == {"ana@example.org"}


def speak(ana, ben):
    cards.spoke_today(member(ana), member(ben))


def write(ana, ben):
    messages.write_to(member(ben), member(ana), "Hello")


def block(ana, ben):
    relationships.block(member(ben), member(ana))


def suspend(_ana, ben):
    member(ben).suspended_at = clock.now()


def end(ana, ben):
    cards.set_every(member(ana), member(ben), 0)


def unsubscribe(ana, _ben):
    events.turn_mail_off(member(ana), "keep_in_touch")


def want_no_mail(ana, _ben):
    ask(member(ana), digest="none")


@pytest.mark.parametrize("meanwhile", [speak, write, block, suspend, end, unsubscribe, want_no_mail])
@pytest.mark.parametrize("late", [False, True], ids=["before it is put down", "before it leaves"])
def test_what_is_not_true_any_more_is_not_told(ana, ben, meanwhile, late):
    if late:
        with transaction():
            assert reminders.put_due(clock.now()) == 1
    with transaction():
        meanwhile(ana, ben)
    run(tidying=True)
    assert mails(ABOUT) == []


@pytest.mark.parametrize("digest", ["daily", "weekly"])
def test_it_waits_for_no_other_digest(ana, ben, digest):
    with transaction():
        ask(member(ana), digest=digest)
    run(tidying=True)
    assert len(mails(ABOUT)) == 1


def test_a_crash_loses_none_and_doubles_none(ana, ben):
    with pytest.raises(ZeroDivisionError), transaction():
        reminders.put_due(clock.now())
        raise ZeroDivisionError
    with transaction():
        assert reminders.put_due(clock.now()) == 1
    with transaction():
        assert reminders.put_due(clock.now()) == 0
    assert mail.claim() is not None  # the worker dies here
    clock.move(minutes=11)
    run(tidying=True)
    assert mails(ABOUT) == []


def test_who_keeps_a_first_card_is_not_mailed_that_very_day(ana):
    other = factories.member("Ben Okafor")
    keep(ana, other)
    with transaction():
        assert reminders.put_due(clock.now()) == 0


def test_long_lists_are_cut_and_say_so(ana):
    for number in range(14):
        keep(ana, factories.member(f"Ben {number:02}"))
    clock.move(days=35)
    run(tidying=True)
    [one] = mails(ABOUT)
    raw = one.raw
    assert "- Ben 11" in raw
    assert "- Ben 12" not in raw
    assert "And more:" in raw


def test_many_members_take_as_many_statements_as_one(ana, ben, statements):
    counts = []
    for more in (0, 5):
        for _number in range(more):
            other = factories.member("One More")
            with transaction():
                ask(other)
            keep(other.id, member(ben))
        clock.move(days=40)
        with transaction(), statements() as seen:
            assert reminders.put_due(clock.now()) == 1 + more
        counts.append(len(seen))
    assert counts[0] == counts[1]
