"""CardDAV: a real Radicale over TLS on loopback, servers that misbehave, and every address that must not be reached."""

import gzip
import socket
import threading
import time
import traceback
import tracemalloc

import dns.message
import dns.resolver
import dns.rrset
import pytest

from tests.providers import dav, live
from webapp import create_app
from webapp.config import SettingError
from webapp.providers import carddav, outside
from webapp.providers.base import ProviderError
from webapp.providers.outside import NotRead, Service, System, is_public, place, same_site

FETCHED = 2000


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return dav.Authority(tmp_path_factory.mktemp("authority"))


FEW = (
    dav.vcard("Zoë Müller", "zoe@x.example"),
    dav.vcard("No Address"),
    dav.vcard("Choir", more="X-ADDRESSBOOKSERVER-KIND:group"),
)


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """Three books: 2,000 people with two addresses each and what nobody asked for, two more and a group, and none."""
    many = [
        dav.vcard(
            f"Person {number}",
            f"p{number}@one.example",
            f"p{number}@two.example",
            more=f"NOTE:secret {number}\r\nTEL:+49 30 {number}\r\nORG:Works\r\nPHOTO;ENCODING=b;TYPE=JPEG:"
            + "QUJD" * 50,
        )
        for number in range(FETCHED)
    ]
    return dav.radicale(tmp_path_factory.mktemp("radicale"), {"many": many, "few": FEW, "none": []})


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """The same with a person in place of the 2,000: three to be read, with nobody's group."""
    one = [dav.vcard("Grace Hopper", "grace@navy.example")]
    return dav.radicale(tmp_path_factory.mktemp("shelf"), {"one": one, "few": FEW, "none": []})


@pytest.fixture(scope="module")
def app(tmp_path_factory, authority):
    return create_app(
        {"INSTANCE": str(tmp_path_factory.mktemp("carddav") / "instance"), "CARDDAV_CA_FILE": str(authority.file)}
    )


@pytest.fixture(autouse=True)
def allowed(app):
    """`allowed("127.0.0.1")`: the operator's list of hosts of their own network; empty at first."""
    before = dict(app.config["KITH"])

    def allow(*hosts):
        app.config["KITH"] = app.config["KITH"] | {"CARDDAV_ALLOWED_HOSTS": hosts}

    with app.app_context():
        yield allow
    app.config["KITH"] = before


@pytest.fixture
def serve(authority):
    """`serve(wsgi)`: it listens over TLS; gives the port."""
    open_ = []

    def start(wsgi, *hosts):
        found = dav.listening(wsgi, authority, *hosts)
        open_.append(found)
        return found.__enter__()

    yield start
    for each in reversed(open_):
        each.__exit__(None, None, None)


def not_read(where, reason, **more):
    with pytest.raises(NotRead) as caught:
        carddav.fetch(where, dav.USER, dav.PASSWORD, **more)
    assert caught.value.reason == reason
    assert_silent(caught)
    return caught.value


def failing(where, **more):
    with pytest.raises(ProviderError) as caught:
        carddav.fetch(where, dav.USER, dav.PASSWORD, **more)
    assert_silent(caught)
    return caught.value


def assert_silent(caught):
    """Neither the error nor what would be logged of it says who asked, or with what."""
    said = "".join(
        [repr(caught.value), str(caught.value), caught.value.detail, *traceback.format_exception(caught.value)]
    )
    assert dav.PASSWORD not in said
    assert dav.USER not in said


def people(page):
    return {card.name: card.addresses for card in page.cards}


# Reading


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


# Finding the server


class Dns(threading.Thread):
    """A DNS server that knows what it is told."""

    def __init__(self, *texts):
        super().__init__()
        self.rows = [dns.rrset.from_text(*text.split(" ", 4)) for text in texts]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.open = True
        self.start()

    def run(self):
        while self.open:
            try:
                data, sender = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            asked = dns.message.from_wire(data)
            answer = dns.message.make_response(asked)
            question = asked.question[0]
            answer.answer = [row for row in self.rows if (row.name, row.rdtype) == (question.name, question.rdtype)]
            self.socket.sendto(answer.to_wire(), sender)

    @property
    def system(self):
        asked = dns.resolver.Resolver(configure=False)
        asked.nameservers, asked.port = ["127.0.0.1"], self.socket.getsockname()[1]
        return System(asked)

    def close(self):
        self.open = False
        if self.is_alive():
            self.join()
            self.socket.close()


