"""Introductions: one member asks another, whom both know, to bring them together with a third."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment

STATES = ("asked", "passed", "declined", "ignored", "cancelled")


class Introduction(Base):
    """What one asks and another may pass on. One row an asker and target; accepted, it is gone, and the connection is there.

    For the asker `asked`, `passed`, `declined` and `ignored` look the same until it expires; `cancelled` keeps the date from which they
    may ask again.
    """

    __tablename__ = "introduction"
    __table_args__ = (
        UniqueConstraint("asker_id", "target_id"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("introduction_via_id_index", "via_id", "state"),
        Index("introduction_target_id_index", "target_id", "state"),
        Index("introduction_expires_at_index", "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    asker_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    via_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    target_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(String(1000))
    """What the asker wrote, for both of the others."""
    words: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    """What the one in between added when passing it on."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    leaves_at: Mapped[datetime] = mapped_column(Moment)
    """When the undo has passed; before that it exists for the asker only."""
    expires_at: Mapped[datetime] = mapped_column(Moment)
