"""Writing: sending once however often it is pressed, taking back, changing, deleting."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, func, select, update

from webapp import clock, config, tokens
from webapp.domain import names, relationships
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.messages.conversations import (
    NOT_OPEN,
    Talk,
    is_connected,
    may_write_to,
    one_of,
    open_up,
    pair_with,
    start_group,
    touch,
)
from webapp.extensions import db
from webapp.models.batch import insert_ignoring
from webapp.models.member import Member
from webapp.models.message import Conversation, HiddenMessage, Message, Participant

UNDO_SECONDS = 10
CHANGE_MINUTES = 15
MAIL_MINUTES = 15
CLIENT_ID_CHARACTERS = 40
SAME_TEXT_WORDS = 3
"""A text of fewer words ("Thank you") may go to as many people as one likes."""
TOO_LATE = N_("That was too long ago to be changed for everybody.")


def clean(body: str) -> str:
    """Return a message as it is kept: composed, without what cannot be seen; Invalid for an empty or too long one."""
    most = config.setting("MESSAGE_CHARACTERS")
    kept = unicodedata.normalize("NFC", body[: most * 4].replace("\r\n", "\n").replace("\r", "\n"))
    kept = "".join(
        letter for letter in kept if letter in "\n\t\u200d" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs"}
    ).strip()
    if not kept:
        raise Invalid(body=N_("Write something first"))
    if len(kept) > most:
        raise Invalid(body=N_("Use at most %(most)s characters for a message").replace("%(most)s", f"{most:,}"))
    return kept


def write_to(viewer: Member, other: Member, body: str, client_id: str = "") -> Message:
    """Send a message to one member, in the conversation of the two. Refused to who wants to hear from connections only."""
    kept = clean(body)
    if not may_write_to(viewer, other):
        raise Refused(NOT_OPEN, name=other.name)
    conversation_id = pair_with(viewer, other)
    key = db.session.scalars(select(Conversation.key).where(Conversation.id == conversation_id)).one()
    return send(viewer, key, kept, client_id)


def send(viewer: Member, key: str, body: str, client_id: str = "") -> Message:
    """Send a message; sent again under the same `client_id` it is the same message.

    Refused where the viewer may not write (any more), and for the same text to many people. To answer a request is to accept it.
    """
    kept = clean(body)
    talk = one_of(viewer, key)
    client_id = client_id[:CLIENT_ID_CHARACTERS] or tokens.new()
    mine = select(Message).where(Message.author_id == viewer.id, Message.client_id == client_id)
    before = db.session.scalars(mine).first()
    if before is None:
        _check(viewer, talk, kept)
        touch(talk.id)
        now = clock.now()
        db.session.execute(
            insert_ignoring(
                Message,
                key=tokens.new(),
                conversation_id=talk.id,
                author_id=viewer.id,
                client_id=client_id,
                body=kept,
                folded=folded(kept),
                sent_at=now,
                changed_at=now,
            )
        )
        before = db.session.scalars(mine).one()
        _deliver(viewer, talk, before)
    if before.conversation_id != talk.id:
        raise NotFound
    return before


def write_to_group(viewer: Member, others: Sequence[Member], name: str, body: str, client_id: str = "") -> Message:
    """Begin a conversation with several connections by a first message; sent again under the same `client_id` it is the same one."""
    kept = clean(body)
    before = db.session.scalar(
        select(Conversation.key)
        .join(Message, Message.conversation_id == Conversation.id)
        .where(Message.author_id == viewer.id, Message.client_id == client_id)
    )
    return send(viewer, before or start_group(viewer, others, name), kept, client_id)


def folded(body: str) -> str:
    """Return the words of a text as a search compares them, each with a space before it."""
    return "".join(f" {word}" for word in names.words(body))


def _check(viewer: Member, talk: Talk, body: str) -> None:
    if talk.closed and not (talk.kind == "pair" and _is_first(talk)):
        raise Refused(talk.closed)
    if len(names.words(body)) < SAME_TEXT_WORDS:  # an address of the web has more
        return
    day = clock.now() - timedelta(days=1)
    most = config.setting("SAME_TEXT_PEOPLE_MAX")
    elsewhere = select(func.count(Message.conversation_id.distinct())).where(
        Message.author_id == viewer.id,
        Message.sent_at > day,
        Message.folded == folded(body),
        Message.conversation_id != talk.id,
    )
    if (db.session.scalar(elsewhere) or 0) >= most:
        raise Refused(
            N_("You have sent this same text to %(most)s people today. Write a few words of their own to the others."),
            most=most,
        )


def _is_first(talk: Talk) -> bool:
    """Whether nothing was written yet: a first message may be sent where a second one has to wait for the answer."""
    return db.session.scalar(select(Message.id).where(Message.conversation_id == talk.id).limit(1)) is None


def _deliver(viewer: Member, talk: Talk, message: Message) -> None:
    """Let it stand on top of everybody's list, unread for all but its author; who has not read it in a while is mailed."""
    there = Participant.conversation_id == talk.id
    others = (
        there
        & (Participant.member_id != viewer.id)
        & Participant.until_id.is_(None)
        & ~relationships.blocked_between(viewer, Participant.member_id)  # in a group; they do not see it
    )
    db.session.execute(update(Participant).where(others).values(last_id=message.id))
    later = clock.now() + timedelta(minutes=MAIL_MINUTES)
    db.session.execute(
        update(Participant).where(others, ~Participant.muted, Participant.state != "ignored").values(mail_at=later)
    )
    db.session.execute(
        update(Participant)
        .where(there, Participant.member_id == viewer.id)
        .values(last_id=message.id, read_id=message.id, mail_at=None, state="open")
    )
    answered = talk.kind == "pair" and talk.state != "open"
    connected = talk.other is not None and talk.kind == "pair" and is_connected(viewer, talk.other)
    if answered and not connected:
        open_up(talk.id)
    elif connected:  # once connected, a later removal closes it
        db.session.execute(update(Conversation).where(Conversation.id == talk.id).values(is_open=False))
        db.session.execute(update(Participant).where(there, Participant.state != "open").values(state="open"))


