"""Mails about introductions: to the one in between and to the one it is for, by choice, and only while it waits for them."""

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.working import mails, run
from webapp import clock
from webapp.domain import events, introductions, moderation
from webapp.extensions import db
from webapp.jobs import housekeeping
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.transaction import transaction

WHY, WORDS = "We both restore boats", "You two should talk"


@pytest.fixture
def three(context):
    """Ana would like to meet Chen, whom Ben knows."""
    ana, ben, chen = (
        factories.member(name, f"{name.split()[0].lower()}@post.example")
        for name in ("Ana Lima", "Ben Okafor", "Chen Wei")
    )
    factories.connect(ana, ben)
    factories.connect(ben, chen)
    with transaction():
        db.session.query(OutgoingMail).delete()
    return [ana.id, ben.id, chen.id]


def member(member_id):
    return db.session.get_one(Member, member_id)


def ask(three, *, left=True):
    ana, ben, chen = map(member, three)
    with transaction():
        key = introductions.ask(ana, chen, ben.handle, WHY).key
    if left:
        clock.move(seconds=61)
    return key


def pass_on(three, key):
    with transaction():
        introductions.pass_on(member(three[1]), key, WORDS)


def test_the_one_in_between_is_mailed_and_then_the_one_it_is_for(three):
    key = ask(three, left=False)
    run()
    assert mails() == [], "the minute belongs to who asks"
    clock.move(seconds=61)
    run()
    to_ben = ("ben@post.example", "Ana Lima asks you for an introduction")
    assert [(mail.to, mail.subject) for mail in mails()] == [to_ben]
    pass_on(three, key)
    run()
    run()
    found, texts = [(mail.to, mail.subject) for mail in mails()], [mail.raw for mail in mails()]
    assert found == [to_ben, ("chen@post.example", "Ben Okafor would like to introduce somebody to you")]
    assert "to Chen Wei" in texts[0]
    assert "introduce Ana Lima to you" in texts[1]
    for text in texts:
        assert "/introductions" in text
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in text
        assert WHY not in text
        assert WORDS not in text


def take_back(three, key):
    introductions.take_back(member(three[0]), key)


def decline(three, key):
    introductions.decline(member(three[1]), key)


def block(three, _key):
    moderation.block(member(three[2]), member(three[0]))


def want_none(three, _key):
    events.turn_mail_off(member(three[1]), "introduction")


def want_a_digest(three, _key):
    events.choose(member(three[1]), [], [], "weekly")


@pytest.mark.parametrize("meanwhile", [take_back, decline, block, want_none, want_a_digest])
def test_nothing_is_mailed_that_waits_for_no_answer_or_is_not_wanted(three, meanwhile):
    key = ask(three)
    with transaction():
        meanwhile(three, key)
    run()
    assert mails() == []


def test_undone_in_the_minute_it_leaves_no_mail_behind_and_no_other_goes_with_it(three):
    dana = factories.member("Dana Fox")
    factories.connect(member(three[1]), dana)
    key, other = ask(three, left=False), ask([three[0], three[1], dana.id], left=False)
    with transaction():
        assert introductions.take_back(member(three[0]), key)
    put = select(OutgoingMail.facts).where(OutgoingMail.kind == introductions.ASKED)
    assert db.session.scalars(put).all() == [{"about": other}]
    clock.move(seconds=61)
    run()
    assert [mail.subject for mail in mails() if "introduction" in mail.subject] == [
        "Ana Lima asks you for an introduction"
    ]


def test_put_aside_by_the_one_it_is_for_before_it_left_it_does_not_leave(three):
    key = ask(three)
    run()
    pass_on(three, key)
    with transaction():
        introductions.ignore(member(three[2]), key)
    run()
    assert len(mails()) == 1
    kept = select(func.count()).select_from(OutgoingMail).where(OutgoingMail.state == "queued")
    assert db.session.scalar(kept) == 0


def test_who_gets_a_digest_finds_it_there(three):
    with transaction():
        events.choose(member(three[1]), [], [], "daily")
    clock.move(seconds=1)
    ask(three)
    run()
    clock.move(days=1)
    housekeeping.tidy()
    run()
    found, texts = [(mail.to, mail.subject) for mail in mails()], [mail.raw for mail in mails()]
    assert found == [("ben@post.example", "What is new at Northgate")]
    assert "Ana Lima asks you for an introduction" in texts[0]
