"""A real Radicale over TLS on loopback is read, and servers that misbehave are told apart."""

import gzip
import socket
import time
import tracemalloc

import pytest

from tests.providers import dav, live
from tests.providers.dav import FETCHED, failing, not_read, people
from webapp.providers import carddav, outside
from webapp.providers.outside import NotRead


def test_all_books_are_found_by_the_well_known_address_and_read(books, serve, allowed):
    watched = dav.Watched(books)
    port = serve(watched)
    allowed("dav.example.org")
    page = carddav.fetch(
        f"dav.example.org:{port}", dav.USER, dav.PASSWORD, resolver=dav.Names({"dav.example.org": ["127.0.0.1"]})
    )
    assert page.cursor is None
    assert len(page.cards) == page.total == FETCHED + 2  # a group is nobody
    found = people(page)
    assert all(
        found[f"Person {number}"] == (f"p{number}@one.example", f"p{number}@two.example") for number in range(FETCHED)
    )
    assert found["Zoë Müller"] == ("zoe@x.example",)
    assert found["No Address"] == ()
    assert all(not card.organisation for card in page.cards)  # names and addresses, nothing else
    assert watched.seen[0][:2] == ("PROPFIND", "/.well-known/carddav")
    assert sum(1 for method, _path, _who in watched.seen if method == "REPORT") == 11
    first_asked = next(number for number, (_method, _path, who) in enumerate(watched.seen) if who)
    assert first_asked == 2  # only after the server had asked for a password


@pytest.mark.parametrize(
    "where",
    [
        "https://{host}/",
        "https://{host}/{user}/",
        "https://{host}",
        "{host}",
        "  {host}  ",
        "carddavs://{host}/{user}",
    ],
)
def test_an_address_of_the_server_finds_every_book(shelf, serve, allowed, where):
    host = f"127.0.0.1:{serve(shelf)}"
    allowed(host)
    page = carddav.fetch(where.format(host=host, user=dav.USER), dav.USER, dav.PASSWORD)
    assert len(page.cards) == 3


def test_the_address_of_one_book_reads_that_book_only(shelf, serve, allowed):
    allowed("127.0.0.1")
    page = carddav.fetch(f"https://127.0.0.1:{serve(shelf)}/{dav.USER}/few/", dav.USER, dav.PASSWORD)
    assert sorted(people(page)) == ["No Address", "Zoë Müller"]


def test_ipv6_is_read_as_well(shelf, serve, allowed, authority):
    """The address in brackets: for TLS, for the Host header and for the allow-list."""
    watched = dav.Watched(shelf)
    with live.listening(watched, authority.context("::1"), host="::1") as port:
        allowed("[::1]")
        page = carddav.fetch(f"https://[::1]:{port}/{dav.USER}/few/", dav.USER, dav.PASSWORD)
    assert len(page.cards) == 2


def test_plain_http_is_read_from_this_machine_only_where_the_operator_allows_it(shelf, allowed):
    with live.listening(shelf) as port:
        where = f"http://127.0.0.1:{port}/{dav.USER}/few/"
        not_read(where, "insecure")
        allowed("127.0.0.1")
        assert len(carddav.fetch(where, dav.USER, dav.PASSWORD).cards) == 2
        allowed("dav.example.org")
        names = dav.Names({"dav.example.org": ["127.0.0.1"]})
        not_read(f"http://dav.example.org:{port}/", "insecure", resolver=names)
        assert names.asked == []


def test_a_server_that_wants_a_digest_gets_one(serve, allowed, shelf):
    """As Baïkal does when it is set up."""

    def wants(environ):
        who = environ.get("HTTP_AUTHORIZATION", "")
        if not who:
            challenge = 'Digest realm="Books, and more", qop="auth", nonce="abc", opaque="x"'
            return "401 Unauthorized", {"WWW-Authenticate": challenge}, b""
        assert who.startswith("Digest ")
        assert dav.PASSWORD not in who
        environ["HTTP_AUTHORIZATION"] = outside.Credentials(dav.USER, dav.PASSWORD).answering("Basic")("", "")
        return None

    allowed("127.0.0.1")
    page = carddav.fetch(
        f"https://127.0.0.1:{serve(dav.Watched(shelf, wants))}/{dav.USER}/few/", dav.USER, dav.PASSWORD
    )
    assert len(page.cards) == 2


