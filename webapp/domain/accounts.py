"""Accounts: signing up, proving an address, signing in, and the ways back in.

Nothing here hashes a password: the handlers do, outside any transaction, and pass the hash on.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from limits import RateLimitItem
from sqlalchemy import and_, bindparam, delete, select, text, true, update
from sqlalchemy.orm import aliased

from webapp import addresses, clock, config, tokens
from webapp.domain import guessing, names, notices, throttles, tickets
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.archive import Archive
from webapp.models.invitation import GuestAddress
from webapp.models.member import SPECIAL, AppPassword, EmailAddress, Member, SignIn, Ticket, visible

NAME_CHARACTERS = 100
ADDRESSES = 10
"""How many a member has at most, proven or waiting to be."""
PASSWORD_CHARACTERS_MAX = 1000
CONFIRM_MINUTES = 24 * 60
RESET_MINUTES = 60
OPERATOR_MINUTES = 60
IDLE_DAYS = 14
SIGN_IN_DAYS = 90
UNVERIFIED_DAYS = 7
WRONG = N_("That email and password don't match.")
NO_OPERATOR = N_("%(address)s runs nothing here")
LAST_OPERATOR = N_("%(address)s is the only one who runs this community. Make somebody else an operator first")
FORM, INVITED, AT_THE_MACHINE = "form", "invited", "at the machine"
"""By which door somebody joins: by what they typed here, by a member's invitation, by a link printed where Kith runs."""
GONE = N_("This link has been used, or is too old. Ask for a new one.")


# Signing up


def check_name(name: str) -> str:
    """Return a name as it is kept; Invalid for one without a letter or a digit."""
    kept = addresses.display_name(name)
    if not any(letter.isalnum() for letter in kept):
        raise Invalid(name=N_("Enter your name"))
    return kept


def check_address(address: str) -> str:
    """Return an e-mail address as it is kept; Invalid for what is none, or could never be sent a mail."""
    kept = addresses.address(address)
    if kept is None:
        raise Invalid(email=N_("Enter an email address like name@example.com"))
    if not addresses.is_mailable(kept):
        raise Invalid(email=N_("Enter an address in plain letters, a to z; mail to others can't be sent from here"))
    return kept


def least_characters() -> int:
    """Return how many characters a password has at least."""
    return int(config.setting("PASSWORD_CHARACTERS"))


def check_new_password(password: str, *context: str) -> None:
    """Raise Invalid for a password that is too short or too easily guessed; `context` are the member's name and address."""
    least = least_characters()
    if len(password) < least:
        raise Invalid(
            password=N_("Use at least %(characters)s characters for your password").replace(
                "%(characters)s", str(least)
            )
        )
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise Invalid(password=N_("Use at most 1,000 characters for your password"))
    found = guessing.weakness(password, (config.setting("SITE_NAME"), *context))
    if found is not None:
        raise Invalid(password=found)


def sign_up(name: str, address: str, password_hash: str) -> Member | None:
    """Note a wish to join and return who it makes a member once they prove the address; None where somebody has it.

    What is shown must be the same for both; the owner of the address learns the rest by mail.
    """
    lookup = lookup_of(address)
    owner = by_lookup(lookup)
    if owner is not None:
        if _may_mail(throttles.CONFIRMATION_MAILS, lookup):
            outbox.put("already_member", to=owner)
        return None
    member = _new_member(name, password_hash)
    row = _new_address(member, address, lookup)
    send_confirmation(row)
    return member


def confirm_again(address: str) -> None:
    """Send the confirmation once more to whoever waits for one at this address; nobody else hears anything."""
    lookup = lookup_of(address)
    waiting = db.session.scalars(
        select(EmailAddress)
        .join(Member)
        .where(EmailAddress.lookup == lookup, EmailAddress.verified_at.is_(None), Member.verified_at.is_(None))
        .order_by(EmailAddress.id.desc())
        .limit(1)
    ).first()
    if waiting is not None:
        send_confirmation(waiting)
    else:
        _count_for_nobody(throttles.CONFIRMATION_MAILS, lookup)


