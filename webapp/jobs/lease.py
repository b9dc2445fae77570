"""Who does the recurring work: one process at a time, by a row with an end, so that a dead one is followed within half a minute."""

import os
import secrets
import socket
from datetime import timedelta
from functools import cache

from sqlalchemy import not_, or_, update

from webapp import clock
from webapp.extensions import db
from webapp.models.batch import insert_ignoring
from webapp.models.mail import Lease
from webapp.transaction import aside, transaction

SECONDS = 30


def ours() -> str:
    """Return the name under which this process holds leases: one of its own, also where the server's processes begin as copies of one."""
    return _named(os.getpid())


@cache
def _named(process: int) -> str:
    return f"{socket.gethostname()[:30]}-{process}-{secrets.token_hex(4)}"


def take(name: str, holder: str | None = None) -> bool:
    """Take or keep a lease for half a minute; whether it is ours."""
    now, holder = clock.now(), holder or ours()
    with transaction():
        db.session.execute(insert_ignoring(Lease, name=name, holder=holder, until=now))
        taken = db.session.execute(
            update(Lease)
            .where(Lease.name == name, or_(Lease.holder == holder, not_(Lease.runs(now))))
            .values(holder=holder, until=now + timedelta(seconds=SECONDS))
        )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def give_back(name: str, holder: str | None = None) -> None:
    """End our lease, so that another process need not wait for it. Where the database cannot take that now, it ends by itself."""
    held = Lease.name == name, Lease.holder == (holder or ours())
    with aside():
        db.session.execute(update(Lease).where(*held).values(until=clock.now()))
