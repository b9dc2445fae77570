"""Deleting who has left, one bounded step at a time, each to be its own transaction: others wait for none of them.

A step deletes so many rows and counts them in the same transaction, so one that was cut off is done again and nothing is counted twice.
What is to be deleted is read from the tables themselves: whatever names a member goes, and a test holds what stays against a list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, delete, func, select, tuple_, update

from webapp import clock, tokens
from webapp.config import setting
from webapp.domain import acts, guests, introductions, messages, relationships
from webapp.domain.errors import N_
from webapp.extensions import db
from webapp.mail import outbox
from webapp.mail.catalog import KINDS
from webapp.models import words
from webapp.models.leaving import Departure
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import EmailAddress, Member

MOST = 500
"""How many rows a step deletes at most, beside what goes with them."""
MAIL, DECLINED = "left", "declined"
MAILS = (MAIL, DECLINED)
"""The last mail of an account: of one that left, and of one that operators did not let in."""
MAILBOX_HOURS = 24
"""How long the last mail stays in the mailbox where that stands in for a mail server."""
Done = Mapping[str, int]
"""How many of what a step deleted; nothing where there was nothing left to delete."""

PROOF: Mapping[str, str] = {
    "connection": N_("Connections"),
    "relationship": N_("Invitations and blocks between members"),
    "guest_invitation": N_("Invitations by email"),
    "introduction": N_("Introductions"),
    "message": N_("Messages that stay with those you wrote to, without your name"),
    "message_gone": N_("Messages that nobody else could see"),
    "post": N_("Posts and news"),
    "comment": N_("Comments"),
    "reaction": N_("Congratulations"),
    "private_card": N_("Private cards"),
    "tag": N_("Tags"),
    "contact_info": N_("Contact details"),
    "profile_entry": N_("Positions and studies"),
    "skill": N_("Skills"),
    "endorsement": N_("Endorsements"),
    "photo": N_("Photos, in each size"),
    "saved_search": N_("Saved searches"),
    "invite_link": N_("Invitation links"),
    "notification": N_("Notifications"),
    "contacts_ledger_line": N_("Lines of your contacts ledger"),
    "report": N_("Reports"),
    "outgoing_mail": N_("Records of emails"),
    "sign_in": N_("Sign-ins"),
    "email_address": N_("Email addresses"),
    "other": N_("Choices and other records"),
}
"""What the mail at the end counts, in this order; what has no words of its own is among the last."""


UNCOUNTED = ("freed", "mailbox_message", "participant", "declined")
"""What is not theirs alone, or counted elsewhere."""


@dataclass(frozen=True)
class Stage:
    """One thing after the other: `work` deletes so many of it and says how many; with nothing left the next stage comes."""

    name: str
    work: Callable[[Member, int], Done]


def due(now: datetime) -> int | None:
    """Return the id of a member of whom a step can be deleted now, who waited longest first."""
    return db.session.scalar(
        select(Departure.member_id)
        .where(Departure.next_at <= now, Departure.due_at <= now)
        .order_by(Departure.next_at, Departure.member_id)
        .limit(1)
    )


def put_off(member_id: int, until: datetime) -> None:
    """Look at this one again only then, so that one of which something cannot be deleted does not hold up the others."""
    db.session.execute(update(Departure).where(Departure.member_id == member_id).values(next_at=until))


def step(member_id: int, most: int = MOST) -> bool:
    """Delete the next so many rows of a member who has left; whether there was a step to do.

    A fixed number of statements, whatever there is of them. Two workers never do the same step.
    """
    row = db.session.scalar(
        select(Departure)
        .where(Departure.member_id == member_id, Departure.due_at <= clock.now(), Departure.next_at <= clock.now())
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if row is None:
        return False
    member = db.session.get_one(Member, member_id)
    member.deleted_at = member.deleted_at or clock.now()  # whom operators delete was suspended until now
    stages = [stage.name for stage in STAGES]
    place = stages.index(row.stage) if row.stage in stages else 0
    done = STAGES[place].work(member, most)
    if row not in db.session:  # the last step of all took it along
        return True
    if not done:
        row.stage = stages[min(place + 1, len(stages) - 1)]
    row.counts = row.counts | {name: row.counts.get(name, 0) + number for name, number in done.items() if number}
    db.session.flush()
    return True


def proof(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return how many of what were deleted, as the mail at the end says it: words and a number, only of what there was."""
    known = {name: counts.get(name, 0) for name in PROOF}
    known["other"] += sum(number for name, number in counts.items() if name not in PROOF and name not in UNCOUNTED)
    return [(words, known[name]) for name, words in PROOF.items() if known[name]]


# The stages with rules of their own


def _messages(member: Member, most: int) -> Done:
    kept, gone = messages.hand_over(member, most)
    return _found(message=kept, message_gone=gone)


def _conversations(member: Member, most: int) -> Done:
    left, gone = messages.leave_all(member, most)
    return _found(participant=left, message_gone=gone)


def _introductions(member: Member, most: int) -> Done:
    return _found(introduction=introductions.forget_some(member.id, most))


def _connections(member: Member, most: int) -> Done:
    return _found(connection=relationships.forget_connections(member.id, most))


def _freed(member: Member, most: int) -> Done:
    return _found(freed=guests.free_addresses(member, most))


def _acts(member: Member, most: int) -> Done:
    """Take the member out of the log of operators' acts; the lines stay."""
    return {"": 0} if acts.forget(member, most) else {}


