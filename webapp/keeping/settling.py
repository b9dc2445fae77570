"""What a restored instance must not do: sign anybody in again, honour a link that was used, or send a mail that may have left."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update

from webapp import clock
from webapp.domain import guests, leaving, messages, notices, relationships
from webapp.extensions import db
from webapp.mail.catalog import KINDS
from webapp.models.batch import insert_ignoring
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import SignIn, Ticket
from webapp.transaction import transaction

KEPT = (leaving.CANCEL, notices.UNDO)
"""Links that stay: the way to stay and the way back after somebody else's change. Used twice, they do no harm."""
REASON = "A backup was restored; this waited when it was made."


@dataclass(frozen=True)
class Settled:
    """What was ended: sign-ins, links in mails, and mails of which nobody knows whether they left."""

    sign_ins: int
    links: int
    mails: int


def settle() -> Settled:
    """End what a backup must not bring back to life, in the database of the application at hand.

    What was due meanwhile counts as done: invitations that were held leave, without a mail, because theirs may have left already.
    """
    with transaction():
        sign_ins = _number(delete(SignIn))
        links = _number(delete(Ticket).where(Ticket.purpose.not_in(KEPT)))
    for due in (relationships.release, guests.release, messages.put_due):
        going = True
        while going:
            with transaction():
                going = bool(due(clock.now()))
    with transaction():
        mails = _mails(clock.now())
    return Settled(sign_ins, links, mails)


def _mails(now: datetime) -> int:
    """Let no mail that waits leave, but those that are harmless twice and dear to miss. An address outside counts as having had its one."""
    again = [name for name, kind in KINDS.items() if kind.again]
    waiting = OutgoingMail.state.in_(("queued", "claimed")) & OutgoingMail.kind.not_in(again)
    lookups = db.session.scalars(
        select(GuestInvitation.lookup)
        .join(OutgoingMail, OutgoingMail.guest_invitation_id == GuestInvitation.id)
        .where(waiting)
        .distinct()
    ).all()
    for lookup in lookups:
        db.session.execute(insert_ignoring(GuestAddress, lookup=lookup, mailed_at=now))
        db.session.execute(
            update(GuestAddress)
            .where(GuestAddress.lookup == lookup, func.coalesce(GuestAddress.mailed_at, 0) < now)
            .values(mailed_at=now)
            .execution_options(synchronize_session=False)
        )
    return _number(update(OutgoingMail).where(waiting).values(state="uncertain", reason=REASON, claimed_at=None))


def _number(statement: Any) -> int:
    return int(db.session.execute(statement.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]
