"""An address book at a server of the member's choice, over CardDAV (RFC 6352): found and read once; names and addresses are kept."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.sax.saxutils import escape

from defusedxml.ElementTree import XMLParser

from webapp import addresses
from webapp.config import setting
from webapp.providers import ways
from webapp.providers.base import Card, Page, ProviderError
from webapp.providers.files import vcards
from webapp.providers.outside import (
    Answer,
    Credentials,
    NotRead,
    Place,
    Resolver,
    System,
    Visit,
    is_name,
    place,
    same_site,
)

BOOKS_MAX = 20
CARDS_AT_ONCE = 200
_DEPTH_MAX = 40
_ELEMENTS_MAX = 1_000_000
_ELEMENTS_OF_ONE_MAX = 10_000
_MULTISTATUS = 207
_OK = 200
_WELL_KNOWN = "/.well-known/carddav"
_NEXTCLOUD = "remote.php/dav/"
_DAV, _CARD = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
_WHO = (
    f"{_HEAD}<D:propfind {_SPACES}><D:prop><D:resourcetype/><D:current-user-principal/><C:addressbook-home-set/>"
    "</D:prop></D:propfind>"
)
_WHAT = f"{_HEAD}<D:propfind {_SPACES}><D:prop><D:resourcetype/></D:prop></D:propfind>"
KEPT = ("VERSION", "KIND", "UID", "FN", "N", "EMAIL")
"""What is asked for of each contact; what a server sends beside it is dropped before anybody reads it."""
_CARDS = (
    f"{_HEAD}<C:addressbook-multiget {_SPACES}><D:prop><C:address-data>"
    + "".join(f'<C:prop name="{name}"/>' for name in KEPT)
    + "</C:address-data></D:prop>{hrefs}</C:addressbook-multiget>"
)
_GENERATED = re.compile(r"/z-(?:app|server)-generated--[^/]*/?\Z")
"""Books that Nextcloud fills by itself: everybody who was written to, everybody who has an account. Nobody filed these."""


def fetch(where: str, user: str, password: str, *, resolver: Resolver | None = None) -> Page:
    """Return the contacts of all address books that a member has at a server: names and addresses, nothing else.

    `where` is the address of a book, of a server, or an e-mail address. The password is used for this and forgotten. Raises NotRead
    where the member can do something about it, ProviderError otherwise; neither holds anything that was typed but the host.
    """
    home, is_whole = _start(where)
    with Visit(home, Credentials(user, password), resolver or System()) as visit:
        books = _Search(visit).books(home, is_whole=is_whole)
        return _Reading(visit).page(books)


def _start(where: str) -> tuple[Place, bool]:
    """Return the first place to ask, and whether that is a whole address rather than only a server's name."""
    where = where.strip()
    if "@" in where and "/" not in where:
        kept = addresses.address(where)
        if kept is None:
            raise NotRead("address")
        known = ways.way_of(kept)
        return place(f"https://{(known and known.server) or kept.rpartition('@')[2]}"), False
    scheme, found, rest = where.partition("://")
    if not found:
        scheme, rest = "https", where
    scheme = {"carddavs": "https", "carddav": "https"}.get(scheme.lower(), scheme.lower())
    at = place(f"{scheme}://{rest}")
    return at, at.path not in {"", "/"}


# Finding the books


