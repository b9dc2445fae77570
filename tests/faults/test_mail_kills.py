"""`kill -9` of the worker, ten times over four hundred mails: none is lost, none leaves twice, and the uncertain ones are known."""

import random
import signal
from collections import Counter

import pytest
from sqlalchemy import select, update

from tests import factories, programs, smtp
from webapp import clock, create_app, schema
from webapp.demo import bulk
from webapp.domain import relationships
from webapp.extensions import db
from webapp.jobs import health, housekeeping
from webapp.models.mail import Lease, OutgoingMail
from webapp.models.member import EmailAddress, Member
from webapp.transaction import transaction

MAILS = 400
KILLS = 10


class House:
    """An instance with mails on the table, a mail server, and a worker that is started and killed."""

    def __init__(self, folder, sink, database):
        self.sink = sink
        self.settings = {
            "INSTANCE": str(folder / "instance"),
            "SMTP_URL": sink.url,
            "INVITATIONS_PER_DAY": MAILS,
            "INVITATIONS_OPEN_MAX": MAILS,
        } | ({"DATABASE_URL": database} if database else {})
        self.app = create_app(self.settings)
        self.log = folder / "worker.txt"
        self.process = None

    def fill(self):
        schema.upgrade()
        with transaction():
            newcomers = [bulk.Newcomer(f"Member {number}", f"m{number}@post.example") for number in range(MAILS + 1)]
            first, *others = bulk.members(newcomers, factories.password_hash(), clock.now())
        clock.move(minutes=-5)
        with transaction():
            relationships.invite(db.session.get_one(Member, first), others)
        clock.reset()

    def start(self):
        with transaction():  # a dead worker is followed when its half minute is over
            db.session.execute(update(Lease).values(until=clock.now()))
        self.process = programs.start("worker", log=self.log, **self.settings)

    def wait_for(self, number):
        self.process.wait_until(lambda: len(self.sink.received) >= number)

    def stop(self, how):
        self.process.send_signal(how)
        return self.process.wait()

    def states(self):
        db.session.rollback()
        return Counter(db.session.scalars(select(OutgoingMail.state)))


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, tmp_path, worker_id):
    database = ""
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres").database(f"kith_kills_{worker_id}")
    with smtp.listening() as sink:
        found = House(tmp_path, sink, database)
        with found.app.app_context():
            found.fill()
            yield found
            if found.process is not None:
                found.process.send_signal(signal.SIGKILL)
                found.process.wait()
            db.session.remove()
            db.engine.dispose()
        clock.reset()


def test_ten_kills_lose_nothing_and_send_nothing_twice(house):
    for number in sorted(random.Random(7).sample(range(5, MAILS - 20), KILLS)):
        house.start()
        house.wait_for(number)
        house.stop(signal.SIGKILL)
    house.start()
    house.process.wait_until(lambda: not house.states()["queued"])
    assert house.stop(signal.SIGTERM) == 0

    clock.move(minutes=11)
    housekeeping.tidy()
    delivered, states = Counter(house.sink.recipients), house.states()
    assert max(delivered.values()) == 1, "twice"
    assert states["sent"] + states["uncertain"] == sum(states.values()) == MAILS
    assert states["uncertain"] <= KILLS
    sent = select(EmailAddress.address).join(OutgoingMail, OutgoingMail.to_member_id == EmailAddress.member_id)
    assert set(db.session.scalars(sent.where(OutgoingMail.state == "sent"))) <= delivered.keys(), "lost"
    known = f"{states['uncertain']} mails may or may not have left."
    assert (known in health.problems()) is bool(states["uncertain"])


def test_a_worker_that_is_told_to_stop_finishes_the_mail_in_its_hands(house):
    house.sink.seconds = 0.05
    for number in (3, 20, 40):
        house.start()
        house.wait_for(number)
        assert house.stop(signal.SIGTERM) == 0
        states = house.states()
        assert set(states) <= {"sent", "queued"}
        assert states["sent"] == len(house.sink.received)
    assert max(Counter(house.sink.recipients).values()) == 1
