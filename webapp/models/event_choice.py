"""What members want to hear of, and how."""

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base

CHANNELS = ("app", "email")


class EventChoice(Base):
    """A member's choice about one event on one channel that is not the default of `domain/events.py`."""

    __tablename__ = "event_choice"
    __table_args__ = (CheckConstraint(f"channel IN {CHANNELS}", name="channel"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    event: Mapped[str] = mapped_column(String(30), primary_key=True)
    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    wanted: Mapped[bool]
