"""Keeping a private card: one thing at a time, beside what the other side shares, and never mixed with it."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from webapp import clock, tokens
from webapp.config import setting
from webapp.domain import profiles, relationships
from webapp.domain.cards import box, tags
from webapp.domain.cards.box import Card, Own
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.profiles import ContactDetail, audiences, checks
from webapp.domain.profiles.contact import LABEL_CHARACTERS, check_value
from webapp.extensions import db
from webapp.models.base import NOW
from webapp.models.batch import values_of
from webapp.models.built import built_once
from webapp.models.card import CardKey, PrivateCard, Tag, Tagged
from webapp.models.member import IN_LISTS, AnyViewer, Member
from webapp.models.profile import CONTACT_KINDS

DETAILS = 30
MET_CHARACTERS = 300
INTERVALS = (0, 1, 2, 3, 6, 12, 24)
"""Every how many months one can want to get in touch; 0: no reminder."""
DUE = 5


@dataclass(frozen=True)
class Line:
    """A detail of one's own, beside the one of theirs it stands for, as far as that can still be seen."""

    mine: Own
    theirs: ContactDetail | None

    @property
    def changed(self) -> bool:
        """Whether they changed theirs since; nothing is overwritten by itself."""
        return self.theirs is not None and box.fingerprint(self.theirs.value) != self.mine.then


@dataclass(frozen=True)
class Overlay:
    """What the viewer keeps about somebody, beside what that person shares with them."""

    card: Card
    lines: tuple[Line, ...]
    theirs: tuple[ContactDetail, ...]
    tags: tuple[str, ...]
    readable: bool
    kept: bool
    due_at: datetime | None
    wrote_at: datetime | None = None
    """When the last message between the two was sent."""

    @property
    def spoke_at(self) -> datetime | None:
        """When the viewer last noted to have spoken with them."""
        return box.moment(self.card.spoke)


Talked = Callable[[Member | type[AnyViewer], Any], Any]
"""What `messages.last_sent` is: nothing here knows messages, because they stand above cards."""


def overlay(
    viewer: Member,
    other: Member,
    wrote_at: datetime | None = None,
    shared: Sequence[ContactDetail] | None = None,
) -> Overlay:
    """Return theirs and mine, side by side. Three statements.

    `wrote_at`: when the last message between the two was sent; `shared`: what they let the viewer see, where that has been read.
    """
    row = db.session.execute(_about(), {"viewer": viewer.id, "other": other.id}).one_or_none()
    card = box.opened(viewer, [row])[0] if row else None
    shared = profiles.contact_of(viewer, other) if shared is None else shared
    theirs = {detail.key: detail for detail in shared}
    own = card.details if card else ()
    return Overlay(
        card=card or box.blank(other),
        lines=tuple(Line(mine, theirs.get(mine.instead)) for mine in own),
        theirs=tuple(theirs.values()),
        tags=tuple(tags.of_many(viewer, [other.id]).get(other.id, ())),
        readable=row is None or card is not None,
        kept=row is not None,
        due_at=due(card, wrote_at) if card else row.PrivateCard.due_at if row else None,
        wrote_at=wrote_at,
    )


@built_once
def _about() -> Any:
    return box.cards_of(AnyViewer).where(PrivateCard.about_id == bindparam("other"))


# Saving, one thing at a time


def set_met(viewer: Member, other: Member, text: str) -> None:
    """Keep how the viewer met somebody."""
    kept = checks.line(text)
    if len(kept) > MET_CHARACTERS:
        raise Invalid(met=checks.TOO_LONG)
    _change(viewer, other, lambda card: replace(card, met=kept))


def set_note(viewer: Member, other: Member, text: str) -> None:
    """Keep a note about somebody, up to PRIVATE_NOTE_CHARACTERS."""
    most = setting("PRIVATE_NOTE_CHARACTERS")
    kept = checks.lines(text, most)
    if len(kept) > most:
        raise Invalid(note=checks.TOO_LONG)
    _change(viewer, other, lambda card: replace(card, note=kept))


