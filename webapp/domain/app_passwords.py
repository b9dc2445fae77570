"""App passwords: what a device reads its member's address book with. Each has a name, is shown once, ends by itself, and opens no page."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from limits import RateLimitItem
from sqlalchemy import delete, func, or_, select, update

from webapp import clock, tokens
from webapp.domain import accounts
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.throttles import (
    APP_PASSWORD_PER_ACCOUNT,
    APP_PASSWORD_PER_INSTANCE,
    APP_PASSWORD_PER_NETWORK,
    check,
    count,
)
from webapp.extensions import db
from webapp.models.member import AppPassword, EmailAddress, Member, visible

MOST = 20
"""How many a member has at most."""
NAME_CHARACTERS = 40
LETTERS, GROUP = "abcdefghijklmnopqrstuvwxyz234567", 4
SECRET_LETTERS = 28
"""140 bits: nobody guesses one, so it needs no slow hash, for which each question of a device would have to wait."""


@dataclass(frozen=True)
class Opened:
    """Whom an app password lets in, and whether it is used for the first time today."""

    id: int
    member: Member
    is_first_today: bool


def check_name(name: str) -> str:
    """Return what a device is called as it is kept; Invalid for nothing, and for what is too long."""
    kept = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not kept:
        raise Invalid(name=N_("Enter a name, like My phone"))
    if len(kept) > NAME_CHARACTERS:
        raise Invalid(name=N_("Use at most 40 characters for the name"))
    return kept


def make(member: Member, name: str) -> str:
    """Return a new app password in groups of four; only its keyed hash is kept. Refused beyond twenty."""
    kept = check_name(name)
    db.session.execute(select(Member.id).where(Member.id == member.id).with_for_update())
    there = db.session.scalar(select(func.count()).where(AppPassword.member_id == member.id))
    if there is not None and there >= MOST:
        raise Refused(N_("You have twenty app passwords. Revoke one first"))
    secret = "".join(secrets.choice(LETTERS) for _ in range(SECRET_LETTERS))
    db.session.add(AppPassword(member_id=member.id, name=kept, hashed=_hashed(secret), created_at=clock.now()))
    db.session.flush()
    return "-".join(secret[start : start + GROUP] for start in range(0, len(secret), GROUP))


def of(member: Member) -> Sequence[AppPassword]:
    """Return the member's app passwords, the newest first."""
    mine = select(AppPassword).where(AppPassword.member_id == member.id)
    return db.session.scalars(mine.order_by(AppPassword.id.desc())).all()


def revoke(member: Member, app_password_id: int) -> str:
    """End one of the member's app passwords, and return its name; NotFound for anybody else's."""
    ended = delete(AppPassword).where(AppPassword.member_id == member.id, AppPassword.id == app_password_id)
    name: str | None = db.session.scalar(ended.returning(AppPassword.name))
    if name is None:
        raise NotFound
    return name


def opened(typed_name: str, typed_password: str) -> Opened | None:
    """Return whom this password lets in together with one of their proven addresses or their handle; None for anything else. One statement.

    Blanks, dashes and capitals make no difference in the password.
    """
    if "\0" in typed_name:  # no keyboard types one, and PostgreSQL can't compare it
        return None
    secret = "".join(letter for letter in typed_password.lower() if letter.isalnum())
    address = select(EmailAddress.id).where(
        EmailAddress.member_id == Member.id,
        EmailAddress.lookup == accounts.lookup_of_typed(typed_name),
        EmailAddress.verified_at.is_not(None),
    )
    found = db.session.execute(
        select(AppPassword.id, AppPassword.used_at, Member)
        .join(Member, Member.id == AppPassword.member_id)
        .where(
            AppPassword.hashed == _hashed(secret),
            or_(Member.handle == typed_name.strip().lower(), address.exists()),
            visible(),
        )
    ).one_or_none()
    return None if found is None else Opened(found.id, found.Member, found.used_at is None or found.used_at < _today())


def note_used(app_password_id: int) -> None:
    """Keep the day on which an app password was last used."""
    db.session.execute(update(AppPassword).where(AppPassword.id == app_password_id).values(used_at=_today()))


def check_tries(typed_name: str, network: str) -> None:
    """Raise TooMany where too many wrong app passwords were tried; counts nothing.

    These are counted apart from sign-ins, and a right password is never asked for them: a phone that goes on with an app password that
    was revoked shuts out neither its owner nor their other devices, and nobody can shut them out on purpose.
    """
    for limit, key in _limits(typed_name, network):
        check(limit, *key)


def count_try(typed_name: str, network: str) -> None:
    """Count a wrong app password."""
    for limit, key in _limits(typed_name, network):
        count(limit, *key)


def _limits(typed_name: str, network: str) -> Sequence[tuple[RateLimitItem, tuple[str, ...]]]:
    return (
        (APP_PASSWORD_PER_ACCOUNT, (accounts.lookup_of_typed(typed_name), network)),
        (APP_PASSWORD_PER_NETWORK, (network,)),
        (APP_PASSWORD_PER_INSTANCE, ()),
    )


def _hashed(secret: str) -> str:
    return tokens.keyed_hash(f"app password {secret}")


def _today() -> datetime:
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
