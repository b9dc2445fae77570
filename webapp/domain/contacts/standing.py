"""How a member stands with the members in their address book, in the few words the contacts screens need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from webapp.domain import connections, relationships
from webapp.models.member import Member

Word = Literal["none", "asked", "ignored", "removed", "later", "connected", "invited", "blocked"]


@dataclass(frozen=True)
class Standing:
    """One of the words. `asked`: they asked first; `removed`: the viewer ended the connection; `later`: not to be asked before `again_from`."""

    word: Word = "none"
    again_from: datetime | None = None

    @property
    def counted(self) -> str:
        """Under what the sum counts them instead of showing them; empty for those who are shown."""
        return self.word if self.word in {"connected", "invited", "blocked"} else ""

    @property
    def has_box(self) -> bool:
        """Whether they can be chosen."""
        return not self.counted and self.word != "later"

    @property
    def starts_ticked(self) -> bool:
        """Whether they are chosen until the member says otherwise."""
        return self.word in {"none", "asked"}


def of(viewer: Member, ids: Sequence[int]) -> dict[int, Standing]:
    """Return how the viewer stands with each of these members; who must look like a stranger is left out."""
    allowed = relationships.may_ask(viewer, ids)
    stands = relationships.RELS
    return {i: Standing(*stands.get((viewer.id, i), ())) for i in ids if i in allowed}


def mutual(viewer: Member, ids: Sequence[int]) -> dict[int, int]:
    """Return how many connections the viewer shares with each of these members."""
    return {i: b.mutual for i, b in connections.badges(viewer, ids).items()}


def near(viewer: Member, ids: Sequence[int]) -> set[int]:
    """Return those of these members who are connected with the viewer or share a connection."""
    return {i for i, b in connections.badges(viewer, ids).items() if b.degree or b.mutual}
