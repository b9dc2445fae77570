"""Whom a member is connected to, as they take it along: what each shares with them, and what they keep about each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_

from webapp.domain import cards, connections, messages, profiles
from webapp.extensions import db
from webapp.models.member import Member

FIELDS = ("headline", "title", "organisation", "place")
"""What of a profile is taken along, where it is shared; its sections are looked up on the page."""


@dataclass(frozen=True)
class Person:
    """A connection: since when, what they share, and the member's own card and tags. `last`: when the two last wrote to each other."""

    id: int
    handle: str
    name: str
    since: datetime
    said: Mapping[str, str]
    contact: Sequence[profiles.ContactDetail]
    kept: tuple[cards.Card, datetime] | None
    """The member's card about them, and when it was changed."""
    tags: Sequence[str]
    last: datetime | None

    @property
    def card(self) -> cards.Card | None:
        """The member's card about them."""
        return self.kept[0] if self.kept else None


def known(viewer: Member) -> list[Person]:
    """Return all of the viewer's connections by name. Six statements, however many there are."""
    return _people(viewer, db.session.execute(_rows(viewer)).all(), last_messages(viewer))


def in_batches(viewer: Member, size: int) -> Iterator[list[Person]]:
    """Return the same a batch at a time, each read in a moment of its own, so that nothing is locked and memory stays bounded."""
    last, after = last_messages(viewer), None
    while True:
        found = _rows(viewer)
        if after is not None:
            found = found.where(tuple_(Member.name_key, Member.id) > after)
        rows = db.session.execute(found.limit(size)).all()
        if not rows:
            return
        after = (rows[-1].name_key, rows[-1].id)
        yield _people(viewer, rows, last)
        db.session.rollback()


def vcard(viewer: Member, person: Person) -> str:
    """Return one of them as a vCard (4.0), as `cards.vcards` writes it."""
    return cards.vcard_of(viewer, person.id, person.name, person.contact, person.kept, person.tags, "4.0")


def last_messages(viewer: Member) -> dict[int, datetime]:
    """Return when the viewer last wrote with each with whom they talk in two. One statement."""
    talks = messages.with_each(viewer)
    return {row.other_id: row.sent_at for row in db.session.execute(select(talks.c.other_id, talks.c.sent_at))}


def _rows(viewer: Member) -> Any:
    return connections.of(viewer, order="first").add_columns(Member.title, Member.organisation, Member.place)


def _people(viewer: Member, rows: Sequence[Any], last: Mapping[int, datetime]) -> list[Person]:
    ids = [row.id for row in rows]
    near = profiles.kept_for_connections(viewer, ids, FIELDS)
    shared = profiles.contact_of_many(viewer, ids)
    kept, tags = cards.of_many(viewer, ids), cards.tags_of_many(viewer, ids)
    return [
        Person(
            id=row.id,
            handle=row.handle,
            name=row.name,
            since=row.since,
            said={name: near.get(row.id, {}).get(name) or getattr(row, name) for name in FIELDS},
            contact=shared[row.id],
            kept=kept.get(row.id),
            tags=tags.get(row.id, ()),
            last=last.get(row.id),
        )
        for row in rows
    ]
