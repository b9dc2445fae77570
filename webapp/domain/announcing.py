"""Announcing: what a feed says of itself about two members, put down in the transaction of its cause and taken back with it.

What members write themselves, and who may see any of it, is in `feed`.
"""

from collections.abc import Collection, Container, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, delete, insert, select

from webapp import clock, tokens
from webapp.extensions import db
from webapp.models.built import Change, built_once, rows_given
from webapp.models.member import Member
from webapp.models.post import Post

NEW = timedelta(minutes=1)
"""A connection older than this that comes back (its removal was undone) is no news."""


def connected(pairs: Mapping[tuple[int, int], datetime], may: Container[int]) -> None:
    """Announce new connections of two who both may be named: a row for each of the two, under their own name.

    Those may who allow it (`Member.announces_connections`) and don't hide.
    """
    now = clock.now()
    fresh = [ids for ids, since in pairs.items() if since > now - NEW and all(each in may for each in ids)]
    _write("connected", [ends for low, high in fresh for ends in ((low, high), (high, low))])


def to_part(pairs: Collection[tuple[int, int]]) -> list[Change]:
    """Return what is to be written to take back what was announced about these pairs.

    Also who invited whom is nothing to tell any more.
    """
    both = [{"one": one, "other": other} for low, high in pairs for one, other in ((low, high), (high, low))]
    return [(_part(), {"parted": both})] if both else []


@built_once
def _part() -> Any:
    given = rows_given({"one": Integer(), "other": Integer()}, "parted")
    table: Any = Post.__table__
    row = table.c
    meant = select(row.id).join(given, (given.c.one == row.author_id) & (given.c.other == row.other_id))
    return delete(table).where(row.id.in_(meant))


def joined(newcomer: Member, inviters: Collection[int]) -> None:
    """Tell those who invited somebody, and with whom they connected, that they are here."""
    _write("joined", [(newcomer.id, inviter) for inviter in inviters])


def _write(kind: str, ends: Collection[tuple[int, int]]) -> None:
    if not ends:
        return
    fixed = {"kind": kind, "audience": "connections", "body": "", "created_at": clock.now()}
    rows = [{"key": tokens.new(), "author_id": author, "other_id": other} | fixed for author, other in ends]
    db.session.execute(insert(Post), rows)
