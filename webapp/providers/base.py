"""What every door yields: cards, a page at a time; what may go wrong with it; and how cards become people."""

import random
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self

from webapp import addresses

CARD_ADDRESSES = 10
TRIES = 5
"""Tries of one page, all told, before a pull fails for good."""
WAIT_SECONDS_MAX = 300.0
_STEPS_MAX = 60.0

Why = Literal["", "none", "invalid", "not_understood"]
"""What is wrong with a contact of no use: it has no address, none that can be right, or is nothing that could be understood."""
Kind = Literal["busy", "unavailable", "expired", "forbidden_scope", "api_disabled", "broken", "too_large"]


class ProviderError(Exception):
    """An address book that could not be read, by kind. `detail` is for the log and holds no secret and no address.

    busy: asked to wait. unavailable: down, unreachable or too slow. expired: the key is no longer accepted.
    forbidden_scope: the member did not allow it. api_disabled: the operator has to switch the interface on.
    broken: an answer that cannot be right. too_large: over a limit.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        retry_after: float | None = None,
        status: int | None = None,
        answer: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind: Kind = kind
        self.detail = detail
        self.retry_after = retry_after
        self.status = status
        self.answer = answer or {}

    @property
    def retryable(self) -> bool:
        """Whether the same page may be asked for again after a while."""
        return self.kind in {"busy", "unavailable"}


def wait(tries: int, retry_after: float | None = None) -> float:
    """Return the seconds to wait after that many failed tries of a page: what the provider said, else 1, 2, 4 ... 60, with jitter."""
    if retry_after is not None:
        return min(max(retry_after, 0.0), WAIT_SECONDS_MAX)
    step = min(2.0 ** max(tries - 1, 0), _STEPS_MAX)
    return step * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries; nothing secret hangs on it


@dataclass(frozen=True, slots=True)
class Card:
    """One contact as it is kept: a display name (may be empty) and its addresses, the primary one first.

    `link` is their profile elsewhere, as `addresses.profile_link` returns it, and `organisation` where they work: what somebody without
    an address can be found by. Without any of these the contact is of no use, and `why` says what is wrong with it.
    """

    name: str
    addresses: tuple[str, ...] = ()
    link: str = ""
    organisation: str = ""
    why: Why = ""

    @property
    def is_usable(self) -> bool:
        """Whether anybody can be found by it."""
        return bool(self.addresses or self.link or self.organisation)

    def dump(self) -> list[Any]:
        """Return the card as JSON can hold it."""
        rest = [self.link, self.organisation, self.why]
        return [self.name, list(self.addresses), *(rest if any(rest) else ())]


def card(name: object, written: Iterable[object], *, link: str = "", organisation: str = "") -> Card:
    """Return a contact made safe. Anything that is not text is passed over."""
    found: dict[str, str] = {}
    is_given = False
    for text in written:
        kept = addresses.address(text) if isinstance(text, str) else None
        is_given = is_given or bool(text)
        if kept is not None:
            found.setdefault(addresses.key(kept), kept)
            if len(found) == CARD_ADDRESSES:
                break
    shown = addresses.display_name(name) if isinstance(name, str) else ""
    if "@" in shown and addresses.key(shown) in found:
        shown = ""  # an address is not a name
    link, organisation = addresses.profile_link(link), addresses.display_name(organisation) if shown else ""
    why: Why = "" if found or link or organisation else "invalid" if is_given else "none"
    return Card(shown, tuple(found.values()), link, organisation, why)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an address book, usable or not, in its order.

    `cursor` asks for the next one; None: this was the last. `total` only feeds the progress bar.
    """

    cards: list[Card]
    cursor: str | None = None
    total: int | None = None

    @property
    def read(self) -> int:
        """How many contacts the page held, usable or not."""
        return len(self.cards)

    def dump(self) -> list[Any]:
        """Return the page's contacts as JSON can hold them."""
        return [each.dump() for each in self.cards]

    @classmethod
    def load(cls, dumped: Sequence[Any]) -> Self:
        """Return the page that was dumped, without its cursor."""
        return cls([Card(name, tuple(given), *rest) for name, given, *rest in dumped])


class AddressBook(Protocol):
    """A provider's address book."""

    def read(self, token: str, cursor: str | None, *, others: bool = False) -> Page:
        """Return one page (the first without a cursor), asking once; `others` adds the people the member has only written to.

        Raises ProviderError.
        """


@dataclass(slots=True)
class Person:
    """One person of the merged book: a display name (may be empty) and all their addresses, the primary one first.

    Whoever has no address has a link or an organisation.
    """

    name: str
    addresses: list[str] = field(default_factory=list)
    rule: str | None = None
    """Which rule says this is probably not a person; `own` for the member's own address."""
    link: str = ""
    organisation: str = ""

    @property
    def shown(self) -> str:
        """What the lists call them: the name, else the address."""
        return self.name or next(iter(self.addresses), self.link)

    @property
    def keys(self) -> list[str]:
        """What their addresses are compared by."""
        return [addresses.key(each) for each in self.addresses]

    @property
    def mail_address(self) -> str | None:
        """Where an invitation by mail would go: the first address that any server takes."""
        return next((each for each in self.addresses if addresses.is_mailable(each)), None)