def save_detail(
    viewer: Member, other: Member, *, kind: str, value: str, label: str, key: str = "", instead: str = ""
) -> None:
    """Add a detail of one's own, or change the one with that key; `instead` names the detail of theirs that it stands for.

    Invalid says what does not hold; NotFound for a key that is not on the card, and for a detail of theirs the viewer does not see.
    """
    label, then = checks.line(label), ""
    if instead and not key:
        theirs = _theirs(viewer, other, instead)
        kind, then = theirs.kind, box.fingerprint(theirs.value)
    if kind not in CONTACT_KINDS:
        raise Invalid(kind=N_("Choose what it is"))
    if len(label) > LABEL_CHARACTERS:
        raise Invalid(label=checks.TOO_LONG)
    value = check_value(kind, value)

    def save(card: Card) -> Card:
        if key:
            mine = _own(card, key)
            return _with(card, replace(mine, label=label, value=check_value(mine.kind, value)))
        if instead:  # one answer to each of theirs
            card = replace(card, details=tuple(each for each in card.details if each.instead != instead))
        if len(card.details) >= DETAILS:
            raise Refused(N_("That is the most there can be. Delete one first"))
        return replace(card, details=(*card.details, Own(tokens.new(), kind, label, value, instead, then)))

    _change(viewer, other, save)


def remove_detail(viewer: Member, other: Member, key: str) -> None:
    """Take a detail of one's own off the card, so that theirs counts again; twice is once."""
    _change(
        viewer,
        other,
        lambda card: replace(card, details=tuple(each for each in card.details if each.key != key)),
    )


def keep_mine(viewer: Member, other: Member, key: str) -> None:
    """Say that one's own detail still holds although theirs has changed; until it changes again nothing is asked."""

    def keep(card: Card) -> Card:
        mine = _own(card, key)
        return _with(card, replace(mine, then=box.fingerprint(_theirs(viewer, other, mine.instead).value)))

    _change(viewer, other, keep)


def set_every(viewer: Member, other: Member, months: int | None) -> None:
    """Be reminded to get in touch every so many months, beginning with the day they last spoke, else today; 0 ends that."""
    if months is None or months not in INTERVALS:
        raise Invalid(every=N_("Choose one of the answers"))
    today = clock.now().date().isoformat()
    _change(viewer, other, lambda card: replace(card, every=months, since=today if months else ""))


def spoke_today(viewer: Member, other: Member) -> None:
    """Note that the viewer spoke with somebody today; the next reminder is counted from here."""
    today = clock.now().date().isoformat()
    _change(viewer, other, lambda card: replace(card, spoke=today))


def _theirs(viewer: Member, other: Member, key: str) -> ContactDetail:
    found = next((each for each in profiles.contact_of(viewer, other) if each.key == key), None)
    if found is None:
        raise NotFound
    return found


def _own(card: Card, key: str) -> Own:
    found = next((each for each in card.details if each.key == key), None)
    if found is None:
        raise NotFound
    return found


def _with(card: Card, mine: Own) -> Card:
    return replace(card, details=tuple(mine if each.key == mine.key else each for each in card.details))


def _change(viewer: Member, other: Member, alter: Callable[[Card], Card]) -> None:
    """Alter a card where it lies, and nothing else of it. A card with nothing on it is none."""
    relationships.lock_members([viewer.id])
    row = db.session.scalar(
        select(PrivateCard).where(PrivateCard.owner_id == viewer.id, PrivateCard.about_id == other.id)
    )
    key = box.own_key(viewer)
    there = row is not None and row.forget_at is None
    old = box.Opener(viewer.id, key).card(row) if row is not None and there else box.blank(other)
    if old is None:
        raise Refused(box.UNREADABLE)
    card = replace(alter(old), name=other.name)  # the name it is found by when they have left
    if card.is_blank:
        if row is not None:
            db.session.delete(row)
    else:
        if row is None:
            row = PrivateCard(key=tokens.new(), owner_id=viewer.id, about_id=other.id)
            db.session.add(row)
        write(row, key, card)
    db.session.flush()


