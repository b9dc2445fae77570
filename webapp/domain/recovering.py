"""Recovering: "This wasn't me". By the link in a notice a member takes an account back from whoever changed it.

Undone is the change and everything that came after it, because whoever made the one may have made the others, too. An older address has
the last word over a newer one: it was told of the newer one, and the newer one was never told of it.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select, update

from webapp import clock
from webapp.domain import accounts, leaving, notices, second_steps, tickets
from webapp.domain.errors import N_, Refused
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.member import AppPassword, EmailAddress, LogIn, Member
from webapp.models.notice import Notice

TAKEN = N_("%(address)s belongs to another account now, so this can't be undone. Ask for a new password instead.")


def undo(token: str) -> tuple[str, str | None]:
    """Put the account back as it was before a change: its addresses, and who can get in, which is nobody until a new password is set.

    What could sign somebody in and was added in the week before goes, too: accounts elsewhere, passkeys, authenticator apps.

    Return the primary address, and the token to set a new password with where it was that address that was told; to any other primary
    address the link is mailed. Refused for a link that is used or too old, or where an address is somebody else's by now.
    """
    ticket = tickets.take(notices.UNDO, token)
    notice = None if ticket is None else notices.one(int(ticket.payload["notice"]))
    if notice is None:
        raise Refused(accounts.GONE)
    member = db.session.scalars(select(Member).where(Member.id == notice.member_id).with_for_update()).one()
    leaving.stay(member)
    told, since = notice.told, notice.at
    for change in notices.since(notice):
        _take_back(member, change)
    _forget_unproven(member)
    lately = since - timedelta(days=notices.DAYS)  # they may have begun with another way in, before what was told of
    db.session.execute(delete(LogIn).where(LogIn.member_id == member.id, LogIn.created_at >= lately))
    second_steps.forget_since(member, lately)
    db.session.execute(delete(AppPassword).where(AppPassword.member_id == member.id))
    db.session.execute(delete(Notice).where(Notice.member_id == member.id, Notice.at >= since))
    accounts.end_other_sign_ins(member)
    member.password_hash = ""
    for purpose in ("reset", "confirm", tickets.SECOND_STEP):
        tickets.end(purpose, member)
    db.session.flush()
    primary = accounts.primary_address(member)
    if primary == told:
        return primary, tickets.issue("reset", minutes=accounts.RESET_MINUTES, member=member, only=True)
    outbox.put("reset", to=member)
    return primary, None


def _take_back(member: Member, change: Notice) -> None:
    """Take one change back. Several tell of the same one; twice is once."""
    if change.change == "added":
        db.session.execute(delete(EmailAddress).where(_is(member, change.address)))
    elif change.change == "removed":
        _bring_back(member, change.address)
    elif change.change == "primary":
        db.session.execute(update(EmailAddress).where(EmailAddress.member_id == member.id).values(is_primary=False))
        db.session.execute(update(EmailAddress).where(_is(member, change.primary)).values(is_primary=True))


def _bring_back(member: Member, address: str) -> None:
    lookup = accounts.lookup_of(address)
    owner = accounts.by_lookup(lookup)
    if owner is not None and owner.id != member.id:
        raise Refused(TAKEN, address=address)
    row = db.session.scalar(select(EmailAddress).where(_is(member, address)))
    if row is None:
        now = clock.now()
        row = EmailAddress(member_id=member.id, address=address, lookup=lookup, is_primary=False, created_at=now)
        db.session.add(row)
    if row.verified_at is None:
        accounts.verify(row, tell=False)


def _forget_unproven(member: Member) -> None:
    """Forget the addresses that were named and never proven: nobody knows by whom."""
    waiting = EmailAddress.verified_at.is_(None) & ~EmailAddress.is_primary
    db.session.execute(delete(EmailAddress).where(EmailAddress.member_id == member.id, waiting))


def _is(member: Member, address: str) -> ColumnElement[bool]:
    return (EmailAddress.member_id == member.id) & (EmailAddress.lookup == accounts.lookup_of(address))
