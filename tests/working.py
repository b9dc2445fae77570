"""What the worker does, and what came of it in the mailbox."""

import re
from dataclasses import dataclass

from sqlalchemy import select

from webapp import jobs
from webapp.extensions import db
from webapp.jobs import housekeeping
from webapp.models.mail import MailboxMessage


@dataclass(frozen=True)
class Left:
    """A mail that left: to whom, about what, and all of it as text."""

    to: str
    subject: str
    raw: str


def run(*, tidying=False):
    """Let the worker do what is due; `tidying`: the chores of the day, too, and what they put down."""
    db.session.rollback()
    jobs.run_due()
    if tidying:
        housekeeping.tidy()
        jobs.run_due()
    db.session.rollback()


def mails(about=None):
    """The mails that left, in their order; only those with this subject, if one is given."""
    rows = db.session.scalars(select(MailboxMessage).order_by(MailboxMessage.id))
    found = [Left(row.recipient, row.subject, re.sub(r"=\r\n", "", row.raw.decode())) for row in rows]
    return [mail for mail in found if about in {None, mail.subject}]
