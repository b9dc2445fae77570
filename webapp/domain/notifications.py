"""Notifications: what a member is told inside Kith, once the undo of its cause has passed.

Those of one kind about one thing make one line for each day (UTC), where `events.Told.gathered` says so: "Ana and 36 others accepted your
invitation". A line stands where its newest notification does, is unread while any of them is, and the number in the navigation
counts lines, because lines are what a member sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, and_, case, delete, func, or_, select, tuple_, type_coerce, update
from sqlalchemy.orm import aliased

from webapp import clock
from webapp.config import setting
from webapp.domain import events, relationships
from webapp.domain.errors import NotFound
from webapp.extensions import db
from webapp.models.base import NOW, from_ms, to_ms
from webapp.models.batch import values_of
from webapp.models.built import built_once, for_any_viewer, rows, values_given
from webapp.models.member import AnyViewer, Member, visible
from webapp.models.notification import Notification

COUNTED = 100
"""So many unread lines are counted; a page says "99+" then."""
FACES = 3
NEWS = 500
"""So many notifications one digest looks at."""
DAY_MS = 24 * 60 * 60 * 1000
LAST_DAY = 100_000


@dataclass(frozen=True)
class Line:
    """One line of the list: its newest notification, up to three of the people, how many others there are, and whether any is unread."""

    row: Any
    faces: Sequence[Any]
    others: int
    is_new: bool

    @property
    def day(self) -> int:
        """The day it gathers, counted from 1970."""
        return _day_of(self.row.visible_from)


@dataclass(frozen=True)
class News:
    """One line of a digest."""

    sentence: str
    name: str
    others: int


def of(viewer: Member | type[AnyViewer]) -> Any:
    """Return what the viewer is told, with who caused it; the newest first. Nobody who cannot be seen appears."""
    return (
        select(
            Notification.id,
            Notification.kind,
            Notification.about,
            Notification.visible_from,
            Notification.read_at,
            Notification.actor_id,
            Member.handle,
            Member.name,
            Member.headline,
            Member.photo,
        )
        .join(Member, Member.id == Notification.actor_id)
        .where(_is_told(viewer, Notification, Member))
        .order_by(Notification.visible_from.desc(), Notification.id.desc())
    )


@for_any_viewer
def lines(viewer: Member | type[AnyViewer]) -> Any:
    """Return the newest notification of every line. Found by key: a page ends where it is full, however many there are."""
    return of(viewer).where(Notification.kind.not_in(events.GATHERED) | ~_newer(viewer).exists())


def people(viewer: Member, kind: str, about: str, day: int) -> Any:
    """Return the newest notification of each of the people of one line."""
    if kind not in events.GATHERED or not 0 <= day < LAST_DAY:
        raise NotFound
    begins = from_ms(day * DAY_MS)
    return of(viewer).where(
        Notification.kind == kind,
        Notification.about == about,
        Notification.visible_from >= begins,
        Notification.visible_from < begins + timedelta(days=1),
        ~_newer(viewer, lambda newer: newer.actor_id == Notification.actor_id).exists(),
    )


def after(found: Any, visible_from: datetime, notification_id: int) -> Any:
    """Return what follows one row of the list."""
    return found.where(tuple_(Notification.visible_from, Notification.id) < (visible_from, notification_id))


def gather(viewer: Member, rows: Sequence[Any]) -> list[Line]:
    """Return the lines that these rows of `lines` stand for, with their people. One statement."""
    found = _people_of(viewer, rows)
    made = []
    for row in rows:
        faces = found.get(row.id) or [row]
        count, is_new = (faces[0].people, not faces[0].all_read) if row.id in found else (1, row.read_at is None)
        made.append(Line(row, faces, count - 1, is_new))
    return made


def unread(viewer: Member) -> int:
    """Return how many lines have something the viewer has not read; counted up to COUNTED."""
    return db.session.scalar(select(unread_of(viewer))) or 0


def unread_of(viewer: Member | type[AnyViewer]) -> Any:
    """Return the same as something to select, beside other numbers of a page."""
    alone = case((Notification.kind.in_(events.GATHERED), 0), else_=Notification.id)
    new = (
        of(viewer)
        .where(Notification.read_at.is_(None))
        .order_by(None)
        .with_only_columns(Notification.kind, Notification.about, _day(Notification), alone, maintain_column_froms=True)
        .distinct()
        .limit(COUNTED)
        .subquery()
    )
    return select(func.count()).select_from(new).scalar_subquery()


def read(viewer: Member, ids: Sequence[int]) -> None:
    """Mark the lines that begin with these as read, of those the viewer can see; what came to a line since then stays unread."""
    given, first = values_of(list(ids)), aliased(Notification)
    shown = select(first.id).where(
        first.id.in_(select(given.c.value)),
        first.member_id == viewer.id,
        or_(
            first.id == Notification.id,
            and_(
                first.kind.in_(events.GATHERED),
                first.kind == Notification.kind,
                first.about == Notification.about,
                _day(first) == _day(Notification),
                tuple_(first.visible_from, first.id) > tuple_(Notification.visible_from, Notification.id),
            ),
        ),
    )
    _mark(viewer, shown.exists())


def read_all(viewer: Member) -> None:
    """Mark everything the viewer can see as read."""
    _mark(viewer)


def news(member: Member, since: datetime, until: datetime) -> list[News]:
    """Return what is new and unread in a time, of the events whose mails the member wants; what they chose not to see in Kith, too."""
    chosen = events.chosen(member)
    kinds = [kind for event in events.EVENTS if chosen.get((event.name, "email")) for kind in event.kinds]
    rows = db.session.execute(
        select(Notification.id, Notification.kind, Notification.about, Notification.actor_id, Member.name)
        .join(Member, Member.id == Notification.actor_id)
        .where(
            _is_between(member.id, since, until),
            Notification.kind.in_(kinds),
            visible(),
            ~relationships.blocked_between(member, Member.id),
        )
        .order_by(Notification.visible_from.desc(), Notification.id.desc())
        .limit(NEWS)
    )
    found: dict[tuple[str, str, int], list[Any]] = {}
    for row in rows:
        found.setdefault((row.kind, row.about, 0 if row.kind in events.GATHERED else row.id), []).append(row)
    return [
        News(events.KINDS[kind].sentence, told[0].name, len({row.actor_id for row in told}) - 1)
        for (kind, _about, _alone), told in found.items()
    ]


def is_news(member_id: Any, since: Any, until: datetime) -> Any:
    """The SQL condition that there may be something for a digest; `news` looks closely."""
    kinds = [kind for event in events.EVENTS if event.has_mail for kind in event.kinds]
    return select(Notification.id).where(_is_between(member_id, since, until), Notification.kind.in_(kinds)).exists()


def sweep(now: datetime) -> int:
    """Forget what was read NOTIFICATION_DAYS ago; return how many."""
    old = now - timedelta(days=setting("NOTIFICATION_DAYS"))
    gone = delete(Notification).where(Notification.read_at <= old)
    return int(db.session.execute(gone.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def _is_told(viewer: Member | type[AnyViewer], row: Any, who: Any, member_id: Any = None) -> Any:
    """What the viewer is told; `member_id` says whose it is where that is known from another row, so that SQLite begins there."""
    return and_(
        row.member_id == (viewer.id if member_id is None else member_id),
        row.shown,
        row.visible_from <= NOW,
        visible(who),
        ~relationships.blocked_between(viewer, who.id),
    )


def _is_between(member_id: Any, since: Any, until: datetime) -> Any:
    """Unread, or kept for the digest only, in a time."""
    return and_(
        Notification.member_id == member_id,
        Notification.read_at.is_(None) | ~Notification.shown,
        Notification.visible_from > since,
        Notification.visible_from <= until,
    )


def _newer(viewer: Member | type[AnyViewer], narrower: Any = lambda _newer: True) -> Any:
    """What stands before a notification on its line."""
    newer, by = aliased(Notification), aliased(Member)
    ends = (_day(Notification) + 1) * DAY_MS
    return (
        select(newer.id)
        .join(by, by.id == newer.actor_id)
        .where(
            _is_told(viewer, newer, by),
            newer.kind == Notification.kind,
            newer.about == Notification.about,
            newer.visible_from >= Notification.visible_from,
            type_coerce(newer.visible_from, BigInteger) < ends,
            tuple_(newer.visible_from, newer.id) > tuple_(Notification.visible_from, Notification.id),
            narrower(newer),
        )
        .correlate(Notification)
    )


def _people_of(viewer: Member, newest: Sequence[Any]) -> dict[int, list[Any]]:
    """Return the latest people of each gathered line, each with how many there are and whether everything is read."""
    given = [row.id for row in newest if row.kind in events.GATHERED]
    found = rows(_people(), {"viewer": viewer.id, "given": given})
    return {line: list(group) for line, group in groupby(found, key=lambda row: row.line)}


@built_once
def _people() -> Any:
    viewer = AnyViewer
    given, first = values_given(), aliased(Notification)
    moment = type_coerce(Notification.visible_from, BigInteger)
    each = (
        select(
            first.id.label("line"),
            Notification.actor_id,
            func.max(moment).label("newest"),
            func.min(case((Notification.read_at.is_(None), 0), else_=1)).label("read"),
        )
        .select_from(given)
        .join(first, first.id == given.c.value)
        .join(Notification, (Notification.kind == first.kind) & (Notification.about == first.about))
        .join(Member, Member.id == Notification.actor_id)
        .where(
            _is_told(viewer, Notification, Member, first.member_id),
            first.member_id == viewer.id,
            moment >= _day(first) * DAY_MS,
            Notification.visible_from <= first.visible_from,
            tuple_(Notification.visible_from, Notification.id) <= tuple_(first.visible_from, first.id),
        )
        .group_by(first.id, Notification.actor_id)
        .subquery()
    )
    whole = each.c.line
    ranked = select(
        each,
        func.row_number().over(partition_by=whole, order_by=(each.c.newest.desc(), each.c.actor_id)).label("place"),
        func.count().over(partition_by=whole).label("people"),
        func.min(each.c.read).over(partition_by=whole).label("all_read"),
    ).subquery()
    return (
        select(ranked.c.line, ranked.c.people, ranked.c.all_read, Member.handle, Member.name, Member.photo)
        .join(Member, Member.id == ranked.c.actor_id)
        .where(ranked.c.place <= FACES)
        .order_by(ranked.c.line, ranked.c.place)
    )


def _day(row: Any) -> Any:
    return type_coerce(row.visible_from, BigInteger) // DAY_MS


def _day_of(moment: datetime) -> int:
    return to_ms(moment) // DAY_MS


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
