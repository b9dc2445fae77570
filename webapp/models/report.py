"""Reports: what members tell the operators about other members."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment

REASONS = ("unknown", "advertising", "harassment", "pretending", "other")


class Report(Base):
    """One member's report of another. What was reported is copied, because the note of an invitation goes with it."""

    __tablename__ = "report"
    __table_args__ = (
        CheckConstraint(f"reason IN {REASONS}", name="reason"),
        Index("report_settled_at_index", "settled_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    about_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(1000), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    """What the reported member had written: with an invitation, or what was reported itself."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), index=True)
