"""Cards: invitations by an address, shown to the members who hold it, and their answers. The inviter sees no difference before a yes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select

from webapp import clock
from webapp.domain import relationships, telling
from webapp.domain.errors import NotFound
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.built import for_any_viewer
from webapp.models.invitation import GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import AnyViewer, Member, visible

HELD = ("held", "queued")
OPEN = (*HELD, "invited", "uncertain")


def deal(cards: Sequence[tuple[GuestInvitation, int]], now: datetime) -> None:
    """Show invitations to the members who turned out to hold the addresses; who may not be asked gets none, and nobody learns it."""
    if not cards:
        return
    allowed = relationships.gets_card([(row.inviter_id, member_id) for row, member_id in cards])
    shown = []
    for row, member_id in cards:
        if (row.inviter_id, member_id) in allowed and row.inviter_id != member_id:
            row.joined_id = member_id
            shown.append((member_id, row.inviter_id))
        else:
            row.quiet_at, row.quiet_reason = now, "blocked"
    if not shown:
        return
    db.session.flush()
    telling.tell("guest_invitation", shown, at=now, mail="guest_card")


def take_back(rows: Sequence[GuestInvitation]) -> None:
    """Take the cards of invitations that ended away, and the mails that have not left."""
    for row in rows:
        db.session.execute(
            delete(OutgoingMail).where(OutgoingMail.guest_invitation_id == row.id, OutgoingMail.state == "queued")
        )
        if row.joined_id is not None:
            telling.retract("guest_invitation", [(row.joined_id, row.inviter_id)], mail="guest_card")


def meet(member: Member, lookup: str) -> int:
    """Show a member who has proven an address the invitations that wait for it, as cards under Received; return how many."""
    rows = db.session.scalars(
        select(GuestInvitation).where(
            GuestInvitation.lookup == lookup,
            GuestInvitation.state.in_(("invited", "uncertain")),
            GuestInvitation.quiet_at.is_(None),
            GuestInvitation.joined_id.is_(None),
            GuestInvitation.inviter_id != member.id,
        )
    ).all()
    deal([(row, member.id) for row in rows], clock.now())
    return len(rows)


@for_any_viewer
def cards(viewer: Member | type[AnyViewer]) -> Select[GuestInvitation, Member]:
    """Return the invitations by address that wait for the viewer's answer, with who sent each."""
    return (
        select(GuestInvitation, Member)
        .join(Member, Member.id == GuestInvitation.inviter_id)
        .where(
            GuestInvitation.joined_id == viewer.id,
            GuestInvitation.state.in_(("invited", "uncertain")),
            GuestInvitation.quiet_at.is_(None),
            visible(),
        )
        .order_by(GuestInvitation.leaves_at.desc(), GuestInvitation.id.desc())
    )


def all_cards(viewer: Member) -> Sequence[Any]:
    """Return all of them. One statement."""
    return db.session.execute(cards(AnyViewer), {"viewer": viewer.id}).all()


def _card(viewer: Member, key: str) -> GuestInvitation:
    row = db.session.scalars(
        cards(viewer).with_only_columns(GuestInvitation).where(GuestInvitation.key == key)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def accept_card(viewer: Member, key: str) -> GuestInvitation:
    """Say yes to an invitation that came by an address of the viewer's; the inviter learns that the address is theirs."""
    row = _card(viewer, key)
    relationships.join(viewer, [row.inviter_id])
    row.state, row.ended_at = "accepted", clock.now()
    take_back([row])
    return row


def ignore_card(viewer: Member, key: str) -> GuestInvitation:
    """Put such an invitation aside; the inviter sees no difference."""
    row = _card(viewer, key)
    row.quiet_at, row.quiet_reason = clock.now(), "member_ignored"
    take_back([row])
    return row


def part(one: Member, other: Member) -> None:
    """Let no invitation by mail between two members be answered any more, because one blocks the other. The inviter sees no difference."""
    rows = db.session.scalars(
        select(GuestInvitation).where(
            ((GuestInvitation.inviter_id == one.id) & (GuestInvitation.joined_id == other.id))
            | ((GuestInvitation.inviter_id == other.id) & (GuestInvitation.joined_id == one.id)),
            GuestInvitation.state.in_(("invited", "uncertain")),
            GuestInvitation.quiet_at.is_(None),
        )
    ).all()
    for row in rows:
        row.quiet_at, row.quiet_reason = clock.now(), "blocked"
    take_back(rows)
    outbox.retract("guest_card", [(one.id, other.id), (other.id, one.id)])
