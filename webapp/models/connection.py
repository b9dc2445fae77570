"""Who is connected to whom, derived from the pairs in the same transaction: two directed rows, and one blob a member."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class Connection(Base):
    """One direction of a connection; the other one is its own row, so that a list never looks at two columns."""

    __tablename__ = "connection"
    __table_args__ = (
        Index("connection_recent_index", "member_id", "since", "other_id"),
        {"sqlite_with_rowid": False},
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, index=True)
    since: Mapped[datetime] = mapped_column(Moment)


class Adjacency(Base):
    """All of a member's connections in one blob of little-endian int32, from which common ones are counted."""

    __tablename__ = "adjacency"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    ids: Mapped[bytes] = mapped_column(LargeBinary)
