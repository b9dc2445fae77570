"""Private cards: what members keep about others for themselves, sealed under a key of each member's own. Ids and dates stand in clear."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment, sealed_for


class CardKey(Base):
    """The key of one member's cards and tags, wrapped by the instance's wrapping key. With its member it goes, and all they kept."""

    __tablename__ = "card_key"
    __table_args__ = (Index("card_key_reminded_at_index", "reminded_at"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary, info=sealed_for("card key {member_id}"))
    reminded_at: Mapped[datetime] = mapped_column(Moment, server_default=text("0"))
    """When a mail last could have said with whom it is time to get in touch."""


class PrivateCard(Base):
    """What one member keeps about another. It outlives the account of whom it is about: then it is found by its key alone."""

    __tablename__ = "private_card"
    __table_args__ = (
        Index("private_card_pair_index", "owner_id", "about_id", unique=True),
        Index("private_card_due_index", "owner_id", "due_at"),
        Index("private_card_forget_at_index", "forget_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    about_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When it is time to get in touch again; the one thing of a card that stands in clear, so that it can be asked for."""
    forget_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """Put aside with a connection that can still be brought back: from then on it is deleted, and until then nobody is shown it."""


class Tag(Base):
    """A word of one member for some people; the word is sealed, under a random name that says nothing."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class Tagged(Base):
    """Who has a tag."""

    __tablename__ = "tagged"
    __table_args__ = (Index("tagged_forget_at_index", "forget_at"), {"sqlite_with_rowid": False})

    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True)
    about_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, index=True)
    forget_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """As `PrivateCard.forget_at`."""
