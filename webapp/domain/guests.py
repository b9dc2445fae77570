"""Guests: inviting people who are not members by mail, and what becomes of it.

What an inviter sees is the row's `state`. Whatever must not be seen (no mail because the address had one, opted out, a member who hides or
ignores) changes nothing in it: outwardly such an invitation is "invited, no answer yet" until its 30 days end. So inviting never asks
whether the address belongs to a member; the worker does, after the hold.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp import addresses, clock, config, tokens
from webapp.domain import accounts, announcing, relationships, telling
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.relationships.states import TOO_LATE
from webapp.extensions import db
from webapp.mail import outbox, render
from webapp.models.batch import insert_ignoring, is_sqlite, values_of
from webapp.models.invitation import Batch, GuestAddress, GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Member, visible

DAY = timedelta(days=1)
HELD = ("held", "queued")
OPEN = (*HELD, "invited", "uncertain")
RELEASED_AT_ONCE = 500
BOUNCES_OF = 50
BOUNCES_MOST = 5
LINK_OF_PREVIEW = "A-LINK-OF-THEIR-OWN-24ch"
OFF = N_("Invitations are off while email isn't set up. Ask your administrator.")
OVER = N_("This invitation is no longer open.")
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


# Inviting


def check_note(note: str) -> str:
    """Return a note as it is kept; Invalid when it is too long, or leads anywhere: mail programs make links of addresses."""
    kept = relationships.check_note(note)
    if _LINK.search(kept):
        raise Invalid(note=N_("Leave links out of your note."))
    return kept


def facts_for(viewer: Member, *, name: str, address: str, note: str, reply_to: bool, source: str) -> dict[str, Any]:
    """Return everything the mail to this guest says, for the preview; all but the link of their own is what will be sent."""
    facts = render.common_facts() | _frozen(viewer, note, source, reply_to=reply_to)
    opt_out = f"{facts['base_url']}/optout/{tokens.sign('optout', tokens.keyed_hash(addresses.key(address)))}"
    links = {
        "link": f"{facts['base_url']}/join/{LINK_OF_PREVIEW}",
        "opt_out_link": opt_out,
        "not_me_link": f"{opt_out}?not-me=1",
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
    viewer: Member, people: Sequence[Invitee], *, note: str = "", reply_to: bool = False, source: str = ""
) -> Result:
    """Invite people by mail. It is held for UNDO_SECONDS; over the day's number it leaves on the following days.

    Refused, with both numbers, where more would be open than may be; then nothing is sent. Whom the viewer invited within a year is
    left out.
    """
    if not outbox.guest_mail_possible():
        raise Refused(OFF)
    note = check_note(note)
    relationships.lock_members([viewer.id])
    now = clock.now()
    unique = {invitee.lookup: invitee for invitee in people if addresses.is_mailable(invitee.address)}
    known = status_of(viewer, list(unique))
    asking = [invitee for lookup, invitee in unique.items() if lookup not in known or known[lookup].again_from <= now]
    leaves = _leave_dates(viewer, len(asking), now)
    if not asking:
        return Result(already=len(people))
    batch = Batch(key=tokens.new(), member_id=viewer.id, created_at=now, held_until=leaves[0])
    db.session.add(batch)
    db.session.flush()
    end = now + timedelta(seconds=config.setting("UNDO_SECONDS"))
    frozen = _frozen(viewer, note, source, reply_to=reply_to)
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
    return Result(batch, len(leaves) - sum(queued.values()), len(people) - len(asking), dict(sorted(queued.items())))


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
    _take_cards_back(rows)
    return int(gone) + len(rows)


def _take_cards_back(rows: Sequence[GuestInvitation]) -> None:
    """Take the cards of invitations that ended away, and the mails that have not left."""
    for row in rows:
        db.session.execute(
            delete(OutgoingMail).where(OutgoingMail.guest_invitation_id == row.id, OutgoingMail.state == "queued")
        )
        if row.joined_id is not None:
            telling.retract("guest_invitation", [(row.joined_id, row.inviter_id)], mail="guest_card")


def mine(viewer: Member) -> Select[GuestInvitation]:
    """Return the viewer's own guests, the latest first."""
    return (
        select(GuestInvitation)
        .where(GuestInvitation.inviter_id == viewer.id)
        .order_by(GuestInvitation.created_at.desc(), GuestInvitation.id.desc())
    )


# By itself


