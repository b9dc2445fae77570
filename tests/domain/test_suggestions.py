"""People you may know: exactly who plain sets give, each with a reason that holds, and nobody who does not want it."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from tests import factories
from tests.communities import Community, communities
from tests.contacts import Book
from webapp.domain import suggestions
from webapp.domain.errors import NotFound
from webapp.domain.suggestions import Reason
from webapp.extensions import db

any_community = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def out(community, one):
    """Whom nobody may suggest to this member."""
    return {
        each
        for each in community.ids
        if each == one
        or each in community.around[one] | community.suspended | community.unsuggested
        or not community.seen(one, each)
        or {(one, each), (each, one)} & community.invited
        or (one, each) in community.dismissed
        or community.askable.get(each) == "nobody"
    }


def expected(community, one):
    """Who is suggested, in order, as plainly as it can be said."""
    free = set(community.ids) - out(community, one)
    reached = Counter({each: len(community.mutual(one, each)) for each in free if community.mutual(one, each)})
    found = [each for each, _ in sorted(reached.items(), key=lambda row: (-row[1], row[0]))]
    for values in (community.organisations, community.cohorts, community.fields):
        alike = [
            each
            for each in free - set(found)
            if values.get(one)
            and values.get(each) == values[one]
            and (community.askable.get(each) != "near" or community.near(one, each))
        ]
        found += sorted(alike, key=lambda each: (-len(community.around[each]), -each))
    return found


@given(communities())
@any_community
def test_exactly_those_are_suggested_whom_sets_give_each_with_a_reason_that_holds(context, community):
    members = community.make()
    for one in {1, 2} - community.suspended:
        found = suggestions.of(members[one])
        assert [each.id for each in found] == expected(community, one)
        assert found[:2] == suggestions.of(members[one], 2)
        for each in found:
            mutual, reason = community.mutual(one, each.id), each.reason
            assert each.badge.mutual == len(mutual)
            if reason.kind == "through":
                first = min(mutual, key=lambda other: (len(community.around[other]), other))
                assert reason == Reason("through", f"Member {first}", len(mutual) - 1)
            else:
                values = getattr(community, f"{reason.kind}s")
                assert not mutual
                assert reason == Reason(reason.kind, values[one])
                assert values[each.id] == values[one]


def test_four_statements_find_them_and_three_where_there_are_enough(context, statements):
    crowd = Community(size=9, known=frozenset({(1, 2), *((2, other) for other in range(3, 10))}), fields={1: "Law"})
    members = crowd.make()
    for most, number in ((20, 4), (6, 3)):
        db.session.expire_all()
        assert members[1].name
        with statements() as seen:
            assert len(suggestions.of(members[1], most)) == min(most, 7)
        assert len(seen) == number


def test_who_opted_out_takes_no_place_even_where_dozens_did(context, monkeypatch):
    monkeypatch.setattr(suggestions, "LOOKED_AT", 2)
    known = frozenset({(1, 2), *((2, other) for other in range(3, 12))})
    members = Community(size=11, known=known, unsuggested=frozenset(range(3, 10))).make()
    assert [each.id for each in suggestions.of(members[1])] == [10, 11]


def test_the_newest_with_few_connections_are_followed_and_the_number_told_is_the_true_one(context, monkeypatch):
    monkeypatch.setattr(suggestions, "BRIDGE_DEGREE", 2)
    members = Community(size=6, known=frozenset({(1, 2), (2, 5), (1, 3), (3, 5), (3, 4), (1, 4), (4, 5)})).make()
    (found,) = suggestions.of(members[1])
    assert (found.id, found.badge.mutual) == (5, 3)
    assert found.reason == Reason("through", "Member 2", 2)
    monkeypatch.setattr(suggestions, "BRIDGES", 0)
    assert suggestions.of(members[1]) == []


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", field="Research", organisation="Shelf Institute")


def names(viewer):
    return [each.name for each in suggestions.of(viewer)]


def test_dismissing_is_for_ever_until_it_is_undone_and_once_however_often(ana):
    ben = factories.member("Ben Okafor", field="Research")
    assert names(ana) == ["Ben Okafor"]
    for _time in range(2):
        assert suggestions.dismiss(ana, ben.handle) is ben
    assert names(ana) == []
    assert [row.name for row in db.session.execute(suggestions.dismissed(ana))] == ["Ben Okafor"]
    assert names(ben) == ["Ana Lima"]
    for _time in range(2):
        suggestions.restore(ana, ben.handle)
    assert names(ana) == ["Ben Okafor"]
    assert db.session.execute(suggestions.dismissed(ana)).all() == []


def test_only_somebody_else_who_exists_can_be_dismissed(ana):
    gone = factories.member("Gone", verified=False)
    for handle in (ana.handle, gone.handle, "nobody-here"):
        for verb in (suggestions.dismiss, suggestions.restore):
            with pytest.raises(NotFound):
                verb(ana, handle)


def test_an_address_in_a_book_changes_no_suggestion_on_either_side(ana, as_member):
    """The two pages are those of an instance in which the address was never uploaded."""
    ben = factories.member("Ben Okafor", email="ben@friends.example", field="Law")
    carl = factories.member("Carl Berg", field="Research")
    factories.connect(carl, ben)
    before = {each.id: suggestions.of(each) for each in (ana, ben)}
    Book(ana).read("Benny <ben@friends.example>", "Carla <carla@out.example>")
    assert {each.id: suggestions.of(each) for each in (ana, ben)} == before
    assert names(ana) == ["Carl Berg"]
    assert names(ben) == []
