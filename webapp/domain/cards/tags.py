"""Tags: a member's own words for people. The words are sealed; who shares a word can be seen in the database, which one it is cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, tuple_, update

from webapp import tokens
from webapp.domain import relationships
from webapp.domain.cards import box
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.profiles import audiences, checks
from webapp.extensions import db
from webapp.models.built import built_once, values_given
from webapp.models.card import CardKey, Tag, Tagged
from webapp.models.member import IN_LISTS, AnyViewer, Member

TAGS = 100
TAG_CHARACTERS = 40
TOO_MANY = N_("You have 100 tags, and there can be no more. Delete one first")


@dataclass(frozen=True)
class TagSeen:
    """A tag as its owner sees it; `name` is empty where it can't be read."""

    id: int
    key: str
    name: str
    count: int


def tags(viewer: Member) -> list[TagSeen]:
    """Return the viewer's tags by name, each with how many people have it who can be seen. One statement."""
    here = (
        select(Tagged.tag_id, Tagged.about_id)
        .join(Member, Member.id == Tagged.about_id)
        .where(Tagged.forget_at.is_(None), audiences.exists_for(viewer))
        .subquery()
    )
    rows = db.session.execute(
        select(Tag, CardKey.wrapped, func.count(here.c.about_id).label("number"))
        .join(CardKey, CardKey.member_id == Tag.owner_id)
        .outerjoin(here, here.c.tag_id == Tag.id)
        .where(Tag.owner_id == viewer.id)
        .group_by(Tag.id, CardKey.member_id)
    ).all()
    if not rows:
        return []
    opener = box.Opener.of(viewer, rows[0].wrapped)
    seen = [TagSeen(row.Tag.id, row.Tag.key, _name(opener, row.Tag), row.number) for row in rows]
    return sorted(seen, key=lambda tag: (tag.name.casefold(), tag.key))


def _name(opener: box.Opener, tag: Tag) -> str:
    return (opener.text(tag.sealed, box.tag_place(opener.owner_id, tag.key)) or "").rstrip()


def tag_one_of(viewer: Member, key: str) -> TagSeen:
    """Return the viewer's tag with this key, else NotFound."""
    found = next((tag for tag in tags(viewer) if tag.key == key), None)
    if found is None:
        raise NotFound
    return found


def tagged(viewer: Member, key: str) -> Any:
    """Return the ids of who has the viewer's tag with this key, as a Select to filter by; of nobody for a key that is not theirs."""
    return (
        select(Tagged.about_id)
        .join(Tag, Tag.id == Tagged.tag_id)
        .where(Tag.owner_id == viewer.id, Tag.key == key, Tagged.forget_at.is_(None))
    )


def people_with(viewer: Member, key: str) -> Any:
    """Return who has that tag and can be seen, by name, as rows of a list."""
    return (
        select(*IN_LISTS, Member.name_key)
        .where(Member.id.in_(tagged(viewer, key)), audiences.exists_for(viewer))
        .order_by(Member.name_key, Member.id)
    )


def after(found: Any, name_key: str, member_id: int) -> Any:
    """Return what follows one row of such a list."""
    return found.where(tuple_(Member.name_key, Member.id) > (name_key, member_id))


def of_many(viewer: Member, ids: Sequence[int]) -> dict[int, list[str]]:
    """Return for each of these members the names of the viewer's tags they have. One statement."""
    rows = db.session.execute(_of_many(), {"viewer": viewer.id, "given": list(ids)}).all()
    if not rows:
        return {}
    opener = box.Opener.of(viewer, rows[0].wrapped)
    names = {row.Tag.id: _name(opener, row.Tag) for row in rows}
    found: dict[int, list[str]] = {}
    for row in rows:
        if names[row.Tag.id]:
            found.setdefault(row.about_id, []).append(names[row.Tag.id])
    return {member_id: sorted(each, key=str.casefold) for member_id, each in found.items()}


@built_once
def _of_many() -> Any:
    given = select(values_given().c.value)  # no join: SQLite would look through all of them for each row
    return (
        select(Tagged.about_id, Tag, CardKey.wrapped)
        .join(Tag, Tag.id == Tagged.tag_id)
        .join(CardKey, CardKey.member_id == Tag.owner_id)
        .where(Tagged.about_id.in_(given), Tag.owner_id == AnyViewer.id, Tagged.forget_at.is_(None))
    )