def release(now: datetime) -> int:
    """Let go what was held: a card where the address belongs to a member who may be asked, else a mail on the table. Return how many."""
    rows = db.session.scalars(
        select(GuestInvitation)
        .where(GuestInvitation.state.in_(HELD), GuestInvitation.leaves_at <= now)
        .order_by(GuestInvitation.leaves_at, GuestInvitation.id)
        .limit(RELEASED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return 0
    members = _members_of({row.lookup for row in rows})
    senders = set(
        db.session.scalars(
            select(Member.id)
            .join(given := values_of([row.inviter_id for row in rows]), given.c.value == Member.id)
            .where(visible())
        )
    )
    cards = [(row, members[row.lookup]) for row in rows if row.lookup in members]
    for row in rows:
        row.state = "invited"
        if row.inviter_id not in senders:
            row.state, row.ended_at = "withdrawn", now
    _deal(cards, now)
    mails = [row.id for row in rows if row.lookup not in members and row.inviter_id in senders]
    if mails:
        db.session.execute(
            insert(OutgoingMail),
            [
                {
                    "kind": "guest_invitation",
                    "guest_invitation_id": row_id,
                    "facts": {},
                    "created_at": now,
                    "not_before": now,
                }
                for row_id in mails
            ],
        )
    return len(rows)


def _members_of(lookups: set[str]) -> dict[str, int]:
    given = values_of(sorted(lookups))
    rows = db.session.execute(
        select(EmailAddress.lookup, EmailAddress.member_id)
        .join(given, given.c.value == EmailAddress.lookup)
        .join(Member, Member.id == EmailAddress.member_id)
        .where(EmailAddress.verified_at.is_not(None))
    )
    return {row.lookup: row.member_id for row in rows}


def _deal(cards: Sequence[tuple[GuestInvitation, int]], now: datetime) -> None:
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


def expire(now: datetime) -> int:
    """End what nobody answered in GUEST_LINK_DAYS, for the inviter and the guest on the same day; return how many."""
    rows = db.session.scalars(
        select(GuestInvitation).where(
            GuestInvitation.state.in_(("invited", "uncertain")), GuestInvitation.expires_at <= now
        )
    ).all()
    for row in rows:
        row.state, row.ended_at = "expired", now
    _take_cards_back(rows)
    return len(rows)


def sweep(now: datetime) -> int:
    """Free the addresses of invitations that ended, and forget keyed hashes of addresses after a year; return how many."""
    freed = db.session.execute(
        update(GuestInvitation)
        .where(GuestInvitation.ended_at <= now, GuestInvitation.address.is_not(None))
        .values(address=None)
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]
    year = now - timedelta(days=config.setting("GUEST_MAIL_DAYS"))
    db.session.execute(
        delete(GuestAddress).where(
            GuestAddress.opted_out_at.is_(None),
            or_(GuestAddress.mailed_at.is_(None), GuestAddress.mailed_at <= year),
            or_(GuestAddress.undeliverable_until.is_(None), GuestAddress.undeliverable_until <= now),
            or_(GuestAddress.link_expires_at.is_(None), GuestAddress.link_expires_at <= now),
        )
    )
    return int(freed)


# The guest's side


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
    return Link(lookup, first.address or "", first.name, tuple(row[0] for row in rows), tuple(row[1] for row in rows))


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
    """Use a link up: it proves the address, the account is made, and the inviters left ticked are connected and told once."""
    link = take(token)
    member = accounts.create_verified(name, link.address, password_hash)
    announcing.joined(member, _answer(link, member, inviters))
    return member


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
    _deal([(row, member.id) for row in rows], clock.now())
    return len(rows)


def cards(viewer: Member) -> Select[GuestInvitation, Member]:
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
    _take_cards_back([row])
    return row


def ignore_card(viewer: Member, key: str) -> GuestInvitation:
    """Put such an invitation aside; the inviter sees no difference."""
    row = _card(viewer, key)
    row.quiet_at, row.quiet_reason = clock.now(), "member_ignored"
    _take_cards_back([row])
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
    _take_cards_back(rows)
    outbox.retract("guest_card", [(one.id, other.id), (other.id, one.id)])


def opt_out(lookup: str, reason: str = "opted_out") -> None:
    """Never send this address an invitation again, whoever asks; what waits for it ends, and no inviter can tell."""
    now = clock.now()
    db.session.execute(insert_ignoring(GuestAddress, lookup=lookup))
    db.session.execute(
        update(GuestAddress).where(GuestAddress.lookup == lookup).values(link_digest=None, link_expires_at=None)
    )
    db.session.execute(
        update(GuestAddress)
        .where(GuestAddress.lookup == lookup, GuestAddress.opted_out_at.is_(None))
        .values(opted_out_at=now)
    )
    _quiet(lookup, reason, now)


def _quiet(lookup: str, reason: str, now: datetime) -> None:
    db.session.execute(
        update(GuestInvitation)
        .where(GuestInvitation.lookup == lookup, GuestInvitation.state.in_(OPEN), GuestInvitation.quiet_at.is_(None))
        .values(quiet_at=now, quiet_reason=reason)
        .execution_options(synchronize_session=False)
    )


def erase(lookup: str) -> None:
    """Erase an address everywhere it is kept for an invitation, and send it none for a year (a keyed hash with the date stays)."""
    now = clock.now()
    _quiet(lookup, "erased", now)
    db.session.execute(
        update(GuestInvitation)
        .where(GuestInvitation.lookup == lookup)
        .values(address=None)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(insert_ignoring(GuestAddress, lookup=lookup, mailed_at=now))
    db.session.execute(
        update(GuestAddress)
        .where(GuestAddress.lookup == lookup)
        .values(link_digest=None, link_expires_at=None, mailed_at=now)
    )


def provenance(lookup: str) -> list[Any]:
    """Return what is stored of an address: by whom and when it was given, and from what; for its owner."""
    return list(
        db.session.execute(
            select(Member.name, GuestInvitation.facts, GuestInvitation.created_at, GuestInvitation.address)
            .join(Member, Member.id == GuestInvitation.inviter_id)
            .where(GuestInvitation.lookup == lookup, GuestInvitation.state.in_(("invited", "uncertain")), visible())
            .order_by(GuestInvitation.created_at)
        ).all()
    )
