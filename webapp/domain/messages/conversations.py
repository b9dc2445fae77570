"""Conversations: who takes part, who may write, and the way in and out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, case, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from webapp import addresses, clock, config, tokens
from webapp.domain import relationships
from webapp.domain.errors import N_, Invalid, NotFound, Refused, TooMany
from webapp.extensions import db
from webapp.models.batch import insert_ignoring, values_of
from webapp.models.built import built_once
from webapp.models.connection import Connection
from webapp.models.member import IN_LISTS, AnyViewer, Member, visible
from webapp.models.message import Conversation, Message, Participant

NAME_CHARACTERS = 100
NOT_CONNECTED = N_("You are no longer connected. You can still read what was written here.")
WAITS = N_("You can write again once they have answered.")
LEFT = N_("You left this conversation. You can still read what was written here.")
NOT_OPEN = N_("You can write to %(name)s once you are connected.")
ALONE = N_("Nobody else is left in this conversation.")


@dataclass(frozen=True)
class Talk:
    """A conversation as one of its people sees it.

    `other`: of a pair, who the viewer talks to; None where their account is gone or not in use, and where they block the viewer: the
    three look the same. `closed`: why the viewer may not write, as a sentence; empty where they may.
    """

    id: int
    key: str
    kind: str
    name: str
    version: int
    state: str
    muted: bool
    read_id: int
    last_id: int
    since_id: int
    until_id: int | None
    other: Member | None
    closed: str


# Finding one


def shown_to(viewer: Member | type[AnyViewer], other: Any) -> Any:
    """The SQL condition that somebody is named in what they wrote: who blocks the viewer stands there like somebody who is gone."""
    return visible(other) & ~relationships.blocked_between(viewer, other.id)


def seen_by(viewer: Member | type[AnyViewer]) -> Any:
    """The SQL condition that a conversation exists for one of its people: not a pair with somebody they block."""
    other_id = case((Conversation.low_id == viewer.id, Conversation.high_id), else_=Conversation.low_id)
    return (Conversation.kind == "group") | ~relationships.blocked_by(viewer, other_id)


def one_of(viewer: Member, key: str) -> Talk:
    """Return one of the viewer's conversations, else NotFound."""
    row = db.session.execute(_one(), {"viewer": viewer.id, "key": key}).one_or_none()
    if row is None:
        raise NotFound
    return Talk(
        row.id,
        row.key,
        row.kind,
        row.name,
        row.version,
        row.state,
        row.muted,
        row.read_id,
        row.last_id,
        row.since_id,
        row.until_id,
        row.there,
        _closed(viewer, row),
    )


@built_once
def _one() -> Any:
    viewer, other = AnyViewer, aliased(Member, name="there")
    connected = select(Connection.since).where(Connection.member_id == viewer.id, Connection.other_id == other.id)
    return (
        select(
            Conversation.id,
            Conversation.key,
            Conversation.kind,
            Conversation.name,
            Conversation.version,
            Conversation.is_open,
            Participant.state,
            Participant.muted,
            Participant.read_id,
            Participant.last_id,
            Participant.since_id,
            Participant.until_id,
            other,
            connected.exists().label("is_connected"),
        )
        .join(Participant, Participant.conversation_id == Conversation.id)
        .outerjoin(
            other,
            (Conversation.kind == "pair")
            & or_(other.id == Conversation.low_id, other.id == Conversation.high_id)
            & (other.id != viewer.id)
            & shown_to(viewer, other),
        )
        .where(Conversation.key == bindparam("key"), Participant.member_id == viewer.id, seen_by(viewer))
    )


def _closed(viewer: Member, row: Any) -> str:
    """Return why the viewer may not write. A removal, a block and an account that is gone give the same words."""
    if row.until_id is not None:
        return LEFT
    if row.kind == "group":
        others = select(Participant.member_id).where(
            Participant.conversation_id == row.id,
            Participant.member_id != viewer.id,
            Participant.until_id.is_(None),
        )
        return "" if db.session.scalar(select(others.exists())) else ALONE
    if row.there is None:
        return NOT_CONNECTED
    if row.is_connected:
        return ""
    return NOT_CONNECTED if relationships.was_ended(viewer, row.there) else _unconnected(row)


def _unconnected(row: Any) -> str:
    """Return why one of two who are not connected may not write: who got a request answers it by writing, who sent it waits."""
    if row.is_open or row.state != "open":
        return ""
    theirs = select(Participant.state).where(
        Participant.conversation_id == row.id, Participant.member_id == row.there.id
    )
    return NOT_CONNECTED if db.session.scalar(theirs) == "open" else WAITS


