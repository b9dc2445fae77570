"""Skills, in an order of the member's own, and the connections who endorse them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, select, update

from webapp import clock, tokens
from webapp.domain import names, relationships, telling
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.names import fold
from webapp.domain.profiles.audiences import DEFAULT, connected, exists_for, may_see
from webapp.domain.profiles.checks import TOO_LONG, line
from webapp.extensions import db
from webapp.models.built import built_once
from webapp.models.connection import Connection
from webapp.models.member import AnyViewer, Member, visible
from webapp.models.profile import Endorsement, ProfileField, Skill

SKILLS = 50
CHARACTERS = 40
KIND = "endorsement"
"""Of the notification."""


@dataclass(frozen=True)
class SkillSeen:
    """A skill with the number of connections who endorse it, and whether the viewer does."""

    key: str
    name: str
    endorsed: int
    by_viewer: bool


def skills(owner_id: int, viewer: Member | None) -> list[SkillSeen]:
    """Return all skills of a profile in their order, whoever may see them, counted as the viewer may count.

    An endorsement counts while the two are connected, beginning with this connection: removing ends it, and undoing the removal, which
    brings the connection back with its date, brings it back. One the owner hid counts for nobody but who gave it, who is not told.
    """
    asked = {"owner": owner_id, "viewer": viewer.id if viewer else 0}
    rows = db.session.execute(_counted(viewer is not None), asked)
    return [SkillSeen(key, name, number, bool(by_viewer)) for key, name, number, by_viewer in rows]


@built_once
def _counted(is_signed_in: bool) -> Any:
    me = AnyViewer
    owner: Any = bindparam("owner")
    mine = case((Endorsement.by_id == me.id, 1), else_=0)
    counted = (
        _holding(Skill.member_id == owner)
        .with_only_columns(Endorsement.skill_id, func.count().label("number"), func.max(mine).label("mine"))
        .where(Endorsement.hidden_at.is_(None) | (Endorsement.by_id == me.id), exists_for(me if is_signed_in else None))
        .group_by(Endorsement.skill_id)
        .subquery()
    )
    return (
        select(Skill.key, Skill.name, func.coalesce(counted.c.number, 0), func.coalesce(counted.c.mine, 0))
        .outerjoin(counted, counted.c.skill_id == Skill.id)
        .where(Skill.member_id == owner)
        .order_by(Skill.rank, Skill.id)
    )


def _holding(*which: Any) -> Any:
    """Return the endorsements of some skills that hold, with who gave them."""
    return (
        select(Member.handle, Member.name, Member.photo, Endorsement.hidden_at)
        .select_from(Endorsement)
        .join(Skill, Skill.id == Endorsement.skill_id)
        .join(Member, Member.id == Endorsement.by_id)
        .join(
            Connection,
            (Connection.member_id == Skill.member_id)
            & (Connection.other_id == Endorsement.by_id)
            & (Connection.since <= Endorsement.created_at),
        )
        .where(visible(), *which)
    )


# One's own list


def own_skill(viewer: Member, key: str) -> Skill:
    """Return one skill of the viewer's own, else NotFound."""
    found = db.session.scalar(select(Skill).where(Skill.member_id == viewer.id, Skill.key == key))
    if found is None:
        raise NotFound
    return found


def add_skill(viewer: Member, name: str) -> Skill:
    """Add a skill at the end. Invalid for none, a long one, and one that is there; Refused beyond 50."""
    name = line(name)
    if not name:
        raise Invalid(name=N_("Enter something here"))
    if len(name) > CHARACTERS:
        raise Invalid(name=TOO_LONG)
    relationships.lock_members([viewer.id])
    there = list(db.session.scalars(select(Skill).where(Skill.member_id == viewer.id)))
    if len(there) >= SKILLS:
        raise Refused(N_("That is the most there can be. Delete one first"))
    folded = fold(name)[:200]
    if folded in {each.name_key for each in there}:
        raise Invalid(name=N_("You list this one already"))
    rank = max((each.rank for each in there), default=0) + 1
    row = Skill(key=tokens.new(), member_id=viewer.id, name=name, name_key=folded, rank=rank)
    db.session.add(row)
    db.session.flush()
    names.refresh(viewer)
    return row


