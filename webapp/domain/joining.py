"""Joining: who may come in, and who waits until operators decide. Every way in asks `_ask` at the gate of `accounts.verify`.

JOIN decides. `open`: everybody. `invitation`: whom a member invited. `approval`: everybody, once operators let them in; also whom a member
invited. `roster`: who proves an address on the operators' roster, and whom a member invited. A link printed at the machine always lets in.

What is shown is the same for every address: whether it is on the roster, its owner learns by mail.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select

from webapp import clock
from webapp.config import setting
from webapp.domain import accounts, acts, guests, links, roster, telling, throttles
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.base import from_ms
from webapp.models.invitation import GuestAddress, GuestInvitation, Inquiry
from webapp.models.joining import Applicant
from webapp.models.leaving import Departure
from webapp.models.link import Arrival
from webapp.models.member import EmailAddress, Member, visible

KIND = "joining"
"""The event, and its mail, by which operators hear that somebody waits."""
APPROVED, NOT_LISTED = "approved", "not_listed"
"""The mails to who asked. Who is declined hears it with the last mail of the account (`leaving`)."""
WHY_CHARACTERS = 1000
MOST = 50
"""So many decisions are carried out in one transaction."""
BY_INVITATION = N_("Joining here is by invitation. Ask a member to invite you.")
BY_ROSTER = N_(
    "This address is not on the list of those who can join. Join with another address of yours, or ask a member to invite you."
)
DECIDED = N_("Somebody has decided about %(name)s already.")
TOO_LATE = N_("That can't be taken back any more.")


class Closed(Refused):
    """Who may join does not include them. Nothing was used up: they may be invited, or listed, and try the same link again."""


# At the gate


def asks_why() -> bool:
    """Whether operators decide, so that a form asks why somebody would like to join."""
    return bool(setting("JOIN") == "approval")


def is_closed() -> bool:
    """Whether nobody can join without an invitation."""
    return bool(setting("JOIN") == "invitation")


def check_why(why: str) -> str:
    """Return what somebody wrote as it is kept; Invalid for too much of it."""
    kept = why.replace("\r\n", "\n").strip()
    if len(kept) > WHY_CHARACTERS:
        raise Invalid(why=N_("Use at most 1,000 characters"))
    return kept


def _ask(member: Member, lookup: str, door: str) -> None:
    if member.verified_at is None and door != accounts.AT_THE_MACHINE:
        _check(member, lookup, door)
        if asks_why():
            _wait(member)
    roster.vouch(member, lookup)


accounts.gate(_ask)


def _check(member: Member, lookup: str, door: str) -> None:
    mode = setting("JOIN")
    if mode in {"open", "approval"} or (mode == "roster" and roster.has(lookup)):
        return
    if door != accounts.INVITED and not _is_invited(lookup) and not _came_by_link(member):
        raise Closed(BY_ROSTER if mode == "roster" else BY_INVITATION)


def _is_invited(lookup: str) -> bool:
    """Whether a member's invitation by mail has gone to this address and waits for its answer."""
    open_ones = (
        (GuestInvitation.lookup == lookup)
        & GuestInvitation.state.in_(("invited", "uncertain"))
        & GuestInvitation.quiet_at.is_(None)
        & (GuestInvitation.expires_at > clock.now())
    )
    inviter = (
        select(GuestInvitation.id).join(Member, Member.id == GuestInvitation.inviter_id).where(open_ones, visible())
    )
    return bool(db.session.scalar(select(inviter.exists())))


def _came_by_link(member: Member) -> bool:
    return bool(db.session.scalar(select(exists().where(Arrival.member_id == member.id))))


def sign_up(name: str, address: str, password_hash: str, why: str = "") -> Member | None:
    """Note a wish to join by the form that is there for all. The answer is the same for everybody; the mail tells the rest."""
    lookup = accounts.lookup_of(address)
    if setting("JOIN") == "roster" and not (roster.has(lookup) or _is_invited(lookup) or accounts.by_lookup(lookup)):
        _tell_not_listed(address, lookup)
        return None
    return asking(accounts.sign_up(name, address, password_hash), why)


