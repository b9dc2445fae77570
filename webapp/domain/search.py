"""Search: finding people by words and by what they have in common, the same on both engines and as quick among a million.

Two plans, chosen by how many have the words. Up to `FEW`, all of them are read: counted exactly, by every value they can be filtered
by, with those first whose name it is. Beyond, the best connected are walked through until the page is full, which is soon, and nothing
is counted. Neither ever sorts or scores everything that is found.
"""

import dataclasses
import itertools
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, bindparam, case, func, literal, or_, select, type_coerce

from webapp.domain import circles, people, relationships
from webapp.domain.circles import Near
from webapp.domain.names import END_OF_NAME, FACETS, MENTORS, mark, words
from webapp.domain.profiles import FIELDS
from webapp.extensions import db
from webapp.models import words as index
from webapp.models.batch import values_of
from webapp.models.built import built_once, rows
from webapp.models.member import AnyViewer, Member, visible

FEW = 2000
"""Up to so many are read and counted; more are walked through."""
SHOWN = 1000
"""After so many the pages end: a search is for finding somebody, not for copying everybody."""
SIZE = 25
WORDS = 8
Q_CHARACTERS = 100
VALUES = 10
VALUE_CHARACTERS = 120
OFFERED = 8
"""How many values of one kind are offered to filter by."""
LATELY = 200
"""Among so many who joined last those are looked for whom the viewer may see."""
SAMPLE = 1000
"""Among how many of the best connected values are looked for where too many are found to look at all."""
DEGREES = (1, 2)
BRIDGES = 500
"""Up to so many connections, how many of the found are near is counted unasked."""
CORRECTED = 4
"""Words with fewer letters are not corrected: too many others are a letter away."""
SUGGESTED = 3
BLOCK = 64
"""Scripts other than Latin: so many code points around a letter are taken for its alphabet."""

Place = tuple[int, int, int, int]
"""After which row a page goes on: whether the name matched, connections, id; and how many were shown up to there."""


@dataclass(frozen=True)
class Query:
    """What is looked for. Values of one kind are alternatives; all kinds, and all words, must hold."""

    q: str = ""
    field: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    cohort: tuple[str, ...] = ()
    organisation: tuple[str, ...] = ()
    degree: tuple[int, ...] = ()
    mentors: bool = False

    @property
    def words(self) -> list[str]:
        """The words of `q`, folded."""
        return words(self.q)[:WORDS]

    def marks(self, facet: str) -> list[str]:
        """Return the marks of the values chosen of one kind."""
        return [each for value in getattr(self, facet) if (each := mark(facet, value))]

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """Everything but words that narrows it: (kind, value), as it stands in an address."""
        values = [(facet, value) for facet in FACETS for value in getattr(self, facet)]
        return [
            *values,
            *(("degree", str(each)) for each in self.degree),
            *([("mentors", "1")] if self.mentors else []),
        ]

    def with_or_without(self, kind: str, value: str) -> "Query":
        """Return the same search with one value more, or without it where it is chosen."""
        if kind == "mentors":
            return replace(self, mentors=not self.mentors)
        have: tuple[Any, ...] = getattr(self, kind)
        wanted: Any = int(value) if kind == "degree" else value
        left = tuple(
            each for each in have if each != wanted and (kind == "degree" or mark(kind, each) != mark(kind, value))
        )
        changed: dict[str, Any] = {kind: left if len(left) < len(have) else (*have, wanted)}
        return replace(self, **changed)

    def address(self) -> dict[str, Any]:
        """Return what stands in an address for it: name -> values, without those that say nothing."""
        found: dict[str, Any] = {"q": [self.q]} if self.q else {}
        for kind, value in self.chosen:
            found.setdefault(kind, []).append(value)
        return found


def asked(values: Iterable[tuple[str, str]]) -> Query:
    """Return the search that an address asks for; what makes no sense in it is left out."""
    kept: dict[str, list[str]] = {}
    for name, text in values:
        value = " ".join(text.split())[:VALUE_CHARACTERS]
        if value and value not in kept.setdefault(name, []) and len(kept[name]) < VALUES:
            kept[name].append(value)
    given = {facet: tuple(value for value in kept.get(facet, ()) if mark(facet, value)) for facet in FACETS}
    given["field"] = tuple(each for each in given["field"] if each in FIELDS)
    return Query(
        q=next(iter(kept.get("q", ())), "")[:Q_CHARACTERS],
        degree=tuple(each for each in DEGREES if str(each) in kept.get("degree", ())),
        mentors="mentors" in kept,
        **given,
    )


