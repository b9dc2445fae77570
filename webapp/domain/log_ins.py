"""Log-ins: accounts elsewhere with which members sign in. One is connected only where both sides have proven the same address."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from webapp import clock, tokens
from webapp.domain import accounts
from webapp.domain.errors import N_, NotFound, Refused
from webapp.extensions import db
from webapp.models.member import EmailAddress, LogIn, Member

KEY_CHARACTERS = 255
NOT_PROVEN = N_("%(provider)s hasn't confirmed your email address there, so we can't connect it.")
OTHER_ADDRESS = N_(
    "Your account at %(provider)s has another email address than your account here. Add that address here first, then try again."
)
TAKEN = N_("That account at %(provider)s is connected to another account here.")


def by_identity(issuer: str, subject: str) -> Member | None:
    """Return who signs in with this account elsewhere, if they may sign in at all."""
    found = db.session.scalar(
        select(Member)
        .join(LogIn, LogIn.member_id == Member.id)
        .where(LogIn.issuer == issuer, LogIn.subject == subject, Member.verified_at.is_not(None))
    )
    return found if found is not None and found.is_active else None


def of(member: Member) -> Sequence[LogIn]:
    """Return the member's accounts elsewhere, the oldest first."""
    return db.session.scalars(select(LogIn).where(LogIn.member_id == member.id).order_by(LogIn.id)).all()


def connect(member: Member, door: str, issuer: str, subject: str, email: str | None, provider: str) -> None:
    """Let the member sign in with an account elsewhere from now on. Connecting twice is connecting once.

    Refused unless the provider has proven an address that the member has proven here, too; and where somebody else has connected it.
    """
    if email is None or max(len(issuer), len(subject)) > KEY_CHARACTERS:
        raise Refused(NOT_PROVEN, provider=provider)
    lookup = accounts.lookup_of(email)
    proven = select(EmailAddress.id).where(
        EmailAddress.member_id == member.id, EmailAddress.lookup == lookup, EmailAddress.verified_at.is_not(None)
    )
    if db.session.scalar(proven) is None:
        raise Refused(OTHER_ADDRESS, provider=provider)
    owner = db.session.scalar(select(LogIn.member_id).where(LogIn.issuer == issuer, LogIn.subject == subject))
    if owner is not None and owner != member.id:
        raise Refused(TAKEN, provider=provider)
    if owner is None:
        row = LogIn(
            key=tokens.new(), member_id=member.id, door=door, issuer=issuer, subject=subject, created_at=clock.now()
        )
        db.session.add(row)


def disconnect(member: Member, key: str) -> None:
    """Let an account elsewhere sign in no more; the password still does. NotFound for anybody else's."""
    gone = delete(LogIn).where(LogIn.member_id == member.id, LogIn.key == key).returning(LogIn.id)
    if db.session.scalar(gone) is None:
        raise NotFound
