"""Inviting people by mail: what they would get, how many may be asked, when each leaves, and taking it back."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, delete, func, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp import addresses, clock, config, tokens
from webapp.domain import accounts, ledger, relationships, silence
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.guests import shown
from webapp.domain.guests.shown import HELD, OPEN
from webapp.domain.relationships.states import TOO_LATE
from webapp.extensions import db
from webapp.mail import outbox, render
from webapp.models.batch import is_sqlite, values_of
from webapp.models.invitation import Batch, GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member

DAY = timedelta(days=1)
BOUNCES_OF = 50
BOUNCES_MOST = 5
LINK_OF_PREVIEW = "A-LINK-OF-THEIR-OWN-24ch"
OFF = N_("Invitations are off while email isn't set up. Ask your administrator.")
_LINK = re.compile(r"https?:|www\.|[\w-]\.[a-z]{2,}/", re.IGNORECASE)


@dataclass(frozen=True)
class Invitee:
    """Somebody to invite: the name as the inviter has it, the address, and its keyed hash."""

    name: str
    address: str
    lookup: str


@dataclass(frozen=True)
class Status:
    """How an own invitation of an address stands, since when, and from when it may be repeated."""

    state: str
    since: datetime
    again_from: datetime


@dataclass(frozen=True)
class Result:
    """What a press of the button came to."""

    batch: Batch | None = None
    invited: int = 0
    already: int = 0
    queued: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Allowance:
    """How many more guests may be invited, and how many of them can leave now; `halved` because many addresses did not exist."""

    open: int
    today: int
    halved: bool = False


def check_note(note: str) -> str:
    """Return a note as it is kept; Invalid when it is too long, or leads anywhere: mail programs make links of addresses."""
    kept = relationships.check_note(note)
    if _LINK.search(kept):
        raise Invalid(note=N_("Leave links out of your note."))
    return kept


def facts_for(viewer: Member, *, name: str, address: str, note: str, reply_to: bool, source: str) -> dict[str, Any]:
    """Return everything the mail to this guest says, for the preview; all but the link of their own is what will be sent."""
    facts = render.common_facts() | _frozen(viewer, note, source, reply_to=reply_to)
    about = tokens.sign_hash(tokens.OPT_OUT, tokens.keyed_hash(addresses.key(address)))
    opt_out = f"{facts['base_url']}/optout/{about}"
    links = {
        "link": f"{facts['base_url']}/join/{LINK_OF_PREVIEW}",
        "opt_out_link": opt_out,
        "not_me_link": f"{opt_out}?not-me=1",
        "report_link": f"{facts['base_url']}/report/{about}",
        "days": config.setting("GUEST_LINK_DAYS"),
    }
    return facts | links | {"name": name}


def _frozen(viewer: Member, note: str, source: str, *, reply_to: bool) -> dict[str, Any]:
    """Return what is kept with the invitation, so that a later rename cannot change what was previewed."""
    return {
        "by": viewer.name,
        "by_headline": viewer.headline,
        "note": note,
        "reply_to": accounts.primary_address(viewer) if reply_to else "",
        "source": source,
    }


def allowance(viewer: Member) -> Allowance:
    """Return what the viewer may still send."""
    now = clock.now()
    most, per_day, _per_week, halved = _caps(viewer, now)
    open_now, mine, _all = _counts(viewer, now)
    return Allowance(max(0, most - open_now), max(0, per_day - mine[0]), halved)


def _caps(viewer: Member, now: datetime) -> tuple[int, int, int, bool]:
    """Return the caps that hold for a member: open at once, a day, a week, and whether they are halved for too many bounces."""
    is_new = viewer.created_at > now - timedelta(days=config.setting("NEW_MEMBER_DAYS"))
    per_day = config.setting("GUEST_MAILS_PER_DAY_NEW" if is_new else "GUEST_MAILS_PER_DAY")
    last = (
        select(GuestInvitation.state)
        .where(GuestInvitation.inviter_id == viewer.id, GuestInvitation.mailed_at.is_not(None))
        .order_by(GuestInvitation.mailed_at.desc())
        .limit(BOUNCES_OF)
    )
    halved = sum(state == "failed" for state in db.session.scalars(last)) > BOUNCES_MOST
    share = 2 if halved else 1
    return (
        config.setting("GUESTS_UNANSWERED_MAX") // share,
        per_day // share,
        config.setting("GUEST_MAILS_PER_WEEK") // share,
        halved,
    )


def _counts(viewer: Member, now: datetime) -> tuple[int, Counter[int], Counter[int]]:
    """Return how many are open, and how many leave in each window of a day: the viewer's and everybody's.

    Window 0 ends when a hold from now on ends.
    """
    row = GuestInvitation
    end = now + timedelta(seconds=config.setting("UNDO_SECONDS"))
    open_now = db.session.scalar(select(func.count()).where(row.inviter_id == viewer.id, row.state.in_(OPEN))) or 0
    mine: Counter[int] = Counter()
    everybody: Counter[int] = Counter()
    recent = select(row.inviter_id, row.leaves_at).where(row.leaves_at > end - 7 * DAY)
    for inviter_id, leaves_at in db.session.execute(recent):
        window = -((end - leaves_at) // DAY)
        everybody[window] += 1
        if inviter_id == viewer.id:
            mine[window] += 1
    return open_now, mine, everybody


def status_of(viewer: Member, lookups: Sequence[str]) -> dict[str, Status]:
    """Return how the viewer's own invitations of these addresses stand; addresses they never invited are left out."""
    given = values_of(list(lookups) or [""])
    rows = db.session.execute(
        select(GuestInvitation.lookup, GuestInvitation.state, GuestInvitation.leaves_at)
        .join(given, given.c.value == GuestInvitation.lookup)
        .where(GuestInvitation.inviter_id == viewer.id)
    )
    year = timedelta(days=config.setting("GUEST_MAIL_DAYS"))
    return {row.lookup: Status(row.state, row.leaves_at, row.leaves_at + year) for row in rows}


