"""From an address of a member to the server of their provider, and no further."""

import socket
import threading

import dns.message
import dns.resolver
import dns.rrset
import pytest

from tests.providers import dav
from tests.providers.dav import not_read
from webapp.providers import carddav, outside
from webapp.providers.outside import Service, System


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
