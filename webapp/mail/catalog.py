"""Every mail Kith can send: what it needs to know, to whom it may go, and what happens to it after a crash."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TEMPLATES = Path(__file__).parents[1] / "templates" / "mail"
_SUBJECT = re.compile(r'\{% block subject %\}.*?_\("(.*?)"')

COMMON = ("site", "base_url", "operator", "postal_address")
CHOOSING = ("settings_link", "unsubscribe_link")
"""What a mail with a preference needs, too: where to choose, and one press to turn off just its event."""


@dataclass(frozen=True)
class Kind:
    """One kind of mail.

    `when` and `to`: what docs/mails.md says of it. `facts`: what its template needs besides `COMMON`. `unproven`: it may go to an
    address nobody has proven, to one that wants no invitations, and to a member nobody can see, because it was asked for at the site.
    `again`: it is sent anew when it is not known whether it left. `preference`: the event of `domain/events.py` by which it is turned
    off. `days`: after so many days it is not sent any more. `several`: it names members beside the one who caused it.
    `notice`: it tells that a way into the account has changed, and nothing takes it off the table.
    """

    when: str
    to: str
    facts: tuple[str, ...]
    unproven: bool = False
    again: bool = False
    preference: str = ""
    days: int = 3
    several: bool = False
    notice: bool = False


MEMBER = "the member"


def _notice(when: str, to: str, *facts: str) -> Kind:
    return Kind(when, to, ("name", "link", "days", *facts), unproven=True, again=True, days=7, notice=True)


KINDS: Mapping[str, Kind] = {
    "confirmation": Kind(
        "Somebody joins, or asks for the link once more",
        "the address that was typed",
        ("name", "link", "hours", "decided"),
        unproven=True,
        again=True,
        days=1,
    ),
    "new_address": Kind(
        "A member adds an address to their account",
        "the address that was typed",
        ("name", "link", "hours"),
        unproven=True,
        again=True,
        days=1,
    ),
    "not_listed": Kind(
        "Somebody joins where JOIN is roster, with an address that is not on it and was not invited",
        "the address that was typed",
        (),
        unproven=True,
        again=True,
        days=1,
    ),
    "approved": Kind(
        "An operator lets in somebody who waited, after the minute of undo",
        MEMBER,
        ("name", "link"),
        again=True,
        days=7,
    ),
    "declined": Kind(
        "An operator does not let in somebody who waited; the last one, once the account is deleted",
        "the address of the account that was",
        ("name",),
        unproven=True,
        again=True,
    ),
    "joining": Kind(
        "Somebody waits to be let in, where JOIN is approval; one until the operator has seen it",
        "operators",
        ("name", "number", "link", *CHOOSING),
        preference="joining",
        days=3,
    ),
    "already_member": Kind(
        "Somebody joins with the address of a member, or adds it to another account",
        "that member",
        ("name", "link", "reset_link"),
        days=1,
    ),
    "reset": Kind(
        "A new password is asked for", MEMBER, ("name", "link", "minutes"), unproven=True, again=True, days=1
    ),
    "leaving": Kind(
        "A member asks for their account to be deleted",
        MEMBER,
        ("name", "link", "due"),
        unproven=True,
        again=True,
        days=2,
    ),
    "left": Kind(
        "An account has been deleted; the last one, with what was deleted",
        "the address of the account that was",
        ("name", "proof"),
        unproven=True,
        again=True,
    ),
    "operators": Kind(
        "An operator suspends a member, stops their invitations, deletes the account, takes that back, or signs them out",
        "the member it concerns",
        ("name", "deed", "until", "reason", "line", "mark", "link"),
        unproven=True,
        days=7,
    ),
    "password_changed": _notice("The password was changed", "each proven address of the member"),
    "address_added": _notice(
        "An address of an account was proven", "each other proven address of the member", "address"
    ),
    "address_removed": _notice(
        "An address was taken off an account", "each proven address of the member, and the one taken off", "address"
    ),
    "primary_changed": _notice(
        "Another address became the primary one", "each other proven address of the member", "address"
    ),
    "second_step": Kind(
        "A second step was added or removed, or recovery codes were made anew",
        "every proven address of the member",
        ("name", "what", "link"),
        days=7,
    ),
    "recovery_code_used": Kind(
        "A recovery code signed somebody in", "every proven address of the member", ("name", "left", "link"), days=7
    ),
    "codes_tried": Kind(
        "Somebody who knows the password enters one wrong code after the other; at most one a day",
        "every proven address of the member",
        ("name", "link"),
        days=3,
    ),
    "invitation": Kind(
        "Another member would like to connect, after the minute of undo",
        MEMBER,
        ("name", "by", "by_headline", "by_organisation", "note", "link", *CHOOSING),
        preference="invitation",
        days=30,
    ),
    "guest_card": Kind(
        "Another member invited an address that belongs to a member who is found by it",
        MEMBER,
        ("name", "by", "by_headline", "link", *CHOOSING),
        preference="invitation",
        days=30,
    ),
    "connected": Kind(
        "Somebody accepted, and the minute of undo has passed",
        "who had asked",
        ("name", "by", "by_headline", "link", *CHOOSING),
        preference="connected",
        days=30,
    ),
    "introduction_asked": Kind(
        "A connection asks to be introduced to somebody both know, after the minute of undo",
        "the one in between",
        ("name", "by", "other", "link", *CHOOSING),
        preference="introduction",
        days=30,
        several=True,
    ),
    "introduction": Kind(
        "A connection passes on that somebody would like to meet them",
        "the one it is for",
        ("name", "by", "other", "link", *CHOOSING),
        preference="introduction",
        days=30,
        several=True,
    ),
    "digest": Kind(
        "Something new is unread at the hour of DIGEST_HOUR; at most one a day, never an empty one",
        "a member who chose one mail a day or a week",
        ("name", "lines", "more", "link", *CHOOSING),
        preference="digest",
        days=1,
        several=True,
    ),
    "message": Kind(
        "A message was not read within a quarter of an hour after the last one; one mail until then, however many were written",
        MEMBER,
        ("name", "by", "text", "link", *CHOOSING),
        preference="message",
        days=1,
    ),
    "saved_search": Kind(
        "A saved search finds somebody new; at most one a week for each search, and only for who asked for it",
        "who saved it",
        ("name", "by", "by_headline", "link", *CHOOSING),
        preference="saved_search",
    ),
    "keep_in_touch": Kind(
        "By a member's private cards it is time to get in touch with somebody; on Monday at DIGEST_HOUR, never an empty one",
        "a member who asked for it",
        ("name", "people", "more", "link", *CHOOSING),
        preference="keep_in_touch",
        days=1,
        several=True,
    ),
    "archive": Kind(
        "The archive that a member asked for can be downloaded",
        MEMBER,
        ("name", "link", "hours", *CHOOSING),
        preference="archive",
        days=1,
    ),
    "about_me": Kind(
        "Somebody asks what is held about an address; three a day at most, one a month to an address that wants no mail",
        "the address that was typed, whoever has it",
        ("link", "hours"),
        unproven=True,
        again=True,
        days=1,
    ),
    "guest_invitation": Kind(
        "A member invited this address, after the minute of undo; one mail a year, whoever invites",
        "the invited guest",
        (
            "name",
            "by",
            "by_headline",
            "note",
            "reply_to",
            "source",
            "link",
            "opt_out_link",
            "not_me_link",
            "report_link",
            "days",
        ),
        days=30,
    ),
}


def as_markdown() -> str:
    """Return docs/mails.md: every mail Kith can send."""
    rows = "\n".join(
        f"| `{name}` | {subject(name)} | {kind.when} | {kind.to} | {_off(name, kind)} | {_lost(kind)} | {kind.days} |"
        for name, kind in KINDS.items()
    )
    return f"""# Mails

