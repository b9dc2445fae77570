"""Notifications: what a member is told inside Kith, once the undo of its cause has passed."""

from sqlalchemy import Select, func, select, update

from webapp import clock
from webapp.extensions import db
from webapp.models.member import Member, visible
from webapp.models.notification import Notification


def of(viewer: Member) -> Select[Notification, Member]:
    """Return what the viewer is told, with who caused it; the newest first. Nobody who cannot be seen appears."""
    return (
        select(Notification, Member)
        .join(Member, Member.id == Notification.actor_id)
        .where(Notification.member_id == viewer.id, Notification.visible_from <= clock.now(), visible())
        .order_by(Notification.visible_from.desc(), Notification.id.desc())
    )


def unread(viewer: Member) -> int:
    """Return how many the viewer has not read."""
    new = of(viewer).where(Notification.read_at.is_(None)).order_by(None).with_only_columns(func.count())
    return db.session.scalar(new) or 0


def read_all(viewer: Member) -> None:
    """Mark everything the viewer can see as read."""
    now = clock.now()
    db.session.execute(
        update(Notification)
        .where(Notification.member_id == viewer.id, Notification.read_at.is_(None), Notification.visible_from <= now)
        .values(read_at=now)
    )