@dataclass(frozen=True)
class Value:
    """One value to filter by: how many would be left (None: not counted), and whether it is chosen."""

    value: str
    count: int | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Found:
    """One page of a search: its rows, the place it goes on after (None at the end), how many in all, and by what to narrow it.

    `count` is exact up to `people.COUNTED`, and one more for more than that. `ended`: there are more, and they are not shown. `instead`:
    nobody has the words, and these, a letter away, were looked for; `others` are more such words. `near`: who is near the viewer, where
    it was looked up for the numbers.
    """

    rows: Sequence[Any]
    place: Place | None
    count: int
    facets: dict[str, list[Value]]
    ended: bool = False
    instead: str = ""
    others: Sequence[str] = ()
    near: Near | None = dataclasses.field(default=None, compare=False)


class Hit(NamedTuple):
    """Somebody found, as a row of `_read`: what they are sorted by, first whether the words are those of the name, and what narrows it."""

    named: int
    degree: int
    id: int
    field: str
    place: str
    cohort: str
    organisation: str
    mentors: int


KEY = itemgetter(0, 1, 2)
"""Under what they are sorted, the largest first."""
AT = {name: itemgetter(at) for at, name in enumerate(Hit._fields)}
"""What takes a value out of a hit, by its name: many times as quick as to ask for it, and there are thousands."""


def find(viewer: Member, query: Query, place: Place | None = None, size: int = SIZE) -> Found:
    """Return one page of who is found, best matches first; where nobody has a word, of who has one a letter away.

    The same number of statements for any number of members and of rows.
    """
    found, near = _look(viewer, query)
    if found is None:
        return _walk(viewer, query, near or _near_unasked(viewer), place, size)
    near = near or (_near_unasked(viewer) if found else None)
    if found or not query.words:
        return _page(query, found, near, place, size)
    meant, said = _corrected(viewer, query.words)
    if not said:
        return _page(query, [], near, place, size)
    query = replace(query, q=said[0])
    near = near or _near_unasked(viewer)
    shown = find(viewer, query, place, size) if meant is None else _page(query, meant, near, place, size)
    return replace(shown, instead=said[0], others=said[1:])


def every(viewer: Member, query: Query) -> list[Hit] | None:
    """Return all who are found, the best first; None for more than `FEW`."""
    found, near = _look(viewer, query)
    return None if found is None else _sorted(_sifted(query, found, near)[0])


def newest(viewer: Member, query: Query, most: int) -> list[Any]:
    """Return a few of those who have the words and values chosen, as rows of a list, those first who joined last."""
    ids = index.hits(_terms(query)).order_by(index.newest()).limit(LATELY)
    found = people.visible_to(viewer).where(Member.id != viewer.id, Member.id.in_(ids))
    return list(db.session.execute(found.order_by(Member.id.desc()).limit(most)))


# Who has the words


def _look(viewer: Member, query: Query) -> tuple[Sequence[Hit] | None, Near | None]:
    """Return who has the words (None for too many), and how near everybody is to the viewer as far as that is asked."""
    near = circles.around(viewer.id) if query.degree else None
    terms, number = _source(query)
    if not number:
        return [], near
    if terms is not None:
        return _read(
            viewer, query.words, _indexed(len(query.words), by_terms=bool(terms)), terms=index.said(terms)
        ), near
    if near is not None and len(among := sorted(_among(near, query))) <= FEW:
        some = _everybody(len(query.words)).where(Member.id.in_(select(values_of(among).c.value)), *_like(query))
        return _read(viewer, query.words, some), near
    return None, near


def _near_unasked(viewer: Member) -> Near | None:
    return circles.around(viewer.id) if viewer.degree <= BRIDGES else None


def _source(query: Query) -> tuple[index.Terms | None, int]:
    """Return what to ask the index for, and how many have it: the words; where these are too many, the values chosen, too.

    None for still too many.
    """
    sources = [[[f"{word}*"] for word in query.words], _terms(query)]
    if sources[0] == sources[1]:
        del sources[1]
    asked = {f"terms_{at}": index.said(terms) for at, terms in enumerate(sources)}
    counted = db.session.execute(_numbers(FEW + 1, *map(bool, sources)), asked).one()
    return next((each for each in zip(sources, counted, strict=True) if each[1] <= FEW), (None, FEW + 1))


