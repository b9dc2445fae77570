"""Leaving: who has asked to be deleted, or whom operators delete, when that begins, and how far it has come."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class Departure(Base):
    """One member who leaves. Until `due_at` nothing is deleted and they may stay; then it goes in steps, and this row with the last.

    Whom operators delete is suspended until then (`Member.deleted_at` is set with the first step), and only operators can call it off.
    """

    __tablename__ = "departure"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime] = mapped_column(Moment)
    """When deleting begins; what the member was told, also where the setting has changed since."""
    next_at: Mapped[datetime] = mapped_column(Moment, index=True)
    """When the next step is to be done."""
    stage: Mapped[str] = mapped_column(String(60), default="", server_default="")
    """What is deleted at the moment; what stands before it is gone."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """How many of what were deleted so far, for the mail at the end."""
