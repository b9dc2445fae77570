"""One settlement per request, job or command, and the short transactions that a slow handler takes instead.

A POST begins IMMEDIATE on SQLite: a plain BEGIN that upgrades later fails with "database is locked" at once, whatever the timeout.
Nothing slow may run inside one (no provider, no SMTP, no password hashing, no image or file parsing): such a handler is marked
`@unlocked` and writes inside `with transaction():`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal, TypeVar

import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from webapp import databases, turns
from webapp.extensions import db
from webapp.turns import Place, Turns

F = TypeVar("F", bound=Callable[..., Any])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PATIENCE_MS, ASIDE_MS = 9000, 50
"""How long a write waits for what others hold; whoever pressed a button hears within ten seconds that the database is busy. And how long
it waits beside a page that only shows something."""
TRY_MS = 10
"""So long SQLite tries by itself to have the lock, after which it is asked anew. It tries ever more seldom, up to ten times a second: where
another process writes all the time, whoever has waited for longest would have it last."""
MANY, SLOW_SECONDS = 8, 3.0
"""So many may always wait to write in a process; more only while none of them has waited for so long. A disk that needs seconds for each
commit must not have every thread wait for it: the others show pages."""
_WRITES = ("INSERT", "UPDATE", "DELETE")
_FULL, _NORMAL = 2, 1
"""Of SQLite's `synchronous`: https://www.sqlite.org/pragma.html#pragma_synchronous."""
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={PATIENCE_MS}",
    "foreign_keys=ON",
    "secure_delete=ON",
    "cache_size=-8000",
    "mmap_size=268435456",
)

_asking: ContextVar[bool] = ContextVar("asking", default=False)
"""Whether this is a request, which reads outside of transactions that write."""
_writing: ContextVar[bool] = ContextVar("writing", default=False)
_aside: ContextVar[bool] = ContextVar("aside", default=False)
_has_written: ContextVar[bool] = ContextVar("has_written", default=False)
log = structlog.get_logger("kith.database")

Trouble = Literal["full", "busy", "away"]
_SQLITE: dict[int, Trouble] = {5: "busy", 6: "busy", 8: "away", 10: "away", 13: "full", 14: "away"}
"""By SQLite's result codes (their lowest byte): https://www.sqlite.org/rescode.html."""
_SQLSTATES: dict[str, Trouble] = {"53": "full", "55": "busy", "40": "busy", "57": "away", "08": "away", "25006": "away"}
"""By PostgreSQL's classes of conditions, or a whole code: https://www.postgresql.org/docs/current/errcodes-appendix.html."""


def trouble(error: BaseException) -> Trouble | None:
    """Say why the database did not do what it was asked, where that is its state and nothing is wrong with what was asked.

    `full`: there is no room. `busy`: others hold what is needed. `away`: it does not answer, or its disk does not. Nothing was saved.
    """
    if isinstance(error, NoneFree):
        return "busy"
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # psycopg has no answer to read one from
        return "away" if error.connection_invalidated or type(error.orig).__name__ == "OperationalError" else None
    return _SQLSTATES.get(state) or _SQLSTATES.get(state[:2])


def in_write_transaction() -> bool:
    """Whether this thread's work is inside a transaction that may write (and so must not do anything slow)."""
    return _writing.get() and db.session.registry.has() and db.session().in_transaction()


def slow(what: str) -> None:
    """Say that something slow is about to be done: other pages are made meanwhile. RuntimeError inside a transaction that may write."""
    turns.give_up()
    if in_write_transaction():
        raise RuntimeError(f"{what} inside a transaction.")


def has_written() -> bool:
    """Whether the present request has written something that its member expects to see."""
    return _has_written.get()


