"""The databases of an instance: how they are spoken to, and which one is read.

There is one, the primary, which has everything and takes every write. A replica of PostgreSQL may follow it; then a page that only shows
something can be read there (`webapp/web/replica.py` says when). Whoever says nothing reads the primary.
"""

import select
from contextvars import ContextVar
from functools import partial
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy.session import Session as Basis
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import InvalidatePoolError

_REPLICA = "kith.replica.engine"
_POOLED = "kith_pooled"
FREE_SECONDS = 9
"""How long a request waits for a connection where all are in use; whoever pressed a button hears within ten seconds that all is busy."""
OVERFLOW = 40
"""So many connections to SQLite more than the five that are kept: each thread that waits to write has one, and pages want theirs, too.
They are closed when they are no longer needed."""
PATIENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""How long a database's host that has fallen silent is waited for: seconds, but for the second, which is milliseconds. Its own address may
say otherwise. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""

# Positions of the write-ahead log as numbers: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP
WRITTEN = text("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
"""How far a primary has come."""
HAS_ALL = text("SELECT coalesce((pg_last_wal_replay_lsn() - '0/0')::bigint >= :position, false)")
"""Whether a replica shows everything up to a position; a server that follows no other does not."""

_from_replica: ContextVar[bool] = ContextVar("from_replica", default=False)


class Session(Basis):
    """A session that reads the replica where that was said, and does everything else at the primary."""

    def get_bind(self, *args: Any, **named: Any) -> Any:
        """Return the database that is asked now."""
        if _from_replica.get() and named.get("bind") is None:
            return replica()
        return super().get_bind(*args, **named)


def add_replica(app: Flask, url: str, *, pooled: bool) -> None:
    """Give an application a replica to read."""
    app.extensions[_REPLICA] = create_engine(url, **options(url, pooled=pooled))


def replica() -> Engine | None:
    """Return the replica of the running application; None where it has none."""
    found: Engine | None = current_app.extensions.get(_REPLICA)
    return found


def read_replica() -> None:
    """From now on, in this thread's request, read the replica."""
    _from_replica.set(True)


def read_primary() -> None:
    """From now on ask the primary for everything. Whatever the session has read before is to be let go of first."""
    _from_replica.set(False)


def is_replica_read() -> bool:
    """Whether the replica is read now."""
    return _from_replica.get()


def is_pooled(engine: Engine) -> bool:
    """Whether an engine speaks to a pooler that may give each transaction another connection."""
    return bool(engine.get_execution_options().get(_POOLED))


def options(url: str, *, pooled: bool) -> dict[str, Any]:
    """Return how SQLAlchemy is to speak to a database. `pooled`: through a pooler that may give each transaction another connection."""
    found: dict[str, Any] = {
        "hide_parameters": True,  # an error's text goes into the log; addresses do not
        "pool_use_lifo": True,  # the connection used last knows most by heart
        "pool_timeout": FREE_SECONDS,
    }
    if not url.startswith("postgresql"):
        return found | {"max_overflow": OVERFLOW}
    given = make_url(url).query
    known: dict[str, Any] = {name: value for name, value in PATIENCE.items() if name not in given}
    if pooled:
        known["prepare_threshold"] = None  # what one connection has prepared, the next one does not know
        found["execution_options"] = {_POOLED: True}
    return found | {"connect_args": known}


def notice_ends(engine: Engine) -> None:
    """Use no connection that the server has ended: one that was started anew must not cost each connection of the pool a request."""
    event.listen(engine, "checkout", partial(_look, engine))


def _look(engine: Engine, connection: Any, *_of_pool: object) -> None:
    """Raise InvalidatePoolError where a connection is of no use any more; the pool opens new ones then.

    To ask the server each time costs a round trip. A server that ends a connection says so, and the system finds out within 20 seconds
    (PATIENCE) that a host has fallen silent; both can be read, where a connection that rests has nothing to read. Only then it is asked.
    """
    heard = select.poll()
    try:
        heard.register(connection.fileno(), select.POLLIN)
        if heard.poll(0):
            engine.dialect.do_ping(connection)
    except connection.OperationalError:
        raise InvalidatePoolError from None
