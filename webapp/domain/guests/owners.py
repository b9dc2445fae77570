"""What the owner of an address may ask, a member or not: no more invitations, to have it erased, and what is stored of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from webapp import clock
from webapp.domain.guests.shown import HELD, OPEN
from webapp.extensions import db
from webapp.models.batch import insert_ignoring
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.member import EmailAddress, Member, visible


def opt_out(lookup: str, reason: str = "opted_out") -> None:
    """Never send this address an invitation again, whoever asks; what waits for it ends, and no inviter can tell."""
    now = clock.now()
    db.session.execute(insert_ignoring(GuestAddress, lookup=lookup))
    db.session.execute(
        update(GuestAddress).where(GuestAddress.lookup == lookup).values(link_digest=None, link_expires_at=None)
    )
    db.session.execute(
        update(GuestAddress)
        .where(GuestAddress.lookup == lookup, GuestAddress.opted_out_at.is_(None))
        .values(opted_out_at=now)
    )
    _quiet(lookup, reason, now)


def _quiet(lookup: str, reason: str, now: datetime) -> None:
    db.session.execute(
        update(GuestInvitation)
        .where(GuestInvitation.lookup == lookup, GuestInvitation.state.in_(OPEN), GuestInvitation.quiet_at.is_(None))
        .values(quiet_at=now, quiet_reason=reason)
        .execution_options(synchronize_session=False)
    )


def erase(lookup: str) -> None:
    """Erase an address, and what its inviters wrote of who has it; send it none for a year (a keyed hash with the date stays)."""
    now = clock.now()
    _quiet(lookup, "erased", now)
    db.session.execute(
        update(GuestInvitation)
        .where(GuestInvitation.lookup == lookup)
        .values(address=None, name=None, facts={})
        .execution_options(synchronize_session=False)
    )
    db.session.execute(insert_ignoring(GuestAddress, lookup=lookup, mailed_at=now))
    db.session.execute(
        update(GuestAddress)
        .where(GuestAddress.lookup == lookup)
        .values(link_digest=None, link_expires_at=None, mailed_at=now)
    )


def free_addresses(member: Member, most: int) -> int:
    """Erase the addresses of a member who leaves from what others sent there, for so many of these; return how many.

    Whom they are invited by after that, they are asked by mail as anybody outside.
    """
    theirs = select(EmailAddress.lookup).where(EmailAddress.member_id == member.id)
    some = (
        select(GuestInvitation.id)
        .where(
            GuestInvitation.lookup.in_(theirs),
            GuestInvitation.address.is_not(None),
            GuestInvitation.state.not_in(HELD),
        )
        .limit(most)
    )
    freed = update(GuestInvitation).where(GuestInvitation.id.in_(some)).values(address=None)
    return int(db.session.execute(freed.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def provenance(lookup: str) -> list[Any]:
    """Return what is stored of an address: by whom and when it was given, and from what; for its owner."""
    return list(
        db.session.execute(
            select(Member.name, GuestInvitation.facts, GuestInvitation.created_at, GuestInvitation.address)
            .join(Member, Member.id == GuestInvitation.inviter_id)
            .where(GuestInvitation.lookup == lookup, GuestInvitation.state.in_(("invited", "uncertain")), visible())
            .order_by(GuestInvitation.created_at)
        ).all()
    )