def write(row: PrivateCard, key: bytes, card: Card) -> None:
    """Put a card into its row."""
    row.sealed = box.closed(key, card, box.card_place(row.owner_id, row.key))
    row.updated_at, row.due_at, row.forget_at = clock.now(), due(card), None


def due(card: Card, wrote_at: datetime | None = None) -> datetime | None:
    """Return when it is time to get in touch again: so many months after they last spoke (else after the wish was said) or wrote."""
    begin = box.moment(card.spoke or card.since)
    if not card.every or begin is None:
        return None
    begin = max(begin, wrote_at or begin)
    months = begin.month - 1 + card.every
    year, month = begin.year + months // 12, months % 12 + 1
    return begin.replace(year=year, month=month, day=min(begin.day, monthrange(year, month)[1]))


@dataclass(frozen=True)
class Due:
    """Somebody with whom it is time to get in touch, and since when."""

    id: int
    handle: str
    name: str
    headline: str
    photo: str | None
    due_at: datetime


@built_once
def _due_by_date(talked: Talked) -> Any:
    viewer = AnyViewer
    return (
        box.cards_of(viewer)
        .add_columns(*IN_LISTS, talked(viewer, PrivateCard.about_id).label("wrote_at"))
        .join(Member, Member.id == PrivateCard.about_id)
        .where(PrivateCard.due_at <= NOW, audiences.exists_for(viewer))
    )


def due_people(viewer: Member, talked: Talked, most: int | None = DUE) -> list[Due]:
    """Return with whom it is time to get in touch, the longest due first, so many of them (None: all). One statement.

    The date that stands in clear knows no message; how often lies sealed. So a card is opened where there was one, and each that is due
    by its date is looked at: as many as somebody wants to be reminded of.
    """
    rows = db.session.execute(_due_by_date(talked), {"viewer": viewer.id}).all()
    now = clock.now()
    opener = box.Opener.of(viewer, rows[0].wrapped) if rows else None
    found = []
    for row in rows:
        due_at: datetime | None = row.PrivateCard.due_at
        card = opener.card(row.PrivateCard) if opener and row.wrote_at else None
        if card is not None:
            due_at = due(card, row.wrote_at)
        if due_at is not None and due_at <= now:
            found.append(Due(row.id, row.handle, row.name, row.headline, row.photo, due_at))
    return sorted(found, key=lambda each: (each.due_at, each.id))[:most]


