"""Cards as files: what the viewer keeps and what others share with them as vCards, and what came from here brought back."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from webapp import clock, tokens
from webapp.config import setting
from webapp.domain import profiles, relationships
from webapp.domain.cards import box, keeping, tags, vcard
from webapp.domain.cards.box import Card, Own
from webapp.domain.cards.vcard import Contact, Read, Version
from webapp.domain.errors import N_, Invalid
from webapp.domain.profiles import audiences, checks
from webapp.domain.profiles.contact import LABEL_CHARACTERS, check_value
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.card import PrivateCard, Tag, Tagged
from webapp.models.connection import Connection
from webapp.models.member import Member
from webapp.models.profile import CONTACT_KINDS

FILE_BYTES = 5_000_000
FILE_CARDS = 5_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
NO_CARDS = N_("Choose a file of vCards that was downloaded here")
TOO_LARGE = N_("Choose a smaller file: at most 5 MB and 5,000 cards")


@dataclass(frozen=True)
class Taken:
    """What came of a file: how many cards it changed, how many were the same already, and how many are about nobody it could find."""

    changed: int
    same: int
    unknown: int


def everybody(viewer: Member) -> Any:
    """Return the ids of whom the viewer is connected to, keeps a card about, or has tagged, as a Select."""
    connected = select(Connection.other_id).where(Connection.member_id == viewer.id)
    carded = select(PrivateCard.about_id).where(PrivateCard.owner_id == viewer.id, PrivateCard.forget_at.is_(None))
    tagged = select(Tagged.about_id).join(Tag, Tag.id == Tagged.tag_id)
    return connected.union(
        carded.where(PrivateCard.about_id.is_not(None)),
        tagged.where(Tag.owner_id == viewer.id, Tagged.forget_at.is_(None)),
    )


def vcards(viewer: Member, version: Version, among: Any) -> Iterator[str]:
    """Return the vCards of these members (a Select of ids), by name: what each shares with the viewer, and the viewer's card and tags.

    Four statements, however many there are; they are made at once, the text as it is asked for.
    """
    return (text for _uid, text in _named(viewer, version, among))


def book(viewer: Member, wanted: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
    """Return the UID and the vCard 3.0 of everybody the viewer is connected to, by name; with `wanted`, of those with these UIDs.

    As many statements as `vcards`, made at once.
    """
    return _named(viewer, "3.0", select(Connection.other_id).where(Connection.member_id == viewer.id), wanted)


def _named(
    viewer: Member, version: Version, among: Any, wanted: Collection[str] | None = None
) -> Iterator[tuple[str, str]]:
    found = db.session.execute(
        select(Member.id, Member.name)
        .where(Member.id.in_(among), Member.id != viewer.id, audiences.exists_for(viewer))
        .order_by(Member.name_key, Member.id)
    ).all()
    names = {row.id: _uid(viewer, row.id) for row in found}
    people = [row for row in found if wanted is None or names[row.id] in wanted]
    ids = [row.id for row in people]
    shared, words = profiles.contact_of_many(viewer, ids), tags.of_many(viewer, ids)
    kept = of_many(viewer, ids)
    contacts = (
        _contact(names[row.id], row.name, shared[row.id], kept.get(row.id), words.get(row.id, ())) for row in people
    )
    return ((contact.uid, vcard.write(contact, version)) for contact in contacts)


def vcard_of(
    viewer: Member,
    about_id: int,
    name: str,
    shared: Sequence[Any],
    kept: tuple[Card, datetime] | None,
    words: Sequence[str],
    version: Version,
) -> str:
    """Return the vCard of somebody of whom everything has been read: what they share, the viewer's card with its date, and tags."""
    return vcard.write(_contact(_uid(viewer, about_id), name, shared, kept, words), version)


def vcards_of_left(viewer: Member, version: Version) -> Iterator[str]:
    """Return the vCards of people who are not here any more: only what the viewer keeps."""
    cards = [(one.card, one.updated_at) for one in keeping.left(viewer) if one.card]
    made = [_contact(_uid(viewer, card.about), card.name, (), (card, at), ()) for card, at in cards]
    return (vcard.write(contact, version) for contact in made)


def _contact(
    uid: str, name: str, shared: Sequence[Any], kept: tuple[Card, datetime] | None, words: Sequence[str]
) -> Contact:
    card, changed_at = kept or (None, None)
    details = [(detail.kind, detail.label, detail.value) for detail in shared]
    return Contact(uid, name, details, card, words, changed_at)