@pytest.fixture
def names_server():
    made = []

    def start(*texts):
        made.append(Dns(*texts))
        return made[-1]

    yield start
    for each in made:
        each.close()


class Both(System):
    """Services from DNS, addresses from a table."""

    def __init__(self, system, table):
        super().__init__(system._asked)
        self.table = table

    def addresses(self, host):
        return self.table.get(host, [])


def test_an_email_address_finds_the_server_through_dns(shelf, serve, allowed, names_server):
    watched = dav.Watched(shelf)
    port = serve(watched)
    server = names_server(
        f"_carddavs._tcp.example.org. 60 IN SRV 1 1 {port} dav.example.org.",
        "_carddavs._tcp.example.org. 60 IN SRV 0 0 1 .",
        f'_carddavs._tcp.example.org. 60 IN TXT "path=/{dav.USER}/"',
    )
    allowed("dav.example.org")
    resolver = Both(server.system, {"dav.example.org": ["127.0.0.1"]})
    page = carddav.fetch("ada@example.org", dav.USER, dav.PASSWORD, resolver=resolver)
    assert len(page.cards) == 3
    assert watched.seen[0][:2] == ("PROPFIND", f"/{dav.USER}/")


def test_without_services_in_dns_or_an_answer_there_are_none(names_server):
    server = names_server()
    assert server.system.services("example.org") == []
    assert outside.LOOKUP_SECONDS <= 5
    silent = server.system
    server.close()
    silent._asked.timeout = 0.2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outside, "LOOKUP_SECONDS", 0.5)
        assert silent.services("example.org") == []


def test_a_service_of_another_site_is_named_and_gets_no_password(shelf, serve, allowed):
    """DNS can be forged: to whom a password goes is for the member to say."""
    watched = dav.Watched(shelf)
    port = serve(watched)
    allowed("dav.other.example", "www.example.org")
    names = dav.Names({"dav.other.example": ["127.0.0.1"]}, {"example.org": [Service("dav.other.example", port)]})
    assert not_read("ada@example.org", "elsewhere", resolver=names).host == "dav.other.example"
    assert watched.seen == []


def test_a_redirect_within_the_site_is_followed(shelf, serve, allowed):
    """As iCloud does, from contacts.icloud.com to one of its many servers."""
    watched = dav.Watched(shelf)
    port = serve(watched)
    front = dav.Watched(
        dav.nothing, lambda _environ: ("301 Moved", {"Location": f"https://dav.example.org:{port}/"}, b"")
    )
    front_port = serve(front)
    allowed("dav.example.org", "www.example.org")
    names = dav.Names({"dav.example.org": ["127.0.0.1"], "www.example.org": ["127.0.0.1"]})
    page = carddav.fetch(f"www.example.org:{front_port}", dav.USER, dav.PASSWORD, resolver=names)
    assert len(page.cards) == 3
    assert front.with_password == []


