"""Reports: what a member tells the operators; who was reported learns nothing."""

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain import moderation, relationships
from webapp.domain.errors import Invalid, NotFound
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.report import Report

pytestmark = pytest.mark.usefixtures("context")


def waiting():
    db.session.commit()
    return [(row.by_name, row.about_name, row.Report.reason) for row in db.session.execute(moderation.reports())]


def status(viewer, other):
    seen = relationships.as_seen_by(viewer, among=[other.id])
    return db.session.scalar(select(seen.c.status))


def ask(by, to, note):
    relationships.invite(by, [to], note)
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()


def test_an_invitation_is_put_aside_and_its_note_is_kept_for_the_operator(ana, ben):
    ask(ben, ana, "Buy my boat")
    moderation.report(ana, ben, "advertising", "He sells\r\nboats ")
    assert waiting() == [("Ana Lima", "Ben Okafor", "advertising")]
    row = db.session.scalars(select(Report)).one()
    assert (row.text, row.note) == ("He sells\nboats", "Buy my boat")
    assert (status(ana, ben), status(ben, ana)) == ("ignored", "invited")
    clock.move(days=200)
    relationships.expire(clock.now())
    db.session.commit()
    assert db.session.scalars(select(Report.note)).one() == "Buy my boat"


@pytest.mark.parametrize("connected", [False, True])
def test_without_an_invitation_nothing_between_the_two_changes(ana, ben, connected):
    if connected:
        factories.connect(ana, ben)
    before = status(ana, ben), status(ben, ana)
    moderation.report(ana, ben, "harassment")
    assert waiting() == [("Ana Lima", "Ben Okafor", "harassment")]
    assert (status(ana, ben), status(ben, ana)) == before


def test_reporting_again_changes_the_open_report_and_a_settled_one_stays(ana, ben):
    moderation.report(ana, ben, "other", "first")
    moderation.report(ana, ben, "unknown", "second")
    assert [row.text for row in db.session.scalars(select(Report))] == ["second"]
    moderation.settle(ben, db.session.scalars(select(Report.id)).one())
    assert waiting() == []
    moderation.report(ana, ben, "other", "third")
    assert len(waiting()) == 1
    assert db.session.query(Report).count() == 2


def test_settling_twice_is_once_and_an_unknown_one_is_not_found(ana, ben):
    moderation.report(ana, ben, "other")
    db.session.commit()
    row = db.session.scalars(select(Report)).one()
    moderation.settle(ana, row.id)
    at = row.settled_at
    clock.move(days=1)
    moderation.settle(ben, row.id)
    assert (row.settled_at, row.settled_by_id) == (at, ana.id)
    with pytest.raises(NotFound):
        moderation.settle(ana, row.id + 1)


def test_what_does_not_hold_is_named(ana, ben):
    with pytest.raises(Invalid) as caught:
        moderation.report(ana, ben, "boredom", "x" * 1001)
    assert set(caught.value.fields) == {"reason", "text"}
    assert waiting() == []


def test_reports_go_with_either_of_the_two(ana, ben):
    moderation.report(ana, ben, "other")
    db.session.commit()
    relationships.forget(ben)
    db.session.delete(db.session.get_one(Member, ben.id))
    assert waiting() == []
