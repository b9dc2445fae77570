"""The servers around the proof, on loopback: a mail server that keeps what it gets, and providers that note what they are asked for."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import requests
from flask import Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

from webapp.demo.provider import create_provider, default_clients
from webapp.proof.browser import Stuck


class _Quiet(WSGIRequestHandler):
    """Writes no line about a request: the log that is searched is Kith's own."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Say nothing."""


@contextmanager
def listening(wsgi: Any) -> Iterator[str]:
    """Serve an application on a free port of loopback; gives its address."""
    server = make_server("127.0.0.1", 0, wsgi, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Mail


@dataclass
class Post:
    """A mail server: what arrived at whom, and a folder in which every mail is kept as a file."""

    folder: Path | None = None
    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library asks by this name
        """Take every mail."""
        for recipient in envelope.rcpt_tos:
            self.arrived.append((recipient, message_from_bytes(envelope.content, policy=policy.default)))
        if self.folder is not None:
            (self.folder / f"{len(self.arrived):03}.eml").write_bytes(envelope.content)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address, however its letters are written."""
        return [mail for recipient, mail in self.arrived if recipient.lower() == address.lower()]

    def moved_to(self, folder: Path) -> None:
        """Forget what arrived, and keep what comes in another folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.arrived = []


@contextmanager
def post_office() -> Iterator[tuple[Post, str]]:
    """Give a mail server that listens, and what SMTP_URL wants."""
    from aiosmtpd.controller import Controller

    post = Post()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    library = logging.getLogger("mail.log")
    level = library.level
    library.setLevel(logging.ERROR)  # it would write down every line of every mail
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield post, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()
        library.setLevel(level)


# The provider


@dataclass(frozen=True)
class Asked:
    """A request that the provider got."""

    path: str
    query: dict[str, str]
    form: dict[str, str]


class Provider:
    """The demo provider, with a note of every request and answers that can be replaced by a failure."""

    def __init__(self, base_url: str) -> None:
        self.asked: list[Asked] = []
        self.failing: dict[str, int] = {}
        """Paths of which one request fails: the first from now on, the second, and so on."""
        self.app = create_provider({}, default_clients(base_url))
        self.app.before_request(self._note)

    def _note(self) -> Response | None:
        self.asked.append(Asked(request.path, request.args.to_dict(), request.form.to_dict()))
        left = self.failing.get(request.path, 0)
        if left:
            self.failing[request.path] = left - 1
        if left == 1:
            return Response('{"error": {"code": 500}}', 500, {"Content-Type": "application/json"})
        return None

    def begin(self, books: dict[str, list[dict[str, Any]]]) -> None:
        """Forget everything, and have these address books."""
        self.asked.clear()
        self.failing.clear()
        for each in self.app.extensions["providers"].values():
            each.books = books
            each.codes.clear()
            each.tokens.clear()

    def door(self, name: str) -> Any:
        """Return what one of the two providers remembers."""
        return self.app.extensions["providers"][name]

    def secrets(self) -> dict[str, str]:
        """Return the keys and codes that were given out, each with what it is."""
        found: dict[str, str] = {}
        for each in self.app.extensions["providers"].values():
            found |= dict.fromkeys(each.tokens, "the provider's key")
            found |= dict.fromkeys(each.codes, "the provider's code")
        return found

    def contacts_asked(self) -> list[Asked]:
        """Return the requests for contacts."""
        return [each for each in self.asked if each.path.startswith(("/google/v1/", "/microsoft/v1.0/"))]


def consent(url: str, account: str) -> dict[str, str]:
    """Sign in at the provider and allow what it shows; return what it sends back to the callback."""
    from urllib.parse import parse_qsl, urlsplit

    from webapp.proof.browser import read_forms

    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.post(url, data={"account": account}, allow_redirects=False, timeout=20)
        (form, *_more) = read_forms(page.text)
        ticked = [(name, value) for name, value, is_ticked in form.boxes if is_ticked]
        answer = browser.post(
            url, data=[*form.fields, *ticked, ("decision", "allow")], allow_redirects=False, timeout=20
        )
    if not answer.is_redirect:
        raise Stuck(f"the demo provider gave no consent (status {answer.status_code})")
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


# A server of address books


_MULTISTATUS = (
    '<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">{}</D:multistatus>'
)
_FOUND = "<D:response><D:href>{}</D:href><D:propstat><D:prop>{}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
_BOOK = "<D:resourcetype><D:collection/><C:addressbook/></D:resourcetype>"


class Shelf:
    """One address book over CardDAV (RFC 6352), behind a user name and a password: as little of it as reading it once needs."""

    PATH = "/book/"

    def __init__(self) -> None:
        self.cards: list[str] = []
        self.user = self.password = ""
        self.asked: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        headers = [("Content-Type", "application/xml; charset=utf-8")]
        given = environ.get("HTTP_AUTHORIZATION", "")
        if not given or not self.user or given != requests.auth._basic_auth_str(self.user, self.password):  # noqa: SLF001
            start_response("401 Unauthorized", [*headers, ("WWW-Authenticate", 'Basic realm="book"')])
            return [b""]
        self.asked.append(body)
        start_response("207 Multi-Status", headers)
        return [_MULTISTATUS.format("".join(self._answer(environ, body))).encode()]

    def _answer(self, environ: dict[str, Any], body: str) -> Iterator[str]:
        if environ["REQUEST_METHOD"] == "REPORT":
            for at, card in enumerate(self.cards):
                if f"{self.PATH}{at}.vcf" in body:
                    yield _FOUND.format(f"{self.PATH}{at}.vcf", f"<C:address-data>{escape(card)}</C:address-data>")
            return
        yield _FOUND.format(self.PATH, _BOOK)
        if environ.get("HTTP_DEPTH") == "1":
            for at in range(len(self.cards)):
                yield _FOUND.format(f"{self.PATH}{at}.vcf", "<D:resourcetype/>")
