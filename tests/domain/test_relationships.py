"""The contract's table of states, told as it happens to Ana (who asks) and Ben (who is asked), on both engines."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import connections, relationships
from webapp.domain.errors import NotFound, Refused
from webapp.domain.relationships import store
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.connection import Adjacency, Connection
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.models.notification import Notification

pytestmark = pytest.mark.usefixtures("context")


def status(viewer, other):
    seen = relationships.as_seen_by(viewer)
    row = db.session.execute(db.select(seen).where(seen.c.other_id == other.id)).one_or_none()
    return row.status if row else None


def told():
    db.session.commit()
    return sorted(
        (row.kind, row.actor_id, row.member_id)
        for row in db.session.query(Notification).where(Notification.visible_from <= clock.now())
    )


def mailed():
    db.session.commit()
    return sorted(
        (row.kind, row.by_member_id, row.to_member_id)
        for row in db.session.query(OutgoingMail).where(OutgoingMail.not_before <= clock.now())
    )


def release(seconds=61):
    clock.move(seconds=seconds)
    done = relationships.release(clock.now())
    db.session.commit()
    return done


def asked(one, other, note=""):
    relationships.invite(one, [other], note)
    release()


def connected(one, other):
    asked(one, other)
    relationships.accept(other, [one])
    db.session.commit()
    clock.move(seconds=61)


def healthy():
    db.session.commit()
    assert relationships.problems() == []


def test_a_held_invitation_exists_for_its_asker_only(ana, ben):
    result = relationships.invite(ana, [ben], "Hello")
    assert (result.invited, result.connected, result.gone) == (1, 0, 0)
    assert (status(ana, ben), status(ben, ana)) == ("held", "none")
    assert told() == mailed() == []


def test_after_a_minute_it_is_a_card_a_notification_and_one_mail(ana, ben):
    asked(ana, ben, "Hello")
    assert (status(ana, ben), status(ben, ana)) == ("invited", "received")
    assert told() == [("invitation", ana.id, ben.id)]
    assert mailed() == [("invitation", ana.id, ben.id)]
    assert relationships.note_between(ana.id, ben.id) == "Hello"
    assert release() == 0
    assert len(told()) == 1


def test_undoing_in_the_hold_leaves_no_trace_and_no_cool_down(ana, ben):
    result = relationships.invite(ana, [ben])
    assert relationships.undo(ana, batch=result.batch) == 1
    release()
    assert (status(ana, ben), status(ben, ana)) == ("none", "none")
    assert told() == mailed() == []
    assert relationships.invite(ana, [ben]).invited == 1


def test_undoing_after_the_release_is_too_late(ana, ben):
    result = relationships.invite(ana, [ben])
    release()
    with pytest.raises(Refused, match="Too late"):
        relationships.undo(ana, batch=result.batch)


def test_two_who_ask_each_other_are_connected_when_both_holds_have_ended(ana, ben):
    relationships.invite(ana, [ben])
    clock.move(seconds=30)
    relationships.invite(ben, [ana])
    assert (status(ana, ben), status(ben, ana)) == ("held", "held")
    release(31)
    assert (status(ana, ben), status(ben, ana)) == ("invited", "held")
    assert told() == []
    release(31)
    assert (status(ana, ben), status(ben, ana)) == ("connected", "connected")
    assert told() == [("connected", ana.id, ben.id), ("connected", ben.id, ana.id)]
    healthy()


def test_of_two_holds_one_undone_leaves_the_others_card(ana, ben):
    relationships.invite(ana, [ben])
    clock.move(seconds=30)
    relationships.invite(ben, [ana])
    release(31)
    relationships.undo(ben, others=[ana])
    assert (status(ana, ben), status(ben, ana)) == ("invited", "received")
    assert told() == mailed() == [("invitation", ana.id, ben.id)]


def test_accepting_connects_at_once_and_tells_the_asker_a_minute_later(ana, ben):
    asked(ana, ben)
    assert relationships.accept(ben, [ana]) == 1
    assert status(ana, ben) == status(ben, ana) == "connected"
    assert told() == []
    clock.move(seconds=61)
    assert told() == [("connected", ben.id, ana.id)]
    assert ("connected", ben.id, ana.id) in mailed()
    assert [ana.degree, ben.degree] == [1, 1]
    assert connections.badges(ana, [ben.id])[ben.id].degree == 1
    healthy()


def test_undoing_an_acceptance_brings_the_card_back_and_nobody_heard(ana, ben):
    asked(ana, ben)
    relationships.accept(ben, [ana])
    assert relationships.undo_accept(ben, [ana]) == 1
    clock.move(seconds=61)
    assert (status(ana, ben), status(ben, ana)) == ("invited", "received")
    assert ("connected", ben.id, ana.id) not in told()
    assert [ana.degree, ben.degree] == [0, 0]
    healthy()


def test_undoing_an_acceptance_is_too_late_after_a_minute(ana, ben):
    connected(ana, ben)
    with pytest.raises(Refused):
        relationships.undo_accept(ben, [ana])


def test_a_full_list_leaves_the_invitation_and_says_whose_is_full(ana, ben, setting):
    asked(ana, ben)
    setting(CONNECTIONS_MAX=0)
    with pytest.raises(Refused, match="Your list"):
        relationships.accept(ben, [ana])
    assert (status(ana, ben), status(ben, ana)) == ("invited", "received")


def test_ignoring_is_silent_and_can_be_undone_or_turned_into_a_yes(ana, ben):
    asked(ana, ben)
    relationships.ignore(ben, [ana])
    assert (status(ana, ben), status(ben, ana)) == ("invited", "ignored")
    assert told() == []
    relationships.undo_ignore(ben, [ana])
    assert status(ben, ana) == "received"
    relationships.ignore(ben, [ana])
    relationships.invite(ben, [ana])
    assert status(ana, ben) == "connected"
    healthy()


def test_inviting_who_asked_already_is_accepting(ana, ben):
    asked(ana, ben)
    assert relationships.invite(ben, [ana]).connected == 1


def test_withdrawing_takes_card_notification_and_mail_back_and_names_the_date(ana, ben):
    asked(ana, ben, "Hello")
    assert relationships.withdraw(ana, [ben]) == 1
    assert (status(ana, ben), status(ben, ana)) == ("withdrawn", "none")
    assert told() == mailed() == []
    with pytest.raises(Refused, match="You can invite again on"):
        relationships.invite(ana, [ben])
    with pytest.raises(Refused, match="no longer open"):
        relationships.accept(ben, [ana])
    assert relationships.invite(ben, [ana]).invited == 1
    relationships.undo(ben, others=[ana])
    clock.move(days=21)
    assert relationships.invite(ana, [ben]).invited == 1


def test_asking_again_changes_nothing(ana, ben):
    asked(ana, ben)
    assert relationships.invite(ana, [ben]).already == 1
    assert len(told()) == 1


def test_after_180_days_it_ends_for_both_on_the_same_day(ana, ben):
    asked(ana, ben)
    clock.move(days=179)
    assert relationships.expire(clock.now()) == 0
    clock.move(days=2)
    assert relationships.expire(clock.now()) == 1
    assert relationships.expire(clock.now()) == 0
    assert (status(ana, ben), status(ben, ana)) == ("none", "none")
    assert told() == []
    assert relationships.invite(ana, [ben]).invited == 1


def test_who_is_not_to_ask_again_sees_nothing_of_it(ana, ben):
    asked(ana, ben)
    relationships.never_again(ben, ana)
    relationships.withdraw(ana, [ben])
    clock.move(days=22)
    asked(ana, ben)
    assert (status(ana, ben), status(ben, ana)) == ("invited", "ignored")
    assert told() == mailed() == []
    relationships.lift(ben, ana)
    assert status(ben, ana) == "ignored"
    relationships.withdraw(ana, [ben])
    clock.move(days=22)
    asked(ana, ben)
    assert status(ben, ana) == "received"


def test_removing_is_silent_and_undone_within_a_minute_with_its_date(ana, ben):
    connected(ana, ben)
    before = told()
    since = db.session.execute(connections.of(ana)).one().since
    relationships.end(ana, ben)
    assert (status(ana, ben), status(ben, ana)) == ("removed", "none")
    assert [row.id for row in connections.recently(ana, "removed")] == [ben.id]
    assert connections.recently(ben, "removed") == []
    healthy()
    assert [ana.degree, ben.degree] == [0, 0]
    relationships.undo_end(ana, ben)
    assert db.session.execute(connections.of(ana)).one().since == since
    assert set(told()) <= set(before)
    healthy()


def test_undoing_a_removal_is_too_late_after_a_minute_and_never_the_others_to_do(ana, ben):
    connected(ana, ben)
    relationships.end(ana, ben)
    relationships.undo_end(ben, ana)
    assert status(ben, ana) == "none"
    clock.move(seconds=61)
    with pytest.raises(Refused):
        relationships.undo_end(ana, ben)


def test_the_removed_ones_invitation_stays_quiet_for_90_days(ana, ben):
    connected(ana, ben)
    relationships.end(ana, ben)
    asked(ben, ana)
    assert (status(ben, ana), status(ana, ben)) == ("invited", "ignored")
    assert ("invitation", ben.id, ana.id) not in told()
    relationships.withdraw(ben, [ana])
    clock.move(days=91)
    asked(ben, ana)
    assert status(ana, ben) == "received"


def test_the_remover_may_ask_at_once_and_openly(ana, ben):
    connected(ana, ben)
    relationships.end(ana, ben)
    asked(ana, ben)
    assert status(ben, ana) == "received"


def test_blocking_makes_two_unknown_to_each_other_and_unblocking_restores_nothing(ana, ben):
    connected(ana, ben)
    relationships.block(ana, ben)
    assert (status(ana, ben), status(ben, ana)) == ("blocked", None)
    healthy()
    with pytest.raises(Refused, match="Unblock first"):
        relationships.invite(ana, [ben])
    with pytest.raises(NotFound):
        relationships.invite(ben, [ana])
    assert relationships.may_ask(ben, [ana]) == set()
    relationships.unblock(ana, ben)
    assert (status(ana, ben), status(ben, ana)) == ("removed", "none")
    healthy()


def test_a_block_ends_holds_and_cards(ana, ben):
    relationships.invite(ana, [ben])
    relationships.block(ben, ana)
    release()
    assert told() == mailed() == []
    relationships.unblock(ben, ana)
    asked(ana, ben)
    relationships.block(ben, ana)
    assert told() == mailed() == []


def test_a_forged_answer_to_a_held_invitation_is_answered_as_to_an_unknown_member(ana, ben):
    relationships.invite(ana, [ben])
    for verb in (relationships.accept, relationships.ignore):
        with pytest.raises(NotFound):
            verb(ben, [ana])


def test_somebody_suspended_in_the_hold_gets_and_sends_nothing(ana, ben):
    relationships.invite(ana, [ben])
    ben.suspended_at = clock.now()
    db.session.commit()
    release()
    assert told() == mailed() == []
    assert status(ana, ben) == "none"


def test_more_than_a_day_allows_leaves_on_the_next_days(ana, setting):
    setting(INVITATIONS_PER_DAY=2, INVITATIONS_OPEN_MAX=10)
    many = [factories.member(f"Member {number}") for number in range(5)]
    result = relationships.invite(ana, many)
    assert result.invited == 2
    assert list(result.queued.values()) == [2, 1]
    assert relationships.allowance(ana) == relationships.Allowance(open=5, today=0)
    assert [status(ana, other) for other in many] == ["held", "held", "queued", "queued", "queued"]
    release()
    assert [status(ana, other) for other in many] == ["invited", "invited", "queued", "queued", "queued"]
    assert relationships.invite(many[4], [ana]).invited == 1
    release()
    assert status(ana, many[4]) == "connected"
    clock.move(days=1)
    release()
    assert status(ana, many[2]) == "invited"


def test_above_the_open_number_nothing_is_sent_and_both_numbers_are_named(ana, setting):
    setting(INVITATIONS_OPEN_MAX=3)
    many = [factories.member(f"Member {number}") for number in range(4)]
    with pytest.raises(Refused, match="4, but only 3"):
        relationships.invite(ana, many)
    assert {status(ana, other) for other in many} <= {None, "none"}


def test_forgetting_a_member_leaves_the_others_right(ana, ben):
    chen = factories.member("Chen Wei")
    connected(ana, ben)
    connected(chen, ana)
    relationships.forget(ana)
    db.session.delete(ana)
    db.session.commit()
    db.session.expire_all()
    assert [ben.degree, chen.degree] == [0, 0]
    healthy()


def test_the_number_of_statements_is_the_same_for_5_and_50(ana, statements):
    def cost(number, verb):
        many = [factories.member(f"Member {i}").id for i in range(number)]
        with statements() as seen:
            verb(many)
        db.session.commit()
        return len(seen)

    five = cost(5, lambda ids: relationships.invite(ana, ids))
    fifty = cost(50, lambda ids: relationships.invite(ana, ids))
    assert five == fifty <= 8
    clock.move(seconds=61)
    with statements() as seen:
        relationships.release(clock.now())
    assert len(seen) <= 10
    db.session.commit()
    relationships.forget(ana)
    db.session.commit()


@pytest.mark.parametrize("number", [1, 12])
def test_the_number_of_statements_of_an_answer_and_of_an_end(ana, statements, number):
    """On SQLite, where a statement costs no journey, what follows is one statement for each table."""
    many = [factories.member(f"Member {i}").id for i in range(number)]
    for other in many:
        relationships.invite(db.session.get_one(Member, other), [ana])
    release()

    def cost(verb):
        db.session.commit()
        ana.id  # noqa: B018 - whoever signs in has been read
        with statements() as seen:
            assert verb() == number
        db.session.commit()
        return len(seen)

    assert cost(lambda: relationships.accept(ana, many)) == (10 if is_sqlite() else 6)
    assert cost(lambda: relationships.end(ana, *many)) == (9 if is_sqlite() else 6)
    assert relationships.problems() == []


def test_rebuilding_writes_what_the_pairs_say(ana, ben):
    connected(ana, ben)
    ana.degree = 7
    db.session.commit()
    assert relationships.problems()
    relationships.rebuild()
    healthy()


def test_nearness_is_counted_from_the_blobs(ana, ben):
    chen, dana, eli = (factories.member(name) for name in ("Chen Wei", "Dana Fox", "Eli Roth"))
    for one, other in ((ana, ben), (ben, chen), (chen, dana)):
        connected(one, other)
    found = connections.badges(ana, [ben.id, chen.id, dana.id, eli.id])
    assert [(badge.degree, badge.mutual) for badge in found.values()] == [(1, 0), (2, 1), (0, 0), (0, 0)]
    assert [connections.between(ana, other).degree for other in (ben, chen, dana, eli)] == [1, 2, 3, 0]
    assert [row.id for row in connections.between(ana, chen).names] == [ben.id]
    relationships.block(ana, ben)
    assert connections.between(ana, chen).degree == 0


def test_of_many_in_common_all_are_counted_and_the_best_connected_named(ana, ben):
    shared = [factories.member(name) for name in ("Chen Wei", "Dana Fox", "Eli Roth", "Femi Bello")]
    for each in shared:
        connected(ana, each)
        connected(ben, each)
    connected(shared[3], shared[1])
    near = connections.between(ana, ben)
    assert near.mutual == 4
    assert [row.name for row in near.names] == ["Dana Fox", "Femi Bello", "Chen Wei"]


def test_who_cannot_be_seen_neither_asks_nor_is_answered_nor_joined(ana, ben):
    carl = factories.member("Carl Unproven", verified=False)
    with pytest.raises(NotFound):
        relationships.invite(carl, [ana])
    with pytest.raises(NotFound):
        relationships.invite(ana, [carl])
    relationships.invite(ben, [ana])
    release()
    ben.verified_at = None
    db.session.commit()
    with pytest.raises(NotFound):
        relationships.accept(ana, [ben])
    assert relationships.join(ana, [ben, carl]) == 0
    assert relationships.join(ana, []) == 0


def test_joining_leaves_out_who_is_connected_or_blocked_already(ana, ben):
    carl = factories.member("Carl Blocker")
    factories.connect(ana, ben)
    relationships.block(carl, ana)
    assert relationships.join(ana, [ben, carl]) == 0
    assert relationships.problems() == []


def test_a_batch_is_undone_by_its_sender_only(ana, ben):
    batch = relationships.invite(ana, [ben]).batch
    with pytest.raises(NotFound):
        relationships.undo(ben, batch=batch)
    assert relationships.undo(ana, batch=batch) == 1


def test_what_disagrees_with_the_pairs_is_named_and_rebuilt(ana, ben):
    factories.connect(ana, ben)
    ana.degree = 7
    db.session.query(Connection).filter_by(member_id=ana.id).delete()
    db.session.query(Adjacency).filter_by(member_id=ben.id).delete()
    db.session.commit()
    assert relationships.problems() == [
        "1 pairs are connected, but there are 1 directed connections, 1 of them rightly.",
        "1 members have a wrong number of connections.",
        "2 members have a list of connections that is not the one of the pairs.",
    ]
    relationships.rebuild()
    assert relationships.problems() == []
    relationships.end(ana, ben)
    relationships.rebuild()
    assert relationships.problems() == []


def test_who_connects_while_somebody_leaves_is_left_right(ana, ben, monkeypatch):
    """Another connection appears between reading the list and holding the locks, as another transaction can make it."""
    carl = factories.member("Carl Late")
    factories.connect(ana, ben)
    locking, late = store.lock_members, [carl]

    def lock(ids):
        if late:
            other = late.pop()
            db.session.connection().execute(
                Connection.__table__.insert(), {"member_id": ana.id, "other_id": other.id, "since": clock.now()}
            )
        return locking(ids)

    monkeypatch.setattr(store, "lock_members", lock)
    relationships.forget(ana)
    assert late == []
    assert relationships.problems() == []
