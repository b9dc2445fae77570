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


def found(viewer, q="", field=""):
    return [row.name for row in db.session.execute(people.search(viewer, q, field))]


def test_people_are_found_by_the_beginning_of_any_of_their_words_without_accents(ana):
    factories.member(
        "José Núñez-Ortega",
        headline="River ecologist",
        organisation="Water Agency",
        place="Kraków",
        field="Climate and energy",
        tags=["kayaking"],
    )
    for q in ("jose", "JOSÉ", "nun", "ortega", "ecol", "water ag", "krakow", "kaya", "  jose   river ", "climate"):
        assert found(ana, q) == ["José Núñez-Ortega"], q
    for q in ("cologist", "jose mountain", "j_s", "os%"):
        assert found(ana, q) == [], q
    assert found(ana, "%") == found(ana, "jos%") == ["José Núñez-Ortega"]


def test_search_knows_a_field_and_puts_the_best_connected_first(ana):
    one = factories.member("Ben One", field="Health")
    two = factories.member("Ben Two", field="Health")
    factories.member("Ben Three", field="Law")
    factories.connect(two, ana)
    assert found(ana, "ben", "Health") == ["Ben Two", "Ben One"]
    rest = people.after(people.search(ana, "ben", "Health"), two.degree, two.id)
    assert [row.id for row in db.session.execute(rest)] == [one.id]
    assert people.count(people.search(ana, "ben")) == 3
    assert people.count(people.search(ana, "ben"), most=1) == 2


def test_nobody_finds_whom_they_may_not_see(ana):
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
    assert found(ana, "ben") == []
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
    rows = db.session.execute(people.search(ana)).all()
    counts = []
    for size in (10, 20):
        with statements() as seen:
            told = people.persons(ana, rows[-size:])
        counts.append(len(seen))
    assert counts == [2, 2]
    status = {person.name: person.standing.status for person in told}
    assert [status[f"Ben {number}"] for number in range(5)] == ["connected", "invited", "received", "held", "none"]
    assert {person.badge.degree for person in told if person.name == "Ben 0"} == {1}


def test_people_of_the_same_field_are_those_with_whom_there_is_nothing_yet(ana):
    others = [factories.member(f"Ben {number}", field="Research") for number in range(9)]
    factories.member("Carl", field="Law")
    factories.connect(ana, others[8])
    relationships.invite(ana, [others[7]])
    db.session.commit()
    assert [person.name for person in people.in_field_of(ana)] == [f"Ben {number}" for number in range(6, 0, -1)]
    assert people.in_field_of(factories.member("Without A Field")) == []
