"""Notifications: what a member is told inside Kith."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class Notification(Base):
    """One thing that happened to a member. A cause that goes away deletes its notification."""

    __tablename__ = "notification"
    __table_args__ = (
        Index("notification_member_id_index", "member_id", "visible_from", "id"),
        Index("notification_cause_index", "kind", "actor_id", "member_id"),
        Index("notification_about_index", "kind", "about"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(30))
    """`invitation`, `guest_invitation`, `connected`."""
    about: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """The key of what it concerns, where that is more than who caused it."""
    actor_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    visible_from: Mapped[datetime] = mapped_column(Moment)
    """When the undo of its cause has passed; before that it does not exist for anybody."""
    read_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