def is_connected(viewer: Member, other: Member) -> bool:
    """Whether the two are connected now."""
    return db.session.get(Connection, (viewer.id, other.id)) is not None


def between(viewer: Member, other: Member) -> str | None:
    """Return the key of the conversation of the two, if something was written in it."""
    low, high = relationships.ordered(viewer.id, other.id)
    return db.session.scalar(
        select(Conversation.key)
        .join(Participant, Participant.conversation_id == Conversation.id)
        .where(
            Conversation.low_id == low,
            Conversation.high_id == high,
            Participant.member_id == viewer.id,
            Participant.last_id > 0,
        )
    )


def key_of(message: Message) -> str:
    """Return the key of the conversation a message stands in."""
    return db.session.scalars(select(Conversation.key).where(Conversation.id == message.conversation_id)).one()


# Who may write


def may_write_to(viewer: Member, other: Member) -> bool:
    """Whether the viewer may write to somebody: connections, and those who want to hear from every member; never across a block."""
    return other.id != viewer.id and (is_connected(viewer, other) or other.writable == "members")


def check_brake(viewer: Member) -> None:
    """Raise TooMany where a new account has begun as many conversations today as it may."""
    if viewer.verified_at is None or clock.now() - viewer.verified_at >= timedelta(
        days=config.setting("NEW_MEMBER_DAYS")
    ):
        return
    day = clock.now() - timedelta(days=1)
    begun = select(func.count()).where(Conversation.started_by_id == viewer.id, Conversation.created_at > day)
    most = config.setting("NEW_CONVERSATIONS_PER_DAY")
    if (db.session.scalar(begun) or 0) >= most:
        raise TooMany(
            N_("In your first days here you can begin %(most)s conversations a day. Try again tomorrow."),
            retry_after=24 * 3600,
            most=most,
        )


# Beginning one


def pair_with(viewer: Member, other: Member) -> int:
    """Return the conversation of the two, made where there is none; of two who begin at once, both get the same one.

    Who is not connected with the viewer finds it among their requests.
    """
    low, high = relationships.ordered(viewer.id, other.id)
    mine = select(Conversation.id).where(Conversation.low_id == low, Conversation.high_id == high)
    found = db.session.scalar(mine)
    if found is None:
        check_brake(viewer)
        now = clock.now()
        db.session.execute(
            insert_ignoring(
                Conversation,
                key=tokens.new(),
                kind="pair",
                low_id=low,
                high_id=high,
                started_by_id=viewer.id,
                created_at=now,
            )
        )
        found = db.session.scalars(mine).one()
        asks = "open" if is_connected(viewer, other) else "request"
        for member_id, state in ((viewer.id, "open"), (other.id, asks)):
            db.session.execute(insert_ignoring(Participant, conversation_id=found, member_id=member_id, state=state))
    return found


def start_group(viewer: Member, others: Sequence[Member], name: str = "") -> str:
    """Begin a conversation with several of the viewer's connections, and return its key.

    Invalid for fewer than two, for more than a group may have, and for who is not a connection.
    """
    name = addresses.display_name(name)[:NAME_CHARACTERS]
    ids = list(dict.fromkeys(other.id for other in others if other.id != viewer.id))
    if len(ids) < 2:  # noqa: PLR2004 - with one it is no group
        raise Invalid(to=N_("Choose at least two people"))
    _check_room(1 + len(ids))
    _check_connected(viewer, ids)
    check_brake(viewer)
    row = Conversation(key=tokens.new(), kind="group", name=name, started_by_id=viewer.id, created_at=clock.now())
    db.session.add(row)
    db.session.flush()
    db.session.execute(
        insert(Participant), [{"conversation_id": row.id, "member_id": member_id} for member_id in (viewer.id, *ids)]
    )
    return row.key


def _check_room(number: int) -> None:
    most = config.setting("GROUP_MEMBERS_MAX")
    if number > most:
        raise Invalid(to=N_("A conversation has at most %(most)s people").replace("%(most)s", str(most)))


def _check_connected(viewer: Member, ids: Sequence[int]) -> None:
    given = values_of(list(ids))
    known = select(func.count()).select_from(
        select(Connection.other_id)
        .join(given, given.c.value == Connection.other_id)
        .where(Connection.member_id == viewer.id)
        .subquery()
    )
    if db.session.scalar(known) != len(ids):
        raise Invalid(to=N_("You can add people you are connected with"))