def invite(
    viewer: Member,
    people: Sequence[Invitee],
    *,
    note: str = "",
    reply_to: bool = False,
    source: str = "",
    read_on: date | None = None,
) -> Result:
    """Invite people by mail. It is held for UNDO_SECONDS; over the day's number it leaves on the following days.

    Refused, with both numbers, where more would be open than may be; then nothing is sent. Whom the viewer invited within a year is
    left out. Refused for who is silenced. `source` and `read_on` say from what their addresses came, and when that was read.
    """
    if not outbox.guest_mail_possible():
        raise Refused(OFF)
    silence.check(viewer)
    note = check_note(note)
    relationships.lock_members([viewer.id])
    now = clock.now()
    unique = {invitee.lookup: invitee for invitee in people if addresses.is_mailable(invitee.address)}
    known = status_of(viewer, list(unique))
    asking = [invitee for lookup, invitee in unique.items() if lookup not in known or known[lookup].again_from <= now]
    leaves = _leave_dates(viewer, len(asking), now)
    if not asking:
        return Result(already=len(people))
    batch = Batch(key=tokens.new(), member_id=viewer.id, created_at=now, held_until=leaves[0], from_contacts=True)
    db.session.add(batch)
    db.session.flush()
    end = now + timedelta(seconds=config.setting("UNDO_SECONDS"))
    frozen = _frozen(viewer, note, source, reply_to=reply_to)
    if read_on is not None:
        frozen["read_on"] = read_on.isoformat()  # for who asks where their address came from
    links = timedelta(days=config.setting("GUEST_LINK_DAYS"))
    rows = [
        {
            "key": tokens.new(),
            "inviter_id": viewer.id,
            "lookup": invitee.lookup,
            "address": invitee.address,
            "name": invitee.name,
            "state": "held" if leaves_at <= end else "queued",
            "quiet_at": None,
            "quiet_reason": "",
            "batch_id": batch.id,
            "facts": frozen,
            "created_at": now,
            "leaves_at": leaves_at,
            "mailed_at": None,
            "expires_at": leaves_at + links,
            "ended_at": None,
            "joined_id": None,
        }
        for invitee, leaves_at in zip(asking, leaves, strict=True)
    ]
    making = (sqlite.insert if is_sqlite() else postgresql.insert)(GuestInvitation)
    again = making.on_conflict_do_update(
        index_elements=[GuestInvitation.inviter_id, GuestInvitation.lookup],
        set_={name: making.excluded[name] for name in rows[0] if name not in {"inviter_id", "lookup"}},
    )
    db.session.execute(again, rows)
    queued = Counter(moment.date() for moment in leaves if moment > end)
    result = Result(batch, len(leaves) - sum(queued.values()), len(people) - len(asking), dict(sorted(queued.items())))
    ledger.sent(viewer.id, "guests", result.invited, result.queued)
    return result


