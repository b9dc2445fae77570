"""Asking to be deleted, and changing one's mind. Nothing of what was kept is touched before the days are over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from webapp import clock
from webapp.config import setting
from webapp.domain import accounts, connections, contacts, guests, ledger, notices, relationships, tickets
from webapp.domain.errors import N_, Refused
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.card import PrivateCard
from webapp.models.invitation import GuestInvitation
from webapp.models.leaving import Departure
from webapp.models.member import Member, Ticket, visible
from webapp.models.message import Message
from webapp.models.post import Comment, Post
from webapp.models.profile import ContactInfo, ProfileEntry, Skill

CANCEL = "stay"
"""The purpose of the ticket in the mail with which somebody stays."""
ALONE = N_("You are the only one who runs this community. Make somebody else an operator first, then you can leave.")
CHANGED = N_(
    "Your password or an address was changed in the last 7 days. So that nobody else can delete the account, it is not deleted at once."
)
CONDEMNED = N_("Operators delete your account. Until then you can download your data.")
TOO_LATE = N_("The account is being deleted, and that can't be stopped any more.")
BEGUN = N_("Your account is being deleted, and that can't be stopped any more.")


@dataclass(frozen=True)
class Counted:
    """How much would go, as the member may want to know it beforehand."""

    connections: int
    asked: int
    guests: int
    messages: int
    posts: int
    comments: int
    cards: int
    details: int


def counted(member: Member) -> Counted:
    """Return how much of what would go. One statement, and one for the open invitations."""
    mine: Mapping[str, Any] = {
        "connections": connections.number_of(member),
        "guests": _count(
            GuestInvitation.inviter_id == member.id,
            GuestInvitation.state.in_(("held", "queued", "invited", "uncertain")),
        ),
        "messages": _count(Message.author_id == member.id),
        "posts": _count(Post.author_id == member.id, Post.kind.in_(("post", "position"))),
        "comments": _count(Comment.author_id == member.id),
        "cards": _count(PrivateCard.owner_id == member.id),
        "contact": _count(ContactInfo.member_id == member.id),
        "entries": _count(ProfileEntry.member_id == member.id),
        "skills": _count(Skill.member_id == member.id),
    }
    row = db.session.execute(
        select(*(each.label(name) for name, each in mine.items())).where(Member.id == member.id)
    ).one()
    seen = relationships.as_seen_by(member, "held", "queued", "invited")
    asked = db.session.scalar(select(func.count()).select_from(seen)) or 0
    details = row.contact + row.entries + row.skills
    return Counted(row.connections, asked, row.guests, row.messages, row.posts, row.comments, row.cards, details)


def _count(*which: Any) -> Any:
    return select(func.count()).where(*which).scalar_subquery()


def sole_operator(member: Member) -> bool:
    """Whether nobody else runs the instance, so that this member cannot leave yet."""
    if not member.is_operator:
        return False
    others = select(Member.id).where(Member.is_operator, visible(), Member.id != member.id)
    return db.session.scalar(others.limit(1)) is None


def ask(member: Member, keep: str) -> Departure:
    """Let a member leave: from now on they are gone for all others, and after DELETE_DAYS they are deleted. Asking twice is once.

    What has not left is taken back for good: invitations, mails. Every other sign-in than `keep` ends, and so does every link that was
    mailed to them, but for those that undo a change to the account. Each of their proven addresses is told, with a link by which they stay.
    Refused for who alone runs the instance.
    """
    # In the order of their ids, so that of two operators who leave at once one stays.
    db.session.execute(
        select(Member.id).where(Member.is_operator | (Member.id == member.id)).order_by(Member.id).with_for_update()
    )
    db.session.refresh(member)
    before = of(member)
    if before is not None:
        return before
    if condemned(member) is not None:
        raise Refused(CONDEMNED)
    if sole_operator(member):
        raise Refused(ALONE)
    now = clock.now()
    # No sooner than what somebody else may have done before can be undone.
    days = max(setting("DELETE_DAYS"), notices.DAYS) if notices.is_recent(member) else setting("DELETE_DAYS")
    due_at = now + timedelta(days=days)
    member.deleted_at = now
    row = Departure(member_id=member.id, asked_at=now, due_at=due_at, next_at=due_at, stage="", counts={})
    db.session.add(row)
    db.session.flush()
    with ledger.together():
        relationships.cancel_held(member)
        guests.cancel_unsent(member)
        outbox.retract_for(member)
        contacts.forget(member, "leaving")
        accounts.end_other_sign_ins(member, keep)
    db.session.execute(delete(Ticket).where(Ticket.member_id == member.id, Ticket.purpose != notices.UNDO))
    for address in accounts.addresses_of(member):
        if address.verified_at is not None:
            outbox.put("leaving", to=member, address=address)
    db.session.flush()
    return row


def of(member: Member) -> Departure | None:
    """Return the departure of a member who leaves; None for everybody else."""
    return None if member.deleted_at is None else db.session.get(Departure, member.id)


def condemn(member: Member) -> Departure:
    """Have a suspended member deleted after DELETE_DAYS, as operators decided: they stay suspended till then, and can't call it off."""
    now = clock.now()
    due_at = now + timedelta(days=setting("DELETE_DAYS"))
    row = Departure(member_id=member.id, asked_at=now, due_at=due_at, next_at=due_at, stage="", counts={})
    db.session.add(row)
    db.session.flush()
    return row


def condemned(member: Member) -> Departure | None:
    """Return the departure of a member whom operators delete, until that begins; None for everybody else."""
    return db.session.get(Departure, member.id) if member.deleted_at is None else None


def spare(member: Member) -> None:
    """Call off what operators decided, as long as it has not begun. Refused after that."""
    row = _locked(member)
    if row is None or member.deleted_at is not None or row.due_at <= clock.now():
        raise Refused(TOO_LATE)
    db.session.delete(row)
    db.session.flush()


def awaiting(token: str) -> Member | None:
    """Return who stays by the link in the mail; None for one that is used or too old. Uses nothing up."""
    ticket = tickets.peek(CANCEL, token)
    return None if ticket is None or ticket.member_id is None else db.session.get(Member, ticket.member_id)


def stay_by(token: str) -> Member:
    """Stay, by the link in the mail. It signs nobody in. Refused where it is used or too old, or the deletion has begun."""
    ticket = tickets.take(CANCEL, token)
    if ticket is None or ticket.member_id is None:
        raise Refused(accounts.GONE)
    member = db.session.get_one(Member, ticket.member_id)
    stay(member)
    return member


def stay(member: Member) -> None:
    """Change one's mind: for others everything is as it was before. Staying twice is once; Refused once the deletion has begun."""
    row = _locked(member)
    if row is None:
        return
    if row.due_at <= clock.now():
        raise Refused(BEGUN)
    member.deleted_at = None
    db.session.delete(row)
    tickets.end(CANCEL, member)
    outbox.retract_for(member)
    db.session.flush()


def at_once(member: Member) -> None:
    """Begin to delete now, without waiting for the days to pass. Every sign-in ends.

    Refused as long as a way into the account was changed so shortly before that its owner may not know.
    """
    row = _locked(member)
    if row is None:
        return
    if notices.is_recent(member):
        raise Refused(CHANGED)
    now = clock.now()
    row.due_at, row.next_at = min(row.due_at, now), min(row.next_at, now)
    tickets.end(CANCEL, member)
    outbox.retract_for(member)
    accounts.end_other_sign_ins(member)
    db.session.flush()


def _locked(member: Member) -> Departure | None:
    return db.session.scalar(
        select(Departure)
        .where(Departure.member_id == member.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
