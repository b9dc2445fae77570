"""Sentences 33 and 51: what every answer says to a browser, and who sends much or slowly, also from the server that `kith serve` is."""

import contextlib
import html
import re
import select
import socket
import threading
import time

import pytest
import requests

from tests import dav, factories
from tests.programs import PATIENCE
from webapp.domain import app_passwords, messages
from webapp.extensions import db
from webapp.jobs import health
from webapp.web.bodies import FILES
from webapp.web.headers import POLICY

SENDERS = 50
KEPT = {"/manifest.webmanifest": "public, max-age=3600"}
"""What holds nothing of anybody, and may be kept by every cache."""
ALSO = {"Cross-Origin-Opener-Policy", "Permissions-Policy"}


def check(headers, path):
    """What every answer has to say, whatever it answers."""
    is_file = path.startswith("/static/") and "immutable" in headers["Cache-Control"]
    policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'", path
    assert policy["frame-ancestors"] == "'none'", path
    if not is_file:
        assert policy == POLICY, path
        assert {name.title() if name.islower() else name for name in headers.keys()} >= ALSO, path  # noqa: SIM118
    assert not re.search(r"unsafe|\*|https?:", headers["Content-Security-Policy"]), path
    assert headers["X-Content-Type-Options"] == "nosniff", path
    assert headers["Referrer-Policy"] == "same-origin", path
    kept = headers["Cache-Control"]
    assert kept == KEPT.get(path, "no-store") or is_file or (path.startswith("/photos/") and "private" in kept), path
    for name in ("Server", "X-Powered-By", "Via"):
        assert not re.search(r"\d", headers.get(name, "")), (path, name)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_33_every_answer_says_what_a_browser_may_do_with_it(app, context, as_member, client, monkeypatch, served):
    """Every answer, whatever its status and kind (page, part, file, download, redirect, refusal, mistake of ours, CardDAV), says what a
    browser may do with it: nothing runs or loads from elsewhere, nobody frames it, no type is guessed, no address is told to other
    sites, nothing that is anybody's is kept. No answer tells the version of anything, neither the application's nor its server's.
    """
    ana, ben = factories.member("Ana Lima", "ana@example.org"), factories.member("Ben Okafor")
    factories.connect(ana, ben)
    talk = messages.key_of(messages.write_to(ben, ana, "Hello"))
    secret = app_passwords.make(ana, "Phone")
    db.session.commit()
    monkeypatch.setitem(app.view_functions, "settings.appearance", lambda: 1 // 0)
    browser, phone = as_member(ana), dav.Device(client, ana, "ana@example.org", secret)
    style = app.config["ASSETS"]["kith.css"]
    asked = [
        (200, client.get, "/"),
        (200, browser.get, "/network"),
        (200, lambda path: browser.part(path, method="GET"), "/people?q=ben"),
        (200, lambda path: browser.get(path, method="HEAD"), "/feed"),
        (200, lambda path: browser.get(path, method="OPTIONS"), "/feed"),
        (200, browser.get, "/cards/csv"),
        (200, browser.get, "/cards/vcard"),
        (200, browser.get, f"/messages/{talk}/export/json"),
        (200, client.get, "/livez"),
        (200, client.get, "/manifest.webmanifest"),
        (200, client.get, style),
        (404, client.get, "/static/0/kith.css"),
        (301, client.get, "/.well-known/carddav"),
        (303, client.get, "/network"),
        (303, browser.post, f"/people/{ben.handle}/card/spoke"),
        (307, lambda path: client.get(path, base_url="http://localhost:8000"), "/signin"),
        (400, client.post, "/signin"),
        (400, browser.get, "/people/%00"),
        (401, lambda path: client.get(path, headers={"HX-Request": "true"}), "/network"),
        (401, client.get, "/dav/ana/"),
        (403, lambda path: browser.post(path, headers={"Origin": "https://evil.example"}), "/feed"),
        (404, browser.get, "/nope"),
        (404, lambda path: browser.part(path, method="GET"), "/people/nobody"),
        (405, lambda path: browser.send("PUT", path), "/feed"),
        (409, browser.post, f"/people/{ben.handle}/undo"),
        (410, client.get, "/join/nonsense"),
        (413, lambda path: browser.post(path, b"x" * 600_000, content_type="text/plain"), "/feed"),
        (422, browser.post, f"/people/{ben.handle}/card/every"),
        (500, browser.get, "/settings/appearance"),
        (500, lambda path: browser.part(path, method="GET"), "/settings/appearance"),
        (207, lambda path: phone.ask("PROPFIND", path, dav.propfind("getetag")), phone.book),
        (403, lambda path: phone.ask("PUT", path, "x"), phone.book),
    ]
    for status, ask, path in asked:
        answer = ask(path)
        assert answer.status_code == status, path
        check(answer.headers, path)
    news = html.unescape(re.search(r'hx-get="(/notifications/news[^"]*)"', browser.get("/network").text)[1])
    quiet = browser.part(news, method="GET")
    assert quiet.status_code == 204
    check(quiet.headers, news)
    monkeypatch.setattr(health, "is_ready", lambda: False)
    assert client.get("/readyz").status_code == 503
    check(client.get("/readyz").headers, "/readyz")
    for _ in range(40):
        tried = client.get("/dav/ana/", headers={"Authorization": "Basic YW5hQGV4YW1wbGUub3JnOng="})
        check(tried.headers, "/dav/ana/")
    assert tried.status_code == 429
    for method, path in (
        ("GET", "/"),
        ("HEAD", "/signin"),
        ("GET", "/nope"),
        ("POST", "/signin"),
        ("GET", "/dav/"),
        ("GET", style),
    ):
        answer = requests.request(method, f"http://127.0.0.1:{served}{path}", timeout=PATIENCE, allow_redirects=False)
        check(answer.headers, path)


def begin(port, path, length):
    """Begin to send a file, of which only a few bytes come."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n"
    sender = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    sender.sendall(f"{head}Content-Type: multipart/form-data; boundary=edge\r\n\r\n--edge".encode())
    return sender


def test_51_who_sends_much_or_slowly_holds_up_nobody(served):
    """What is too large is refused before it is sent (413), and whoever sends a byte a second, fifty of them at once, holds up nobody else:
    some are waited for, the others are asked to try again, and everybody else has their pages, nineteen of twenty within a second.
    """
    with begin(served, "/contacts/file", 50_000_000) as sender:
        assert b" 413 " in sender.recv(1000).splitlines()[0]
    senders = [begin(served, "/contacts/file", 9_000_000) for _ in range(SENDERS)]
    stopping = threading.Event()

    def drip():
        while not stopping.wait(1):
            for sender in senders:
                with contextlib.suppress(OSError):  # refused meanwhile
                    sender.send(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        refused, until = 0, time.monotonic() + PATIENCE
        waiting = set(senders)
        while len(waiting) > FILES.most and time.monotonic() < until:
            for sender in select.select(waiting, [], [], PATIENCE)[0]:
                assert b" 503 " in sender.recv(1000).splitlines()[0]
                waiting.discard(sender)
                refused += 1
        assert (refused, select.select(waiting, [], [], 0.5)[0]) == (SENDERS - FILES.most, [])
        took = []
        for _ in range(20):
            began = time.monotonic()
            page = requests.get(f"http://127.0.0.1:{served}/signin", timeout=PATIENCE)
            took.append(time.monotonic() - began)
            assert page.status_code == 200
            form = requests.post(f"http://127.0.0.1:{served}/signin", {"email": "x"}, timeout=PATIENCE)
            assert form.status_code == 400  # without its token: it was read
        assert sorted(took)[18] < 1
    finally:
        stopping.set()
        dripping.join()
        for sender in senders:
            sender.close()
