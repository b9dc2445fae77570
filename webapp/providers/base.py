"""What every door yields: cards, a page at a time; what may go wrong with it; and how cards become people."""

import random
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from webapp import addresses

CARD_ADDRESSES = 10
TRIES = 5
"""Tries of one page, all told, before a pull fails for good."""
WAIT_SECONDS_MAX = 300.0
_STEPS_MAX = 60.0

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
    """One contact as it is kept: a display name (may be empty) and its addresses, the primary one first."""

    name: str
    addresses: tuple[str, ...]


def card(name: object, written: Iterable[object]) -> Card | None:
    """Return a contact made safe; None where no address of it is valid. Anything that is not text is passed over."""
    found: dict[str, str] = {}
    for text in written:
        kept = addresses.address(text) if isinstance(text, str) else None
        if kept is not None:
            found.setdefault(addresses.key(kept), kept)
            if len(found) == CARD_ADDRESSES:
                break
    if not found:
        return None
    shown = addresses.display_name(name) if isinstance(name, str) else ""
    if "@" in shown and addresses.key(shown) in found:
        shown = ""  # an address is not a name
    return Card(shown, tuple(found.values()))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an address book. `cursor` asks for the next one; None: this was the last. `total` only feeds the progress bar."""

    cards: list[Card]
    cursor: str | None = None
    total: int | None = None
    unusable: int = 0

    @property
    def read(self) -> int:
        """How many contacts the page held, usable or not."""
        return len(self.cards) + self.unusable

    def dump(self) -> list[Any]:
        """Return the page's contacts as JSON can hold them."""
        return [self.unusable, [[each.name, *each.addresses] for each in self.cards]]

    @classmethod
    def load(cls, dumped: Sequence[Any]) -> Self:
        """Return the page that was dumped, without its cursor."""
        unusable, rows = dumped
        return cls([Card(name, tuple(rest)) for name, *rest in rows], unusable=unusable)


class AddressBook(Protocol):
    """A provider's address book."""

    def read(self, token: str, cursor: str | None, *, others: bool = False) -> Page:
        """Return one page (the first without a cursor), asking once; `others` adds the people the member has only written to.

        Raises ProviderError.
        """


@dataclass(slots=True)
class Person:
    """One person of the merged book: a display name (may be empty) and all their addresses, the primary one first."""

    name: str
    addresses: list[str]
    rule: str | None = None
    """Which rule says this is probably not a person; `own` for the member's own address."""

    @property
    def shown(self) -> str:
        """What the lists call them: the name, else the address."""
        return self.name or self.addresses[0]

    @property
    def keys(self) -> list[str]:
        """What their addresses are compared by."""
        return [addresses.key(each) for each in self.addresses]

    @property
    def mail_address(self) -> str | None:
        """Where an invitation by mail would go: the first address that any server takes."""
        return next((each for each in self.addresses if addresses.is_mailable(each)), None)


@dataclass(slots=True)
class Merged:
    """A whole book: `read == len(people) + len(not_people) + merged + unusable`."""

    read: int = 0
    people: list[Person] = field(default_factory=list)
    not_people: list[Person] = field(default_factory=list)
    merged: int = 0
    unusable: int = 0


def merge(pages: Iterable[Page], own: Collection[str] = ()) -> Merged:
    """Return the people of a book; an address stands on one row only. `own` are the keys of the member's own addresses.

    Two contacts that share an address become one person if their names agree or one has none; otherwise it stays with the first, and the
    other keeps its remaining ones (none left: counted as merged). The order is the book's.
    """
    merging = _Merging(frozenset(own))
    for page in pages:
        merging.result.read += page.read
        merging.result.unusable += page.unusable
        for each in page.cards:
            merging.add(each)
    merging.result.people = [row for row in merging.rows if row is not None]
    return merging.result


class _Merging:
    """The rows so far, and which row each address stands on. A row that was given to an earlier one leaves a gap."""

    def __init__(self, own: frozenset[str]) -> None:
        self.own = own
        self.result = Merged()
        self.rows: list[Person | None] = []
        self.owner: dict[str, int] = {}
        self.set_aside: set[str] = set()

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
        if usable:
            self._place(each.name, usable)
        elif caught is not None:
            self._set_aside(caught)

    def _place(self, name: str, usable: dict[str, str]) -> None:
        home = self._home(name, usable)
        free = {key: written for key, written in usable.items() if key not in self.owner}
        if home is None and free:
            home = len(self.rows)
            self.rows.append(Person(name, []))
        else:
            self.result.merged += 1
        if home is not None:
            row = self._row(home)
            row.name = row.name or name
            row.addresses.extend(free.values())
            self.owner.update(dict.fromkeys(free, home))

    def _home(self, name: str, usable: Iterable[str]) -> int | None:
        """Return the row of the person that a card belongs to, if there is one; rows that the card links become one."""
        home: int | None = None
        for key in usable:
            place = self.owner.get(key)
            if place is None or place == home or not _agree(self._row(place).name, name):
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
        self.owner.update(dict.fromkeys(goes.keys, first))
        self.rows[second] = None
        self.result.merged += 1
        return first

    def _row(self, place: int) -> Person:
        row = self.rows[place]
        assert row is not None, "an address never stands on a gap"
        return row

    def _set_aside(self, caught: Person) -> None:
        """Keep a contact off the lists, once an address."""
        (key,) = caught.keys
        if key in self.set_aside:
            self.result.merged += 1
        else:
            self.set_aside.add(key)
            self.result.not_people.append(caught)


def _agree(one: str, other: str) -> bool:
    """Whether two names may be the same person's: equal but for case and composition, or one is missing."""
    return not one or not other or one == other or _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
