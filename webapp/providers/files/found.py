"""What the files of address books are read into, what may be wrong with one, and the bounds that all readers keep."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from webapp import addresses
from webapp.providers.base import Card, Page, card

CONTACTS_MAX = 25_000
COLUMNS_MAX = 60
CELL_CHARACTERS = 300
ADDRESSES_LOOKED_AT = 50
"""Addresses of one contact that are looked at; the first ten that can be right are kept."""
_ODD_MAX = 250_000
_ODD_OTHER_SCRIPT = 10

Kind = Literal["vcard", "google", "outlook", "apple", "thunderbird", "linkedin", "kith", "csv"]
Wrong = Literal["empty", "too_large", "too_many", "not_contacts", "locked", "broken"]


class FileError(Exception):
    """A file that cannot be read, by kind.

    empty: nothing in it, or no contact. too_large: over a limit. too_many: an archive of more files than are looked through.
    not_contacts: something else than an address book. locked: needs a password. broken: begins right and cannot be read.
    """

    def __init__(self, kind: Wrong) -> None:
        super().__init__(kind)
        self.kind: Wrong = kind


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table hold the name (in the order in which its parts are joined by a space), and which the addresses."""

    names: tuple[int, ...] = ()
    addresses: tuple[int, ...] = ()


@dataclass(slots=True)
class Table:
    """A table whose columns nobody could name: at most 60 columns, cells cut to 300 characters and safe to show, 25,001 rows.

    `guess` is what the contents suggest, and may be empty. `beyond` counts the rows that are not among them.
    """

    header: list[str]
    rows: list[list[str]]
    guess: Columns
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The contacts of a file, usable or not, in its order, and how many beyond the 25,000th were left out."""

    kind: Kind
    page: Page
    left_out: int = 0


@dataclass(slots=True)
class Gathering:
    """The contacts of a file while it is being read. What is beyond the limits is counted and costs nothing."""

    cards: list[Card] = field(default_factory=list)
    left_out: int = 0
    odd: int = 0
    """How much was spent on addresses that do not look like any; past a limit, such are not looked at."""

    @property
    def is_full(self) -> bool:
        """Whether another contact would only be counted."""
        return len(self.cards) >= CONTACTS_MAX

    def add(self, name: str, written: Iterable[str], *, link: str = "", organisation: str = "") -> None:
        """Add a contact by what is written about it."""
        if self.is_full:
            self.left_out += 1
            return
        texts = [text for _, text in zip(range(ADDRESSES_LOOKED_AT), written, strict=False)]
        self.cards.append(card(name, map(self._affordable, texts), link=link, organisation=organisation))

    def add_broken(self, text: str) -> None:
        """Add something in the place of a contact that could not be understood."""
        if self.is_full:
            self.left_out += 1
        else:
            self.cards.append(Card(addresses.display_name(text), why="not_understood"))

    def _affordable(self, text: str) -> str:
        """Return an address for a look at it; of a million that cannot be right, most are not worth one."""
        if not _PLAIN.fullmatch(text):
            self.odd += 1 if text.isascii() else _ODD_OTHER_SCRIPT
            if self.odd > _ODD_MAX:
                return "?"
        return text

    def found(self, kind: Kind) -> Found:
        """Return what was gathered. Raises FileError where there is nothing."""
        if not self.cards:
            raise FileError("empty")
        return Found(kind, Page(self.cards, total=len(self.cards)), self.left_out)


_PLAIN = re.compile(r"[a-z0-9._+\-]{1,64}@[a-z0-9.\-]{1,190}\.[a-z]{2,63}", re.IGNORECASE | re.ASCII)
_ANGLED = re.compile(r"<([^<>]*@[^<>]*)>")
_BETWEEN = re.compile(r"[\s,;|<>]+")
_CELL_CHARACTERS_READ = 10_000


def spoken(text: str) -> list[str]:
    """Return the addresses that one value names: Google writes several into a cell, " ::: " between them; others use commas."""
    text = text[:_CELL_CHARACTERS_READ].strip()
    if "@" not in text or (text.find("@") == text.rfind("@") and "<" not in text):
        return [text] if text else []
    angled = _ANGLED.findall(text)
    if angled:
        return angled
    return [piece for piece in _BETWEEN.split(text) if "@" in piece] or [text]
