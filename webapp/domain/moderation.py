"""Moderation: what members do to be left alone."""

from sqlalchemy import Select, select

from webapp.domain import guests, relationships
from webapp.domain.errors import NotFound
from webapp.extensions import db
from webapp.models.member import Member


def block(viewer: Member, other: Member) -> None:
    """Make the two unknown to each other: connection and invitations end. Nobody is told; only the viewer can lift it."""
    relationships.block(viewer, other)
    guests.part(viewer, other)


def unblock(viewer: Member, handle: str) -> Member:
    """Lift the viewer's own block of who has this handle, and return them; it restores nothing. NotFound where there is none."""
    other = db.session.scalar(_blocked(viewer).where(Member.handle == handle))
    if other is None:
        raise NotFound
    relationships.unblock(viewer, other)
    return other


def blocked(viewer: Member) -> Select[Member]:
    """Return whom the viewer blocks, by name; also who could not be seen anyway, so that the list tells nothing about them."""
    return _blocked(viewer).order_by(Member.name_key, Member.id)


def _blocked(viewer: Member) -> Select[Member]:
    seen = relationships.as_seen_by(viewer, "blocked")
    return select(Member).join(seen, seen.c.other_id == Member.id)
