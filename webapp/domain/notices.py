"""Notices: when a way into an account changes, every address that was the member's before is told at once, with a link that undoes it.

What is told cannot be taken back by whoever made the change: the mail stays on the table, and the link works for seven days, also for an
address that was taken off the account. `recovering` is what the link does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from webapp import clock
from webapp.domain import tickets
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.member import EmailAddress, Member
from webapp.models.notice import Notice

DAYS = 7
UNDO = "undo-notice"
"""The purpose of the ticket in such a mail."""
MAILS: Mapping[str, str] = {
    "added": "address_added",
    "removed": "address_removed",
    "primary": "primary_changed",
    "password": "password_changed",
}
"""The mail that tells of a change."""


def tell(member: Member, change: str, address: str = "") -> None:
    """Tell of a change that is about to be made: every proven address but a new one, which has nothing to say about it yet."""
    proven = select(EmailAddress.address, EmailAddress.is_primary).where(
        EmailAddress.member_id == member.id, EmailAddress.verified_at.is_not(None)
    )
    mine = db.session.execute(proven.order_by(EmailAddress.id)).all()
    primary = next((row.address for row in mine if row.is_primary), "")
    now = clock.now()
    for row in mine:
        if row.address == address and change in {"added", "primary"}:
            continue
        notice = Notice(member_id=member.id, change=change, told=row.address, address=address, primary=primary, at=now)
        db.session.add(notice)
        db.session.flush()
        outbox.put(MAILS[change], to=member, facts={"notice": notice.id})


def one(notice_id: int) -> Notice | None:
    """Return a notice that can still be answered; None for one that is too old, or was undone."""
    found = db.session.get(Notice, notice_id)
    return found if found is not None and found.at > clock.now() - timedelta(days=DAYS) else None


def link_token(notice: Notice) -> str:
    """Return the token of a link that undoes what a notice tells of, as long as that can be undone."""
    left = notice.at + timedelta(days=DAYS) - clock.now()
    member = db.session.get_one(Member, notice.member_id)
    return tickets.issue(UNDO, minutes=int(left.total_seconds() // 60) + 1, member=member, notice=notice.id)


def behind(token: str) -> Notice | None:
    """Return what a link undoes; None for one that is used or too old. Uses nothing up."""
    ticket = tickets.peek(UNDO, token)
    return None if ticket is None else one(int(ticket.payload["notice"]))


def since(notice: Notice) -> Sequence[Notice]:
    """Return what the member's addresses told of since this change, and of it, the latest first."""
    theirs = select(Notice).where(Notice.member_id == notice.member_id, Notice.at >= notice.at)
    return db.session.scalars(theirs.order_by(Notice.at.desc(), Notice.id.desc())).all()


def is_recent(member: Member) -> bool:
    """Whether a way into the account was changed within the last days, so that its owner may not have seen it yet."""
    young = Notice.at > clock.now() - timedelta(days=DAYS)
    return db.session.scalar(select(Notice.id).where(Notice.member_id == member.id, young).limit(1)) is not None


def sweep(now: datetime) -> int:
    """Forget what cannot be undone any more; return how many."""
    old = delete(Notice).where(Notice.at <= now - timedelta(days=DAYS))
    return int(db.session.execute(old.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]
