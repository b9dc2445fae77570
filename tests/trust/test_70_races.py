"""Sentence 70: four at once on three hundred pairs, half of them on each engine."""

import random
import threading
from collections import Counter

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp import transaction as transaction_module
from webapp.demo import bulk
from webapp.domain import relationships
from webapp.domain.errors import DomainError
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.notification import Notification
from webapp.models.relationship import Relationship
from webapp.transaction import transaction

PAIRS = 150
GROUP = 25


@pytest.fixture
def people(app, context, monkeypatch):
    """Two rows of members; pair number n is (left[n], right[n]).

    Four that write without a pause may keep SQLite's lock from one of them for long, on a busy machine: here nobody gives up.
    """
    patient = [each.replace(str(transaction_module.PATIENCE_MS), "60000") for each in transaction_module.SQLITE_PRAGMAS]
    monkeypatch.setattr(transaction_module, "SQLITE_PRAGMAS", patient)
    db.engine.dispose()
    with transaction():
        newcomers = [bulk.Newcomer(f"Member {number}", f"m{number}@example.org") for number in range(2 * PAIRS)]
        ids = bulk.members(newcomers, factories.password_hash(), clock.now())
    yield ids[:PAIRS], ids[PAIRS:]
    db.session.remove()
    db.engine.dispose()


