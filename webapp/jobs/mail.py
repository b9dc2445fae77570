"""Sending what is on the table: each mail is claimed in a commit of its own before a mail server hears of it.

So a crash leaves at most one mail for each worker of which nobody can say whether it left. It becomes "uncertain", is shown to whoever
caused it, and is never sent again by itself, except for the few kinds that are harmless twice and dear to miss (`Kind.again`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import default as mail_policy
from typing import Any

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from webapp import addresses, clock, config, metrics, tokens
from webapp.domain import (
    acts,
    archives,
    cards,
    events,
    held,
    introductions,
    joining,
    leaving,
    ledger,
    messages,
    notices,
    notifications,
    relationships,
    saved_searches,
    tickets,
)
from webapp.domain.errors import N_
from webapp.domain.second_steps import telling
from webapp.extensions import db
from webapp.mail import bounces, render, smtp
from webapp.mail.catalog import KINDS, Kind
from webapp.models.base import from_ms
from webapp.models.batch import insert_ignoring
from webapp.models.invitation import GuestAddress, GuestInvitation, Inquiry
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import EmailAddress, Member
from webapp.transaction import transaction

log = structlog.get_logger("kith.jobs")

LEASE = timedelta(minutes=10)
"""After so long a claim belongs to a worker that died; longer than any handing over takes."""
DIGEST_LINES = 12
BACKOFF_MINUTES = (1, 2, 5, 15, 30, 60)


@dataclass(frozen=True)
class Claimed:
    """A mail that this worker, and nobody else, may hand over once."""

    id: int
    kind: str
    recipient: str
    message: EmailMessage


class _Skip(Exception):
    """The mail is not to be sent; the reason is kept with it."""


def deliver_due(most: int = 1000) -> int:
    """Send what is due, one after the other, at most so many; return how many were tried. Two workers never send the same one."""
    for turn in range(most):
        claimed = claim()
        if claimed is None:
            return turn
        deliver(claimed)
    return most


def claim() -> Claimed | None:
    """Claim the next mail that is due, and commit that; None when there is none left.

    Everything is checked again here: whether the recipient is still there and wants it, and whether a guest's address had its one mail.
    """
    while True:
        with transaction():
            now = clock.now()
            row = db.session.scalars(
                select(OutgoingMail)
                .where(OutgoingMail.state == "queued", OutgoingMail.not_before <= now)
                .order_by(OutgoingMail.not_before, OutgoingMail.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if row is None:
                return None
            try:
                with db.session.begin_nested():
                    claimed = _claim(row, now)
            except SQLAlchemyError:
                raise
            except Exception as error:
                # Whatever is wrong with this one, those behind it have nothing to do with it.
                log.exception("mail cannot be written", kind=row.kind, mail=row.id)
                row.attempts += 1
                _queue_again(row, f"It cannot be written: {type(error).__name__}")
            else:
                if claimed is not None:
                    return claimed


def _claim(row: OutgoingMail, now: datetime) -> Claimed | None:
    """Claim this mail; None, with the reason kept, for one that is not to be sent."""
    try:
        recipient, facts = _prepare(row, now)
    except _Skip as reason:
        row.state, row.reason = "skipped", str(reason)
        return None
    message = render.message(render.render(row.kind, facts), recipient)
    row.state, row.claimed_at, row.attempts = "claimed", now, row.attempts + 1
    return Claimed(row.id, row.kind, recipient, message)


def deliver(mail: Claimed) -> bool:
    """Hand a claimed mail over and record what came of it; whether it left."""
    if not config.setting("SMTP_URL"):
        with transaction():
            _keep_in_mailbox(mail)
            _record(mail.id, "sent")
        return True
    outcome = "sent"
    try:
        smtp.hand_over(mail.message, bounces.return_path(mail.id), mail.recipient)
    except smtp.Later as reason:
        outcome = "refused for now"
        with transaction():
            _again(mail.id, str(reason))
    except smtp.Never as reason:
        outcome = "failed"
        with transaction():
            _record(mail.id, "failed", str(reason))
    except smtp.Unknown as reason:
        outcome = "uncertain"
        with transaction():
            _lost(mail.id, str(reason))
    else:
        with transaction():
            _record(mail.id, "sent")
    metrics.mail(outcome)
    return outcome == "sent"


def read_report(raw: bytes, address: str = "") -> bool:
    """Read a delivery report; whether it says for good that one of our mails, named by the signed return path, cannot be delivered.

    `address` is where the report was delivered to, if the mail server says so; else its headers are asked. Twice is once.
    """
    report = message_from_bytes(raw, policy=mail_policy)
    found = (bounces.mail_of(each) for each in (address, *bounces.addressees(report)))
    mail_id = next((each for each in found if each is not None), None)
    status = bounces.refusal(report)
    if mail_id is None or status is None:
        return False
    with transaction():
        _record(mail_id, "failed", f"{status} in a delivery report")
    return True


def give_up_claims(now: datetime) -> int:
    """Settle the claims that workers left behind when they died, in the transaction of the caller; return how many."""
    left = db.session.scalars(
        select(OutgoingMail.id).where(OutgoingMail.state == "claimed", OutgoingMail.claimed_at < now - LEASE)
    ).all()
    for mail_id in left:
        _lost(mail_id, "The worker stopped while it was sending this.")
    return len(left)


def sweep(now: datetime) -> int:
    """Forget mails that ended MAIL_DAYS ago, in the transaction of the caller; return how many."""
    old = now - timedelta(days=config.setting("MAIL_DAYS"))
    ended = delete(OutgoingMail).where(OutgoingMail.created_at <= old, OutgoingMail.state.not_in(("queued", "claimed")))
    return int(db.session.execute(ended.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


# What a mail says, gathered in the transaction that claims it


def _prepare(row: OutgoingMail, now: datetime) -> tuple[str, dict[str, Any]]:
    kind = KINDS.get(row.kind)
    if kind is None:
        raise _Skip("there is no such mail any more")
    if row.created_at < now - timedelta(days=kind.days) - _waited(row):
        raise _Skip("too old")
    facts = render.common_facts() | row.facts
    member = db.session.get(Member, row.to_member_id) if row.to_member_id else None
    if member is None:
        return _outside(row, now, facts)
    if not kind.unproven and not member.is_visible:
        raise _Skip("the account is not in use")
    if kind.preference and not events.wants_mail(member, kind.preference):
        raise _Skip("the member wants no such mail, or waits for the digest")
    if kind.notice:
        return _notice(row, member, facts)
    address = _address_of(row, member, kind)
    gathering = GATHERED.get(row.kind)
    if gathering is not None:
        return address.address, facts | {"name": member.name} | gathering(row, member, facts["base_url"])
    if row.kind in leaving.MAILS:
        return address.address, facts | {"name": member.name, "proof": leaving.proof(row.facts["counts"])}
    return address.address, facts | {"name": member.name} | _links(row, member, address, facts["base_url"])


def _waited(row: OutgoingMail) -> timedelta:
    """How long a mail was meant to wait; that does not make it old."""
    return max(row.not_before - row.created_at, timedelta(0)) if row.attempts == 0 else timedelta(0)


def _address_of(row: OutgoingMail, member: Member, kind: Kind) -> EmailAddress:
    wanted = select(EmailAddress).where(EmailAddress.member_id == member.id)
    wanted = (
        wanted.where(EmailAddress.id == row.address_id) if row.address_id else wanted.where(EmailAddress.is_primary)
    )
    address = db.session.scalars(wanted).one_or_none()
    if address is None or (address.verified_at is None and not kind.unproven):
        raise _Skip("the address is gone or not proven")
    if not addresses.is_mailable(address.address):
        raise _Skip("a mail server cannot be told this address")
    return address


def _links(row: OutgoingMail, member: Member, address: EmailAddress, base: str) -> dict[str, Any]:
    """Return the links of a mail to a member, with fresh tickets where it needs one."""
    if row.kind in {"confirmation", "new_address"}:
        token = tickets.issue("confirm", minutes=24 * 60, member=member, address_id=address.id)
        said = {"link": f"{base}/confirm/{token}", "hours": 24}
        return said if row.kind == "new_address" else said | {"decided": joining.asks_why()}
    if row.kind == "reset":
        token = tickets.issue("reset", minutes=60, member=member, only=True)
        return {"link": f"{base}/reset/{token}", "minutes": 60}
    if row.kind == "leaving":
        return _staying(member, base)
    if row.kind == joining.APPROVED:
        return {"link": base}
    if row.kind == "already_member":
        return {"link": f"{base}/signin", "reset_link": f"{base}/reset"}
    return _caused(row, member, base)


def _notice(row: OutgoingMail, member: Member, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the address that is told of a change, whether or not it still belongs to the account, and the link that undoes it."""
    notice = notices.one(int(row.facts["notice"]))
    if notice is None:
        raise _Skip("it was undone, or is too old")
    if not addresses.is_mailable(notice.told):
        raise _Skip("a mail server cannot be told this address")
    link = f"{facts['base_url']}/wasnt-me/{notices.link_token(notice)}"
    return notice.told, facts | {"name": member.name, "link": link, "days": notices.DAYS, "address": notice.address}


