"""Fields and cohorts: who of them is here, as far as the viewer may see."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import choices, fields, profiles, relationships, search
from webapp.domain.errors import NotFound
from webapp.domain.search import Query
from webapp.extensions import db

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", field="Research", cohort="1999")


@pytest.fixture(params=["read", "walked"])
def plan(request, monkeypatch):
    if request.param == "walked":
        monkeypatch.setattr(search, "FEW", 0)
    return request.param


def slugs(viewer):
    return {kind: [hub.slug for hub in found] for kind, found in fields.hubs(viewer).items()}


def names(persons):
    return [person.name for person in persons]


def test_only_fields_and_cohorts_with_somebody_to_see_are_listed(ana, plan):
    factories.member("Ben", field="Climate and energy", cohort="Class of 2014")
    factories.member("Carl", field="Climate and energy", cohort="class of 2014")
    factories.member("Dora", field="Law", cohort="2001", verified=False)
    blocking = factories.member("Ella", field="Health", cohort="2002")
    relationships.block(blocking, ana)
    gone = factories.member("Finn", field="Sport", cohort="2003")
    gone.suspended_at = clock.now()
    db.session.commit()
    assert slugs(ana) == {"field": ["climate-and-energy"], "cohort": ["class-of-2014"]}
    for kind, name in (("field", "law"), ("field", "health"), ("field", "sport"), ("field", "research"), ("field", "none"), ("cohort", "2002"), ("cohort", "2014"), ("cohort", ""), ("cohort", "Class of 2014")):  # fmt: skip
        with pytest.raises(NotFound):
            fields.inside(ana, kind, name)


def test_few_are_counted_however_their_cohort_is_spelt(ana):
    for cohort in ("Class of 2014", "class of 2014", "Class of 2014"):
        factories.member("Ben", cohort=cohort)
    [hub] = fields.hubs(ana)["cohort"]
    assert (hub.value, hub.count) == ("Class of 2014", 3)
    assert fields.inside(ana, "cohort", "class-of-2014").value == "Class of 2014"


def test_a_field_shows_the_best_connected_the_newest_and_who_offers_mentoring(ana, plan):
    people = [factories.member(f"Ben {number}", field="Health", mentors=number == 3) for number in range(8)]
    factories.member("Carl", field="Law", mentors=True)
    factories.connect(people[0], ana)
    inside = fields.inside(ana, "field", "health")
    assert names(inside.best)[0] == "Ben 0"
    assert names(inside.newest) == [f"Ben {number}" for number in range(7, 1, -1)]
    assert names(inside.mentors) == ["Ben 3"]
    if plan == "read":
        assert inside.count == 8


def test_mentoring_is_a_choice_that_search_follows_at_once(ana):
    ben = factories.member("Ben", field="Health")
    choices.choose(ben, {"mentors": "1"}, ["mentors"])
    db.session.commit()
    assert names(fields.inside(ana, "field", "health").mentors) == ["Ben"]
    choices.choose(ben, {}, ["mentors"])
    db.session.commit()
    assert fields.inside(ana, "field", "health").mentors == []
    assert list(search.find(ana, Query(mentors=True)).rows) == []


def test_a_skill_is_found_while_every_member_may_see_it(ana):
    ben = factories.member("Ben")

    def found(q="zyxography"):
        db.session.commit()
        result = search.find(ana, Query(q))
        return [row.name for row in result.rows], result.instead

    skill = profiles.add_skill(ben, "Zyxography")
    assert found() == (["Ben"], "")
    assert found("zyxografhy") == (["Ben"], "zyxography")
    profiles.edit(ben, {"skills": "connections"})
    assert found() == found("zyxografhy") == ([], "")
    profiles.edit(ben, {"skills": "public"})
    assert found() == (["Ben"], "")
    profiles.remove_skill(ben, skill.key)
    assert found() == ([], "")
