"""The lists of invitations a member sees: received, sent, guests, ignored; and how many are in each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from webapp.domain import connections, guests, relationships
from webapp.domain.connections import GONE, recently
from webapp.domain.errors import NotFound, Refused
from webapp.domain.relationships import Status
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.built import built_once, for_any_viewer, rows, words_of
from webapp.models.invitation import Batch, GuestInvitation
from webapp.models.member import IN_LISTS, AnyViewer, Member, visible

LISTS: dict[str, tuple[Status, ...]] = {
    "received": ("received",),
    "sent": ("held", "queued", "invited"),
    "ignored": ("ignored",),
}


@for_any_viewer
def of(viewer: Member | type[AnyViewer], name: str) -> Any:
    """Return one list of members, the latest first, with how the viewer stands with each."""
    seen = relationships.as_seen_by(viewer, *LISTS[name])
    at = func.coalesce(seen.c.leaves_at, seen.c.since).label("at")
    return (
        select(*IN_LISTS, seen, at)
        .join(seen, seen.c.other_id == Member.id)
        .where(visible())
        .order_by(at.desc(), Member.id.desc())
    )


def after(found: Any, at: Any, member_id: int) -> Any:
    """Return what follows one row of such a list."""
    column = found.selected_columns.at
    return found.where((column < at) | ((column == at) & (Member.id < member_id)))


def among(viewer: Member, name: str, handles: Sequence[str]) -> list[int]:
    """Return the ids of those of these who stand in one of the viewer's lists. Whoever does not is left out; nobody learns why."""
    given = values_of([*handles, ""], "handles")
    return list(
        db.session.scalars(
            of(viewer, name).where(Member.handle.in_(select(given.c.value))).with_only_columns(Member.id)
        )
    )


def undo_answers(viewer: Member, until: datetime) -> int:
    """Take back all answers that were given in one press; return how many. Refused once the time has passed."""
    given = [row for row in recently(viewer, "connected", "ignored") if row.undo_until == until]
    if not given:
        raise Refused(GONE)
    accepted, ignored = ([row.id for row in given if row.state == state] for state in ("connected", "ignored"))
    return relationships.undo_accept(viewer, accepted) + relationships.undo_ignore(viewer, ignored)


def counts(viewer: Member) -> dict[str, int]:
    """Return how many are in each list: exactly the rows it shows; how many of the received are cards; and how many connections there are.

    One statement.
    """
    [row] = rows(_counts(), {"viewer": viewer.id})
    found = {name: getattr(row, name) for name in ("sent", "guests", "ignored", "cards", "connections")}
    return found | {"received": row.received + row.cards}


@built_once
def _counts() -> Any:
    viewer = AnyViewer
    statuses = [status for group in LISTS.values() for status in group]
    seen = relationships.as_seen_by(viewer, *statuses)
    mine = select(func.count()).select_from(GuestInvitation).where(GuestInvitation.inviter_id == viewer.id)
    return (
        select(
            *(func.count().filter(seen.c.status.in_(words_of(*group))).label(name) for name, group in LISTS.items()),
            guests.cards(viewer).order_by(None).with_only_columns(func.count()).scalar_subquery().label("cards"),
            mine.scalar_subquery().label("guests"),
            connections.number_of(viewer).label("connections"),
        )
        .select_from(seen)
        .join(Member, Member.id == seen.c.other_id)
        .where(visible())
    )


def undo(viewer: Member, key: str) -> int:
    """Take back what has not left of one press of a sending button, to members or to guests; return how many.

    Refused when everything has left, NotFound for anybody else's.
    """
    batch = db.session.scalars(select(Batch).where(Batch.key == key, Batch.member_id == viewer.id)).one_or_none()
    if batch is None:
        raise NotFound
    to_guests = db.session.scalar(select(func.count()).where(GuestInvitation.batch_id == batch.id))
    return guests.undo(viewer, batch) if to_guests else relationships.undo(viewer, batch=batch)


def undoable(viewer: Member, keys: Sequence[str]) -> set[str]:
    """Return which of the viewer's presses of a sending button can still be taken back, by their keys. One statement."""
    seen = relationships.as_seen_by(viewer, "held", "queued")
    mine = select(Batch.key).where(Batch.member_id == viewer.id, Batch.key.in_(keys))
    to_members = mine.join(seen, seen.c.batch_id == Batch.id)
    to_guests = mine.join(GuestInvitation, GuestInvitation.batch_id == Batch.id).where(
        GuestInvitation.state.in_(("held", "queued"))
    )
    return set(db.session.scalars(to_members.union(to_guests)))
