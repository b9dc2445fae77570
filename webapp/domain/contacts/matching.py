"""Comparing: which people of a book are members, as far as this member may know it; who is left stands on the guest list."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Self

from sqlalchemy import and_, delete, func, select, true

from webapp import addresses, clock, tokens
from webapp.config import setting
from webapp.domain import guests, ledger, names
from webapp.domain.contacts import book as books
from webapp.domain.contacts import standing
from webapp.domain.contacts.book import Book, Key, Ticks
from webapp.domain.errors import N_, TooMany
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.ledger import LookupCharge
from webapp.models.member import EmailAddress, Member, visible
from webapp.models.profile import ProfileLink
from webapp.providers.base import Card, Merged, Page, Person, merge


@dataclass
class Compared:
    """A book that was compared: its two lists in their order, what of them is ticked or has no box, and what became of each row."""

    charged: int
    email: str
    counts: dict[str, int]
    members: list[list[Any]] = field(default_factory=list)
    guests: list[list[Any]] = field(default_factory=list)
    not_people: list[list[str]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    member_ticks: Ticks = field(default_factory=lambda: Ticks(0))
    guest_ticks: Ticks = field(default_factory=lambda: Ticks(0))
    fixed: dict[str, str] = field(default_factory=dict)


def compare(viewer: Member, book: Book) -> Compared:
    """Compare a book that was read to its end. Reads only. TooMany where it would pass what a member may have compared."""
    own = db.session.scalars(
        select(EmailAddress.address).where(EmailAddress.member_id == viewer.id, EmailAddress.verified_at.is_not(None))
    )
    pages = [Page.load(dumped) for dumped in books.parts(book, "page")]
    merged = merge(pages, {addresses.key(each) for each in own})
    clues = [Clues.of(person) for person in merged.people]
    charged = len({lookup for each in clues for lookup in each.addresses}) + sum(not each.addresses for each in clues)
    _check_allowance(viewer, charged)
    sorting = _Sorting(viewer, book, merged, charged)
    result = sorting.sort(clues, _match(viewer, clues))
    result.rows = sorting.rows(card for page in pages for card in page.cards)
    return result


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
    books.drop_parts(book, "page")
    books.add_parts(
        books.sealed_list(book, "member", compared.members)
        + books.sealed_list(book, "guest", compared.guests)
        + books.sealed_list(book, "other", compared.not_people)
        + books.sealed_list(book, "row", compared.rows, size=books.ROWS)
    )
    books.touch(book)
    db.session.flush()
    counts = compared.counts
    ledger.add(
        viewer.id,
        "compared",
        door=row.door,
        read=counts["read"],
        addresses=compared.charged,
        **{name: counts[name] for name in ("members", "guests", "connected", "invited", "blocked")},
    )


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
class Clues:
    """What a person of a book can be found by: keyed addresses, the keyed link, and the name with the organisation."""

    addresses: Sequence[str]
    link: str
    name: str
    """The folded name as members are sorted by it, and after a line's end the folded organisation; empty without both."""

    @classmethod
    def of(cls, person: Person) -> Self:
        """Return the clues to a person."""
        link = tokens.keyed_hash(person.link) if person.link else ""
        name = ""
        if person.name and person.organisation:
            name = f"{names.keys_of(person.name)[0]}\n{folded(person.organisation)}"
        return cls([tokens.keyed_hash(key) for key in person.keys], link, name)

    @property
    def certain(self) -> list[str]:
        """What somebody is found by beyond doubt, the surest first."""
        return [*self.addresses, *([self.link] if self.link else [])]


@dataclass(frozen=True)
class Found:
    """A member behind a clue, and how this member stands with them."""

    member_id: int
    name: str
    standing: standing.Standing


def _match(viewer: Member, clues: Sequence[Clues]) -> dict[str, Found]:
    """Return who is behind these clues, as far as the viewer may know it. One question a kind of clue for the whole book.

    A member who cannot be found by an address, who may not be asked, or who blocked the viewer is left out here, before anything else
    is done with the book, and so is a stranger in all that follows.
    """
    rows = [
        *_behind(viewer, _EMAIL, [lookup for each in clues for lookup in each.addresses]),
        *_behind(viewer, _LINK, [each.link for each in clues if each.link]),
        *_named(viewer, [each.name for each in clues if each.name]),
    ]
    stands = standing.of(viewer, sorted({member_id for _, member_id, _, _ in rows}))
    distant = sorted({member_id for _, member_id, _, findable in rows if findable == "second"})
    near = standing.near(viewer, distant)
    return {
        clue: Found(member_id, name, stands[member_id])
        for clue, member_id, name, findable in rows
        if member_id in stands and (findable == "everyone" or member_id in near)
    }


_Row = tuple[str, int, str, str]
_EMAIL = (EmailAddress.lookup, EmailAddress.member_id, EmailAddress.verified_at.is_not(None))
_LINK = (ProfileLink.lookup, ProfileLink.member_id, true())


