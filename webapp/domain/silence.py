"""Silence: whom operators let invite nobody for a time. What has not left waits until it is over, and is the member's to take back."""

from datetime import datetime

from sqlalchemy import select

from webapp import clock
from webapp.domain.errors import N_, Refused
from webapp.extensions import db
from webapp.models.act import Act
from webapp.models.member import Member

FOR_NOW_DAYS = 36_500
"""How long a silence lasts that operators have to lift: longer than anybody waits."""
UNTIL = N_("You can't invite anybody until %(date)s. Whoever runs this community wrote why: %(reason)s")
LIFTED = N_("You can't invite anybody until operators lift that. Whoever runs this community wrote why: %(reason)s")
OVER_DAYS = FOR_NOW_DAYS // 2


def ends(member: Member) -> datetime | None:
    """Return until when a member may invite nobody; None for who may."""
    until = member.silenced_until
    return until if until is not None and until > clock.now() else None


def is_open_ended(until: datetime) -> bool:
    """Whether this is no end, but waits for operators."""
    return (until - clock.now()).days > OVER_DAYS


def check(member: Member) -> None:
    """Raise Refused, with the end and the reason, for who may invite nobody."""
    until = ends(member)
    if until is None:
        return
    last = select(Act.reason).where(Act.member_id == member.id, Act.kind == "silenced").order_by(Act.number.desc())
    reason = db.session.scalar(last.limit(1)) or ""
    if is_open_ended(until):
        raise Refused(LIFTED, reason=reason)
    raise Refused(UNTIL, date=until, reason=reason)