def send_confirmation(row: EmailAddress, kind: str = "confirmation") -> bool:
    """Send the mail that asks whether an address is theirs; whether it was sent, and not often enough before."""
    if not _may_mail(throttles.CONFIRMATION_MAILS, row.lookup):
        return False
    outbox.put(kind, to=db.session.get(Member, row.member_id), address=row)
    return True


def _count_for_nobody(limit: RateLimitItem, lookup: str) -> None:
    """Do what `_may_mail` does, where there is nobody to mail: the answer must not come sooner."""
    db.session.scalar(select(GuestAddress.opted_out_at).where(GuestAddress.lookup == lookup))
    throttles.count(limit, "nobody", lookup)


def _may_mail(limit: RateLimitItem, lookup: str) -> bool:
    """Count a mail that somebody asked for at an address; an address that wants no mail gets one a month at most."""
    wants_none = db.session.scalar(select(GuestAddress.opted_out_at).where(GuestAddress.lookup == lookup))
    return throttles.count(limit, lookup) and (wants_none is None or throttles.count(throttles.MAILS_OPTED_OUT, lookup))


def _new_member(name: str, password_hash: str) -> Member:
    member = Member(name=name, handle=_free_handle(name), password_hash=password_hash, created_at=clock.now())
    names.refresh(member)
    db.session.add(member)
    db.session.flush()
    return member


def _free_handle(name: str) -> str:
    while True:
        handle = names.new_handle(name)
        if db.session.scalar(select(Member.id).where(Member.handle == handle)) is None:
            return handle


def _new_address(member: Member, address: str, lookup: str, *, primary: bool = True) -> EmailAddress:
    row = EmailAddress(member_id=member.id, address=address, lookup=lookup, is_primary=primary, created_at=clock.now())
    db.session.add(row)
    db.session.flush()
    return row


def create_verified(name: str, address: str, password_hash: str, door: str = FORM) -> Member:
    """Return a new member whose address is proven (a link in a mail to it was used); Refused where somebody has it already."""
    member = _new_member(name, password_hash)
    verify(_new_address(member, address, lookup_of(address)), door=door)
    return member


def add_verified(member: Member, address: str) -> None:
    """Give a member one more address that is proven; Refused where somebody else has it."""
    lookup = lookup_of(address)
    if by_lookup(lookup) is None:
        verify(_new_address(member, address, lookup, primary=False))
    elif by_lookup(lookup) != member:
        raise Refused(N_("This address belongs to an account already. Sign in with it"))


# Proving an address


def awaiting(token: str) -> tuple[Member, EmailAddress] | None:
    """Return who is to be confirmed by a link, and which address; None for a link that is used or too old. Uses nothing up."""
    ticket = tickets.peek("confirm", token)
    return None if ticket is None else _address_of(int(ticket.payload["address_id"]))


