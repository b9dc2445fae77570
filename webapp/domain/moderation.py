"""Moderation: what members do to be left alone, and what they tell the operators."""

import contextlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from webapp import clock
from webapp.domain import guests, messages, relationships
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.base import from_ms
from webapp.models.member import Member
from webapp.models.report import REASONS, Report

REASON_WORDS: Mapping[str, str] = {
    "unknown": N_("I don't know this person"),
    "advertising": N_("Advertising"),
    "harassment": N_("Harassment or hate"),
    "pretending": N_("Pretends to be somebody else"),
    "other": N_("Something else"),
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


def report(viewer: Member, other: Member, reason: str, text: str = "", quote: str = "") -> None:
    """Tell the operators about somebody, with the note of their invitation, which is put aside. Nobody else learns it.

    With `quote`, what they wrote elsewhere is copied instead, because it can be deleted; several are kept one below the other.

    Invalid without a known reason, and for too long a text. Who reports the same person again changes the report that is open.
    """
    text = text.replace("\r\n", "\n").strip()
    problems = {}
    if reason not in REASONS:
        problems["reason"] = N_("Choose what it is about")
    if len(text) > REPORT_CHARACTERS:
        problems["text"] = N_("Use at most %(most)s characters").replace("%(most)s", str(REPORT_CHARACTERS))
    if problems:
        raise Invalid(**problems)
    open_one = select(Report).where(Report.by_id == viewer.id, Report.about_id == other.id, Report.settled_at.is_(None))
    row = db.session.scalars(open_one).first()
    if row is None:
        row = Report(by_id=viewer.id, about_id=other.id, created_at=clock.now(), note="")
        db.session.add(row)
    row.reason, row.text = reason, text
    written = quote or relationships.note_between(other.id, viewer.id)
    if written and written not in row.note:
        row.note = f"{row.note}\n\n{written}".strip()
    with contextlib.suppress(NotFound, Refused):  # it may have been reported for something else than an invitation
        relationships.ignore(viewer, [other])


def reports(after: tuple[int, int] | None = None) -> Any:
    """Return the reports that wait for an operator, the oldest first, each with the names of who reported whom; from a place on."""
    by, about = aliased(Member, name="reporter"), aliased(Member, name="reported")
    found = (
        select(Report, by.name.label("by_name"), about.name.label("about_name"), about.handle)
        .join(by, by.id == Report.by_id)
        .join(about, about.id == Report.about_id)
        .where(Report.settled_at.is_(None))
        .order_by(Report.created_at, Report.id)
    )
    if after is not None:
        at = from_ms(after[0])
        found = found.where((Report.created_at > at) | ((Report.created_at == at) & (Report.id > after[1])))
    return found


def settle(operator: Member, report_id: int) -> None:
    """Take a report off the list. Settling twice is once; NotFound where there is none."""
    row = db.session.get(Report, report_id)
    if row is None:
        raise NotFound
    if row.settled_at is None:
        row.settled_at, row.settled_by_id = clock.now(), operator.id