def _findable(viewer: Member) -> Any:
    return and_(visible(), Member.id != viewer.id, Member.findable != "nobody")


def _behind(viewer: Member, table: tuple[Any, Any, Any], lookups: Sequence[str]) -> list[_Row]:
    if not lookups:
        return []
    lookup, member_id, holds = table
    given = values_of(list(dict.fromkeys(lookups)))
    wanted = select(given.c.value, Member.id, Member.name, Member.findable).join_from(
        given, lookup.table, lookup == given.c.value
    )
    rows = db.session.execute(wanted.join(Member, Member.id == member_id).where(holds, _findable(viewer)))
    return [(row.value, row.id, row.name, row.findable) for row in rows]


def _named(viewer: Member, clues: Sequence[str]) -> list[_Row]:
    """Return who alone has a name and an organisation; where two have both, neither is told."""
    if not clues:
        return []
    given = values_of(list(dict.fromkeys(clue.partition("\n")[0] for clue in clues)))
    wanted = select(Member.id, Member.name, Member.name_key, Member.organisation, Member.findable)
    rows = db.session.execute(wanted.join(given, given.c.value == Member.name_key).where(_findable(viewer)))
    found: dict[str, list[_Row]] = {clue: [] for clue in clues}
    for row in rows:
        clue = f"{row.name_key}\n{folded(row.organisation)}"
        if clue in found:
            found[clue].append((clue, row.id, row.name, row.findable))
    return [alone[0] for alone in found.values() if len(alone) == 1]


class _Sorting:
    """Puts every person of a book where the sum counts them."""

    def __init__(self, viewer: Member, book: Book, merged: Merged, charged: int) -> None:
        self.viewer = viewer
        self.merged = merged
        self.counts = {"read": merged.read, "merged": merged.merged, "unusable": merged.unusable}
        self.counts |= dict.fromkeys(("members", "guests", "connected", "invited", "blocked"), 0)
        self.result = Compared(charged, book.summary.email, self.counts)
        self.seen: set[int] = set()
        self.became: dict[int, str] = {}
        """For each place in the list of people, under what the sum counts them."""

    def sort(self, clues: Sequence[Clues], matched: dict[str, Found]) -> Compared:
        """Return the book as the screens show it. Whoever is certain comes before somebody who is only possible."""
        people = self.merged.people
        members: list[tuple[Person, Found, bool]] = []
        outside: list[tuple[Person, Sequence[str]]] = []
        certain = [next((matched[clue] for clue in each.certain if clue in matched), None) for each in clues]
        for at, found in enumerate(certain):
            if found is not None:
                self.became[at] = self._count(found)
                if self.became[at] == "members":
                    members.append((people[at], found, False))
        for at, each in enumerate(clues):
            if certain[at] is not None:
                continue
            found = matched.get(each.name)
            if found is not None:
                self.became[at] = self._count(found)
                if self.became[at] == "members":
                    self.became[at] = "possible"
                    members.append((people[at], found, True))
            elif people[at].addresses:
                self.became[at] = "guests"
                outside.append((people[at], each.addresses))
            else:
                self.became[at] = "unusable"
                self.counts["unusable"] += 1
        self._members(members)
        self._guests(outside)
        self.result.not_people = [[row.name, row.addresses[0], row.rule or ""] for row in self.merged.not_people]
        self.counts["not_people"] = len(self.merged.not_people)
        return self.result

    def _count(self, found: Found) -> str:
        """Count a member once, and return under what."""
        if found.member_id in self.seen:
            self.counts["merged"] += 1
            return "merged"
        self.seen.add(found.member_id)
        if found.standing.counted:
            self.counts[found.standing.counted] += 1
        return found.standing.counted or "members"

    def rows(self, cards: Iterable[Card]) -> list[list[Any]]:
        """Return each row of the book: its name, its first address or link, what became of it, and why, or which row it was put to."""
        first: dict[int, int] = {}
        every = []
        for number, (card, fate) in enumerate(zip(cards, self.merged.fates, strict=True), 1):
            became: str = fate.kind
            more = fate.why
            if fate.kind == "person" and fate.person is not None:
                first[fate.person] = number
                became, more = self.became[fate.person], ""
            elif fate.person is not None:
                more = str(first[fate.person])
            every.append([card.name, next(iter(card.addresses), card.link), became, more])
        return every

    def _members(self, found: list[tuple[Person, Found, bool]]) -> None:
        found.sort(key=lambda row: (folded(row[1].name), row[1].member_id))
        size = len(found)
        result = self.result
        result.members = [
            [each.member_id, each.name, searchable(person.name, each.name), *([1] if possible else [])]
            for person, each, possible in found
        ]
        starts = (at for at, (_, each, possible) in enumerate(found) if each.standing.starts_ticked and not possible)
        result.member_ticks = Ticks.of(size, starts)
        result.fixed["member"] = Ticks.of(
            size, (at for at, (_, each, _) in enumerate(found) if not each.standing.has_box)
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