def _mine(viewer: Member, key: str, message_key: str) -> tuple[Talk, Message]:
    talk, message = _seen(viewer, key, message_key)
    if message.author_id != viewer.id or message.deleted_at is not None:
        raise NotFound
    return talk, message


def _seen(viewer: Member, key: str, message_key: str) -> tuple[Talk, Message]:
    talk = one_of(viewer, key)
    message = db.session.scalars(
        select(Message).where(
            Message.key == message_key, Message.conversation_id == talk.id, Message.id > talk.since_id
        )
    ).one_or_none()
    if message is None or (talk.until_id is not None and message.id > talk.until_id):
        raise NotFound
    return talk, message


def undo(viewer: Member, key: str, message_key: str) -> Message:
    """Take a message back within ten seconds, without a trace, and return what it said. Refused later."""
    talk, message = _mine(viewer, key, message_key)
    if not may_undo(message.sent_at):
        raise Refused(N_("Too late, it has been sent. You can still delete it."))
    touch(talk.id)
    db.session.delete(message)
    db.session.flush()
    last = db.session.scalar(select(func.max(Message.id)).where(Message.conversation_id == talk.id)) or 0
    db.session.execute(
        update(Participant)
        .where(Participant.conversation_id == talk.id, Participant.last_id == message.id)
        .values(last_id=last, read_id=case((Participant.read_id > last, last), else_=Participant.read_id))
    )
    return message


def edit(viewer: Member, key: str, message_key: str, body: str) -> Message:
    """Change a message within a quarter of an hour; it carries a mark from then on. Refused later."""
    kept = clean(body)
    talk, message = _mine(viewer, key, message_key)
    _check_time(message)
    if kept != message.body:
        touch(talk.id)
        now = clock.now()
        message.body, message.folded, message.edited_at, message.changed_at = kept, folded(kept), now, now
    return message


def delete_for_all(viewer: Member, key: str, message_key: str) -> Message:
    """Empty a message for everybody within a quarter of an hour; that it was there stays to be seen. Refused later."""
    talk, message = _mine(viewer, key, message_key)
    _check_time(message)
    touch(talk.id)
    now = clock.now()
    message.body, message.folded, message.deleted_at, message.changed_at = "", "", now, now
    return message


def delete_for_me(viewer: Member, key: str, message_key: str) -> Message:
    """Take a message out of the viewer's own sight, at any time. Nobody else sees a difference."""
    _talk, message = _seen(viewer, key, message_key)
    db.session.execute(insert_ignoring(HiddenMessage, message_id=message.id, member_id=viewer.id))
    return message


def may_undo(sent_at: datetime) -> bool:
    """Whether a message sent then can still be taken back without a trace."""
    return clock.now() - sent_at <= timedelta(seconds=UNDO_SECONDS)


def may_change(sent_at: datetime) -> bool:
    """Whether a message sent then can still be changed for everybody."""
    return clock.now() - sent_at <= timedelta(minutes=CHANGE_MINUTES)


def _check_time(message: Message) -> None:
    if not may_change(message.sent_at):
        raise Refused(TOO_LATE)