Every mail Kith can send; there is no other. Written by `kith docs` from `webapp/mail/catalog.py`; a test keeps the two equal.

| Kind | Subject | When | To | Turned off by | Nobody knows whether it left | Not sent after days |
|---|---|---|---|---|---|---|
{rows}

A mail server's "not now" is tried again after 1, 2, 5, 15, 30 and then every 60 minutes. Its "never" about an invited guest's address
lets that address rest for a year. Each mail carries a plain text and a formatted body, no picture, nothing that tells whether it was read,
and `Auto-Submitted: auto-generated` (RFC 3834).
"""


def subject(name: str) -> str:
    """Return the subject as it stands in the template, with `(by)` where a name will stand."""
    block = _SUBJECT.search((TEMPLATES / f"{name}.html").read_text(encoding="utf-8"))
    assert block is not None
    return re.sub(r"%\((\w+)\)s", r"(\1)", block[1])


def _off(name: str, kind: Kind) -> str:
    if name == "guest_invitation":
        return "one press in the mail (RFC 8058), for good"
    return (
        f"the choice `{kind.preference}` in the member's settings, or one press in the mail"
        if kind.preference
        else "nothing: it answers what was just done"
    )


def _lost(kind: Kind) -> str:
    return "sent again" if kind.again else "not sent again, and shown"
