"""Who can be seen by whom, and how people are found."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import people, relationships
from webapp.domain.errors import NotFound
from webapp.extensions import db

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", field="Research")


def test_nobody_sees_whom_they_may_not_see(ana):
    factories.member("Ben Unverified", verified=False)
    suspended = factories.member("Ben Suspended")
    suspended.suspended_at = clock.now()
    leaving = factories.member("Ben Leaving")
    leaving.deleted_at = clock.now()
    blocking = factories.member("Ben Blocking")
    blocked = factories.member("Ben Blocked")
    relationships.block(blocking, ana)
    relationships.block(ana, blocked)
    db.session.commit()
    assert db.session.execute(people.visible_to(ana)).one().id == ana.id
    assert people.total() == 3
    for other in (suspended, leaving, blocking, blocked):
        with pytest.raises(NotFound):
            people.one_of(ana, other.handle)
    with pytest.raises(NotFound):
        people.one_of(ana, "nobody-here")
    assert people.one_of(ana, ana.handle) is ana


def test_a_page_of_people_is_told_in_two_statements_however_long(ana, statements):
    others = [factories.member(f"Ben {number}") for number in range(20)]
    factories.connect(ana, others[0])
    relationships.invite(ana, [others[1]])
    relationships.invite(others[2], [ana])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    relationships.invite(ana, [others[3]])
    db.session.commit()
    rows = db.session.execute(people.best_connected(ana)).all()
    counts = []
    for size in (10, 20):
        with statements() as seen:
            told = people.persons(ana, rows[-size:])
        counts.append(len(seen))
    assert counts == [2, 2]
    status = {person.name: person.standing.status for person in told}
    assert [status[f"Ben {number}"] for number in range(5)] == ["connected", "invited", "received", "held", "none"]
    assert {person.badge.degree for person in told if person.name == "Ben 0"} == {1}
