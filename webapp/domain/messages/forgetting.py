"""What becomes of messages when somebody leaves for good: who was written to keeps them, under "Former member"; nobody else does.

Each step is a fixed number of statements about so many rows, and may be repeated: what it has done is not found again. The blocks of
who leaves have to be there still.
"""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.orm import aliased

from webapp.domain import relationships
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.member import Member
from webapp.models.message import Conversation, HiddenMessage, Message, Participant


def hand_over(member: Member, most: int) -> tuple[int, int]:
    """Take the name off so many messages of a member, and delete those that nobody else can see; return how many of each."""
    there = _who_sees(member)
    rows = db.session.execute(
        select(Message.id, Message.conversation_id, there.exists().label("kept"))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.author_id == member.id)
        .order_by(Message.sent_at)
        .limit(most)
    ).all()
    if not rows:
        return 0, 0
    _touch(sorted({row.conversation_id for row in rows}))
    kept, gone = ([row.id for row in rows if bool(row.kept) == which] for which in (True, False))
    if gone:
        _delete_messages(gone)
    if kept:
        _hide_from_blocked(member, kept)
        named = update(Message).where(Message.id.in_(select(values_of(kept).c.value)))
        db.session.execute(named.values(author_id=None, client_id=None).execution_options(synchronize_session=False))
    return len(kept), len(gone)


def leave_all(member: Member, most: int) -> tuple[int, int]:
    """Take a member out of so many conversations, once none of the messages in them is theirs; return of how many, and how many deletions.

    A conversation that nobody else can see is deleted, with what others wrote in it before they left: its messages first.
    """
    mine = aliased(Participant)
    rows = db.session.execute(
        select(Conversation.id, _others(member).exists().label("shared"))
        .join(mine, mine.conversation_id == Conversation.id)
        .where(mine.member_id == member.id)
        .order_by(Conversation.id)
        .limit(most)
    ).all()
    alone = [row.id for row in rows if not row.shared]
    if alone:
        found = select(Message.id).where(Message.conversation_id.in_(select(values_of(alone).c.value))).limit(most)
        messages = list(db.session.scalars(found))
        if messages:
            _delete_messages(messages)
            return 0, len(messages)
        gone = delete(Conversation).where(Conversation.id.in_(select(values_of(alone).c.value)))
        db.session.execute(gone.execution_options(synchronize_session=False))
    shared = [row.id for row in rows if row.shared]
    if shared:
        _touch(shared)
        here = select(values_of(shared).c.value)
        gone = delete(Participant).where(Participant.member_id == member.id, Participant.conversation_id.in_(here))
        db.session.execute(gone.execution_options(synchronize_session=False))
    return len(rows), 0


def _others(member: Member) -> Any:
    """Select the others of a conversation for whom it exists: not of a pair who blocks the member."""
    blocker: Any = SimpleNamespace(id=Participant.member_id)
    return select(Participant.member_id).where(
        Participant.conversation_id == Conversation.id,
        Participant.member_id != member.id,
        (Conversation.kind == "group") | ~relationships.blocked_by(blocker, literal(member.id)),
    )


def _who_sees(member: Member) -> Any:
    """Select who else can see a message of the member's: in a group nobody across a block, and nobody who deleted it for themselves."""
    hidden = select(HiddenMessage.message_id).where(
        HiddenMessage.message_id == Message.id, HiddenMessage.member_id == Participant.member_id
    )
    hidden = hidden.correlate(Message, Participant)
    return _others(member).where(
        Message.id > Participant.since_id,
        Participant.until_id.is_(None) | (Message.id <= Participant.until_id),
        (Conversation.kind == "pair") | ~relationships.blocked_between(member, Participant.member_id),
        ~hidden.exists(),
    )


def _hide_from_blocked(member: Member, ids: list[int]) -> None:
    """Keep what stands in a group hidden from those across a block, once there is no block any more."""
    there = select(HiddenMessage.message_id).where(
        HiddenMessage.message_id == Message.id, HiddenMessage.member_id == Participant.member_id
    )
    apart = (
        select(Message.id, Participant.member_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Participant, Participant.conversation_id == Conversation.id)
        .where(
            Message.id.in_(select(values_of(ids).c.value)),
            Conversation.kind == "group",
            Participant.member_id != member.id,
            relationships.blocked_between(member, Participant.member_id),
            ~there.exists(),
        )
    )
    db.session.execute(insert(HiddenMessage).from_select(["message_id", "member_id"], apart))


def _delete_messages(ids: list[int]) -> None:
    gone = delete(Message).where(Message.id.in_(select(values_of(ids).c.value)))
    db.session.execute(gone.execution_options(synchronize_session=False))


def _touch(ids: list[int]) -> None:
    changed = update(Conversation).where(Conversation.id.in_(select(values_of(ids).c.value)))
    db.session.execute(changed.values(version=Conversation.version + 1).execution_options(synchronize_session=False))
