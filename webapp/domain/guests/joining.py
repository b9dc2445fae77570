"""The link in a mail: what it leads to, and joining or taking an address by it. It is used once."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from webapp import clock, tokens
from webapp.domain import accounts, announcing, relationships
from webapp.domain.errors import N_, Refused
from webapp.extensions import db
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.joining import Applicant
from webapp.models.member import Member, visible

OVER = N_("This invitation is no longer open.")


@dataclass(frozen=True)
class Link:
    """What a link in a mail leads to: the address, the invitations that are open, and who sent them."""

    lookup: str
    address: str
    name: str
    invitations: tuple[GuestInvitation, ...]
    inviters: tuple[Member, ...]


def of_link(token: str) -> Link:
    """Return what a link leads to; opening it changes nothing. Refused where it is used, too old, or no invitation is open any more."""
    found = db.session.scalar(
        select(GuestAddress.lookup).where(
            GuestAddress.link_digest == tokens.digest(token),
            GuestAddress.link_expires_at > clock.now(),
            GuestAddress.opted_out_at.is_(None),
        )
    )
    link = None if found is None else _open(found)
    if link is None:
        raise Refused(OVER)
    return link


def _open(lookup: str) -> Link | None:
    rows = db.session.execute(
        select(GuestInvitation, Member)
        .join(Member, Member.id == GuestInvitation.inviter_id)
        .where(
            GuestInvitation.lookup == lookup,
            GuestInvitation.state.in_(("invited", "uncertain")),
            GuestInvitation.quiet_at.is_(None),
            GuestInvitation.address.is_not(None),
            GuestInvitation.expires_at > clock.now(),
            visible(),
        )
        .order_by(GuestInvitation.created_at, GuestInvitation.id)
    ).all()
    if not rows:
        return None
    first = rows[0][0]
    return Link(
        lookup, first.address or "", first.name or "", tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    )


def take(token: str) -> Link:
    """Use a link up. Refused where it was used meanwhile; of two presses one gets it."""
    link = of_link(token)
    used = db.session.execute(
        update(GuestAddress)
        .where(GuestAddress.lookup == link.lookup, GuestAddress.link_digest == tokens.digest(token))
        .values(link_digest=None)
    )
    if not used.rowcount:  # type: ignore[attr-defined]
        raise Refused(OVER)
    return link


def join(token: str, name: str, password_hash: str, inviters: Sequence[int]) -> Member:
    """Use a link up: it proves the address, the account is made, and the inviters left ticked are connected and told once.

    Where operators decide first, it is kept to whom they said yes, and `connect_accepted` does it then.
    """
    link = take(token)
    member = accounts.create_verified(name, link.address, password_hash, accounts.INVITED)
    if member.is_visible:
        announcing.joined(member, _answer(link, member, inviters))
        return member
    now, ticked = clock.now(), [row for row in link.invitations if row.inviter_id in set(inviters)]
    for row in link.invitations:
        row.joined_id = member.id
        if row not in ticked:
            row.quiet_at, row.quiet_reason = now, "declined"
    db.session.get_one(Applicant, member.id).accepts = [row.id for row in ticked]
    db.session.flush()
    return member


def connect_accepted(member: Member, ids: Sequence[int]) -> None:
    """Connect who was let in with those whose invitation they said yes to, also where it has ended by itself meanwhile."""
    rows = db.session.scalars(
        select(GuestInvitation).where(
            GuestInvitation.id.in_(ids), GuestInvitation.state.in_(("invited", "uncertain", "expired"))
        )
    ).all()
    if not rows:
        return
    relationships.join(member, [row.inviter_id for row in rows])
    for row in rows:
        row.state, row.ended_at, row.joined_id = "accepted", clock.now(), member.id
    db.session.flush()
    announcing.joined(member, [row.inviter_id for row in rows])


def join_as(member: Member, token: str, inviters: Sequence[int]) -> None:
    """Use a link up for an account that exists: the address becomes one of its own."""
    link = take(token)
    accounts.add_verified(member, link.address)
    _answer(link, member, inviters)


def _answer(link: Link, member: Member, inviters: Sequence[int]) -> list[int]:
    """Connect with the ticked inviters and return them; the others go on seeing no answer."""
    now = clock.now()
    ticked = [row for row in link.invitations if row.inviter_id in set(inviters)]
    relationships.join(member, [row.inviter_id for row in ticked])
    for row in link.invitations:
        row.joined_id = member.id
        if row in ticked:
            row.state, row.ended_at = "accepted", now
        else:
            row.quiet_at, row.quiet_reason = now, "declined"
    db.session.flush()
    return [row.inviter_id for row in ticked]
