"""What an archive says: all that a member put here, part by part, a row at a time. What stands nowhere in it says so, and why.

Each part is a file of JSON. A row holds what the member wrote, chose or sees on their own pages, and of others what they may see at that
moment; others are named only while they exist for the member.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from webapp.config import setting
from webapp.domain import (
    accounts,
    acts,
    app_passwords,
    cards,
    choices,
    connections,
    events,
    feed,
    guests,
    introductions,
    invitations,
    ledger,
    links,
    log_ins,
    messages,
    moderation,
    notifications,
    profiles,
    relationships,
    saved_searches,
    second_steps,
    suggestions,
)
from webapp.domain.archives.people import Person, in_batches
from webapp.domain.errors import N_
from webapp.extensions import db
from webapp.models.ledger import LookupCharge
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.models.message import Message, Participant
from webapp.models.post import FeedAddress, Post
from webapp.models.profile import Skill
from webapp.models.report import Report

FORMAT = "kith-archive"
VERSION = 1
BATCH = 1_000
TALKS = 100
"""So many conversations at a time."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One file of an archive: its name, what is in it, the tables it is read from, and its rows in batches.

    Between two batches nothing of the session is held: whoever takes them may begin a transaction of their own there.
    `alone`: it is one object, no list.
    """

    name: str
    what: str
    tables: tuple[str, ...]
    batches: Callable[[Member], Iterator[list[Row]]]
    alone: bool = False


def _at_once(rows: Callable[[Member], Iterator[Row]]) -> Callable[[Member], Iterator[list[Row]]]:
    """Return what is never much as one batch."""

    def batches(viewer: Member) -> Iterator[list[Row]]:
        yield list(rows(viewer))

    return batches


def plain(value: Any) -> Any:
    """Return what JSON has no word for: a moment or a day as ISO 8601 writes it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in an archive.")


def size_of(viewer: Member) -> tuple[int, int]:
    """Return about how many connections and messages an archive will hold, to tell how far it is."""
    there = (
        select(func.count())
        .select_from(Message)
        .join(Participant, Participant.conversation_id == Message.conversation_id)
    )
    return connections.count(viewer), db.session.scalar(there.where(Participant.member_id == viewer.id)) or 0


def photo(viewer: Member) -> bytes | None:
    """Return the member's photo, the largest there is; None for none."""
    return profiles.own_photo(viewer)


# Yourself


def _profile(viewer: Member) -> Iterator[Row]:
    held = profiles.all_of(viewer)
    entries = profiles.own_entries(viewer)
    yield {
        "name": viewer.name,
        "handle": viewer.handle,
        "address": _address(viewer.handle),
        "sort_as": viewer.sort_as,
        "fields": {
            name: {"value": bool(each.value) if name == "photo" else each.value, "audience": each.audience}
            for name, each in held.items()
            if name not in profiles.PARTS
        },
        "experience": {
            "audience": held["experience"].audience,
            "entries": [_entry(each) for each in entries if each.section == "experience"],
        },
        "education": {
            "audience": held["education"].audience,
            "entries": [_entry(each) for each in entries if each.section == "education"],
        },
        "skills": {"audience": held["skills"].audience, "entries": _skills(viewer)},
        "contact": [
            {
                "kind": each.kind,
                "label": each.label,
                "value": each.value,
                "audience": each.audience,
                "changed_at": each.changed_at,
            }
            for each in profiles.own_details(viewer)
        ],
    }


def _entry(each: Any) -> Row:
    return {"what": each.what, "at": each.at, "from_year": each.from_year, "to_year": each.to_year}


def _skills(viewer: Member) -> list[Row]:
    rows = db.session.execute(
        select(Skill.key, Skill.name).where(Skill.member_id == viewer.id).order_by(Skill.rank, Skill.id)
    )
    return [
        {
            "name": name,
            "endorsed_by": [
                {"name": each.name, "handle": each.handle, "hidden": each.hidden_at is not None}
                for each in profiles.endorsers(viewer, key)
            ],
        }
        for key, name in rows.all()
    ]


