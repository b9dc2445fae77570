"""Second steps: what a member proves beside the password, or instead of it, and what helps who has lost all of that.

Whoever has an authenticator app or a passkey is asked for a second step at every signing in; recovery codes stand in for either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, or_, select

from webapp.domain.second_steps import authenticators, passkeys, recovery, telling
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.second_step import Authenticator, Passkey, RecoveryCode

__all__ = [
    "Held",
    "authenticators",
    "forget_since",
    "held_by",
    "is_asked_of",
    "lift",
    "passkeys",
    "recovery",
    "telling",
]


@dataclass(frozen=True)
class Held:
    """All second steps of a member; `codes`: how many recovery codes are left."""

    authenticator: Authenticator | None
    passkeys: Sequence[Passkey]
    codes: int

    @property
    def is_some(self) -> bool:
        """Whether a second step is asked for."""
        return bool(self.authenticator or self.passkeys)


def is_asked_of(member: Member) -> bool:
    """Whether this member signs in with a second step."""
    there = [exists().where(table.member_id == member.id) for table in (Authenticator, Passkey)]
    return bool(db.session.scalar(select(or_(*there))))


def held_by(member: Member) -> Held:
    """Return the second steps of a member."""
    return Held(authenticators.of(member), passkeys.of(member), recovery.left(member))


def forget_since(member: Member, moment: datetime) -> None:
    """Remove the second steps that were added since, for a member who takes the account back; and all recovery codes.

    When these were made is not kept, so whoever had the account may know them.
    """
    for table in (Authenticator, Passkey):
        db.session.execute(delete(table).where(table.member_id == member.id, table.created_at >= moment))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.member_id == member.id))


def lift(member: Member) -> Mapping[str, int]:
    """Remove every second step of a member for whoever runs the machine; a mail tells the member. How many of what there was."""
    removed = {}
    for table in (Authenticator, Passkey, RecoveryCode):
        gone = delete(table).where(table.member_id == member.id)
        removed[table.__tablename__] = int(db.session.execute(gone).rowcount)  # type: ignore[attr-defined]
    if any(removed.values()):
        telling.tell(member, "lifted")
    return removed