def set_tags(viewer: Member, other: Member, text: str) -> None:
    """Let somebody have exactly these of the viewer's tags, with commas between them; new ones are made."""
    wanted = _checked(text)
    mine = _locked(viewer)
    ids = _made(viewer, mine, wanted)
    now = set(
        db.session.scalars(
            select(Tagged.tag_id).where(
                Tagged.about_id == other.id, Tagged.tag_id.in_([tag.id for tag in mine.values()])
            )
        )
    )
    # What was put aside is written anew, and so is there again.
    gone = delete(Tagged).where(Tagged.about_id == other.id, Tagged.tag_id.in_(now))
    db.session.execute(gone.execution_options(synchronize_session=False))
    if ids:
        db.session.execute(insert(Tagged), [{"tag_id": tag_id, "about_id": other.id} for tag_id in ids])


def add_all(viewer: Member, given: Sequence[tuple[int, Sequence[str]]]) -> set[int]:
    """Let each of these (the id of a member, names of tags) have these tags, too; return the ids for whom something is new."""
    names = list(dict.fromkeys(name for _id, each in given for name in each))
    if not names:
        return set()
    mine = _locked(viewer)
    wanted = [name for name in map(checks.line, names) if name and len(name) <= TAG_CHARACTERS]
    by_name = dict(zip([name.casefold() for name in wanted], _made(viewer, mine, wanted), strict=True))
    rows = db.session.execute(
        select(Tagged.about_id, Tagged.tag_id, Tagged.forget_at)
        .join(Tag, Tag.id == Tagged.tag_id)
        .where(Tag.owner_id == viewer.id)
    ).all()
    there = {(row.about_id, row.tag_id) for row in rows if row.forget_at is None}
    aside = {(row.about_id, row.tag_id) for row in rows} - there
    pairs = {
        (about_id, by_name[checks.line(name).casefold()])
        for about_id, each in given
        for name in each
        if checks.line(name).casefold() in by_name
    } - there
    if back := sorted(pairs & aside):
        again = update(Tagged).where(tuple_(Tagged.about_id, Tagged.tag_id).in_(back)).values(forget_at=None)
        db.session.execute(again.execution_options(synchronize_session=False))
    if new := sorted(pairs - aside):
        db.session.execute(insert(Tagged), [{"about_id": about, "tag_id": tag} for about, tag in new])
    return {about for about, _tag in pairs}


def add_tags(viewer: Member, ids: Sequence[int], text: str) -> int:
    """Let each of these members have these of the viewer's tags, too, with commas between them; return for how many something is new."""
    wanted = _checked(text)
    if not wanted:
        raise Invalid(tags=N_("Enter something here"))
    return len(add_all(viewer, [(each, wanted) for each in ids]))


def rename_tag(viewer: Member, key: str, name: str) -> None:
    """Give a tag another name; Invalid for one the viewer has already. NotFound for a key that is not theirs."""
    tag = tag_one_of(viewer, key)
    wanted = _checked(name.replace(",", " "), field="name")
    if not wanted:
        raise Invalid(name=N_("Enter something here"))
    same = _locked(viewer).get(wanted[0].casefold())
    if same is not None and same.id != tag.id:
        raise Invalid(name=N_("You have a tag of that name already"))
    row = db.session.get_one(Tag, tag.id)
    row.sealed = box.close(box.own_key(viewer), wanted[0], box.tag_place(viewer.id, row.key))
    db.session.flush()


def delete_tag(viewer: Member, key: str) -> None:
    """Delete a tag; nobody has it any more. NotFound for a key that is not the viewer's."""
    tag = tag_one_of(viewer, key)
    db.session.execute(delete(Tag).where(Tag.id == tag.id).execution_options(synchronize_session=False))


def _checked(text: str, field: str = "tags") -> list[str]:
    names = {name.casefold(): name for name in map(checks.line, text.replace("\n", ",").split(",")) if name}
    if any(len(name) > TAG_CHARACTERS for name in names.values()):
        raise Invalid(**{field: checks.TOO_LONG})
    return list(names.values())


def _locked(viewer: Member) -> dict[str, TagSeen]:
    """Return the viewer's tags by their folded names, until the transaction ends nobody else's business."""
    relationships.lock_members([viewer.id])
    return {tag.name.casefold(): tag for tag in tags(viewer)}


def _made(viewer: Member, mine: dict[str, TagSeen], names: Sequence[str]) -> list[int]:
    """Return the ids of the tags with these names; those that are missing are made."""
    new = [name for name in names if name.casefold() not in mine]
    if len(mine) + len(new) > TAGS:
        raise Refused(TOO_MANY)
    key = box.own_key(viewer)
    rows = {}
    for name in new:
        tag_key = tokens.new()
        rows[name.casefold()] = Tag(
            key=tag_key, owner_id=viewer.id, sealed=box.close(key, name, box.tag_place(viewer.id, tag_key))
        )
    db.session.add_all(rows.values())
    db.session.flush()
    return [mine[name.casefold()].id if name.casefold() in mine else rows[name.casefold()].id for name in names]
