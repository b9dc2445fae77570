"""The database to measure in: a large community with one member whom nearly everybody knows. It is kept and used again."""

import gc
import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import func, select

from tests.conftest import Client
from tests.postgres import Server
from webapp import clock, create_app, schema
from webapp.demo import seed
from webapp.demo.people import people
from webapp.domain import guests, relationships
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.models.member import EmailAddress, Member
from webapp.providers.base import Card
from webapp.transaction import transaction

HUB = 25_000
WAITING = 30
"""Invitations that wait on each side of a viewer, so that their pages have rows."""
# A measurement repeats what a member may do a few times only.
SETTINGS = {"LOG_REQUESTS": False, "INVITATIONS_PER_DAY": 10**6, "INVITATIONS_OPEN_MAX": 10**6, "LOOKUPS_MAX": 10**9}


@dataclass(frozen=True)
class Sizes:
    """How large the community is."""

    members: int
    connections: int

    @property
    def hub(self) -> int:
        """How many connections the best connected member has."""
        return min(HUB, self.members * 9 // 10)

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.members}x{self.connections}"


@dataclass(frozen=True)
class Cast:
    """Who is measured, by id: the hub, a member with as many connections as half of all, and strangers to both."""

    hub: int
    median: int
    strangers: list[int]


@contextmanager
def sqlite(folder: Path, sizes: Sizes) -> Iterator:
    """An application on a SQLite database that is made once, and who is measured in it.

    A run that is stopped midway leaves traces: it takes the mark away that the database is whole, and the next run begins anew.
    """
    place = folder / f"sqlite-{sizes.name}"
    whole = place / "whole.json"
    if not whole.exists():
        shutil.rmtree(place, ignore_errors=True)
    app = _app({"INSTANCE": str(place)})
    with app.app_context():
        cast = Cast(**json.loads(whole.read_text())) if whole.exists() else fill(sizes)
        whole.unlink(missing_ok=True)
        yield app, cast
        whole.write_text(json.dumps(asdict(cast)))
        db.session.remove()
        db.engine.dispose()


@contextmanager
def postgresql(folder: Path, sizes: Sizes) -> Iterator:
    """The same on a PostgreSQL that lives as long as the run, unless TEST_POSTGRES_URL names one."""
    server = Server()
    place = folder / f"postgresql-{sizes.name}"
    try:
        app = _app({"INSTANCE": str(place), "DATABASE_URL": server.database(f"kith_bench_{sizes.members}")})
        with app.app_context():
            cast = fill(sizes)
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
            yield app, cast
            db.session.remove()
            db.engine.dispose()
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


def _app(given):
    app = create_app(given | SETTINGS)
    app.testing = True
    app.test_client_class = Client
    gc.collect()
    gc.freeze()  # as `kith serve` does
    return app


def fill(sizes: Sizes) -> Cast:
    """Fill an empty database with the community, and let both viewers have invitations of every kind; return who they are."""
    schema.upgrade()
    seed.fill(sizes.members, sizes.connections, 1, "a quiet walk by the sea", hub=sizes.hub)
    found = _cast()
    clock.move(days=-1)
    for viewer in (found.hub, found.median):
        asking, ignored = found.strangers[:WAITING], found.strangers[WAITING : WAITING + 5]
        for other in [*asking, *ignored]:
            with transaction():
                relationships.invite(_member(other), [viewer])
        with transaction():
            relationships.invite(_member(viewer), found.strangers[2 * WAITING : 3 * WAITING])
            invitees = [guests.Invitee("", f"g{n}@out.example", f"{viewer:032}{n:032}") for n in range(5)]
            guests.invite(_member(viewer), invitees)
    clock.move(minutes=2)
    with transaction():
        relationships.release(clock.now())
    for viewer in (found.hub, found.median):
        with transaction():
            relationships.ignore(_member(viewer), found.strangers[WAITING : WAITING + 5])
    clock.reset()
    return found


def _member(member_id: int) -> Member:
    return db.session.get_one(Member, member_id)


def _cast() -> Cast:
    hub = db.session.scalars(select(func.min(Member.id))).one()
    members = db.session.scalars(select(func.count(Member.id))).one()
    half = select(Member.id).order_by(Member.degree, Member.id).offset(members // 2).limit(1)
    median = db.session.scalars(half).one()
    known = select(Connection.other_id).where(Connection.member_id.in_([hub, median]))
    strangers = select(Member.id).where(Member.id.not_in(known), Member.id.not_in([hub, median])).order_by(Member.id)
    found = Cast(hub, median, list(db.session.scalars(strangers.limit(700))))
    db.session.rollback()
    return found


def address_book(size: int) -> list[Card]:
    """Return the contacts of an address book, a tenth of them members; every fifth has two addresses."""
    choose = random.Random(size)
    members = list(
        db.session.scalars(select(EmailAddress.address).order_by(EmailAddress.id).offset(100).limit(size // 10))
    )
    db.session.rollback()
    names = [person.name for person in people(1000, 1, ("out.example",))]
    cards = [Card(choose.choice(names), (address,)) for address in members]
    for number in range(size - len(cards)):
        other = (f"second.{number}@mail.example",) if number % 5 == 0 else ()
        cards.append(Card(f"{choose.choice(names)} {number}", (f"person.{number}@out.example", *other)))
    choose.shuffle(cards)
    return cards