def _address_of(address_id: int) -> tuple[Member, EmailAddress] | None:
    row = db.session.execute(
        select(Member, EmailAddress)
        .join(EmailAddress, EmailAddress.member_id == Member.id)
        .where(EmailAddress.id == address_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def confirm(token: str) -> tuple[Member, EmailAddress]:
    """Use a confirmation link up and verify its address; Refused for a link that is used or too old."""
    ticket = tickets.take("confirm", token)
    found = None if ticket is None else _address_of(int(ticket.payload["address_id"]))
    if found is None:
        raise Refused(GONE)
    verify(found[1])
    return found


_GATE: list[Callable[[Member, str, str], None]] = []


def gate(ask: Callable[[Member, str, str], None]) -> None:
    """Have `ask` called with the member, the keyed hash and the door before an address counts as proven: the one place where all come by.

    It raises Refused where they may not come in.
    """
    _GATE.append(ask)


def verify(row: EmailAddress, *, tell: bool = True, door: str = FORM) -> None:
    """Take an address as proven. Other accounts that only claimed it are dropped; an opt-out of invitations is lifted.

    The member's other addresses are told, unless `tell` says no. Refused where another member has proven it before, and at the gate.
    """
    owner = by_lookup(row.lookup)
    if owner is not None and owner.id != row.member_id:
        raise Refused(N_("This address belongs to an account already. Sign in with it"))
    now = clock.now()
    member = db.session.get_one(Member, row.member_id)
    for ask in _GATE:
        ask(member, row.lookup, door)
    if row.verified_at is None and tell:
        notices.tell(member, "added", row.address)
    row.verified_at = row.verified_at or now
    member.verified_at = member.verified_at or now
    db.session.flush()
    other = aliased(EmailAddress)
    claimed = (
        select(Member.id)
        .join(other, other.member_id == Member.id)
        .where(other.lookup == row.lookup, Member.verified_at.is_(None))
    )
    db.session.execute(delete(Member).where(Member.id.in_(claimed)))
    db.session.execute(delete(EmailAddress).where(EmailAddress.lookup == row.lookup, EmailAddress.id != row.id))
    db.session.execute(update(GuestAddress).where(GuestAddress.lookup == row.lookup).values(opted_out_at=None))


def drop_unverified(now: datetime) -> int:
    """Delete the accounts, and the added addresses, that nobody proved in seven days; return how many accounts."""
    old = now - timedelta(days=UNVERIFIED_DAYS)
    added = EmailAddress.verified_at.is_(None) & ~EmailAddress.is_primary
    db.session.execute(delete(EmailAddress).where(added, EmailAddress.created_at < old))
    few = text(f"({SPECIAL})")
    return db.session.execute(delete(Member).where(few, Member.verified_at.is_(None), Member.created_at < old)).rowcount  # type: ignore[attr-defined,no-any-return]


# Several addresses


def addresses_of(member: Member) -> Sequence[EmailAddress]:
    """Return a member's addresses, proven or not; the primary one first."""
    mine = select(EmailAddress).where(EmailAddress.member_id == member.id)
    return db.session.scalars(mine.order_by(EmailAddress.is_primary.desc(), EmailAddress.id)).all()


def own_address(member: Member, address_id: int) -> EmailAddress:
    """Return one of the member's addresses, else NotFound."""
    row = db.session.scalar(
        select(EmailAddress).where(EmailAddress.member_id == member.id, EmailAddress.id == address_id)
    )
    if row is None:
        raise NotFound
    return row


def add_address(member: Member, address: str) -> None:
    """Ask by mail whether an address is the member's; asking again sends the mail again. It counts for nothing until it is proven.

    The answer is the same for an address that belongs to somebody else, who learns of it by mail. Invalid for one the member has proven,
    Refused beyond ten.
    """
    db.session.execute(select(Member.id).where(Member.id == member.id).with_for_update())
    lookup = lookup_of(address)
    there = addresses_of(member)
    row = next((each for each in there if each.lookup == lookup), None)
    if row is not None and row.verified_at is not None:
        raise Invalid(email=N_("You have this address already"))
    if row is None:
        if len(there) >= ADDRESSES:
            raise Refused(N_("You have ten addresses. Remove one first"))
        row = _new_address(member, address, lookup, primary=False)
    owner = by_lookup(lookup)
    if owner is None:
        send_confirmation(row, "new_address")
    elif _may_mail(throttles.CONFIRMATION_MAILS, lookup):
        outbox.put("already_member", to=owner)


def make_primary(member: Member, address_id: int) -> None:
    """Let a proven address be the one mail goes to; the others are told. Links for a new password end, wherever they went.

    Refused for one that is not proven, NotFound for anybody else's.
    """
    row = own_address(member, address_id)
    if row.verified_at is None:
        raise Refused(N_("Confirm this address first, with the link in the mail we sent there"))
    if row.is_primary:
        return
    notices.tell(member, "primary", row.address)
    tickets.end("reset", member)
    db.session.execute(update(EmailAddress).where(EmailAddress.member_id == member.id).values(is_primary=False))
    db.session.execute(update(EmailAddress).where(EmailAddress.id == row.id).values(is_primary=True))


def remove_address(member: Member, address_id: int) -> None:
    """Take an address off the account; what it brought about stays. It and the others are told, and links for a new password end.

    Refused for the primary one, NotFound for anybody else's.
    """
    row = own_address(member, address_id)
    if row.is_primary:
        raise Refused(N_("Mail to you goes to this address. Make another one the primary first"))
    if row.verified_at is not None:
        notices.tell(member, "removed", row.address)
        tickets.end("reset", member)
    db.session.delete(row)
    db.session.flush()


# Finding an account


def lookup_of(address: str) -> str:
    """Return the keyed hash under which an address is found."""
    return tokens.keyed_hash(addresses.key(address))


def lookup_of_typed(address: str) -> str:
    """Return the keyed hash of whatever was typed as an address, to count tries by; never fails."""
    kept = addresses.address(address)
    return tokens.keyed_hash(addresses.key(kept) if kept else f"? {address[:254].lower()}")


def by_lookup(lookup: str) -> Member | None:
    """Return the member who has proven the address with this keyed hash."""
    return db.session.scalar(
        select(Member)
        .join(EmailAddress, EmailAddress.member_id == Member.id)
        .where(EmailAddress.lookup == lookup, EmailAddress.verified_at.is_not(None))
    )


def by_address(address: str) -> Member | None:
    """Return the member who has proven this address."""
    kept = addresses.address(address)
    return None if kept is None else by_lookup(lookup_of(kept))


def primary_address(member: Member) -> str:
    """Return the address a member signs in with and gets mail at."""
    return db.session.scalars(_PRIMARY, {"member": member.id}).one()


_PRIMARY = select(EmailAddress.address).where(EmailAddress.member_id == bindparam("member"), EmailAddress.is_primary)


# Signing in


def start_sign_in(member: Member, agent: str) -> str:
    """Return the token of a new sign-in; only its digest is kept."""
    token = tokens.new()
    now = clock.now()
    db.session.add(
        SignIn(member_id=member.id, digest=tokens.digest(token), agent=agent[:80], created_at=now, seen_at=now)
    )
    db.session.flush()
    return token


HOLDS = and_(
    SignIn.member_id == Member.id,
    SignIn.digest == bindparam("digest"),
    SignIn.seen_at > bindparam("seen_after"),
    SignIn.created_at > bindparam("created_after"),
    Member.verified_at.is_not(None),
)
"""The SQL condition that a sign-in signs its member in; `given_for` says with what it is to be run."""
# Built once: every request asks the one or the other.
SIGNED_IN = select(Member, SignIn).join_from(Member, SignIn, HOLDS)
SIGNED_IN_ID = select(Member.id).join_from(Member, SignIn, HOLDS).where(visible())


def given_for(token: str, idle: timedelta = timedelta(days=IDLE_DAYS)) -> dict[str, Any]:
    """Return what HOLDS is run with for a token; one that stood idle for longer does not hold."""
    now = clock.now()
    return {
        "digest": tokens.digest(token),
        "seen_after": now - idle,
        "created_after": now - timedelta(days=SIGN_IN_DAYS),
    }


def signed_in(token: str) -> tuple[Member, SignIn] | None:
    """Return who a token signs in, unless it was ended, stood idle for 14 days, or is 90 days old.

    Also who leaves or is suspended: what they see then is decided by `web/access.py`.
    """
    row = db.session.execute(SIGNED_IN, given_for(token)).one_or_none()
    return None if row is None else (row[0], row[1])


def note_seen(sign_in_id: int) -> None:
    """Keep a sign-in from standing idle."""
    db.session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=clock.now()))


