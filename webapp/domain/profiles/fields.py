"""The fields of a profile, each with an audience of its own, saved one by one.

A field that all members may see stands in the column of `Member` with its name and nowhere else. A field for fewer is kept in
`ProfileField`, and its column is empty: lists, searches and mails read columns, and cannot show or find what is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from webapp import tokens
from webapp.addresses import profile_link
from webapp.domain import names
from webapp.domain.errors import Invalid
from webapp.domain.profiles.audiences import DEFAULT, EVERY_MEMBER, check
from webapp.domain.profiles.checks import checked
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.profile import ProfileField, ProfileLink

EMPTY: Mapping[str, Any] = {
    "headline": "",
    "title": "",
    "organisation": "",
    "field": "",
    "place": "",
    "cohort": "",
    "tags": [],
    "about": "",
    "links": [],
    "photo": None,
}
"""Every field with an audience, and what its column holds when not every member may see it. All are columns of `Member`."""
PARTS: tuple[str, ...] = ("experience", "education", "skills")
"""The sections with one audience each; their rows are in tables of their own."""


@dataclass(frozen=True)
class Held:
    """What a field says, and who sees it."""

    value: Any
    audience: str


def all_of(owner: Member) -> dict[str, Held]:
    """Return everything a profile says in fields, whoever may see it, and the audiences of its sections: for the owner."""
    return held(owner, db.session.scalars(select(ProfileField).where(ProfileField.member_id == owner.id)).all())


def held(owner: Member, rows: Sequence[ProfileField]) -> dict[str, Held]:
    """Put together what the columns hold and what the rows do."""
    found = {name: Held(getattr(owner, name), DEFAULT) for name in EMPTY} | {
        name: Held(None, DEFAULT) for name in PARTS
    }
    for row in rows:
        in_column = row.name in EMPTY and row.audience in EVERY_MEMBER
        found[row.name] = Held(getattr(owner, row.name) if in_column else row.value, row.audience)
    return found


def edit(viewer: Member, audiences: Mapping[str, str] | None = None, /, **texts: str) -> None:
    """Change these fields and audiences of the viewer's profile and leave the others. Invalid, with every problem, changes nothing."""
    given = audiences or {}
    kept: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, text in texts.items():
        try:
            kept[name] = checked(name, text)
        except Invalid as error:
            problems |= error.fields
    for audience in given.values():
        try:
            check(audience)
        except Invalid as error:
            problems |= error.fields
    if problems:
        raise Invalid(**problems)
    before = all_of(viewer)
    for name in {**kept, **given}:
        if name in before:
            put(viewer, name, Held(kept.get(name, before[name].value), given.get(name, before[name].audience)))
        else:
            setattr(viewer, name, kept[name])  # the name, and what it is sorted under: every member sees them
    names.refresh(viewer)


def put(viewer: Member, name: str, now: Held) -> None:
    """Keep one field or audience where it belongs. `names.refresh` has to follow where a search finds the field."""
    in_column = now.audience in EVERY_MEMBER
    if name in EMPTY:
        setattr(viewer, name, now.value if in_column else EMPTY[name])
    if name == "links":
        _find_by(viewer)
    if now.audience == DEFAULT:
        db.session.execute(delete(ProfileField).where(ProfileField.member_id == viewer.id, ProfileField.name == name))
    else:
        value = None if in_column else now.value
        db.session.merge(ProfileField(member_id=viewer.id, name=name, audience=now.audience, value=value))
    db.session.flush()


def _find_by(viewer: Member) -> None:
    """Let whoever has a profile of the viewer's in their address book find them by it, as long as every member may see it."""
    db.session.execute(delete(ProfileLink).where(ProfileLink.member_id == viewer.id))
    pages = dict.fromkeys(filter(None, map(profile_link, viewer.links)))
    db.session.add_all(ProfileLink(member_id=viewer.id, lookup=tokens.keyed_hash(page)) for page in pages)
