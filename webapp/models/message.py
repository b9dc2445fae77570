"""Messages: conversations of two or more members, who takes part, and what was written."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment


class Conversation(Base):
    """Where messages stand. The two of a pair have exactly one, whoever writes first."""

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("low_id", "high_id"),
        CheckConstraint("kind IN ('pair', 'group')", name="kind"),
        CheckConstraint("low_id < high_id", name="ordered_pair"),
        Index("conversation_started_index", "started_by_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(100), default="", server_default="")
    """What a group is called; empty: by the names of those in it."""
    low_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    high_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), index=True)
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    is_open: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The two may write without being connected: a request was answered, and they have not been connected since."""
    version: Mapped[int] = mapped_column(default=0, server_default="0")
    """Raised by whatever changes what an open page shows, so that a page asks for one number only."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class Participant(Base):
    """Somebody in a conversation, and how far they have read."""

    __tablename__ = "participant"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'request', 'ignored')", name="state"),
        Index("participant_latest_index", "member_id", "last_id"),
        Index(
            "participant_mail_at_index",
            "mail_at",
            postgresql_where=text("mail_at IS NOT NULL"),
            sqlite_where=text("mail_at IS NOT NULL"),
        ),
    )

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="open", server_default="open")
    """`request`: somebody they are not connected with wrote first, and waits; `ignored`: they put it aside, and nobody is told."""
    last_id: Mapped[int] = mapped_column(default=0, server_default="0")
    """The latest message they may see: the order of their list, without a look at the messages."""
    read_id: Mapped[int] = mapped_column(default=0, server_default="0")
    since_id: Mapped[int] = mapped_column(default=0, server_default="0")
    """They see what came after this one: nothing from before they were added."""
    until_id: Mapped[int | None] = mapped_column(default=None)
    """They left after this one, and see nothing later."""
    muted: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    seen_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When they last read, kept only while they show it to others."""
    mail_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When they get a mail about what they have not read; moved on by every message, gone with reading."""


class Message(Base):
    """One message. Its order is that of its id, never of a clock."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("author_id", "client_id"),
        Index("message_conversation_index", "conversation_id", "id"),
        Index("message_changed_index", "conversation_id", "changed_at"),
        Index("message_author_index", "author_id", "sent_at"),
        {"sqlite_autoincrement": True},  # an id is never given again: pages ask for what came after one
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    client_id: Mapped[str | None] = mapped_column(String(40))
    """What the browser called it: sent twice, it is one message."""
    body: Mapped[str] = mapped_column(Text)
    """Plain text; empty once it was deleted for everybody."""
    folded: Mapped[str] = mapped_column(Text)
    """The words of it, as a search compares them, each with a space before it."""
    sent_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    edited_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    deleted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)


class HiddenMessage(Base):
    """A message that one member deleted for themselves."""

    __tablename__ = "hidden_message"

    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, index=True)