def test_who_is_nobody_to_the_server_says_who_they_are(serve, allowed, shelf):
    """Some servers answer everybody, with a principal for nobody (RFC 5397)."""

    def nobody(environ):
        if environ.get("HTTP_AUTHORIZATION"):
            return None
        return dav.multistatus(
            "<D:response><D:href>/</D:href><D:propstat><D:prop><D:current-user-principal><D:unauthenticated/>"
            "</D:current-user-principal></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )

    allowed("127.0.0.1")
    watched = dav.Watched(shelf, nobody)
    assert len(carddav.fetch(f"127.0.0.1:{serve(watched)}", dav.USER, dav.PASSWORD).cards) == 3


def test_books_that_a_server_fills_by_itself_are_left_out(tmp_path, serve, allowed):
    made = dav.radicale(
        tmp_path,
        {
            "contacts": [dav.vcard("Filed", "filed@x.example")],
            "z-app-generated--contactsinteraction--recent": [dav.vcard("Written To", "written@x.example")],
            "z-server-generated--system": [dav.vcard("Colleague", "colleague@x.example")],
        },
    )
    allowed("127.0.0.1")
    page = carddav.fetch(f"127.0.0.1:{serve(made)}", dav.USER, dav.PASSWORD)
    assert people(page) == {"Filed": ("filed@x.example",)}


def test_nextcloud_is_found_where_the_well_known_address_leads_nowhere(shelf, serve, allowed):
    def only_there(environ):
        if environ["PATH_INFO"] == "/cloud/remote.php/dav/":
            environ["PATH_INFO"] = "/"
            return None
        return ("404 Not Found", {}, b"") if not environ["PATH_INFO"].startswith(f"/{dav.USER}") else None

    allowed("127.0.0.1")
    port = serve(dav.Watched(shelf, only_there))
    assert len(carddav.fetch(f"https://127.0.0.1:{port}/cloud", dav.USER, dav.PASSWORD).cards) == 3


def test_a_redirect_without_encryption_is_passed_by(shelf, serve, allowed):
    """As Nextcloud sends it where its proxy does not tell it that it is reached by https."""

    def to_http(environ):
        if environ["PATH_INFO"].startswith("/.well-known"):
            return "301 Moved", {"Location": f"http://{environ['HTTP_HOST']}/remote.php/dav/"}, b""
        if environ["PATH_INFO"] == "/remote.php/dav/":
            environ["PATH_INFO"] = "/"
            return None
        return ("404 Not Found", {}, b"") if not environ["PATH_INFO"].startswith(f"/{dav.USER}") else None

    allowed("dav.example.org")
    port = serve(dav.Watched(shelf, to_http))
    names = dav.Names({"dav.example.org": ["127.0.0.1"]})
    assert len(carddav.fetch(f"dav.example.org:{port}", dav.USER, dav.PASSWORD, resolver=names).cards) == 3


def test_more_than_twenty_books_or_25_000_contacts_are_said_before_any_is_read(tmp_path, serve, allowed, app, shelf):
    allowed("127.0.0.1")
    made = dav.Watched(dav.radicale(tmp_path, {f"book{number}": [] for number in range(21)}))
    not_read(f"127.0.0.1:{serve(made)}", "too_many_books")
    app.config["KITH"] = app.config["KITH"] | {"IMPORT_CONTACTS_MAX": 2}
    watched = dav.Watched(shelf)
    not_read(f"127.0.0.1:{serve(watched)}", "too_many")
    assert "REPORT" not in {method for method, _path, _who in watched.seen}


# What goes wrong


def test_a_wrong_password_is_told_after_one_try(shelf, serve, allowed):
    watched = dav.Watched(shelf)
    allowed("127.0.0.1")
    with pytest.raises(NotRead) as caught:
        carddav.fetch(f"127.0.0.1:{serve(watched)}", dav.USER, "a-wrong-canary")
    assert caught.value.reason == "password"
    assert "a-wrong-canary" not in repr(caught.value)
    assert len(watched.with_password) == 1


def test_a_server_that_wants_no_password_but_something_else_gets_none(serve, allowed):
    watched = dav.Watched(
        dav.nothing, lambda _environ: ("401 Unauthorized", {"WWW-Authenticate": 'Bearer realm="x"'}, b"")
    )
    allowed("127.0.0.1")
    not_read(f"127.0.0.1:{serve(watched)}", "password")
    assert watched.with_password == []


def test_a_server_without_address_books_is_told(serve, allowed):
    allowed("127.0.0.1")
    watched = dav.Watched(dav.nothing)
    not_read(f"127.0.0.1:{serve(watched)}", "no_book")
    assert watched.with_password == []  # it never asked for one


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Welcome</body></html>",
        b"not xml",
        b"",
        b"\xff\xfe\x00",
        b"<D:multistatus xmlns:D='DAV:'>" + b"<D:response>" * 3000,
        b"<D:multistatus xmlns:D='DAV:'><D:response><D:href>/</D:href></D:response>",
        b"<?xml version='1.0' encoding='no-such-thing'?><a/>",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    ],
    ids=["html", "text", "empty", "bytes", "deep", "cut", "encoding", "entity"],
)
def test_an_answer_that_is_no_answer_is_broken(serve, allowed, body):
    answer = ("207 Multi-Status", {"Content-Type": "application/xml"}, body)
    allowed("127.0.0.1")
    assert failing(f"127.0.0.1:{serve(dav.Watched(dav.nothing, lambda _environ: answer))}").kind == "broken"


