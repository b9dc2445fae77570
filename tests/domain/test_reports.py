"""Reports: what a member tells the operators; who was reported learns nothing."""

from functools import partial

import pytest
from sqlalchemy import select

from tests import factories
from tests.together import together
from webapp import clock, jobs
from webapp.domain import acts, guests, moderation, relationships
from webapp.domain.errors import Invalid, NotFound, TooMany
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.report import Report

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def operator(context):
    return factories.member("Olga Operator", is_operator=True)


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


def test_reporting_again_changes_the_open_report_and_a_settled_one_stays(ana, ben, operator):
    moderation.report(ana, ben, "other", "first")
    moderation.report(ana, ben, "unknown", "second")
    assert [row.text for row in db.session.scalars(select(Report))] == ["second"]
    moderation.settle(operator, db.session.scalars(select(Report.id)).one(), "nothing")
    assert waiting() == []
    moderation.report(ana, ben, "other", "third")
    assert len(waiting()) == 1
    assert db.session.query(Report).count() == 2


def test_settling_twice_is_once_and_an_unknown_one_is_not_found(ana, ben, operator):
    moderation.report(ana, ben, "other")
    db.session.commit()
    row = db.session.scalars(select(Report)).one()
    with pytest.raises(Invalid) as caught:
        moderation.settle(operator, row.id, "perhaps", "x" * 1001)
    assert set(caught.value.fields) == {"decision", "words"}
    moderation.settle(operator, row.id, "acted", "Wrote to him")
    db.session.commit()
    at = row.settled_at
    clock.move(days=1)
    moderation.settle(factories.member("Otto Operator", is_operator=True), row.id, "nothing")
    assert (row.settled_at, row.settled_by_id) == (at, operator.id)
    assert (row.decision, row.decided) == ("acted", "Wrote to him")
    [line] = db.session.execute(acts.log()).all()
    assert (line.Act.kind, line.Act.reason, line.name) == ("settled", "member: acted", "Ben Okafor")
    assert acts.own(ben) == []
    with pytest.raises(NotFound):
        moderation.settle(operator, row.id + 1, "nothing")
    moderation.report(ana, ben, "other")
    db.session.commit()
    open_one = db.session.scalars(select(Report.id).where(Report.settled_at.is_(None))).one()
    with pytest.raises(NotFound):
        moderation.settle(ana, open_one, "nothing")


def test_of_two_operators_who_settle_one_at_once_the_first_decides(app, ana, ben, operator):
    other = factories.member("Otto Operator", is_operator=True)
    decisions = {operator.id: "acted", other.id: "nothing"}
    for turn in range(1, 11):
        moderation.report(ana, ben, "other")
        db.session.commit()
        number = db.session.scalars(select(Report.id).where(Report.settled_at.is_(None))).one()

        def press(by, number=number):
            moderation.settle(db.session.get_one(Member, by), number, decisions[by])

        assert together(app, *(partial(press, by) for by in decisions)) == [None, None]
        db.session.rollback()
        row = db.session.get_one(Report, number)
        assert row.decision == decisions[row.settled_by_id]
        lines = db.session.execute(acts.log()).all()
        assert len(lines) == turn
        assert (lines[0].Act.operator_id, lines[0].Act.reason) == (row.settled_by_id, f"member: {row.decision}")


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


def test_what_was_reported_is_kept_apart_for_each_kind(ana, ben):
    moderation.report(ana, ben, "advertising", quote="Buy my boat", what="message")
    moderation.report(ana, ben, "advertising", quote="Buy my car", what="message")
    moderation.report(ana, ben, "harassment", quote="Boo", what="comment")
    db.session.commit()
    found = [(row.Report.what, row.Report.note) for row in db.session.execute(moderation.reports())]
    assert found == [("message", "Buy my boat\n\nBuy my car"), ("comment", "Boo")]


# Guests

GUEST = factories.lookup


def mailed(by, address, note=""):
    guests.invite(by, [guests.Invitee("Grace", address, GUEST(address))], note=note, source="a list")
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    db.session.rollback()


def test_a_guest_reports_the_mail_and_nothing_of_them_is_kept(ana):
    mailed(ana, "grace@out.example", "Buy my boat")
    lookup = GUEST("grace@out.example")
    before = db.session.execute(guests.mine(ana)).all()[0][0]
    seen = (before.state, before.quiet_at, before.leaves_at)
    moderation.report_mail(lookup, "unknown", "Who is that?")
    moderation.report_mail(lookup, "advertising", "A boat")
    db.session.commit()
    [row] = db.session.execute(moderation.reports()).all()
    assert (row.Report.what, row.Report.reason, row.Report.text, row.Report.note) == (
        "mail",
        "advertising",
        "A boat",
        "Buy my boat",
    )
    assert (row.by_name, row.about_name) == (None, "Ana Lima")
    after = db.session.execute(guests.mine(ana)).all()[0][0]
    assert (after.state, after.quiet_at, after.leaves_at) == seen
    assert acts.mailed(ana) == acts.Mailed(sent=1, opted_out=0, not_me=0, reported=1)


def test_who_got_no_mail_has_none_to_report_and_a_flood_is_stopped(ana):
    with pytest.raises(NotFound):
        moderation.report_mail(GUEST("grace@out.example"), "unknown")
    for _try in range(5):
        moderation.count_mail_report("a", "192.0.2.1")
    with pytest.raises(TooMany):
        moderation.count_mail_report("a", "192.0.2.2")
    for number in range(15):
        moderation.count_mail_report(f"b{number}", "192.0.2.1")
    with pytest.raises(TooMany):
        moderation.count_mail_report("c", "192.0.2.1")
