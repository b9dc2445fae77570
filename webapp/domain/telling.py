"""Telling: what a member is told, put down in the transaction of its cause and taken back with it.

A notification, and the mail of the same kind where `mail/catalog.py` has one; whether that mail leaves is the recipient's choice.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Integer, delete, insert, select

from webapp import clock
from webapp.extensions import db
from webapp.mail import outbox
from webapp.mail.catalog import KINDS
from webapp.models.batch import rows_of
from webapp.models.notification import Notification

Pairs = Sequence[tuple[int, int]]
"""(the id of who is told, the id of who caused it)"""


def tell(kind: str, pairs: Pairs, *, about: str = "", at: datetime | None = None, mail: str | None = None) -> None:
    """Tell each of these members; from `at` on (now, unless given) it exists for them, and its mail may leave.

    `about` is the key of what it concerns (a post, a conversation), by which it is grouped, linked and taken back. `mail` is the kind
    of mail where it has another name; "" for none.
    """
    if not pairs:
        return
    now = clock.now()
    shown = {"kind": kind, "about": about, "created_at": now, "visible_from": at or now, "read_at": None}
    db.session.execute(insert(Notification), [{"member_id": to, "actor_id": by} | shown for to, by in pairs])
    mail = kind if mail is None else mail
    if mail in KINDS:
        outbox.put_many(mail, pairs, not_before=at or now)


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


def forget(kind: str, about: str) -> None:
    """Take back what anybody was told about something that is gone."""
    gone = delete(Notification).where(Notification.kind == kind, Notification.about == about)
    db.session.execute(gone.execution_options(synchronize_session=False))
