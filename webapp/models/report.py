"""Reports: what members, and guests who got a mail, tell the operators about members."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment

REASONS = ("unknown", "advertising", "harassment", "pretending", "other")
THINGS = ("member", "invitation", "message", "post", "comment", "introduction", "mail")
DECISIONS = ("nothing", "acted", "elsewhere")


class Report(Base):
    """One report of a member. What was reported is copied, because the note of an invitation goes with it."""

    __tablename__ = "report"
    __table_args__ = (
        CheckConstraint(f"reason IN {REASONS}", name="reason"),
        CheckConstraint(f"what IN {THINGS}", name="what"),
        CheckConstraint(f"decision IN {('', *DECISIONS)}", name="decision"),
        Index("report_settled_at_index", "settled_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    """None: a guest who got a mail, of whom nothing is kept here."""
    about_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    what: Mapped[str] = mapped_column(String(12), default="member", server_default="member")
    invitation_id: Mapped[int | None] = mapped_column(
        ForeignKey("guest_invitation.id", ondelete="SET NULL"), index=True
    )
    """Whose mail a guest reported, so that reporting it again changes the same report."""
    reason: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(1000), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    """What the reported member had written: with an invitation, or what was reported itself."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), index=True)
    decision: Mapped[str] = mapped_column(String(10), default="", server_default="")
    decided: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    """What the operator noted with the decision, for operators."""