class _Search:
    """The way from a server's name to the member's address books (RFC 6764, RFC 6352 section 7)."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.failed: dict[tuple[str, str, int], ProviderError] = {}
        """Servers that did not answer, and why; they are not asked again."""
        self.astray: NotRead | None = None
        """The first place that led where nobody may follow."""

    def books(self, start: Place, *, is_whole: bool) -> list[Place]:
        """Return where the member's books are. Raises NotRead where there are none."""
        for at in self._candidates(start, is_whole=is_whole):
            books = self._books_of(at)
            if books:
                return books
        raise self.astray or next(iter(self.failed.values()), NotRead("no_book", start.host))

    def _candidates(self, start: Place, *, is_whole: bool) -> Iterator[Place]:
        if is_whole:
            yield start
        elif start.port == 443 and is_name(start.host):  # noqa: PLR2004 - where nobody said another
            yield from self._services(start)
        yield start.at(_WELL_KNOWN)
        yield start.at("/")
        yield start.at(f"{urlsplit(start.path).path.rstrip('/')}/{_NEXTCLOUD}")

    def _services(self, start: Place) -> Iterator[Place]:
        for service in self.visit.resolver.services(start.host):
            if same_site(start.host, service.host):
                yield place(f"https://{service.host}:{service.port}{service.path or _WELL_KNOWN}")
            elif self.astray is None:
                self.astray = NotRead("elsewhere", service.host)  # DNS alone cannot say to whom a password is given

    def _books_of(self, at: Place) -> list[Place]:
        """Return the books that can be found from a place; none where nothing there speaks CardDAV."""
        if at.origin in self.failed:
            return []
        try:
            found = self._who(at)
            if found is None:
                return []
            here, asked = found
            if here.is_book:
                return [asked]
            homes = [asked.join(link) for link in here.homes]
            if not homes and here.principal:
                answered = self._who(asked.join(here.principal))
                homes = [answered[1].join(link) for link in answered[0].homes] if answered else []
            return self._books_in(homes or [asked])
        except NotRead as error:
            if error.reason in {"password", "too_many_books"}:
                raise
            if error.host == at.host and error.reason in {"no_host", "certificate", "not_allowed"}:
                self.failed[at.origin] = error
            else:
                self.astray = self.astray or error
        except ProviderError as error:
            self.visit.check()
            if error.kind == "too_large":
                raise
            self.failed[at.origin] = error
        return []

    def _who(self, at: Place) -> tuple["_Found", Place] | None:
        """Return what a place says of itself and of who asks, and where that was; None where it does not speak CardDAV."""
        answer = self.visit.ask("PROPFIND", at, _WHO.encode(), 0)
        found = next(iter(_multistatus(answer)), None)
        if found is not None and found.is_nobody and not self.visit.has_asked_for_password(answer.place):
            self.visit.give_password(answer.place)
            answer = self.visit.ask("PROPFIND", answer.place, _WHO.encode(), 0)
            found = next(iter(_multistatus(answer)), None)
        return None if found is None else (found, answer.place)

    def _books_in(self, homes: list[Place]) -> list[Place]:
        books: dict[str, Place] = {}
        for home in homes[:BOOKS_MAX]:
            answer = self.visit.ask("PROPFIND", home, _WHAT.encode(), 1)
            for each in _multistatus(answer):
                at = answer.place.join(each.href)
                if each.is_book and not _GENERATED.search(at.path):
                    books[at.url] = at
        if len(books) > BOOKS_MAX:
            raise NotRead("too_many_books", homes[0].host)
        return list(books.values())


# Reading them