def sign_ins_of(member: Member) -> Sequence[SignIn]:
    """Return where a member is signed in, the latest first."""
    return db.session.scalars(
        select(SignIn).where(SignIn.member_id == member.id).order_by(SignIn.seen_at.desc(), SignIn.id.desc())
    ).all()


_BEFORE_SIGN_INS_END: list[Callable[[Any], None]] = []


def before_sign_ins_end(tell: Callable[[Any], None]) -> None:
    """Have `tell` called with the condition of the sign-ins that are about to be deleted, for what ends with them and says so."""
    _BEFORE_SIGN_INS_END.append(tell)


def _sign_ins_end(ending: Any) -> None:
    for tell in _BEFORE_SIGN_INS_END:
        tell(ending)


def end_sign_in(member: Member, sign_in_id: int) -> None:
    """End one of the member's sign-ins; NotFound for anybody else's, and for one that has ended."""
    _sign_ins_end((SignIn.member_id == member.id) & (SignIn.id == sign_in_id))
    ended = delete(SignIn).where(SignIn.member_id == member.id, SignIn.id == sign_in_id).returning(SignIn.id)
    if db.session.scalar(ended) is None:
        raise NotFound


def end_token(token: str) -> None:
    """End the sign-in that a token stands for, whoever's it is; nothing for one that has ended."""
    ending = SignIn.digest == tokens.digest(token)
    _sign_ins_end(ending)
    db.session.execute(delete(SignIn).where(ending))


