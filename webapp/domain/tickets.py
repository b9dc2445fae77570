"""Tickets: links and states that can be used once and end by themselves. Only a digest is kept."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from webapp import clock, tokens
from webapp.extensions import db
from webapp.models.member import Member, Ticket

SECOND_STEP = "second_step"
"""For who has given the right password and not yet the second step."""


def issue(purpose: str, *, minutes: int, member: Member | None = None, only: bool = False, **payload: Any) -> str:
    """Return a new token for one use within `minutes`. With `only`, the member's earlier tickets of that purpose end."""
    if only and member is not None:
        end(purpose, member)
    token = tokens.new()
    db.session.add(
        Ticket(
            digest=tokens.digest(token),
            purpose=purpose,
            member_id=member.id if member else None,
            payload=payload,
            expires_at=clock.now() + timedelta(minutes=minutes),
        )
    )
    return token


def peek(purpose: str, token: str) -> Ticket | None:
    """Return the living ticket of a token without using it up (a mail scanner may open a link, too)."""
    return db.session.scalar(
        select(Ticket).where(
            Ticket.digest == tokens.digest(token), Ticket.purpose == purpose, Ticket.expires_at > clock.now()
        )
    )


def take(purpose: str, token: str) -> Ticket | None:
    """Use a token up and return its ticket; None for one that is unknown, used, or too old. Of two at once, one gets it."""
    row = db.session.execute(
        delete(Ticket)
        .where(Ticket.digest == tokens.digest(token), Ticket.purpose == purpose)
        .returning(Ticket.digest, Ticket.purpose, Ticket.member_id, Ticket.payload, Ticket.expires_at)
    ).one_or_none()
    if row is None or row.expires_at <= clock.now():
        return None
    return Ticket(**row._mapping)  # noqa: SLF001 - the documented way to a row's names


def end(purpose: str, member: Member) -> None:
    """End a member's tickets of one purpose."""
    db.session.execute(delete(Ticket).where(Ticket.purpose == purpose, Ticket.member_id == member.id))


def sweep() -> int:
    """Delete tickets that ended by themselves; return how many."""
    return db.session.execute(delete(Ticket).where(Ticket.expires_at <= clock.now())).rowcount  # type: ignore[attr-defined,no-any-return]
