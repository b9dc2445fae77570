"""A profile as one viewer sees it: the only way from what is kept to a page, a file or a mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, literal, select

from webapp.domain.errors import NotFound
from webapp.domain.profiles import background, contact, fields
from webapp.domain.profiles import skills as skilled
from webapp.domain.profiles.audiences import SEES, Relation, connected
from webapp.domain.profiles.background import Entry
from webapp.domain.profiles.contact import ContactDetail
from webapp.domain.profiles.skills import SkillSeen
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.built import built_once
from webapp.models.member import AnyViewer, Member, visible
from webapp.models.profile import ContactInfo, ProfileField


@dataclass(frozen=True)
class Profile:
    """Exactly what one viewer may see of somebody; the name is always among it."""

    relation: Relation
    handle: str
    name: str
    photo: str | None
    headline: str
    title: str
    organisation: str
    field: str
    place: str
    cohort: str
    roster_cohort: str
    """The year or class that the operators' roster confirms; seen by who sees `cohort`."""
    tags: tuple[str, ...]
    about: str
    links: tuple[str, ...]
    experience: tuple[Entry, ...]
    education: tuple[Entry, ...]
    skills: tuple[SkillSeen, ...]
    contact: tuple[ContactDetail, ...]

    @property
    def says_something(self) -> bool:
        """Whether there is more to see than the name."""
        return any(getattr(self, name) for name in (*fields.EMPTY, *fields.PARTS, "contact"))


def seen_by(viewer: Member | None, other: Member) -> Profile:
    """Return what the viewer (None: not signed in) sees of a member they reached through `people.one_of`. Four statements."""
    return _profile("stranger" if viewer is None else None, viewer, other)


def seen_as(relation: Relation, other: Member) -> Profile:
    """Return what anybody who is that to a member sees, and has not endorsed anything."""
    return _profile(relation, None, other)


def public_one(handle: str) -> Profile:
    """Return what somebody who is not signed in sees of who has this handle; NotFound where that is nothing."""
    other = db.session.scalar(select(Member).where(Member.handle == handle, visible()))
    if other is None:
        raise NotFound
    seen = seen_by(None, other)
    if not seen.says_something:
        raise NotFound
    return seen


def kept_for_connections(viewer: Member, ids: Sequence[int], names: Sequence[str]) -> dict[int, dict[str, Any]]:
    """Return for each of these members what they say in some fields to connections alone, where the viewer is one. One statement.

    What every member may see stands in the columns of `Member`, and is not among it.
    """
    given = select(values_of(list(ids)).c.value)
    rows = db.session.execute(
        select(ProfileField.member_id, ProfileField.name, ProfileField.value).where(
            ProfileField.member_id.in_(given),
            ProfileField.name.in_(names),
            ProfileField.audience == "connections",
            connected(viewer, ProfileField.member_id),
        )
    )
    found: dict[int, dict[str, Any]] = {}
    for member_id, name, value in rows:
        found.setdefault(member_id, {})[name] = value
    return found


@built_once
def _said(relation: Relation | None) -> Any:
    """How near the two are comes with the fields: both from one moment. Where it is given already, nobody looks."""
    viewer = AnyViewer
    near = (
        literal(relation)
        if relation
        else case((Member.id == viewer.id, "me"), (connected(viewer, Member.id), "connection"), else_=literal("member"))
    )
    return (
        select(near.label("relation"), ProfileField)
        .select_from(Member)
        .outerjoin(ProfileField, ProfileField.member_id == Member.id)
        .where(Member.id == bindparam("owner"))
    )


@built_once
def _details(audiences: tuple[str, ...]) -> Any:
    return contact.details().where(ContactInfo.audience.in_(audiences))


def _profile(given: Relation | None, viewer: Member | None, other: Member) -> Profile:
    asked = {"owner": other.id, "viewer": viewer.id} if viewer else {"owner": other.id}
    rows = db.session.execute(_said(given), asked).all()
    relation: Relation = rows[0].relation
    sees = SEES[relation]
    held = fields.held(other, [row.ProfileField for row in rows if row.ProfileField is not None])
    said: dict[str, Any] = {}
    for name, empty in fields.EMPTY.items():
        value = held[name].value if held[name].audience in sees else empty
        said[name] = tuple(value) if isinstance(value, list) else value
    found = background.entries(other.id)
    parts: dict[str, Sequence[Any]] = {
        "experience": [each for each in found if each.section == "experience"],
        "education": [each for each in found if each.section == "education"],
        "skills": skilled.skills(other.id, viewer),
    }
    for name, part in parts.items():
        said[name] = tuple(part) if held[name].audience in sees else ()
    details = db.session.execute(_details(sees), {"given": [other.id]})
    return Profile(
        relation=relation,
        handle=other.handle,
        name=other.name,
        **said,
        roster_cohort=other.roster_cohort if held["cohort"].audience in sees else "",
        contact=tuple(ContactDetail(*row[1:]) for row in details),
    )