def end_other_sign_ins(member: Member, keep: str | None = None) -> None:
    """End the member's sign-ins everywhere, but for the one with the token `keep`. An archive to be downloaded goes, too."""
    ending = SignIn.member_id == member.id
    if keep:
        ending &= SignIn.digest != tokens.digest(keep)
    _sign_ins_end(ending)
    db.session.execute(delete(SignIn).where(ending))
    # Without the key in this row its file is noise, which the next sweep deletes.
    db.session.execute(delete(Archive).where(Archive.member_id == member.id))


def end_sign_ins(member: Member | None) -> int:
    """End every sign-in of a member, or of all members; return how many. For whoever runs the machine."""

    def whose(column: Any) -> Any:
        return true() if member is None else column == member.id

    db.session.execute(delete(Archive).where(whose(Archive.member_id)))
    _sign_ins_end(whose(SignIn.member_id))
    return db.session.execute(delete(SignIn).where(whose(SignIn.member_id))).rowcount  # type: ignore[attr-defined,no-any-return]


def sweep_sign_ins(now: datetime) -> int:
    """Delete the sign-ins that ended by themselves; return how many."""
    ended = (SignIn.seen_at <= now - timedelta(days=IDLE_DAYS)) | (
        SignIn.created_at <= now - timedelta(days=SIGN_IN_DAYS)
    )
    _sign_ins_end(ended)
    return db.session.execute(delete(SignIn).where(ended)).rowcount  # type: ignore[attr-defined,no-any-return]


# Ways back in


def ask_reset(address: str) -> None:
    """Mail a link to set a new password to the member with this address; to anybody else nothing, and nobody is told which.

    Who is leaving gets no mail either: the one they got has a link by which they stay.
    """
    lookup = lookup_of(check_address(address))
    member = by_lookup(lookup)
    if member is None or member.deleted_at is not None:
        _count_for_nobody(throttles.RESET_MAILS, lookup)
    elif _may_mail(throttles.RESET_MAILS, lookup):
        outbox.put("reset", to=member)


def awaiting_reset(token: str) -> Member | None:
    """Return whose password a link can set; None for one that is used or too old. Uses nothing up."""
    ticket = tickets.peek("reset", token)
    return None if ticket is None or ticket.member_id is None else db.session.get(Member, ticket.member_id)


