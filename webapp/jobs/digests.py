"""Digests: one mail a day or a week with what is new and unread, for members who chose that over single mails."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, text, update

from webapp import config
from webapp.domain import messages, notifications
from webapp.extensions import db
from webapp.models.base import to_ms
from webapp.models.batch import values_of
from webapp.models.mail import OutgoingMail
from webapp.models.member import DIGESTED, Member

BATCH = 500


def put_due(now: datetime) -> int:
    """Put the digests that are due on the table, in the transaction of the caller; return how many.

    Until when a member was told moves on in the same commit, so a crash loses none and doubles none. What a digest says is gathered
    when it leaves; nothing new any more, and it does not.
    """
    put = 0
    while rows := _due(now):
        given = values_of([row.id for row in rows])
        told = update(Member).where(Member.id.in_(select(given.c.value))).values(digested_at=now)
        db.session.execute(told.execution_options(synchronize_session=False))
        mails = [
            {
                "kind": "digest",
                "to_member_id": row.id,
                "facts": {"since": to_ms(row.digested_at), "until": to_ms(now)},
                "created_at": now,
                "not_before": now,
            }
            for row in rows
            if row.is_news
        ]
        if mails:
            db.session.execute(insert(OutgoingMail), mails)
        put += len(mails)
    return put


def begun(now: datetime) -> tuple[datetime, datetime]:
    """Return when this day and this week of digests began: at DIGEST_HOUR, the week on Monday."""
    day = now.replace(hour=config.setting("DIGEST_HOUR"), minute=0, second=0, microsecond=0)
    day -= timedelta(days=day > now)
    return day, day - timedelta(days=day.weekday())


def _due(now: datetime) -> list[Any]:
    """Return a batch of members whose day or week is over, locked, with whether there may be something to tell."""
    day, week = begun(now)
    over = ((Member.digest == "daily") & (Member.digested_at < day)) | (
        (Member.digest == "weekly") & (Member.digested_at < week)
    )
    return list(
        db.session.execute(
            select(
                Member.id,
                Member.digested_at,
                or_(
                    notifications.is_news(Member.id, Member.digested_at, now),
                    messages.is_waiting(Member.id, Member.digested_at, now),
                ).label("is_news"),
            )
            .where(text(DIGESTED), over)
            .order_by(Member.digested_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    )
