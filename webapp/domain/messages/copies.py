"""Mails about messages: one after a quarter of an hour of silence, about what was not read meanwhile; or a line in a digest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from webapp.domain import relationships
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.member import Member, visible
from webapp.models.message import Conversation, Message, Participant

AT_ONCE = 500


def put_due(now: datetime) -> int:
    """Put a mail on the table for everybody who has left something unread long enough; return how many.

    It says from whom and where, and the text only at the moment it is rendered, to those who want that.
    """
    rows = db.session.execute(
        select(Participant, Conversation.key)
        .join(Conversation, Conversation.id == Participant.conversation_id)
        .where(Participant.mail_at <= now)
        .order_by(Participant.mail_at)
        .limit(AT_ONCE)
        .with_for_update(of=Participant, skip_locked=True)
    ).all()
    put = 0
    for mine, key in rows:
        mine.mail_at = None
        member = db.session.get_one(Member, mine.member_id)
        latest = _unread(member, mine)
        if latest is None or not member.is_visible:
            continue
        author = db.session.get_one(Member, latest.author_id)
        outbox.put("message", to=member, by=author, facts={"conversation": key, "message": latest.key})
        put += 1
    return put


def _unread(member: Member, mine: Participant) -> Message | None:
    """Return the latest message they have not read, of somebody who can be seen."""
    return db.session.scalars(
        select(Message)
        .join(Member, Member.id == Message.author_id)
        .where(
            Message.conversation_id == mine.conversation_id,
            Message.id > mine.read_id,
            Message.author_id != member.id,
            Message.deleted_at.is_(None),
            visible(),
            ~relationships.blocked_between(member, Member.id),
        )
        .order_by(Message.id.desc())
        .limit(1)
    ).first()


def text_for(member: Member, conversation_key: str, message_key: str) -> str | None:
    """Return what a message says that is to be mailed; None where it was read, deleted, blocked or put aside meanwhile."""
    return db.session.scalar(
        select(Message.body)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Participant, Participant.conversation_id == Conversation.id)
        .where(
            Conversation.key == conversation_key,
            Message.key == message_key,
            Message.deleted_at.is_(None),
            Message.id > Participant.read_id,
            Participant.member_id == member.id,
            Participant.until_id.is_(None),
            Participant.state != "ignored",
            ~Participant.muted,
            ~relationships.blocked_between(member, Message.author_id),
        )
    )


def _waiting(member_id: Any, since: Any, until: datetime) -> Any:
    """Select the messages of a time that somebody has left unread, of conversations a mail may speak of."""
    return (
        select(Message.id)
        .join(Participant, Participant.conversation_id == Message.conversation_id)
        .where(
            Participant.member_id == member_id,
            Participant.last_id > Participant.read_id,
            Participant.until_id.is_(None),
            Participant.state != "ignored",
            ~Participant.muted,
            Message.id > Participant.read_id,
            Message.author_id != member_id,
            Message.deleted_at.is_(None),
            Message.sent_at > since,
            Message.sent_at <= until,
        )
    )


def is_waiting(member_id: Any, since: Any, until: datetime) -> Any:
    """The SQL condition that there may be a message for a digest; `who_waits` looks closely."""
    return _waiting(member_id, since, until).exists()


def who_waits(member: Member, since: datetime, until: datetime) -> Sequence[str]:
    """Return the names of those whose messages of a time a member has not read, who wrote last first. One statement."""
    latest = func.max(Message.id)
    found = _waiting(member.id, since, until).join(Member, Member.id == Message.author_id)
    found = found.where(visible(), ~relationships.blocked_between(member, Member.id)).with_only_columns(Member.name)
    return db.session.scalars(found.group_by(Member.id, Member.name).order_by(latest.desc())).all()
