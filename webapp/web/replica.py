"""Reading from a replica of PostgreSQL, so that nobody notices that it is one.

Pages for members that only show something are read there; everything else, and whatever came from a handler that writes, from the primary.
Two things have to be so first. The replica has everything that this browser has written: its cookie says how far the primary's log was
after that. And it has what the primary had a second ago, so that what others do (sign somebody out, block, hide) is seen as soon. Where
it has not, or does not answer, or breaks in the middle, the page is read from the primary.
"""

import re
import threading
import time
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, request, session
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from webapp import databases, metrics, transaction
from webapp.circuit import Circuit, Gone
from webapp.extensions import db
from webapp.web import cookies
from webapp.web.sessions import TOKEN, Sessions

COOKIE = "kith_after"
ASK_EVERY_SECONDS = 1.0
"""How often a process asks the primary how far it has come."""
ALONE_SECONDS = 300
"""So long pages are read from the replica while the primary does not answer. Nothing is written then, unless only this host is cut off."""
POSITION_DIGITS = 19
_ANEW = "answered_from_primary"
FAILURES = (DBAPIError, NoneFree)


@dataclass(frozen=True)
class _Heard:
    """How far the primary had come, and when it was asked."""

    position: int
    at: float


class Replica:
    """What one process knows of the primary and its replica."""

    def __init__(self, app: Flask) -> None:
        assert isinstance(app.session_interface, Sessions)
        self.sessions = app.session_interface
        with app.app_context():
            self.primary: Engine = transaction.for_one_statement(db.engine)
        self.to_primary = Circuit("primary", FAILURES)
        self.to_replica = Circuit("replica", FAILURES)
        self.lock = threading.Lock()
        self.heard: _Heard | None = None

    def choose(self) -> None:
        """Read this request's page from the replica, if it is one that may be and the replica has all it needs."""
        if not self._may_be() or (position := self._needed()) is None:
            return
        databases.read_replica()
        try:
            with self.to_replica.asking():
                has_all = db.session.scalar(databases.HAS_ALL, {"position": position})
        except Gone:
            has_all = False
        if not has_all:
            read_primary()
        metrics.read("replica" if has_all else "primary")

    def _may_be(self) -> bool:
        view = current_app.view_functions.get(request.endpoint or "")
        return (
            request.method in transaction.SAFE_METHODS
            and not g.get(_ANEW)
            and view is not None
            and not getattr(view, "unlocked", False)
            and self.sessions.token_in(request.environ) is not None
        )

    def _needed(self) -> int | None:
        """Return up to where the replica must have followed; None where nobody can say."""
        heard = self._hear()
        if heard is None or time.monotonic() - heard.at > ALONE_SECONDS:
            return None
        said = request.cookies.get(cookies.called(COOKIE), "")
        own = int(said) if re.fullmatch(rf"[0-9]{{1,{POSITION_DIGITS - 1}}}", said) else 0
        return max(heard.position, own)

    def _hear(self) -> _Heard | None:
        """Return how far the primary had come at most a second ago, or when it last answered."""
        heard = self.heard
        if heard is not None and time.monotonic() - heard.at < ASK_EVERY_SECONDS:
            return heard
        if not self.lock.acquire(blocking=heard is None):
            return heard  # another thread asks; a primary that hangs must not hold up everybody
        try:
            if heard is None and self.heard is not None:
                return self.heard
            at = time.monotonic()
            self.heard = _Heard(self._written(), at)
        except Gone:
            pass
        finally:
            self.lock.release()
        return self.heard

    def _written(self) -> int:
        with self.to_primary.asking(), self.primary.connect() as connection:
            return int(connection.scalar(databases.WRITTEN) or 0)

    def remember(self, response: Response) -> Response:
        """After a write, have the browser of who is signed in say from where on the replica shows it."""
        if not transaction.has_written() or TOKEN not in session:
            return response
        try:
            position = self._written()
        except Gone:  # it was there a moment ago, and takes what was written with it into its next start
            position = 10 ** (POSITION_DIGITS - 1) - 1
        response.set_cookie(
            cookies.called(COOKIE),
            str(position),
            max_age=ALONE_SECONDS,
            secure=cookies.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response


def bind(app: Flask) -> None:
    """Read from the replica, where there is one. To be called before anything else asks the database, and before what settles a request."""
    if app.config["KITH"]["DATABASE_REPLICA_URL"]:
        replica = app.extensions["kith.replica"] = Replica(app)
        app.before_request(replica.choose)
        app.after_request(replica.remember)


def read_primary() -> None:
    """Let go of what was read, and read the primary from now on."""
    db.session.rollback()
    databases.read_primary()


def answer_from_primary() -> Any:
    """Answer the present request anew, from the primary, where it was read from a replica that broke; None where it was not."""
    if not databases.is_replica_read():
        return None
    read_primary()
    metrics.read("primary")
    setattr(g, _ANEW, True)
    g.pop("_login_user", None)  # whom the replica had said
    found = current_app.preprocess_request()
    return current_app.dispatch_request() if found is None else found
