"""Numbers that a request sends: digits, and no more than a row can have, or a moment; else Python, a database or a calendar breaks."""

from collections.abc import Iterable

from webapp.models.base import LAST_ID

DIGITS = 18


def as_number(text: object, most: int = LAST_ID) -> int | None:
    """Return the whole number that stands there; None for anything else, and for more than there can be."""
    said = str(text)
    found = int(said) if said.isascii() and said.isdigit() and len(said) <= DIGITS else None
    return found if found is None or found <= most else None


def as_numbers(texts: Iterable[str]) -> list[int]:
    """Return those that are numbers, in their order."""
    return [found for text in texts if (found := as_number(text)) is not None]