def test_a_home_on_another_server_of_the_site_is_read(shelf, serve, allowed):
    port = serve(dav.Watched(shelf))

    def home(environ):
        if not environ.get("HTTP_AUTHORIZATION"):
            return "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="x"'}, b""
        return dav.multistatus(
            "<D:response><D:href>/</D:href><D:propstat><D:prop><C:addressbook-home-set>"
            f"<D:href>https://dav.example.org:{port}/{dav.USER}/</D:href></C:addressbook-home-set></D:prop>"
            "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )

    front_port = serve(dav.Watched(dav.nothing, home))
    allowed("dav.example.org", "www.example.org")
    names = dav.Names({"dav.example.org": ["127.0.0.1"], "www.example.org": ["127.0.0.1"]})
    page = carddav.fetch(f"www.example.org:{front_port}", dav.USER, dav.PASSWORD, resolver=names)
    assert len(page.cards) == 3


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


def test_a_certificate_of_somebody_else_is_refused(shelf, tmp_path, allowed, serve):
    allowed("127.0.0.1")
    with dav.listening(shelf, dav.Authority(tmp_path, "Another authority")) as port:
        not_read(f"127.0.0.1:{port}", "certificate")
    not_read(f"127.0.0.1:{serve(shelf, 'dav.example.org')}", "certificate")  # for another name


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


# Where nothing may lead


@pytest.fixture
def listener():
    made = dav.Listener()
    yield made
    made.close()


FORMS = [
    "2130706433",
    "0x7f.1",
    "127.1",
    "0",
    "0.0.0.0",
    "127.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0x7f000001",
    "127.0.0.1.",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[::1%lo]",
    "[fe80::1%25lo]",
    "[fd00::1]",
    "[ff02::1]",
    "169.254.169.254",
    "100.64.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "user@127.0.0.1",
    "user:word@127.0.0.1",
    "127.0.0.1\\@dav.example.org",
    "dav.example.org@127.0.0.1",
]


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_an_address_reaches_this_machine(listener, form, monkeypatch):
    tried = []
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *args, **more: tried.append(args) or connect(*args, **more))
    for where in (f"https://{form}:{listener.port}/", f"{form}:{listener.port}", f"http://{form}:{listener.port}/x"):
        with pytest.raises(NotRead) as caught:
            carddav.fetch(where, dav.USER, dav.PASSWORD)
        assert caught.value.reason in {"not_allowed", "address", "insecure"}
    listener.close()
    assert listener.connections == 0
    assert tried == []


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.1.1.1", "169.254.169.254", "100.64.0.1", "172.16.0.1"),
        *("192.168.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fc00::1"),
        *("fd00::1", "fe80::1", "fec0::1", "ff02::1", "3fff::1", "5f00::1", "100::1", "::ffff:8.8.8.8", "2001:10::1"),
        *("fe80::1%lo", "not an address", "127.1", "2130706433"),
    ],
)
def test_a_name_that_leads_to_no_public_address_is_not_asked(listener, address):
    assert not is_public(address)
    names = dav.Names({"dav.example.org": [address]})
    not_read(f"https://dav.example.org:{listener.port}/", "not_allowed", resolver=names)
    listener.close()
    assert listener.connections == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "193.0.6.139", "2a00:1450:4001::1", "2606:4700::1111"])
def test_public_addresses_are_public(address):
    assert is_public(address)