def reset(token: str, password_hash: str) -> Member:
    """Use a reset link up: the new password holds, every sign-in ends, a mail tells so. Refused for a link that is used or too old."""
    ticket = tickets.take("reset", token)
    if ticket is None or ticket.member_id is None:
        raise Refused(GONE)
    member = db.session.get_one(Member, ticket.member_id)
    set_password(member, password_hash)
    return member


def set_password(member: Member, password_hash: str, keep: str | None = None) -> None:
    """Set a new password. Other sign-ins than `keep`, every app password and every reset link end; each proven address is told."""
    member.password_hash = password_hash
    end_other_sign_ins(member, keep)
    db.session.execute(delete(AppPassword).where(AppPassword.member_id == member.id))
    tickets.end("reset", member)
    tickets.end(tickets.SECOND_STEP, member)
    notices.tell(member, "password")


def rehash(member_id: int, before: str, after: str) -> None:
    """Keep the same password under today's parameters, unless it was changed meanwhile."""
    db.session.execute(
        update(Member).where(Member.id == member_id, Member.password_hash == before).values(password_hash=after)
    )


def make_operator(typed: str) -> str | None:
    """Make whoever has this address an operator; their address counts as proven, because whoever runs the machine says so.

    Where nobody has it, return the token of a link with which its owner joins as an operator (60 minutes, used once).
    """
    address = check_address(typed)
    lookup = lookup_of(address)
    found = by_lookup(lookup)
    if found is None:
        row = db.session.scalars(
            select(EmailAddress).where(EmailAddress.lookup == lookup).order_by(EmailAddress.id.desc()).limit(1)
        ).first()
        if row is None:
            return tickets.issue("operator", minutes=OPERATOR_MINUTES, address=address)
        verify(row, door=AT_THE_MACHINE)
        found = db.session.get_one(Member, row.member_id)
    found.is_operator = True
    return None


def end_operator_links() -> None:
    """Let no link make an operator that was printed before."""
    db.session.execute(delete(Ticket).where(Ticket.purpose == "operator"))


def operator_link() -> str:
    """Return the token of a link with which whoever opens it joins as an operator, with an address they name (60 minutes, used once)."""
    return tickets.issue("operator", minutes=OPERATOR_MINUTES, address="")


def has_operators() -> bool:
    """Whether somebody runs this instance, suspended and leaving ones included."""
    return db.session.scalar(select(Member.id).where(Member.is_operator).limit(1)) is not None


def drop_operator(typed: str) -> None:
    """Make an operator a member like any other. Refused for who is none, and for the last one there is."""
    db.session.execute(select(Member.id).where(Member.is_operator).order_by(Member.id).with_for_update())
    found = by_address(check_address(typed))
    if found is None or not found.is_operator:
        raise Refused(NO_OPERATOR, address=typed)
    others = select(Member.id).where(Member.is_operator, visible(), Member.id != found.id)
    if db.session.scalar(others.limit(1)) is None:
        raise Refused(LAST_OPERATOR, address=typed)
    found.is_operator = False


def awaiting_operator(token: str) -> str | None:
    """Return the address for which a link makes an operator, "" where they name it; None for one that is used or too old.

    Uses nothing up.
    """
    ticket = tickets.peek("operator", token)
    return None if ticket is None else str(ticket.payload["address"])


def join_as_operator(token: str, name: str, password_hash: str, address: str = "") -> Member:
    """Use such a link up: its address (else the given one) joins and runs the instance. Refused for a link that is used or too old.

    The address counts as proven: the link was printed at the machine, for whoever runs it.
    """
    ticket = tickets.take("operator", token)
    if ticket is None:
        raise Refused(GONE)
    member = create_verified(name, str(ticket.payload["address"]) or address, password_hash, AT_THE_MACHINE)
    member.is_operator = True
    return member
