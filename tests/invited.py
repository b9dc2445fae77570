"""A guest whom somebody invited by mail, and what their browser shows."""

import re
from email import message_from_bytes
from email.policy import default

from sqlalchemy import select

from tests import factories
from webapp import clock, jobs
from webapp.domain import guests, relationships
from webapp.extensions import db
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member
from webapp.transaction import transaction

GUEST = "grace@out.example"


def invite(*inviters, address=GUEST, note="Do come"):
    for inviter in inviters:
        with transaction():
            invitee = guests.Invitee("Grace Hopper", address, factories.lookup(address))
            source = "your Google contacts"
            guests.invite(db.session.get_one(Member, inviter), [invitee], note=note, source=source)
    clock.move(seconds=61)
    db.session.rollback()
    jobs.run_due()
    db.session.rollback()
    rows = db.session.scalars(select(MailboxMessage).where(MailboxMessage.recipient == address)).all()
    return message_from_bytes(rows[-1].raw, policy=default) if rows else None


def link(mail, what="join"):
    return re.search(rf"/{what}/[\w.-]+(\?not-me=1)?", mail.get_body(("plain",)).get_content())[0]


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def fields(page):
    """The hidden fields and the ticks of a form, without the token."""
    found = re.findall(r'<input[^>]*type="(hidden|checkbox)"[^>]*name="(\w+)"[^>]*value="([^"]*)"([^>]*)', page.text)
    found += re.findall(r'<input[^>]*class="check" type="(checkbox)" name="(\w+)" value="(\d+)"([^>]*)', page.text)
    return {
        "inviter": [
            value for kind, name, value, rest in found if name == "inviter" and (kind == "hidden" or "checked" in rest)
        ]
    }


def connected(one_id, other_id):
    db.session.rollback()
    seen = relationships.as_seen_by(db.session.get_one(Member, one_id), "connected", among=[other_id])
    return bool(db.session.scalar(select(seen.c.status)))


def grace():
    db.session.rollback()
    return db.session.scalars(select(Member).where(Member.name == "Grace Hopper")).one_or_none()
