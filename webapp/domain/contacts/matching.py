"""Comparing: which people of a book are members, as far as this member may know it; who is left stands on the guest list."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import delete, func, select

from webapp import addresses, clock, tokens
from webapp.config import setting
from webapp.domain import guests, names
from webapp.domain.contacts import book as books
from webapp.domain.contacts import standing
from webapp.domain.contacts.book import Book, Key, Ticks
from webapp.domain.errors import N_, TooMany
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.contact import LookupCharge
from webapp.models.member import EmailAddress, Member, visible
from webapp.providers.base import Merged, Page, Person, merge


@dataclass
class Compared:
    """A book that was compared: its two lists in their order, and what of them is ticked or has no box."""

    charged: int
    email: str
    counts: dict[str, int]
    members: list[list[Any]] = field(default_factory=list)
    guests: list[list[Any]] = field(default_factory=list)
    not_people: list[list[str]] = field(default_factory=list)
    member_ticks: Ticks = field(default_factory=lambda: Ticks(0))
    guest_ticks: Ticks = field(default_factory=lambda: Ticks(0))
    fixed: dict[str, str] = field(default_factory=dict)


def compare(viewer: Member, book: Book) -> Compared:
    """Compare a book that was read to its end. Reads only. TooMany where it would pass what a member may have compared."""
    own = db.session.scalars(
        select(EmailAddress.address).where(EmailAddress.member_id == viewer.id, EmailAddress.verified_at.is_not(None))
    )
    merged = merge((Page.load(dumped) for dumped in books.parts(book, "page")), {addresses.key(each) for each in own})
    lookups = [[tokens.keyed_hash(key) for key in person.keys] for person in merged.people]
    every = list(dict.fromkeys(lookup for row in lookups for lookup in row))
    _check_allowance(viewer, len(every))
    matched = _match(viewer, every)
    return _Sorting(viewer, book, merged, len(every)).sort(lookups, matched)


def settle(viewer: Member, sign_in_id: int, key: Key | None, compared: Compared) -> None:
    """Keep the result, sealed, in place of the pages, and charge the comparison. Once: a book that is ready stays as it is. Raises Lost."""
    book = books.opened(viewer, sign_in_id, key, lock=True)
    if book.is_ready:
        return
    _check_allowance(viewer, compared.charged)
    now = clock.now()
    db.session.add(LookupCharge(member_id=viewer.id, at=now, addresses=compared.charged))
    row, summary = book.row, book.summary
    summary.counts = compared.counts
    summary.not_people = len(compared.not_people)
    summary.fixed = compared.fixed
    books.keep_summary(book)
    row.state, row.secret = "ready", None
    row.members, row.guests = len(compared.members), len(compared.guests)
    row.member_ticks, row.guest_ticks = compared.member_ticks.dump(), compared.guest_ticks.dump()
    books.drop_pages(book)
    books.add_parts(
        books.sealed_list(book, "member", compared.members)
        + books.sealed_list(book, "guest", compared.guests)
        + books.sealed_list(book, "other", compared.not_people)
    )
    books.touch(book)


# How much may be compared


@dataclass(frozen=True)
class Lookups:
    """How many addresses a member had compared in the last days, how many it may be, and when the first of them count no more."""

    used: int
    most: int
    frees_at: datetime | None


def lookups_of(viewer: Member) -> Lookups:
    """Return how much of their look-ups a member has used."""
    since = clock.now() - timedelta(days=setting("LOOKUP_DAYS"))
    used, first = db.session.execute(
        select(func.coalesce(func.sum(LookupCharge.addresses), 0), func.min(LookupCharge.at)).where(
            LookupCharge.member_id == viewer.id, LookupCharge.at > since
        )
    ).one()
    return Lookups(int(used), setting("LOOKUPS_MAX"), first and first + timedelta(days=setting("LOOKUP_DAYS")))


def _check_allowance(viewer: Member, wanted: int) -> None:
    found = lookups_of(viewer)
    if found.used + wanted <= found.most:
        return
    if wanted > found.most:
        raise TooMany(
            N_(
                "This address book has %(wanted)s different addresses, and at most %(most)s may be compared in %(days)s days."
            ),
            wanted=wanted,
            most=found.most,
            days=setting("LOOKUP_DAYS"),
        )
    frees_at = _frees_at(viewer, found.used + wanted - found.most)
    raise TooMany(
        N_(
            "You had %(used)s of %(most)s addresses compared in the last %(days)s days, and this address book has %(wanted)s. "
            "You can compare it from %(date)s."
        ),
        retry_after=(frees_at - clock.now()).total_seconds(),
        used=found.used,
        most=found.most,
        days=setting("LOOKUP_DAYS"),
        wanted=wanted,
        date=frees_at,
    )


def _frees_at(viewer: Member, needed: int) -> datetime:
    """Return when so many of a member's charges have grown old."""
    days = timedelta(days=setting("LOOKUP_DAYS"))
    charges = db.session.execute(
        select(LookupCharge.at, LookupCharge.addresses)
        .where(LookupCharge.member_id == viewer.id, LookupCharge.at > clock.now() - days)
        .order_by(LookupCharge.at)
    ).all()
    freed = list(accumulate(row.addresses for row in charges))
    at: datetime = charges[bisect_left(freed, needed)].at
    return at + days