def _mailbox(_member: Member, most: int) -> Done:
    """Take out of the mailbox, where it stands in for a mail server, the mails to others that may name them beside others."""
    kinds = [name for name, kind in KINDS.items() if kind.several]
    some = (
        select(MailboxMessage.id)
        .join(OutgoingMail, OutgoingMail.id == MailboxMessage.mail_id)
        .where(OutgoingMail.kind.in_(kinds))
        .limit(most)
    )
    gone = delete(MailboxMessage).where(MailboxMessage.id.in_(some)).execution_options(synchronize_session=False)
    return _found(mailbox_message=db.session.execute(gone).rowcount)  # type: ignore[attr-defined]


def _words(_member: Member, _most: int) -> Done:
    """Merge what the index of words still holds of them; not counted, but done until nothing is left to do."""
    return {"": 0} if words.purge() else {}


def _found(**numbers: int) -> Done:
    return {name: number for name, number in numbers.items() if number}


# The stages that are read from the tables


def columns() -> list[Column[Any]]:
    """Return every column that names a member, those of tables that refer to others of them first."""
    return [
        column
        for table in reversed(db.metadata.sorted_tables)
        for column in table.columns
        if any(key.column is _MEMBER.c.id for key in column.foreign_keys) and table.name not in LAST
    ]


_MEMBER: Any = Member.__table__
LAST = ("email_address", "departure")
"""Tables that go with the member's own row, after the last mail."""
KEPT = (
    "act.member_id",
    "act.operator_id",
    "applicant.decided_by_id",
    "conversation.high_id",
    "conversation.low_id",
    "conversation.started_by_id",
    "guest_invitation.joined_id",
    "message.author_id",
    "private_card.about_id",
    "report.settled_by_id",
)
"""Whose rows belong to somebody else, and stay without the member: what others wrote, noted or asked. Every other row goes."""


def _of_column(column: Column[Any]) -> Stage:
    """Delete the rows whose column names the member, or take the member out of them where they stay."""
    name = f"{column.table.name}.{column.name}"
    keys = list(column.table.primary_key)
    key: Any = tuple_(*keys) if len(keys) > 1 else keys[0]

    def work(member: Member, most: int) -> Done:
        some = key.in_(select(*keys).where(column == member.id).limit(most))
        change: Any = (
            update(column.table).where(some).values({column.name: None})
            if name in KEPT
            else delete(column.table).where(some)
        )
        number = db.session.execute(change).rowcount  # type: ignore[attr-defined]
        return ({"": 0} if name in KEPT else {column.table.name: number}) if number else {}

    return Stage(name, work)


# The end


def _empty(member: Member, _most: int) -> Done:
    """Leave nothing in the member's own row but the name, and one address that is nobody's any more, both for the last mail."""
    primary = (EmailAddress.member_id == member.id) & EmailAddress.is_primary
    others = delete(EmailAddress).where(EmailAddress.member_id == member.id, ~EmailAddress.is_primary)
    number = db.session.execute(others.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
    last = update(EmailAddress).where(primary, EmailAddress.lookup != "").values(lookup="", verified_at=None)
    freed = db.session.execute(last.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
    for text in ("sort_as", "name_key", "sort_key", "likeness", "search_text", "password_hash", *_SAID):
        setattr(member, text, "")
    member.handle, member.photo, member.tags, member.links, member.is_operator = tokens.new(), None, [], [], False
    return _found(email_address=number + freed)


_SAID = ("headline", "organisation", "title", "field", "place", "cohort", "about")


def _mail(member: Member, _most: int) -> Done:
    """Put the last mail on the table, once, with what was deleted."""
    there = select(OutgoingMail.id).where(OutgoingMail.to_member_id == member.id, OutgoingMail.kind.in_(MAILS))
    if db.session.scalar(there.limit(1)) is None:
        row = db.session.get_one(Departure, member.id)
        outbox.put(DECLINED if DECLINED in row.counts else MAIL, to=member, facts={"counts": row.counts})
        db.session.flush()
    return {}


def _gone(member: Member, _most: int) -> Done:
    """Delete the row itself, with the address and that mail, as soon as the mail has left or cannot; look again in a minute until then."""
    now = clock.now()
    waits = select(func.max(OutgoingMail.created_at)).where(
        OutgoingMail.to_member_id == member.id,
        OutgoingMail.kind.in_(MAILS),
        OutgoingMail.state.in_(("queued", "claimed")) if setting("SMTP_URL") else True,  # type: ignore[arg-type]
    )
    since: datetime | None = db.session.scalar(waits)
    limit = timedelta(days=KINDS[MAIL].days) if setting("SMTP_URL") else timedelta(hours=MAILBOX_HOURS)
    row = db.session.get_one(Departure, member.id)
    if since is not None and now < since + limit:
        row.next_at = now + timedelta(minutes=1)
        return {"": 0}
    db.session.expunge(row)
    db.session.execute(delete(Member).where(Member.id == member.id).execution_options(synchronize_session=False))
    db.session.expunge(member)
    return {}


def _stages() -> Sequence[Stage]:
    """Return everything to be deleted, in order: sign-ins, then what needs the pairs, the pairs, every other row, and the row itself."""
    first = [column for column in columns() if column.table.name in {"sign_in", "ticket"}]
    ruled = (
        Stage("messages", _messages),
        Stage("conversations", _conversations),
        Stage("introductions", _introductions),
        Stage("connections", _connections),
        Stage("freed", _freed),
        Stage("acts", _acts),
        Stage("mailbox", _mailbox),
    )
    rest = [column for column in columns() if column not in first]
    end = (Stage("words", _words), Stage("row", _empty), Stage("mail", _mail), Stage("gone", _gone))
    return (*map(_of_column, first), *ruled, *map(_of_column, rest), *end)


STAGES = _stages()