def _account(viewer: Member) -> Iterator[Row]:
    charges = select(LookupCharge.at, LookupCharge.addresses).where(LookupCharge.member_id == viewer.id)
    made_at = db.session.scalar(select(FeedAddress.created_at).where(FeedAddress.member_id == viewer.id))
    yield {
        "joined_at": viewer.created_at,
        "confirmed_at": viewer.verified_at,
        "is_operator": viewer.is_operator,
        "addresses": [
            {
                "address": each.address,
                "primary": each.is_primary,
                "confirmed_at": each.verified_at,
                "added_at": each.created_at,
            }
            for each in accounts.addresses_of(viewer)
        ],
        "choices": {each.name: getattr(viewer, each.name) for each in choices.CHOICES},
        "mail": viewer.digest,
        "hears_of": [
            {"event": event, "channel": channel, "wanted": wanted}
            for (event, channel), wanted in events.chosen(viewer).items()
        ],
        "sign_ins": [
            {"browser": each.agent, "began_at": each.created_at, "seen_at": each.seen_at}
            for each in accounts.sign_ins_of(viewer)
        ],
        "log_ins": [
            {"with": each.door, "issuer": each.issuer, "subject": each.subject, "connected_at": each.created_at}
            for each in log_ins.of(viewer)
        ],
        "app_passwords": [
            {"name": each.name, "made_at": each.created_at, "used_on": each.used_at}
            for each in app_passwords.of(viewer)
        ],
        "second_step": _second_step(viewer),
        "feed_address_made_at": made_at,
        "looked_up": [
            {"at": row.at, "addresses": row.addresses} for row in db.session.execute(charges.order_by(LookupCharge.at))
        ],
    }


def _second_step(viewer: Member) -> Row:
    held = second_steps.held_by(viewer)
    return {
        "authenticator_app_since": held.authenticator.created_at if held.authenticator else None,
        "passkeys": [
            {"name": each.name, "made_at": each.created_at, "used_on": each.used_at} for each in held.passkeys
        ],
        "recovery_codes_left": held.codes,
    }


# People


def _connections(viewer: Member) -> Iterator[list[Row]]:
    for batch in in_batches(viewer, BATCH):
        yield list(map(_connection, batch))


def _connection(person: Person) -> Row:
    return {
        "name": person.name,
        "handle": person.handle,
        "address": _address(person.handle),
        "connected_at": person.since,
        **person.said,
        "contact": [
            {"kind": each.kind, "label": each.label, "value": each.value, "changed_at": each.changed_at}
            for each in person.contact
        ],
        "last_message_at": person.last,
        "my_card": _card(person.card) if person.card else None,
        "my_tags": list(person.tags),
    }


def _card(card: cards.Card) -> Row:
    return {
        "details": [
            {"kind": own.kind, "label": own.label, "value": own.value, "in_place_of_theirs": bool(own.instead)}
            for own in card.details
        ],
        "how_we_met": card.met,
        "note": card.note,
        "keep_in_touch_every_months": card.every or None,
        "spoke_on": card.spoke,
    }


def _cards(viewer: Member) -> Iterator[list[Row]]:
    """All of them, also about people who are no connections, or not here any more."""
    after = 0
    while batch := cards.own_after(viewer, after, BATCH):
        after = batch[-1].id
        yield [
            {
                "about": each.card.name if each.card else None,
                "changed_at": each.updated_at,
                **(_card(each.card) if each.card else {"unreadable": True}),
            }
            for each in batch
        ]


def _tags(viewer: Member) -> Iterator[Row]:
    for tag in cards.tags(viewer):
        people = db.session.execute(cards.people_with(viewer, tag.key))
        yield {"name": tag.name, "people": [_named(row) for row in people]}


def _choices_about_people(viewer: Member) -> Iterator[Row]:
    for other in db.session.scalars(moderation.blocked(viewer)):
        yield {"choice": "blocked", **_named(other)}
    for row in db.session.execute(feed.muted(viewer)):
        yield {"choice": "muted", **_named(row), "until": row.until}
    for row in db.session.execute(suggestions.dismissed(viewer)):
        yield {"choice": "dismissed", **_named(row), "at": row.at}


