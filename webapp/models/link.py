"""Invitation links: what a member passes on or prints, and who came by it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class InviteLink(Base):
    """A member's link. Its address is this key with our signature: whoever has the database alone cannot write it down."""

    __tablename__ = "invite_link"
    __table_args__ = (
        CheckConstraint("uses >= 0 AND uses <= uses_max", name="uses"),
        CheckConstraint("uses_max > 0", name="uses_max"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    comment: Mapped[str] = mapped_column(String(100), default="", server_default="")
    """What it is for, in the words of its owner, for nobody else."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    uses: Mapped[int] = mapped_column(default=0, server_default="0")
    uses_max: Mapped[int]
    connects: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Who comes by it is a connection at once."""
    revoked_at: Mapped[datetime | None] = mapped_column(Moment, default=None)


class Arrival(Base):
    """A member who came by a link. Before they have proven their address it counts for nothing and nobody sees it."""

    __tablename__ = "arrival"
    __table_args__ = (UniqueConstraint("link_id", "member_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("invite_link.id", ondelete="CASCADE"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    arrived_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