@contextmanager
def transaction() -> Iterator[None]:
    """Run the block in one write transaction of its own: committed at its end, rolled back when it raises.

    What was read before is let go first, so objects loaded earlier are read anew. Not for use inside another one.
    """
    if in_write_transaction():
        raise RuntimeError("A transaction is open already.")
    if db.session.new or db.session.dirty or db.session.deleted:
        raise RuntimeError("Something was changed outside a transaction.")
    db.session.rollback()
    databases.read_primary()
    token = _writing.set(True)
    try:
        yield
        db.session.commit()
        _has_written.set(True)
    except BaseException:
        db.session.rollback()
        raise
    finally:
        _writing.reset(token)


@contextmanager
def aside() -> Iterator[None]:
    """Run the block in a write transaction beside a page that only shows something: where the database cannot take it now, it is left out.

    For what may be missed once: when somebody was last here, or how many pages they looked at. So nobody waits for the disk, either: after
    a power cut it may be missing. What is committed properly afterwards makes it last, too.
    """
    token = _aside.set(True)
    wrote, reads_replica = _has_written.get(), databases.is_replica_read()
    try:
        with transaction():
            yield
    except (DBAPIError, NoneFree) as error:
        if trouble(error) is None:
            raise
        log.warning("left out", why=trouble(error))
    finally:
        _aside.reset(token)
        _has_written.set(wrote)
        if reads_replica:
            databases.read_replica()


def unlocked(view: F) -> F:
    """Mark a handler that does something slow: it gets no write transaction and takes short ones itself."""
    view.unlocked = True  # type: ignore[attr-defined]
    return view


def begin_requests(app: Flask) -> None:
    """Decide for every request whether it may write. To be called before anything else asks the database."""
    app.before_request(_begin)
    app.teardown_request(_end)
    with app.app_context():
        for engine in filter(None, (db.engine, databases.replica())):
            prepare(engine)


def settle_requests(app: Flask) -> None:
    """Commit or roll back after every handler. To be called last, so that whatever else runs afterwards finds it settled."""
    app.after_request(_settle)


def prepare(engine: Engine) -> None:
    """Make an engine's connections behave: how each transaction begins, and how long it waits for others. On SQLite, pragmas as well."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", partial(_begun, writers=Writers()))
        return
    pooled = databases.is_pooled(engine)
    databases.notice_ends(engine)
    event.listen(engine, "begin", partial(_begun_on_postgresql, pooled=pooled))
    if not pooled:
        event.listen(engine, "connect", _connected_to_postgresql)
        event.listen(engine, "before_cursor_execute", _asked)


def for_one_statement(engine: Engine) -> Engine:
    """Return the same engine, with the same connections, for what reads with single statements: they need no BEGIN around them."""
    return engine.execution_options(kith_single=True)


def _connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class Writers(Turns):
    """Who of a process writes next: whoever came first. SQLite knows no order, and lets some who wait try in vain for seconds.

    A turn lasts until SQLite's lock is had or refused, never while something is written: nothing that goes wrong in a transaction leaves
    it taken, and who works in two databases at once waits in no place meanwhile. With 24 threads that wrote all the time, 5 ms each, the
    longest wait fell from more than PATIENCE_MS to 0.9 s, and as much was written.
    """

    def __init__(self) -> None:
        super().__init__(1)

    def admit(self, mine: Place) -> None:
        """Raise NoneFree where MANY wait, and have waited for long."""
        if len(self.places) >= MANY and mine.came - self.places[0].came > SLOW_SECONDS:
            raise NoneFree("Many wait to write, and have waited for long.")


def _begun(connection: Connection, writers: Writers) -> None:
    if connection.get_execution_options().get("kith_single"):
        return
    if not _writing.get():
        connection.exec_driver_sql("BEGIN")
        return
    turns.give_up()
    patience = (ASIDE_MS if _aside.get() else PATIENCE_MS) / 1000
    driver: Any = connection.connection.driver_connection
    _wait_for_disk(connection, driver, wait=not _aside.get())
    end = time.monotonic() + patience
    with writers.place(patience):
        driver.execute(f"PRAGMA busy_timeout={TRY_MS}")
        try:
            while not _begins(connection, end):
                pass
        finally:
            driver.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")


def _begins(connection: Connection, end: float) -> bool:
    """Begin to write; whether that was possible. Raises what the database says where it is not, and the time is over."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except DBAPIError as error:
        if trouble(error) != "busy" or time.monotonic() > end:
            raise
        return False
    return True


