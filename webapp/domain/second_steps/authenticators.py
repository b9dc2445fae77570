"""Authenticator apps: codes of six digits, each for half a minute (RFC 6238), from a secret that the app and we share."""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import pyotp
from sqlalchemy import delete, update

from webapp import clock, config, sealed
from webapp.domain import accounts, throttles, tickets
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.second_steps import recovery, telling
from webapp.extensions import db
from webapp.models.batch import insert_ignoring
from webapp.models.member import Member
from webapp.models.second_step import Authenticator

SETUP = "authenticator"
SETUP_MINUTES = 15
SECONDS = 30
DRIFT = 1
"""So many half minutes a telephone's clock may be ahead or behind."""
WRONG = N_("That code doesn't match. Enter the one your app shows now; each works once")
OVER = N_("That took too long, so we stopped for safety. Start again")
WAIT = N_("Too many wrong codes. Wait %(minutes)s minutes, or use a recovery code or a passkey.")
TOMORROW = N_("Too many wrong codes today. Use a recovery code or a passkey, or try again tomorrow.")
UNREADABLE = N_("Codes can't be checked here any more. Use a recovery code, or ask whoever runs this site")


@dataclass(frozen=True)
class Shown:
    """What an app needs to know: the secret as text, in groups of four, and as the address that the square holds."""

    secret: str
    address: str


def of(member: Member) -> Authenticator | None:
    """Return a member's authenticator app."""
    return db.session.get(Authenticator, member.id)


# Setting up


def begin(member: Member) -> str:
    """Return the token of a new secret that waits for its first code; Refused where there is an app already.

    It is kept wrapped, as later, and for this token alone.
    """
    if of(member) is not None:
        raise Refused(N_("You have an authenticator app already. Remove it first"))
    wrapped = sealed.wrap(pyotp.random_base32().encode(), _place(member.id))
    kept = base64.b64encode(wrapped).decode()
    return tickets.issue(SETUP, minutes=SETUP_MINUTES, member=member, only=True, wrapped=kept)


def waiting(member: Member, token: str) -> Shown | None:
    """Return what the app is to be told; None for a token that is used, too old, or another member's. Uses nothing up."""
    ticket = tickets.peek(SETUP, token)
    if ticket is None or ticket.member_id != member.id:
        return None
    secret = _opened(member.id, base64.b64decode(ticket.payload["wrapped"]))
    named = pyotp.TOTP(secret).provisioning_uri(
        name=accounts.primary_address(member), issuer_name=config.setting("SITE_NAME")
    )
    return Shown(" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)), named)


def confirm(member: Member, token: str, typed: str) -> Sequence[str]:
    """Add the app that shows this code; a mail tells so. Return recovery codes to show, for who had none.

    Invalid for a wrong code, after which the same secret can be tried again; Refused for a token that is over.
    """
    recovery.lock(member)
    ticket = tickets.peek(SETUP, token)
    if ticket is None or ticket.member_id != member.id:
        raise Refused(OVER)
    wrapped = base64.b64decode(ticket.payload["wrapped"])
    step = _step_of(_opened(member.id, wrapped), typed)
    if step is None:
        raise Invalid(code=WRONG)
    tickets.end(SETUP, member)
    now = clock.now()
    added = insert_ignoring(Authenticator, member_id=member.id, wrapped=wrapped, last_step=step, created_at=now)
    if db.session.scalar(added.returning(Authenticator.member_id)) is None:
        raise Refused(N_("You have an authenticator app already. Remove it first"))
    telling.tell(member, "authenticator_added")
    return recovery.ensure(member)


def remove(member: Member) -> None:
    """Remove a member's app, and with the last second step the recovery codes; a mail tells so. NotFound where there is none."""
    recovery.lock(member)
    gone = delete(Authenticator).where(Authenticator.member_id == member.id).returning(Authenticator.member_id)
    if db.session.scalar(gone) is None:
        raise NotFound
    recovery.forget_alone(member)
    telling.tell(member, "authenticator_removed")


# Signing in


def use(member: Member, typed: str) -> bool:
    """Whether this is a code of the member's app that was not used before; a wrong one is counted. TooMany after too many.

    Counting and checking are one transaction, and of two who bring the same code at once one has it.
    """
    limits = (throttles.CODE_PER_ACCOUNT, throttles.CODE_PER_ACCOUNT_DAY)
    key = str(member.id)
    within = [throttles.count(limit, key) for limit in limits]
    if not all(within):
        for limit, words in zip(limits, (WAIT, TOMORROW), strict=True):
            throttles.check(limit, key, words=words)
    row = of(member)
    step = None if row is None else _step_of(_opened(member.id, row.wrapped), typed)
    if step is not None and _take(member, step):
        for limit in limits:
            throttles.uncount(limit, key)
        return True
    if throttles.is_full(limits[0], key) and throttles.count(throttles.CODE_MAILS, key):
        telling.tell_tried(member)
    return False


def _take(member: Member, step: int) -> bool:
    """Use a step up: compared and set by one statement."""
    taken = update(Authenticator).where(Authenticator.member_id == member.id, Authenticator.last_step < step)
    done = db.session.execute(taken.values(last_step=step).execution_options(synchronize_session=False))
    return int(done.rowcount) == 1  # type: ignore[attr-defined]


def _step_of(secret: str, typed: str) -> int | None:
    """Return the number of the half minute whose code this is, among those that count now; None for a wrong one."""
    code = "".join(letter for letter in typed if letter in "0123456789")
    now = int(clock.now().timestamp()) // SECONDS
    app = pyotp.HOTP(secret)
    steps = range(now - DRIFT, now + DRIFT + 1)
    return next((step for step in steps if hmac.compare_digest(app.at(step), code)), None)


def _opened(member_id: int, wrapped: bytes) -> str:
    try:
        return sealed.unwrap(wrapped, _place(member_id)).decode()
    except sealed.Unreadable:
        raise Refused(UNREADABLE) from None


def _place(member_id: int) -> str:
    return f"authenticator {member_id}"
