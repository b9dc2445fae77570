"""Recovery codes: ten for each member, shown once, kept as keyed hashes, each for one signing in."""

import base64
import secrets
from collections.abc import Sequence

from sqlalchemy import delete, exists, func, insert, or_, select

from webapp import tokens
from webapp.domain import throttles
from webapp.domain.errors import N_
from webapp.domain.second_steps import telling
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.second_step import Authenticator, Passkey, RecoveryCode

MANY = 10
SECRET_BYTES = 15
"""120 bits, 24 letters and digits: nobody guesses one, so it needs no slow hash."""
GROUP = 4


def left(member: Member) -> int:
    """Return how many codes a member has left."""
    return db.session.scalar(select(func.count()).where(RecoveryCode.member_id == member.id)) or 0


def make(member: Member) -> Sequence[str]:
    """Return ten new codes in groups of four; all earlier ones end, and a mail tells so."""
    made = _made(member)
    telling.tell(member, "codes_made")
    return made


def ensure(member: Member) -> Sequence[str]:
    """Return ten codes for a member who has none, as with the first second step; else nothing, and the ones they have stay."""
    return () if left(member) else _made(member)


def _made(member: Member) -> Sequence[str]:
    lock(member)
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.member_id == member.id))
    fresh = [base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode().lower() for _ in range(MANY)]
    rows = [{"hashed": _hashed(member, code), "member_id": member.id} for code in fresh]
    db.session.execute(insert(RecoveryCode), rows)
    return ["-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP)) for code in fresh]


def use(member: Member, typed: str) -> bool:
    """Use a code up, and tell the member by mail; whether it was one of theirs. Blanks, dashes and capitals make no difference."""
    code = "".join(letter for letter in typed.lower() if letter.isalnum())
    gone = delete(RecoveryCode).where(RecoveryCode.hashed == _hashed(member, code), RecoveryCode.member_id == member.id)
    if db.session.scalar(gone.returning(RecoveryCode.member_id)) is None:
        return False
    telling.tell_code_used(member, left(member))
    return True


def check_tries(member: Member, network: str) -> None:
    """Raise TooMany where too many wrong ones were tried from there; counts nothing."""
    words = N_("Too many wrong codes. Wait %(minutes)s minutes, then try again.")
    throttles.check(throttles.RECOVERY_CODE_PER_ACCOUNT, str(member.id), network, words=words)


def count_try(member: Member, network: str) -> None:
    """Count a wrong one. Only the network it came from has to wait then: who has a right one is not locked out by others."""
    throttles.count(throttles.RECOVERY_CODE_PER_ACCOUNT, str(member.id), network)


def forget_alone(member: Member) -> None:
    """Delete the codes of a member who has no second step any more: there is nothing they stand in for."""
    there = [exists().where(table.member_id == member.id) for table in (Authenticator, Passkey)]
    alone = delete(RecoveryCode).where(RecoveryCode.member_id == member.id, ~or_(*there))
    db.session.execute(alone.execution_options(synchronize_session=False))


def lock(member: Member) -> None:
    """Let nobody else change this member's second steps until the end of the transaction."""
    db.session.execute(select(Member.id).where(Member.id == member.id).with_for_update())


def _hashed(member: Member, code: str) -> str:
    return tokens.keyed_hash(f"recovery code {member.id} {code}")
