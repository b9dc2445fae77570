"""Notices: whom was told, at which address, that how a member gets in has changed; the way back for seven days."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment

CHANGES = ("added", "removed", "primary", "password")


class Notice(Base):
    """One address that was told of one change. It stays as it is, whatever is changed afterwards, so that the change can be undone."""

    __tablename__ = "notice"
    __table_args__ = (
        CheckConstraint(f"change IN {CHANGES}", name="change"),
        Index("notice_member_id_index", "member_id", "at"),
        Index("notice_at_index", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    change: Mapped[str] = mapped_column(String(10))
    told: Mapped[str] = mapped_column(String(254))
    """The address that was told: one that was the member's before the change."""
    address: Mapped[str] = mapped_column(String(254), default="")
    """The address that was added, removed or made the primary one."""
    primary: Mapped[str] = mapped_column(String(254))
    """Which one was the primary one before."""
    at: Mapped[datetime] = mapped_column(Moment)
    """When it was changed; the same for all who were told of one change."""
