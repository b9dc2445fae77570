"""What open pages ask every few seconds: is this still so? While it is, the answer is an empty 204, given before the application is asked.

This only ever says that nothing is new, and only to a sign-in that holds. Whatever else is the case (something new, nobody signed in,
a sign-in that was not used for a while, a wrong host, a database that is busy) the application answers, with all it does for any request.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from webapp.domain import accounts, messages
from webapp.extensions import db
from webapp.transaction import for_one_statement
from webapp.web import headers
from webapp.web.access import SEEN_EVERY
from webapp.web.sessions import Sessions
from webapp.web.shell import NEWS
from webapp.web.watching import FACTS

ADDRESS = re.compile(r"/(?:messages/(?P<talk>[^/]+)|notifications)/news")
TALK, NUMBERS = "/messages/<key>/news", "/notifications/news"
VERSION_DIGITS = 18


def bind(app: Flask) -> None:
    """Answer what can be answered so."""
    app.wsgi_app = Looks(app, app.wsgi_app)  # type: ignore[method-assign]


class Looks:
    """Answers "nothing is new" in front of the application."""

    def __init__(self, app: Flask, answer: Callable[..., Iterable[bytes]]) -> None:
        assert isinstance(app.session_interface, Sessions)
        self.sessions = app.session_interface
        self.config = app.config
        self.answer = answer
        with app.app_context():
            self.engine = for_one_statement(db.engine)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = ADDRESS.fullmatch(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "GET" else None
        base_url = self.config["KITH"]["BASE_URL"]
        if found is None or environ.get("HTTP_HOST") != urlsplit(base_url).netloc:
            return self.answer(environ, start_response)
        if not self._is_as_shown(environ, found["talk"]):
            return self.answer(environ, start_response)
        facts = environ.get(FACTS)
        if facts is not None:
            facts.route, facts.is_quiet = TALK if found["talk"] else NUMBERS, True
        start_response("204 NO CONTENT", list(headers.usual(base_url)))
        return []

    def _is_as_shown(self, environ: dict[str, Any], talk: str | None) -> bool:
        token = self.sessions.token_in(environ)
        if token is None:
            return False
        # A sign-in that was used less lately is noted as seen, which the application does.
        given = accounts.given_for(token, idle=SEEN_EVERY)
        shown = {name: each[-1] for name, each in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            with self.engine.connect() as connection:
                return _talk(connection, given, talk, shown) if talk else _numbers(connection, given, shown)
        except SQLAlchemyError:
            return False


def _talk(connection: Connection, given: dict[str, Any], key: str, shown: dict[str, str]) -> bool:
    version = shown.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) <= VERSION_DIGITS):
        return False
    given |= {"key": key, "version": int(version)}
    return connection.scalar(messages.AS_SHOWN, given) is not None


def _numbers(connection: Connection, given: dict[str, Any], shown: dict[str, str]) -> bool:
    viewer = connection.scalar(accounts.SIGNED_IN_ID, given)
    if viewer is None:
        return False
    now = connection.execute(NEWS, {"viewer": viewer}).mappings().one()
    return all(shown.get(name) == str(number) for name, number in now.items())
