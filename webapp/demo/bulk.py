"""Many members, connections and messages at once, for the sample community and for measuring: one password hash, derived data in bulk."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import func, insert, select

from webapp import tokens
from webapp.addresses import key
from webapp.domain import names, relationships
from webapp.domain.messages.writing import folded
from webapp.extensions import db
from webapp.models.member import EmailAddress, Member
from webapp.models.message import Conversation, Message, Participant
from webapp.models.post import Post
from webapp.models.relationship import Relationship

CHUNK = 5000


@dataclass(frozen=True)
class Newcomer:
    """Somebody to be made: the fields of a profile, the address, and whether they can be found by it."""

    name: str
    address: str
    headline: str = ""
    organisation: str = ""
    title: str = ""
    field: str = ""
    place: str = ""
    cohort: str = ""
    about: str = ""
    findable: str = "everyone"
    mentors: bool = False


def members(
    people: Sequence[Newcomer],
    password_hash: str,
    joined: datetime,
    said: Callable[[int], None] = lambda _n: None,
    choose: Callable[[str], str] = secrets.choice,
) -> list[int]:
    """Make members with a proven address each, all with the same password; return their ids in the given order.

    `choose` picks the letters of their handles.
    """
    handles = _handles(people, choose)
    for start in range(0, len(people), CHUNK):
        chunk = zip(people[start : start + CHUNK], handles[start : start + CHUNK], strict=True)
        db.session.execute(insert(Member), [_member(person, handle, password_hash, joined) for person, handle in chunk])
        said(min(start + CHUNK, len(people)))
    ids = list(db.session.scalars(select(Member.id).order_by(Member.id.desc()).limit(len(people))))[::-1]
    for start in range(0, len(people), CHUNK):
        rows = [
            {
                "member_id": member_id,
                "address": person.address,
                "lookup": tokens.keyed_hash(key(person.address)),
                "verified_at": joined,
                "is_primary": True,
                "created_at": joined,
            }
            for member_id, person in zip(ids[start : start + CHUNK], people[start : start + CHUNK], strict=True)
        ]
        db.session.execute(insert(EmailAddress), rows)
    return ids


def _handles(people: Sequence[Newcomer], choose: Callable[[str], str]) -> list[str]:
    """Return a handle for each: among 100,000 people with as many names as there are, some would be given the same one."""
    taken: dict[str, None] = {}
    for person in people:
        handle = names.new_handle(person.name, choose)
        while handle in taken:
            handle = names.new_handle(person.name, choose)
        taken[handle] = None
    return list(taken)


def _member(person: Newcomer, handle: str, password_hash: str, joined: datetime) -> dict[str, Any]:
    row = Member(
        name=person.name,
        handle=handle,
        headline=person.headline,
        organisation=person.organisation,
        title=person.title,
        field=person.field,
        place=person.place,
        cohort=person.cohort,
        about=person.about,
        mentors=person.mentors,
    )
    names.refresh(row)
    wanted = (
        "name",
        "handle",
        "headline",
        "organisation",
        "title",
        "field",
        "place",
        "cohort",
        "about",
        "mentors",
        "name_key",
        "sort_key",
        "likeness",
        "search_text",
    )
    fixed = {
        "password_hash": password_hash,
        "sort_as": "",
        "tags": [],
        "links": [],
        "findable": person.findable,
        "created_at": joined,
        "verified_at": joined,
    }
    return {name: getattr(row, name) for name in wanted} | fixed


def posts(authors: Sequence[int], texts: Sequence[str], begun: datetime, ended: datetime) -> None:
    """Let these have shared something, one after the other, evenly over a time; with `texts` in turn."""
    step = (ended - begun) / max(1, len(authors))
    fixed = {"kind": "post", "audience": "connections"}
    for start in range(0, len(authors), CHUNK):
        rows = [
            fixed
            | {
                "key": f"seed-{number}",
                "author_id": author_id,
                "body": texts[number % len(texts)],
                "created_at": begun + step * number,
            }
            for number, author_id in enumerate(authors[start : start + CHUNK], start)
        ]
        db.session.execute(insert(Post), rows)


def connections(
    pairs: Iterable[tuple[int, int]],
    since: Callable[[tuple[int, int]], datetime],
    said: Callable[[int], None] = lambda _n: None,
) -> int:
    """Connect the pairs (low id, high id), and build the counters and blobs that follow; return how many."""
    found = iter(pairs)
    made = 0
    while chunk := list(islice(found, CHUNK * 4)):
        rows = [
            {"low_id": low, "high_id": high, "state": "connected", "since": since((low, high))} for low, high in chunk
        ]
        db.session.execute(insert(Relationship), rows)
        made += len(rows)
        said(made)
    relationships.rebuild()
    return made


@dataclass(frozen=True)
class Talk:
    """A conversation of two to be made: they write in turns, the first one first, and the last text was read or not."""

    key: str
    pair: tuple[int, int]
    texts: Sequence[str]
    is_read: bool


def conversations(talks: Sequence[Talk], begin: datetime) -> None:
    """Make conversations with as many messages each. The first messages of all of them are the oldest, and so on."""
    before = db.session.scalar(select(func.max(Conversation.id))) or 0
    _insert(
        Conversation,
        [
            {"key": each.key, "kind": "pair", "low_id": min(each.pair), "high_id": max(each.pair)}
            | {"started_by_id": each.pair[0], "created_at": begin}
            for each in talks
        ],
    )
    by_key = {
        row.key: row.id
        for row in db.session.execute(select(Conversation.key, Conversation.id).where(Conversation.id > before))
    }
    rows = []
    for turn in range(max((len(each.texts) for each in talks), default=0)):
        at = begin + timedelta(hours=turn)
        rows += [
            {"key": f"{each.key}{turn}", "conversation_id": by_key[each.key], "author_id": each.pair[turn % 2]}
            | {"body": each.texts[turn], "folded": folded(each.texts[turn]), "sent_at": at, "changed_at": at}
            for each in talks
            if turn < len(each.texts)
        ]
    _insert(Message, rows)
    written: dict[int, dict[int | None, int]] = {}
    latest = select(Message.conversation_id, Message.author_id, func.max(Message.id)).where(
        Message.conversation_id > before
    )
    for conversation_id, author_id, last in db.session.execute(
        latest.group_by(Message.conversation_id, Message.author_id)
    ):
        written.setdefault(conversation_id, {})[author_id] = last
    _insert(
        Participant, [_participant(by_key[each.key], member, each, written) for each in talks for member in each.pair]
    )


def _participant(
    conversation_id: int, member_id: int, talk: Talk, written: dict[int, dict[int | None, int]]
) -> dict[str, int]:
    """Return how far somebody has read: to the end, or to what they wrote themselves."""
    own = written[conversation_id].get(member_id, 0)
    last = max(written[conversation_id].values())
    read = last if talk.is_read else own
    return {"conversation_id": conversation_id, "member_id": member_id, "last_id": last, "read_id": read}


def _insert(table: type, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), CHUNK):
        db.session.execute(insert(table), rows[start : start + CHUNK])