@built_once
def _numbers(most: int, *by_terms: bool) -> Any:
    sources = [
        index.hits_given(f"terms_{at}") if each else select(Member.id).where(visible())
        for at, each in enumerate(by_terms)
    ]
    return select(
        *(select(func.count()).select_from(each.limit(most).subquery()).scalar_subquery() for each in sources)
    )


def _terms(query: Query) -> list[list[str]]:
    """Return what the index is asked for: every word as a beginning, and of each kind one of the values chosen."""
    has_words = [[f"{word}*"] for word in query.words]
    return [*has_words, *filter(None, map(query.marks, FACETS)), *([[MENTORS]] if query.mentors else [])]


def _read(viewer: Member, wanted: Sequence[str], some: Any, **more: str) -> Sequence[Any]:
    """Return some of `_everybody` as rows that are as a `Hit`, those named whose name has the words. One statement."""
    names = {f"name_{at}": f"% {word}%{END_OF_NAME}%" for at, word in enumerate(wanted)}
    return rows(some, {"viewer": viewer.id, **names, **more})


@built_once
def _everybody(number: int) -> Any:
    """Return everybody but the viewer; so many words are given for their names. Every value is taken as the database has it."""
    has_name = [Member.search_text.like(bindparam(f"name_{at}")) for at in range(number)]
    named = case((and_(*has_name), 1), else_=0) if has_name else literal(0)
    shown = (getattr(Member, name) for name in Hit._fields[1:-1])
    return _existing(named.label("named"), *shown, type_coerce(Member.mentors, Integer()).label("mentors"))


def _existing(*columns: Any) -> Any:
    """Return everybody but the viewer who exists for them, as `people.visible_to` does, to be asked of thousands."""
    return select(*columns).where(
        visible(), Member.id.not_in(relationships.blocked_with(AnyViewer)), Member.id != AnyViewer.id
    )


@built_once
def _indexed(number: int, *, by_terms: bool) -> Any:
    source = index.hits_given("terms") if by_terms else select(Member.id).where(visible())
    return _everybody(number).where(index.among(source))


def _like(query: Query) -> list[Any]:
    """Return the conditions that every word begins a word; read row by row, without an index."""
    return [Member.search_text.like(f"% {word}%") for word in query.words]  # a word has no % and no _


def _among(near: Near, query: Query) -> set[int]:
    """Return the ids of everybody as near as is asked."""
    return set().union(*(near.mine if degree == 1 else near.second for degree in query.degree))


# Few: read, counted, sorted


def _page(query: Query, found: Sequence[Hit], near: Near | None, place: Place | None, size: int) -> Found:
    has_all, lacking = _sifted(query, found, near)
    kept = _sorted(has_all)
    start = next((at for at, hit in enumerate(kept) if KEY(hit) < place[:3]), len(kept)) if place else 0
    shown = kept[start : min(start + size, SHOWN)]
    end = start + len(shown)
    return Found(
        people.in_order([hit.id for hit in shown]),
        (*KEY(shown[-1]), end) if shown and end < min(len(kept), SHOWN) else None,
        min(len(kept), people.COUNTED + 1),
        _counted(query, has_all, lacking, near),
        ended=end == SHOWN < len(kept),
        near=_few(near),
    )


def _few(near: Near | None) -> Near | None:
    """Return who is near where it is quick to count with; with thousands of connections a question to the database is quicker."""
    return near if near is not None and len(near.mine) <= BRIDGES else None


def _sorted(found: Sequence[Hit]) -> list[Hit]:
    return sorted(found, key=KEY, reverse=True)


def _sifted(query: Query, found: Sequence[Hit], near: Near | None) -> tuple[Sequence[Hit], dict[str, list[Hit]]]:
    """Return those for whom every filter holds; and by kind, those who lack nothing but what is chosen of it."""
    wanted = _wanted(query)
    if not wanted:
        return found, {}
    has_all: list[Hit] = []
    lacking: dict[str, list[Hit]] = {}
    for hit in found:
        missing = [kind for kind, chosen in wanted.items() if _value(hit, kind, near) not in chosen]
        if not missing:
            has_all.append(hit)
        elif len(missing) == 1:
            lacking.setdefault(missing[0], []).append(hit)
    return has_all, lacking


def _wanted(query: Query) -> dict[str, set[Any]]:
    """Return what is chosen, by kind: marks, degrees, and whether somebody offers mentoring."""
    chosen: dict[str, set[Any]] = {facet: set(query.marks(facet)) for facet in FACETS if getattr(query, facet)}
    if query.degree:
        chosen["degree"] = set(query.degree)
    if query.mentors:
        chosen["mentors"] = {True}
    return chosen


