"""Reading: the list of conversations, what stands in one, what is new, and finding and taking it along."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Integer, bindparam, case, func, select, tuple_, type_coerce, update
from sqlalchemy.orm import aliased

from webapp import clock
from webapp.domain import accounts, names, relationships
from webapp.domain.errors import NotFound
from webapp.domain.messages.conversations import Talk, one_of, seen_by, shown_to, touch
from webapp.extensions import db
from webapp.models.base import LAST_ID, from_ms
from webapp.models.batch import values_of
from webapp.models.built import built_once, for_any_viewer, rows
from webapp.models.member import AnyViewer, Member, SignIn, visible
from webapp.models.message import Conversation, HiddenMessage, Message, Participant

Box = Literal["open", "request", "ignored"]
SEARCH_WORDS = 8
LATE = timedelta(minutes=1)
"""A change is seen when it is committed, somewhat later than the moment it bears."""
EXPORTED = 50_000
"""How many messages an export holds at most: the latest ones."""


@dataclass(frozen=True)
class Line:
    """A message as the viewer sees it. `author` is None for who is not a member any more."""

    id: int
    key: str
    body: str
    sent_at: datetime
    edited: bool
    deleted: bool
    mine: bool
    author: str | None
    handle: str | None


# The list


@for_any_viewer
def listed(viewer: Member | type[AnyViewer], box: Box = "open") -> Any:
    """Return the viewer's conversations, the latest first, each with its last message. One statement.

    Columns: `key`, `kind`, `name`, `other` of a pair (name, handle, photo, or None), `last_id`, `unread`, `body`, `sent_at`, `mine`,
    and `deleted` of the last message; an empty body where the viewer may not see it.
    """
    other = aliased(Member)
    last = aliased(Message)
    them = case((Conversation.low_id == viewer.id, Conversation.high_id), else_=Conversation.low_id)
    hidden = _hidden(viewer, last.id)
    # In a pair, who is blocked reads on.
    hides = (
        hidden
        | (Participant.last_id <= Participant.since_id)
        | ((Conversation.kind == "group") & relationships.blocked_between(viewer, last.author_id))
    )
    return (
        select(
            Conversation.id,
            Conversation.key,
            Conversation.kind,
            Conversation.name.label("called"),
            other.name,
            other.handle,
            other.photo,
            Participant.last_id,
            Participant.muted,
            (Participant.last_id > Participant.read_id).label("unread"),
            case((hides, ""), else_=last.body).label("body"),
            last.sent_at,
            (last.author_id == viewer.id).label("mine"),
            last.deleted_at,
        )
        .join(Participant, Participant.conversation_id == Conversation.id)
        .join(last, last.id == Participant.last_id)
        .outerjoin(other, (Conversation.kind == "pair") & (other.id == them) & shown_to(viewer, other))
        .where(Participant.member_id == viewer.id, Participant.state == box, seen_by(viewer))
        .order_by(Participant.last_id.desc())
    )


def older_than(found: Any, message_id: int) -> Any:
    """Return what follows one row of the list, or of what a search found."""
    column = found.selected_columns.get("last_id", found.selected_columns.id)
    return found.where(column < message_id)


def names_in(viewer: Member, conversation_ids: Sequence[int]) -> dict[int, list[Any]]:
    """Return who is in each of these groups besides the viewer, by name. One statement."""
    if not conversation_ids:
        return {}
    rows = db.session.execute(
        select(Participant.conversation_id, Member.id, Member.name, Member.handle, Member.photo)
        .join(Member, Member.id == Participant.member_id)
        .where(
            Participant.conversation_id.in_(conversation_ids),
            Participant.until_id.is_(None),
            Member.id != viewer.id,
            visible(),
            ~relationships.blocked_between(viewer, Member.id),
        )
        .order_by(Member.name_key, Member.id)
    )
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.conversation_id, []).append(row)
    return found


def unread(viewer: Member) -> int:
    """Return in how many of the viewer's conversations there is something they have not read. Muted ones and requests do not count."""
    return db.session.scalar(select(unread_of(viewer))) or 0


