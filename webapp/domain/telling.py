"""Telling: what a member is told, put down in the transaction of its cause and taken back with it.

A notification, and the mail of the same kind where `mail/catalog.py` has one; whether that mail leaves is the recipient's choice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Text, bindparam, case, delete, insert, select

from webapp import clock
from webapp.domain import events
from webapp.extensions import db
from webapp.mail import outbox
from webapp.mail.catalog import KINDS
from webapp.models.base import NOW, Moment, to_ms
from webapp.models.batch import values_of
from webapp.models.built import Change, built_once, rows_given, write
from webapp.models.notification import Notification

Pairs = Sequence[tuple[int, int]]
"""(the id of who is told, the id of who caused it)"""
_TABLE: Any = Notification.__table__


@dataclass(frozen=True)
class Telling:
    """Who is told, by the id, who caused it, what kind of thing it is, one of `events.KINDS`, and from when on it exists for them."""

    to: int
    by: int
    kind: str
    at: datetime


def tell(kind: str, pairs: Pairs, *, about: str = "", at: datetime | None = None, mail: str | None = None) -> None:
    """Tell each of these members, as far as they want to hear of it; from `at` on (now, unless given) it exists for them.

    `kind` is one of `events.KINDS`. Its mail may leave from then on, too. Two statements, however many are told.

    `about` is the key of what it concerns (a post, a conversation), by which it is grouped, linked and taken back; its mail knows it, too.
    `mail` is the kind of mail where it has another name; "" for none.
    """
    at = at or clock.now()
    write(to_tell([Telling(to, by, kind, at) for to, by in pairs], about=about, mail=mail))


def to_tell(tellings: Sequence[Telling], *, about: str = "", mail: str | None = None) -> list[Change]:
    """Return the same of several kinds as what is to be written for it, together with other changes."""
    if not tellings:
        return []
    told = [
        {"to": each.to, "by": each.by, "kind": each.kind, "event": events.of_kind(each.kind).name, "at": to_ms(each.at)}
        for each in tellings
    ]
    mailed = [row | {"kind": row["kind"] if mail is None else mail} for row in told]
    mails = [row for row in mailed if row["kind"] in KINDS]
    return [
        (_notify(), {"told": told, "told_about": about}),
        *outbox.to_put(mails, facts={"about": about} if about else {}),
    ]


@built_once
def _notify() -> Any:
    columns = {"to": Integer(), "by": Integer(), "kind": Text(), "event": Text(), "at": Moment()}
    given = rows_given(columns, "told")
    wanted = events.is_shown(given.c.event, given.c.to)
    row: dict[str, Any] = {
        "member_id": given.c.to,
        "actor_id": given.c.by,
        "kind": given.c.kind,
        "about": bindparam("told_about", type_=Text()),
        "created_at": NOW,
        "visible_from": given.c.at,
        "shown": wanted,
        "read_at": case((wanted, None), else_=given.c.at),
    }
    return insert(_TABLE).from_select(list(row), select(*row.values()))


def retract(kind: str, pairs: Pairs, *, about: str = "", mail: str | None = None) -> None:
    """Take back what these were told: the notification, and the mail that has not left."""
    write(to_retract([(kind, to, by) for to, by in pairs], about=about, mail=mail))


def to_retract(told: Sequence[tuple[str, int, int]], *, about: str = "", mail: str | None = None) -> list[Change]:
    """Return the same of several kinds (kind, who was told, who caused it) as what is to be written for it, together with other changes."""
    if not told:
        return []
    rows = [{"kind": kind, "to": to, "by": by} for kind, to, by in told]
    return [
        (_retract(), {"retracted": rows, "retracted_about": about}),
        *outbox.to_retract([(kind if mail is None else mail, to, by) for kind, to, by in told]),
    ]


@built_once
def _retract() -> Any:
    given = rows_given({"kind": Text(), "to": Integer(), "by": Integer()}, "retracted")
    row = _TABLE.c
    meant = (
        select(row.id)
        .join(given, (given.c.kind == row.kind) & (given.c.to == row.member_id) & (given.c.by == row.actor_id))
        .where(row.about == bindparam("retracted_about", type_=Text()))
    )
    return delete(_TABLE).where(row.id.in_(meant))


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
