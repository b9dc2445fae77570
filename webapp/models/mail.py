"""Outgoing mail: the truth about what is to be sent and what was, and the mailbox that stands in for a mail server."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ColumnElement, ForeignKey, Index, LargeBinary, String, and_, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import NOT_IN_BACKUPS, Base, Moment

SETTLED = "outgoing_mail.state NOT IN ('queued', 'claimed')"
TROUBLE = "outgoing_mail.state IN ('uncertain', 'failed')"
"""As the indexes say it: SQLite uses one only where a statement has the very same words."""
LONGEST = timedelta(minutes=10)
"""No lease lasts so long, also where the clocks of two hosts are minutes apart."""


class OutgoingMail(Base):
    """A mail on the table. It holds ids, no addresses; what it says is rendered when it is claimed.

    queued -> claimed -> sent | queued again (the server refused for now) | failed (for good); claimed at a crash -> uncertain;
    queued -> skipped (the reason says why).
    """

    __tablename__ = "outgoing_mail"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'claimed', 'sent', 'uncertain', 'failed', 'skipped')", name="state"),
        Index("outgoing_mail_created_at_index", "created_at"),
        Index(
            "outgoing_mail_due_index",
            "not_before",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index(
            "outgoing_mail_claimed_index",
            "claimed_at",
            postgresql_where=text("state = 'claimed'"),
            sqlite_where=text("state = 'claimed'"),
        ),
        Index(
            "outgoing_mail_settled_index",
            "created_at",
            postgresql_where=text("state NOT IN ('queued', 'claimed')"),
            sqlite_where=text("state NOT IN ('queued', 'claimed')"),
        ),
        Index(
            "outgoing_mail_trouble_index",
            "id",
            postgresql_where=text("state IN ('uncertain', 'failed')"),
            sqlite_where=text("state IN ('uncertain', 'failed')"),
        ),
        Index("outgoing_mail_cause_index", "kind", "by_member_id", "to_member_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    """A name of `mail/catalog.py`."""
    to_member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    address_id: Mapped[int | None] = mapped_column(ForeignKey("email_address.id", ondelete="CASCADE"), index=True)
    """The very address, where it is not simply the member's primary one."""
    guest_invitation_id: Mapped[int | None] = mapped_column(
        ForeignKey("guest_invitation.id", ondelete="CASCADE"), index=True
    )
    inquiry_id: Mapped[int | None] = mapped_column(ForeignKey("inquiry.id", ondelete="SET NULL"), index=True)
    """Who asked what is held about their address, member or not."""
    by_member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Facts frozen when the mail was put on the table, so that a later rename cannot change what was previewed. No address."""
    state: Mapped[str] = mapped_column(String(10), default="queued")
    reason: Mapped[str] = mapped_column(String(200), default="")
    """Why it was skipped or failed; scrubbed of addresses."""
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment)
    not_before: Mapped[datetime] = mapped_column(Moment)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    sent_at: Mapped[datetime | None] = mapped_column(Moment, default=None)


class MailboxMessage(Base):
    """A mail as it was delivered to the operator's mailbox page, where no mail server is set."""

    __tablename__ = "mailbox_message"

    id: Mapped[int] = mapped_column(primary_key=True)
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("outgoing_mail.id", ondelete="CASCADE"), index=True)
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300))
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    """The message as a mail server would have got it (RFC 5322)."""
    delivered_at: Mapped[datetime] = mapped_column(Moment)


class Lease(Base):
    """Who does a recurring work at the moment, so that two processes never do it at once."""

    __tablename__ = "lease"
    __table_args__ = {"info": NOT_IN_BACKUPS}  # noqa: RUF012 - as SQLAlchemy wants it

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(60))
    until: Mapped[datetime] = mapped_column(Moment)

    @classmethod
    def runs(cls, now: datetime) -> ColumnElement[bool]:
        """Whether somebody has it now. One that ends much later than any does was taken, or given back, by a clock that was wrong."""
        return and_(cls.until > now, cls.until <= now + LONGEST)
