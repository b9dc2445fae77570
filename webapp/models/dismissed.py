"""Dismissed: whom a member does not want to be suggested any more."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class Dismissed(Base):
    """One member who is suggested to another no more. For ever, unless that is undone; the dismissed one never learns it."""

    __tablename__ = "dismissed"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, index=True)
    at: Mapped[datetime] = mapped_column(Moment)
