"""What a private card is, and how it lies in the database: sealed under its owner's key, for its owner and its place only."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import select

from webapp import clock, sealed
from webapp.domain.errors import N_, Refused
from webapp.extensions import db
from webapp.models.batch import insert_ignoring
from webapp.models.card import CardKey, PrivateCard
from webapp.models.member import AnyViewer, Member

PADDED_TO = 256
"""Sealed texts are filled up to a multiple of so many bytes: their length says little about what is in them."""
UNREADABLE = N_("This card can't be read: it was altered, or another key belongs to it. Delete it to begin a new one")


@dataclass(frozen=True)
class Own:
    """One detail as the owner of the card has it. `instead`: the key of the detail of theirs it stands for; `then`: what that one said."""

    key: str
    kind: str
    label: str
    value: str
    instead: str = ""
    then: str = ""


@dataclass(frozen=True)
class Card:
    """All that somebody keeps about a person. `every`: months after which to get in touch; `spoke`, `since`: dates, as 2026-05-03."""

    about: int
    name: str
    details: tuple[Own, ...] = ()
    met: str = ""
    note: str = ""
    every: int = 0
    spoke: str = ""
    since: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing on it."""
        return not (self.details or self.met or self.note or self.every or self.spoke)


def fingerprint(value: str) -> str:
    """Return by what a card remembers a value of theirs, so that a change is seen and the value itself is not kept."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]


# Keys


def _key_place(member_id: int) -> str:
    return f"card key {member_id}"


def own_key(viewer: Member) -> bytes:
    """Return the viewer's key, which is made the first time. Only where the viewer's row is locked."""
    found = db.session.scalar(select(CardKey.wrapped).where(CardKey.member_id == viewer.id))
    if found is not None:
        try:
            return sealed.unwrap(found, _key_place(viewer.id))
        except sealed.Unreadable:
            raise Refused(UNREADABLE) from None
    key = sealed.new_key()
    wrapped = sealed.wrap(key, _key_place(viewer.id))
    db.session.execute(insert_ignoring(CardKey, member_id=viewer.id, wrapped=wrapped, reminded_at=clock.now()))
    return key


class Opener:
    """Opens what one member's key has sealed; the key is unwrapped once, however many there are."""

    def __init__(self, owner_id: int, key: bytes) -> None:
        self.owner_id = owner_id
        self._key = key

    @classmethod
    def of(cls, viewer: Member, wrapped: bytes) -> Self:
        """Return what opens with the viewer's wrapped key; with another wrapping key, nothing of it can be read."""
        try:
            return cls(viewer.id, sealed.unwrap(wrapped, _key_place(viewer.id)))
        except sealed.Unreadable:
            return cls(viewer.id, b"")

    def text(self, kept: bytes, place: str) -> str | None:
        """Return what was sealed for that place; None for what is unreadable."""
        try:
            return sealed.unseal(self._key, kept, place).decode()
        except sealed.Unreadable:
            return None

    def card(self, row: PrivateCard) -> Card | None:
        """Return a card; None for one that was altered, or put in the place of another."""
        text = self.text(row.sealed, card_place(self.owner_id, row.key))
        if text is None:
            return None
        said: dict[str, Any] = json.loads(text)
        card = Card(**said | {"details": tuple(Own(**each) for each in said["details"])})
        return card if row.about_id in {None, card.about} else None


def opened(viewer: Member, rows: Sequence[Any]) -> list[Card | None]:
    """Return the cards of rows of (PrivateCard, wrapped key)."""
    if not rows:
        return []
    opener = Opener.of(viewer, rows[0].wrapped)
    return [opener.card(row.PrivateCard) for row in rows]


def card_place(owner_id: int, key: str) -> str:
    """Return where a card belongs: with its owner, under its own name."""
    return f"card {owner_id} {key}"


def tag_place(owner_id: int, key: str) -> str:
    """Return where the word of a tag belongs."""
    return f"tag {owner_id} {key}"


def close(key: bytes, text: str, place: str) -> bytes:
    """Return a text sealed for a place, filled up with spaces."""
    plain = text.encode()
    return sealed.seal(key, plain + b" " * (-len(plain) % PADDED_TO), place)


def closed(key: bytes, card: Card, place: str) -> bytes:
    """Return a card sealed for a place."""
    return close(key, json.dumps(asdict(card), ensure_ascii=False, separators=(",", ":")), place)


# Rows


def cards_of(viewer: Member | type[AnyViewer]) -> Any:
    """Return the viewer's cards with the wrapped key, as a Select to be narrowed; what is put aside is not among them."""
    return (
        select(PrivateCard, CardKey.wrapped)
        .join(CardKey, CardKey.member_id == PrivateCard.owner_id)
        .where(PrivateCard.owner_id == viewer.id, PrivateCard.forget_at.is_(None))
    )


def blank(other: Member) -> Card:
    """Return a card with nothing on it yet."""
    return Card(about=other.id, name=other.name)


def moment(day: str) -> datetime | None:
    """Return a kept date as a moment."""
    return datetime.fromisoformat(f"{day}T00:00:00+00:00") if day else None