def _leave_dates(viewer: Member, number: int, now: datetime) -> list[datetime]:
    """Return when each of so many leaves: what the day, the week and the whole instance allow, the rest on the days after."""
    most, per_day, per_week, _halved = _caps(viewer, now)
    open_now, mine, everybody = _counts(viewer, now)
    if number and open_now + number > most:
        raise Refused(
            N_("You chose %(number)s, but only %(left)s more guests may be invited at once. Choose fewer."),
            number=number,
            left=max(0, most - open_now),
        )
    end = now + timedelta(seconds=config.setting("UNDO_SECONDS"))
    instance = max(1, config.setting("GUEST_MAILS_PER_DAY_INSTANCE"))
    dates: list[datetime] = []
    window = 0
    while len(dates) < number:
        week = sum(mine[day] for day in range(window - 6, window + 1))
        free = max(0, min(max(1, per_day) - mine[window], max(1, per_week) - week, instance - everybody[window]))
        taken = min(free, number - len(dates))
        dates += [end + window * DAY] * taken
        mine[window] += taken
        everybody[window] += taken
        window += 1
    return dates


def undo(viewer: Member, batch: Batch) -> int:
    """Take back what has not left of a batch, without a trace; return how many. Refused when everything has left."""
    if batch.member_id != viewer.id:
        raise NotFound
    undone = db.session.execute(
        delete(GuestInvitation).where(
            GuestInvitation.batch_id == batch.id,
            GuestInvitation.inviter_id == viewer.id,
            GuestInvitation.state.in_(HELD),
        )
    ).rowcount  # type: ignore[attr-defined]
    if not undone:
        raise Refused(TOO_LATE)
    ledger.add(viewer.id, "undone", who="guests", number=int(undone))
    return int(undone)


def withdraw(viewer: Member, keys: Sequence[str]) -> int:
    """Take invitations back: what has not left goes without a trace; else the link is dead at once and a card goes. Return how many."""
    given = select(values_of(list(keys) or [""]).c.value)
    mine = (GuestInvitation.inviter_id == viewer.id) & GuestInvitation.key.in_(given)
    gone = db.session.execute(
        delete(GuestInvitation)
        .where(mine, GuestInvitation.state.in_(HELD))
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]
    rows = db.session.scalars(
        select(GuestInvitation).where(mine, GuestInvitation.state.in_(("invited", "uncertain")))
    ).all()
    for row in rows:
        row.state, row.ended_at = "withdrawn", clock.now()
    shown.take_back(rows)
    db.session.flush()
    with ledger.together():
        for what, number in (("undone", int(gone)), ("withdrawn", len(rows))):
            if number:
                ledger.add(viewer.id, what, who="guests", number=number)
    return int(gone) + len(rows)


def cancel_unsent(member: Member) -> int:
    """Take back every invitation of a member's whose mail has not left, queued ones included; return how many.

    Of one whose mail is being handed over at this moment nobody can say; its link is dead as long as the member cannot be seen.
    """
    waits = select(OutgoingMail.guest_invitation_id).where(
        OutgoingMail.guest_invitation_id == GuestInvitation.id, OutgoingMail.state == "queued"
    )
    unsent = GuestInvitation.state.in_(HELD) | waits.exists()
    gone = (
        delete(GuestInvitation).where(GuestInvitation.inviter_id == member.id, unsent).returning(GuestInvitation.state)
    )
    states = db.session.scalars(gone.execution_options(synchronize_session=False)).all()
    # Of those that left already the ledger says nothing more: there a mail that waits would tell a stranger from a member who hides.
    held = sum(state in HELD for state in states)
    if held:
        ledger.add(member.id, "undone", who="guests", number=held)
    return len(states)


def told_since(now: datetime) -> datetime:
    """Return since when an invitation has ended whose inviter still reads what became of it; of earlier ones the keyed hash is kept."""
    return now - timedelta(days=config.setting("GUEST_LINK_DAYS"))


def put_off(member: Member, milliseconds: int) -> None:
    """Let every invitation of a member's that has not left leave so much later (below 0: earlier), each as far from the next as before."""
    columns: tuple[Any, ...] = (GuestInvitation.leaves_at, GuestInvitation.expires_at)
    later = update(GuestInvitation).where(GuestInvitation.inviter_id == member.id, GuestInvitation.state.in_(HELD))
    moved = later.values(
        {column: type_coerce(column, BigInteger) + milliseconds for column in columns} | {"state": "queued"}
    )
    db.session.execute(moved.execution_options(synchronize_session=False))
    db.session.expire_all()


def mine(viewer: Member) -> Select[GuestInvitation]:
    """Return the viewer's own guests, the latest first: who may still answer, and who did, or did not, lately."""
    return (
        select(GuestInvitation)
        .where(
            GuestInvitation.inviter_id == viewer.id,
            GuestInvitation.ended_at.is_(None) | (GuestInvitation.ended_at > told_since(clock.now())),
        )
        .order_by(GuestInvitation.created_at.desc(), GuestInvitation.id.desc())
    )
