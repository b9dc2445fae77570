"""Notifications: what a member is told inside Kith, once the undo of its cause has passed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_, update

from webapp import clock
from webapp.domain import relationships
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.member import Member, visible
from webapp.models.notification import Notification


def of(viewer: Member) -> Any:
    """Return what the viewer is told, with who caused it; the newest first. Nobody who cannot be seen appears."""
    return (
        select(
            Notification.id,
            Notification.kind,
            Notification.visible_from,
            Notification.read_at,
            Notification.actor_id,
            Member.handle,
            Member.name,
            Member.headline,
            Member.photo,
        )
        .join(Member, Member.id == Notification.actor_id)
        .where(
            Notification.member_id == viewer.id,
            Notification.shown,
            Notification.visible_from <= clock.now(),
            visible(),
            ~relationships.blocked_between(viewer, Member.id),
        )
        .order_by(Notification.visible_from.desc(), Notification.id.desc())
    )


def after(found: Any, visible_from: datetime, notification_id: int) -> Any:
    """Return what follows one row of the list."""
    return found.where(tuple_(Notification.visible_from, Notification.id) < (visible_from, notification_id))


def unread(viewer: Member) -> int:
    """Return how many the viewer has not read."""
    new = of(viewer).where(Notification.read_at.is_(None)).order_by(None)
    return db.session.scalar(new.with_only_columns(func.count(), maintain_column_froms=True)) or 0


def read(viewer: Member, ids: Sequence[int]) -> None:
    """Mark these as read, of those the viewer can see."""
    given = values_of(list(ids))
    _mark(viewer, Notification.id.in_(select(given.c.value)))


def read_all(viewer: Member) -> None:
    """Mark everything the viewer can see as read."""
    _mark(viewer)


def _mark(viewer: Member, *which: Any) -> None:
    now = clock.now()
    db.session.execute(
        update(Notification)
        .where(
            Notification.member_id == viewer.id,
            Notification.read_at.is_(None),
            Notification.visible_from <= now,
            *which,
        )
        .values(read_at=now)
        .execution_options(synchronize_session=False)
    )
