"""Who is near whom: what the blobs say is what plain sets say, and nothing tells of those who hide."""

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings

from tests import factories
from tests.communities import Community, communities
from webapp.domain import circles, connections, people, relationships
from webapp.domain.errors import NotFound
from webapp.extensions import db

VIEWERS = {1, 2}
any_community = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def ids_of(found):
    return {row.id for row in db.session.execute(found)}


@given(communities())
@any_community
def test_degrees_mutual_connections_and_ways_are_those_that_sets_give(context, community):
    members = community.make()
    for one in VIEWERS - community.suspended:
        others = [each for each in community.ids if each != one and community.seen(one, each)]
        badges = connections.badges(members[one], others)
        around = circles.around(one)
        assert connections.badges(members[one], others, around) == badges
        assert around.second & set(others) == {each for each in others if community.degree(one, each) == 2}
        for other in others:
            mutual, degree = community.mutual(one, other), community.degree(one, other)
            near = connections.between(members[one], members[other])
            assert (near.degree, near.mutual) == (degree, len(mutual))
            assert badges[other] == connections.Badge(degree if degree < 3 else 0, len(mutual))
            assert {row.id for row in near.names} <= mutual
            assert len(near.names) == min(len(mutual), connections.MUTUAL_NAMES)
            ways = {2: {(each,) for each in mutual}, 3: community.chains(one, other)}.get(degree, {()})
            assert tuple(row.id for row in near.path) in ways
            assert ids_of(people.shared_with(members[one], members[other])) == mutual


@given(communities())
@any_community
def test_a_list_of_connections_leaves_out_exactly_who_may_not_be_seen_in_it(context, community):
    members = community.make()
    for one, other in product(VIEWERS, community.ids):
        if one == other or not community.seen(one, other):
            continue
        members[other].connections_shown = "members"
        shown = {
            each
            for each in community.around[other]
            if each != one and community.listed(each) and community.seen(one, each)
        }
        assert ids_of(people.connections_of(members[one], members[other])) == shown


@given(communities())
@any_community
def test_who_may_be_asked_is_who_wants_to_be_asked_by_the_asker(context, community):
    members = community.make()
    for one in VIEWERS - community.suspended:
        others = [each for each in community.ids if each != one]
        open_to = {each for each in others if community.seen(one, each)}
        by_address = {each for each in open_to if community.askable.get(each) != "nobody"}
        asked = {each for each in by_address if community.askable.get(each) != "near" or community.near(one, each)}
        assert relationships.may_ask(members[one], others) == asked
        assert relationships.may_ask(members[one], others, by_address=True) == by_address
        stands = people.standings(members[one], sorted(open_to))
        strangers = {each for each in open_to if stands[each].status in ("none", "closed")}
        assert {each for each in strangers if stands[each].status == "closed"} == strangers - asked


STAR = Community(size=6, known=frozenset({(1, 2), (2, 3), (1, 4), (4, 3), (3, 5), (2, 6)}))


def test_nearness_costs_as_many_statements_for_everybody(context, statements):
    members = STAR.make()
    for other, most in ((2, 1), (3, 2), (5, 3), (6, 2)):
        with statements() as seen:
            connections.between(members[1], members[other])
        assert len(seen) <= most + 1, other
    with statements() as seen:
        connections.badges(members[1], [2, 3, 4, 5, 6])
    assert len(seen) == 2


def test_who_hides_stays_a_connection_and_is_told_to_nobody_else(context):
    members = STAR.make()
    members[2].unlisted = members[4].unlisted = True
    db.session.commit()
    assert connections.between(members[1], members[2]).degree == 1
    assert connections.between(members[1], members[3]) == connections.Nearness(path=[])
    assert connections.badges(members[1], [3]) == {3: connections.Badge()}
    assert {row.id for row in db.session.execute(connections.of(members[1]))} == {2, 4}
    assert circles.of(1, [3]).shared == {3: set()}


def test_a_list_of_connections_is_shown_to_whom_its_owner_chose(context):
    members = STAR.make()
    for shown, allowed in (("nobody", ()), ("connections", (2, 4)), ("members", (2, 4, 3, 5, 6))):
        members[1].connections_shown = shown
        db.session.commit()
        for each in (2, 3, 4, 5, 6):
            assert people.shows_connections(members[each], members[1]) == (each in allowed)
            if each not in allowed:
                with pytest.raises(NotFound):
                    people.connections_of(members[each], members[1])


# Who may ask


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", cohort="2014")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor", askable="near")


def test_who_does_not_want_to_be_asked_is_as_unknown_to_one_and_gone_in_many(ana, ben):
    carl = factories.member("Carl")
    with pytest.raises(NotFound):
        relationships.invite(ana, [ben])
    db.session.rollback()
    result = relationships.invite(ana, [ben, carl])
    assert (result.invited, result.gone) == (1, 1)
    assert people.standing(ana, ben).status == "closed"


def test_near_is_who_shares_a_cohort_a_connection_or_has_the_address(ana, ben):
    carl = factories.member("Carl")
    ben.cohort = "2014"
    assert relationships.may_ask(ana, [ben]) == {ben.id}
    ben.cohort = ""
    assert relationships.invite(ana, [ben], by_address=True).invited == 1
    relationships.undo(ana, others=[ben])
    factories.connect(ana, carl)
    factories.connect(carl, ben)
    assert relationships.invite(ana, [ben]).invited == 1
    ben.askable = "nobody"
    db.session.flush()
    assert people.standing(ana, ben).status == "held"
    with pytest.raises(NotFound):
        relationships.invite(factories.member("Dora", cohort="2014"), [ben], by_address=True)


def test_who_wants_to_be_asked_by_nobody_can_ask_and_be_answered(ana, ben):
    ana.askable = "nobody"
    ben.askable = "everyone"
    db.session.commit()
    relationships.invite(ana, [ben])
    relationships.release(ana.created_at.replace(year=ana.created_at.year + 1))
    assert people.standing(ben, ana).status == "received"
    assert relationships.invite(ben, [ana]).connected == 1


def test_a_closed_member_is_offered_as_soon_as_they_open_again(ana, ben):
    assert people.standing(ana, ben).status == "closed"
    ben.askable = "everyone"
    db.session.flush()
    assert people.standing(ana, ben).status == "none"
