"""Moderation: what members do to be left alone, what they and guests tell the operators, and what comes of that."""

import contextlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from webapp import clock
from webapp.domain import acts, guests, messages, relationships, throttles
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.base import from_ms
from webapp.models.invitation import GuestInvitation
from webapp.models.member import Member
from webapp.models.report import DECISIONS, REASONS, Report

REASON_WORDS: Mapping[str, str] = {
    "unknown": N_("I don't know this person"),
    "advertising": N_("Advertising"),
    "harassment": N_("Harassment or hate"),
    "pretending": N_("Pretends to be somebody else"),
    "other": N_("Something else"),
}
WHAT_WORDS: Mapping[str, str] = {
    "member": N_("a member"),
    "invitation": N_("an invitation"),
    "message": N_("a message"),
    "post": N_("a post"),
    "comment": N_("a comment"),
    "introduction": N_("an introduction"),
    "mail": N_("an email to somebody outside"),
}
DECISION_WORDS: Mapping[str, str] = {
    "nothing": N_("Nothing to do about it"),
    "acted": N_("I did something about the member"),
    "elsewhere": N_("Settled outside, with those concerned"),
}
REPORT_CHARACTERS = 1000


def block(viewer: Member, other: Member) -> None:
    """Make the two unknown to each other: connection and invitations end. Nobody is told; only the viewer can lift it."""
    relationships.block(viewer, other)
    guests.part(viewer, other)
    messages.part(viewer, other)


def unblock(viewer: Member, handle: str) -> Member:
    """Lift the viewer's own block of who has this handle, and return them; it restores nothing. NotFound where there is none."""
    other = db.session.scalar(_blocked(viewer).where(Member.handle == handle))
    if other is None:
        raise NotFound
    relationships.unblock(viewer, other)
    return other


def blocked(viewer: Member) -> Select[Member]:
    """Return whom the viewer blocks, by name; also who is suspended, so that the list tells nothing about them; not who leaves."""
    return _blocked(viewer).order_by(Member.name_key, Member.id)


def _blocked(viewer: Member) -> Select[Member]:
    seen = relationships.as_seen_by(viewer, "blocked")
    return select(Member).join(seen, seen.c.other_id == Member.id).where(Member.deleted_at.is_(None))


def report(viewer: Member, other: Member, reason: str, text: str = "", quote: str = "", what: str = "member") -> None:
    """Tell the operators about somebody, with the note of their invitation, which is put aside. Nobody else learns it.

    With `quote`, what they wrote elsewhere is copied instead, because it can be deleted; several are kept one below the other. `what` it
    is about is a key of `WHAT_WORDS`.

    Invalid without a known reason, and for too long a text. Who reports the same again of the same person changes the report that is open.
    """
    text = _check(reason, text)
    open_one = select(Report).where(Report.by_id == viewer.id, Report.about_id == other.id, Report.what == what)
    row = db.session.scalars(open_one.where(Report.settled_at.is_(None))).first()
    if row is None:
        row = Report(by_id=viewer.id, about_id=other.id, what=what, created_at=clock.now(), note="")
        db.session.add(row)
    row.reason, row.text = reason, text
    _quote(row, quote or relationships.note_between(other.id, viewer.id))
    with contextlib.suppress(NotFound, Refused):  # it may have been reported for something else than an invitation
        relationships.ignore(viewer, [other])


