"""Announcing: what a feed says of itself about two members, put down in the transaction of its cause and taken back with it.

What members write themselves, and who may see any of it, is in `feed`.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Integer, delete, insert, select
from sqlalchemy.orm import aliased

from webapp import clock, tokens
from webapp.extensions import db
from webapp.models.batch import rows_of
from webapp.models.member import Member
from webapp.models.post import Post

NEW = timedelta(minutes=1)
"""A connection older than this that comes back (its removal was undone) is no news."""


def connected(pairs: Mapping[tuple[int, int], datetime]) -> None:
    """Announce new connections, where both allow it and neither hides: a row for each of the two, under their own name."""
    now = clock.now()
    fresh = [{"low": low, "high": high} for (low, high), since in pairs.items() if since > now - NEW]
    if not fresh:
        return
    given = rows_of(fresh, {"low": Integer(), "high": Integer()})
    low, high = aliased(Member), aliased(Member)
    allowed = db.session.execute(
        select(given.c.low, given.c.high)
        .join(low, (low.id == given.c.low) & low.announces_connections & ~low.unlisted)
        .join(high, (high.id == given.c.high) & high.announces_connections & ~high.unlisted)
    ).all()
    _write("connected", [ends for row in allowed for ends in ((row.low, row.high), (row.high, row.low))])


def parted(pairs: Collection[tuple[int, int]]) -> None:
    """Take back what was announced about these pairs; also who invited whom is nothing to tell any more."""
    if not pairs:
        return
    both = [{"one": one, "other": other} for low, high in pairs for one, other in ((low, high), (high, low))]
    given = rows_of(both, {"one": Integer(), "other": Integer()})
    meant = select(Post.id).join(given, (given.c.one == Post.author_id) & (given.c.other == Post.other_id))
    db.session.execute(delete(Post).where(Post.id.in_(meant)).execution_options(synchronize_session=False))


def joined(newcomer: Member, inviters: Collection[int]) -> None:
    """Tell those who invited somebody, and with whom they connected, that they are here."""
    _write("joined", [(newcomer.id, inviter) for inviter in inviters])


def _write(kind: str, ends: Collection[tuple[int, int]]) -> None:
    if not ends:
        return
    fixed = {"kind": kind, "audience": "connections", "body": "", "created_at": clock.now()}
    rows = [{"key": tokens.new(), "author_id": author, "other_id": other} | fixed for author, other in ends]
    db.session.execute(insert(Post), rows)
