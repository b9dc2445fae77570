"""Contact information: ways to reach a member, each for an audience of its own, dated by its last change."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from webapp import addresses, clock, tokens
from webapp.domain import relationships
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.profiles import audiences
from webapp.domain.profiles.checks import TOO_LONG, is_link, line, lines
from webapp.extensions import db
from webapp.models.built import values_given
from webapp.models.member import Member
from webapp.models.profile import CONTACT_KINDS, ContactInfo

DETAILS = 20
LABEL_CHARACTERS = 40
VALUE_CHARACTERS = 200
ADDRESS_CHARACTERS = 300
LEAP_YEAR = 2000
KIND_WORDS: Mapping[str, str] = {
    "phone": N_("Phone"),
    "email": N_("Email"),
    "site": N_("Website"),
    "address": N_("Address"),
    "birthday": N_("Birthday"),
    "messenger": N_("Messenger"),
}
_PHONE = re.compile(r"\+?[0-9(][0-9 ()./\-]{1,38}[0-9)]( ?(x|ext\.?) ?[0-9]{1,6})?")
_BIRTHDAY = re.compile(r"(?:([0-9]{4})-|-{0,2})([0-9]{1,2})-([0-9]{1,2})")


@dataclass(frozen=True)
class ContactDetail:
    """One way to reach somebody, as a viewer may see it. A birthday is "1990-05-14", or "--05-14" without its year."""

    key: str
    kind: str
    label: str
    value: str
    changed_at: datetime

    @property
    def words(self) -> str:
        """What kind of detail it is, untranslated."""
        return KIND_WORDS[self.kind]


def default_audience(kind: str) -> str:
    """Return who sees a new detail unless its owner says otherwise: a phone nobody, the rest connections."""
    return "me" if kind == "phone" else "connections"


# Seeing


def contact_of(viewer: Member | None, other: Member) -> list[ContactDetail]:
    """Return the contact information of one member that the viewer (None: not signed in) may see."""
    return contact_of_many(viewer, [other.id])[other.id]


def contact_of_many(viewer: Member | None, ids: Sequence[int]) -> dict[int, list[ContactDetail]]:
    """Return for each of these members what the viewer may see of their contact information, in one statement."""
    found: dict[int, list[ContactDetail]] = {member_id: [] for member_id in ids}
    seen = details().where(
        audiences.exists_for(viewer), audiences.may_see(viewer, ContactInfo.member_id, ContactInfo.audience)
    )
    for row in db.session.execute(seen, {"given": list(ids)}):
        found[row.member_id].append(ContactDetail(*row[1:]))
    return found


def details() -> Any:
    """Return the details of given members, whoever may see them, in the order they are shown; to be narrowed by who looks."""
    given = values_given()
    return (
        select(
            ContactInfo.member_id,
            ContactInfo.key,
            ContactInfo.kind,
            ContactInfo.label,
            ContactInfo.value,
            ContactInfo.changed_at,
        )
        .join(given, given.c.value == ContactInfo.member_id)
        .join(Member, Member.id == ContactInfo.member_id)
        .order_by(ContactInfo.id)
    )


# One's own


def own_details(viewer: Member) -> list[ContactInfo]:
    """Return the viewer's own contact information with its audiences."""
    mine = select(ContactInfo).where(ContactInfo.member_id == viewer.id).order_by(ContactInfo.id)
    return list(db.session.scalars(mine))


def own_detail(viewer: Member, key: str) -> ContactInfo:
    """Return one detail of the viewer's own, else NotFound."""
    mine = select(ContactInfo).where(ContactInfo.member_id == viewer.id, ContactInfo.key == key)
    found = db.session.scalar(mine)
    if found is None:
        raise NotFound
    return found


def add_detail(viewer: Member, kind: str, value: str, label: str = "", audience: str = "") -> ContactInfo:
    """Give others one more way to reach the viewer. Invalid names what does not hold; Refused beyond 20."""
    label, value, audience = _checked(kind, label, value, audience or default_audience(kind))
    relationships.lock_members([viewer.id])
    if len(own_details(viewer)) >= DETAILS:
        raise Refused(N_("That is the most there can be. Delete one first"))
    row = ContactInfo(
        key=tokens.new(),
        member_id=viewer.id,
        kind=kind,
        label=label,
        value=value,
        audience=audience,
        changed_at=clock.now(),
    )
    db.session.add(row)
    db.session.flush()
    return row


def change_detail(viewer: Member, key: str, value: str, label: str, audience: str) -> ContactInfo:
    """Change one detail; its date moves when what it says does. NotFound for a key that is not the viewer's."""
    row = own_detail(viewer, key)
    label, value, audience = _checked(row.kind, label, value, audience)
    if (row.label, row.value) != (label, value):
        row.label, row.value, row.changed_at = label, value, clock.now()
    row.audience = audience
    db.session.flush()
    return row


def remove_detail(viewer: Member, key: str) -> None:
    """Delete one detail; from the next request on nobody sees it. NotFound for a key that is not the viewer's."""
    db.session.delete(own_detail(viewer, key))
    db.session.flush()


def _checked(kind: str, label: str, value: str, audience: str) -> tuple[str, str, str]:
    """Return label, value and audience as they are kept; Invalid names everything that does not hold."""
    if kind not in CONTACT_KINDS:
        raise Invalid(kind=N_("Choose what it is"))
    problems: dict[str, str] = {}
    label, kept = line(label), value
    if len(label) > LABEL_CHARACTERS:
        problems["label"] = TOO_LONG
    try:
        kept = check_value(kind, value)
    except Invalid as error:
        problems |= error.fields
    try:
        audiences.check(audience)
    except Invalid as error:
        problems |= error.fields
    if problems:
        raise Invalid(**problems)
    return label, kept, audience


def check_value(kind: str, text: str) -> str:
    """Return what a detail of this kind keeps of a text; Invalid, under `value`, for what does not hold."""
    kept = lines(text) if kind == "address" else line(text)
    if not kept:
        raise Invalid(value=N_("Enter something here"))
    if len(kept) > (ADDRESS_CHARACTERS if kind == "address" else VALUE_CHARACTERS):
        raise Invalid(value=TOO_LONG)
    if kind == "phone" and not _PHONE.fullmatch(kept):
        raise Invalid(value=N_("Enter a number like +351 21 555 0148"))
    if kind == "email":
        address = addresses.address(kept)
        if address is None:
            raise Invalid(value=N_("Enter an email address like name@example.com"))
        return address
    if kind == "site" and not is_link(kept):
        raise Invalid(value=N_("Enter an address that starts with https://"))
    return _birthday(kept) if kind == "birthday" else kept


def _birthday(text: str) -> str:
    found = _BIRTHDAY.fullmatch(text)
    wrong = Invalid(value=N_("Enter a date like 1990-05-14, or 05-14 without the year"))
    if found is None:
        raise wrong
    year, month, day = found.groups()
    try:
        born = date(int(year or LEAP_YEAR), int(month), int(day))
    except ValueError:
        raise wrong from None
    return born.isoformat() if year else f"--{born:%m-%d}"
