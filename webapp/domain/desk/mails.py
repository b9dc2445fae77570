"""The mail queue, for operators: how much waits, since when, what went wrong. No address: a member by name, a guest not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased

from webapp import clock
from webapp.domain.errors import N_, NotFound, Refused
from webapp.extensions import db
from webapp.mail.catalog import KINDS
from webapp.models import mail
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member

TROUBLE = ("uncertain", "failed")
TWICE = ("confirmation", "new_address", "reset")
"""Of a mail of which nobody knows whether it left, one of these may be sent again: it was asked for, and twice does no harm."""
ASIDE = "An operator put it aside."
KIND_WORDS: Mapping[str, str] = {
    "confirmation": N_("Confirmation of an address"),
    "new_address": N_("Confirmation of one more address"),
    "already_member": N_("That somebody is a member already"),
    "reset": N_("Link to a new password"),
    "leaving": N_("Confirmation of leaving"),
    "left": N_("The last mail after leaving"),
    "operators": N_("What operators did"),
    "password_changed": N_("That the password changed"),
    "address_added": N_("That an address was added"),
    "address_removed": N_("That an address was removed"),
    "primary_changed": N_("That mail goes to another address"),
    "invitation": N_("Invitation to connect"),
    "guest_invitation": N_("Invitation to join"),
    "message": N_("New message"),
    "digest": N_("Digest"),
    "about_me": N_("What is held about an address"),
    "not_listed": N_("That an address is not on the roster"),
    "joining": N_("That somebody waits to be let in"),
    "approved": N_("That they are let in"),
    "declined": N_("That they are not let in"),
    "second_step": N_("That a second step changed"),
    "recovery_code_used": N_("That a recovery code was used"),
    "codes_tried": N_("That wrong codes were entered"),
    "guest_card": N_("That somebody invited an address of theirs"),
    "connected": N_("That an invitation was accepted"),
    "introduction_asked": N_("Request for an introduction"),
    "introduction": N_("Introduction"),
    "saved_search": N_("What a saved search found"),
    "keep_in_touch": N_("Whom to get in touch with"),
    "archive": N_("That an archive can be downloaded"),
}
"""What every kind of mail is called here."""
EARLIER = N_("A mail of an earlier version")
NOT_AGAIN = N_("This mail can't be sent again.")


@dataclass(frozen=True)
class Queue:
    """How the queue stands. `oldest`: when the mail was due that has been due for longest; None where none is."""

    queued: int
    due: int
    tried: int
    oldest: datetime | None
    leaving: int
    sent: int
    uncertain: int
    failed: int


def queue() -> Queue:
    """Return how the queue stands: what is due, what was refused for now, what left in the last 24 hours."""
    now = clock.now()
    waits = OutgoingMail.state == "queued"
    is_due = OutgoingMail.not_before <= now
    row = db.session.execute(
        select(
            func.count().label("queued"),
            func.count().filter(is_due).label("due"),
            func.count().filter(OutgoingMail.attempts > 0).label("tried"),
            func.min(OutgoingMail.not_before).filter(is_due).label("oldest"),
        ).where(waits)
    ).one()
    claimed = select(func.count()).where(OutgoingMail.state == "claimed").scalar_subquery()
    settled = text(mail.SETTLED)
    lately = (OutgoingMail.created_at > now - timedelta(days=1)) & (OutgoingMail.state == "sent")
    sent = select(func.count()).where(settled, lately).scalar_subquery()
    leaving, left = db.session.execute(select(claimed, sent)).one()
    wrong = {row[0]: row[1] for row in db.session.execute(_by_state())}
    oldest = row.oldest
    return Queue(
        row.queued, row.due, row.tried, oldest, leaving, left, wrong.get("uncertain", 0), wrong.get("failed", 0)
    )


def _by_state() -> Any:
    return select(OutgoingMail.state, func.count()).where(text(mail.TROUBLE)).group_by(OutgoingMail.state)


def trouble(after: int | None = None) -> Any:
    """Return the mails that are uncertain or failed, the latest first, from a place on: each with the member it is to, if it is to one."""
    to = aliased(Member, name="recipient")
    found = (
        select(OutgoingMail, to.name, to.handle)
        .outerjoin(to, to.id == OutgoingMail.to_member_id)
        .where(text(mail.TROUBLE))
        .order_by(OutgoingMail.id.desc())
    )
    return found if after is None else found.where(OutgoingMail.id < after)


def called(kind: str) -> str:
    """Return what a kind of mail is called."""
    return KIND_WORDS.get(kind, EARLIER)


def may_again(row: OutgoingMail) -> bool:
    """Whether a mail may be sent again: to a member, not too old, and refused for good, or else one that does no harm twice.

    A guest's never: an address gets at most one mail.
    """
    kind = KINDS.get(row.kind)
    if kind is None or row.to_member_id is None or row.guest_invitation_id is not None:
        return False
    if row.created_at < clock.now() - timedelta(days=kind.days):
        return False
    return row.state == "failed" or (row.state == "uncertain" and row.kind in TWICE)


def one(mail_id: int, *, lock: bool = False) -> OutgoingMail:
    """Return a mail that is uncertain or failed; NotFound for any other."""
    row = db.session.get(OutgoingMail, mail_id, with_for_update=lock or None, populate_existing=True)
    if row is None or row.state not in TROUBLE:
        raise NotFound
    return row


def send_again(mail_id: int) -> None:
    """Put a mail back into the queue. Refused for one that may not be sent twice; NotFound for one that is settled meanwhile."""
    row = one(mail_id, lock=True)
    if not may_again(row):
        raise Refused(NOT_AGAIN)
    row.state, row.reason, row.attempts, row.claimed_at, row.sent_at = "queued", "", 0, None, None
    row.not_before = clock.now()


def put_aside(mail_id: int) -> None:
    """Take a mail off the list: nothing is sent, and nobody is told."""
    row = one(mail_id, lock=True)
    row.state, row.reason = "skipped", ASIDE
