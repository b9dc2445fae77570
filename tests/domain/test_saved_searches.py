"""Saved searches: whoever is new is told once, to their owner alone, as the owner may see."""

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain import events, names, relationships, saved_searches, search
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.domain.search import Query
from webapp.extensions import db
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.models.notification import Notification

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


def look(hours=25):
    clock.move(hours=hours)
    number = saved_searches.look(clock.now())
    db.session.commit()
    return number


def told(owner):
    rows = db.session.execute(
        select(Member.name, Notification.about)
        .join(Member, Member.id == Notification.actor_id)
        .where(Notification.member_id == owner.id, Notification.kind == saved_searches.KIND)
        .order_by(Member.name)
    )
    return [tuple(row) for row in rows]


def test_who_is_new_is_told_once_and_who_was_found_before_is_not(ana):
    factories.member("Ben River")
    saved = saved_searches.save(ana, " Rivers ", Query("river"))
    db.session.commit()
    assert look() == 1
    assert told(ana) == []
    factories.member("Carl", headline="River pilot")
    late = factories.member("Dora")
    assert look(hours=23) == 0
    look(hours=2)
    assert told(ana) == [("Carl", saved.key)]
    late.headline = "Now at the river"
    names.refresh(late)
    db.session.commit()
    look()
    look()
    assert told(ana) == [("Carl", saved.key), ("Dora", saved.key)]


def test_it_finds_what_its_owner_may_see(ana):
    saved_searches.save(ana, "Rivers", Query("river"))
    blocking = factories.member("Ben River")
    relationships.block(blocking, ana)
    factories.member("Carl River", verified=False)
    db.session.commit()
    look()
    assert told(ana) == []


def test_a_mail_is_sent_only_to_who_asked_for_it_and_one_for_a_search(ana):
    saved_searches.save(ana, "Rivers", Query("river"))
    for name in ("Ben River", "Carl River"):
        factories.member(name)
    look()
    assert len(told(ana)) == 2
    [mail] = db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == "saved_search"))
    assert mail.to_member_id == ana.id
    assert not events.wants_mail(ana, "saved_search")
    look()
    assert db.session.scalars(select(OutgoingMail.id).where(OutgoingMail.kind == "saved_search")).all() == [mail.id]


def test_a_search_mails_once_a_week_and_the_mail_that_waits_is_for_all_of_that_week(ana):
    saved_searches.save(ana, "Rivers", Query("river"))
    begun = clock.now()
    for day in range(1, 17):
        if day in {1, 3, 5, 16}:
            factories.member(f"River {day}")
        look()  # which lets a day pass
    leave = db.session.scalars(
        select(OutgoingMail.not_before).where(OutgoingMail.kind == "saved_search").order_by(OutgoingMail.not_before)
    )
    assert [(at - begun).days for at in leave] == [1, 8, 16]
    assert len(told(ana)) == 4


def test_names_and_numbers_are_checked_and_too_many_found_are_refused(ana, monkeypatch):
    for name in ("", " ", "x" * 81):
        with pytest.raises(Invalid):
            saved_searches.save(ana, name, Query("river"))
    with pytest.raises(Refused, match="first"):
        saved_searches.save(ana, "All", Query())
    monkeypatch.setattr(saved_searches, "MOST", 1)
    saved_searches.save(ana, "One", Query("river"))
    with pytest.raises(Refused, match="Delete one first"):
        saved_searches.save(ana, "Two", Query("river"))
    monkeypatch.setattr(search, "FEW", 0)
    monkeypatch.setattr(saved_searches, "MOST", 9)
    factories.member("Ben River")
    with pytest.raises(Refused, match="too many"):
        saved_searches.save(ana, "Two", Query("river"))


def test_it_is_its_owners_alone_and_goes_with_what_was_told_of_it(ana):
    query = Query("river", place=("São Paulo", "A&B=C"), degree=(2,), mentors=True)
    saved = saved_searches.save(ana, "Rivers", query)
    assert saved_searches.asked(saved) == query
    assert list(saved_searches.of(ana)) == [saved]
    ben = factories.member("Ben")
    for reach in (saved_searches.one_of, saved_searches.delete):
        with pytest.raises(NotFound):
            reach(ben, saved.key)
    plain = saved_searches.save(ana, "Plain", Query("carl"))
    factories.member("Carl")
    look()
    assert told(ana) == [("Carl", plain.key)]
    saved_searches.delete(ana, plain.key)
    assert told(ana) == []


def test_a_suspended_owner_is_told_nothing_and_the_others_do_not_wait(ana, monkeypatch):
    saved_searches.save(ana, "Rivers", Query("river"))
    ana.suspended_at = clock.now()
    other = factories.member("Zoe")
    saved_searches.save(other, "Rivers", Query("river"))
    factories.member("Ben River")
    monkeypatch.setattr(saved_searches, "TOGETHER", 1)
    assert [look(), look(hours=0), look(hours=0)] == [1, 1, 0]
    assert (told(ana), len(told(other))) == ([], 1)