class _Reading:
    """The contacts of the books, so many at a time."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    def page(self, books: list[Place]) -> Page:
        """Return all contacts, in the order in which the server lists them."""
        listed = {book: self._listed(book) for book in books}
        if sum(map(len, listed.values())) > setting("IMPORT_CONTACTS_MAX"):
            raise NotRead("too_many", books[0].host)
        cards: list[Card] = []
        for book, hrefs in listed.items():
            for start in range(0, len(hrefs), CARDS_AT_ONCE):
                cards += self._cards(book, hrefs[start : start + CARDS_AT_ONCE])
        return Page(cards, total=len(cards))

    def _listed(self, book: Place) -> list[str]:
        answer = self.visit.ask("PROPFIND", book, _WHAT.encode(), 1)
        mine = _path(book.path)
        return [each.href for each in _multistatus(answer) if not each.is_collection and _path(each.href) != mine]

    def _cards(self, book: Place, hrefs: list[str]) -> list[Card]:
        """Return so many contacts. Where a server sends all their pictures, too, they are asked for in smaller parts."""
        try:
            return self._asked(book, hrefs)
        except ProviderError as error:
            if error.kind != "too_large" or len(hrefs) == 1:
                raise
        half = len(hrefs) // 2
        return [*self._cards(book, hrefs[:half]), *self._cards(book, hrefs[half:])]

    def _asked(self, book: Place, hrefs: list[str]) -> list[Card]:
        named = "".join(f"<D:href>{escape(href)}</D:href>" for href in hrefs)
        answer = self.visit.ask("REPORT", book, _CARDS.format(hrefs=named).encode(), 0)
        if answer.status != _MULTISTATUS:
            raise ProviderError("broken", f"contacts were not given (status {answer.status})", status=answer.status)
        given = {_path(each.href): each.card for each in _multistatus(answer)}
        written = [given[path] for path in map(_path, hrefs) if given.get(path)]
        return list(_read(written))


def _path(href: str) -> str:
    """Return what two addresses of one thing have in common, however they are written."""
    return unquote(urlsplit(href).path).rstrip("/")


def _read(written: Iterable[str]) -> Iterator[Card]:
    """Return the contacts of so many vCards; groups are none."""
    whole = [kept for kept in map(trimmed, written) if kept is not None]
    yield from vcards.read("".join(whole).encode()).cards


_LINE = re.compile(r"(?:[A-Za-z0-9\-]+\.)?([A-Za-z0-9\-]+)[;:]")
_GROUP = re.compile(r"^(?:KIND|X-ADDRESSBOOKSERVER-KIND)[^:]*:\s*group\s*$", re.IGNORECASE | re.MULTILINE)
_NOTHING = "BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n"


def trimmed(written: str) -> str | None:
    """Return a vCard with nothing in it but what was asked for; None for a group. What is no vCard becomes an empty one, to be counted."""
    if _GROUP.search(written.replace("\r", "")):
        return None
    kept, keeps, is_soft = [], False, False
    for line in re.split(r"\r\n|\r|\n", written):
        if not (line[:1] in {" ", "\t"} or is_soft):
            found = _LINE.match(line)
            keeps = found is not None and found[1].upper() in KEPT
        is_soft = keeps and line.endswith("=") and (is_soft or "QUOTED-PRINTABLE" in line.upper())
        if keeps:
            kept.append(line)
    if not kept:
        return _NOTHING
    return "\r\n".join(["BEGIN:VCARD", *kept, "END:VCARD", ""])


# What a server says


@dataclass(frozen=True, slots=True)
class _Found:
    """What one part of an answer says of one address."""

    href: str
    is_book: bool = False
    is_collection: bool = False
    is_nobody: bool = False
    principal: str = ""
    homes: tuple[str, ...] = ()
    card: str = ""


def _multistatus(answer: Answer) -> list[_Found]:
    """Return the parts of an answer; none where it is no answer of CardDAV. ProviderError (broken) where it cannot be read."""
    if answer.status != _MULTISTATUS:
        return []
    parser = XMLParser(target=_Parts(), forbid_dtd=True)
    try:
        parser.feed(answer.body)
        found: Any = parser.close()  # what the target found, rather than an element
    except (ParseError, ValueError, LookupError, RecursionError):
        raise ProviderError("broken", "an answer that is no XML of CardDAV") from None
    return list(found)


class _Parts:
    """Takes an answer apart while it is parsed: of each part only what is needed stays, so that many small elements fill no memory."""

    def __init__(self) -> None:
        self.found: list[_Found] = []
        self._builder: TreeBuilder | None = None
        self._depth = 0
        self._elements = self._elements_of_one = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._elements_of_one += 1
        is_much = self._elements > _ELEMENTS_MAX or self._elements_of_one > _ELEMENTS_OF_ONE_MAX
        if self._depth > _DEPTH_MAX or is_much:
            raise ValueError("too deep, or too much")
        if self._depth == 1 and tag != f"{_DAV}multistatus":
            raise ValueError("something else")
        if self._depth == 2 and tag == f"{_DAV}response":  # noqa: PLR2004
            self._builder = TreeBuilder()
            self._elements_of_one = 0
        if self._builder is not None:
            self._builder.start(tag, {})

    def data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)

    def end(self, tag: str) -> None:
        if self._builder is not None:
            self._builder.end(tag)
            if self._depth == 2:  # noqa: PLR2004
                self.found.append(_part(self._builder.close()))
                self._builder = None
        self._depth -= 1

    def close(self) -> list[_Found]:
        return self.found


def _part(part: Element) -> _Found:
    props: dict[str, Element] = {}
    for each in part.iterfind(f"{_DAV}propstat"):
        if re.search(rf"\b{_OK}\b", each.findtext(f"{_DAV}status") or ""):
            props |= {prop.tag: prop for prop in each.iterfind(f"{_DAV}prop/*")}
    kinds = {kind.tag for kind in _children(props.get(f"{_DAV}resourcetype"))}
    who = props.get(f"{_DAV}current-user-principal")
    homes = props.get(f"{_CARD}addressbook-home-set")
    card = props.get(f"{_CARD}address-data")
    return _Found(
        (part.findtext(f"{_DAV}href") or "").strip(),
        is_book=f"{_CARD}addressbook" in kinds,
        is_collection=f"{_DAV}collection" in kinds,
        is_nobody=who is not None and who.find(f"{_DAV}unauthenticated") is not None,
        principal=_hrefs(who)[0] if _hrefs(who) else "",
        homes=tuple(_hrefs(homes)),
        card=(card.text or "") if card is not None else "",
    )


def _children(element: Element | None) -> list[Element]:
    return [] if element is None else list(element)


def _hrefs(element: Element | None) -> list[str]:
    found: list[Any] = [] if element is None else [each.text for each in element.iterfind(f"{_DAV}href")]
    return [text.strip() for text in found if text and text.strip()]
