"""Doors: how often which provider gave an address book, or failed to, day by day. Of nobody in particular."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class DoorTally(Base):
    """How often one thing happened at one door on one day. No member, no address."""

    __tablename__ = "door_tally"

    day: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    """Its first moment, in UTC."""
    door: Mapped[str] = mapped_column(String(20), primary_key=True)
    what: Mapped[str] = mapped_column(String(20), primary_key=True)
    """`read`, or why not: a kind of ProviderError, or of a consent that was not given."""
    times: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(Moment)
