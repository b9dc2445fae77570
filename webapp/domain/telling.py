"""Telling: what a member is told, put down in the transaction of its cause and taken back with it.

A notification, and the mail of the same kind where `mail/catalog.py` has one; whether that mail leaves is the recipient's choice.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, case, delete, insert, literal, select

from webapp import clock
from webapp.domain import events
from webapp.extensions import db
from webapp.mail import outbox
from webapp.mail.catalog import KINDS
from webapp.models.base import Moment
from webapp.models.batch import rows_of, values_of
from webapp.models.notification import Notification

Pairs = Sequence[tuple[int, int]]
"""(the id of who is told, the id of who caused it)"""


def tell(kind: str, pairs: Pairs, *, about: str = "", at: datetime | None = None, mail: str | None = None) -> None:
    """Tell each of these members, as far as they want to hear of it; from `at` on (now, unless given) it exists for them.

    `kind` is one of `events.KINDS`. Its mail may leave from then on, too. Two statements, however many are told.

    `about` is the key of what it concerns (a post, a conversation), by which it is grouped, linked and taken back; its mail knows it, too.
    `mail` is the kind of mail where it has another name; "" for none.
    """
    if not pairs:
        return
    now = clock.now()
    at = at or now
    given = rows_of([{"to": to, "by": by} for to, by in pairs], {"to": Integer(), "by": Integer()})
    wanted = events.is_wanted(events.of_kind(kind), "app", given.c.to)
    row: dict[str, Any] = {
        "member_id": given.c.to,
        "actor_id": given.c.by,
        "kind": literal(kind),
        "about": literal(about),
        "created_at": literal(now, Moment()),
        "visible_from": literal(at, Moment()),
        "shown": wanted,
        "read_at": case((wanted, None), else_=literal(at, Moment())),
    }
    db.session.execute(insert(Notification).from_select(list(row), select(*row.values())))
    mail = kind if mail is None else mail
    if mail in KINDS:
        outbox.put_many(mail, pairs, not_before=at, facts={"about": about} if about else None)


def retract(kind: str, pairs: Pairs, *, about: str = "", mail: str | None = None) -> None:
    """Take back what these were told: the notification, and the mail that has not left."""
    if not pairs:
        return
    given = rows_of([{"to": to, "by": by} for to, by in pairs], {"to": Integer(), "by": Integer()})
    meant = (
        select(Notification.id)
        .join(given, (given.c.to == Notification.member_id) & (given.c.by == Notification.actor_id))
        .where(Notification.kind == kind, Notification.about == about)
    )
    db.session.execute(
        delete(Notification).where(Notification.id.in_(meant)).execution_options(synchronize_session=False)
    )
    outbox.retract(kind if mail is None else mail, pairs)


def has_unread(kind: str) -> Any:
    """Return the ids of those who were told of this kind and have not read it, as something to select from."""
    return select(Notification.member_id).where(Notification.kind == kind, Notification.read_at.is_(None))


def forget(kind: str, about: str) -> None:
    """Take back what anybody was told about something that is gone, and the mails about it that have not left."""
    gone = delete(Notification).where(Notification.kind == kind, Notification.about == about)
    db.session.execute(gone.execution_options(synchronize_session=False))
    if kind in KINDS:
        outbox.retract_about(kind, about)


def forget_all(kinds: Collection[str], keys: Sequence[str]) -> None:
    """Do the same for many things of these kinds. Two statements."""
    about = select(values_of(list(keys)).c.value)
    gone = delete(Notification).where(Notification.kind.in_(kinds), Notification.about.in_(about))
    db.session.execute(gone.execution_options(synchronize_session=False))
    outbox.retract_about_all([kind for kind in kinds if kind in KINDS], keys)