# Asking and being asked


def _invitations(viewer: Member) -> Iterator[Row]:
    mine = dict(db.session.execute(relationships.own_notes(viewer)).all())
    for name in invitations.LISTS:
        for row in db.session.execute(invitations.of(viewer, name)):
            note = mine.get(row.id, "") if name == "sent" else row.note
            yield {"list": name, **_named(row), "state": row.status, "at": row.at, "note": note}
    for invitation, by in db.session.execute(guests.cards(viewer)):
        yield {"list": "received", **_named(by), "state": "received", "at": invitation.leaves_at, "note": ""}
    for guest in db.session.scalars(guests.mine(viewer)):
        yield {
            "list": "guests",
            "name": guest.name,
            "email": guest.address,
            "state": guest.state,
            "at": guest.created_at,
            "note": guest.facts.get("note", ""),
            "expires_at": guest.expires_at,
        }


def _links(viewer: Member) -> Iterator[Row]:
    for link, is_open in db.session.execute(links.of(viewer)):
        came = db.session.execute(links.arrivals(viewer, link))
        yield {
            "called": link.comment,
            "open": bool(is_open),
            "made_at": link.created_at,
            "ends_at": link.expires_at,
            "closed_at": link.revoked_at,
            "uses": link.uses,
            "uses_at_most": link.uses_max,
            "connects_at_once": link.connects,
            "who_came": [{**_named(row), "at": row.at} for row in came],
        }


def _introductions(viewer: Member) -> Iterator[Row]:
    for row in db.session.execute(introductions.mine(viewer)):
        yield {"role": "asked", "to_meet": row.name, "through": row.via_name, **_why(row.Introduction)}
    for row in db.session.execute(introductions.waiting(viewer)):
        asked = row.Introduction.via_id == viewer.id
        yield {
            "role": "asked to introduce" if asked else "introduced",
            "who": row.asker_name,
            "to_meet": row.target_name,
            "through": row.via_name,
            **_why(row.Introduction),
        }
    for row in db.session.execute(introductions.passed_on(viewer)):
        yield {"role": "passed on", "who": row.asker_name, "to_meet": row.target_name, **_why(row.Introduction)}


def _why(row: Any) -> Row:
    return {"why": row.why, "words": row.words, "at": row.created_at}


# What was written


def _conversations(viewer: Member) -> Iterator[list[Row]]:
    for talks in _talks(viewer):
        groups = messages.names_in(viewer, [talk.id for talk in talks if talk.kind == "group"])
        yield [
            {
                "conversation": talk.key,
                "kind": talk.kind,
                "called": talk.called,
                "with": [_named(each) for each in _others(talk, groups)],
                "muted": talk.muted,
            }
            for talk in talks
        ]


def _others(talk: Any, groups: Mapping[int, list[Any]]) -> list[Any]:
    if talk.kind == "group":
        return groups.get(talk.id, [])
    return [talk] if talk.handle else []


def _messages(viewer: Member) -> Iterator[list[Row]]:
    for talks in _talks(viewer):
        for rows in messages.every(viewer, [talk.id for talk in talks], BATCH):
            yield [
                {
                    "conversation": row.conversation,
                    "sent_at": row.sent_at,
                    "mine": row.mine,
                    "by": row.author,
                    "text": row.body,
                    "edited": row.edited_at is not None,
                    "deleted": row.deleted_at is not None,
                }
                for row in rows
            ]


def _talks(viewer: Member) -> Iterator[list[Any]]:
    boxes: tuple[messages.Box, ...] = ("open", "request", "ignored")
    for box in boxes:
        last = None
        while True:
            found = messages.listed(viewer, box).limit(TALKS)
            rows = list(db.session.execute(found if last is None else messages.older_than(found, last)))
            if not rows:
                break
            last = rows[-1].last_id
            yield rows


