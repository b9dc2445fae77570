"""Notifications: what a member is told inside Kith."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class Notification(Base):
    """One thing that happened to a member. A cause that goes away deletes its notification."""

    __tablename__ = "notification"
    __table_args__ = (
        Index("notification_member_id_index", "member_id", "visible_from", "id"),
        Index("notification_cause_index", "kind", "actor_id", "member_id"),
        Index("notification_about_index", "kind", "about", "member_id", "visible_from"),
        Index("notification_read_at_index", "read_at"),
        Index(
            "notification_unread_index",
            "member_id",
            "visible_from",
            postgresql_where=text("read_at IS NULL"),
            sqlite_where=text("read_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(30))
    """A name of `domain/events.py`."""
    about: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """The key of what it concerns, where that is more than who caused it."""
    actor_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    visible_from: Mapped[datetime] = mapped_column(Moment)
    """When the undo of its cause has passed; before that it does not exist for anybody."""
    shown: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """Whether the member wanted to see it; else it is kept, as read, for the digest only."""
    read_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