def _staying(member: Member, base: str) -> dict[str, Any]:
    """Return when a member who leaves is deleted, and the link with which they stay until then."""
    departure = leaving.of(member)
    if departure is None:
        raise _Skip("they stay")
    left = departure.due_at - clock.now()
    if left <= timedelta(0):
        raise _Skip("the deletion has begun")
    minutes = int(left.total_seconds() // 60) + 1
    token = tickets.issue(leaving.CANCEL, minutes=minutes, member=member)
    return {"link": f"{base}/stay/{token}", "due": departure.due_at}


def _caused(row: OutgoingMail, member: Member, base: str) -> dict[str, Any]:
    """Return what a mail says that another member caused."""
    by = db.session.get(Member, row.by_member_id) if row.by_member_id else None
    if by is None or not by.is_visible:
        raise _Skip("who caused it is gone")
    if row.kind == "message":
        return _choosing(row.kind, member, base) | _message(row, member, by, base)
    if row.kind in introductions.MAILS:
        return _choosing(row.kind, member, base) | _introduction(row, member, by, base)
    said = _choosing(row.kind, member, base) | {
        "by": by.name,
        "by_headline": by.headline,
        "by_organisation": by.organisation,
        "note": relationships.note_between(by.id, member.id),
    }
    if row.kind == "invitation":
        token = tickets.issue("accept", minutes=30 * 24 * 60, member=member, other=by.id)
        return said | {"link": f"{base}/invitations/accept/{token}"}
    if row.kind == saved_searches.KIND:
        return said | {"link": f"{base}/people/saved/{row.facts['about']}"}
    link = f"{base}/invitations" if row.kind == "guest_card" else f"{base}/people/{by.handle}"
    return said | {"link": link}


def _introduction(row: OutgoingMail, member: Member, by: Member, base: str) -> dict[str, Any]:
    """Return who asks or introduces, and of whom it is: what they wrote stands in Kith alone, as long as it waits for an answer."""
    found = introductions.waiting_one(member, str(row.facts["about"]))
    if found is None:
        raise _Skip("it waits for no answer of theirs any more")
    other = found.target_name if row.kind == introductions.ASKED else found.asker_name
    return {"by": by.name, "other": other, "link": f"{base}/introductions"}


def _second_step(_row: OutgoingMail, _member: Member, base: str) -> dict[str, Any]:
    return {"link": f"{base}/reset"}


def _digest(row: OutgoingMail, member: Member, base: str) -> dict[str, Any]:
    since, until = (from_ms(row.facts[each]) for each in ("since", "until"))
    found = notifications.news(member, since, until)
    link = f"{base}/notifications" if found else f"{base}/messages"
    if events.chosen(member)["message", "email"] and (names := messages.who_waits(member, since, until)):
        found.insert(0, notifications.News(N_("%(who)s wrote to you"), names[0], len(names) - 1))
    if not found:
        raise _Skip("nothing new any more")
    said = {"lines": found[:DIGEST_LINES], "more": len(found) > DIGEST_LINES, "link": link}
    return said | _choosing(row.kind, member, base)


def _due_people(row: OutgoingMail, member: Member, base: str) -> dict[str, Any]:
    """Return with whom it is time to get in touch: names, and nothing that stands on a card."""
    found = cards.due_people(member, messages.last_sent, DIGEST_LINES + 1)
    if not found:
        raise _Skip("it is time for nobody any more")
    names = [each.name for each in found[:DIGEST_LINES]]
    said = {"people": names, "more": len(found) > DIGEST_LINES, "link": f"{base}/cards/due"}
    return said | _choosing(row.kind, member, base)


def _deed(row: OutgoingMail, member: Member, base: str) -> dict[str, Any]:
    """Return what an operator did and why, with the mark of its line, so that who has the mail can prove what the log says."""
    act = acts.told(int(row.facts["act"]), member)
    if act is None:
        raise _Skip("the line is gone")
    link = f"{base}/signin" if act.kind == "suspended" else f"{base}/settings/operators"
    deed = acts.SAID["silenced_until" if act.kind == "silenced" and act.until else act.kind]
    said = {"deed": deed, "until": act.until, "reason": act.reason, "line": act.number, "mark": act.digest}
    return said | {"link": link}


def _archive(row: OutgoingMail, member: Member, base: str) -> dict[str, Any]:
    if not archives.is_ready(member):
        raise _Skip("it is gone already")
    return _choosing(row.kind, member, base) | {"link": f"{base}/settings/export", "hours": archives.HOURS}


def _joining(row: OutgoingMail, member: Member, base: str) -> dict[str, Any]:
    number = joining.number_waiting()
    if not number or not member.is_operator:
        raise _Skip("nobody waits any more")
    return _choosing(row.kind, member, base) | {"link": f"{base}/admin/joining", "number": number}


GATHERED = {
    "digest": _digest,
    joining.KIND: _joining,
    "keep_in_touch": _due_people,
    archives.KIND: _archive,
    acts.MAIL: _deed,
    **dict.fromkeys(telling.KINDS, _second_step),
}
"""What finds out what such a mail says."""


def _choosing(kind: str, member: Member, base: str) -> dict[str, str]:
    """Return where a member chooses which mails to get, and where one press turns off those of this event."""
    token = events.unsubscribe_token(member, KINDS[kind].preference)
    return {"settings_link": f"{base}/settings/email", "unsubscribe_link": f"{base}/unsubscribe/{token}"}


def _message(row: OutgoingMail, member: Member, by: Member, base: str) -> dict[str, Any]:
    """Return what a mail about a message says; its text only to who chose that, and never from the row of the mail."""
    key = str(row.facts["conversation"])
    text = messages.text_for(member, key, str(row.facts["message"]))
    if text is None:
        raise _Skip("it was read, or deleted")
    return {"by": by.name, "text": text if member.mails_message_text else "", "link": f"{base}/messages/{key}"}


def _outside(row: OutgoingMail, now: datetime, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what a mail says that goes to no member: to an invited guest, or to who asks what is held about their address."""
    if row.guest_invitation_id is not None:
        return _guest(row, now, facts)
    if row.inquiry_id is not None:
        inquiry = db.session.get_one(Inquiry, row.inquiry_id)
        if row.kind == joining.NOT_LISTED:
            return inquiry.address, facts
        link = f"{facts['base_url']}/about-me/{held.issue(inquiry)}"
        return inquiry.address, facts | {"link": link, "hours": held.HOURS}
    raise _Skip("the account is gone")


def _guest(row: OutgoingMail, now: datetime, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Take the address's one mail of the year by one conditional update; whoever comes second gets none, and is not told."""
    invitation = db.session.get_one(GuestInvitation, row.guest_invitation_id)
    inviter = db.session.get(Member, invitation.inviter_id)
    if (
        invitation.address is None
        or invitation.state not in {"held", "queued", "invited"}
        or invitation.quiet_at is not None
    ):
        raise _Skip("the invitation has ended")
    if inviter is None or not inviter.is_visible:
        raise _Skip("who caused it is gone")
    base, token = facts["base_url"], tokens.new()
    db.session.execute(insert_ignoring(GuestAddress, lookup=invitation.lookup))
    year = now - timedelta(days=config.setting("GUEST_MAIL_DAYS"))
    link_ends = now + timedelta(days=config.setting("GUEST_LINK_DAYS"))
    taken = db.session.execute(
        update(GuestAddress)
        .where(
            GuestAddress.lookup == invitation.lookup,
            GuestAddress.opted_out_at.is_(None),
            GuestAddress.mailed_at.is_(None) | (GuestAddress.mailed_at <= year),
            GuestAddress.undeliverable_until.is_(None) | (GuestAddress.undeliverable_until <= now),
        )
        .values(mailed_at=now, link_digest=tokens.digest(token), link_expires_at=link_ends)
    )
    invitation.state = "invited"
    if not taken.rowcount:  # type: ignore[attr-defined]
        db.session.execute(
            update(GuestAddress)
            .where(GuestAddress.lookup == invitation.lookup, GuestAddress.link_expires_at > now)
            .values(link_expires_at=link_ends)
        )
        raise _Skip("this address had its mail, or wants none")
    invitation.mailed_at = now
    opt_out = tokens.sign_hash(tokens.OPT_OUT, invitation.lookup)
    links = {
        "link": f"{base}/join/{token}",
        "opt_out_link": f"{base}/optout/{opt_out}",
        "not_me_link": f"{base}/optout/{opt_out}?not-me=1",
        "report_link": f"{base}/report/{opt_out}",
        "days": config.setting("GUEST_LINK_DAYS"),
    }
    said = invitation.facts | {"name": invitation.name} | links
    if not inviter.headline:  # hidden since the preview: what nobody is shown is not mailed either
        said["by_headline"] = ""
    return invitation.address, facts | said


# What came of it


def _keep_in_mailbox(mail: Claimed) -> None:
    db.session.add(
        MailboxMessage(
            mail_id=mail.id,
            recipient=mail.recipient,
            subject=str(mail.message["Subject"]),
            raw=mail.message.as_bytes(policy=SMTP_POLICY),
            delivered_at=clock.now(),
        )
    )


def _record(mail_id: int, state: str, reason: str = "") -> None:
    """Note how a claimed mail ended; a refused invitation ends, and its address gets no other for a year.

    A mail that was taken can still come back.
    """
    now = clock.now()
    row = db.session.get(OutgoingMail, mail_id)
    if row is None or row.state not in ({"claimed", "uncertain", "sent"} if state == "failed" else {"claimed"}):
        return
    row.state, row.reason = state, reason
    row.sent_at = now if state == "sent" else None
    if row.guest_invitation_id is not None and state in {"failed", "uncertain"}:
        invitation = db.session.get_one(GuestInvitation, row.guest_invitation_id)
        changes = invitation.state in {"invited", "uncertain"}
        if changes:
            invitation.state = state
            invitation.ended_at = now if state == "failed" else None
        if state == "failed":
            db.session.execute(
                update(GuestAddress)
                .where(GuestAddress.lookup == invitation.lookup)
                .values(undeliverable_until=now + timedelta(days=config.setting("GUEST_MAIL_DAYS")), link_digest=None)
            )
        if changes:
            db.session.flush()
            ledger.add(invitation.inviter_id, "came back" if state == "failed" else "uncertain", who="guests", number=1)


def _again(mail_id: int, reason: str) -> None:
    """Put a mail that certainly did not leave back on the table, to be tried in one minute, then two, up to an hour."""
    row = db.session.get(OutgoingMail, mail_id)
    if row is None or row.state != "claimed":
        return
    _queue_again(row, reason)
    if row.guest_invitation_id is not None:
        invitation = db.session.get_one(GuestInvitation, row.guest_invitation_id)
        invitation.mailed_at = None
        db.session.execute(update(GuestAddress).where(GuestAddress.lookup == invitation.lookup).values(mailed_at=None))


def _lost(mail_id: int, reason: str) -> None:
    """Settle a mail of which nobody knows whether it left."""
    row = db.session.get(OutgoingMail, mail_id)
    if row is None or row.state != "claimed":
        return
    kind = KINDS.get(row.kind)
    if kind is not None and kind.again:
        _queue_again(row, reason)
    else:
        _record(mail_id, "uncertain", reason)


def _queue_again(row: OutgoingMail, reason: str) -> None:
    wait = BACKOFF_MINUTES[min(row.attempts - 1, len(BACKOFF_MINUTES) - 1)]
    row.state, row.reason, row.claimed_at = "queued", reason, None
    row.not_before = clock.now() + timedelta(minutes=wait)