def _posts(viewer: Member) -> Iterator[list[Row]]:
    mine, last = select(Post).where(Post.author_id == viewer.id).order_by(Post.id).limit(BATCH), 0
    while rows := db.session.scalars(mine.where(Post.id > last)).all():
        last = rows[-1].id
        yield [
            {
                "kind": row.kind,
                "text": row.body,
                "audience": row.audience,
                "at": row.created_at,
                "edited_at": row.edited_at,
            }
            for row in rows
        ]


def _comments(viewer: Member) -> Iterator[list[Row]]:
    for rows in _by_id(feed.own_comments(viewer)):
        yield [{"text": row.body, "at": row.created_at, "on_a_post_by": row.name} for row in rows]


def _congratulations(viewer: Member) -> Iterator[list[Row]]:
    for rows in _by_id(feed.own_congratulations(viewer)):
        yield [{"at": row.created_at, "on_a_post_by": row.name} for row in rows]


def _by_id(found: Any) -> Iterator[list[Any]]:
    """Return what is found a batch at a time, in the order of its column `id`."""
    column, last = found.selected_columns.id, 0
    while rows := list(db.session.execute(found.where(column > last).order_by(column).limit(BATCH))):
        last = rows[-1].id
        yield rows


def _endorsements(viewer: Member) -> Iterator[Row]:
    for row in db.session.execute(profiles.endorsed_by(viewer)):
        yield {**_named(row), "skill": row.skill, "at": row.created_at}


def _saved_searches(viewer: Member) -> Iterator[Row]:
    for row in saved_searches.of(viewer):
        yield {"name": row.name, "query": row.query, "saved_at": row.created_at}


def _reports(viewer: Member) -> Iterator[Row]:
    rows = db.session.execute(
        select(Report, Member.name)
        .outerjoin(Member, (Member.id == Report.about_id) & profiles.exists_for(viewer))
        .where(Report.by_id == viewer.id)
        .order_by(Report.id)
    )
    for report, name in rows:
        yield {
            "about": name,
            "what": report.what,
            "reason": report.reason,
            "text": report.text,
            "at": report.created_at,
        }


def _operators(viewer: Member) -> Iterator[Row]:
    for act in acts.own(viewer):
        yield {
            "deed": act.kind,
            "at": act.at,
            "until": act.until,
            "reason": act.reason,
            "line": act.number,
            "mark": act.digest,
        }


# What was told


def _notifications(viewer: Member) -> Iterator[list[Row]]:
    last = None
    while True:
        found = notifications.of(viewer) if last is None else notifications.after(notifications.of(viewer), *last)
        rows = db.session.execute(found.limit(BATCH)).all()
        if not rows:
            return
        last = (rows[-1].visible_from, rows[-1].id)
        yield [
            {
                "text": events.KINDS[row.kind].sentence % {"who": row.name},
                "at": row.visible_from,
                "read_at": row.read_at,
            }
            for row in rows
        ]


def _contacts_ledger(viewer: Member) -> Iterator[list[Row]]:
    for lines in ledger.lines_of(viewer):
        yield [{**line.plain(), "digest": line.digest} for line in lines]


def _mails(viewer: Member) -> Iterator[Row]:
    sent = select(OutgoingMail.kind, OutgoingMail.sent_at).where(
        OutgoingMail.to_member_id == viewer.id, OutgoingMail.state == "sent"
    )
    for row in db.session.execute(sent.order_by(OutgoingMail.id)):
        yield {"kind": row.kind, "sent_at": row.sent_at}


def _address(handle: str) -> str:
    return f"{setting('BASE_URL')}/people/{handle}"


def _named(row: Any) -> Row:
    return {"name": row.name, "handle": row.handle}


