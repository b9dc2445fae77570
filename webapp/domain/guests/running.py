"""What becomes of guest invitations by itself: they leave after the hold, end after their time, and their addresses are freed."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from webapp import config
from webapp.domain import ledger
from webapp.domain.guests import inviting, shown
from webapp.domain.guests.shown import HELD
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Member, visible

RELEASED_AT_ONCE = 500


def release(now: datetime) -> int:
    """Let go what was held: a card where the address belongs to a member who may be asked, else a mail on the table. Return how many."""
    rows = db.session.scalars(
        select(GuestInvitation)
        .where(GuestInvitation.state.in_(HELD), GuestInvitation.leaves_at <= now)
        .order_by(GuestInvitation.leaves_at, GuestInvitation.id)
        .limit(RELEASED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return 0
    members = _members_of({row.lookup for row in rows})
    senders = set(
        db.session.scalars(
            select(Member.id)
            .join(given := values_of([row.inviter_id for row in rows]), given.c.value == Member.id)
            .where(visible())
        )
    )
    cards = [(row, members[row.lookup]) for row in rows if row.lookup in members]
    for row in rows:
        row.state = "invited"
        if row.inviter_id not in senders:
            row.state, row.ended_at = "withdrawn", now
    shown.deal(cards, now)
    mails = [row.id for row in rows if row.lookup not in members and row.inviter_id in senders]
    if mails:
        db.session.execute(
            insert(OutgoingMail),
            [
                {
                    "kind": "guest_invitation",
                    "guest_invitation_id": row_id,
                    "facts": {},
                    "created_at": now,
                    "not_before": now,
                }
                for row_id in mails
            ],
        )
    db.session.flush()
    # Whether there is a mail, a card or neither is nothing its inviter may know: it left, like any other.
    left = Counter((row.inviter_id, "left" if row.inviter_id in senders else "undone") for row in rows)
    ledger.add_all(
        ledger.Entry(inviter_id, what, {"who": "guests", "number": number})
        for (inviter_id, what), number in sorted(left.items())
    )
    return len(rows)


def _members_of(lookups: set[str]) -> dict[str, int]:
    given = values_of(sorted(lookups))
    rows = db.session.execute(
        select(EmailAddress.lookup, EmailAddress.member_id)
        .join(given, given.c.value == EmailAddress.lookup)
        .join(Member, Member.id == EmailAddress.member_id)
        .where(EmailAddress.verified_at.is_not(None))
    )
    return {row.lookup: row.member_id for row in rows}


def expire(now: datetime) -> int:
    """End what nobody answered in GUEST_LINK_DAYS, for the inviter and the guest on the same day; return how many."""
    rows = db.session.scalars(
        select(GuestInvitation).where(
            GuestInvitation.state.in_(("invited", "uncertain")), GuestInvitation.expires_at <= now
        )
    ).all()
    for row in rows:
        row.state, row.ended_at = "expired", now
    shown.take_back(rows)
    return len(rows)


def sweep(now: datetime) -> int:
    """Free the addresses of invitations that ended, later their names; forget keyed hashes after a year. Return how many addresses."""
    ended = GuestInvitation.name.is_not(None) & (GuestInvitation.ended_at <= now)
    freed = db.session.execute(
        update(GuestInvitation)
        .where(ended, GuestInvitation.address.is_not(None))
        .values(address=None)
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]
    db.session.execute(
        update(GuestInvitation)
        .where(GuestInvitation.name.is_not(None), GuestInvitation.ended_at <= inviting.told_since(now))
        .values(name=None, facts={})
        .execution_options(synchronize_session=False)
    )
    year = now - timedelta(days=config.setting("GUEST_MAIL_DAYS"))
    db.session.execute(
        delete(GuestAddress).where(
            GuestAddress.opted_out_at.is_(None),
            or_(GuestAddress.mailed_at.is_(None), GuestAddress.mailed_at <= year),
            or_(GuestAddress.undeliverable_until.is_(None), GuestAddress.undeliverable_until <= now),
            or_(GuestAddress.link_expires_at.is_(None), GuestAddress.link_expires_at <= now),
        )
    )
    return int(freed)
