"""From where a request comes, as far as limits need to know, and how large it may be."""

from collections.abc import Callable
from io import BytesIO
from ipaddress import ip_address, ip_network
from typing import IO, Any, TypeVar

from flask import Flask, Request, current_app, request
from werkzeug.exceptions import BadRequest
from werkzeug.routing import IntegerConverter, ValidationError

from webapp.domain import throttles
from webapp.domain.errors import N_
from webapp.models.member import Member
from webapp.transaction import aside
from webapp.web.bodies import Bodies, take
from webapp.web.numbers import DIGITS, as_number

F = TypeVar("F", bound=Callable[..., Any])

IPV6_PREFIX = 64


def takes(most: int) -> Callable[[F], F]:
    """Mark a handler that takes a file: its requests may have so many bytes; all others MAX_CONTENT_LENGTH."""

    def mark(view: F) -> F:
        view.takes = most  # type: ignore[attr-defined]
        return view

    return mark


class Asked(Request):
    """A request as our handlers see it: one for the headers alone (HEAD) is a GET, of whose answer the body is left out at the end.

    Its files stay in memory. Larger ones would pass through the temporary folder, in clear.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Let no handler take a HEAD for the press of a button."""
        super().__init__(*args, **kwargs)
        if self.method == "HEAD":
            self.method = "GET"

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()


class Number(IntegerConverter):
    """The number of a row in an address. What is longer than any has is no address of ours."""

    regex = rf"[0-9]{{1,{DIGITS}}}"

    def to_python(self, value: str) -> int:
        """Return the number, where a row can have it."""
        found = as_number(value)
        if found is None:
            raise ValidationError
        return found


def bind(app: Flask) -> None:
    """Say how large a request may be, and read what it brings, before anything else; no transaction is open meanwhile."""
    app.request_class = Asked
    app.url_map.converters["int"] = Number
    app.extensions["kith.bodies"] = Bodies()
    app.before_request(_take)
    app.before_request(_legible)


def _take() -> None:
    most = getattr(current_app.view_functions.get(request.endpoint or ""), "takes", None)
    if most is not None:
        request.max_content_length = most
    take(current_app.extensions["kith.bodies"], has_file=most is not None)


def _legible() -> None:
    """Refuse what holds a NUL: no keyboard types one, and PostgreSQL can neither keep nor compare it."""
    said = [
        request.path,
        *(text for each in (request.args, request.form) for row in each.lists() for text in (row[0], *row[1])),
    ]
    if any("\0" in text for text in said):
        raise BadRequest


def network() -> str:
    """Return the network of the request: the IPv4 address, or the /64 of an IPv6 address, which one household shares."""
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.version == 4:  # noqa: PLR2004 - the version's own number
        return str(mapped)
    return str(ip_network((mapped, IPV6_PREFIX), strict=False))


def mail_asked() -> None:
    """Count a mail that somebody asks for who is not signed in; TooMany for a network that asks for very many."""
    where = network()
    words = N_("Very many mails were asked for from your network. Wait %(minutes)s minutes.")
    throttles.take(throttles.MAILS_PER_NETWORK, where, words=words)


def result_page(viewer: Member) -> None:
    """Count a page of results; TooMany for who looks at so many that they seem to copy them."""
    handle = viewer.handle
    if throttles.turn_page(handle):
        with aside():
            throttles.note_pages(handle)


_BROWSERS = (("Edge", "Edg"), ("Opera", "OPR/"), ("Firefox", "Firefox/"), ("Chrome", "Chrome/"), ("Safari", "Safari/"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac", "Mac OS"),
    ("Linux", "Linux"),
)


def browser() -> str:
    """Return browser and system in a few words ("Firefox on Linux"), for the member's own list of sign-ins."""
    text = request.headers.get("User-Agent", "")
    name = next((name for name, mark in _BROWSERS if mark in text), "A browser")
    system = next((name for name, mark in _SYSTEMS if mark in text), "")
    return f"{name} on {system}" if system else name
