"""Fields and cohorts: who of them is here, who joined lately, who offers mentoring. One with nobody the viewer may see does not exist."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import func, select

from webapp.domain import people, relationships, search
from webapp.domain.errors import NotFound
from webapp.domain.names import words
from webapp.domain.profiles import FIELDS
from webapp.domain.search import Query
from webapp.extensions import db
from webapp.models.member import Member, visible

Kind = Literal["field", "cohort"]
SHOWN = 6
MOST = 200
"""So many cohorts are listed at most."""


@dataclass(frozen=True)
class Hub:
    """A field or cohort that has members; `count` is None where there are too many members to count."""

    value: str
    slug: str
    count: int | None = None


@dataclass(frozen=True)
class Inside:
    """What the page of one shows: the best connected, who joined lately, who offers mentoring, and how many there are in all."""

    value: str
    query: Query
    count: int
    best: Sequence[people.Person]
    newest: Sequence[people.Person]
    mentors: Sequence[people.Person]


def slug(value: str) -> str:
    """Return how a value stands in an address: "Climate and energy" is climate-and-energy."""
    return "-".join(words(value))


def hubs(viewer: Member) -> dict[Kind, list[Hub]]:
    """Return the fields and the cohorts that have other members, in their order."""
    found = search.every(viewer, Query())
    kinds: tuple[Kind, ...] = ("field", "cohort")
    if found is None:
        return {kind: _hubs(dict.fromkeys(_values(viewer, getattr(Member, kind)))) for kind in kinds}
    return {kind: _hubs(Counter(getattr(hit, kind) for hit in found)) for kind in kinds}


def _hubs(counts: Any) -> list[Hub]:
    """Return values with their numbers as hubs; however it is spelt, a value stands there once."""
    found: dict[str, Hub] = {}
    for value, count in sorted(counts.items(), key=lambda each: (-(each[1] or 0), each[0])):
        if key := slug(value):
            before = found.get(key)
            both = None if count is None else count + ((before and before.count) or 0)
            found[key] = Hub(before.value if before else value, key, both)
    return sorted(found.values(), key=lambda hub: hub.slug)


def _values(viewer: Member, column: Any) -> Iterable[str]:
    """Return the different values of a column that somebody visible has: from one to the next in its index, not member by member."""
    first = select(func.min(column).label("value")).where(column != "").cte("different", recursive=True)
    after = select(func.min(column)).where(column > first.c.value).scalar_subquery()
    different = first.union_all(select(after).where(first.c.value.is_not(None)))
    seen = select(Member.id).where(
        column == different.c.value,
        visible(),
        Member.id != viewer.id,
        ~relationships.blocked_between(viewer, Member.id),
    )
    # One id of each, not EXISTS: that PostgreSQL would turn into a join with all members.
    has_one = seen.limit(1).scalar_subquery().is_not(None)
    return db.session.scalars(select(different.c.value).where(different.c.value.is_not(None), has_one).limit(MOST))


def inside(viewer: Member, kind: Kind, name: str) -> Inside:
    """Return what the page of a field or cohort shows; NotFound for one that is not there, and for one with nobody to see."""
    value = next((each for each in FIELDS if slug(each) == name), "") if kind == "field" else name.replace("-", " ")
    if not value or slug(value) != name:
        raise NotFound
    query = Query(field=(value,)) if kind == "field" else Query(cohort=(value,))
    found = search.find(viewer, query, size=SHOWN)
    if not found.rows:
        raise NotFound
    groups = [
        list(found.rows),
        search.newest(viewer, query, SHOWN),
        search.newest(viewer, replace(query, mentors=True), SHOWN),
    ]
    rows = [row for rows in groups for row in rows]
    persons = {person.id: person for person in people.persons(viewer, rows, found.near)}
    best, newest, mentors = ([persons[row.id] for row in rows] for rows in groups)
    [spelt] = [each.value for each in found.facets[kind] if each.chosen]
    return Inside(spelt, query, found.count, best, newest, mentors)
