"""Searches that members keep, to be told who is new among those they find."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class SavedSearch(Base):
    """A search under a name: the words and filters as they stand in an address, and whom it found already."""

    __tablename__ = "saved_search"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[str] = mapped_column(Text)
    known: Mapped[bytes] = mapped_column(LargeBinary)
    """The ids of whom it found when it was last looked at, as little-endian int32; who is not among them is new."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    looked_at: Mapped[datetime] = mapped_column(Moment, index=True)
    """When it was last looked at for newcomers, once a day."""
    mailed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When its last mail may leave, or could: at most one a week."""
