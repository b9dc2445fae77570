"""A pair of members: one row for each unordered pair, the truth about it, and the place where races are decided."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment

STATES = ("none", "pending", "ignored", "connected", "withdrawn", "expired", "removed")


def _side(name: str) -> Index:
    held = text(f"{name}_held")
    is_held = text(f"{name}_held = 1")  # word for word what SQLite is asked, else it reads all pairs
    return Index(f"relationship_{name}_due_index", f"{name}_leaves_at", postgresql_where=held, sqlite_where=is_held)


OPEN_ASKS = "state IN ('pending', 'ignored')"
"""Of a partial index: it is used where a statement says the same, word for word, and not where the states are its parameters."""


class Relationship(Base):
    """The state between two members. Only `domain/relationships` reads or writes it.

    What is told apart for the two sides stands twice, as low_... and high_...: a hold, a note, a block belong to one of them.
    """

    __tablename__ = "relationship"
    __table_args__ = (
        CheckConstraint("low_id < high_id", name="ordered_pair"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("by_id IS NULL OR by_id = low_id OR by_id = high_id", name="by_one_of_them"),
        Index("relationship_low_index", "low_id", "state", "since"),
        Index("relationship_high_index", "high_id", "state", "since"),
        Index(
            "relationship_expires_at_index",
            "expires_at",
            postgresql_where=text(OPEN_ASKS),
            sqlite_where=text(OPEN_ASKS),
        ),
        Index(
            "relationship_undo_index",
            "undo_by_id",
            "undo_until",
            postgresql_where=text("undo_by_id IS NOT NULL"),
            sqlite_where=text("undo_by_id IS NOT NULL"),
        ),
        _side("low"),
        _side("high"),
    )

    low_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    high_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="none", server_default="none")
    by_id: Mapped[int | None] = mapped_column(default=None)
    """Who asked, withdrew, let it expire, or removed."""
    since: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """Since when the state holds, as both may see it."""
    expires_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    undo_by_id: Mapped[int | None] = mapped_column(default=None)
    undo_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    undo_state: Mapped[str | None] = mapped_column(String(10), default=None)
    """The state that an undo of the last answer or removal brings back, with who and since when."""
    undo_of_id: Mapped[int | None] = mapped_column(default=None)
    undo_since: Mapped[datetime | None] = mapped_column(Moment, default=None)

    low_held: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """This side's invitation is sent for itself and does not exist for anybody else."""
    low_leaves_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When this side's last invitation left or leaves; kept afterwards, to count what left in a day."""
    low_batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id", ondelete="SET NULL"), index=True)
    low_note: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    low_blocked_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """This side blocks the other."""
    low_may_ask_from: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """After a withdrawal of its own, this side may ask again from then on."""
    low_quiet_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """This side was removed; what it asks until then is not shown to the other."""
    low_refused_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """The other side does not want to be asked by this one again."""

    high_held: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    high_leaves_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    high_batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id", ondelete="SET NULL"), index=True)
    high_note: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    high_blocked_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    high_may_ask_from: Mapped[datetime | None] = mapped_column(Moment, default=None)
    high_quiet_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    high_refused_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
