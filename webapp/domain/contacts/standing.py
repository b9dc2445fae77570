"""How a member stands with the members in their address book, in the few words the contacts screens need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from webapp.domain import connections, relationships
from webapp.extensions import db
from webapp.models.member import Member

Word = Literal["none", "received", "ignored", "removed", "withdrawn", "connected", "invited", "blocked"]


@dataclass(frozen=True)
class Standing:
    """One word, and after an own withdrawal the date from which they may be asked again."""

    word: Word = "none"
    again_from: datetime | None = None

    @property
    def counted(self) -> str:
        """Under what the sum counts them instead of showing them; empty for those who are shown."""
        return self.word if self.word in {"connected", "invited", "blocked"} else ""

    @property
    def has_box(self) -> bool:
        """Whether they can be chosen."""
        return not self.counted and self.word != "withdrawn"

    @property
    def starts_ticked(self) -> bool:
        """Whether they are chosen until the member says otherwise."""
        return self.word in {"none", "received"}


def of(viewer: Member, ids: Sequence[int]) -> dict[int, Standing]:
    """Return how the viewer stands with each of these members. Who must look like a stranger is left out.

    That is who blocks the viewer, or may not be asked. Whom the viewer blocks is told, also where they block the viewer, too: else a
    block that vanishes would tell of the other one.
    """
    if not ids:
        return {}
    allowed = relationships.may_ask(viewer, ids, by_address=True)
    seen = relationships.as_seen_by(viewer, among=ids)
    found = {
        row.other_id: _standing(row.status, row.may_ask_from)
        for row in db.session.execute(select(seen.c.other_id, seen.c.status, seen.c.may_ask_from))
    }
    stands = {member_id: found.get(member_id, Standing()) for member_id in ids}
    return {each: stand for each, stand in stands.items() if each in allowed or stand.word == "blocked"}


def _standing(status: str, may_ask_from: datetime | None) -> Standing:
    words: dict[str, Word] = {
        "held": "invited",
        "queued": "invited",
        "invited": "invited",
        "received": "received",
        "ignored": "ignored",
        "connected": "connected",
        "removed": "removed",
        "blocked": "blocked",
    }
    if status == "withdrawn":
        return Standing("withdrawn", may_ask_from)
    return Standing(words.get(status, "none"))


def mutual(viewer: Member, ids: Sequence[int]) -> dict[int, int]:
    """Return how many connections the viewer shares with each of these members."""
    return {member_id: badge.mutual for member_id, badge in _badges(viewer, ids).items()}


def near(viewer: Member, ids: Sequence[int]) -> set[int]:
    """Return those of these members who are connected with the viewer, or share a connection."""
    return {member_id for member_id, badge in _badges(viewer, ids).items() if badge.degree or badge.mutual}


def _badges(viewer: Member, ids: Sequence[int]) -> dict[int, connections.Badge]:
    return connections.badges(viewer, ids) if ids else {}
