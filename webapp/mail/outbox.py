"""The outbox: mail is put on the table in the transaction of what caused it, and taken off it as long as it has not left."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Text, bindparam, delete, insert, literal, select

from webapp import clock, config
from webapp.mail.catalog import KINDS
from webapp.models.base import NOW, Moment, db, to_ms
from webapp.models.batch import values_of
from webapp.models.built import Change, built_once, rows_given, write
from webapp.models.invitation import GuestInvitation, Inquiry
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Member

_TABLE: Any = OutgoingMail.__table__
NOTICES = [name for name, kind in KINDS.items() if kind.notice]


def put(
    kind: str,
    *,
    to: Member | None = None,
    address: EmailAddress | None = None,
    guest: GuestInvitation | None = None,
    inquiry: Inquiry | None = None,
    by: Member | None = None,
    facts: dict[str, Any] | None = None,
    not_before: datetime | None = None,
) -> OutgoingMail:
    """Put one mail on the table: to a member (their primary address, unless `address` says which), an invited guest, or who inquires."""
    now = clock.now()
    row = OutgoingMail(
        kind=kind,
        to_member_id=to.id if to else None,
        address_id=address.id if address else None,
        guest_invitation_id=guest.id if guest else None,
        inquiry_id=inquiry.id if inquiry else None,
        by_member_id=by.id if by else None,
        facts=facts or {},
        created_at=now,
        not_before=not_before or now,
    )
    db.session.add(row)
    return row


def put_many(
    kind: str,
    pairs: Sequence[tuple[int, int]],
    *,
    not_before: datetime | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Put one mail for each pair (the id of the recipient, the id of who causes it) on the table, in one statement."""
    at = to_ms(not_before or clock.now())
    write(to_put([{"kind": kind, "to": to, "by": by, "at": at} for to, by in pairs], facts=facts))


def to_put(rows: Sequence[Mapping[str, Any]], *, facts: dict[str, Any] | None = None) -> list[Change]:
    """Return the same of rows with `kind`, `to`, `by` and `at` (milliseconds) as what is to be written, together with other changes."""
    return [(_put(), {"mailed": rows, "facts": facts or {}})] if rows else []


@built_once
def _put() -> Any:
    given = rows_given({"kind": Text(), "to": Integer(), "by": Integer(), "at": Moment()}, "mailed")
    row: dict[str, Any] = {
        "kind": given.c.kind,
        "to_member_id": given.c.to,
        "by_member_id": given.c.by,
        "facts": bindparam("facts", type_=_TABLE.c.facts.type),
        "state": literal("queued"),
        "reason": literal(""),
        "attempts": literal(0),
        "created_at": NOW,
        "not_before": given.c.at,
    }
    return insert(_TABLE).from_select(list(row), select(*row.values()))


def retract(kind: str, pairs: Sequence[tuple[int, int]]) -> None:
    """Take the mails of one kind between these pairs (recipient, causer) off the table, as far as they have not left."""
    write(to_retract([(kind, to, by) for to, by in pairs]))


def to_retract(mails: Sequence[tuple[str, int, int]]) -> list[Change]:
    """Return the same of several kinds (kind, recipient, causer) as what is to be written, together with other changes."""
    rows = [{"kind": kind, "to": to, "by": by} for kind, to, by in mails if kind in KINDS]
    return [(_retract(), {"unsent": rows})] if rows else []


@built_once
def _retract() -> Any:
    given = rows_given({"kind": Text(), "to": Integer(), "by": Integer()}, "unsent")
    row = _TABLE.c
    same = (given.c.kind == row.kind) & (given.c.to == row.to_member_id) & (given.c.by == row.by_member_id)
    meant = select(row.id).join(given, same).where(row.state == "queued")
    return delete(_TABLE).where(row.id.in_(meant))


def retract_about(kind: str, about: str) -> None:
    """Take the mails of one kind about one thing, which is named in their facts, off the table, as far as they have not left."""
    concerned = (OutgoingMail.kind == kind) & (OutgoingMail.facts["about"].as_string() == about)
    gone = delete(OutgoingMail).where(OutgoingMail.state == "queued", concerned)
    db.session.execute(gone.execution_options(synchronize_session=False))


def retract_about_all(kinds: Sequence[str], keys: Sequence[str]) -> None:
    """Take the mails of these kinds about any of these things off the table, as far as they have not left."""
    about = OutgoingMail.facts["about"].as_string().in_(select(values_of(list(keys)).c.value))
    gone = delete(OutgoingMail).where(OutgoingMail.state == "queued", OutgoingMail.kind.in_(kinds), about)
    db.session.execute(gone.execution_options(synchronize_session=False))


def retract_for(member: Member) -> None:
    """Take every mail to or from a member off the table, as far as it has not left; those to guests they invited, too.

    But none that tells of a change to the account: whoever made it may be somebody else.
    """
    theirs = select(GuestInvitation.id).where(GuestInvitation.inviter_id == member.id)
    concerned = (
        OutgoingMail.to_member_id == member.id,
        OutgoingMail.by_member_id == member.id,
        OutgoingMail.guest_invitation_id.in_(theirs),
    )
    for each in concerned:
        gone = delete(OutgoingMail).where(OutgoingMail.state == "queued", OutgoingMail.kind.not_in(NOTICES), each)
        db.session.execute(gone.execution_options(synchronize_session=False))


def guest_mail_possible() -> bool:
    """Whether mail to people outside can be delivered: there is a mail server, or this instance lives on its own machine only."""
    return bool(config.setting("SMTP_URL")) or config.is_loopback_url(config.setting("BASE_URL"))
