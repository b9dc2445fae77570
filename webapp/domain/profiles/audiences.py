"""Audiences: who sees what a profile says. The one place that decides it; everything else asks here."""

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import select

from webapp.domain import relationships
from webapp.domain.errors import N_, Invalid
from webapp.models.connection import Connection
from webapp.models.member import AnyViewer, Member, visible
from webapp.models.profile import AUDIENCES

Relation = Literal["me", "connection", "member", "stranger"]
"""What a viewer is to the owner of a profile. A stranger is not signed in; whoever is asked or was removed is a member."""

SEES: Mapping[Relation, tuple[str, ...]] = {
    "me": ("me", "connections", "members", "public"),
    "connection": ("connections", "members", "public"),
    "member": ("members", "public"),
    "stranger": ("public",),
}
"""Which audiences each viewer belongs to."""
EVERY_MEMBER = SEES["member"]
"""What the columns of `Member` may hold, which every list, search and mail reads."""
DEFAULT = "members"
WORDS: Mapping[str, str] = {
    "me": N_("Only you"),
    "connections": N_("Connections"),
    "members": N_("Members"),
    "public": N_("Everyone, signed in or not"),
}


def check(audience: str) -> str:
    """Return an audience; Invalid for what is none."""
    if audience not in AUDIENCES:
        raise Invalid(audience=N_("Choose who sees it"))
    return audience


def connected(viewer: Member | type[AnyViewer], owner_id: Any) -> Any:
    """The SQL condition that the owner and the viewer are connected."""
    return select(Connection.since).where(Connection.member_id == owner_id, Connection.other_id == viewer.id).exists()


def may_see(viewer: Member | None, owner_id: Any, audience: Any) -> Any:
    """The SQL condition that the viewer (None: not signed in) belongs to an audience of the owner."""
    if viewer is None:
        return audience.in_(SEES["stranger"])
    near = audience.in_(SEES["connection"]) & connected(viewer, owner_id)
    return audience.in_(EVERY_MEMBER) | near | (owner_id == viewer.id)


def exists_for(viewer: Member | type[AnyViewer] | None) -> Any:
    """The SQL condition that a `Member` exists for the viewer: what they said is as gone as they are."""
    if viewer is None:
        return visible()
    return visible() & ~relationships.blocked_between(viewer, Member.id) | (Member.id == viewer.id)