def keepers(now: datetime, before: datetime, most: int) -> list[Any]:
    """Return members who keep cards and were last reminded by mail before that, locked: their ids, and whether somebody may be due.

    By the date that stands in clear; `due_people` looks closely. From now on they have been reminded.
    """
    somebody = select(PrivateCard.id).where(
        PrivateCard.owner_id == CardKey.member_id, PrivateCard.due_at <= now, PrivateCard.forget_at.is_(None)
    )
    rows = db.session.execute(
        select(CardKey.member_id, somebody.exists().label("may_be_due"))
        .where(CardKey.reminded_at < before)
        .order_by(CardKey.reminded_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    if rows:
        given = values_of([row.member_id for row in rows])
        told = update(CardKey).where(CardKey.member_id.in_(select(given.c.value))).values(reminded_at=now)
        db.session.execute(told.execution_options(synchronize_session=False))
    return list(rows)


# Deleting


def forget(viewer: Member, other: Member) -> None:
    """Delete all the viewer keeps about somebody, their tags too; twice is once."""
    mine = select(Tag.id).where(Tag.owner_id == viewer.id)
    card = delete(PrivateCard).where(PrivateCard.owner_id == viewer.id, PrivateCard.about_id == other.id)
    tagged = delete(Tagged).where(Tagged.about_id == other.id, Tagged.tag_id.in_(mine))
    for gone in (card, tagged):
        db.session.execute(gone.execution_options(synchronize_session=False))


def put_aside(viewer: Member, *others: Member | int) -> None:
    """Show nobody what the viewer keeps about these, and delete it when the time to bring the connections back has passed."""
    _set_aside(viewer, others, clock.now() + timedelta(seconds=setting("UNDO_SECONDS")))


def bring_back(viewer: Member, *others: Member | int) -> None:
    """Bring back what was put aside, as it was."""
    _set_aside(viewer, others, None)


def _set_aside(viewer: Member, others: Sequence[Member | int], at: datetime | None) -> None:
    given = values_of([other if isinstance(other, int) else other.id for other in others])
    meant, mine = select(given.c.value), select(Tag.id).where(Tag.owner_id == viewer.id)
    card = update(PrivateCard).where(PrivateCard.owner_id == viewer.id, PrivateCard.about_id.in_(meant))
    tagged = update(Tagged).where(Tagged.tag_id.in_(mine), Tagged.about_id.in_(meant))
    for change in (card, tagged):
        db.session.execute(change.values(forget_at=at).execution_options(synchronize_session=False))
    db.session.expire_all()


def sweep(now: datetime) -> int:
    """Delete what was put aside and not brought back; return how many cards."""
    db.session.execute(delete(Tagged).where(Tagged.forget_at <= now))
    gone = db.session.execute(delete(PrivateCard).where(PrivateCard.forget_at <= now))
    return gone.rowcount  # type: ignore[attr-defined,no-any-return]


# Cards about people who are not here any more


@dataclass(frozen=True)
class Left:
    """A card about somebody the viewer cannot reach any more."""

    key: str
    card: Card | None
    updated_at: datetime

    @property
    def lines(self) -> tuple[Line, ...]:
        """Its details; nobody shares anything beside them any more."""
        return tuple(Line(own, None) for own in self.card.details) if self.card else ()


def left(viewer: Member) -> list[Left]:
    """Return the cards about people who are not here for the viewer any more: gone, suspended, or across a block; all look alike."""
    here = select(Member.id).where(Member.id == PrivateCard.about_id, audiences.exists_for(viewer)).exists()
    rows = db.session.execute(box.cards_of(viewer).where(~here).order_by(PrivateCard.updated_at.desc())).all()
    cards = box.opened(viewer, rows)
    return [Left(row.PrivateCard.key, card, row.PrivateCard.updated_at) for row, card in zip(rows, cards, strict=True)]


@dataclass(frozen=True)
class Kept:
    """A card as its owner has it; `card` is None for one that can't be read."""

    id: int
    card: Card | None
    updated_at: datetime


def own_after(viewer: Member, after: int, most: int) -> list[Kept]:
    """Return the viewer's cards behind this id, about whomever they are, in the order in which they were begun."""
    found = box.cards_of(viewer).where(PrivateCard.id > after).order_by(PrivateCard.id).limit(most)
    rows = db.session.execute(found).all()
    opened = box.opened(viewer, rows)
    return [Kept(row.PrivateCard.id, card, row.PrivateCard.updated_at) for row, card in zip(rows, opened, strict=True)]


def left_one(viewer: Member, key: str) -> Left:
    """Return one of these, else NotFound."""
    found = next((each for each in left(viewer) if each.key == key), None)
    if found is None:
        raise NotFound
    return found


def forget_left(viewer: Member, key: str) -> None:
    """Delete one of these."""
    one = left_one(viewer, key)
    db.session.execute(
        delete(PrivateCard)
        .where(PrivateCard.owner_id == viewer.id, PrivateCard.key == one.key)
        .execution_options(synchronize_session=False)
    )
