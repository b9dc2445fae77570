"""Experience and education: positions and studies with their years."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from webapp import clock, tokens
from webapp.domain import relationships
from webapp.domain.errors import N_, Invalid, NotFound, Refused
from webapp.domain.names import fold
from webapp.domain.profiles.checks import TOO_LONG, line
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.profile import SECTIONS, ProfileEntry

ENTRIES = 30
"""How many of both sections together."""
CHARACTERS = 120
FIRST_YEAR = 1900
YEARS_AHEAD = 10


@dataclass(frozen=True)
class Entry:
    """A position or a study. Without `to_year` it goes on."""

    key: str
    section: str
    what: str
    at: str
    from_year: int
    to_year: int | None


_ENTRIES = select(
    ProfileEntry.key,
    ProfileEntry.section,
    ProfileEntry.what,
    ProfileEntry.at,
    ProfileEntry.from_year,
    ProfileEntry.to_year,
).where(ProfileEntry.member_id == bindparam("owner"))


def entries(owner_id: int) -> list[Entry]:
    """Return all entries of a profile, whoever may see them: what goes on first, then the latest."""
    found = [Entry(*row) for row in db.session.execute(_ENTRIES, {"owner": owner_id})]
    return sorted(
        found, key=lambda each: (-(each.to_year or clock.now().year + YEARS_AHEAD), -each.from_year, each.key)
    )


def own_entries(viewer: Member) -> list[Entry]:
    """Return all entries of the viewer's own."""
    return entries(viewer.id)


def own_entry(viewer: Member, key: str) -> ProfileEntry:
    """Return one entry of the viewer's own, else NotFound."""
    found = db.session.scalar(select(ProfileEntry).where(ProfileEntry.member_id == viewer.id, ProfileEntry.key == key))
    if found is None:
        raise NotFound
    return found


def add_entry(viewer: Member, section: str, *, what: str, at: str, from_year: str, to_year: str = "") -> ProfileEntry:
    """Add a position or a study. Invalid names what does not hold; NotFound for no such section; Refused beyond 30."""
    if section not in SECTIONS:
        raise NotFound
    kept = _checked(what, at, from_year, to_year)
    relationships.lock_members([viewer.id])
    if len(entries(viewer.id)) >= ENTRIES:
        raise Refused(N_("That is the most there can be. Delete one first"))
    row = ProfileEntry(key=tokens.new(), member_id=viewer.id, section=section)
    row.what, row.at, row.from_year, row.to_year = kept
    db.session.add(row)
    db.session.flush()
    return row


def is_said_on_top(viewer: Member, row: ProfileEntry) -> bool:
    """Whether an entry is the very position that the profile names at its top, for every member: it goes on and reads the same."""
    said = (fold(viewer.title), fold(viewer.organisation))
    return row.section == "experience" and row.to_year is None and (fold(row.what), fold(row.at)) == said


def change_entry(viewer: Member, key: str, *, what: str, at: str, from_year: str, to_year: str = "") -> ProfileEntry:
    """Change an entry of the viewer's own, else NotFound."""
    row = own_entry(viewer, key)
    row.what, row.at, row.from_year, row.to_year = _checked(what, at, from_year, to_year)
    db.session.flush()
    return row


def remove_entry(viewer: Member, key: str) -> None:
    """Delete an entry of the viewer's own, else NotFound."""
    db.session.delete(own_entry(viewer, key))
    db.session.flush()


def _checked(what: str, at: str, from_year: str, to_year: str) -> tuple[str, str, int, int | None]:
    problems: dict[str, str] = {}
    what, at = line(what), line(at)
    for name, text in (("what", what), ("at", at)):
        if len(text) > CHARACTERS:
            problems[name] = TOO_LONG
    if not what:
        problems["what"] = N_("Enter something here")
    begun, ended = _year(from_year), _year(to_year) if to_year.strip() else None
    if begun is None:
        problems["from_year"] = N_("Enter a year like 2021")
    if to_year.strip() and ended is None:
        problems["to_year"] = N_("Enter a year like 2024, or nothing if it goes on")
    if begun and ended and ended < begun:
        problems["to_year"] = N_("It ends before it begins")
    if problems or begun is None:
        raise Invalid(**problems)
    return what, at, begun, ended


def _year(text: str) -> int | None:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) == len(str(FIRST_YEAR))):
        return None
    return int(text) if FIRST_YEAR <= int(text) <= clock.now().year + YEARS_AHEAD else None