def of_many(viewer: Member, ids: Sequence[int]) -> dict[int, tuple[Card, datetime]]:
    """Return the viewer's cards about these members that can be read, and when each was changed. One statement."""
    given = select(values_of(list(ids)).c.value)  # no join: SQLite would look through all of them for each card
    rows = db.session.execute(box.cards_of(viewer).where(PrivateCard.about_id.in_(given))).all()
    return {
        card.about: (card, row.PrivateCard.updated_at)
        for row, card in zip(rows, box.opened(viewer, rows), strict=True)
        if card is not None
    }


def _uid(viewer: Member, about_id: int) -> str:
    return vcard.uid(tokens.lasting_hash(f"vcard {viewer.id} {about_id}"))


# Bringing back


def parse(file: bytes) -> list[Read]:
    """Return what a file tells. Invalid for what is no file of vCards, and for one that is too large. Slow: outside any transaction."""
    if len(file) > FILE_BYTES:
        raise Invalid(file=TOO_LARGE)
    found = vcard.read(file.decode("utf-8-sig", "replace"), FILE_CARDS)
    if len(found) > FILE_CARDS:
        raise Invalid(file=TOO_LARGE)
    if not any(each.uid for each in found):
        raise Invalid(file=NO_CARDS)
    return found


def take(viewer: Member, given: Sequence[Read]) -> Taken:
    """Bring cards back: what is missing here is added, what differs is taken from the newer of the two, nothing stands here twice.

    About whom a card is its UID says; one that names nobody the viewer is connected to or keeps a card about is counted as unknown.
    A fixed number of statements, however many cards.
    """
    relationships.lock_members([viewer.id])
    among = select(Member.id, Member.name).where(Member.id.in_(everybody(viewer)), audiences.exists_for(viewer))
    people = {_uid(viewer, row.id): row for row in db.session.execute(among)}
    known = {each.uid: each for each in given if each.uid in people}
    ids = [people[uid].id for uid in known]
    key = box.own_key(viewer)
    opener, values = box.Opener(viewer.id, key), values_of(ids)
    mine = select(PrivateCard).where(PrivateCard.owner_id == viewer.id)
    rows = {row.about_id: row for row in db.session.scalars(mine.join(values, values.c.value == PrivateCard.about_id))}
    changed = set()
    for uid, each in known.items():
        person = people[uid]
        row = rows.get(person.id)
        old = opener.card(row) if row is not None and row.forget_at is None else Card(person.id, person.name)
        if old is None:  # unreadable here: it is left for its owner to delete
            continue
        new = _merged(old, each, older=row is not None and _is_older(each, row))
        if new == old:
            continue
        changed.add(person.id)
        if row is None:
            row = PrivateCard(key=tokens.new(), owner_id=viewer.id, about_id=person.id)
            db.session.add(row)
        keeping.write(row, key, new)
    db.session.flush()
    changed |= tags.add_all(viewer, [(people[uid].id, each.tags) for uid, each in known.items()])
    return Taken(len(changed), len(known) - len(changed), len(given) - len(known))


def _is_older(each: Read, row: PrivateCard) -> bool:
    """Whether the card here was changed after the file was made; a file knows whole seconds only."""
    return each.changed_at is None or row.updated_at.replace(microsecond=0) > each.changed_at.astimezone(UTC)


def _merged(old: Card, each: Read, *, older: bool) -> Card:
    most = setting("PRIVATE_NOTE_CHARACTERS")
    texts = {
        "met": checks.line(each.met)[: keeping.MET_CHARACTERS],
        "note": checks.lines(each.note, most)[:most],
        "spoke": _date(each.spoke),
    }
    taken: dict[str, Any] = {name: text for name, text in texts.items() if text and not (older and getattr(old, name))}
    new = replace(old, **taken)
    if each.every in keeping.INTERVALS and each.every and not (older and old.every):
        since = _date(each.since) or old.since or clock.now().date().isoformat()
        new = replace(new, every=each.every, since=since)
    there = {own.key: own for own in old.details}
    for own in filter(None, map(_sound, each.details)):
        if own.key in there:
            there[own.key] = there[own.key] if older else own
        elif not any((one.kind, one.value) == (own.kind, own.value) for one in there.values()):
            there[own.key] = own
    return replace(new, details=tuple(there.values())[: keeping.DETAILS])


def _sound(own: Own) -> Own | None:
    """Return a detail of a file as a form would have kept it; None for what no form takes."""
    try:
        value = check_value(own.kind, own.value) if own.kind in CONTACT_KINDS else ""
    except Invalid:
        return None
    label = checks.line(own.label)[:LABEL_CHARACTERS]
    key, instead, then = (text if _NAME.fullmatch(text) else "" for text in (own.key, own.instead, own.then))
    return Own(key or tokens.new(), own.kind, label, value, instead, then)


def _date(text: str) -> str:
    try:
        return min(datetime.fromisoformat(text.strip()).date(), clock.now().date()).isoformat()
    except ValueError:
        return ""
