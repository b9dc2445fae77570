"""The way to a server that a member names: encrypted, within one site, and only to addresses that everybody can reach.

A name is resolved once, here; what it leads to is checked; and the connection goes to just that address, so that nothing can be
swapped in between. Redirects are followed by hand, each checked like the first address. The password goes to no server that did not
ask for it, and to none outside the site that the member named.
"""

import base64
import contextlib
import ipaddress
import queue
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, Self
from urllib.parse import quote, urljoin, urlsplit

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth
from requests.utils import parse_dict_header
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from webapp import metrics
from webapp.config import is_loopback, setting
from webapp.providers.base import ProviderError
from webapp.providers.http import CONNECT_SECONDS, Deadline, Straight, read, retry_after

SECONDS = 55.0
"""For the whole visit: what stands in front of Kith usually gives up after sixty."""
ANSWER_BYTES = 20_000_000
VISIT_BYTES = 60_000_000
REDIRECTS = 5
REQUESTS = 400
LOOKUP_SECONDS = 5.0
URL_CHARACTERS = 2000
_ADDRESSES_TRIED = 4
_PORTS = {"https": 443, "http": 80}
_UNPRIVILEGED = 1024
_REDIRECT = frozenset({301, 302, 303, 307, 308})
_UNAUTHORIZED = 401
_BUSY = frozenset({429, 503})
_GATEWAYS = frozenset({500, 502, 504})

Reason = Literal[
    "address",
    "insecure",
    "not_allowed",
    "no_host",
    "certificate",
    "elsewhere",
    "password",
    "no_book",
    "too_many_books",
    "too_many",
]


class NotRead(ProviderError):
    """An address book that was not read for a reason the member can do something about. `host` is where it happened, or leads to.

    address: no address of a server. insecure: not encrypted. not_allowed: in no public network. no_host: there is no such server.
    certificate: the server cannot prove its name. elsewhere: it sends us to another site. password: not accepted.
    no_book: there is no address book. too_many_books, too_many: more than are read at once.
    """

    def __init__(self, reason: Reason, host: str = "", detail: str = "") -> None:
        super().__init__("expired" if reason == "password" else "broken", detail or reason)
        self.reason: Reason = reason
        self.host = host


# Which addresses may be reached

