"""Logs: one line an event, without the values of variables, addresses, tokens or what anybody typed."""

import logging
import sys
from typing import Any

import structlog
from flask import g, has_request_context, request


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
    logging.getLogger("authlib").setLevel(logging.INFO)  # its DEBUG lines hold the code verifier
    logging.getLogger("urllib3").setLevel(logging.INFO)  # its DEBUG lines hold the addresses that are asked


def security(what: str, member: int | None = None, **facts: str | int) -> None:
    """Write a line about a door that was used, or that stayed shut: what, at which kind of page, and whose account it is about.

    Where no account is named, it is the one that is signed in. Never an address, a name, a network, nor anything that was typed.
    """
    where = request.endpoint if has_request_context() else None
    who = g.get("member_id") if member is None and has_request_context() else member
    structlog.get_logger("kith.security").info("security", what=what, member=who, where=where, **facts)