def add(viewer: Member, key: str, others: Sequence[Member]) -> None:
    """Add connections of the viewer to a group; they see what is written from now on. Who left comes back the same way."""
    talk = one_of(viewer, key)
    if talk.kind != "group" or talk.until_id is not None:
        raise NotFound
    ids = list(dict.fromkeys(other.id for other in others if other.id != viewer.id))
    if not ids:
        raise Invalid(to=N_("Choose somebody to add"))
    _check_connected(viewer, ids)
    present = set(
        db.session.scalars(
            select(Participant.member_id).where(Participant.conversation_id == talk.id, Participant.until_id.is_(None))
        )
    )
    _check_room(len(present | set(ids)))
    touch(talk.id)
    last = db.session.scalar(select(func.max(Message.id)).where(Message.conversation_id == talk.id)) or 0
    for member_id in ids:
        if member_id in present:
            continue
        fresh = {"since_id": last, "read_id": last, "last_id": last, "until_id": None}
        db.session.execute(insert_ignoring(Participant, conversation_id=talk.id, member_id=member_id, **fresh))
        db.session.execute(
            update(Participant)
            .where(
                Participant.conversation_id == talk.id,
                Participant.member_id == member_id,
                Participant.until_id.is_not(None),
            )
            .values(**fresh, mail_at=None)
        )


def people_in(viewer: Member, talk: Talk) -> list[Any]:
    """Return who is in a conversation besides the viewer, by name; nobody across a block, and nobody who cannot be seen."""
    return list(
        db.session.execute(
            select(*IN_LISTS)
            .join(Participant, Participant.member_id == Member.id)
            .where(
                Participant.conversation_id == talk.id,
                Participant.until_id.is_(None),
                Member.id != viewer.id,
                visible(),
                ~relationships.blocked_between(viewer, Member.id),
            )
            .order_by(Member.name_key, Member.id)
        )
    )


# Answering a request, leaving, being left alone


def accept(viewer: Member, key: str) -> None:
    """Take a request: both may write from now on. Taking twice is taking once."""
    _answer(viewer, key, "open")


def ignore(viewer: Member, key: str) -> None:
    """Put a request aside. Who wrote sees no difference."""
    _answer(viewer, key, "ignored")


def _answer(viewer: Member, key: str, state: str) -> None:
    talk = one_of(viewer, key)
    if talk.state == "open":
        return
    if state == "open":
        open_up(talk.id)
    _set(viewer, talk.id, state=state, mail_at=None)


def open_up(conversation_id: int) -> None:
    """Let the two of a pair write without being connected."""
    db.session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(is_open=True, version=Conversation.version + 1)
    )


def leave(viewer: Member, key: str) -> None:
    """Leave a group: the viewer keeps what they could read, and sees nothing later. A pair cannot be left, only muted."""
    talk = one_of(viewer, key)
    if talk.kind != "group":
        raise Refused(N_("A conversation of two can't be left. You can mute it."))
    if talk.until_id is None:
        touch(talk.id)
        last = db.session.scalar(select(func.max(Message.id)).where(Message.conversation_id == talk.id)) or 0
        _set(viewer, talk.id, until_id=last, last_id=last, read_id=last, mail_at=None)


def mute(viewer: Member, key: str, *, on: bool) -> None:
    """Let a conversation be quiet: no count and no mail, until it is turned on again. Nobody is told."""
    talk = one_of(viewer, key)
    _set(viewer, talk.id, muted=on, **({"mail_at": None} if on else {}))


def _set(viewer: Member, conversation_id: int, **values: Any) -> None:
    db.session.execute(
        update(Participant)
        .where(Participant.conversation_id == conversation_id, Participant.member_id == viewer.id)
        .values(**values)
    )


def part(viewer: Member, other: Member) -> None:
    """Let the two write to each other only once they are connected (again): what a block leaves of an answered request."""
    low, high = relationships.ordered(viewer.id, other.id)
    here = (Conversation.low_id == low) & (Conversation.high_id == high)
    db.session.execute(update(Conversation).where(here).values(is_open=False, version=Conversation.version + 1))


def touch(conversation_id: int) -> None:
    """Let every open page of a conversation look again, and let nobody else change it meanwhile.

    Whoever changes a conversation begins with this: its messages are committed in the order of their ids (a page asks for what came
    after one), and two who change it at once wait for each other instead of both for the other.
    """
    db.session.execute(
        update(Conversation).where(Conversation.id == conversation_id).values(version=Conversation.version + 1)
    )
