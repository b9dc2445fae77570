"""What operators do about members: suspend, silence, and take either back. Each is a line in a log that only grows.

The member it concerns reads what was done, when and why; operators also read who of them did it. Nobody else learns of it.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import aliased

from webapp import chain, clock
from webapp.domain import accounts, contacts, guests, ledger, relationships, silence
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.act import Act
from webapp.models.base import from_ms, to_ms
from webapp.models.invitation import GuestInvitation
from webapp.models.joining import Applicant
from webapp.models.leaving import Departure
from webapp.models.member import Member, Ticket
from webapp.models.report import Report

MAIL = "operators"
"""The mail that tells the member."""
TOLD = ("suspended", "lifted", "silenced", "unsilenced", "deleted", "kept", "signed_out", "approved")
"""What concerns the member, who reads it. That a report was settled tells that there was one, so only operators read that."""
DONE: Mapping[str, str] = {
    "suspended": N_("Suspended"),
    "lifted": N_("Suspension lifted"),
    "silenced": N_("May invite nobody"),
    "unsilenced": N_("May invite again"),
    "settled": N_("A report was settled"),
    "deleted": N_("The account is deleted"),
    "kept": N_("The account is not deleted"),
    "signed_out": N_("Signed out everywhere"),
    "approved": N_("Let in"),
    "declined": N_("Not let in"),
}
SAID: Mapping[str, str] = {
    "suspended": N_(
        "Whoever runs %(site)s has suspended your account. Nobody there sees you, and you see nobody. Nothing of yours is deleted: "
        "sign in to read when and why, to download your data, or to leave."
    ),
    "lifted": N_("Whoever runs %(site)s has lifted the suspension of your account. Others see you as before."),
    "silenced": N_(
        "Whoever runs %(site)s has stopped your invitations: until they lift it, you can't invite anybody. "
        "What you sent and has not left waits."
    ),
    "silenced_until": N_(
        "Whoever runs %(site)s has stopped your invitations: until %(date)s you can't invite anybody. "
        "What you sent and has not left waits until then."
    ),
    "unsilenced": N_("Whoever runs %(site)s lets you invite again."),
    "deleted": N_(
        "Whoever runs %(site)s deletes your account on %(date)s. From now on nobody there sees you, and you see nobody. Until then you can "
        "sign in to read why and to download your data; if you think it is a mistake, write to them."
    ),
    "kept": N_(
        "Whoever runs %(site)s does not delete your account after all. It is still suspended, until they lift that, too."
    ),
    "signed_out": N_(
        "Whoever runs %(site)s has signed you out everywhere. Your password is what it was: sign in again."
    ),
}
"""How the mail says it."""
SILENCES = (7, 30, 90, 0)
"""For so many days; 0: until operators lift it."""
REASON_CHARACTERS = 1000
UNKNOWN_MANY = 5
UNKNOWN_DAYS = 30
OWN = N_("You can't do that to your own account. Ask another operator.")
SUSPENDED = N_("%(name)s is suspended already.")
NOT_SUSPENDED = N_("%(name)s is not suspended.")
CONDEMNED = N_("The account of %(name)s is to be deleted. Keep it first, then lift the suspension.")
WAITS = N_("%(name)s waits to be let in. Decide about that instead.")
SILENCED = N_("%(name)s may invite nobody already. Lift that first.")
NOT_SILENCED = N_("%(name)s may invite already.")


# Operators


def one_of(handle: str) -> Member:
    """Return who has this handle, for an operator: also who is suspended, leaves, or blocks the operator. NotFound for an unproven one."""
    found = db.session.scalar(select(Member).where(Member.handle == handle, Member.verified_at.is_not(None)))
    if found is None:
        raise NotFound
    return found


def suspend(operator: Member, other: Member, reason: str) -> None:
    """Let a member see one page only, which says so and why; for all others they are as if gone. A mail tells them.

    What they sent and has not left is taken back, and everywhere they are signed out. Refused for one's own account, so that the last
    operator is never suspended: whoever suspends is one.
    """
    reason = check(operator, other, reason)
    if other.suspended_at is not None:
        raise Refused(SUSPENDED, name=other.name)
    shut_out(other)
    tell(write(operator, other, "suspended", reason))


def shut_out(other: Member) -> None:
    """Make a member as if gone for all others, with what they sent and has not left; they are signed out everywhere."""
    other.suspended_at = clock.now()
    db.session.flush()
    with ledger.together():
        relationships.cancel_held(other)
        guests.cancel_unsent(other)
        outbox.retract_for(other)
        contacts.forget(other, "suspended")
        accounts.end_other_sign_ins(other)
    db.session.execute(delete(Ticket).where(Ticket.member_id == other.id))


def lift(operator: Member, other: Member, reason: str) -> None:
    """End a suspension: others see the member as before. A mail tells them."""
    reason = check(operator, other, reason)
    if other.suspended_at is None:
        raise Refused(NOT_SUSPENDED, name=other.name)
    if db.session.get(Departure, other.id) is not None and other.deleted_at is None:
        raise Refused(CONDEMNED, name=other.name)
    other.suspended_at = None
    db.session.flush()
    tell(write(operator, other, "lifted", reason))


def silence_invitations(operator: Member, other: Member, reason: str, days: int) -> None:
    """Let a member invite nobody for so many days (0: until it is lifted). A mail tells them.

    What they sent and has not left stays, is theirs to take back, and leaves so much later.
    """
    reason = check(operator, other, reason)
    if days not in SILENCES:
        raise Invalid(days=N_("Choose for how long"))
    if silence.ends(other) is not None:
        raise Refused(SILENCED, name=other.name)
    length = timedelta(days=days or silence.FOR_NOW_DAYS)
    until = clock.now() + length
    other.silenced_until = until
    db.session.flush()
    _put_off(other, length)
    tell(write(operator, other, "silenced", reason, until if days else None))


def unsilence(operator: Member, other: Member, reason: str) -> None:
    """Let a member invite again; what waited leaves by so much earlier. A mail tells them."""
    reason = check(operator, other, reason)
    until = silence.ends(other)
    if until is None:
        raise Refused(NOT_SILENCED, name=other.name)
    other.silenced_until = None
    db.session.flush()
    _put_off(other, clock.now() - until)
    tell(write(operator, other, "unsilenced", reason))


def _refuse_who_waits(other: Member) -> None:
    """The same column hides who is suspended and who waits to be let in; each ends in a way of its own."""
    row = db.session.get(Applicant, other.id)
    if other.suspended_at is not None and row is not None and row.waits_since is not None:
        raise Refused(WAITS, name=other.name)


def _put_off(other: Member, length: timedelta) -> None:
    milliseconds = int(length.total_seconds() * 1000)
    relationships.put_off(other, milliseconds)
    guests.put_off(other, milliseconds)


def check(operator: Member, other: Member, reason: str) -> str:
    """Return the reason as it is kept, with the locks held that acts are done under, one after the other."""
    reason = reason.replace("\r\n", "\n").strip()
    if not reason:
        raise Invalid(reason=N_("Say why: the member will read it"))
    if len(reason) > REASON_CHARACTERS:
        raise Invalid(reason=N_("Use at most %(most)s characters").replace("%(most)s", str(REASON_CHARACTERS)))
    _lock(operator, other.id)
    if other.id == operator.id:
        raise Refused(OWN)
    db.session.refresh(other)
    _refuse_who_waits(other)
    return reason


def _lock(operator: Member, *ids: int) -> None:
    """Lock every operator and these, in the order of their ids: of two who suspend each other one comes first; lines come in turn."""
    concerned = Member.is_operator | Member.id.in_(ids)
    db.session.execute(select(Member.id).where(concerned).order_by(Member.id).with_for_update())
    db.session.refresh(operator)
    if not (operator.is_operator and operator.is_visible):
        raise NotFound


def decided(operator: Member, other: Member, decision: str) -> None:
    """Add a line that somebody was let in, or was not."""
    _lock(operator, other.id)
    write(operator, other, decision, "")


def settled(operator: Member, report: Report, decision: str) -> None:
    """Add a line that a report was settled, which operators read."""
    _lock(operator)
    write(operator, db.session.get_one(Member, report.about_id), "settled", f"{report.what}: {decision}")


def tell(act: Act) -> None:
    """Send the mail that tells the member of a line."""
    outbox.put(MAIL, to=db.session.get_one(Member, act.member_id), facts={"act": act.number})


# The log


def write(operator: Member, other: Member, kind: str, reason: str, until: datetime | None = None) -> Act:
    """Add a line to the log, under the locks that `check` took."""
    last = db.session.execute(select(Act.number, Act.digest).order_by(Act.number.desc()).limit(1)).one_or_none()
    act = Act(
        number=last.number + 1 if last else 1,
        at=_as_kept(clock.now()),
        kind=kind,
        until=_as_kept(until) if until else None,
        member_id=other.id,
        reason=reason,
        member_salt=secrets.token_hex(16),
        operator_id=operator.id,
        operator_salt=secrets.token_hex(16),
    )
    act.member_seal = _sealed(act.member_salt, act.member_id, act.reason)
    act.operator_seal = _sealed(act.operator_salt, act.operator_id)
    act.digest = chain.digest(last.digest if last else chain.FIRST, _line(act))
    db.session.add(act)
    db.session.flush()
    return act


def _as_kept(moment: datetime) -> datetime:
    return from_ms(to_ms(moment))


def _sealed(salt: str, *values: Any) -> str:
    return hashlib.sha256(json.dumps([salt, *values]).encode()).hexdigest()


def _line(act: Act) -> dict[str, chain.Plain]:
    """Return all of a line that stays: what its digest is of."""
    return {
        "number": act.number,
        "at": chain.moment(act.at),
        "kind": act.kind,
        "until": chain.moment(act.until) if act.until else None,
        "member": act.member_seal,
        "operator": act.operator_seal,
    }


def problems() -> list[str]:
    """Return what is wrong with the log, a sentence for the first line that does not hold; nothing where all of it does."""
    lines = db.session.scalars(select(Act).order_by(Act.number).execution_options(yield_per=1000))
    place = chain.broken((_line(act), act.digest if _is_sealed(act) else "") for act in lines)
    return [] if place is None else [f"line {place} of the log of operators' acts is missing or was changed."]


def _is_sealed(act: Act) -> bool:
    """Whether whom a line concerns, why, and who did it are what they were, as far as they still stand in it."""
    concerned = not act.member_salt or act.member_seal == _sealed(act.member_salt, act.member_id, act.reason)
    return concerned and (not act.operator_salt or act.operator_seal == _sealed(act.operator_salt, act.operator_id))


def log(after: int | None = None) -> Any:
    """Return the log for operators, the latest first, with the names of both where they are members still; from a place on."""
    return _lines(after)


def about(member: Member, after: int | None = None) -> Any:
    """Return every line about one member, for operators."""
    return _lines(after).where(Act.member_id == member.id)


def _lines(after: int | None) -> Any:
    member, operator = aliased(Member, name="concerned"), aliased(Member, name="acting")
    found = (
        select(Act, member.name, member.handle, operator.name.label("by_name"))
        .outerjoin(member, member.id == Act.member_id)
        .outerjoin(operator, operator.id == Act.operator_id)
        .order_by(Act.number.desc())
    )
    return found if after is None else found.where(Act.number < after)


def of(member: Member, after: int | None = None) -> Any:
    """Return what was done about a member, as they read it: not who of the operators did it, and no report."""
    found = select(Act).where(Act.member_id == member.id, Act.kind.in_(TOLD)).order_by(Act.number.desc())
    return found if after is None else found.where(Act.number < after)


def own(member: Member) -> Sequence[Act]:
    """Return all of that."""
    return db.session.scalars(of(member)).all()


def told(number: int, member: Member) -> Act | None:
    """Return the line that a mail tells a member of; None where it is not theirs (any more)."""
    return db.session.scalars(of(member).where(Act.number == number)).one_or_none()


def forget(member: Member, most: int) -> bool:
    """Take an account out of so many lines, before it is deleted; whether there was one. The lines stay, and so does the chain."""
    sides: tuple[tuple[Any, dict[str, Any]], ...] = (
        (Act.member_id, {"member_id": None, "reason": "", "member_salt": ""}),
        (Act.operator_id, {"operator_id": None, "operator_salt": ""}),
    )
    there = False
    for column, emptied in sides:
        some = select(Act.number).where(column == member.id).limit(most)
        change = update(Act).where(Act.number.in_(some)).values(emptied).execution_options(synchronize_session=False)
        there |= bool(db.session.execute(change).rowcount)  # type: ignore[attr-defined]
    return there


# One member, as operators see them


@dataclass(frozen=True)
class Mailed:
    """What became of the mails to guests that a member caused: numbers, and nobody's address."""

    sent: int
    opted_out: int
    not_me: int
    reported: int


def unknown_to(member: Member) -> int:
    """Return how many said within thirty days that they don't know this member."""
    since = clock.now() - timedelta(days=UNKNOWN_DAYS)
    said = (Report.about_id == member.id) & (Report.reason == "unknown") & (Report.created_at > since)
    return db.session.scalar(select(func.count()).where(said)) or 0


def mailed(member: Member) -> Mailed:
    """Return how guests took the mails that a member caused. One statement."""
    row = GuestInvitation
    told = select(func.count()).where(Report.about_id == member.id, Report.what == "mail").scalar_subquery()
    found = db.session.execute(
        select(
            func.count(),
            func.count().filter(row.quiet_reason == "opted_out"),
            func.count().filter(row.quiet_reason == "not_me"),
            told,
        ).where(row.inviter_id == member.id, row.mailed_at.is_not(None))
    ).one()
    return Mailed(*found)
