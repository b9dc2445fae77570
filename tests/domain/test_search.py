"""Finding people by words and by what they have in common: the same people in the same order on both engines."""

import string
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from webapp import clock
from webapp.domain import names, people, relationships, search
from webapp.domain.search import Query
from webapp.extensions import db

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", field="Research", place="Lisbon")


@pytest.fixture(params=["read", "walked"])
def plan(request, monkeypatch):
    """Both plans, for what must not depend on which of them is taken."""
    if request.param == "walked":
        monkeypatch.setattr(search, "FEW", 0)
    return request.param


def found(viewer, q="", **filters):
    return [row.name for row in search.find(viewer, Query(q, **filters)).rows]


def offered(viewer, facet, q="", **filters):
    return {each.value: each.count for each in search.find(viewer, Query(q, **filters)).facets[facet]}


def change(member, **values):
    for name, value in values.items():
        setattr(member, name, value)
    names.refresh(member)
    db.session.commit()


def test_people_are_found_by_the_beginning_of_any_of_their_words_without_accents(ana, plan):
    factories.member(
        "José Núñez-Ortega",
        headline="River ecologist",
        organisation="Water Agency",
        place="Kraków",
        field="Climate and energy",
        cohort="Class of 2014",
        tags=["kayaking", "C++"],
    )
    for q in (
        "jose", "JOSÉ", "nun", "ortega", "ecol", "water ag", "krakow", "kaya", "  jose   river ", "climate", "2014", "jos%", "c",
        "agency jose 2014 river krakow climate energy kayaking and more than eight words",
    ):  # fmt: skip
        assert found(ana, q) == ["José Núñez-Ortega"], q
    for q in ("ologist", "jose mountain", "j_s", "os%", "_p_krakow", "p krakow", "m"):
        assert found(ana, q) == [], q
    assert found(ana, "%") == found(ana, "") == ["José Núñez-Ortega"]


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("Ольга Ёлкина", "елк"),
        ("Γιώργος", "γιωρ"),
        ("李小龍", "李"),
        ("Łukasz Straße", "lukasz strass"),
        ("Zoë 𞤀𞤣", "𞤢𞤣"),
    ],
)
def test_every_script_is_searched(ana, plan, name, q):
    factories.member(name)
    assert found(ana, q) == [name]


def test_whose_name_it_is_comes_first_and_then_the_best_connected(ana):
    factories.member("Ben One", headline="Reads about rivers")
    known = factories.member("Carl Two", headline="River pilot")
    named = factories.member("Dora River")
    factories.member("Rivera Four")
    factories.connect(known, ana)
    factories.connect(named, factories.member("Ella"))
    assert found(ana, "river") == ["Dora River", "Rivera Four", "Carl Two", "Ben One"]
    assert found(ana, "river carl") == ["Carl Two"]


def test_among_many_the_best_connected_come_first(ana, monkeypatch):
    monkeypatch.setattr(search, "FEW", 2)
    for name in ("Ben River", "Carl", "Dora"):
        factories.member(name, headline="River pilot")
    factories.connect(factories.member("Ella", headline="river"), ana)
    result = search.find(ana, Query("river"))
    assert [row.name for row in result.rows] == ["Ella", "Dora", "Carl", "Ben River"]
    assert result.count == people.COUNTED + 1
    assert all(value.count is None for values in result.facets.values() for value in values)


def test_pages_follow_each_other_without_a_gap_or_a_repetition(ana, plan):
    for number in range(9):
        other = factories.member(f"Ben {number}", headline="ben" if number % 2 else "")
        for _each in range(number % 3):
            factories.connect(other, factories.member("Zoe"))
    whole = found(ana, "ben")
    place, shown = None, []
    for _page in range(3):
        result = search.find(ana, Query("ben"), place, size=4)
        shown += [row.name for row in result.rows]
        place = result.place
    assert shown == whole
    assert len(whole) == 9
    assert place is None


def test_the_pages_end_after_so_many_and_say_so(ana, plan, monkeypatch):
    monkeypatch.setattr(search, "SHOWN", 5)
    for number in range(7):
        factories.member(f"Ben {number}")
    first = search.find(ana, Query("ben"), size=3)
    second = search.find(ana, Query("ben"), first.place, size=3)
    assert (len(first.rows), len(second.rows)) == (3, 2)
    assert (first.ended, second.ended, second.place) == (False, True, None)
    assert not search.find(ana, Query("ben"), (0, 0, 10_000, 5)).rows or plan == "read"


