"""The roster: the addresses of those who belong here, each as a keyed hash with its cohort. Nobody can read, mail or show one.

Whoever proves an address that is on it has its cohort shown as confirmed, whoever may join; where JOIN is `roster`, it lets them in.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from webapp import addresses, clock
from webapp.domain import accounts, names
from webapp.domain.profiles import fields
from webapp.extensions import db
from webapp.models.joining import RosterEntry
from webapp.models.member import EmailAddress, Member

COHORT_CHARACTERS = 60
Entries = dict[str, str]
"""The keyed hash of each address, and its cohort."""


def entries(rows: Iterable[tuple[str, str]]) -> Entries:
    """Return what is kept of these (address, cohort); of an address that stands there twice, the last one with a cohort."""
    found: Entries = {}
    for typed, cohort in rows:
        kept = addresses.address(typed)
        if kept is not None:
            lookup = accounts.lookup_of(kept)
            found[lookup] = addresses.display_name(cohort)[:COHORT_CHARACTERS].strip() or found.get(lookup, "")
    return found


def add(new: Entries) -> None:
    """Add these; who is on it already gets the new cohort."""
    _delete(list(new))
    _insert(new)
    confirm()


def replace(new: Entries) -> None:
    """Let the roster be these and no others."""
    db.session.execute(delete(RosterEntry))
    _insert(new)
    confirm()


def remove(address: str) -> None:
    """Take one address off; nobody is told whether it was there. Whoever joined with it stays."""
    _delete([accounts.lookup_of(accounts.check_address(address))])
    confirm()


def _delete(lookups: Sequence[str]) -> None:
    for at in range(0, len(lookups), 500):
        some = RosterEntry.lookup.in_(lookups[at : at + 500])
        db.session.execute(delete(RosterEntry).where(some).execution_options(synchronize_session=False))


def _insert(new: Entries) -> None:
    now = clock.now()
    rows = [{"lookup": lookup, "cohort": cohort, "added_at": now} for lookup, cohort in new.items()]
    if rows:
        db.session.execute(insert(RosterEntry), rows)


def confirm() -> None:
    """Let every member's confirmed cohort be what the roster now has beside an address they have proven."""
    said = (
        select(EmailAddress.member_id, func.max(RosterEntry.cohort).label("cohort"))
        .join(RosterEntry, RosterEntry.lookup == EmailAddress.lookup)
        .where(EmailAddress.verified_at.is_not(None))
        .group_by(EmailAddress.member_id)
        .subquery()
    )
    now: Any = func.coalesce(said.c.cohort, "")
    changed = db.session.execute(
        select(Member.id, now.label("roster_cohort"))
        .outerjoin(said, said.c.member_id == Member.id)
        .where(Member.roster_cohort != now)
    ).all()
    if changed:
        db.session.execute(update(Member), [dict(row._mapping) for row in changed])  # noqa: SLF001 - a row's names


def has(lookup: str) -> bool:
    """Whether an address is on it."""
    return db.session.get(RosterEntry, lookup) is not None


def vouch(member: Member, lookup: str) -> None:
    """Confirm the cohort of who has just proven an address; where their profile names none yet, it names this one."""
    entry = db.session.get(RosterEntry, lookup)
    if entry is None or not entry.cohort:
        return
    member.roster_cohort = max(member.roster_cohort, entry.cohort)
    held = fields.all_of(member)["cohort"]
    if not held.value:
        fields.put(member, "cohort", fields.Held(entry.cohort, held.audience))
        names.refresh(member)
    db.session.flush()


def forget(lookup: str) -> None:
    """Erase an address from it, for its owner."""
    _delete([lookup])


def cohorts() -> Sequence[Any]:
    """Return how many addresses there are of each cohort ("" for none), and when the last of them came."""
    counted = select(RosterEntry.cohort, func.count().label("number"), func.max(RosterEntry.added_at).label("added_at"))
    return db.session.execute(counted.group_by(RosterEntry.cohort).order_by(RosterEntry.cohort)).all()
