"""Posts: what members share and what is told about them, with comments, congratulations, and whom somebody does not want to hear."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment

KINDS = ("post", "position", "joined", "connected")
AUDIENCES = ("connections", "members")


class Post(Base):
    """One thing that can stand in a feed. What is written by itself (`joined`, `connected`) goes with its cause."""

    __tablename__ = "post"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"audience IN {AUDIENCES}", name="audience"),
        CheckConstraint("(kind IN ('joined', 'connected')) = (other_id IS NOT NULL)", name="other"),
        Index("post_author_id_index", "author_id", "id"),
        Index("post_author_id_form_index", "author_id", "form", unique=True),
        Index("post_created_at_index", "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    """In the order in which they were written, which is the order of every feed."""
    key: Mapped[str] = mapped_column(String(40), unique=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    audience: Mapped[str] = mapped_column(String(12))
    body: Mapped[str] = mapped_column(Text, default="")
    """The text of a post; the position and the organisation of a new position, a line each."""
    other_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    """With whom the author connected, or who invited them."""
    form: Mapped[str | None] = mapped_column(String(40))
    """Which form it was written in: sent twice, it is one post."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)


class Comment(Base):
    """What somebody says about a post. Whoever sees the post sees it, but for those across a block."""

    __tablename__ = "comment"
    __table_args__ = (
        Index("comment_post_id_index", "post_id", "id"),
        Index("comment_author_id_form_index", "author_id", "form", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    form: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(Moment)


class Reaction(Base):
    """Somebody's congratulation on a post; there is one kind."""

    __tablename__ = "reaction"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)


class Mute(Base):
    """Somebody whose posts a member does not want in their feed. Nobody but that member learns of it."""

    __tablename__ = "mute"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, index=True)
    until: Mapped[datetime | None] = mapped_column(Moment, index=True)
    """When it ends by itself; None: never."""


class FeedAddress(Base):
    """The secret address at which a program may read a member's feed; only its digest is kept."""

    __tablename__ = "feed_address"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
