"""What is measured: pages, lists far in, searches, address books, and what a press of a button costs."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from flask import render_template
from limits import RateLimitItemPerHour
from sqlalchemy import delete, insert, select

from tests.bench import database
from tests.bench.measuring import Case, Ratio, count, in_turns, memory, ratio
from tests.conftest import Browser
from tests.contacts import Book
from webapp import clock
from webapp.domain import connections, contacts, messages, people, relationships, suggestions, throttles
from webapp.extensions import db
from webapp.models.base import to_ms
from webapp.models.connection import Connection
from webapp.models.ledger import LookupCharge
from webapp.models.member import Member, SignIn
from webapp.models.notification import Notification
from webapp.models.relationship import Relationship
from webapp.transaction import transaction
from webapp.web.access import public
from webapp.web.paging import cursor

PAGES = (
    "/feed",
    "/network",
    "/suggestions",
    "/connections",
    "/connections?sort=first",
    "/connections?sort=last",
    "/connections?sort=contact",
    "/connections?q=ma",
    "/connections?field=Engineering",
    "/connections/filter",
    "/people",
    "/people?q=ma",
    "/people/saved",
    "/fields",
    "/fields/law",
    "/people/{stranger}",
    "/people/{hub}",
    "/messages",
    "/messages/{talk}",
    "/notifications",
    "/invitations",
    "/invitations/sent",
    "/invitations/ignored",
    "/invitations/guests",
    "/contacts",
    "/settings",
    "/settings/blocked",
)
# What a member has as much of in a small community as in a large one, or is told a page of at a time.
GROWING = (
    "/feed",
    "/network",
    "/suggestions",
    "/connections",
    "/connections?sort=first",
    "/people",
    "/people?q=ma",
    "/people/{stranger}",
    "/fields",
    "/fields/law",
    "/messages",
    "/messages/{talk}",
    "/notifications",
    "/invitations",
)
# What is sorted, searched or in common is as much as there is; the hub's page may take longer there.
LINEAR = {
    "/connections?sort=first",
    "/connections?sort=last",
    "/connections?sort=contact",
    "/connections?q=ma",
    "/connections?field=Engineering",
    "/connections/filter",
    "/people/{hub}",
}
SUGGESTING = {"/network", "/suggestions"}
NULL = """{% extends "layouts/page.html" %}{% block main %}<h1>Nothing</h1>{% endblock %}"""
SIGNED_IN = 100
FREQUENT, NOBODY = "ma", "qzxv"


@dataclass(frozen=True)
class Row:
    """One line of the table. `aim` is what the ratio should not pass, where the design says so."""

    part: str
    what: str
    against: str
    ratio: Ratio
    statements: str
    aim: str = ""


class Bench:
    """The application, the members who are measured, and their browsers."""

    def __init__(self, app: Any, cast: database.Cast, rounds: int) -> None:
        self.app = app
        self.rounds = rounds
        self.cast = cast
        self.null = self._null_page()
        throttles.RESULT_PAGES = RateLimitItemPerHour(
            10**9, 1, namespace="result-pages"
        )  # who measures turns more pages than anybody
        self.browsers = {name: Browser(app, getattr(self.cast, name)) for name in ("hub", "median")}
        self.degrees = {name: self.member(name).degree for name in ("hub", "median")}
        self.members = people.total()
        self.known = {"stranger": self.handle(self.cast.strangers[-1]), "hub": self.handle(self.sociable())}
        self.talks = {name: self.talk(name) for name in ("median", "hub")}
        db.session.rollback()

    def member(self, name: str) -> Member:
        """Return the hub or the median member as this moment knows them."""
        return db.session.get_one(Member, getattr(self.cast, name))

    def handle(self, member_id: int) -> str:
        """Return somebody's handle."""
        found = db.session.scalars(select(Member.handle).where(Member.id == member_id)).one()
        db.session.rollback()
        return found

    def _null_page(self) -> Case:
        """The layout of a signed-in page around nothing, without a question to the database."""
        me = self.member("median")
        db.session.refresh(me)
        db.session.expunge(me)
        page = self.app.jinja_env.from_string(NULL)
        self.app.add_url_rule(
            "/bench/null",
            "null",
            public(lambda: render_template(page, me=me, news_of=lambda _me: {"messages": 0, "notifications": 0})),
        )
        return self.page(Browser(self.app), "/bench/null")

    def page(self, browser: Browser, url: str) -> Case:
        """Ask for a page."""

        def run(_given: None) -> None:
            answer = browser.get(url)
            assert answer.status_code == 200, (url, answer.status_code)

        return Case(run)

    def shown(self, name: str, url: str) -> Case:
        """Show a page to the hub or the median member, who is named in its address by {talk}, others by {stranger} and {hub}."""
        return self.page(self.browsers[name], url.format(**self.known, talk=self.talks[name]))

    def rows(self, smaller: "Bench") -> Iterator[Row]:
        """Measure everything, and some of it against a smaller community."""
        yield from self.pages()
        yield from self.grown(smaller)
        yield from self.far_in()
        yield from self.searches()
        yield from self.suggested()
        yield from self.address_books()
        yield from self.buttons()

    # Pages

    def pages(self) -> Iterator[Row]:
        """Every page of the median member against the null page, and of the hub against the median member's."""
        hub, median = (f"{self.degrees[name]:,}" for name in ("hub", "median"))
        rest = []
        for url in PAGES:
            cases = [self.null, *(self.shown(name, url) for name in ("median", "hub"))]
            null, middle, most = in_turns(cases, self.rounds)
            asked = [count(case) for case in cases]
            shown = url.replace("{hub}", "{popular}")
            yield Row("Pages", shown, "the null page", ratio(middle, null), f"{asked[1]} : {asked[0]}")
            aim = "1.3" if url == "/connections" else "" if url in LINEAR else "40" if url in SUGGESTING else "2"
            most_of = f"{hub} connections : {median}"
            rest.append(Row(most_of, shown, "the same", ratio(most, middle), f"{asked[2]} : {asked[1]}", aim))
        yield from rest

    def grown(self, smaller: "Bench") -> Iterator[Row]:
        """Every page that should not grow with the community, shown to its median member, against the same in a smaller one."""
        part = f"{self.members:,} members : {smaller.members:,}"
        for url in GROWING:
            case, other = self.shown("median", url), smaller.shown("median", url)
            few, many = in_turns([other, case], self.rounds)
            with smaller.app.app_context():
                asked = count(other)
            yield Row(part, url, "the same", ratio(many, few), f"{count(case)} : {asked}", "1.5")

    def talk(self, name: str) -> str:
        """Return the key of the latest conversation of the hub or the median member; they begin one where there is none."""
        me = self.member(name)
        with transaction():
            row = db.session.execute(messages.listed(me).limit(1)).first()
            if row is not None:
                return row.key
            other = db.session.execute(connections.of(me).limit(1)).one()
            return messages.key_of(messages.write_to(me, db.session.get_one(Member, other.id), "Are you coming?"))

    def sociable(self) -> int:
        """Return the best connected member but the hub."""
        found = select(Member.id).where(Member.id != self.cast.hub).order_by(Member.degree.desc()).limit(1)
        return db.session.scalars(found).one()

    # Far in

    def far_in(self) -> Iterator[Row]:
        """Compare a page nine tenths into a list with its first."""
        hub = self.member("hub")
        at = self.degrees["hub"] * 9 // 10
        urls = []
        orders: tuple[tuple[connections.Order, str, str], ...] = (
            ("recent", "since", ""),
            ("first", "name_key", "sort=first&"),
            ("last", "sort_key", "sort=last&"),
        )
        for order, key, asked in orders:
            row = db.session.execute(connections.of(hub, order=order).offset(at).limit(1)).one()
            value = getattr(row, key)
            place = cursor(to_ms(value) if order == "recent" else value, row.id)
            urls.append((f"/connections?{asked}".rstrip("?&"), f"/connections?{asked}after={place}"))
        everybody = db.session.execute(people.best_connected(hub).offset(people.total() * 9 // 10).limit(1)).one()
        place = cursor(0, everybody.degree, everybody.id, 0)
        urls.append(("/people", f"/people?after={place}"))
        db.session.rollback()
        for first, deep in urls:
            cases = [self.page(self.browsers["hub"], url) for url in (first, deep)]
            shallow, far = in_turns(cases, self.rounds)
            asked = " : ".join(str(count(case)) for case in reversed(cases))
            yield Row("Nine tenths into the list", first, "its first page", ratio(far, shallow), asked, "1.2")

    # Searching

    def searches(self) -> Iterator[Row]:
        """Compare a frequent beginning, a rare name, one nobody has, a mistyped one and a filter: with the null page and each other."""
        rare = db.session.scalars(select(Member.name).where(Member.id == self.cast.strangers[-1])).one()
        db.session.rollback()
        last = rare.split()[-1]
        asked_for = {
            f"“{FREQUENT}”": f"q={FREQUENT}",
            "a whole name": f"q={rare}",
            "a name nobody has": f"q={NOBODY}",
            "a mistyped name": f"q={last[:2]}{NOBODY[0]}{last[2:]}",
            f"“{FREQUENT}” in a place": f"q={FREQUENT}&place=Porto",
        }
        cases = [self.page(self.browsers["median"], f"/people?{each}") for each in asked_for.values()]
        null, *taken = in_turns([self.null, *cases], self.rounds)
        asked = [count(case) for case in cases]
        for what, each, number in zip(asked_for, taken, asked, strict=True):
            yield Row("People search", what, "the null page", ratio(each, null), str(number), "25")
        middle = sorted(range(3), key=lambda at: median(taken[at]))[1]
        for at, what in enumerate(list(asked_for)[:3]):
            row = ratio(taken[at], taken[middle])
            yield Row("People search", what, "the median of the three", row, f"{asked[at]} : {asked[middle]}", "2")

    # People one may know

    def suggested(self) -> Iterator[Row]:
        """Compare whom to suggest to members as they sign in, the more often the better connected, and to the hub, with the null page."""
        choose = random.Random(1)
        degrees = db.session.execute(select(Member.id, Member.degree).where(Member.id != self.cast.hub)).all()
        ids = choose.choices([row.id for row in degrees], [row.degree for row in degrees], k=SIGNED_IN)
        db.session.rollback()
        cases = [self.null, *(self._suggesting(each) for each in (self.cast.median, self.cast.hub, *ids))]
        null, middle, most, *every = in_turns(cases, max(4, self.rounds // 4))
        slow = sorted(every, key=median)[SIGNED_IN * 95 // 100 - 1]
        asked = [count(case) for case in cases[:3]]
        part = "Whom to suggest"
        yield Row(part, "to the member in the middle", "the null page", ratio(middle, null), f"{asked[1]} : {asked[0]}")
        yield Row(part, "to the slowest but 5 of 100 who sign in", "the null page", ratio(slow, null), "", "30")
        hub = f"to one with {self.degrees['hub']:,} connections"
        yield Row(part, hub, "in the middle", ratio(most, middle), f"{asked[2]} : {asked[1]}", "40")

    def _suggesting(self, member_id: int) -> Case:
        def run(_given: Any) -> None:
            suggestions.of(db.session.get_one(Member, member_id))

        return Case(run, db.session.remove, lambda _given: db.session.remove())

    # Address books

    def address_books(self) -> Iterator[Row]:
        """Compare what a large address book costs with what one a tenth as large does."""
        part = "25,000 contacts : 2,500"
        owners = ("median", "hub")
        books = {size: database.address_book(size) for size in (2500, 25000)}
        few, many = (self._matching("median", cards) for cards in books.values())
        small, large = in_turns([few, many], max(4, self.rounds // 6))
        yield Row(part, "comparing and keeping", "the same", ratio(large, small), f"{count(many)} : {count(few)}", "10")
        peaks = [memory(case) for case in (few, many)]
        share = peaks[1] / peaks[0]
        yield Row(part, f"memory at most, {peaks[1] / 1e6:.0f} MB", "the same", Ratio(share, share, share), "", "10")
        opened = {size: self._read(owner, cards) for owner, (size, cards) in zip(owners, books.items(), strict=True)}
        for what, run in (
            ("a page of the guests", lambda book: book.guests()),
            ("a box ticked", lambda book: book.change(lambda it: contacts.tick(it, "guest", 7, on=True))),
        ):
            cases = [self._on(book, run) for book in opened.values()]
            small, large = in_turns(cases, self.rounds)
            yield Row(part, what, "the same", ratio(large, small), f"{count(cases[1])} : {count(cases[0])}", "2")
        for book in opened.values():
            self._forget(book)

    def _pulled(self, owner: str, cards: Any) -> Book:
        db.session.remove()
        book = Book(self.member(owner))
        book.pull(cards)
        db.session.remove()
        return book

    def _matching(self, owner: str, cards: Any) -> Case:
        return Case(lambda book: book.settle(book.compare()), lambda: self._pulled(owner, cards), self._forget)

    def _read(self, owner: str, cards: Any) -> Book:
        book = self._pulled(owner, cards)
        return book.settle(book.compare())

    def _on(self, book: Book, run: Any) -> Case:
        return Case(lambda _given: run(book), db.session.remove, lambda _given: db.session.remove())

    def _forget(self, book: Book) -> None:
        with transaction():
            contacts.forget(book.owner, "anew")
            db.session.execute(delete(LookupCharge))
            db.session.execute(delete(SignIn).where(SignIn.id == book.sign_in_id))

    # Buttons

    def buttons(self) -> Iterator[Row]:
        """Compare 500 invitations with 5, a person; and accepting one with the least any database does for it."""
        hub = f"{self.degrees['hub']:,} connections"
        five, many = (self.cast.strangers[150 : 150 + number] for number in (5, 500))
        cases = [self._inviting("median", five), self._inviting("median", many), self._inviting("hub", five)]
        small, large, most = in_turns(cases, self.rounds // 2)
        asked_of = [count(case) for case in cases]
        one = "inviting 5, a person"
        asked = f"{asked_of[1]} : {asked_of[0]}"
        yield Row("Buttons", "inviting 500, a person", one, ratio(large, small, 5 / 500), asked, "1")
        asked = f"{asked_of[2]} : {asked_of[0]}"
        yield Row("Buttons", f"inviting 5 with {hub}", "inviting 5", ratio(most, small), asked, "2")
        cases = [self._bare(), self._accepting("median"), self._accepting("hub")]
        bare, middle, most = in_turns(cases, self.rounds)
        asked_of = [count(case) for case in cases]
        bare_words = "two rows and a commit"
        yield Row("Buttons", "accepting one", bare_words, ratio(middle, bare), f"{asked_of[1]} : {asked_of[0]}", "3")
        yield Row(
            "Buttons",
            f"accepting one with {hub}",
            "accepting one",
            ratio(most, middle),
            f"{asked_of[2]} : {asked_of[1]}",
            "2",
        )

        cases = [self._bare_end(), self._removing("median"), self._removing("hub")]
        bare, middle, most = in_turns(cases, self.rounds)
        asked_of = [count(case) for case in cases]
        asked = f"{asked_of[1]} : {asked_of[0]}"
        yield Row("Buttons", "removing one", bare_words, ratio(middle, bare), asked, "3")
        asked = f"{asked_of[2]} : {asked_of[1]}"
        yield Row("Buttons", f"removing one with {hub}", "removing one", ratio(most, middle), asked, "2")

    def _inviting(self, name: str, others: list[int]) -> Case:
        def run(_given: Any) -> None:
            with transaction():
                result = relationships.invite(self.member(name), others)
            assert result.invited == len(others)

        return Case(run, db.session.remove, lambda _given: self._unsay(getattr(self.cast, name), others))

    def _accepting(self, name: str) -> Case:
        me, asker = getattr(self.cast, name), self.cast.strangers[-2]

        def run(_given: Any) -> None:
            with transaction():
                assert relationships.accept(self.member(name), [asker]) == 1

        def after(_given: Any) -> None:
            with transaction():
                relationships.end(self.member(name), asker)
            self._unsay(me, [asker])

        return Case(run, lambda: self._asked(me, asker), after)

    def _removing(self, name: str) -> Case:
        me, asker = getattr(self.cast, name), self.cast.strangers[-2]

        def before() -> None:
            self._asked(me, asker)
            with transaction():
                relationships.accept(self.member(name), [asker])
            db.session.remove()

        def run(_given: Any) -> None:
            with transaction():
                relationships.end(self.member(name), asker)

        return Case(run, before, lambda _given: self._unsay(me, [asker]))

    def _asked(self, me: int, asker: int) -> None:
        """Let somebody have asked a while ago."""
        clock.move(days=-1)
        with transaction():
            relationships.invite(db.session.get_one(Member, asker), [me])
        clock.move(minutes=2)
        with transaction():
            relationships.release(clock.now())
        clock.reset()
        db.session.remove()

    def _unsay(self, one: int, others: list[int]) -> None:
        """Leave no trace of these pairs, so that the next turn finds the same."""
        row = Relationship
        with transaction():
            for low, high in ((row.low_id, row.high_id), (row.high_id, row.low_id)):
                db.session.execute(delete(row).where(low == one, high.in_(others)))
            db.session.execute(
                delete(Notification).where(Notification.actor_id.in_(others), Notification.member_id == one)
            )
            db.session.execute(
                delete(Notification).where(Notification.actor_id == one, Notification.member_id.in_(others))
            )
        db.session.remove()

    def _bare(self) -> Case:
        """Write the two rows of a connection and nothing else."""
        return Case(self._two_rows, db.session.remove, self._no_rows)

    def _bare_end(self) -> Case:
        """Delete the two rows of a connection and nothing else."""
        return Case(self._no_rows, lambda: (self._two_rows(), db.session.remove()))

    def _two_rows(self, _given: Any = None) -> None:
        """Nobody is connected with themselves, so these two rows are free."""
        rows = [{"member_id": each, "other_id": each, "since": clock.now()} for each in self.cast.strangers[-4:-2]]
        with transaction():
            db.session.execute(insert(Connection), rows)

    def _no_rows(self, _given: Any = None) -> None:
        mine = Connection.member_id.in_(self.cast.strangers[-4:-2])
        with transaction():
            db.session.execute(delete(Connection).where(mine, Connection.member_id == Connection.other_id))
