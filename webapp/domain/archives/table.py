"""Connections as a table, a row each. Its head is the same in every language, because programs read it, too."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from webapp.config import setting
from webapp.domain.archives.people import FIELDS, Person
from webapp.spreadsheet import Cell

KINDS = {
    "email": "Email",
    "phone": "Phone",
    "site": "Website",
    "address": "Address",
    "birthday": "Birthday",
    "messenger": "Messenger",
}
HEADER = (
    "Name",
    "Headline",
    "Title",
    "Organisation",
    "Place",
    "Profile",
    *KINDS.values(),
    *(f"My {word.lower()}" for word in KINDS.values()),
    "Connected on",
    "How we met",
    "My note",
    "My tags",
    "Keep in touch every (months)",
    "Last message",
)
"""What begins with "My", and how the two met, is the member's own; the other six are what the connection shares with them."""
LABELLED = {"phone", "address", "messenger"}
"""Behind these stands what they are called, in brackets. An address of mail or of a page stands alone, ready to be used."""


def table(people: Iterable[Person]) -> Iterator[Sequence[Cell]]:
    """Return the rows of connections, in their order."""
    return map(row, people)


def row(person: Person) -> Sequence[Cell]:
    """Return one connection as a row."""
    card = person.card
    return (
        person.name,
        *(person.said[name] for name in FIELDS),
        f"{setting('BASE_URL')}/people/{person.handle}",
        *_by_kind(person.contact),
        *_by_kind(card.details if card else ()),
        person.since.date(),
        card.met if card else "",
        card.note if card else "",
        ", ".join(person.tags),
        (card.every or None) if card else None,
        person.last.date() if person.last else None,
    )


def _by_kind(details: Iterable[Any]) -> list[str]:
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for each in details:
        found[each.kind].append(_cell(each.kind, each.label, each.value))
    return ["; ".join(values) for values in found.values()]


def _cell(kind: str, label: str, value: str) -> str:
    text = (
        ", ".join(value.splitlines())
        if kind == "address"
        else value.removeprefix("--")
        if kind == "birthday"
        else value
    )
    return f"{text} ({label})" if label and kind in LABELLED else text
