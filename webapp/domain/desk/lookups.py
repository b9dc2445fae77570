"""Who has how much compared: a sign of somebody who maps the membership. Numbers; of whom they looked for, nothing is kept."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from webapp import clock
from webapp.config import setting
from webapp.models.ledger import LookupCharge
from webapp.models.member import Member

SHOWN = 20
MUCH = 0.5
"""From this share of what is allowed on, a member is marked."""


def heaviest() -> Any:
    """Return the members who had most addresses compared within LOOKUP_DAYS, with how many, in how many readings, and when last."""
    since = clock.now() - timedelta(days=setting("LOOKUP_DAYS"))
    used = (
        select(
            LookupCharge.member_id,
            func.sum(LookupCharge.addresses).label("used"),
            func.count().label("times"),
            func.max(LookupCharge.at).label("last"),
        )
        .where(LookupCharge.at > since)
        .group_by(LookupCharge.member_id)
        .order_by(func.sum(LookupCharge.addresses).desc(), LookupCharge.member_id)
        .limit(SHOWN)
        .subquery()
    )
    return (
        select(Member, used.c.used, used.c.times, used.c.last)
        .join(used, used.c.member_id == Member.id)
        .order_by(used.c.used.desc(), Member.id)
    )