def _wait_for_disk(connection: Connection, driver: Any, *, wait: bool) -> None:
    """Have the commits of a connection wait until the disk has them, or not. Where it never waits (as in the tests), it goes on so."""
    spared = connection.info.get("kith_spared", False)
    if wait and spared:
        driver.execute(f"PRAGMA synchronous={_FULL}")
        connection.info["kith_spared"] = False
    elif not wait and not spared and driver.execute("PRAGMA synchronous").fetchone()[0] == _FULL:
        driver.execute(f"PRAGMA synchronous={_NORMAL}")
        connection.info["kith_spared"] = True


def _connected_to_postgresql(connection: Any, _record: object) -> None:
    """Say how long a statement without a transaction waits for a lock. Not an option of the connection, which poolers refuse."""
    connection.autocommit = True
    connection.execute(f"SET lock_timeout = {PATIENCE_MS}")


def _begun_on_postgresql(connection: Connection, *, pooled: bool) -> None:
    """Begin, and say in the same message how long to wait for a lock: it costs no round trip more than the driver's own BEGIN.

    A page that only shows something begins nothing. Each of its statements sees what is committed, as it would between BEGIN and ROLLBACK
    (READ COMMITTED), but that would be two round trips more, and at each ROLLBACK the driver forgets which statements the server has
    planned already. Behind a pooler that gives a connection to each transaction it does begin: there the limit for locks has to be said
    each time, as a SET for the session stays with whoever has the connection next; and nothing is planned ahead.

    A setting of the role would be the operator's to remember. The limit is for each lock, and almost always there is one transaction in
    the way. Who asks for an isolation level (backups, moving) waits for as long as it takes, and begins as the driver does.
    """
    options = connection.get_execution_options()
    if "isolation_level" in options:
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        return
    driver: Any = connection.connection.driver_connection
    if not driver.autocommit:
        driver.autocommit = True  # the driver must not open transactions of its own
    if _asking.get() and not _writing.get() and not pooled:
        return
    if not options.get("kith_single"):
        if _writing.get():
            turns.give_up()
        patience = ASIDE_MS if _aside.get() else PATIENCE_MS
        connection.exec_driver_sql(
            f"BEGIN; SET LOCAL lock_timeout = {patience}{'; SET LOCAL synchronous_commit = off' if _aside.get() else ''}"
        )


def _asked(_connection: object, cursor: Any, statement: str, *_values: object) -> None:
    """Begin before a statement whose rows are to come as they are wanted, which PostgreSQL does in transactions only.

    RuntimeError where a page writes: it would last, whatever became of the rest.
    """
    if not _asking.get() or _writing.get():
        return
    if statement.startswith(_WRITES):
        raise RuntimeError("Something is written outside a transaction.")
    if getattr(cursor, "name", None):
        cursor.connection.execute("BEGIN")


def _begin() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    databases.read_primary()
    _asking.set(True)
    _has_written.set(False)
    _writing.set(request.method not in SAFE_METHODS and not getattr(view, "unlocked", False))


def _settle(response: Response) -> Response:
    if _writing.get() and db.session.registry.has():
        if response.status_code < 400:  # noqa: PLR2004 - the class of answers that mean yes
            db.session.commit()
            _has_written.set(True)
        else:
            db.session.rollback()
    return response


def _end(_error: BaseException | None) -> None:
    if db.session.registry.has():
        db.session.rollback()
    _asking.set(False)
    _writing.set(False)
    databases.read_primary()
