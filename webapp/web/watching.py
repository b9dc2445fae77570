"""What is known of a request once it is answered: a line of the log, and its place in the counts. Nothing of from where or for what.

It says the rule that the address followed, never the address; the method, the status, how long it took, how many statements it took, and
the number of the member. Files of the look, answers that nothing is new, and probes that find all well are no lines.
"""

import secrets
import threading
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import event

from webapp import logs, metrics
from webapp.extensions import engines

FACTS = "kith.facts"
NUMBER_BYTES = 5
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PROPFIND", "REPORT"})
"""What anything here answers to; whatever else is sent is "other", so that nobody can write words of theirs."""
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
FINE = 200


class Facts:
    """What the application says of a request while it answers."""

    __slots__ = ("is_quiet", "member", "route")

    def __init__(self) -> None:
        self.route: str | None = None
        self.member: int | None = None
        self.is_quiet = False


class _Here(threading.local):
    """Of the request that this thread answers."""

    statements = 0


_here = _Here()


def bind(app: Flask) -> None:
    """Watch what the application answers, and what is answered in front of it so far."""
    app.after_request(_note)
    with app.app_context():
        for engine in engines():
            event.listen(engine, "before_cursor_execute", _count)
    app.wsgi_app = Watched(app, app.wsgi_app)  # type: ignore[method-assign]


def number() -> str:
    """Return the number of the present request, which its line and its answer have, too."""
    return str(request.environ.get(logs.REQUEST) or secrets.token_hex(NUMBER_BYTES))


def _count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
    if not statement.startswith("BEGIN"):
        _here.statements += 1


def _note(response: Response) -> Response:
    facts = request.environ.get(FACTS)
    if facts is not None:
        facts.route = request.url_rule.rule if request.url_rule else None
        facts.member = g.get("member_id")
    return response


class Watched:
    """Gives every request a number, and tells what became of it."""

    def __init__(self, app: Flask, answer: Callable[..., Iterable[bytes]]) -> None:
        self.config = app.config
        self.answer = answer

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        facts = environ[FACTS] = Facts()
        key = environ[logs.REQUEST] = secrets.token_hex(NUMBER_BYTES)
        said = "500"

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal said
            said = status
            return start_response(status, [*headers, ("X-Request-Id", key)], *rest)

        _here.statements = 0
        began = perf_counter()
        try:
            return self.answer(environ, start)
        finally:
            asked = environ["REQUEST_METHOD"]
            method = asked if asked in METHODS else "other"
            status, seconds = int(said[:3]), perf_counter() - began
            metrics.request(facts.route, method, status, seconds, _here.statements)
            self._tell(facts, key, method, status, seconds)

    def _tell(self, facts: Facts, key: str, method: str, status: int, seconds: float) -> None:
        if facts.is_quiet or not self.config["KITH"]["LOG_REQUESTS"] or (facts.route in PROBES and status == FINE):
            return
        logs.answered(
            request=key,
            route=facts.route,
            method=method,
            status=status,
            ms=round(seconds * 1000, 1),
            statements=_here.statements,
            member=facts.member,
        )