def _check(reason: str, text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    problems = {}
    if reason not in REASONS:
        problems["reason"] = N_("Choose what it is about")
    if len(text) > REPORT_CHARACTERS:
        problems["text"] = N_("Use at most %(most)s characters").replace("%(most)s", str(REPORT_CHARACTERS))
    if problems:
        raise Invalid(**problems)
    return text


def _quote(row: Report, written: str) -> None:
    if written and written not in row.note:
        row.note = f"{row.note}\n\n{written}".strip()


# Guests


def _mail_to(lookup: str) -> Any:
    sent = (GuestInvitation.lookup == lookup) & GuestInvitation.mailed_at.is_not(None)
    found = select(GuestInvitation, Member.name).join(Member, Member.id == GuestInvitation.inviter_id).where(sent)
    return db.session.execute(found.order_by(GuestInvitation.mailed_at.desc()).limit(1)).one_or_none()


def was_mailed(lookup: str) -> bool:
    """Whether there is a mail to an address to be reported."""
    return _mail_to(lookup) is not None


def mail_to(lookup: str) -> tuple[GuestInvitation, str]:
    """Return the invitation whose mail went to an address, the latest, and who sent it; NotFound where none did."""
    row = _mail_to(lookup)
    if row is None:
        raise NotFound
    return row[0], row[1]


def count_mail_report(lookup: str, network: str) -> None:
    """Count that somebody wants to report the mail to an address; TooMany for whoever does so too often."""
    limits = ((throttles.MAIL_REPORTS_PER_ADDRESS, lookup), (throttles.MAIL_REPORTS_PER_NETWORK, network))
    for limit, key in limits:
        throttles.check(limit, key, words=N_("That was reported often enough. Try again in %(minutes)s minutes."))
    for limit, key in limits:
        throttles.count(limit, key)


def report_mail(lookup: str, reason: str, text: str = "") -> None:
    """Tell the operators about the mail that went to an address, with what its inviter wrote in it. Nothing of the guest is kept.

    The inviter sees no difference. Reporting it again changes the report that is open.
    """
    text = _check(reason, text)
    invitation, _by = mail_to(lookup)
    open_one = select(Report).where(Report.invitation_id == invitation.id, Report.settled_at.is_(None))
    row = db.session.scalars(open_one).first()
    if row is None:
        row = Report(about_id=invitation.inviter_id, what="mail", invitation_id=invitation.id, note="")
        row.created_at = clock.now()
        db.session.add(row)
    row.reason, row.text = reason, text
    _quote(row, str((invitation.facts or {}).get("note", "")))


# Operators


def reports(after: tuple[int, int] | None = None, *, settled: bool = False) -> Any:
    """Return the reports that wait for an operator, the oldest first, or those settled, the latest first; from a place on.

    Each with the names of who reported whom, and of who settled it.
    """
    at = Report.settled_at if settled else Report.created_at
    place = (at.desc(), Report.id.desc()) if settled else (at, Report.id)
    found = (
        _reports().where(Report.settled_at.is_not(None) if settled else Report.settled_at.is_(None)).order_by(*place)
    )
    if after is not None:
        moment = from_ms(after[0])
        later = (at < moment) if settled else (at > moment)
        further = (Report.id < after[1]) if settled else (Report.id > after[1])
        found = found.where(later | ((at == moment) & further))
    return found


def reports_about(member: Member) -> Any:
    """Return every report about one member, the latest first."""
    return _reports().where(Report.about_id == member.id).order_by(Report.id.desc())


def one_report(report_id: int) -> Any:
    """Return one of them, else NotFound."""
    found = db.session.execute(_reports().where(Report.id == report_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def _reports() -> Any:
    by, about, settled_by = (aliased(Member, name=name) for name in ("reporter", "reported", "settler"))
    names = (by.name.label("by_name"), about.name.label("about_name"), settled_by.name.label("settled_by_name"))
    return (
        select(Report, *names, about.handle)
        .outerjoin(by, by.id == Report.by_id)
        .join(about, about.id == Report.about_id)
        .outerjoin(settled_by, settled_by.id == Report.settled_by_id)
    )


def settle(operator: Member, report_id: int, decision: str, words: str = "") -> None:
    """Take a report off the list, with what was decided. Settling twice is once; NotFound where there is none.

    Neither of the two is told. The log gets a line.
    """
    row = db.session.get(Report, report_id, with_for_update=True)
    if row is None:
        raise NotFound
    words = words.replace("\r\n", "\n").strip()
    problems = {} if decision in DECISIONS else {"decision": N_("Choose what you decided")}
    if len(words) > REPORT_CHARACTERS:
        problems["words"] = N_("Use at most %(most)s characters").replace("%(most)s", str(REPORT_CHARACTERS))
    if problems:
        raise Invalid(**problems)
    if row.settled_at is not None:
        return
    acts.settled(operator, row, decision)
    row.settled_at, row.settled_by_id, row.decision, row.decided = clock.now(), operator.id, decision, words