def asking(member: Member | None, why: str) -> Member | None:
    """Keep why somebody who has just signed up would like to join, for operators to read once the address is proven."""
    if member is not None and asks_why():
        db.session.add(Applicant(member_id=member.id, why=why))
        db.session.flush()
    return member


def _tell_not_listed(address: str, lookup: str) -> None:
    """Mail who typed an address that is not on the roster, as often as a confirmation would be mailed."""
    wants_none = db.session.scalar(select(GuestAddress.opted_out_at).where(GuestAddress.lookup == lookup))
    if throttles.count(throttles.CONFIRMATION_MAILS, lookup) and (
        wants_none is None or throttles.count(throttles.MAILS_OPTED_OUT, lookup)
    ):
        row = Inquiry(address=address, lookup=lookup, created_at=clock.now())
        db.session.add(row)
        db.session.flush()
        outbox.put(NOT_LISTED, inquiry=row)


def accept(token: str, name: str, password_hash: str, inviters: Sequence[int], why: str = "") -> Member:
    """Use the link of an invitation by mail up: its address joins. Where operators decide, they are connected when they are let in."""
    member = guests.join(token, name, password_hash, inviters)
    row = of(member)
    if row is not None:
        row.why = why
    return member


def come_in(member: Member, lookup: str) -> links.Met | None:
    """Give who has just proven an address what waits for them: invitations to it, and whoever's link they came by.

    Nothing yet for who waits for operators. links.Over where the link that would have let them in is not open any more.
    """
    if of(member) is not None:
        return None
    guests.meet(member, lookup)
    return links.arrive(member)


# Waiting


def _wait(member: Member) -> None:
    row = db.session.get(Applicant, member.id)
    if row is None:
        row = Applicant(member_id=member.id, why="")
        db.session.add(row)
    now = clock.now()
    row.waits_since = member.suspended_at = now
    db.session.flush()
    operators = select(Member.id).where(Member.is_operator, visible(), Member.id.not_in(telling.has_unread(KIND)))
    telling.tell(KIND, [(each, each) for each in db.session.scalars(operators)], about=KIND)


def of(member: Member) -> Applicant | None:
    """Return the row of a member who waits, or was just declined; None for everybody else."""
    if member.suspended_at is None:
        return None
    row = db.session.get(Applicant, member.id)
    return row if row is not None and row.waits_since is not None else None


def is_waiting() -> Any:
    """The SQL condition that a suspended member (`Member.suspended_at`) in truth waits to be let in."""
    return exists().where(Applicant.member_id == Member.id, _waits())


def waiting(after: tuple[datetime, int] | None = None) -> Any:
    """Return who waits for operators, the longest first, each with what they wrote and an address they have proven; from a place on."""
    found = (
        select(
            Applicant,
            Member.name,
            Member.handle,
            Member.roster_cohort,
            EmailAddress.address,
        )
        .join(Member, Member.id == Applicant.member_id)
        .join(EmailAddress, (EmailAddress.member_id == Member.id) & EmailAddress.is_primary)
        .where(_waits(), Applicant.decision != "going", Member.deleted_at.is_(None))
        .order_by(Applicant.waits_since, Applicant.member_id)
    )
    if after is not None:
        since, member_id = after
        found = found.where(
            (Applicant.waits_since > since) | ((Applicant.waits_since == since) & (Applicant.member_id > member_id))
        )
    return found


def number_waiting() -> int:
    """Return how many wait for a decision."""
    waits = _waits() & (Applicant.decision == "")
    return db.session.scalar(select(func.count()).select_from(Applicant).where(waits)) or 0


def _waits() -> Any:
    """The SQL condition that an address is proven; said so that an index finds it."""
    return Applicant.waits_since > from_ms(0)