def sweep_charges(now: datetime) -> int:
    """Delete the charges that count no more; return how many."""
    old = now - timedelta(days=setting("LOOKUP_DAYS"))
    return db.session.execute(delete(LookupCharge).where(LookupCharge.at <= old)).rowcount  # type: ignore[attr-defined,no-any-return]


# Who is a member


@dataclass(frozen=True)
class Found:
    """A member behind an address, and how this member stands with them."""

    member_id: int
    name: str
    standing: standing.Standing


def _match(viewer: Member, lookups: Sequence[str]) -> dict[str, Found]:
    """Return who is behind these keyed addresses, as far as the viewer may know it. One question for the whole book.

    A member who cannot be found by an address, who may not be asked, or who blocked the viewer is left out here, before anything else
    is done with the book, and so is a stranger in all that follows.
    """
    if not lookups:
        return {}
    given = values_of(lookups)
    rows = db.session.execute(
        select(given.c.value, Member.id, Member.name, Member.findable)
        .join(EmailAddress, EmailAddress.lookup == given.c.value)
        .join(Member, Member.id == EmailAddress.member_id)
        .where(EmailAddress.verified_at.is_not(None), visible(), Member.id != viewer.id, Member.findable != "nobody")
    ).all()
    stands = standing.of(viewer, sorted({row.id for row in rows}))
    distant = sorted({row.id for row in rows if row.findable == "second"})
    near = standing.near(viewer, distant)
    return {
        row.value: Found(row.id, row.name, stands[row.id])
        for row in rows
        if row.id in stands and (row.findable == "everyone" or row.id in near)
    }


class _Sorting:
    """Puts every person of a book where the sum counts them."""

    def __init__(self, viewer: Member, book: Book, merged: Merged, charged: int) -> None:
        self.viewer = viewer
        self.merged = merged
        self.counts = {"read": merged.read, "merged": merged.merged, "unusable": merged.unusable}
        self.counts |= dict.fromkeys(("members", "guests", "connected", "invited", "blocked"), 0)
        self.result = Compared(charged, book.summary.email, self.counts)
        self.seen: set[int] = set()

    def sort(self, lookups: Sequence[Sequence[str]], matched: dict[str, Found]) -> Compared:
        """Return the book as the screens show it."""
        members: list[tuple[Person, Found]] = []
        outside: list[tuple[Person, Sequence[str]]] = []
        for person, keys in zip(self.merged.people, lookups, strict=True):
            found = next((matched[key] for key in keys if key in matched), None)
            if found is None:
                outside.append((person, keys))
            elif found.member_id in self.seen:
                self.counts["merged"] += 1
            else:
                self.seen.add(found.member_id)
                if found.standing.counted:
                    self.counts[found.standing.counted] += 1
                else:
                    members.append((person, found))
        self._members(members)
        self._guests(outside)
        self.result.not_people = [[row.name, row.addresses[0], row.rule or ""] for row in self.merged.not_people]
        self.counts["not_people"] = len(self.merged.not_people)
        return self.result

    def _members(self, found: list[tuple[Person, Found]]) -> None:
        found.sort(key=lambda row: (folded(row[1].name), row[1].member_id))
        size = len(found)
        result = self.result
        result.members = [[each.member_id, each.name, searchable(person.name, each.name)] for person, each in found]
        result.member_ticks = Ticks.of(size, (at for at, (_, each) in enumerate(found) if each.standing.starts_ticked))
        result.fixed["member"] = Ticks.of(
            size, (at for at, (_, each) in enumerate(found) if not each.standing.has_box)
        ).text()
        self.counts["members"] = size

    def _guests(self, outside: list[tuple[Person, Sequence[str]]]) -> None:
        outside.sort(key=lambda row: (folded(row[0].shown), row[0].addresses[0]))
        size = len(outside)
        result = self.result
        result.guests = [guest_entry(person) for person, _ in outside]
        known = guests.status_of(self.viewer, [lookup for _, keys in outside for lookup in keys])
        fixed = Ticks.of(
            size,
            (
                at
                for at, (person, keys) in enumerate(outside)
                if person.mail_address is None or any(has_no_box(known.get(key)) for key in keys)
            ),
        )
        result.fixed["guest"] = fixed.text()
        if setting("GUESTS_PRESELECTED"):
            result.guest_ticks = Ticks.full(size).without(fixed)
        else:
            result.guest_ticks = Ticks(size)
        self.counts["guests"] = size


def guest_entry(person: Person) -> list[Any]:
    """Return a guest as the list keeps them: the name, the address a mail would go to (or none), all addresses."""
    return [person.name, person.mail_address, *person.addresses]


def has_no_box(status: Any) -> bool:
    """Whether an earlier invitation stands in the way of another one now."""
    return status is not None and (status.again_from is None or status.again_from > clock.now())


def searchable(*texts: str) -> str:
    """Return what a search in the list compares with."""
    return folded(" ".join(dict.fromkeys(text for text in texts if text)))


def folded(text: str) -> str:
    """Fold a text, the quick way where it is plain."""
    return text.lower() if text.isascii() else names.fold(text)
