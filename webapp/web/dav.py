"""A member's connections as an address book over CardDAV (RFC 6352), read only: Radicale speaks the protocol, this says what there is.

Nothing is kept on disk or between two requests, and nothing is written. What a request may read is its own member's book, which is made
when the request first needs it, in one short reading of the database; everything after that works on the finished texts.
"""

import logging
import secrets
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from http import HTTPStatus
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import structlog
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse
from flask import Response
from radicale import app, auth, config, httputils, item, pathutils, rights, storage, web, xmlutils
from werkzeug.http import http_date

from webapp import clock
from webapp.config import setting
from webapp.domain import cards
from webapp.extensions import db
from webapp.models.member import Member
from webapp.web.atom import NAMESPACE, legal
from webapp.web.carddav import READS

log = structlog.get_logger("kith.dav")
logging.getLogger("radicale").disabled = True  # it would print names and paths; what went wrong is said here, once

# The library knows one table of prefixes for all. Radicale and the feed both would like to have the empty one.
ET.register_namespace("D", xmlutils.NAMESPACES["D"])
ET.register_namespace("", NAMESPACE)

BOOK = "contacts"
UID, ENDING = "urn:uuid:", ".vcf"
OFFERS = "1, 3, addressbook"
DEPTH = 20
"""How deep the elements of a question may lie: programs ask four or five deep."""
ELEMENTS = 200
"""How many elements a question may have beside the addresses of cards: each is answered for each card."""
FRAMES = 10
PASSED_ON = (
    "REQUEST_METHOD",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "CONTENT_TYPE",
    "HTTP_HOST",
    "HTTP_DEPTH",
)
"""What Radicale hears of a request. No header with which a proxy, or somebody in its place, would have it say other addresses; and none
that asks for packing: what is the member's own and what others write would be packed together, and its length would tell of it."""


class Book:
    """The address book of the member of one request."""

    def __init__(self, viewer: Member) -> None:
        self.viewer, self.handle = viewer, viewer.handle

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """All cards under the names of their files."""
        return self._read()

    def some(self, hrefs: Collection[str]) -> Mapping[str, str]:
        """Return the cards of these names, as far as there are any; no others are read, unless all of them were."""
        if "texts" in self.__dict__:
            return {href: self.texts[href] for href in hrefs if href in self.texts}
        wanted = {f"{UID}{href.removesuffix(ENDING)}" for href in hrefs if href.endswith(ENDING)}
        return self._read(wanted) if wanted else {}

    def _read(self, wanted: Collection[str] | None = None) -> Mapping[str, str]:
        """Return cards under the names of their files. The database is let go before the first one is written."""
        found = cards.book(self.viewer, wanted)
        db.session.close()
        return {f"{uid.removeprefix(UID)}{ENDING}": legal(text) for uid, text in found}


_book: ContextVar[Book] = ContextVar("book")


def answer(viewer: Member, environ: Mapping[str, Any], path: str, body: bytes) -> Response:
    """Answer a question about the viewer's address book, at the part of the address below /dav."""
    if environ["REQUEST_METHOD"] not in READS:
        return Response("This address book can only be read.", HTTPStatus.FORBIDDEN, mimetype="text/plain")
    # Radicale's own pages, of which there are none here.
    leads_to_pages = path == "/" and environ["REQUEST_METHOD"] in {"GET", "HEAD"}
    if leads_to_pages or any(part.startswith(".") for part in path.split("/")):
        return Response("There is nothing here.", HTTPStatus.NOT_FOUND, mimetype="text/plain")
    given = {name: environ[name] for name in PASSED_ON if name in environ}
    given |= {
        "SCRIPT_NAME": "/dav",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        "wsgi.errors": environ["wsgi.errors"],
        "wsgi.url_scheme": environ["wsgi.url_scheme"],
    }
    token = _book.set(Book(viewer))
    try:
        response = Response.from_app(_engine, given)
    finally:
        _book.reset(token)
    response.headers["DAV"] = OFFERS  # no calendars, and no locks
    return response  # type: ignore[return-value]


class Auth(auth.BaseAuth):
    """Lets in whom the handler has let in."""

    def get_external_login(self, environ: Mapping[str, Any]) -> tuple[()] | tuple[str, str]:
        """Name the member of this request by their handle."""
        return _book.get().handle, ""

    def _login(self, login: str, password: str) -> str:
        return _book.get().handle


class Rights(rights.BaseRights):
    """To read one's own, and nothing else."""

    def authorization(self, user: str, user_groups: set[str], path: str) -> str:
        """Return the letters of what is allowed: R to look around, r to read the address book."""
        owner, _, below = pathutils.strip_path(path).partition("/")
        if not owner or (owner == user and not below):
            return "R"
        return "r" if owner == user and below == BOOK else ""


class Web(web.BaseWeb):
    """No pages."""


