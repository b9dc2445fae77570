"""Every member, for operators: found by name, handle or address, also who is not confirmed, suspended, or leaves."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Select, and_, false, select, text, union

from webapp import addresses, clock
from webapp.domain import accounts, joining, names
from webapp.domain.errors import N_, NotFound, TooMany
from webapp.extensions import db
from webapp.models import words
from webapp.models.member import HIDDEN, SPECIAL, EmailAddress, Member

Q_CHARACTERS = 254
WORDS = 5
_HIDDEN, _SPECIAL = text(f"({HIDDEN})"), text(f"({SPECIAL})")
"""As their indexes say it, so that these are used."""
STATE_WORDS: Mapping[str, str] = {
    "unconfirmed": N_("Not confirmed"),
    "waiting": N_("Wait to be let in"),
    "suspended": N_("Suspended"),
    "silenced": N_("May invite nobody"),
    "leaving": N_("Leaving"),
    "operators": N_("Operators"),
}
_STATES: Mapping[str, Callable[[], Any]] = {
    "unconfirmed": lambda: and_(_SPECIAL, Member.verified_at.is_(None)),
    "waiting": lambda: and_(_HIDDEN, Member.suspended_at.is_not(None), joining.is_waiting()),
    "suspended": lambda: and_(_HIDDEN, Member.suspended_at.is_not(None), ~joining.is_waiting()),
    "silenced": lambda: and_(_SPECIAL, Member.silenced_until > clock.now()),
    "leaving": lambda: and_(_HIDDEN, Member.deleted_at.is_not(None)),
    "operators": lambda: and_(_SPECIAL, Member.is_operator),
}
MAILED_OFTEN = N_("That mail was sent often enough. Try again in a few hours.")


def listed(q: str = "", state: str = "", after: int | None = None) -> Select[Member]:
    """Return the members in a state ("" for all) whom a search finds ("" for all), who joined last first, from a place on.

    What is typed is the beginnings of words of the name, a handle, or a whole address, confirmed or not. No address is in the answer.
    """
    found = select(Member).order_by(Member.id.desc())
    if state in _STATES:
        found = found.where(_STATES[state]())
    if q.strip():
        found = found.where(_matches(q.strip()[:Q_CHARACTERS]))
    return found if after is None else found.where(Member.id < after)


def _matches(q: str) -> Any:
    if "@" in q:
        typed = addresses.address(q)
        if typed is None:
            return false()
        return Member.id.in_(select(EmailAddress.member_id).where(EmailAddress.lookup == accounts.lookup_of(typed)))
    by_handle = select(Member.id.label("id")).where(Member.handle == q.lower())
    typed_words = names.words(q)[:WORDS]
    if not typed_words:
        return Member.id.in_(by_handle)
    # The index of words knows who can be seen; the others are few.
    seen = words.hits([[f"{word}*"] for word in typed_words])
    ids = union(seen, select(Member.id).where(_HIDDEN), select(Member.id).where(_SPECIAL)).subquery()
    named = and_(*(Member.name_key.contains(word, autoescape=True) for word in typed_words))
    return Member.id.in_(by_handle) | (Member.id.in_(select(ids.c.id)) & named)


def one(handle: str) -> Member:
    """Return who has this handle, whatever their state; NotFound for nobody."""
    found = db.session.scalar(select(Member).where(Member.handle == handle))
    if found is None:
        raise NotFound
    return found


def address_of(member: Member) -> EmailAddress | None:
    """Return the address a member signs in with, confirmed or not: operators need it to help, and see it nowhere else."""
    return db.session.scalar(select(EmailAddress).where(EmailAddress.member_id == member.id, EmailAddress.is_primary))


def confirm_again(member: Member) -> None:
    """Send the confirmation once more to who has not confirmed yet. NotFound for who has; TooMany where it was sent often enough."""
    row = address_of(member)
    if member.verified_at is not None or row is None:
        raise NotFound
    if not accounts.send_confirmation(row):
        raise TooMany(MAILED_OFTEN, retry_after=3600)
