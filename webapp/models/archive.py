"""Archives: everything a member put here, made into one file for them."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import NOT_IN_BACKUPS, Base, Moment, sealed_for

STATES = ("asked", "building", "ready", "failed")


class Archive(Base):
    """A member's archive; one a member. The file lies sealed in the instance folder under a name that is no address.

    The key of the file stands in this row alone, wrapped: with the row, what the file says is gone.
    """

    __tablename__ = "archive"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("archive_state_index", "state", "asked_at"),
        Index("archive_expires_at_index", "expires_at"),
        {"info": NOT_IN_BACKUPS},
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    """What the file is called; random, and in no address."""
    wrapped: Mapped[bytes] = mapped_column(LargeBinary, info=sealed_for("archive key {name}"))
    """The key of the file, wrapped by the instance's wrapping key."""
    state: Mapped[str] = mapped_column(String(10), default="asked")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many bytes the file has, unsealed."""
    asked_at: Mapped[datetime] = mapped_column(Moment)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When a worker last said that it is building it."""
    expires_at: Mapped[datetime] = mapped_column(Moment)
    """When it is deleted."""
