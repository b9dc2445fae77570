"""What is held about an address: asked for by anybody, answered by a mail to that address, so only its owner ever sees it.

Whether the address belongs to a member, was invited or wants no mail, asking does and shows the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from webapp import clock, config, tokens
from webapp.domain import accounts, guests, roster, throttles, tickets
from webapp.domain.errors import N_, NotFound
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.invitation import GuestAddress, GuestInvitation, Inquiry
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Member

MAIL = "about_me"
LINK = "about"
"""The purpose of the ticket in that mail."""
HOURS = 24
OFTEN = N_("You asked very often. Try again in %(minutes)s minutes.")


@dataclass(frozen=True)
class Held:
    """Everything held about one address: invitations (row, inviter's name), what is remembered of it, and whose account it belongs to."""

    lookup: str
    invitations: tuple[tuple[GuestInvitation, str], ...]
    address: GuestAddress | None
    rests_until: datetime | None
    is_member: bool
    claimed_at: tuple[datetime, ...]
    """When somebody joined with it, or added it to an account, without proving it."""
    on_roster: bool
    """Whether operators have it, as a keyed hash, on their list of those who belong here."""

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is held."""
        return not (self.invitations or self.address or self.is_member or self.claimed_at or self.on_roster)


def ask(address: str) -> None:
    """Mail the owner of an address a link that shows what is held about it: three a day at most, one a month where it wants no mail.

    The same statements for every address.
    """
    lookup = accounts.lookup_of(address)
    wants_none = db.session.scalar(select(GuestAddress.opted_out_at).where(GuestAddress.lookup == lookup))
    if throttles.count(throttles.ABOUT_MAILS if wants_none is None else throttles.MAILS_OPTED_OUT, lookup):
        row = Inquiry(address=address, lookup=lookup, created_at=clock.now())
        db.session.add(row)
        db.session.flush()
        outbox.put(MAIL, inquiry=row)


def count(network: str) -> None:
    """Count that somebody asks, from there; TooMany for who does so very often."""
    throttles.check(throttles.ABOUT_PER_NETWORK, network, words=OFTEN)
    throttles.count(throttles.ABOUT_PER_NETWORK, network)


def issue(inquiry: Inquiry) -> str:
    """Return the token of a link that shows what is held about the address."""
    return tickets.issue(LINK, minutes=HOURS * 60, lookup=tokens.sign_hash(LINK, inquiry.lookup))


def behind(token: str) -> Held:
    """Return what a link shows; opening it changes nothing. NotFound for one that is forged or too old."""
    ticket = tickets.peek(LINK, token)
    lookup = None if ticket is None else tokens.signed_hash(LINK, ticket.payload["lookup"])
    if lookup is None:
        raise NotFound
    return about(lookup)


def about(lookup: str) -> Held:
    """Return everything held about the address with this keyed hash."""
    invitations = db.session.execute(
        select(GuestInvitation, Member.name)
        .join(Member, Member.id == GuestInvitation.inviter_id)
        .where(GuestInvitation.lookup == lookup, GuestInvitation.state.not_in(("held", "queued")))
        .order_by(GuestInvitation.created_at)
    ).all()
    claims: Any = db.session.execute(
        select(EmailAddress.verified_at, EmailAddress.created_at).where(EmailAddress.lookup == lookup)
    ).all()
    remembered = db.session.get(GuestAddress, lookup)
    return Held(
        lookup,
        tuple((row[0], row[1]) for row in invitations),
        remembered,
        _rests_until(remembered),
        any(row.verified_at is not None for row in claims),
        tuple(row.created_at for row in claims if row.verified_at is None),
        roster.has(lookup),
    )


def _rests_until(address: GuestAddress | None) -> datetime | None:
    """Return until when the keyed hash of an address stays; None where it stays for good, or there is none."""
    if address is None or address.opted_out_at is not None:
        return None
    year = timedelta(days=config.setting("GUEST_MAIL_DAYS"))
    ends = [
        address.mailed_at + year if address.mailed_at else None,
        address.undeliverable_until,
        address.link_expires_at,
    ]
    return max((end for end in ends if end is not None), default=None)


def erase(lookup: str) -> None:
    """Erase an address: from invitations, and where somebody claims it without having proven it. A member's own stays theirs."""
    guests.erase(lookup)
    roster.forget(lookup)
    unproven = select(EmailAddress.member_id).where(EmailAddress.lookup == lookup, EmailAddress.verified_at.is_(None))
    whose = Member.id.in_(unproven.where(EmailAddress.is_primary)) & Member.verified_at.is_(None)
    db.session.execute(delete(Member).where(whose).execution_options(synchronize_session=False))
    claimed = delete(EmailAddress).where(EmailAddress.lookup == lookup, EmailAddress.verified_at.is_(None))
    db.session.execute(claimed.where(~EmailAddress.is_primary).execution_options(synchronize_session=False))


def sweep(now: datetime) -> int:
    """Forget the addresses of those whose mail has left, or never will; return how many."""
    waits = select(OutgoingMail.id).where(
        OutgoingMail.inquiry_id == Inquiry.id, OutgoingMail.state.in_(("queued", "claimed"))
    )
    old = now - timedelta(minutes=1)
    gone = delete(Inquiry).where(Inquiry.created_at <= old, ~waits.exists())
    return int(db.session.execute(gone.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]