def unread_of(viewer: Member | type[AnyViewer]) -> Any:
    """Return the same as something to select, beside other numbers of a page."""
    new = Participant.last_id > Participant.read_id
    return _count(viewer, new, Participant.state == "open", ~Participant.muted)


def requests(viewer: Member) -> int:
    """Return how many requests wait for the viewer."""
    return db.session.scalar(_REQUESTS, {"viewer": viewer.id}) or 0


def _count(viewer: Member | type[AnyViewer], *which: Any) -> Any:
    return (
        select(func.count())
        .select_from(Participant)
        .join(Conversation, Conversation.id == Participant.conversation_id)
        .where(Participant.member_id == viewer.id, *which, seen_by(viewer))
        .scalar_subquery()
    )


_REQUESTS = select(_count(AnyViewer, Participant.last_id > 0, Participant.state == "request"))


# What stands in one


def _hidden(viewer: Member | type[AnyViewer], message_id: Any) -> Any:
    """The SQL condition that the viewer deleted a message for themselves."""
    mine = select(HiddenMessage.message_id)
    return mine.where(HiddenMessage.message_id == message_id, HiddenMessage.member_id == viewer.id).exists()


def _lines(viewer: Member, talk: Talk) -> Any:
    found = _messages(viewer, talk.kind).params(talk=talk.id, since=talk.since_id)
    return found if talk.until_id is None else found.where(Message.id <= talk.until_id)


@for_any_viewer
def _messages(viewer: Member | type[AnyViewer], kind: str) -> Any:
    author = aliased(Member)
    found = (
        select(
            Message.id,
            Message.key,
            Message.body,
            Message.sent_at,
            Message.edited_at,
            Message.deleted_at,
            Message.author_id,
            author.name,
            author.handle,
        )
        .outerjoin(author, (author.id == Message.author_id) & shown_to(viewer, author))
        .where(
            Message.conversation_id == bindparam("talk"),
            Message.id > bindparam("since"),
            ~_hidden(viewer, Message.id),
        )
    )
    if kind == "group":
        found = found.where((Message.author_id.is_(None)) | ~relationships.blocked_between(viewer, Message.author_id))
    return found


def _as_lines(viewer: Member, found: Any) -> list[Line]:
    return [
        Line(
            row.id,
            row.key,
            row.body,
            row.sent_at,
            row.edited_at is not None,
            row.deleted_at is not None,
            row.author_id == viewer.id,
            row.name,
            row.handle,
        )
        for row in found
    ]


def latest(viewer: Member, talk: Talk, most: int) -> list[Line]:
    """Return the last messages of a conversation, in their order."""
    return before(viewer, talk, None, most)


def before(viewer: Member, talk: Talk, message_id: int | None, most: int) -> list[Line]:
    """Return the messages before one (None: the last ones), in their order."""
    end = LAST_ID if message_id is None else message_id - 1
    asked = {
        "viewer": viewer.id,
        "talk": talk.id,
        "since": talk.since_id,
        "end": end if talk.until_id is None else min(end, talk.until_id),
        "most": most,
    }
    return _as_lines(viewer, rows(_before(talk.kind), asked))[::-1]


@built_once
def _before(kind: str) -> Any:
    found = _messages(AnyViewer, kind).where(Message.id <= bindparam("end", type_=Integer))
    return found.order_by(Message.id.desc()).limit(bindparam("most", type_=Integer))


def with_each(viewer: Member) -> Any:
    """Return with whom the viewer has talked in two, and the latest message of each; as many rows as they have conversations.

    Columns, to join: `other_id`, `last_id`, `sent_at`.
    """
    # Materialized; else SQLite works out each of them for each row it is joined to.
    return _talks(viewer).cte("talks").prefix_with("MATERIALIZED")


@for_any_viewer
def _talks(viewer: Member | type[AnyViewer]) -> Any:
    other = case((Conversation.low_id == viewer.id, Conversation.high_id), else_=Conversation.low_id)
    return (
        select(other.label("other_id"), Participant.last_id, Message.sent_at)
        .join(Conversation, Conversation.id == Participant.conversation_id)
        .join(Message, Message.id == Participant.last_id)
        .where(Participant.member_id == viewer.id, Conversation.kind == "pair", other.is_not(None))
    )