class Fate(NamedTuple):
    """What became of one contact of the book, in its order.

    `person` is the place in the list of people: of whoever the contact is, or (merged) of the person it was put to, None where every
    address of it stands with others. `why` says what is wrong with one of no use, or which rule says that it is no person.
    """

    kind: Literal["person", "merged", "not_person", "unusable"]
    person: int | None = None
    why: str = ""


@dataclass(slots=True)
class Merged:
    """A whole book: `read == len(people) + len(not_people) + merged + unusable`, and a fate for each contact that was read."""

    people: list[Person] = field(default_factory=list)
    not_people: list[Person] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many contacts the book held."""
        return len(self.fates)

    @property
    def merged(self) -> int:
        """How many contacts were put to others."""
        return sum(fate.kind == "merged" for fate in self.fates)

    @property
    def unusable(self) -> int:
        """How many contacts nobody can be found by."""
        return sum(fate.kind == "unusable" for fate in self.fates)


def merge(pages: Iterable[Page], own: Collection[str] = ()) -> Merged:
    """Return the people of a book; an address stands on one row only. `own` are the keys of the member's own addresses.

    Two contacts that share an address become one person if their names agree or one has none; otherwise it stays with the first, and the
    other keeps its remaining ones (none left: counted as merged). The order is the book's. A link to a profile counts like an address here.
    """
    merging = _Merging(frozenset(own))
    for page in pages:
        for each in page.cards:
            merging.add(each)
    return merging.done()


class _Merging:
    """The rows so far, and which row each address stands on. A row that was given to an earlier one leaves a gap."""

    def __init__(self, own: frozenset[str]) -> None:
        self.own = own
        self.rows: list[Person | None] = []
        self.owner: dict[str, int] = {}
        self.given: dict[int, int] = {}
        """For a gap the row that it was given to."""
        self.not_people: dict[str, Person] = {}
        self.fates: list[Fate] = []
        """`person` is a row here, and the first contact of each row stands as its person."""

    def done(self) -> Merged:
        """Return the book without the gaps."""
        places = {row: at for at, row in enumerate(row for row, each in enumerate(self.rows) if each is not None)}
        people = [each for each in self.rows if each is not None]
        return Merged(people, list(self.not_people.values()), [self._settled(fate, places) for fate in self.fates])

    def _settled(self, fate: Fate, places: dict[int, int]) -> Fate:
        if fate.person is None:
            return fate
        row = self._standing(fate.person)
        return Fate(fate.kind if row == fate.person else "merged", places[row])

    def add(self, each: Card) -> None:
        """Put one card where it belongs."""
        usable: dict[str, str] = {}
        caught: Person | None = None
        for written in each.addresses:
            key = addresses.key(written)
            rule = "own" if key in self.own else addresses.not_a_person(written)
            if rule is None:
                usable[key] = written
            elif caught is None:
                caught = Person(each.name, [written], rule)
        if caught is not None and not usable:
            self.fates.append(self._set_aside(caught))
        elif each.is_usable:
            self.fates.append(self._placed(each, usable))
        else:
            self.fates.append(Fate("unusable", why=each.why))

    def _placed(self, each: Card, usable: dict[str, str]) -> Fate:
        """Put a card to its person: who has one of its addresses, or its link; else somebody new, who gets those that are free."""
        keys = usable | ({each.link: ""} if each.link else {})
        home = self._home(each.name, keys)
        free = {key: written for key, written in keys.items() if key not in self.owner}
        is_new = home is None and bool(free or (each.organisation and not usable))
        if is_new:
            home = len(self.rows)
            self.rows.append(Person(each.name))
        if home is None:
            return Fate("merged")
        row = self._row(home)
        row.name, row.organisation = row.name or each.name, row.organisation or each.organisation
        row.addresses.extend(written for written in free.values() if written)
        row.link = row.link or (each.link if each.link in free else "")
        self.owner.update(dict.fromkeys(free, home))
        return Fate("person" if is_new else "merged", home)

    def _home(self, name: str, keys: Iterable[str]) -> int | None:
        """Return the row of the person that a card belongs to, if there is one; rows that the card links become one."""
        home: int | None = None
        for key in keys:
            if key not in self.owner:
                continue
            place = self._standing(self.owner[key])
            if place == home or not _agree(self._row(place).name, name):
                continue
            home = place if home is None else self._link(home, place)
            name = name or self._row(home).name
        return home

    def _link(self, one: int, other: int) -> int:
        """Make two rows of one person one row, the earlier; return it."""
        first, second = sorted((one, other))
        stays, goes = self._row(first), self._row(second)
        stays.name = stays.name or goes.name
        stays.addresses.extend(goes.addresses)
        stays.link, stays.organisation = stays.link or goes.link, stays.organisation or goes.organisation
        self.rows[second] = None
        self.given[second] = first
        return first

    def _standing(self, place: int) -> int:
        while place in self.given:
            place = self.given[place]
        return place

    def _row(self, place: int) -> Person:
        row = self.rows[place]
        assert row is not None, "an address never stands on a gap"
        return row

    def _set_aside(self, caught: Person) -> Fate:
        """Keep a contact off the lists, once an address."""
        (key,) = caught.keys
        if key in self.not_people:
            return Fate("merged")
        self.not_people[key] = caught
        return Fate("not_person", why=caught.rule or "")


def _agree(one: str, other: str) -> bool:
    """Whether two names may be the same person's: equal but for case and composition, or one is missing."""
    return not one or not other or one == other or _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
