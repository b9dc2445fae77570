"""Choosing from the two lists: what a page shows, what is ticked, and who is meant at the end."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from webapp import tokens
from webapp.addresses import key as key_of
from webapp.config import setting
from webapp.domain import guests
from webapp.domain.contacts import book as books
from webapp.domain.contacts import standing
from webapp.domain.contacts.book import GROUP, Book, Draft, List, Ticks, View
from webapp.domain.contacts.matching import folded, has_no_box
from webapp.extensions import db
from webapp.models.batch import values_of
from webapp.models.member import Member, visible

SORTS: dict[List, tuple[str, ...]] = {"member": ("name", "mutual"), "guest": ("name", "address")}
SEARCH_CHARACTERS = 100


@dataclass(frozen=True)
class Selection:
    """How much of a list is ticked: `chosen` of `choosable` (those with a box) of `size`."""

    which: List
    chosen: int
    choosable: int
    size: int

    @property
    def state(self) -> str:
        """What Select all shows: `all`, `some` or `none`."""
        if not self.chosen:
            return "none"
        return "all" if self.chosen >= self.choosable else "some"


@dataclass(frozen=True)
class MemberRow:
    """A contact who is a member. Without `person` they are no longer here, whatever the reason."""

    at: int
    name: str
    person: Member | None
    mutual: int
    standing: standing.Standing | None
    ticked: bool
    has_box: bool
    possible: bool
    """Whether only the name and the organisation say that it is them."""


@dataclass(frozen=True)
class GuestRow:
    """A contact who is not a member, as far as this member may know."""

    at: int
    name: str
    address: str | None
    others: Sequence[str]
    status: Any
    ticked: bool
    has_box: bool


@dataclass(frozen=True)
class Shown:
    """One page of a list. `found` counts what the search found, the list's size without one."""

    rows: Sequence[Any]
    view: View
    pages: int
    found: int
    selection: Selection


def _column(book: Book, which: List) -> tuple[int, bytes]:
    row = book.row
    return (row.members, row.member_ticks) if which == "member" else (row.guests, row.guest_ticks)


def ticks_of(book: Book, which: List) -> Ticks:
    """Return what is ticked in a list."""
    return Ticks(*_column(book, which))


def fixed_of(book: Book, which: List) -> Ticks:
    """Return which positions of a list have no box."""
    return Ticks(_column(book, which)[0], book.summary.fixed_positions(which))


def selection(book: Book, which: List) -> Selection:
    """Return how much of a list is ticked."""
    ticks, fixed = ticks_of(book, which), fixed_of(book, which)
    return Selection(which, len(ticks), ticks.size - len(fixed), ticks.size)


def _keep(book: Book, which: List, ticks: Ticks) -> None:
    if which == "member":
        book.row.member_ticks = ticks.dump()
    else:
        book.row.guest_ticks = ticks.dump()


def tick(book: Book, which: List, at: int, *, on: bool) -> None:
    """Tick one position, or not. One without a box stays as it is."""
    tick_shown(book, which, [at], [at] if on else [])


def tick_shown(book: Book, which: List, shown: Collection[int], ticked: Collection[int]) -> None:
    """Take over the ticks of a page that was sent: of the positions shown, those ticked. The others stay as they are."""
    ticks, fixed = ticks_of(book, which), fixed_of(book, which)
    for at in shown:
        if at not in fixed:
            ticks.put(at, on=at in ticked)
    _keep(book, which, ticks)


def tick_all(book: Book, which: List, *, on: bool) -> None:
    """Tick every position that has a box, on all pages, or none."""
    fixed = fixed_of(book, which)
    _keep(book, which, Ticks.full(fixed.size).without(fixed) if on else Ticks(fixed.size))


def look(book: Book, which: List, *, page: int = 1, search: str | None = None, sort: str | None = None) -> None:
    """Note what a screen is to show: a page, and another search or sorting where one is given."""
    view = book.summary.view(which)
    if search is not None:
        view.search = search.strip()[:SEARCH_CHARACTERS]
    if sort in SORTS[which]:
        view.sort = sort
    view.page = max(page, 1)
    book.summary.show(which, view)
    books.keep_summary(book)


# What a page shows


def members_shown(viewer: Member, book: Book) -> Shown:
    """Return the page of contacts who are members, as they are now."""
    shown, entries = _page(viewer, book, "member")
    ids = [entry[0] for _, entry in entries]
    stands = standing.of(viewer, ids)
    people = {
        person.id: person
        for person in db.session.scalars(select(Member).where(Member.id.in_(select(values_of(ids).c.value)), visible()))
        if person.id in stands
    }
    mutual = standing.mutual(viewer, sorted(people))
    ticks, fixed = ticks_of(book, "member"), fixed_of(book, "member")
    rows = []
    for at, (member_id, name, _, *possible) in entries:
        person, stand = people.get(member_id), stands.get(member_id)
        has_box = person is not None and stand is not None and stand.has_box and at not in fixed
        ticked = has_box and at in ticks
        rows.append(MemberRow(at, name, person, mutual.get(member_id, 0), stand, ticked, has_box, bool(possible)))
    return Shown(rows, shown.view, shown.pages, shown.found, shown.selection)


def guests_shown(viewer: Member, book: Book) -> Shown:
    """Return the page of contacts who are not members, with what became of earlier invitations of theirs."""
    shown, entries = _page(viewer, book, "guest")
    lookups = {address: tokens.keyed_hash(key_of(address)) for _, entry in entries for address in entry[2:]}
    known = guests.status_of(viewer, list(lookups.values()))
    ticks, fixed = ticks_of(book, "guest"), fixed_of(book, "guest")
    rows = []
    for at, (name, address, *every) in entries:
        status = next((known[lookups[each]] for each in every if lookups[each] in known), None)
        has_box = address is not None and not has_no_box(status) and at not in fixed
        others = [each for each in every if each != address]
        rows.append(GuestRow(at, name, address, others, status, has_box and at in ticks, has_box))
    return Shown(rows, shown.view, shown.pages, shown.found, shown.selection)