def test_filters_are_alternatives_of_a_kind_and_conditions_of_kinds(ana, plan):
    factories.member("Ben", field="Health", place="Porto", cohort="2014", organisation="Water Agency")
    factories.member("Carl", field="Health", place="porto ", cohort="2015", organisation="Ärzte e.V.")
    factories.member("Dora", field="Law", place="Kraków", cohort="2014", organisation="Water-agency", mentors=True)
    assert set(found(ana, field=("Health",))) == {"Ben", "Carl"}
    assert set(found(ana, field=("Health", "Law"), cohort=("2014",))) == {"Ben", "Dora"}
    assert set(found(ana, place=("PORTO", "krakow"))) == {"Ben", "Carl", "Dora"}
    assert set(found(ana, organisation=("water agency",))) == {"Ben", "Dora"}
    assert found(ana, "ca", place=("Porto",)) == ["Carl"]
    assert found(ana, mentors=True) == ["Dora"]
    assert found(ana, place=("Port",)) == found(ana, place=("Porto",), field=("Law",)) == []


def test_filters_by_nearness(ana, plan):
    ben, carl, dora = (factories.member(name) for name in ("Ben", "Carl", "Dora"))
    factories.connect(ana, ben)
    factories.connect(ben, carl)
    assert found(ana, degree=(1,)) == ["Ben"]
    assert found(ana, degree=(2,)) == ["Carl"]
    assert set(found(ana, degree=(1, 2))) == {"Ben", "Carl"}
    assert found(dora, degree=(1, 2)) == []
    assert search.find(ana, Query(degree=(2,))).count == 1


def test_every_filter_says_how_many_would_be_left(ana):
    ben = factories.member("Ben", field="Health", place="Porto", cohort="2014")
    factories.member("Carl", field="Health", place="porto", cohort="2015", mentors=True)
    factories.member("Dora", field="Law", place="Porto", cohort="2014")
    factories.connect(ana, ben)
    assert offered(ana, "place") == {"Porto": 3}
    assert offered(ana, "field", field=("Health",)) == {"Health": 2, "Law": 1}
    assert offered(ana, "cohort", field=("Health",)) == {"2014": 1, "2015": 1}
    assert offered(ana, "cohort", field=("Health",), cohort=("2014",)) == {"2014": 1, "2015": 1}
    assert offered(ana, "field", field=("Health",), cohort=("2014",)) == {"Health": 1, "Law": 1}
    assert offered(ana, "degree") == {"1": 1}
    assert offered(ana, "mentors") == {"1": 1}
    assert offered(ana, "place", q="absent") == {}


def test_words_too_frequent_are_read_where_a_filter_leaves_few(ana, monkeypatch):
    for number in range(5):
        factories.member(f"Ben {number}", place="Porto" if number < 2 else "Paris", headline="ben")
    monkeypatch.setattr(search, "FEW", 3)
    result = search.find(ana, Query("ben", place=("Porto",)))
    assert result.count == 2
    assert [value.count for value in result.facets["place"]] == [2]
    near = factories.member("Ben Near")
    factories.connect(ana, near)
    assert found(ana, "ben", degree=(1,)) == ["Ben Near"]


@pytest.mark.parametrize("q", ["mulller", "muler", "mullwr", "uller", "mlüller", "Müllre", "MULLLER", "gmuller"])
def test_a_letter_away_is_found_and_said(ana, q):
    factories.member("Jürgen Müller")
    factories.member("Ada Moller")
    result = search.find(ana, Query(q))
    assert [row.name for row in result.rows] == ["Jürgen Müller"], q
    assert result.instead == "muller"
    assert result.count == 1


def test_the_word_is_not_corrected_where_somebody_has_it(ana, plan):
    factories.member("Ben Miller")
    factories.member("Carl Muller")
    assert search.find(ana, Query("muller")).instead == ""
    assert found(ana, "muller") == ["Carl Muller"]


def test_two_letters_away_and_short_words_are_not_corrected(ana):
    factories.member("Ben Kowalski")
    factories.member("Ian Ott")
    for q in ("kawalsky", "otz", "kowalskiii", "ben kowolsky"):
        assert found(ana, q) == [], q
        assert search.find(ana, Query(q)).instead == "", q


def test_the_beginning_of_a_word_is_corrected_and_the_other_words_stay(ana):
    factories.member("Ben Schmidt", place="Porto")
    factories.member("Carl Schmidt", place="Paris")
    result = search.find(ana, Query("shcmid porto"))
    assert ([row.name for row in result.rows], result.instead) == (["Ben Schmidt"], "schmid porto")
    assert found(ana, "schmitd pariz") == ["Carl Schmidt"]
    assert found(ana, "schmitd london") == []


def test_among_several_the_word_most_have_is_taken_and_the_others_are_offered(ana):
    factories.member("Ben Katz")
    for name in ("Carl Kats", "Dora Kats"):
        factories.member(name)
    result = search.find(ana, Query("katx"))
    assert (result.instead, list(result.others)) == ("kats", ["katz"])


def test_other_scripts_are_corrected_too(ana):
    factories.member("Ольга Иванова")
    assert search.find(ana, Query("Ивонова")).instead == "иванова"


