"""Invitations by mail in numbers: of whom by whom is between the inviter and the guest."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, text

from webapp import clock
from webapp.config import setting
from webapp.extensions import db
from webapp.models import mail
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import OutgoingMail


@dataclass(frozen=True)
class Invited:
    """How many invitations are where. `mailed_today` counts the last 24 hours, of at most `most` in a day."""

    waiting: int
    unanswered: int
    uncertain: int
    accepted: int
    bounced: int
    mailed_today: int
    most: int
    opted_out: int


def invited() -> Invited:
    """Return the numbers; each is read from an index, and none is anybody's."""
    states = ("held", "queued", "invited", "uncertain", "accepted", "failed")
    found = select(GuestInvitation.state, func.count()).where(GuestInvitation.state.in_(states))
    of = {row[0]: row[1] for row in db.session.execute(found.group_by(GuestInvitation.state))}
    settled = text(mail.SETTLED)
    lately = OutgoingMail.created_at > clock.now() - timedelta(days=1)
    gone = OutgoingMail.state.in_(("sent", "uncertain"))
    mailed = select(func.count()).where(settled, lately, gone, OutgoingMail.guest_invitation_id.is_not(None))
    opted_out = select(func.count()).where(GuestAddress.opted_out_at.is_not(None))
    today, none_more = db.session.execute(select(mailed.scalar_subquery(), opted_out.scalar_subquery())).one()
    return Invited(
        waiting=of.get("held", 0) + of.get("queued", 0),
        unanswered=of.get("invited", 0),
        uncertain=of.get("uncertain", 0),
        accepted=of.get("accepted", 0),
        bounced=of.get("failed", 0),
        mailed_today=today,
        most=setting("GUEST_MAILS_PER_DAY_INSTANCE"),
        opted_out=none_more,
    )
