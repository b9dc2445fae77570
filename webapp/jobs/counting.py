"""What `/metrics` says of the database: how many members, connections and mails there are. Asked at most every KEPT_SECONDS."""

import time

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from webapp import clock
from webapp.extensions import db
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member, visible

KEPT_SECONDS = 30
STATES = ("queued", "claimed", "sent", "uncertain", "failed", "skipped")
Numbers = list[tuple[str, str, dict[str, float]]]


def numbers() -> Numbers:
    """Return the numbers as `metrics.exposition` takes them; of a database that does not answer only that."""
    kept: tuple[float, Numbers] = current_app.extensions.get("kith.numbers", (-KEPT_SECONDS, []))
    if time.monotonic() - kept[0] < KEPT_SECONDS:
        return kept[1]
    try:
        found = [*_now(), ("kith_database_answers", "Whether the database answered.", {"": 1.0})]
    except SQLAlchemyError:
        db.session.rollback()
        return [("kith_database_answers", "Whether the database answered.", {"": 0.0})]
    current_app.extensions["kith.numbers"] = (time.monotonic(), found)
    return found


def _now() -> Numbers:
    members, degrees = db.session.execute(
        select(func.count(Member.id), func.coalesce(func.sum(Member.degree), 0)).where(visible())
    ).one()
    mails = db.session.execute(
        select(OutgoingMail.state, func.count(), func.min(OutgoingMail.not_before)).group_by(OutgoingMail.state)
    ).all()
    by_state = dict.fromkeys(STATES, 0.0) | {state: float(many) for state, many, _since in mails}
    due = next((since for state, _many, since in mails if state == "queued"), None)
    late = max((clock.now() - due).total_seconds(), 0.0) if due else 0.0
    return [
        ("kith_members", "Members who can be seen.", {"": float(members)}),
        ("kith_connections", "Connections between members.", {"": float(degrees) / 2}),
        ("kith_mails", "Mails in the table, by state.", by_state),
        ("kith_mail_oldest_seconds", "For how long the mail that is due longest has been due.", {"": late}),
    ]