def bomb(levels=12):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, levels))
    return f'<!DOCTYPE a [<!ENTITY e0 "bomb">{entities}]><a>&e{levels - 1};</a>'.encode()


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({}, bomb(), "broken"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b" " * 200_000_000, 9), "too_large"),
        ({}, b"<D:multistatus xmlns:D='DAV:'>" + b"<a/>" * 1_100_000, "broken"),
        ({}, b"<D:multistatus xmlns:D='DAV:'><D:response>" + b"<a/>" * 1_100_000, "broken"),
        ({"Transfer": "x"}, b"x" * 21_000_000, "too_large"),
    ],
    ids=["xml", "gzip", "elements", "elements-of-one", "plain"],
)
def test_bombs_are_survived(serve, allowed, headers, body, kind):
    port = serve(dav.Watched(dav.nothing, lambda _environ: ("207 Multi-Status", headers, body)))
    allowed("127.0.0.1")
    start = time.perf_counter()
    tracemalloc.start()
    try:
        assert failing(f"127.0.0.1:{port}").kind == kind
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - start < 30


def test_many_large_answers_end_as_well(serve, allowed, monkeypatch):
    monkeypatch.setattr(outside, "VISIT_BYTES", 5_000)
    allowed("127.0.0.1")
    made = dav.Watched(dav.nothing, lambda _environ: ("404 Not Found", {}, b"x" * 3_000))
    assert failing(f"127.0.0.1:{serve(made)}").kind == "too_large"


def test_pictures_that_a_server_sends_unasked_only_make_it_more_requests(tmp_path, serve, allowed, monkeypatch):
    monkeypatch.setattr(outside, "ANSWER_BYTES", 100_000)
    picture = "PHOTO;ENCODING=b;TYPE=JPEG:" + "QUJD" * 4_000
    cards = [dav.vcard(f"Person {number}", f"p{number}@x.example", more=picture) for number in range(20)]
    watched = dav.Watched(dav.radicale(tmp_path, {"one": cards}))
    allowed("127.0.0.1")
    page = carddav.fetch(f"127.0.0.1:{serve(watched)}", dav.USER, dav.PASSWORD)
    assert sorted(people(page)) == sorted(f"Person {number}" for number in range(20))
    assert sum(1 for method, _path, _who in watched.seen if method == "REPORT") == 7


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_drip_ends_at_the_deadline(authority, allowed, monkeypatch, part):
    monkeypatch.setattr(outside, "SECONDS", 1.0)
    head = b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 5000\r\n\r\n" if part == "body" else b"HTTP/1.1 207 X\r\nX: "
    server = dav.Dripping(authority.context("127.0.0.1"), head)
    allowed("127.0.0.1")
    start = time.perf_counter()
    try:
        error = failing(f"https://127.0.0.1:{server.port}/")
    finally:
        server.close()
    assert (error.kind, error.detail) == ("unavailable", "too slow")
    assert time.perf_counter() - start < 4


def test_a_server_that_does_not_answer_is_unavailable(allowed):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    allowed("127.0.0.1")
    assert failing(f"127.0.0.1:{port}").kind == "unavailable"
    not_read("https://nowhere.example.org/", "no_host", resolver=dav.Names())


@pytest.mark.parametrize(
    ("status", "kind"), [("429 Too Many", "busy"), ("503 Later", "busy"), ("500 Broken", "unavailable")]
)
def test_a_server_that_cannot_now_is_asked_once(serve, allowed, status, kind):
    watched = dav.Watched(dav.nothing, lambda _environ: (status, {"Retry-After": "7"}, b""))
    allowed("127.0.0.1")
    assert failing(f"127.0.0.1:{serve(watched)}").kind == kind
    assert len(watched.seen) == 1


# What is kept


def test_a_vcard_is_cut_to_what_was_asked_for():
    written = (
        "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\n  Lovelace\nitem1.EMAIL;type=pref:a@x.example\nitem1.X-ABLabel:_home\n"
        "NOTE:a secret\n that goes on\nPHOTO:data\nORG:Works\nEND:VCARD"
    )
    assert carddav.trimmed(written) == (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\n  Lovelace\r\nitem1.EMAIL;type=pref:a@x.example\r\nEND:VCARD\r\n"
    )


def test_quoted_printable_lines_stay_together():
    written = "BEGIN:VCARD\nVERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg=\n=20M=\nB\nTEL:1\nEND:VCARD"
    assert "FN;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg=\r\n=20M=\r\nB\r\n" in carddav.trimmed(written)
    assert "TEL" not in carddav.trimmed(written)


@pytest.mark.parametrize("written", ["", "garbage", "BEGIN:VCARD\nEND:VCARD", "NOTE:x"])
def test_what_is_no_vcard_is_counted(written):
    (card,) = carddav._read([written])
    assert not card.is_usable


def test_groups_are_nobody():
    assert carddav.trimmed("BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:group\r\nFN:Choir\r\nEND:VCARD\r\n") is None