def move_skill(viewer: Member, key: str, to: int) -> None:
    """Let a skill stand at this place of the list, which begins with 1; beyond its end, at the end."""
    relationships.lock_members([viewer.id])
    mine = select(Skill).where(Skill.member_id == viewer.id).order_by(Skill.rank, Skill.id)
    order = list(db.session.scalars(mine))
    moved = own_skill(viewer, key)
    order.remove(moved)
    order.insert(max(to - 1, 0), moved)
    for rank, skill in enumerate(order, 1):
        skill.rank = rank
    db.session.flush()


def remove_skill(viewer: Member, key: str) -> None:
    """Delete a skill with its endorsements, and what was told of them."""
    db.session.delete(own_skill(viewer, key))
    telling.forget(KIND, key)
    db.session.flush()
    names.refresh(viewer)


def endorsers(viewer: Member, key: str) -> Sequence[Any]:
    """Return who endorses a skill of the viewer's own, by name, with when the viewer hid it; NotFound for a skill of somebody else."""
    skill = own_skill(viewer, key)
    return db.session.execute(_holding(Skill.id == skill.id).order_by(Member.name_key, Member.id)).all()


def endorsed_by(viewer: Member) -> Any:
    """Return which skills of whom the viewer endorses, as far as it counts and they show them; the oldest first."""
    audience = (
        select(ProfileField.audience)
        .where(ProfileField.member_id == Member.id, ProfileField.name == "skills")
        .scalar_subquery()
    )
    return (
        select(Member.name, Member.handle, Skill.name.label("skill"), Endorsement.created_at)
        .select_from(Endorsement)
        .join(Skill, Skill.id == Endorsement.skill_id)
        .join(Member, Member.id == Skill.member_id)
        .where(
            Endorsement.by_id == viewer.id,
            visible(),
            connected(viewer, Member.id),
            may_see(viewer, Member.id, func.coalesce(audience, DEFAULT)),
        )
        .order_by(Endorsement.created_at, Skill.id)
    )


def hide_endorsement(viewer: Member, key: str, handle: str, *, hide: bool) -> None:
    """Let one endorsement of an own skill not count, or count again. The endorser is not told; NotFound where there is none."""
    skill = own_skill(viewer, key)
    by_id = db.session.scalar(
        _holding(Skill.id == skill.id, Member.handle == handle).with_only_columns(Endorsement.by_id)
    )
    if by_id is None:
        raise NotFound
    db.session.execute(
        update(Endorsement)
        .where(Endorsement.skill_id == skill.id, Endorsement.by_id == by_id)
        .values(hidden_at=clock.now() if hide else None)
    )


# Endorsing somebody else's


def endorse(viewer: Member, other: Member, key: str, *, on: bool) -> None:
    """Endorse a skill of a connection, or take it back; doing either twice is once. The other is told, and that is taken back, too.

    NotFound for a skill the viewer cannot see, and for one of somebody who is no connection.
    """
    audience = func.coalesce(ProfileField.audience, DEFAULT)
    skill_id = db.session.scalar(
        select(Skill.id)
        .outerjoin(ProfileField, (ProfileField.member_id == Skill.member_id) & (ProfileField.name == "skills"))
        .where(
            Skill.member_id == other.id,
            Skill.key == key,
            connected(viewer, Skill.member_id),
            may_see(viewer, Skill.member_id, audience),
        )
    )
    if skill_id is None:
        raise NotFound
    relationships.lock_members([viewer.id])
    held = _holding(Skill.id == skill_id, Endorsement.by_id == viewer.id).with_only_columns(Endorsement.by_id)
    if on == (db.session.scalar(held) is not None):
        return
    # Also one that an earlier connection left: it begins anew.
    db.session.execute(delete(Endorsement).where(Endorsement.skill_id == skill_id, Endorsement.by_id == viewer.id))
    telling.retract(KIND, [(other.id, viewer.id)], about=key)
    if on:
        given = insert(Endorsement).values(skill_id=skill_id, by_id=viewer.id, created_at=clock.now())
        db.session.execute(given)
        telling.tell(KIND, [(other.id, viewer.id)], about=key)