# Deciding


def decide(operator: Member, handle: str, decision: str) -> Member:
    """Let somebody in, or decline. It happens after UNDO_SECONDS; until then it can be taken back. Twice is once."""
    row, member = _one(handle)
    if row.decision != decision:
        if row.decision:
            raise Refused(DECIDED, name=member.name)
        row.decision, row.decided_at, row.decided_by_id = decision, clock.now(), operator.id
        db.session.flush()
        _nobody_waits()
    return member


def take_back(handle: str) -> Member:
    """Take a decision back that was not carried out yet."""
    row, member = _one(handle, TOO_LATE)
    row.decision, row.decided_at, row.decided_by_id = "", None, None
    db.session.flush()
    return member


def _one(handle: str, otherwise: str = "") -> tuple[Applicant, Member]:
    found = db.session.execute(
        select(Applicant, Member)
        .join(Member, Member.id == Applicant.member_id)
        .where(Member.handle == handle, Applicant.waits_since.is_not(None), Member.deleted_at.is_(None))
        .with_for_update(of=Applicant)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None or found[0].decision == "going":
        gone = db.session.scalar(select(Member.name).where(Member.handle == handle, Member.verified_at.is_not(None)))
        if gone is None:
            raise NotFound
        raise Refused(otherwise or DECIDED, name=gone)
    return found[0], found[1]


def carry_out(now: datetime) -> int:
    """Do what was decided UNDO_SECONDS ago; return how many."""
    due = now - timedelta(seconds=setting("UNDO_SECONDS"))
    rows = db.session.scalars(
        select(Applicant)
        .where(Applicant.decision.in_(("approved", "declined")), Applicant.decided_at <= due)
        .order_by(Applicant.member_id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        member = db.session.get_one(Member, row.member_id)
        operator = db.session.get(Member, row.decided_by_id) if row.decided_by_id else None
        if operator is None or not (
            operator.is_operator and operator.is_visible
        ):  # theirs to decide no more: somebody else's
            row.decision, row.decided_at, row.decided_by_id = "", None, None
        elif row.decision == "approved":
            acts.decided(operator, member, "approved")
            let_in(member)
        else:
            acts.decided(operator, member, "declined")
            _turn_away(row, member, now)
    return len(rows)


def let_in(member: Member) -> None:
    """End somebody's waiting: from now on they are a member like everybody, connected with those whose invitation they said yes to."""
    row = of(member)
    if row is None:
        return
    accepts = list(row.accepts)
    member.suspended_at = None
    db.session.flush()
    db.session.execute(delete(Applicant).where(Applicant.member_id == member.id))
    db.session.expunge(row)
    guests.connect_accepted(member, accepts)
    lookups = select(EmailAddress.lookup).where(
        EmailAddress.member_id == member.id, EmailAddress.verified_at.is_not(None)
    )
    for lookup in db.session.scalars(lookups).all():
        guests.meet(member, lookup)
    with suppress(links.Over):
        links.arrive(member)
    outbox.put(APPROVED, to=member)
    _nobody_waits()


def _turn_away(row: Applicant, member: Member, now: datetime) -> None:
    """Have the account deleted as one that leaves; its last mail says that they were declined."""
    row.decision = "going"
    accounts.end_other_sign_ins(member)
    db.session.add(
        Departure(member_id=member.id, asked_at=now, due_at=now, next_at=now, stage="", counts={"declined": 1})
    )
    db.session.flush()


def _nobody_waits() -> None:
    """Take back what operators were told, where nobody waits for them any more."""
    if not number_waiting():
        telling.forget(KIND, KIND)


def make_operator(typed: str) -> str | None:
    """Make whoever has this address an operator, as `accounts.make_operator` does; who waits is let in."""
    token = accounts.make_operator(typed)
    if token is None:
        found = accounts.by_address(typed)
        if found is not None:
            let_in(found)
    return token
