"""vCards read one after another."""

import vobject

from webapp.providers.base import Card, Page, card


def read(data: bytes) -> Page:
    """Return the contacts of a file of vCards."""
    cards: list[Card] = []
    for each in vobject.readComponents(data.decode("utf-8", "replace"), allowQP=True, ignoreUnreadable=True):
        name = getattr(getattr(each, "fn", None), "value", "")
        cards.append(card(name, [row.value for row in each.contents.get("email", [])]))
    return Page(cards, total=len(cards))
