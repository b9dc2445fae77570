"""An address book as the tests of the domain read it: lines as they would be pasted, or cards."""

from sqlalchemy import func, select

from tests import factories
from webapp.domain import contacts
from webapp.extensions import db
from webapp.models.member import Member, SignIn
from webapp.providers import paste
from webapp.providers.base import Card, Page
from webapp.transaction import transaction


class Book:
    """The book of one member, in a sign-in of its own."""

    def __init__(self, owner):
        self.owner_id = owner.id
        factories.sign_in(owner)
        self.sign_in_id = db.session.scalars(select(func.max(SignIn.id))).one()
        self.counts = {}
        self.key = None

    @property
    def owner(self):
        return db.session.get_one(Member, self.owner_id)

    @property
    def opened(self):
        return contacts.opened(self.owner, self.sign_in_id, self.key)

    def start(self, *lines, unusable=0):
        """Read a book to its end, without comparing it."""
        cards = []
        for line in lines:
            cards += paste.read(line).cards if isinstance(line, str) else [line]
        with transaction():
            page = Page([*cards, *[Card("", why="none")] * unusable])
            self.key = contacts.start_whole(
                self.owner, self.sign_in_id, contacts.PASTE, page, source="a list of addresses"
            ).key
        return self

    def pull(self, cards, size=1000):
        """Read a book of many pages, as a provider gives them."""
        with transaction():
            self.key = contacts.start(
                self.owner, self.sign_in_id, "google", token="key", email="", source="Google contacts"
            ).key
        pages = [cards[start : start + size] for start in range(0, len(cards), size)]
        for number, page in enumerate(pages):
            with transaction():
                taken = contacts.claim(self.owner, self.sign_in_id, self.key, number)
                cursor = "next" if number + 1 < len(pages) else None
                contacts.keep(self.owner, self.sign_in_id, self.key, taken, Page(page, cursor))

    def compare(self):
        return contacts.compare(self.owner, self.opened)

    def settle(self, compared):
        with transaction():
            contacts.settle(self.owner, self.sign_in_id, self.key, compared)
        self.counts = {name: count for name, count in compared.counts.items() if count or name in {"members", "guests"}}
        return self

    def read(self, *lines, unusable=0):
        """Read and compare a book."""
        self.start(*lines, unusable=unusable)
        return self.settle(self.compare())

    def change(self, verb):
        """Do something to the book in a transaction of its own."""
        with transaction():
            verb(contacts.opened(self.owner, self.sign_in_id, self.key, lock=True))

    def members(self):
        return contacts.members_shown(self.owner, self.opened)

    def guests(self):
        return contacts.guests_shown(self.owner, self.opened)

    def everything(self):
        """All that the member can see of the book."""
        return {
            "members": [(row.at, row.name, row.ticked, row.has_box) for row in self.members().rows],
            "guests": [
                (row.at, row.name, row.address, list(row.others), row.ticked, row.has_box, row.status is None)
                for row in self.guests().rows
            ],
            "counts": self.counts,
            "not people": contacts.not_people(self.opened),
            "rows": contacts.rows(self.opened),
        }
