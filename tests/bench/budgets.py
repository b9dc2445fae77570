"""The budgets of one process: pages, lists far in, searches, address books, and what a press of a button costs."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from sqlalchemy import delete, insert, select

from tests.bench import database, pages
from tests.bench.measuring import Case, commits, count, in_turns, memory, ratio
from tests.bench.rows import Row, figure, row
from tests.bench.stage import VIEWERS, Stage
from tests.contacts import Book
from webapp import addresses, clock, tokens
from webapp.domain import connections, contacts, people, relationships, suggestions
from webapp.domain.contacts import matching
from webapp.extensions import db
from webapp.models.base import to_ms
from webapp.models.batch import is_sqlite
from webapp.models.connection import Connection
from webapp.models.ledger import LookupCharge
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Member, SignIn
from webapp.models.notification import Notification
from webapp.models.relationship import Relationship
from webapp.transaction import transaction
from webapp.web.paging import cursor

GROWING = (
    "/feed",
    "/network",
    "/suggestions",
    "/connections",
    "/connections?sort=first",
    "/people",
    "/people?q=ma",
    "/fields",
    "/fields/law",
    "/messages",
    "/messages/{talk}",
    "/notifications",
    "/invitations",
)
"""Lists of which a member has as much in a small community as in a large one, or is shown a page at a time."""
FREQUENT, NOBODY = "ma", "qzxv"
MANY, FEW, PAGE_BYTES = 25_000, 1_000, 10_000
NULL = "the null route"
RAW = (
    """INSERT INTO relationship (low_id, high_id, state, by_id, since)
    SELECT min(value, {me}), max(value, {me}), 'pending', {me}, {now} FROM {given}""",
    """INSERT INTO notification (member_id, kind, actor_id, created_at, visible_from)
    SELECT value, 'bench', {me}, {now}, {now} FROM {given}""",
    """INSERT INTO outgoing_mail (kind, to_member_id, by_member_id, facts, state, reason, attempts, created_at, not_before)
    SELECT 'bench', value, {me}, '{{}}', 'sent', '', 0, {now}, {now} FROM {given}""",
)
"""The least that 500 invitations write: a pair, a notification and a mail for each, in three statements."""


class Budgets:
    """Measures one community against a smaller one."""

    def __init__(self, large: Stage, small: Stage) -> None:
        self.stage, self.small = large, small
        self.rounds = large.rounds
        self.cast = large.cast

    def rows(self) -> Iterator[Row]:
        """Measure everything that one process can."""
        yield from self.least()
        yield from self.lists()
        yield from self.grown()
        yield from self.searches()
        yield from self.suggested()
        yield from self.matched()
        yield from self.invited()
        yield from self.pressed()
        yield from self.feed()

    # 1 to 5: pages

    def least(self) -> Iterator[Row]:
        """Compare a page with nothing on it with the null route; and that with what Flask takes for the same."""
        nothing = self.stage.shown("median", "/bench/nothing")
        null, page, bare = in_turns([self.stage.null, nothing, self.stage.bare], self.rounds)
        yield row(1, "a page with nothing on it", NULL, ratio(page, null), (count(nothing),), most=5, statements_most=1)
        yield row(1, "the null route itself", "a bare Flask", ratio(null, bare))

    def lists(self) -> Iterator[Row]:
        """Compare the first page of the connections with the null route, for whom it is long, and far in."""
        cases = {name: self.stage.shown(name, "/connections") for name in VIEWERS}
        null, middle, most, cap = in_turns([self.stage.null, *cases.values()], self.rounds)
        asked = {name: count(case) for name, case in cases.items()}
        page = "a page of one's connections"
        yield row(2, page, NULL, ratio(middle, null), (asked["median"],), most=12, statements_most=3)
        for name, taken in (("hub", most), ("cap", cap)):
            whose = f"the same, of {self.stage.degrees[name]:,}"
            against = f"of {self.stage.degrees['median']:,}"
            yield row(3, whose, against, ratio(taken, middle), (asked[name], asked["median"]), most=1.3)
        for what, first, deep in self._far_in():
            cases_in = [self.stage.page(self.stage.browsers["hub"], url) for url in (first, deep)]
            shallow, far = in_turns(cases_in, self.rounds)
            asked_in = count(cases_in[1]), count(cases_in[0])
            yield row(4, f"{what}, nine tenths in", "its first page", ratio(far, shallow), asked_in, most=1.2)

    def _far_in(self) -> Iterator[tuple[str, str, str]]:
        hub = database.member(self.cast.hub)
        orders: tuple[tuple[str, connections.Order, str, str], ...] = (
            ("connections", "recent", "since", ""),
            ("connections by first name", "first", "name_key", "sort=first&"),
            ("connections by last name", "last", "sort_key", "sort=last&"),
        )
        for what, order, key, asked in orders:
            found = connections.of(hub, order=order).offset(self.stage.degrees["hub"] * 9 // 10).limit(1)
            at = db.session.execute(found).one()
            value = getattr(at, key)
            place = cursor(to_ms(value) if order == "recent" else value, at.id)
            yield what, f"/connections?{asked}".rstrip("?&"), f"/connections?{asked}after={place}"
        everybody = db.session.execute(people.best_connected(hub).offset(people.total() * 9 // 10).limit(1)).one()
        place = cursor(0, everybody.degree, everybody.id, 0)
        db.session.rollback()
        yield "people", "/people", f"/people?after={place}"

    def grown(self) -> Iterator[Row]:
        """Compare every list with the same in a smaller community, of both median members."""
        part = f"of {self.small.members:,} members"
        for url in GROWING:
            case, other = self.stage.shown("median", url), self.small.shown("median", url)
            few, many = in_turns([other, case], self.rounds)
            with self.small.app.app_context():
                asked = count(other)
            what = f"{url}, of {self.stage.members:,} members"
            yield row(5, what, part, ratio(many, few), (count(case), asked), most=1.5)

    # 6: searching

    def searches(self) -> Iterator[Row]:
        """Compare a frequent beginning, a rare name, one nobody has and a mistyped one: with the null route and each other."""
        rare = db.session.scalars(select(Member.name).where(Member.id == self.cast.strangers[-1])).one()
        db.session.rollback()
        last = rare.split()[-1]
        asked_for = {
            "a common beginning": f"q={FREQUENT}",
            "a whole name": f"q={rare}",
            "a name nobody has": f"q={NOBODY}",
            "a mistyped name": f"q={last[:2]}{NOBODY[0]}{last[2:]}",
        }
        cases = [self.stage.shown("median", f"/people?{each}") for each in asked_for.values()]
        null, *taken = in_turns([self.stage.null, *cases], self.rounds)
        asked = [count(case) for case in cases]
        for what, each, number in zip(asked_for, taken, asked, strict=True):
            yield row(6, f"search for {what}", NULL, ratio(each, null), (number,), most=25, statements_most=5)
        middle = sorted(range(3), key=lambda at: median(taken[at]))[1]
        for at, what in enumerate(list(asked_for)[:3]):
            if at != middle:
                yield row(6, what, list(asked_for)[middle], ratio(taken[at], taken[middle]), most=2)

    # 7: people one may know

    def suggested(self) -> Iterator[Row]:
        """Compare whom to suggest to members as they sign in, and to hubs, with the null route."""
        viewers = (self.cast.median, self.cast.hub, self.cast.cap, *self.cast.drawn)
        cases = [self.stage.null, *(self._suggesting(each) for each in viewers)]
        null, middle, most, cap, *every = in_turns(cases, max(4, self.rounds // 4))
        slow = sorted(every, key=median)[len(every) * 95 // 100 - 1]
        asked = [count(case) for case in cases[1:4]]
        what = "whom to suggest: the slowest but 5 of 100"
        yield row(7, what, NULL, ratio(slow, null), (max(asked),), most=30, statements_most=4)
        for name, taken, number in (("hub", most, asked[1]), ("cap", cap, asked[2])):
            whose = f"the same, of {self.stage.degrees[name]:,}"
            against = f"of {self.stage.degrees['median']:,}"
            yield row(7, whose, against, ratio(taken, middle), (number, asked[0]), most=40)

    def _suggesting(self, member_id: int) -> Case:
        def run(_given: Any) -> None:
            suggestions.of(database.member(member_id))

        return Case(run, db.session.remove, lambda _given: db.session.remove())

    # 8 and 9: address books

    def matched(self) -> Iterator[Row]:
        """Compare finding the members of an address book with an intersection of sets, a smaller book, a smaller community."""
        many, few = (self._texts(size) for size in (MANY, FEW))
        known = set(db.session.scalars(select(EmailAddress.lookup)))
        lookups = [lookup for each in _clues(many) for lookup in each.addresses]
        wanted = set(lookups)
        db.session.rollback()
        cases = [
            self._matching(self.stage, many),
            self._matching(self.stage, few),
            Case(lambda _given: known & wanted),
            self._asking(lookups),
        ]
        found, less, least, question = in_turns(cases, self.rounds)
        asked = count(cases[0]), count(cases[1])
        what = f"who of {MANY:,} addresses is a member"
        yield row(
            8, what, "Python: the common part of two sets", ratio(found, least), asked[:1], most=30, statements_most=2
        )
        yield row(8, "the same", f"of {FEW:,}", ratio(found, less), asked, most=35, same=True)
        yield row(
            8, "of it the question to the database", "the whole", ratio(question, found), (count(cases[3]), asked[0])
        )
        cards = database.address_book(MANY)
        whole = self._comparing(cards)
        taken, found = in_turns([whole, cases[0]], max(4, self.rounds // 8))
        comparing = f"a book of {MANY:,} opened, read, sorted and kept"
        yield row(8, comparing, "finding the members in it", ratio(taken, found), (count(whole), asked[0]))
        held = memory(whole)
        yield figure(8, "memory at most meanwhile", f"{held / 1e6:.0f} MB")
        with self.small.app.app_context():
            texts = self._texts(MANY)
        here, there = self._matching(self.stage, many), self._matching(self.small, texts)
        more, fewer = in_turns([here, there], self.rounds)
        with self.small.app.app_context():
            asked_there = count(there)
        against = f"of {self.small.members:,}"
        what = f"who of {MANY:,} addresses is one of {self.stage.members:,} members"
        yield row(9, what, against, ratio(more, fewer), (asked[0], asked_there), most=2, same=True)

    def _texts(self, size: int) -> list[str]:
        """Return addresses as they are written in a book, a tenth of them members'."""
        found = select(EmailAddress.address).order_by(EmailAddress.id).offset(100).limit(size // 10)
        texts = [f" {address.upper()}" for address in db.session.scalars(found)]
        db.session.rollback()
        return texts + [f"Person.{number}@out.example" for number in range(size - len(texts))]

    def _matching(self, stage: Stage, texts: list[str]) -> Case:
        def run(_given: Any) -> None:
            with stage.app.app_context():
                matching._match(database.member(stage.cast.median), _clues(texts))

        return Case(run, db.session.remove, lambda _given: db.session.remove())

    def _asking(self, lookups: list[str]) -> Case:
        def run(_given: Any) -> None:
            matching._behind(database.member(self.cast.median), matching._EMAIL, lookups)

        return Case(run, db.session.remove, lambda _given: db.session.remove())

    def _comparing(self, cards: Any) -> Case:
        def before() -> Book:
            db.session.remove()
            book = Book(database.member(self.cast.median))
            book.pull(cards)
            db.session.remove()
            return book

        def after(book: Book) -> None:
            with transaction():
                contacts.forget(book.owner, "anew")
                db.session.execute(delete(LookupCharge))
                db.session.execute(delete(SignIn).where(SignIn.id == book.sign_in_id))

        return Case(lambda book: book.settle(book.compare()), before, after)

    # 10: inviting

    def invited(self) -> Iterator[Row]:
        """Compare 500 invitations with the least statements that write as much, with 5, and from a hub."""
        five, many = (self.cast.strangers[150 : 150 + number] for number in (5, 500))
        cases = [
            self._raw(many),
            self._inviting("median", many),
            self._inviting("median", five),
            self._inviting("cap", five),
        ]
        raw, large, small, most = in_turns(cases, self.rounds // 2)
        asked = [count(case) for case in cases]
        what = f"{len(many)} invitations, {commits(cases[1])} commit"
        least = "three statements that write as much"
        yield row(10, what, least, ratio(large, raw), (asked[1], asked[0]), most=4, statements_most=8)
        each = ratio(large, small, len(five) / len(many))
        yield row(10, "one of 500", "one of 5", each, (asked[1], asked[2]), same=True)
        cap = f"5 invitations, with {self.stage.degrees['cap']:,} connections"
        yield row(10, cap, f"with {self.stage.degrees['median']:,}", ratio(most, small), (asked[3], asked[2]), most=2)

    def _raw(self, others: list[int]) -> Case:
        me, now = self.cast.median, to_ms(clock.now())
        values = ",".join(map(str, others))
        given = f"json_each('[{values}]')" if is_sqlite() else f"unnest(ARRAY[{values}]) AS given(value)"
        statements = [
            statement.format(me=me, now=now, given=given)
            if is_sqlite()
            else statement.format(me=me, now=now, given=given).replace("min(", "least(").replace("max(", "greatest(")
            for statement in RAW
        ]

        def run(_given: Any) -> None:
            with transaction():
                for statement in statements:
                    db.session.connection().exec_driver_sql(statement)

        def after(_given: Any) -> None:
            unsay(me, others)
            with transaction():
                db.session.execute(delete(OutgoingMail).where(OutgoingMail.kind == "bench"))
            db.session.remove()

        return Case(run, db.session.remove, after)

    def _inviting(self, name: str, others: list[int]) -> Case:
        me = getattr(self.cast, name)

        def run(_given: Any) -> None:
            with transaction():
                result = relationships.invite(database.member(me), others)
            assert result.invited == len(others)

        return Case(run, db.session.remove, lambda _given: unsay(me, others))

    # 11: accepting and removing

    def pressed(self) -> Iterator[Row]:
        """Compare accepting and removing one with the least any database does for it."""
        least = "two rows and a commit"
        for what, bare, press in (
            ("accepting one", self._bare(), self._accepting),
            ("removing one", self._bare_end(), self._removing),
        ):
            cases = [bare, *(press(name) for name in VIEWERS)]
            nothing, middle, hub, cap = in_turns(cases, self.rounds)
            asked = [count(case) for case in cases]
            words = f"{what}, {commits(cases[1])} commit"
            yield row(11, words, least, ratio(middle, nothing), (asked[1], asked[0]), most=3, statements_most=8)
            for name, taken, number in (("hub", hub, asked[2]), ("cap", cap, asked[3])):
                whose = f"{what}, with {self.stage.degrees[name]:,} connections"
                against = f"with {self.stage.degrees['median']:,}"
                yield row(11, whose, against, ratio(taken, middle), (number, asked[1]), most=2)

    def _accepting(self, name: str) -> Case:
        me, asker = getattr(self.cast, name), self.cast.strangers[-2]

        def run(_given: Any) -> None:
            with transaction():
                assert relationships.accept(database.member(me), [asker]) == 1

        def after(_given: Any) -> None:
            with transaction():
                relationships.end(database.member(me), asker)
            unsay(me, [asker])

        return Case(run, lambda: asked(me, asker), after)

    def _removing(self, name: str) -> Case:
        me, asker = getattr(self.cast, name), self.cast.strangers[-2]

        def before() -> None:
            asked(me, asker)
            with transaction():
                relationships.accept(database.member(me), [asker])
            db.session.remove()

        def run(_given: Any) -> None:
            with transaction():
                relationships.end(database.member(me), asker)

        return Case(run, before, lambda _given: unsay(me, [asker]))

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

    # 12: the feed

    def feed(self) -> Iterator[Row]:
        """Compare the feed of a hub with the median member's."""
        cases = [self.stage.shown(name, "/feed") for name in VIEWERS]
        middle, hub, cap = in_turns(cases, self.rounds)
        asked = [count(case) for case in cases]
        for name, taken, number in (("hub", hub, asked[1]), ("cap", cap, asked[2])):
            what = f"the feed, with {self.stage.degrees[name]:,} connections"
            against = f"with {self.stage.degrees['median']:,}"
            yield row(12, what, against, ratio(taken, middle), (number, asked[0]), most=50, statements_most=3)


def _clues(texts: list[str]) -> list[matching.Clues]:
    """Normalise addresses as they were written, and hash them with the instance's key."""
    kept = (addresses.address(text) for text in texts)
    return [matching.Clues([tokens.keyed_hash(addresses.key(each))], "", "") for each in kept if each]


def unsay(one: int, others: list[int]) -> None:
    """Leave no trace of these pairs, so that the next turn finds the same."""
    pair, told = Relationship, Notification
    with transaction():
        for low, high in ((pair.low_id, pair.high_id), (pair.high_id, pair.low_id)):
            db.session.execute(delete(pair).where(low == one, high.in_(others)))
        for to, by in ((told.member_id, told.actor_id), (told.actor_id, told.member_id)):
            db.session.execute(delete(told).where(by.in_(others), to == one))
    db.session.remove()


def asked(me: int, asker: int) -> None:
    """Let somebody have asked a while ago."""
    clock.move(days=-1)
    with transaction():
        relationships.invite(database.member(asker), [me])
    clock.move(minutes=2)
    with transaction():
        relationships.release(clock.now())
    clock.reset()
    db.session.remove()


def sizes(shown: list[pages.Shown]) -> Row:
    """Return the line of the largest page (13)."""
    largest = max(shown, key=lambda each: each.bytes)
    what = f"the largest of {len(shown)} pages, packed: {largest.url}"
    return figure(13, what, f"{largest.bytes / 1000:.1f} kB", "≤ 10 kB", met=largest.bytes <= PAGE_BYTES)