def not_people(book: Book) -> list[list[str]]:
    """Return who is probably not a person, the first fifty: name, address, the rule that says so."""
    return [entry for part in books.parts(book, "other", [0]) for entry in part]


def rows(book: Book) -> list[list[Any]]:
    """Return what became of each row of the book: name, first address or link, under what it is counted, and why or to which row."""
    return [row for part in books.parts(book, "row") for row in part]


def _page(viewer: Member, book: Book, which: List) -> tuple[Shown, list[tuple[int, Any]]]:
    """Return one page of a list: positions and entries. In the list's own order it is one sealed part; else all are opened."""
    view = book.summary.view(which)
    size = _column(book, which)[0]
    in_order = view.sort == "name" and not view.search
    every = [] if in_order else _ordered(viewer, book, which, view)
    found = size if in_order else len(every)
    pages = max(1, -(-found // GROUP))
    view.page = min(view.page, pages)
    start = (view.page - 1) * GROUP
    if in_order:
        opened = books.parts(book, which, [view.page - 1])
        entries = list(enumerate(opened[0], start)) if opened else []
    else:
        entries = every[start : start + GROUP]
    return Shown((), view, pages, found, selection(book, which)), entries


def _ordered(viewer: Member, book: Book, which: List, view: View) -> list[tuple[int, Any]]:
    """Return the entries that a search finds (all without one), sorted as asked for."""
    words = folded(view.search).split()
    every = list(enumerate(entry for part in books.parts(book, which) for entry in part))
    if words:
        texts = _texts(which, [entry for _, entry in every])
        every = [row for row, text in zip(every, texts, strict=True) if all(word in text for word in words)]
    if view.sort == "mutual":
        mutual = standing.mutual(viewer, [entry[0] for _, entry in every])
        every.sort(key=lambda row: (-mutual.get(row[1][0], 0), row[0]))
    elif view.sort == "address":
        every.sort(key=lambda row: (row[1][2].lower(), row[0]))
    return every


def _texts(which: List, entries: Sequence[Sequence[Any]]) -> list[str]:
    """Return what a search compares with. A member's organisation is asked for now: meanwhile they may have hidden it."""
    if which == "guest":
        return [folded(" ".join([entry[0], *entry[2:]])) for entry in entries]
    given = values_of([entry[0] for entry in entries])
    rows = db.session.execute(select(Member.id, Member.organisation).join(given, given.c.value == Member.id))
    organisations = {row.id: row.organisation for row in rows}
    return [f"{entry[2]} {folded(organisations.get(entry[0], ''))}" for entry in entries]


# Who is meant at the end


def chosen(book: Book, which: List) -> list[tuple[int, Any]]:
    """Return the ticked positions and their entries, in the list's order. Only groups with a tick are opened."""
    ticks = ticks_of(book, which).without(fixed_of(book, which)).positions()
    groups = sorted({at // GROUP for at in ticks})
    opened = dict(zip(groups, books.parts(book, which, groups), strict=True))
    return [(at, opened[at // GROUP][at % GROUP]) for at in ticks]


def chosen_members(book: Book) -> list[int]:
    """Return the ids of the members who are ticked."""
    return [entry[0] for _, entry in chosen(book, "member")]


def chosen_guests(book: Book) -> list[guests.Invitee]:
    """Return who is ticked on the guest list, each with the one address a mail would go to."""
    return [_invitee(entry) for _, entry in chosen(book, "guest")]


def _invitee(entry: Sequence[Any]) -> guests.Invitee:
    name, address = entry[0], entry[1]
    return guests.Invitee(name=name, address=address, lookup=tokens.keyed_hash(key_of(address)))


def keep_closest(viewer: Member, book: Book, most: int) -> None:
    """Leave ticked those `most` of the ticked members with whom the viewer has the most mutual connections."""
    ticked = chosen(book, "member")
    mutual = standing.mutual(viewer, [entry[0] for _, entry in ticked])
    ticked.sort(key=lambda row: (-mutual.get(row[1][0], 0), row[0]))
    size = ticks_of(book, "member").size
    _keep(book, "member", Ticks.of(size, (at for at, _ in ticked[:most])))


# The mail to guests, as it was shown


def recipient(book: Book, at: int | None) -> tuple[int, guests.Invitee] | None:
    """Return for whom the mail is shown: the position asked for, else the first that is ticked, else the first with a box."""
    fixed, ticks = fixed_of(book, "guest"), ticks_of(book, "guest")
    if at is None or not 0 <= at < fixed.size or at in fixed:
        free = ticks.without(fixed).positions() or Ticks.full(fixed.size).without(fixed).positions()
        if not free:
            return None
        at = free[0]
    (part,) = books.parts(book, "guest", [at // GROUP])
    return at, _invitee(part[at % GROUP])


def draft_of(book: Book) -> Draft:
    """Return the mail as it was last shown."""
    return Draft(**book.summary.draft)


def keep_draft(book: Book, note: str, *, reply_to: bool, at: int | None) -> None:
    """Note how the mail is shown, so that what is sent is what was seen."""
    book.summary.draft = {"note": note.strip()[: setting("NOTE_CHARACTERS")], "reply_to": reply_to, "at": at}
    books.keep_summary(book)


def was_shown(book: Book, note: str, *, reply_to: bool) -> bool:
    """Whether the mail was shown as it would be sent."""
    draft = draft_of(book)
    return draft.note == note.strip() and draft.reply_to == reply_to
