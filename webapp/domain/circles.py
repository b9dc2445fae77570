"""Circles: whom two members both know, read from the blobs, without those who don't want to be named as the link between others.

Who hides (`Member.unlisted`), or cannot be seen, is taken out before anything is counted, so that no number and no degree tells of them.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, not_, select

from webapp.models.built import built_once, rows, values_given
from webapp.models.connection import Adjacency, Connection
from webapp.models.member import Member, visible


@dataclass(frozen=True)
class Circle:
    """Everybody a member is connected with, and for each of the members asked about those of them they share."""

    mine: set[int]
    shared: dict[int, set[int]]


@dataclass(frozen=True)
class Near:
    """Everybody a member is connected with, and whom those of them who may be named lead to: each as often as one of them does."""

    member_id: int
    mine: set[int]
    further: "array[int]"

    @cached_property
    def second(self) -> set[int]:
        """Return everybody of the second degree."""
        return set(self.further) - self.mine - {self.member_id}

    def mutual(self, ids: Collection[int]) -> Counter[int]:
        """Return how many connections the member shares with each of these, as `of` counts them."""
        return Counter(filter(frozenset(ids).__contains__, self.further))


def listed() -> Any:
    """The SQL condition that a member may be named among the connections of others."""
    return visible() & ~Member.unlisted


def unpack(blob: bytes) -> "array[int]":
    """Return the ids of a blob."""
    ids = array("i")
    ids.frombytes(blob)
    return ids


def blobs(ids: Sequence[int]) -> "dict[int, array[int]]":
    """Return the connections of each of these members, in one statement."""
    return {row.member_id: unpack(row.ids) for row in rows(_blobs(), {"given": list(ids)})}


@built_once
def _blobs() -> Any:
    given = values_given()
    return select(Adjacency.member_id, Adjacency.ids).join(given, given.c.value == Adjacency.member_id)


def of(member_id: int, ids: Sequence[int]) -> Circle:
    """Return whom a member shares with each of these: two statements, and one where nothing is shared.

    Exact also for the best connected: the second statement asks only about those who were found on both sides.
    """
    found = blobs([member_id, *ids])
    mine = set(found.get(member_id, ()))
    shared = {each: mine.intersection(found.get(each, ())) for each in ids}
    hiding = _hiding(set().union(*shared.values()))
    return Circle(mine, {each: both - hiding for each, both in shared.items()} if hiding else shared)


_AROUND = (
    select(Connection.other_id, Adjacency.ids, listed().label("listed"))
    .join(Adjacency, Adjacency.member_id == Connection.other_id)
    .join(Member, Member.id == Connection.other_id)
    .where(Connection.member_id == bindparam("member"))
)


def around(member_id: int) -> Near:
    """Return who is near a member, in one statement."""
    mine, further = set(), array("i")
    for row in rows(_AROUND, {"member": member_id}):
        mine.add(row.other_id)
        if row.listed:
            further.frombytes(row.ids)
    return Near(member_id, mine, further)


def _hiding(ids: Collection[int]) -> set[int]:
    if not ids:
        return set()
    return {row.id for row in rows(_who_hide(), {"given": sorted(ids)})}


@built_once
def _who_hide() -> Any:
    given = values_given()
    return select(Member.id).join(given, given.c.value == Member.id).where(not_(listed()))