def _value(hit: Hit, kind: str, near: Near | None) -> Any:
    if kind == "degree":
        return 0 if near is None else 1 if hit.id in near.mine else 2 if hit.id in near.second else 0
    value = AT[kind](hit)
    return value if kind == "mentors" else mark(kind, value)


def _counted(
    query: Query, has_all: Sequence[Hit], lacking: dict[str, list[Hit]], near: Near | None
) -> dict[str, list[Value]]:
    """Return by what the found can be narrowed, with how many would be left: each kind among those for whom all other kinds hold."""

    def values(kind: str, name: str) -> Iterable[Any]:
        return map(AT[name], itertools.chain(has_all, lacking.get(kind, ())))

    facets = {facet: _values(query, facet, Counter(values(facet, facet))) for facet in FACETS}
    counts: dict[int, int] = {}
    if near is not None:
        ids = set(values("degree", "id"))
        further = near.second if query.degree else near.further  # the set of them is there where it was asked for
        counts = {1: len(ids & near.mine), 2: len(ids.intersection(further) - near.mine)}
    facets["degree"] = [
        Value(str(each), counts[each] if near is not None else None, each in query.degree)
        for each in DEGREES
        if each in query.degree or (counts[each] if near is not None else has_all or lacking)
    ]
    offering = sum(values("mentors", "mentors"))
    facets["mentors"] = [Value("1", offering, query.mentors)] if offering or query.mentors else []
    return facets


def _values(query: Query, facet: str, counts: Counter[str], *, exact: bool = True) -> list[Value]:
    """Return the values to offer, those chosen first and then the most frequent; however it is spelt, a value stands there once."""
    spelt: dict[str, str] = {}
    number: Counter[str] = Counter()
    for value in dict.fromkeys([*sorted(counts, key=lambda each: (-counts[each], each)), *getattr(query, facet)]):
        if key := mark(facet, value):
            spelt.setdefault(key, value)
            number[key] += counts[value]
    chosen = set(query.marks(facet))
    order = sorted(spelt, key=lambda key: (key not in chosen, -number[key], key))[: max(OFFERED, len(chosen))]
    return [Value(spelt[key], number[key] if exact else None, key in chosen) for key in order]


# Many: walked through


def _walk(viewer: Member, query: Query, near: Near | None, place: Place | None, size: int) -> Found:
    wanted = [*_like(query), *_filters(query, near)]
    found = people.best_connected(viewer, *wanted)
    before = place[3] if place else 0
    if place:
        found = people.after(found, place[1], place[2])
    most = max(0, min(size, SHOWN - before))
    rows = db.session.execute(found.limit(most + 1)).all() if most else []
    shown, more = rows[:most], len(rows) > most
    end = before + len(shown)
    return Found(
        shown,
        (0, shown[-1].degree, shown[-1].id, end) if more and end < SHOWN else None,
        people.count(people.best_connected(viewer, *wanted)) if query.degree else people.COUNTED + 1,
        _sampled(viewer, query),
        ended=more and end >= SHOWN,
        near=_few(near),
    )


def _filters(query: Query, near: Near | None) -> list[Any]:
    """Return the conditions of everything chosen, read row by row."""
    found: list[Any] = [Member.field.in_(query.field)] if query.field else []
    marks = filter(None, map(query.marks, FACETS[1:]))
    found += [or_(*(Member.search_text.contains(f" {each} ", autoescape=True) for each in some)) for some in marks]
    if query.mentors:
        found.append(Member.mentors)
    if query.degree and near is not None:
        found.append(Member.id.in_(select(values_of(sorted(_among(near, query))).c.value)))
    return found


def _sampled(viewer: Member, query: Query) -> dict[str, list[Value]]:
    """Return by what many can be narrowed: values of the best connected who have the words, not counted."""
    asked = {f"word_{at}": f"% {word}%" for at, word in enumerate(query.words)}
    found = rows(_some_values(SAMPLE, len(asked)), {"viewer": viewer.id, **asked})
    facets = {
        facet: _values(query, facet, Counter(map(itemgetter(at), found)), exact=False)
        for at, facet in enumerate(FACETS)
    }
    facets["degree"] = [Value(str(each), None, each in query.degree) for each in DEGREES]
    facets["mentors"] = [Value("1", None, query.mentors)]
    return facets


