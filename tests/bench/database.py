"""The communities to measure in: large ones, with members whom nearly everybody knows. They are kept and used again."""

import gc
import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import func, select

from tests.conftest import Client
from tests.postgres import Server
from webapp import clock, create_app, schema
from webapp.cli.progress import progress
from webapp.demo import seed
from webapp.demo.people import people
from webapp.domain import connections, guests, messages, relationships
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.models.member import EmailAddress, Member
from webapp.providers.base import Card
from webapp.transaction import transaction

HUB, CAP = 5_000, 25_000
DRAWN = 100
FILLING_KB = 6_000_000
WAITING = 30
"""Invitations that wait on each side of a viewer, so that their pages have rows."""
ENGINES = ("sqlite", "postgresql")
# A measurement repeats what a member may do a few times only.
SETTINGS = {"LOG_REQUESTS": False, "INVITATIONS_PER_DAY": 10**6, "INVITATIONS_OPEN_MAX": 10**6, "LOOKUPS_MAX": 10**9}


@dataclass(frozen=True)
class Sizes:
    """How large the community is."""

    members: int
    connections: int

    @property
    def cap(self) -> int:
        """How many connections the member near the cap has."""
        return min(CAP, self.members * 5 // 6)

    @property
    def hub(self) -> int:
        """About how many connections the hub has."""
        return min(HUB, self.members // 6)

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.members}x{self.connections}"


@dataclass(frozen=True)
class Cast:
    """Who is measured, by id: near the cap, the hub, in the middle, a hundred drawn by degree, and strangers to the first three."""

    cap: int
    hub: int
    median: int
    drawn: list[int]
    strangers: list[int]


class Communities:
    """All that are kept in a folder; the PostgreSQL in it runs while it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        if self._server is not None:
            self._server.stop()

    @contextmanager
    def open(self, engine: str, sizes: Sizes) -> Iterator[tuple[Any, Cast]]:
        """An application on a community that is made once, and who is measured in it.

        A run that is stopped midway leaves traces: it takes the mark away that the database is whole, and the next run begins anew.
        """
        place = self.place(engine, sizes)
        whole = place / "whole.json"
        if not whole.exists():
            shutil.rmtree(place, ignore_errors=True)
        app = application(self.settings(engine, sizes, anew=not whole.exists()))
        with app.app_context():
            if whole.exists():
                cast = Cast(**json.loads(whole.read_text()))
                schema.upgrade()
            else:
                cast = fill(sizes)
            whole.unlink(missing_ok=True)
            yield app, cast
            db.session.remove()
            db.engine.dispose()
        whole.write_text(json.dumps(asdict(cast)))

    def place(self, engine: str, sizes: Sizes) -> Path:
        """Where the files of a community are."""
        return self.folder / f"{engine}-{sizes.name}"

    def settings(self, engine: str, sizes: Sizes, *, anew: bool = False) -> dict[str, str]:
        """Where an application finds that community."""
        found = {"INSTANCE": str(self.place(engine, sizes))}
        if engine == "postgresql":
            if self._server is None:
                self._server = Server(self.folder / "postgresql", "-c shared_buffers=256MB -c max_wal_size=4GB")
            name = f"kith_bench_{sizes.name}"
            found["DATABASE_URL"] = self._server.database(name) if anew else self._server.address(name)
        return found


def application(given: dict[str, Any]) -> Any:
    """An application as it is measured: with a client that asks as a browser does, and without a line for each request."""
    app = create_app(given | SETTINGS)
    app.testing = True
    app.test_client_class = Client
    gc.collect()
    gc.freeze()  # as `kith serve` does
    return app


def fill(sizes: Sizes) -> Cast:
    """Fill an empty database with the community, and let the viewers have invitations of every kind; return who they are."""
    schema.upgrade()
    if db.engine.dialect.name == "sqlite":
        with (
            db.engine.connect() as connection
        ):  # it is the one that is used next: filling is one transaction, better kept in memory
            connection.exec_driver_sql(f"PRAGMA cache_size=-{FILLING_KB}")
    with progress() as line:
        seed.fill(sizes.members, sizes.connections, 1, "a quiet walk by the sea", sizes.cap, line)
    found = _cast(sizes)
    viewers = (found.cap, found.hub, found.median)
    clock.move(days=-1)
    for viewer in viewers:
        asking, ignored = found.strangers[:WAITING], found.strangers[WAITING : WAITING + 5]
        for other in [*asking, *ignored]:
            with transaction():
                relationships.invite(member(other), [viewer])
        with transaction():
            relationships.invite(member(viewer), found.strangers[2 * WAITING : 3 * WAITING])
            invitees = [guests.Invitee("", f"g{n}@out.example", f"{viewer:032}{n:032}") for n in range(5)]
            guests.invite(member(viewer), invitees)
    clock.move(minutes=2)
    with transaction():
        relationships.release(clock.now())
    for viewer in viewers:
        with transaction():
            relationships.ignore(member(viewer), found.strangers[WAITING : WAITING + 5])
    clock.reset()
    _settle()
    db.session.remove()
    db.engine.dispose()
    return found


def _settle() -> None:
    """Let the database learn what it holds, as it would have with time."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if db.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
        else:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def member(member_id: int) -> Member:
    """Return somebody as this moment knows them."""
    return db.session.get_one(Member, member_id)


def talk(me: Member) -> str:
    """Return the key of somebody's latest conversation; they begin one where there is none."""
    row = db.session.execute(messages.listed(me).limit(1)).first()
    if row is not None:
        return str(row.key)
    db.session.rollback()
    with transaction():
        other = db.session.execute(connections.of(me).limit(1)).one()
        return messages.key_of(messages.write_to(me, member(other.id), "Are you coming?"))


def _cast(sizes: Sizes) -> Cast:
    cap = db.session.scalars(select(func.min(Member.id))).one()
    degrees = db.session.execute(select(Member.id, Member.degree).order_by(Member.degree, Member.id)).all()
    others = [row for row in degrees if row.id != cap]
    hub = min(others, key=lambda row: (abs(row.degree - sizes.hub), row.id)).id
    median = degrees[len(degrees) // 2].id
    drawn = random.Random(1).choices([row.id for row in others], [row.degree for row in others], k=DRAWN)
    viewers = [cap, hub, median]
    known = select(Connection.other_id).where(Connection.member_id.in_(viewers))
    strangers = select(Member.id).where(Member.id.not_in(known), Member.id.not_in([*viewers, *drawn]))
    found = Cast(cap, hub, median, drawn, list(db.session.scalars(strangers.order_by(Member.id).limit(700))))
    db.session.rollback()
    return found


def bytes_on_disk(app: Any) -> int:
    """Return how large the database is."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect() as connection:
            return connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
    folder = app.config["KITH"]["INSTANCE"]
    return sum(each.stat().st_size for each in folder.glob("kith.sqlite*"))


def address_book(size: int) -> list[Card]:
    """Return the contacts of an address book, a tenth of them members; every fifth has two addresses."""
    choose = random.Random(size)
    found = select(EmailAddress.address).order_by(EmailAddress.id).offset(100).limit(size // 10)
    members = list(db.session.scalars(found))
    db.session.rollback()
    names = [person.name for person in people(1000, 1, ("out.example",))]
    cards = [Card(choose.choice(names), (address,)) for address in members]
    for number in range(size - len(cards)):
        other = (f"second.{number}@mail.example",) if number % 5 == 0 else ()
        cards.append(Card(f"{choose.choice(names)} {number}", (f"person.{number}@out.example", *other)))
    choose.shuffle(cards)
    return cards


def setting() -> str:
    """Say on what machine this is, and how busy it is."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{os.cpu_count()} cores, load {load}"