PARTS: tuple[Part, ...] = (
    Part(
        "profile",
        N_(
            "What you say about yourself, each field with its audience; who endorsed your skills; your contact information"
        ),
        ("member", "profile_field", "profile_entry", "skill", "endorsement", "contact_info", "photo"),
        _at_once(_profile),
        alone=True,
    ),
    Part(
        "account",
        N_(
            "Addresses, sign-ins, other log-ins, app passwords and passkeys by name, every choice, and how many addresses you had compared"
        ),
        (
            "member",
            "email_address",
            "sign_in",
            "log_in",
            "app_password",
            "authenticator",
            "passkey",
            "recovery_code",
            "event_choice",
            "feed_address",
            "lookup_charge",
        ),
        _at_once(_account),
        alone=True,
    ),
    Part(
        "connections",
        N_("Your connections: since when, what they share with you, your card about them and your tags"),
        ("connection", "private_card", "tag", "tagged", "contact_info"),
        _connections,
    ),
    Part(
        "cards",
        N_("All your private cards, also about people who are no connections or not here any more"),
        ("private_card",),
        _cards,
    ),
    Part("tags", N_("Your tags, and who has them"), ("tag", "tagged"), _at_once(_tags)),
    Part(
        "invitations",
        N_("Invitations that wait: sent, received, put aside, and to guests by mail"),
        ("relationship", "guest_invitation"),
        _at_once(_invitations),
    ),
    Part("links", N_("Invitation links, and who came by them"), ("invite_link", "arrival"), _at_once(_links)),
    Part(
        "introductions",
        N_("Introductions you asked for, are asked for, or passed on"),
        ("introduction",),
        _at_once(_introductions),
    ),
    Part("conversations", N_("Conversations, and with whom"), ("conversation", "participant"), _conversations),
    Part("messages", N_("Every message you can see, with its conversation"), ("message",), _messages),
    Part("posts", N_("What you shared, and what was told about you"), ("post",), _posts),
    Part("comments", N_("Your comments"), ("comment",), _comments),
    Part("congratulations", N_("Where you congratulated"), ("reaction",), _congratulations),
    Part("endorsements", N_("Skills of your connections that you endorse"), ("endorsement",), _at_once(_endorsements)),
    Part("saved_searches", N_("Your saved searches"), ("saved_search",), _at_once(_saved_searches)),
    Part(
        "choices_about_people",
        N_("Whom you block, muted, or don't want to be suggested"),
        ("relationship", "mute", "dismissed"),
        _at_once(_choices_about_people),
    ),
    Part(
        "contacts_ledger",
        N_(
            "Your contacts ledger: what was read of your address books, sent because of it, and forgotten, with digests"
        ),
        ("contacts_ledger", "contacts_ledger_line"),
        _contacts_ledger,
    ),
    Part("reports", N_("What you told the operators"), ("report",), _at_once(_reports)),
    Part("operators", N_("What operators did about you, when and why"), ("act",), _at_once(_operators)),
    Part("notifications", N_("What you were told"), ("notification",), _notifications),
    Part("mails", N_("Which emails were sent to you, and when"), ("outgoing_mail",), _at_once(_mails)),
)
LEFT_OUT: Mapping[str, str] = {
    "address_book_import": "an address book that is being read is sealed under a key that only your browser holds",
    "import_part": "as `address_book_import`",
    "adjacency": "derived from your connections",
    "archive": "the archive itself",
    "batch": "when a sending button was pressed; what it sent is in `invitations.json`",
    "card_key": "the key of your private cards; the cards are here, opened",
    "applicant": "why you would like to join, until operators have decided",
    "roster_entry": "whether an address of yours is on the operators' roster; the cohort it confirms is in your profile",
    "departure": "that you asked to be deleted, until you take it back or are",
    "door_tally": "how often which provider gave an address book or failed to, on which day; nobody's in particular",
    "guest_address": "keyed hashes of addresses outside, with dates; nobody's in particular",
    "hidden_message": "messages that you deleted for yourself",
    "inquiry": "an address somebody asked about, until the mail with the answer has left",
    "key_generation": "how many keys lie over the keyed hashes of this instance",
    "lease": "which process does the recurring work",
    "notice": "which of your addresses was told that a way into your account changed, for seven days",
    "profile_link": "keyed hashes of the pages you link to in your profile",
    "mailbox_message": "emails as they left, on instances without a mail server, for the operator",
    "throttle": "counters of tries, for hours",
    "ticket": "links that can be used once, for hours or days",
}
"""Tables of which nothing is in an archive, and why."""


def tables() -> set[str]:
    """Return the tables an archive is read from."""
    return {table for part in PARTS for table in part.tables}