def at_once(app, *jobs):
    """Run each job (a function of the number of a pair) in a thread of its own over all pairs, each in its own order."""
    errors = []

    def work(number, job):
        order = list(range(PAIRS))
        random.Random(number).shuffle(order)
        with app.app_context():
            for pair in order:
                try:
                    with transaction():
                        job(pair)
                except DomainError:
                    pass
                except Exception as error:  # noqa: BLE001 - whatever goes wrong in a thread fails the test
                    errors.append(repr(error)[:300])
                    db.session.rollback()

    threads = [threading.Thread(target=work, args=given) for given in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def does(verb, one, other):
    """A job: somebody in the one row does this to their counterpart in the other."""

    def job(number):
        viewer = db.session.get_one(Member, one[number])
        verb(viewer, other[number])

    return job


def several(verb):
    return lambda viewer, other: verb(viewer, [other])


def states():
    db.session.rollback()
    return Counter(db.session.scalars(select(Relationship.state)))


def agree(left, right):
    """Both sides see states that belong together, and nothing was told twice."""
    db.session.rollback()
    assert relationships.problems() == []
    fitting = {
        ("none", "none"), ("connected", "connected"), ("invited", "received"), ("received", "invited"), ("invited", "ignored"),
        ("ignored", "invited"), ("held", "none"), ("none", "held"), ("held", "held"), ("invited", "held"), ("held", "invited"),
        ("withdrawn", "none"), ("none", "withdrawn"), ("removed", "none"), ("none", "removed"), ("blocked", None), (None, "blocked"),
        (None, None), ("blocked", "blocked"),
    }  # fmt: skip
    for one, other in zip(left, right, strict=True):
        seen = []
        for viewer_id, other_id in ((one, other), (other, one)):
            found = relationships.as_seen_by(db.session.get_one(Member, viewer_id), among=[other_id])
            seen.append(db.session.scalar(select(found.c.status)))
        assert tuple(seen) in fitting, (one, other, seen)
    told = Counter((row.kind, row.actor_id, row.member_id) for row in db.session.scalars(select(Notification)))
    assert not told or max(told.values()) == 1


def release():
    clock.move(seconds=61)
    while True:
        with transaction():
            if not relationships.release(clock.now()):
                return


def ask(left, right):
    for start in range(0, PAIRS, GROUP):
        for number in range(start, start + GROUP):
            with transaction():
                relationships.invite(db.session.get_one(Member, left[number]), [right[number]])
    release()


INVITE, ACCEPT, IGNORE, WITHDRAW = (
    several(verb) for verb in (relationships.invite, relationships.accept, relationships.ignore, relationships.withdraw)
)


def mutual_invitations_end_connected(app, people):
    left, right = people
    at_once(
        app, does(INVITE, left, right), does(INVITE, right, left), does(INVITE, left, right), does(INVITE, right, left)
    )
    release()
    assert states() == {"connected": PAIRS}
    agree(left, right)


def accepting_against_withdrawing_has_one_winner(app, people):
    left, right = people
    ask(left, right)
    at_once(
        app,
        does(ACCEPT, right, left),
        does(WITHDRAW, left, right),
        does(ACCEPT, right, left),
        does(WITHDRAW, left, right),
    )
    assert set(states()) <= {"connected", "withdrawn"}
    assert sum(states().values()) == PAIRS
    agree(left, right)


def accepting_twice_and_ignoring_at_once_connects_or_ignores(app, people):
    left, right = people
    ask(left, right)
    at_once(
        app, does(ACCEPT, right, left), does(ACCEPT, right, left), does(IGNORE, right, left), does(INVITE, right, left)
    )
    assert states() == {"connected": PAIRS}
    agree(left, right)


def removing_against_accepting_and_undoing(app, people):
    left, right = people
    ask(left, right)
    at_once(
        app,
        does(ACCEPT, right, left),
        does(relationships.end, left, right),
        does(relationships.undo_end, left, right),
        does(several(relationships.undo_accept), right, left),
    )
    assert set(states()) <= {"connected", "removed", "pending"}
    agree(left, right)


def blocking_against_accepting_leaves_no_connection_across_a_block(app, people):
    left, right = people
    ask(left, right)
    at_once(
        app,
        does(ACCEPT, right, left),
        does(relationships.block, left, right),
        does(ACCEPT, right, left),
        does(INVITE, right, left),
    )
    assert "connected" not in states()
    agree(left, right)


def many_answering_one_who_removes_some_meanwhile(app, people):
    """Every transaction changes the list of the same member: whoever waited for it has to find it as the one before left it."""
    left, right = people
    one = [left[0]] * PAIRS
    with transaction():
        relationships.invite(db.session.get_one(Member, left[0]), right)
    release()
    at_once(
        app,
        does(ACCEPT, right, one),
        does(ACCEPT, right, one),
        does(relationships.end, right, one),
        does(relationships.end, one, right),
    )
    assert set(states()) <= {"connected", "removed"}
    agree(one, right)


def inviting_against_leaving(app, people):
    left, right = people
    ask(left, right)

    def leave(number):
        member = db.session.get(Member, right[number])
        if member is not None:
            relationships.forget(member)
            db.session.delete(member)

    def accept(number):
        member = db.session.get(Member, right[number])
        if member is not None:
            relationships.accept(member, [left[number]])

    at_once(app, accept, leave)
    db.session.rollback()
    assert relationships.problems() == []
    assert db.session.query(Relationship).count() == 0
    assert set(db.session.scalars(select(Member.degree))) == {0}


def the_worker_twice_at_once_releases_everything_once(app, people):
    left, right = people
    with transaction():
        for one, other in zip(left, right, strict=True):
            relationships.invite(db.session.get_one(Member, one), [other])
    clock.move(seconds=61)

    def release_some(_number):
        relationships.release(clock.now())

    at_once(app, release_some, release_some)
    assert states() == {"pending": PAIRS}
    agree(left, right)
    assert db.session.query(Notification).count() == PAIRS


@pytest.mark.parametrize(
    "race",
    [
        mutual_invitations_end_connected,
        accepting_against_withdrawing_has_one_winner,
        accepting_twice_and_ignoring_at_once_connects_or_ignores,
        removing_against_accepting_and_undoing,
        blocking_against_accepting_leaves_no_connection_across_a_block,
        many_answering_one_who_removes_some_meanwhile,
        inviting_against_leaving,
        the_worker_twice_at_once_releases_everything_once,
    ],
    ids=lambda race: race.__name__,
)
def test_70_whoever_is_first_there_is_one_end(app, people, race):
    """When four do something to the same pair at the same moment (invite each other, accept and withdraw, accept twice, accept and ignore,
    remove and accept, block and accept, invite and leave), there is one end that could have come one after the other; both sides see what
    belongs together, the counters are the rows, each is told once at most, and nobody is told that the database is locked.
    """
    race(app, people)
