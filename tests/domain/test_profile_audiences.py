"""Who sees what of a profile, and that what members may not see is nowhere they could find it."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect

from tests import factories
from webapp import clock
from webapp.domain import connections, fields, moderation, profiles, relationships, search
from webapp.domain.errors import Invalid, NotFound
from webapp.domain.names import FACETS
from webapp.domain.search import Query
from webapp.extensions import db
from webapp.models.member import Member

TEXTS = {
    "headline": "Canaryheadline",
    "title": "Canarytitle",
    "organisation": "Canaryorganisation",
    "field": "Research",
    "place": "Canaryplace",
    "cohort": "Canarycohort",
    "tags": "canarykelp",
    "about": "Canaryabout",
    "links": "https://canary.example",
}


@pytest.fixture
def cleo(context):
    return factories.member("Cleo Braun")


def full(member):
    profiles.edit(member, **TEXTS)
    profiles.add_entry(member, "experience", what="Diver", at="Sea", from_year="2020")
    profiles.add_entry(member, "education", what="Biology", at="Porto", from_year="2010", to_year="2014")
    profiles.add_skill(member, "Kelp")
    profiles.set_photo(member, {64: b"small", 256: b"large"})
    db.session.commit()


def shown(profile):
    return {name for name in (*profiles.FIELD_NAMES, *profiles.PARTS) if getattr(profile, name)}


ALL = {*profiles.FIELD_NAMES, *profiles.PARTS}


def test_every_field_is_for_members_until_somebody_says_otherwise(ana, ben):
    full(ana)
    assert shown(profiles.seen_by(ben, ana)) == ALL
    assert shown(profiles.seen_by(None, ana)) == set()


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("audience", ["me", "connections", "members", "public"])
def test_an_audience_holds_for_its_field_alone(ana, ben, cleo, name, audience):
    factories.connect(ana, ben)
    full(ana)
    profiles.edit(ana, {name: audience})
    db.session.commit()
    viewers = {"me": ana, "connections": ben, "members": cleo, "public": None}
    widest = list(viewers).index(audience)
    for number, viewer in enumerate(viewers.values()):
        seen = shown(profiles.seen_by(viewer, ana))
        assert (name in seen) == (number <= widest)
        assert seen - {name} == (set() if viewer is None else ALL - {name})


def test_a_value_comes_back_whole_when_its_audience_does(ana, ben):
    full(ana)
    before = profiles.seen_by(ben, ana)
    for audience in ("me", "public", "connections", "members"):
        profiles.edit(ana, dict.fromkeys(sorted(ALL), audience))
        db.session.commit()
        db.session.expire_all()
        assert profiles.seen_by(ana, ana).headline == "Canaryheadline"
    assert profiles.seen_by(ben, ana) == before


def test_a_hidden_field_can_be_changed_without_being_shown(ana, ben):
    profiles.edit(ana, {"headline": "me"}, headline="First")
    profiles.edit(ana, headline="Second")
    assert ana.headline == ""
    assert profiles.all_of(ana)["headline"] == profiles.Held("Second", "me")
    with pytest.raises(Invalid):
        profiles.edit(ana, {"headline": "everybody"}, headline="Third")
    assert profiles.all_of(ana)["headline"].value == "Second"


def text_columns(member):
    return " ".join(str(getattr(member, column.key)) for column in inspect(Member).columns).lower()


@given(
    chosen=st.fixed_dictionaries({name: st.sampled_from(["me", "connections", "members", "public"]) for name in TEXTS})
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_chosen_no_column_and_no_search_knows_what_members_may_not_see(context, chosen):
    ana, ben = factories.member("Ana Lima"), factories.member("Ben Okafor")
    factories.connect(ana, ben)
    profiles.edit(ana, chosen, **TEXTS)
    db.session.commit()
    try:
        for name, audience in chosen.items():
            hidden = audience in {"me", "connections"}
            word = TEXTS[name].lower()
            assert (word in text_columns(ana)) != hidden, name
            if name in {"about", "links"}:
                continue
            whole = TEXTS[name]
            mistyped = f"{whole[:4]}x{whole[4:]}"
            for query in map(Query, (whole, whole[:-1], mistyped)):
                result = search.find(ben, query)
                assert [row.id for row in result.rows] == ([] if hidden else [ana.id]), (name, query)
                assert result.count == (0 if hidden else 1)
                assert not (hidden and result.instead), name
            if name in FACETS:
                narrowed = search.find(ben, Query(**{name: (TEXTS[name],)}))
                assert [row.id for row in narrowed.rows] == ([] if hidden else [ana.id]), name
                offered = [value.value for value in search.find(ben, Query()).facets[name]]
                assert offered == ([] if hidden else [TEXTS[name]]), name
    finally:
        ana.suspended_at = clock.now()  # or the next example would find this one
        db.session.commit()


VALUES = {
    "field": ("", "Research", "Law"),
    "place": ("", "Porto", "Lisbon"),
    "cohort": ("", "2011", "2012"),
    "organisation": ("", "Harbour Institute", "Nordlys Energy"),
}
AUDIENCES = ["me", "connections", "members", "public"]
PROFILE = st.fixed_dictionaries(
    {name: st.tuples(st.sampled_from(values), st.sampled_from(AUDIENCES)) for name, values in VALUES.items()}
)
NARROWED = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})


@pytest.fixture
def community(context, ben):
    """Three whom Ben is connected to, and three whom he is not."""
    others = [factories.member(f"Member {number}") for number in range(6)]
    for other in others[:3]:
        factories.connect(ben, other)
    return others


@given(said=st.lists(PROFILE, min_size=6, max_size=6), narrowed=NARROWED)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_chosen_what_members_may_not_see_is_neither_counted_nor_offered(ben, community, said, narrowed):
    for other, profile in zip(community, said, strict=True):
        audiences = {name: audience for name, (_value, audience) in profile.items()}
        profiles.edit(other, audiences, **{name: value for name, (value, _audience) in profile.items()})
    db.session.commit()
    seen = [
        {name: value if audience in {"members", "public"} else "" for name, (value, audience) in profile.items()}
        for profile in said
    ]

    def numbers(name, among):
        return Counter(each[name] for each in among if each[name])

    chosen = {name: value for name, value in narrowed.items() if value}
    found = search.find(ben, Query(**{name: (value,) for name, value in chosen.items()}))
    meant = [each for each in seen if all(each[name] == value for name, value in chosen.items())]
    ids = [other.id for other, each in zip(community, seen, strict=True) if each in meant]
    assert sorted(row.id for row in found.rows) == ids
    order = [(row.degree, row.id) for row in found.rows]
    assert order == sorted(order, reverse=True), "how connected they are, and nothing they hide"
    assert found.count == len(meant)
    for name in FACETS:
        rest = {kind: value for kind, value in chosen.items() if kind != name}
        among = [each for each in seen if all(each[kind] == value for kind, value in rest.items())]
        offered = {value.value: value.count for value in found.facets[name]}
        assert offered == ({chosen[name]: 0} if name in chosen else {}) | numbers(name, among), name
    hubs = fields.hubs(ben)
    for kind in ("field", "cohort"):
        assert {hub.value: hub.count for hub in hubs[kind]} == numbers(kind, seen)
    options = connections.options(ben)
    for name, kind in (("field", "field"), ("company", "organisation"), ("place", "place"), ("cohort", "cohort")):
        assert options[name] == sorted(numbers(kind, seen[:3]))
        for value in filter(None, VALUES[kind]):
            mine = db.session.execute(connections.of(ben, only={name: value})).all()
            assert len(mine) == numbers(kind, seen[:3])[value]


def test_a_photo_is_served_to_its_audience(ana, ben, cleo):
    factories.connect(ana, ben)
    full(ana)
    name = ana.photo
    with pytest.raises(NotFound):
        profiles.photo(None, name, 64)
    profiles.edit(ana, {"photo": "connections"})
    db.session.commit()
    assert ana.photo is None
    assert profiles.photo(ben, name, 64) == profiles.photo(ana, name, 64) == b"small"
    with pytest.raises(NotFound):
        profiles.photo(cleo, name, 64)
    profiles.set_photo(ana, {64: b"other", 256: b"larger"})
    db.session.commit()
    assert ana.photo is None
    name = profiles.seen_by(ben, ana).photo
    assert profiles.photo(ben, name, 64) == b"other"
    profiles.edit(ana, {"photo": "public"})
    assert profiles.photo(None, name, 64) == b"other"


def test_somebody_who_is_not_there_shows_nothing_to_strangers(ana):
    profiles.edit(ana, {"headline": "public"}, headline="Architect")
    db.session.commit()
    assert profiles.public_one(ana.handle).headline == "Architect"
    ana.suspended_at = clock.now()
    db.session.commit()
    with pytest.raises(NotFound):
        profiles.public_one(ana.handle)


# Contact information


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("phone", " +351 21\u202e 555 0148 ", "+351 21 555 0148"),
        ("email", "Ana@Studio.example", "Ana@studio.example"),
        ("site", "https://ana.example/x", "https://ana.example/x"),
        ("address", "12 Quay\r\n\r\n\r\n1200 Lisbon", "12 Quay\n\n1200 Lisbon"),
        ("birthday", "1990-5-4", "1990-05-04"),
        ("birthday", "02-29", "--02-29"),
        ("messenger", "@ana", "@ana"),
    ],
)
def test_a_detail_is_kept_as_its_kind_asks(ana, kind, typed, kept):
    assert profiles.add_detail(ana, kind, typed).value == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", "call me"),
        ("phone", "1"),
        ("email", "ana at example"),
        ("site", "javascript:alert(1)"),
        ("site", "ana.example"),
        ("birthday", "14 May"),
        ("birthday", "1990-02-30"),
        ("birthday", "٠٥-١٤"),
        ("address", "x" * 301),
        ("messenger", ""),
        ("fax", "1234"),
    ],
)
def test_a_detail_that_does_not_hold_is_refused(ana, kind, value):
    with pytest.raises(Invalid):
        profiles.add_detail(ana, kind, value)
    assert profiles.own_details(ana) == []


def test_a_phone_is_nobodys_and_the_rest_connections_until_somebody_says_otherwise(ana, ben, cleo):
    factories.connect(ana, ben)
    profiles.add_detail(ana, "phone", "+351 21 555 0148")
    profiles.add_detail(ana, "email", "ana@studio.example", "Work")
    db.session.commit()
    assert [detail.value for detail in profiles.contact_of(ben, ana)] == ["ana@studio.example"]
    assert profiles.contact_of(cleo, ana) == profiles.contact_of(None, ana) == []
    assert len(profiles.contact_of(ana, ana)) == 2


def test_contact_information_is_gone_with_the_connection_a_block_and_the_member(ana, ben):
    profiles.add_detail(ana, "email", "ana@studio.example")
    profiles.add_detail(ana, "site", "https://ana.example", audience="members")
    db.session.commit()

    def seen():
        return [detail.kind for detail in profiles.contact_of(ben, ana)]

    factories.connect(ana, ben)
    assert seen() == ["email", "site"]
    relationships.end(ana, ben)
    db.session.commit()
    assert seen() == ["site"]
    moderation.block(ana, ben)
    db.session.commit()
    assert seen() == []
    assert [detail.kind for detail in profiles.contact_of(None, ana)] == []
    moderation.unblock(ana, ben.handle)
    ana.deleted_at = clock.now()
    db.session.commit()
    assert seen() == []


def test_contact_information_of_many_is_one_statement(ana, ben, cleo, statements):
    factories.connect(ana, ben)
    factories.connect(ana, cleo)
    for member in (ben, cleo):
        profiles.add_detail(member, "email", "work@studio.example")
    db.session.commit()
    ids = [ben.id, cleo.id, 999]
    me = ana
    assert me.id
    with statements() as seen:
        found = profiles.contact_of_many(me, ids)
    assert len([each for each in seen if each.startswith("SELECT")]) == 1
    assert {member_id: len(details) for member_id, details in found.items()} == {ben.id: 1, cleo.id: 1, 999: 0}


def test_the_date_of_a_detail_moves_when_what_it_says_does(ana):
    row = profiles.add_detail(ana, "email", "ana@studio.example")
    added = row.changed_at
    clock.move(days=1)
    profiles.change_detail(ana, row.key, "ana@studio.example", "", "members")
    assert (row.audience, row.changed_at) == ("members", added)
    profiles.change_detail(ana, row.key, "ana@studio.example", "Work", "members")
    assert row.changed_at > added


def test_a_detail_is_reached_by_its_owner_alone(ana, ben):
    row = profiles.add_detail(ana, "email", "ana@studio.example")
    for attempt in (
        lambda: profiles.own_detail(ben, row.key),
        lambda: profiles.change_detail(ben, row.key, "x@example.org", "", "public"),
        lambda: profiles.remove_detail(ben, row.key),
    ):
        with pytest.raises(NotFound):
            attempt()
    profiles.remove_detail(ana, row.key)
    assert profiles.own_details(ana) == []