def test_a_name_is_resolved_once_and_only_what_was_checked_is_connected_to(listener, monkeypatch):
    """First public, then 127.0.0.1: the second answer is never asked for."""
    tried = []

    def connect(address, *_rest, **_more):
        tried.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", connect)
    names = dav.Names({"dav.example.org": [["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]]})
    failing(f"https://dav.example.org:{listener.port}/", resolver=names)
    assert names.asked == ["dav.example.org"]
    assert set(tried) == {("93.184.216.34", listener.port)}
    listener.close()
    assert listener.connections == 0


def test_of_several_addresses_only_the_public_ones_are_connected_to(listener, monkeypatch):
    tried = []

    def connect(address, *_rest, **_more):
        tried.append(address[0])
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", connect)
    names = dav.Names({"dav.example.org": ["127.0.0.1", "93.184.216.34", "::1", "2606:4700::1111"]})
    failing(f"https://dav.example.org:{listener.port}/", resolver=names)
    assert set(tried) == {"93.184.216.34", "2606:4700::1111"}


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://dav.other.example:{port}/", "elsewhere"),
        ("https://127.0.0.1:{port}/", "elsewhere"),
        ("https://localhost:{port}/", "elsewhere"),
        ("http://dav.example.org:{port}/", "insecure"),
        ("http://www.example.org:{port}/", "insecure"),
        ("//dav.other.example:{port}/", "elsewhere"),
        ("https://inside.example.org:{port}/", "not_allowed"),
        ("https://user:word@www.example.org:{port}/", "address"),
        ("file:///etc/passwd", "address"),
        ("javascript:alert(1)", "address"),
        ("https://www.example.org:25/", "not_allowed"),
    ],
)
@pytest.mark.parametrize("by", ["redirect", "link"])
def test_no_redirect_and_no_link_leads_out_of_the_site(serve, allowed, listener, location, reason, by):
    target = location.format(port=listener.port)

    def answer(environ):
        if by == "redirect":
            return "302 Found", {"Location": target}, b""
        if not environ.get("HTTP_AUTHORIZATION"):
            return "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="x"'}, b""
        return dav.multistatus(
            "<D:response><D:href>/</D:href><D:propstat><D:prop><C:addressbook-home-set>"
            f"<D:href>{target}</D:href></C:addressbook-home-set></D:prop>"
            "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )

    port = serve(dav.Watched(dav.nothing, answer))
    allowed(f"www.example.org:{port}")
    names = dav.Names(
        {
            name: ["127.0.0.1"]
            for name in ("www.example.org", "dav.example.org", "inside.example.org", "dav.other.example")
        }
    )
    not_read(f"https://www.example.org:{port}/", reason, resolver=names)
    listener.close()
    assert listener.connections == 0


def test_redirects_come_to_an_end(serve, allowed):
    watched = dav.Watched(dav.nothing, lambda environ: ("302 Found", {"Location": environ["PATH_INFO"] + "x"}, b""))
    allowed("127.0.0.1")
    not_read(f"https://127.0.0.1:{serve(watched)}/a", "no_book")
    assert len(watched.seen) <= 4 * 6


@pytest.mark.parametrize("port", [22, 25, 80, 111, 445, 993])
def test_only_ports_where_such_servers_are_may_be_asked(port):
    names = dav.Names({"dav.example.org": ["93.184.216.34"]})
    not_read(f"https://dav.example.org:{port}/", "not_allowed", resolver=names)
    assert names.asked == []


def test_an_allowed_host_is_asked_at_the_allowed_port_only(listener, allowed):
    allowed(f"127.0.0.1:{listener.port + 1}", "localhost")
    not_read(f"https://127.0.0.1:{listener.port}/", "not_allowed")
    not_read("https://localhost:22/", "not_allowed")
    listener.close()
    assert listener.connections == 0


def test_no_proxy_of_the_environment_is_used(shelf, serve, allowed, monkeypatch, listener):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/dev/null")
    allowed("127.0.0.1")
    assert carddav.fetch(f"https://127.0.0.1:{serve(shelf)}/{dav.USER}/few/", dav.USER, dav.PASSWORD).cards
    listener.close()
    assert listener.connections == 0


NO_ADDRESSES = [
    "",
    " ",
    "not an address",
    "ada@",
    "@",
    "https://",
    "ftp://dav.example.org/",
    "https://dav.example.org:99999/",
]
NO_ADDRESSES += [
    "a" * 3000,
    "https://dav.example.org/\r\nX: y",
    "dav.example.org:x",
    "https://[::1",
    "file:///etc/passwd",
]
NO_ADDRESSES += ["https://a..b/", "-", "\ud800"]


@pytest.mark.parametrize("where", NO_ADDRESSES)
def test_what_is_no_address_is_said(where):
    not_read(where, "address")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("contacts.icloud.com", "p42-contacts.icloud.com", True),
        ("example.org", "dav.example.org", True),
        ("dav.example.co.uk", "www.example.co.uk", True),
        ("one.co.uk", "other.co.uk", False),
        ("example.org", "example.com", False),
        ("example.org", "badexample.org", False),
        ("127.0.0.1", "128.0.0.1", False),
        ("localhost", "localhost", True),
        ("localhost", "otherhost", False),
    ],
)
def test_hosts_belong_together_by_their_registrable_domain(one, other, same):
    assert same_site(one, other) is same


def test_an_address_is_put_together_anew():
    assert place("https://DAV.Example.org:443/a b/ä?x=1#y").url == "https://dav.example.org/a%20b/%C3%A4?x=1"
    assert place("https://müller.example/").host == "xn--mller-kva.example"
    assert place("https://straße.example/").host == "xn--strae-oqa.example"  # not strasse.example
    assert place("https://[2606:4700::1111]:8443/x").url == "https://[2606:4700::1111]:8443/x"


@pytest.mark.parametrize("entry", ["http://x", "x/y", "a@b", "x:port", ":443", "x:0"])
def test_an_allowed_host_that_cannot_be_meant_stops_the_start(tmp_path, entry):
    with pytest.raises(SettingError, match="CARDDAV_ALLOWED_HOSTS"):
        create_app({"INSTANCE": str(tmp_path), "CARDDAV_ALLOWED_HOSTS": entry})


def test_certificates_that_are_not_there_stop_the_start(tmp_path):
    with pytest.raises(SettingError, match="CARDDAV_CA_FILE"):
        create_app({"INSTANCE": str(tmp_path), "CARDDAV_CA_FILE": str(tmp_path / "none.pem")})


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