@built_once
def _some_values(most: int, number: int) -> Any:
    """Return the values of the best connected, and of these of who has so many words."""
    columns = [getattr(Member, facet) for facet in FACETS]
    best = (
        _existing(*columns, *([Member.search_text] if number else []))
        .order_by(Member.degree.desc(), Member.id.desc())
        .limit(most)
        .subquery()
    )
    has_words = (best.c.search_text.like(bindparam(f"word_{at}")) for at in range(number))
    return select(*(best.c[facet] for facet in FACETS)).where(*has_words)


# A letter away


def _corrected(viewer: Member, wanted: list[str]) -> tuple[list[Hit] | None, list[str]]:
    """Return words to look for instead, the best first, and who has these (None: more than could be looked at).

    Each word that nobody has becomes one a letter away that somebody has. Taken from the texts of people the viewer may see, never from
    a list of words: what nobody may see is not suggested either.
    """
    starts = {word[:length] for word in wanted for length in range(1, len(word) + 1)}
    known = set(db.session.scalars(index.beginnings(sorted(starts))))
    lost = [word for word in wanted if word not in known]
    away = {word: _one_letter_away(word, known) for word in lost if len(word) >= CORRECTED}
    if not lost or not all(away.get(word) for word in lost):
        return None, []
    # One by one, by key. All in one question, PostgreSQL takes them for so many that it reads everybody.
    there = set(db.session.scalars(index.beginnings(sorted(set().union(*away.values())))))
    tried = {word: each & there for word, each in away.items()}
    if not all(tried.values()):
        return None, []
    terms = [[f"{each}*" for each in sorted(tried.get(word, {word}))] for word in wanted]
    newest = index.hits(terms).order_by(index.newest()).limit(FEW)
    some = _everybody(0).add_columns(Member.search_text).where(index.among(newest))
    read = _read(viewer, [], some)
    texts = [row.search_text.split() for row in read]
    number: Counter[tuple[tuple[bool, str], ...]] = Counter()
    for text in texts:
        number.update(set(_said(text, wanted, tried)))
    best = sorted(number, key=lambda said: (sum(part for part, _word in said), -number[said], said))
    said = list(dict.fromkeys(" ".join(word for _part, word in each) for each in best))[:SUGGESTED]
    if not said or len(read) >= FEW:
        return None, said
    meant = words(said[0])
    return [
        Hit(int(_has(text[: text.index(END_OF_NAME)], meant)), *row[1 : len(Hit._fields)])
        for row, text in zip(read, texts, strict=True)
        if _has(text, meant)
    ], said


def _has(text: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether each of these words begins a word of a text."""
    return all(any(each.startswith(word) for each in text) for word in wanted)


def _said(text: list[str], wanted: list[str], tried: dict[str, set[str]]) -> Iterable[tuple[tuple[bool, str], ...]]:
    """Yield what a text has for the words wanted: for each the whole word it meant, or (True) the beginning of one."""
    return itertools.product(
        *(_meant(text, word, tried[word]) if word in tried else [(False, word)] for word in wanted)
    )


def _meant(text: list[str], word: str, tried: set[str]) -> list[tuple[bool, str]]:
    found = set()
    for each in text:
        if each in tried:
            found.add((False, each))
        elif beginning := next((each[: len(word) + n] for n in (0, 1, -1) if each[: len(word) + n] in tried), None):
            found.add((True, beginning))
    return sorted(found)


def _one_letter_away(word: str, known: set[str]) -> set[str]:
    """Return what a letter more, less, another or two swapped make of a word, as far as its beginning before that is one of somebody's."""
    found = set()
    letters = _letters(word)
    for at in range(len(word) + 1):
        before, rest = word[:at], word[at:]
        if before and before not in known:
            break
        found |= {before + letter + rest for letter in letters}
        if rest:
            found |= {before + letter + rest[1:] for letter in letters} | {before + rest[1:]}
        if len(rest) > 1:
            found.add(before + rest[1] + rest[0] + rest[2:])
    return found - {word}


def _letters(word: str) -> set[str]:
    """Return the letters that may have been meant: those of the scripts the word is written in."""
    found: set[str] = set()
    for letter in word:
        if letter.isascii():
            found |= set(string.digits if letter.isdigit() else string.ascii_lowercase)
        else:
            block = ord(letter) // BLOCK * BLOCK
            found |= {chr(code) for code in range(block, block + BLOCK) if chr(code).isalpha()}
    return found
