"""Introductions: every state, who may do what in it, and what the asker cannot tell apart."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests import factories
from webapp import clock
from webapp.domain import connections, introductions, moderation, people, relationships
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.introduction import Introduction
from webapp.models.notification import Notification


@pytest.fixture
def ben(ana):
    """Whom both know."""
    return factories.known(ana, "Ben Okafor")


@pytest.fixture
def chen(ben):
    """Whom Ana would like to meet."""
    return factories.known(ben, "Chen Wei")


def asked(ana, ben, chen, *, left=True):
    """Ask; return the key."""
    key = introductions.ask(ana, chen, ben.handle, "We both restore boats").key
    db.session.commit()
    if left:
        clock.move(seconds=61)
    return key


def passed(ana, ben, chen):
    key = asked(ana, ben, chen)
    introductions.pass_on(ben, key, "You two should talk")
    db.session.commit()
    return key


def waiting(viewer):
    db.session.expire_all()
    return [row.Introduction.key for row in db.session.execute(introductions.waiting(viewer))]


def told(viewer):
    db.session.expire_all()
    kinds = select(Notification.kind).where(
        Notification.member_id == viewer.id, Notification.visible_from <= clock.now(), Notification.kind.like("intro%")
    )
    return list(db.session.scalars(kinds))


def hoped(viewer):
    """What the asker sees."""
    db.session.expire_all()
    return [
        (row.name, row.via_name, row.Introduction.leaves_at) for row in db.session.execute(introductions.mine(viewer))
    ]


def test_it_connects_when_all_three_said_yes_and_not_before(ana, ben, chen):
    key = asked(ana, ben, chen)
    assert (waiting(ben), waiting(chen), told(ben)) == ([key], [], ["introduction_asked"])
    introductions.pass_on(ben, key, "You two should talk")
    db.session.commit()
    assert (waiting(ben), waiting(chen), told(ben), told(chen)) == ([], [key], [], ["introduction"])
    (row,) = db.session.execute(introductions.waiting(chen))
    assert (row.asker_name, row.via_name, row.Introduction.why, row.Introduction.words) == (
        "Ana Lima",
        "Ben Okafor",
        "We both restore boats",
        "You two should talk",
    )
    assert connections.between(ana, chen).degree == 2
    introductions.accept(chen, key)
    db.session.commit()
    assert connections.between(ana, chen).degree == 1
    assert db.session.scalar(select(func.count()).select_from(Introduction)) == 0
    assert told(chen) == []
    kinds = list(db.session.scalars(select(Notification.kind).where(Notification.member_id == ana.id)))
    assert kinds == ["connected"]
    assert relationships.problems() == []


def test_the_first_minute_belongs_to_the_asker_and_undo_leaves_no_trace(ana, ben, chen):
    key = asked(ana, ben, chen, left=False)
    assert (waiting(ben), told(ben)) == ([], [])
    with pytest.raises(NotFound):
        introductions.pass_on(ben, key, "")
    assert introductions.take_back(ana, key)
    db.session.commit()
    clock.move(seconds=61)
    assert (waiting(ben), told(ben), hoped(ana)) == ([], [], [])
    assert asked(ana, ben, chen) != key


def test_silence_in_between_silence_of_the_other_and_no_answer_look_alike(ana, ben, chen):
    key = asked(ana, ben, chen)
    before = hoped(ana)
    assert before
    introductions.decline(ben, key)
    db.session.commit()
    assert (hoped(ana), waiting(ben), waiting(chen), told(ben)) == (before, [], [], [])
    row = db.session.scalars(select(Introduction)).one()
    row.state = "asked"
    introductions.pass_on(ben, key, "")
    db.session.commit()
    assert hoped(ana) == before
    introductions.ignore(chen, key)
    db.session.commit()
    assert (hoped(ana), waiting(chen), told(chen)) == (before, [], [])
    for verb in (introductions.ask, introductions.ask):
        with pytest.raises(Refused, match="already"):
            verb(ana, chen, ben.handle, "Again")
    clock.move(days=180)
    assert hoped(ana) == []
    assert introductions.sweep(clock.now()) == 1
    db.session.commit()
    assert asked(ana, ben, chen)


def test_what_was_taken_back_late_is_gone_for_all_and_may_be_asked_for_again_later(ana, ben, chen):
    key = passed(ana, ben, chen)
    assert not introductions.take_back(ana, key)
    db.session.commit()
    assert (hoped(ana), waiting(ben), waiting(chen), told(chen)) == ([], [], [], [])
    assert db.session.scalars(select(Introduction)).one().why == ""
    with pytest.raises(Refused, match="again on"):
        introductions.ask(ana, chen, ben.handle, "Again")
    with pytest.raises(NotFound):
        introductions.take_back(ana, key)
    clock.move(days=21)
    assert asked(ana, ben, chen)


VERBS = {
    "take_back": introductions.take_back,
    "pass_on": lambda viewer, key: introductions.pass_on(viewer, key, ""),
    "decline": introductions.decline,
    "accept": introductions.accept,
    "ignore": introductions.ignore,
}
MAY = {"asked": {("ana", "take_back"), ("ben", "pass_on"), ("ben", "decline")}} | {
    "passed": {("ana", "take_back"), ("chen", "accept"), ("chen", "ignore")},
    "declined": {("ana", "take_back")},
    "ignored": {("ana", "take_back")},
    "cancelled": set(),
}


@pytest.mark.parametrize("state", MAY)
def test_in_each_state_each_may_do_only_what_is_theirs(ana, ben, chen, state):
    key = asked(ana, ben, chen)
    db.session.scalars(select(Introduction)).one().state = state
    db.session.commit()
    dora = factories.member("Dora Lind")
    for name, viewer in (("ana", ana), ("ben", ben), ("chen", chen), ("dora", dora)):
        for verb, does in VERBS.items():
            with db.session.begin_nested() as attempt:
                if (name, verb) in MAY[state]:
                    does(viewer, key)
                else:
                    with pytest.raises(NotFound):
                        does(viewer, key)
                attempt.rollback()


ENDS = {
    "the asker blocks the other": lambda ana, ben, chen: moderation.block(ana, chen),
    "the other blocks the asker": lambda ana, ben, chen: moderation.block(chen, ana),
    "the one between blocks the asker": lambda ana, ben, chen: moderation.block(ben, ana),
    "the asker leaves the one between": lambda ana, ben, chen: relationships.end(ana, ben),
    "the other leaves the one between": lambda ana, ben, chen: relationships.end(chen, ben),
    "the one between hides": lambda ana, ben, chen: setattr(ben, "unlisted", True),
    "the other wants to be asked by nobody": lambda ana, ben, chen: setattr(chen, "askable", "nobody"),
    "the asker is suspended": lambda ana, ben, chen: setattr(ana, "suspended_at", clock.now()),
    "the one between is suspended": lambda ana, ben, chen: setattr(ben, "suspended_at", clock.now()),
    "the other is suspended": lambda ana, ben, chen: setattr(chen, "suspended_at", clock.now()),
    "the two are connected": lambda ana, ben, chen: relationships.join(ana, [chen]),
    "it has expired": lambda ana, ben, chen: clock.move(days=181),
}


@pytest.mark.parametrize("what", ENDS)
def test_it_ends_silently(ana, ben, chen, what):
    key = asked(ana, ben, chen)
    row = db.session.scalars(select(Introduction)).one()
    ENDS[what](ana, ben, chen)
    for state, viewer, verbs in (("asked", ben, ("pass_on", "decline")), ("passed", chen, ("accept", "ignore"))):
        row.state = state
        db.session.commit()
        assert waiting(viewer) == []
        for verb in verbs:
            with pytest.raises(NotFound):
                VERBS[verb](viewer, key)


def test_only_to_somebody_both_know_with_whom_nothing_is_yet(ana, ben, chen):
    stranger = factories.member("Stranger")
    hidden = factories.member("Hidden", unlisted=True)
    factories.connect(ana, hidden)
    factories.connect(hidden, stranger)
    for other in (stranger, ben):
        assert not introductions.may_ask(ana, other)
        with pytest.raises(NotFound):
            introductions.ask(ana, other, hidden.handle, "Hello")
    assert introductions.may_ask(ana, chen)
    assert [row.name for row in introductions.could(ana, chen)] == ["Ben Okafor"]
    for via in ("", hidden.handle, chen.handle, "nobody-here"):
        with pytest.raises(Invalid) as refused:
            introductions.ask(ana, chen, via, "Hello")
        assert set(refused.value.fields) == {"via"}
    with pytest.raises(Invalid) as refused:
        introductions.ask(ana, chen, "", " ")
    assert set(refused.value.fields) == {"via", "why"}
    with pytest.raises(Invalid) as refused:
        introductions.ask(ana, chen, ben.handle, "x" * 301)
    assert set(refused.value.fields) == {"why"}
    relationships.invite(ana, [chen])
    assert not introductions.may_ask(ana, chen)


def test_no_more_are_open_than_may_be(ana, ben, chen, setting):
    setting(INTRODUCTIONS_OPEN_MAX=1)
    dora = factories.member("Dora Lind")
    factories.connect(ben, dora)
    key = asked(ana, ben, chen)
    with pytest.raises(Refused, match="1 introductions"):
        introductions.ask(ana, dora, ben.handle, "Hello")
    introductions.take_back(ana, key)
    assert introductions.ask(ana, dora, ben.handle, "Hello")


def test_a_full_list_is_said_and_nothing_is_lost(ana, ben, chen, setting):
    key = passed(ana, ben, chen)
    setting(CONNECTIONS_MAX=1)
    with pytest.raises(Refused, match="full"):
        introductions.accept(chen, key)
    db.session.rollback()
    assert waiting(chen) == [key]


def test_the_one_between_is_not_named_to_an_asker_who_may_not_see_them(ana, ben, chen):
    asked(ana, ben, chen)
    moderation.block(ben, ana)
    db.session.commit()
    (row,) = hoped(ana)
    assert row[:2] == ("Chen Wei", None)
    assert people.standing(ana, chen).status == "none"


def test_a_member_who_goes_takes_their_introductions_along(ana, ben, chen):
    asked(ana, ben, chen)
    relationships.forget(ben)
    db.session.delete(ben)
    db.session.commit()
    assert db.session.scalars(select(Introduction)).all() == []
    assert clock.now() - timedelta(days=1) < ana.created_at