_CLOSED = [
    ipaddress.ip_network(each)
    for each in (
        # of this machine, of private and shared networks, for documentation, tests, many at once, and not given out
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
        # the same, and what carries an IPv4 address inside: Teredo, 6to4
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
]
_PUBLIC_6 = ipaddress.ip_network("2000::/3")
"""Outside of it there are only loopback, local, multicast, mapped, compatible and translated (NAT64) addresses."""


def is_public(text: str) -> bool:
    """Whether an address is one that everybody can reach, whatever it may stand for."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    if found.version == 6 and (found.scope_id is not None or found not in _PUBLIC_6):  # noqa: PLR2004
        return False
    if any(found in each for each in _CLOSED if each.version == found.version):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_private or found.is_unspecified)


def is_allowed(host: str, port: int) -> bool:
    """Whether the operator named this server as one of their own network that may be asked; without a port, at the usual ones."""
    for entry in setting("CARDDAV_ALLOWED_HOSTS"):
        with contextlib.suppress(ValueError):
            parts = urlsplit(f"//{entry}")
            is_port = parts.port == port or (parts.port is None and _is_usual(port))
            if canonical(parts.hostname or "") == host and is_port:
                return True
    return False


def _is_usual(port: int) -> bool:
    return port in _PORTS.values() or port >= _UNPRIVILEGED


_LABEL = r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def canonical(host: str) -> str:
    """Return a host as it is compared, asked and shown: in lower case, in ASCII. ValueError for what is none.

    So is a name whose last part is a number: to some it is an address (`127.1`, `0x7f.1`, `2130706433`).
    """
    host = host.removesuffix(".")
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if "%" in host:
            raise ValueError("an address of one network only")
        return str(found)
    if not host.isascii():
        try:
            host = dns.name.from_text(host, idna_codec=dns.name.IDNA_2008_UTS_46).to_text(omit_final_dot=True)
        except (dns.exception.DNSException, UnicodeError):
            raise ValueError("no name in another script") from None
    host = host.lower()
    if len(host) > 253 or not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):  # noqa: PLR2004
        raise ValueError("no name of a host")
    return host


def is_name(host: str) -> bool:
    """Whether a canonical host is a name that everybody may know, rather than an address or a name of this network only."""
    return "." in host and not _NUMBER.fullmatch(host.rpartition(".")[2])


_SECOND = frozenset(
    (
        *(
            "ac",
            "asso",
            "co",
            "com",
            "edu",
            "gob",
            "gouv",
            "gov",
            "govt",
            "go",
            "gv",
            "k12",
            "ltd",
            "me",
            "mil",
            "ne",
            "net",
        ),
        *("nhs", "nom", "or", "org", "plc", "police", "sch", "school"),
    )
)
"""Below a country's letters these are nobody's own: `co.uk`."""


def same_site(one: str, other: str) -> bool:
    """Whether two hosts belong to one registrable domain; by a short rule that errs on the side of no."""
    return one == other or (is_name(one) and is_name(other) and _site(one) == _site(other))


def _site(host: str) -> list[str]:
    labels = host.split(".")
    is_shared = len(labels[-1]) == 2 and labels[-2] in _SECOND  # noqa: PLR2004
    return labels[-3 if is_shared else -2 :]


# Names


class Service(NamedTuple):
    """Where a domain says that its service is; `path` may be empty."""

    host: str
    port: int
    path: str = ""


class Resolver(Protocol):
    """Who knows where names lead."""

    def addresses(self, host: str) -> list[str]:
        """Return the addresses of a name; none where there is no such name."""

    def services(self, domain: str) -> list[Service]:
        """Return where the domain says that its address books are, best first; none is normal."""


class System:
    """The machine's own way to resolve names, hosts file included; and DNS itself for services."""

    def __init__(self, asked: dns.resolver.Resolver | None = None) -> None:
        self._asked = asked

    def addresses(self, host: str) -> list[str]:
        """Return the addresses of a name; ProviderError when nobody answers in time, for which the machine itself has no limit."""
        answered: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

        def ask() -> None:
            found: list[str] = []
            with contextlib.suppress(OSError, UnicodeError):
                found = [str(row[4][0]) for row in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
            answered.put(found)

        threading.Thread(target=ask, daemon=True).start()
        try:
            return list(dict.fromkeys(answered.get(timeout=LOOKUP_SECONDS)))
        except queue.Empty:
            raise ProviderError("unavailable", "a name is not resolved in time") from None

    def services(self, domain: str) -> list[Service]:
        """Return what SRV and TXT say (RFC 6764)."""
        found = []
        with contextlib.suppress(dns.exception.DNSException, ValueError, OSError):
            asked = self._asked or dns.resolver.Resolver()
            name = f"_carddavs._tcp.{domain}."
            rows = sorted(
                asked.resolve(name, "SRV", lifetime=LOOKUP_SECONDS), key=lambda row: (row.priority, -row.weight)
            )
            path = self._path(asked, name)
            for row in rows[:_ADDRESSES_TRIED]:
                target = row.target.to_text(omit_final_dot=True)
                if target != ".":  # "." says: not offered
                    found.append(Service(canonical(target), row.port, path))
        return found

    @staticmethod
    def _path(asked: dns.resolver.Resolver, name: str) -> str:
        with contextlib.suppress(dns.exception.DNSException, UnicodeError):
            for row in asked.resolve(name, "TXT", lifetime=LOOKUP_SECONDS):
                for text in row.strings:
                    if text.lower().startswith(b"path=/"):
                        return str(text[5:], "ascii")
        return ""


# Places


@dataclass(frozen=True, slots=True)
class Place:
    """An address taken apart and checked for its form; it holds no user and no password."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a password is given to."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The address, put together anew."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def at(self, path: str) -> "Place":
        """Return another path of the same server."""
        return Place(self.scheme, self.host, self.port, path)

    def join(self, link: str) -> "Place":
        """Return where a link leads that the server gave. NotRead (address) for what is none."""
        return place(urljoin(self.url, link.strip()))


_SAFE = "%/:=&?~+!$,;'@()*[]"


def place(url: str) -> Place:
    """Return an address, taken apart. NotRead (address) for what is none, or has a user or a password inside."""
    if len(url) > URL_CHARACTERS or not url.isprintable() or "\\" in url:
        raise NotRead("address")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        host = canonical(parts.hostname or "")
    except (ValueError, KeyError):
        raise NotRead("address") from None
    if "@" in parts.netloc:
        raise NotRead("address")
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    return Place(parts.scheme, host, port, quote(parts.path or "/", safe=_SAFE) + query)


# Asking


class Credentials:
    """A user and a password, which nothing prints."""

    __slots__ = ("_password", "_user")

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password

    def answering(self, offered: str) -> "Sign | None":
        """Return what signs the requests to a server that asks for them so; None where it wants something else than a password."""
        if re.search(r"(?:^|,)\s*basic\b", offered, re.IGNORECASE):
            basic = "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            return lambda _method, _url: basic
        digest = re.search(r"(?:^|,)\s*digest\s+(.*)", offered, re.IGNORECASE)
        if digest is None:
            return None
        found = HTTPDigestAuth(self._user, self._password)
        found.init_per_thread_state()
        found._thread_local.chal = parse_dict_header(digest[1])  # type: ignore[attr-defined,no-untyped-call]  # noqa: SLF001
        return found.build_digest_header


Sign = Callable[[str, str], str | None]
"""Makes the header with which a request of a method to an address says who asks."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said in the end, and where that was."""

    status: int
    body: bytes
    place: Place


class Visit:
    """All that is asked of the servers of one site, on behalf of one member, once: limited in time, in bytes and in where it leads."""

    def __init__(self, home: Place, credentials: Credentials, resolver: Resolver) -> None:
        self.home = home
        self.resolver = resolver
        self._credentials = credentials
        self._deadline = Deadline(SECONDS)
        self._session = Straight()
        self._signs: dict[tuple[str, str, int], Sign] = {}
        """Which servers have asked for the password, and how."""
        self._resolved: dict[str, list[str]] = {}
        self._bytes = VISIT_BYTES
        self._requests = REQUESTS

    def __enter__(self) -> Self:
        self._deadline.__enter__()
        self._session.headers["User-Agent"] = "Kith"
        adapter = HTTPAdapter(max_retries=0)
        adapter.poolmanager.pool_classes_by_scheme = _pools(self._connect)
        for scheme in _PORTS:
            self._session.mount(f"{scheme}://", adapter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        self._deadline.__exit__(kind, error, trace)

    def check(self) -> None:
        """Raise ProviderError once the time is over."""
        self._deadline.check()

    def has_asked_for_password(self, at: Place) -> bool:
        """Whether a server was given the password."""
        return at.origin in self._signs

    def give_password(self, at: Place) -> None:
        """Send the password to a server from now on: it answers those whom it does not know, too, but has nothing for them."""
        self._may_be_asked(at)
        self._asked_for_password(at, "Basic")

    def ask(self, method: str, at: Place, body: bytes, depth: int) -> Answer:
        """Ask, follow where it leads within the site, and give the password where it is asked for.

        An answer of any status but those that mean "no" to everything. Raises ProviderError.
        """
        redirects = 0
        while True:
            self._may_be_asked(at)
            with metrics.calling("carddav"):
                answer = self._send(method, at, body, depth)
            with contextlib.closing(answer):
                if answer.status_code in _REDIRECT:
                    redirects += 1
                    if redirects > REDIRECTS:
                        raise NotRead("no_book", at.host, "redirects without end")
                    at = at.join(answer.headers.get("Location", ""))
                elif answer.status_code == _UNAUTHORIZED:
                    self._asked_for_password(at, answer.headers.get("WWW-Authenticate", ""))
                else:
                    _refuse_busy(answer)
                    return Answer(answer.status_code, self._body(answer), at)

    def _may_be_asked(self, at: Place) -> None:
        """Raise NotRead unless this server may be asked; what its name leads to is checked when it is connected to."""
        if not same_site(self.home.host, at.host):
            raise NotRead("elsewhere", at.host)
        is_ours = is_allowed(at.host, at.port)
        if at.scheme == "http" and not (is_ours and is_loopback(at.host)):
            raise NotRead("insecure", at.host)
        if not is_ours and ((at.port < _UNPRIVILEGED and at.port != _PORTS["https"]) or not _may_be_public(at.host)):
            raise NotRead("not_allowed", at.host)

    def _asked_for_password(self, at: Place, offered: str) -> None:
        """Give the password to a server that asks for it: once, but for a digest that only grew old."""
        if at.origin in self._signs and not re.search(r"\bstale=\"?true", offered, re.IGNORECASE):
            raise NotRead("password", at.host)
        sign = self._credentials.answering(offered)
        if sign is None:
            raise NotRead("password", at.host)
        self._signs[at.origin] = sign

    def _send(self, method: str, at: Place, body: bytes, depth: int) -> requests.Response:
        self._requests -= 1
        if self._requests < 0:
            raise ProviderError("too_large", "more requests than a visit may take")
        self._deadline.check()
        headers = {"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8", "Accept-Encoding": "gzip"}
        if at.origin in self._signs:
            headers["Authorization"] = self._signs[at.origin](method, at.url) or ""
        trusted = setting("CARDDAV_CA_FILE") if is_allowed(at.host, at.port) else ""
        with self._telling(at):
            return self._session.request(
                method,
                at.url,
                data=body,
                headers=headers,
                timeout=(CONNECT_SECONDS, SECONDS),
                stream=True,
                allow_redirects=False,
                verify=trusted or True,
            )

    def _body(self, answer: requests.Response) -> bytes:
        cap = min(ANSWER_BYTES, self._bytes)
        try:
            with self._telling(self.home):
                found = read(answer, self._deadline, cap)
        except ProviderError:
            self._bytes -= cap
            raise
        self._bytes -= len(found)
        return found

    @contextlib.contextmanager
    def _telling(self, at: Place) -> Iterator[None]:
        """Turn what the network says into what is told: the kind only, since its text may hold what was asked."""
        try:
            yield
        except (requests.RequestException, HTTPError, OSError) as error:
            if _is_certificate(error):
                raise NotRead("certificate", at.host) from None
            raise ProviderError("unavailable", self._deadline.why(error)) from None
        except (ValueError, UnicodeError):
            raise ProviderError("broken", "an answer that is no answer") from None

    def _connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Return a connection to an address that was checked; the name is resolved once in a visit."""
        host = canonical(host)
        is_ours = is_allowed(host, port)
        failed: OSError | None = None
        for address in self._addresses(host, is_ours=is_ours)[:_ADDRESSES_TRIED]:
            self._deadline.check()
            try:
                return self._deadline.watch(socket.create_connection((address, port), timeout))
            except OSError as error:
                failed = error
        raise failed or OSError("no address")

    def _addresses(self, host: str, *, is_ours: bool) -> list[str]:
        if host not in self._resolved:
            self._resolved[host] = self.resolver.addresses(host) if is_name_at_all(host) else [host]
        found = self._resolved[host]
        usable = [each for each in found if (is_ours and _is_plain(each)) or is_public(each)]
        if not usable:
            raise NotRead("not_allowed" if found else "no_host", host)
        return usable


def is_name_at_all(host: str) -> bool:
    """Whether a canonical host has to be resolved."""
    return not _is_plain(host)


def _is_plain(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _may_be_public(host: str) -> bool:
    return is_public(host) if _is_plain(host) else is_name(host)


def _refuse_busy(answer: requests.Response) -> None:
    """Raise ProviderError where the server says that it cannot now."""
    status = answer.status_code
    if status in _BUSY:
        raise ProviderError("busy", f"status {status}", retry_after=retry_after(answer.headers.get("Retry-After")))
    if status in _GATEWAYS:
        raise ProviderError("unavailable", f"status {status}", status=status)


def _is_certificate(error: BaseException | None) -> bool:
    """Whether somewhere below it a certificate was not trusted."""
    for _level in range(10):
        if error is None:
            return False
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        below = getattr(error, "reason", None) or next(
            (each for each in error.args if isinstance(each, Exception)), None
        )
        error = below if isinstance(below, BaseException) else error.__cause__ or error.__context__
    return False


def _pools(connect: Callable[[str, int, float], socket.socket]) -> dict[str, Any]:
    """Return urllib3's pools for connections that are made by `connect`; the name stays what TLS and the server are told."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self.host, self.port, CONNECT_SECONDS)

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self.host, self.port or _PORTS["https"], CONNECT_SECONDS)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