def last_sent(viewer: Member | type[AnyViewer], other_id: Any) -> Any:
    """Return when the viewer and somebody last wrote to each other in two, as a value to select; `other_id`: an id, or a column of ids."""
    them = type_coerce(other_id, Integer())
    low = case((them < viewer.id, them), else_=viewer.id)
    high = case((them < viewer.id, viewer.id), else_=them)
    return (
        select(Message.sent_at)
        .join(Participant, Participant.last_id == Message.id)
        .join(Conversation, Conversation.id == Participant.conversation_id)
        .where(Conversation.low_id == low, Conversation.high_id == high, Participant.member_id == viewer.id)
        .scalar_subquery()
    )


def last_with(viewer: Member, other: Member) -> datetime | None:
    """Return when the two last wrote to each other; None where they never did."""
    sent: datetime | None = db.session.scalar(_LAST_WITH, {"viewer": viewer.id, "other": other.id})
    return sent


_LAST_WITH = select(last_sent(AnyViewer, bindparam("other", type_=Integer)))


def after(viewer: Member, talk: Talk, message_id: int, most: int) -> list[Line]:
    """Return the messages after one, in their order."""
    found = _lines(viewer, talk).where(Message.id > message_id).order_by(Message.id).limit(most)
    return _as_lines(viewer, db.session.execute(found))


def changed(viewer: Member, talk: Talk, message_id: int, since: int, most: int) -> list[Line]:
    """Return the messages up to one that were changed or deleted since a moment (milliseconds since 1970)."""
    found = _lines(viewer, talk).where(
        Message.id <= message_id,
        Message.changed_at > from_ms(since) - LATE,
        Message.edited_at.is_not(None) | Message.deleted_at.is_not(None),
    )
    return _as_lines(viewer, db.session.execute(found.order_by(Message.id).limit(most)))


def these(viewer: Member, talk: Talk, keys: Sequence[str]) -> list[Line]:
    """Return those of some messages that are (still) there, in their order."""
    if not keys:
        return []
    found = _lines(viewer, talk).where(Message.key.in_(keys)).order_by(Message.id)
    return _as_lines(viewer, db.session.execute(found))


def line(viewer: Member, talk: Talk, message_key: str) -> Line:
    """Return one message of a conversation, else NotFound."""
    rows = these(viewer, talk, [message_key])
    if not rows:
        raise NotFound
    return rows[0]


VERSION = (
    select(Conversation.version)
    .join(Participant, Participant.conversation_id == Conversation.id)
    .where(Conversation.key == bindparam("key"), Participant.member_id == AnyViewer.id)
)


def version(viewer: Member, key: str) -> int | None:
    """Return the number of a conversation that changes with whatever an open page shows; None where it is not the viewer's.

    All that an open page asks every few seconds: one statement, by key.
    """
    return db.session.scalar(VERSION, {"key": key, "viewer": viewer.id})


# Built once: an open page asks it every few seconds.
AS_SHOWN = (
    select(Conversation.id)
    .select_from(SignIn)
    .join(Member, accounts.HOLDS & Member.suspended_at.is_(None))
    .join(Participant, Participant.member_id == Member.id)
    .join(Conversation, Conversation.id == Participant.conversation_id)
    .where(
        Conversation.key == bindparam("key"),
        Conversation.version == bindparam("version"),
        Member.deleted_at.is_(None),
    )
)
"""Finds a row as long as a sign-in holds and a conversation of its member is what an open page shows: run with `accounts.given_for`."""


def mark_read(viewer: Member, key: str, up_to: int) -> bool:
    """Note that the viewer has read up to a message; return whether that is all of it. Others learn of it only where both sides show it."""
    talk = one_of(viewer, key)
    last = min(up_to, talk.last_id)
    if last <= talk.read_id:
        return talk.read_id >= talk.last_id
    shows = viewer.shows_reading and talk.state == "open"  # who asked is told nothing before the answer
    if shows:
        touch(talk.id)
    everything = Participant.last_id <= last  # as it is now: something may have come since
    db.session.execute(
        update(Participant)
        .where(Participant.conversation_id == talk.id, Participant.member_id == viewer.id, Participant.read_id < last)
        .values(
            read_id=last,
            seen_at=clock.now() if shows else None,
            mail_at=case((everything, None), else_=Participant.mail_at),
        )
    )
    return last >= talk.last_id


