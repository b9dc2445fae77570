"""Reminders: at most one mail a week that says with whom it is time to get in touch, for members who asked for it."""

from datetime import datetime

from sqlalchemy import insert, select

from webapp.domain import cards, events
from webapp.extensions import db
from webapp.jobs import digests
from webapp.models.batch import values_of
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member

KIND = "keep_in_touch"
BATCH = 500


def put_due(now: datetime) -> int:
    """Put the reminders of this week on the table, in the transaction of the caller; return how many.

    That a member was reminded is kept in the same commit, so a crash loses none and doubles none. Whom a mail names is found when it
    leaves; with nobody due any more, it does not.
    """
    _day, week = digests.begun(now)
    put = 0
    while rows := cards.keepers(now, week, BATCH):
        given = values_of([row.member_id for row in rows if row.may_be_due])
        wants = events.is_wanted(events.BY_NAME[KIND], "email", Member.id)
        asked = select(Member.id).where(Member.id.in_(select(given.c.value)), wants, Member.digest != "none")
        ids = list(db.session.scalars(asked.order_by(Member.id)))
        if ids:
            mails = [{"kind": KIND, "to_member_id": each, "created_at": now, "not_before": now} for each in ids]
            db.session.execute(insert(OutgoingMail), mails)
        put += len(ids)
    return put