class Folder(storage.BaseCollection):
    """What leads to an address book: the root, and the member."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def path(self) -> str:
        """The address without slashes around it."""
        return self._path

    def get_meta(self, key: str | None = None) -> Any:
        """Return what is said of it: nothing."""
        return {} if key is None else None


class AddressBook(Folder):
    """The cards of one member."""

    def __init__(self, book: Book) -> None:
        super().__init__(f"{book.handle}/{BOOK}")
        self.book = book

    @cached_property
    def items(self) -> list[item.Item]:
        """All cards."""
        return [self._item(href, text) for href, text in self.book.texts.items()]

    def _item(self, href: str, text: str) -> item.Item:
        """Return a card as Radicale knows one. Nothing is parsed: what programs ask of a card is said beside it."""
        always = (item.radicale_filter.TIMESTAMP_MIN, item.radicale_filter.TIMESTAMP_MAX)
        return item.Item(
            collection=self,
            href=href,
            text=text,
            uid=f"{UID}{href.removesuffix(ENDING)}",
            name="VCARD",
            component_name="",
            time_range=always,
            last_modified=self.last_modified,
        )

    @cached_property
    def last_modified(self) -> str:
        """The present: when a card last changed is not known, and its tag (ETag) says whether it did."""
        return http_date(clock.now())

    @cached_property
    def etag(self) -> str:
        """A tag that changes with any card."""
        return super().etag

    def get_meta(self, key: str | None = None) -> Any:
        """Return what is said of the whole address book."""
        said = {"tag": "VADDRESSBOOK", "D:displayname": setting("SITE_NAME")}
        return said if key is None else said.get(key)

    def get_all(self) -> Iterable[item.Item]:
        """Return all cards."""
        return self.items

    def get_multi(self, hrefs: Iterable[str]) -> Iterator[tuple[str, item.Item | None]]:
        """Return the cards of these names, and None for what is none."""
        asked = list(dict.fromkeys(hrefs))
        found = self.book.some(asked)
        return ((href, self._item(href, found[href]) if href in found else None) for href in asked)

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """Return a token of how things are, and what has changed since the old one: nothing, or that is not known.

        ValueError makes the program compare the tags of all cards and fetch those that differ.
        """
        now, names = super().sync()
        if old_token and old_token != now:
            raise ValueError("What has changed since then is not kept")
        return now, () if old_token else names


class Storage(storage.BaseStorage):
    """Finds what there is below an address, for the member of this request. It has no verb that changes anything."""

    _supports_unicode = True

    def discover(
        self, path: str, depth: str = "0", child_context_manager: object = None, user_groups: object = None
    ) -> Iterator[Any]:
        """Return what stands at an address, and with a depth what is right below it."""
        book, wide = _book.get(), depth != "0"
        parts = pathutils.strip_path(path).split("/") if pathutils.strip_path(path) else []
        if not parts:
            yield Folder("")
            if wide:
                yield Folder(book.handle)
        elif parts == [book.handle]:
            yield Folder(book.handle)
            if wide:
                yield AddressBook(book)
        elif parts == [book.handle, BOOK]:
            yield (whole := AddressBook(book))
            if wide:
                yield from whole.get_all()
        elif parts[:-1] == [book.handle, BOOK]:
            yield from (found for _href, found in AddressBook(book).get_multi(parts[-1:]) if found)

    @contextmanager
    def acquire_lock(self, mode: str, user: str = "", *_args: object, **_kwargs: object) -> Iterator[None]:
        """Lock nothing: what is read is the request's own."""
        yield


class Application(app.Application):
    """Radicale, asked only what is read here."""

    def do_OPTIONS(self, *_given: Any) -> Any:  # noqa: N802 - the method's own name
        """Say what can be done here."""
        return HTTPStatus.OK, {"Allow": ", ".join(sorted(READS))}, None, None

    def do_GET(self, *given: Any) -> Any:  # noqa: N802
        """Hand out a card, or all of them."""
        return self._safely(super().do_GET, *given)

    def do_PROPFIND(self, *given: Any) -> Any:  # noqa: N802
        """Say what something is."""
        return self._safely(super().do_PROPFIND, *given)

    def do_REPORT(self, *given: Any) -> Any:  # noqa: N802
        """Hand out what is asked for by name, or by what is in it."""
        return self._safely(super().do_REPORT, *given)

    def _safely(self, do: Callable[..., Any], *given: Any) -> Any:
        """Let no mistake out: the program gets an answer, the log where it was. What it says may be out of somebody's card."""
        try:
            return do(*given)
        except Exception as error:  # noqa: BLE001
            frames = traceback.extract_tb(error.__traceback__)
            places = [f"{frame.filename}:{frame.lineno}" for frame in frames[-FRAMES:]]
            log.error("unexpected", number=secrets.token_hex(4), kind=type(error).__name__, places=places)  # noqa: TRY400
            return httputils.INTERNAL_SERVER_ERROR

    def _read_xml_request_body(self, environ: Mapping[str, Any], request_info: object) -> ET.Element | None:
        body = environ["wsgi.input"].read()
        try:
            return _parsed(body) if body else None
        except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise RuntimeError("No question we can read") from error


HREF = xmlutils.make_clark("D:href")


def _parsed(body: bytes) -> ET.Element:
    """Return the question of a program; ValueError for one that is made to cost more than it asks."""
    depth = elements = 0
    root = None
    for event, element in iterparse(BytesIO(body), events=("start", "end"), forbid_dtd=True):
        depth += 1 if event == "start" else -1
        elements += event == "start" and element.tag != HREF
        root = element if root is None else root
        if depth > DEPTH or elements > ELEMENTS:
            raise ValueError
    if root is None or not len(root) or any(not (each.text or "").strip() for each in root.iter(HREF)):
        raise ValueError
    return root


def _made() -> Application:
    """Return Radicale with our parts in it, without files, pages, delays and rights to write."""
    given = config.load()
    parts = {"auth": Auth, "rights": Rights, "storage": Storage, "web": Web}
    given.update({name: {"type": part} for name, part in parts.items()}, "Kith", privileged=True)
    given.update({"auth": {"delay": "0"}, "server": {"delay_on_error": "0"}}, "Kith", privileged=True)
    return Application(given)


_engine = _made()