def seen_by_all(viewer: Member, talk: Talk) -> tuple[int, datetime] | None:
    """Return up to which message the other one of a pair has read, and when; only where both show it to each other."""
    if talk.kind != "pair" or talk.other is None or not (viewer.shows_reading and talk.other.shows_reading):
        return None
    row = db.session.execute(
        select(Participant.read_id, Participant.seen_at).where(
            Participant.conversation_id == talk.id, Participant.member_id == talk.other.id
        )
    ).one_or_none()
    return None if row is None or row.seen_at is None else (row.read_id, row.seen_at)


# Finding, taking along, showing to an operator


def found(viewer: Member, q: str) -> Any:
    """Return the viewer's messages in which every word of `q` begins a word, the latest first, each with its conversation."""
    rows = _seen(viewer).order_by(Message.id.desc())
    for word in names.words(q)[:SEARCH_WORDS]:
        rows = rows.where(Message.folded.like(f"% {word}%"))  # a word has no % and no _
    return rows


def every(viewer: Member, conversation_ids: Sequence[int], most: int) -> Iterator[list[Any]]:
    """Return all messages of some conversations that the viewer may see, one conversation after the other, at most so many at a time."""
    given = values_of(list(conversation_ids))
    found = _seen(viewer).join(given, given.c.value == Message.conversation_id)
    found = found.add_columns(Message.conversation_id, Message.edited_at, Message.deleted_at)
    found = found.order_by(Message.conversation_id, Message.id).limit(most)
    rows = list(db.session.execute(found))
    while rows:
        last = (rows[-1].conversation_id, rows[-1].id)
        yield rows
        rows = list(db.session.execute(found.where(tuple_(Message.conversation_id, Message.id) > last)))


def _seen(viewer: Member) -> Any:
    """Select every message the viewer may see, each with its conversation."""
    author, other = aliased(Member), aliased(Member)
    them = case((Conversation.low_id == viewer.id, Conversation.high_id), else_=Conversation.low_id)
    return (
        select(
            Message.id,
            Message.key,
            Message.body,
            Message.sent_at,
            (Message.author_id == viewer.id).label("mine"),
            author.name.label("author"),
            Conversation.key.label("conversation"),
            Conversation.name.label("called"),
            other.name,
            other.handle,
            other.photo,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Participant, Participant.conversation_id == Conversation.id)
        .outerjoin(author, (author.id == Message.author_id) & shown_to(viewer, author))
        .outerjoin(other, (Conversation.kind == "pair") & (other.id == them) & shown_to(viewer, other))
        .where(
            Participant.member_id == viewer.id,
            Message.id > Participant.since_id,
            Participant.until_id.is_(None) | (Message.id <= Participant.until_id),
            seen_by(viewer),
            ~_hidden(viewer, Message.id),
            (Conversation.kind == "pair")
            | Message.author_id.is_(None)
            | ~relationships.blocked_between(viewer, Message.author_id),
        )
    )


def exported(viewer: Member, talk: Talk) -> list[Line]:
    """Return everything of a conversation that the viewer may see, the latest EXPORTED messages, in their order."""
    return before(viewer, talk, None, EXPORTED)


def as_text(lines: Sequence[Line], me: str, gone: str) -> str:
    """Return messages as plain text: the moment (UTC), who wrote, and what, one after the other."""
    return "".join(
        f"{line.sent_at:%Y-%m-%d %H:%M} {me if line.mine else line.author or gone}:\n{line.body or '-'}\n\n"
        for line in lines
    )


def quoted(viewer: Member, author: Member, message_key: str) -> str:
    """Return what a message of this author says, for a report; NotFound for one the viewer may not see."""
    key = db.session.scalar(
        select(Conversation.key)
        .join(Message, Message.conversation_id == Conversation.id)
        .where(Message.key == message_key, Message.author_id == author.id)
    )
    if key is None:
        raise NotFound
    return line(viewer, one_of(viewer, key), message_key).body
