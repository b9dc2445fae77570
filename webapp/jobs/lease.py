"""Who does the recurring work: one process at a time, by a row with an end, so that a dead one is followed within half a minute."""

import os
import secrets
import socket
from datetime import timedelta

from sqlalchemy import update

from webapp import clock
from webapp.extensions import db
from webapp.models.batch import insert_ignoring
from webapp.models.mail import Lease
from webapp.transaction import transaction

HOLDER = f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(4)}"
SECONDS = 30


def take(name: str, holder: str = HOLDER) -> bool:
    """Take or keep a lease for half a minute; whether it is ours."""
    now = clock.now()
    with transaction():
        db.session.execute(insert_ignoring(Lease, name=name, holder=holder, until=now))
        taken = db.session.execute(
            update(Lease)
            .where(Lease.name == name, (Lease.holder == holder) | (Lease.until <= now))
            .values(holder=holder, until=now + timedelta(seconds=SECONDS))
        )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def give_back(name: str, holder: str = HOLDER) -> None:
    """End our lease, so that another process need not wait for it."""
    with transaction():
        db.session.execute(update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=clock.now()))
