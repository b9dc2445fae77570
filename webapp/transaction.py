"""One settlement per request, job or command, and the short transactions that a slow handler takes instead.

A POST begins IMMEDIATE on SQLite: a plain BEGIN that upgrades later fails with "database is locked" at once, whatever the timeout.
Nothing slow may run inside one (no provider, no SMTP, no password hashing, no image or file parsing): such a handler is marked
`@unlocked` and writes inside `with transaction():`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from webapp import databases
from webapp.extensions import db

F = TypeVar("F", bound=Callable[..., Any])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PATIENCE_MS, ASIDE_MS = 9000, 50
"""How long a write waits for others (SQLite); whoever pressed a button hears within ten seconds that the database is busy. And how long
it waits beside a page that only shows something."""
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={PATIENCE_MS}",
    "foreign_keys=ON",
    "secure_delete=ON",
    "cache_size=-8000",
    "mmap_size=268435456",
)

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


def refuse_inside(what: str) -> None:
    """Raise RuntimeError where something slow is about to be done inside a transaction that may write."""
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

    For what may be missed once: when somebody was last here, or how many pages they looked at.
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
        prepare(db.engine)


def settle_requests(app: Flask) -> None:
    """Commit or roll back after every handler. To be called last, so that whatever else runs afterwards finds it settled."""
    app.after_request(_settle)


def prepare(engine: Engine) -> None:
    """Make an engine's connections behave: pragmas, and BEGIN IMMEDIATE where a write is to come."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)


def for_one_statement(engine: Engine) -> Engine:
    """Return the same engine, with the same connections, for what reads with a single statement: SQLite needs no BEGIN around it."""
    return engine.execution_options(kith_single=True)


def _connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begun(connection: Connection) -> None:
    if connection.get_execution_options().get("kith_single"):
        return
    if not _aside.get():
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA busy_timeout={ASIDE_MS}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")


def _begin() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    databases.read_primary()
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
    _writing.set(False)
    databases.read_primary()
