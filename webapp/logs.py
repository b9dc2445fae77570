"""Logs: one line an event, without the values of variables, addresses, tokens or what anybody typed."""

import contextlib
import json
import logging
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import structlog
from flask import current_app, g, has_app_context, has_request_context, request

from webapp import clock, metrics

REQUEST = "kith.request"
"""Where the environment of a request has its number."""
DOORS_DAYS = 90
"""For so long the lines about doors are kept in files of their own."""


class _Plain(structlog.tracebacks.ExceptionDictTransformer):
    """A traceback without what the errors say of themselves: `KeyError: 'ada@example.org'` would tell."""

    def __call__(self, exc_info: Any) -> list[dict[str, Any]]:
        return [_without_words(each) for each in super().__call__(exc_info)]


def _without_words(error: dict[str, Any]) -> dict[str, Any]:
    inside = [[_without_words(each) for each in group] for group in error.get("exceptions", [])]
    return error | {"exc_value": "", "exc_notes": [], "syntax_error": None, "exceptions": inside}


def configure() -> None:
    """Write events as JSON lines to standard error. A traceback names files and lines, never values."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_Plain(show_locals=False, max_frames=30)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    tell_requests(sys.stderr)
    logging.getLogger("authlib").setLevel(logging.INFO)  # its DEBUG lines hold the code verifier
    logging.getLogger("urllib3").setLevel(logging.INFO)  # its DEBUG lines hold the addresses that are asked


def security(what: str, member: int | None = None, **facts: str | int) -> None:
    """Write a line about a door that was used, or that stayed shut: what, at which kind of page, and whose account it is about.

    On standard error, and in the file of its day, which is kept for DOORS_DAYS.

    Where no account is named, it is the one that is signed in. Never an address, a name, a network, nor anything that was typed.
    """
    asked = has_request_context()
    where, number = (request.endpoint, request.environ.get(REQUEST)) if asked else (None, None)
    who = g.get("member_id") if member is None and asked else member
    said = {"what": what, "member": who, "where": where, "request": number, **facts}
    metrics.door(what)
    structlog.get_logger("kith.security").info("security", **said)
    if has_app_context():
        _keep({"event": "security", **said, "timestamp": _moment()})


def answered(**facts: str | float | None) -> None:
    """Write the line of a request that was answered. There are many, so it goes straight to where the other lines go, in one piece."""
    line = json.dumps({"event": "request", **facts, "level": "info", "timestamp": _moment()})
    with contextlib.suppress(OSError, ValueError):  # nobody listens any more; the answer counts
        _requests["to"].write(f"{line}\n")


_requests: dict[str, TextIO] = {"to": sys.stderr}


def tell_requests(to: TextIO) -> None:
    """Write the lines of requests there from now on."""
    _requests["to"] = to


def _moment() -> str:
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}Z"


def _keep(line: dict[str, Any]) -> None:
    """Add a line to the file of its day, which its owner alone can read: whole lines, however many processes do so at once."""
    folder = _folder()
    with contextlib.suppress(OSError):  # a full disk keeps nobody out; the line is on standard error, too
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"security-{clock.now():%Y-%m-%d}.log"
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(opened, f"{json.dumps(line)}\n".encode())
        finally:
            os.close(opened)


def _folder() -> Path:
    return Path(current_app.config["KITH"]["INSTANCE"]) / "logs"


def sweep() -> int:
    """Delete the lines about doors whose days are over; return how many days went."""
    last = f"security-{clock.now() - timedelta(days=DOORS_DAYS):%Y-%m-%d}.log"
    old = [path for path in _folder().glob("security-*.log") if path.name < last]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