def test_filters_apply_to_the_corrected_words(ana):
    factories.member("Ben Müller", place="Porto")
    factories.member("Carl Müller", place="Paris")
    result = search.find(ana, Query("mulller", place=("Porto",)))
    assert ([row.name for row in result.rows], result.instead) == (["Ben Müller"], "muller")


def test_what_was_removed_is_neither_found_nor_counted_nor_suggested(ana):
    ben = factories.member("Ben", organisation="Zyxwerk", place="Porto")
    assert found(ana, "zyxw") == ["Ben"]
    change(ben, organisation="", place="")
    assert found(ana, "zyxw") == []
    for q in ("zyxwerk", "zyxwer", "zyywerk"):
        assert search.find(ana, Query(q)) == search.Found([], None, 0, search.find(ana, Query("absent")).facets)
    assert offered(ana, "organisation") == offered(ana, "place") == {}
    assert found(ana, organisation=("Zyxwerk",)) == []


@pytest.mark.parametrize("how", ["unverified", "suspended", "leaving", "blocks", "blocked", "gone"])
def test_nobody_finds_whom_they_may_not_see(ana, plan, how):
    other = factories.member("Ben Zyxwerk", place="Porto", verified=how != "unverified", mentors=True)
    if how == "suspended":
        other.suspended_at = clock.now()
    elif how == "leaving":
        other.deleted_at = clock.now()
    elif how == "blocks":
        relationships.block(other, ana)
    elif how == "blocked":
        relationships.block(ana, other)
    elif how == "gone":
        db.session.delete(other)
    db.session.commit()
    for query in (
        Query(),
        Query("ben"),
        Query("zyxwerk"),
        Query("zyxwerl"),
        Query(place=("Porto",)),
        Query(mentors=True),
    ):
        result = search.find(ana, query)
        assert list(result.rows) == []
        assert (result.instead, list(result.others)) == ("", [])
        if plan == "read":
            assert result.count == 0
            assert not any(value.count for values in result.facets.values() for value in values)
        assert "Porto" not in {value.value for value in result.facets["place"] if not value.chosen}


def test_who_comes_back_is_found_again(ana):
    ben = factories.member("Ben")
    for moment, names_found in ((clock.now(), []), (None, ["Ben"])):
        ben.suspended_at = moment
        db.session.commit()
        assert found(ana, "ben") == names_found


PLACES = ("Porto", "Lodz", "Gaborone")
PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(["shown", "hidden", "unverified", "suspended", "blocking"]),
        st.sampled_from(PLACES),
        st.sampled_from(["Weavers", "Millers", "Turners"]),
    ),
    min_size=1,
    max_size=5,
)


@given(rows=PEOPLE, q=st.sampled_from(["weavers", "weavrs", "mil", "porto", "lodz", "gaboronne", "", "ben weavers"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hidden_value_is_as_if_it_were_not_there(ana, rows, q):
    """Whatever is hidden, by whom and however: what is found, counted, offered and suggested is the same as if nobody had it."""
    made = []
    try:
        answers = []
        for hides in (True, False):
            for state, place, organisation in rows:
                seen = state == "shown"
                if not hides and not seen and state != "hidden":
                    continue
                kept = seen or (hides and state != "hidden")
                other = factories.member(
                    "Ben",
                    place=place if kept else "",
                    organisation=organisation if kept else "",
                    verified=state != "unverified",
                )
                made.append(other)
                if hides and state == "hidden":
                    change(other, place=place, organisation=organisation)
                    change(other, place="", organisation="")
                if state == "suspended":
                    other.suspended_at = clock.now()
                if state == "blocking":
                    relationships.block(other, ana)
                db.session.commit()
            result = search.find(ana, Query(q))
            counts = {
                name: sorted((each.value, each.count) for each in values) for name, values in result.facets.items()
            }
            answers.append((len(result.rows), result.count, counts, result.instead, list(result.others)))
            _forget(made)
        assert answers[0] == answers[1]
    finally:
        _forget(made)


def _forget(made):
    for each in made:
        db.session.delete(each)
    made.clear()
    db.session.commit()


@given(st.text(max_size=30), st.text(alphabet=string.printable, max_size=30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_may_be_typed(ana, q, value):
    result = search.find(ana, replace(Query(q), place=(value,), organisation=(q,)))
    assert result.count <= 1


def test_as_many_statements_for_any_number_of_members_and_rows(ana, statements):
    counts = set()
    for _round in range(2):
        for number in range(8):
            factories.connect(ana, factories.member(f"Ben {number}", place="Porto"))
        db.session.refresh(ana)
        for query in (Query("ben"), Query("ben", place=("Porto",)), Query()):
            with statements() as seen:
                result = search.find(ana, query)
                people.persons(ana, result.rows, result.near)
            counts.add(len([each for each in seen if not each.startswith("BEGIN")]))
    assert counts == {5}
