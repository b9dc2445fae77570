"""Every address that must not be reached, and every way that leads there."""

import socket

import pytest

from tests.providers import dav
from tests.providers.dav import failing, not_read
from webapp import create_app
from webapp.config import SettingError
from webapp.providers import carddav
from webapp.providers.outside import is_public, place, same_site


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "193.0.6.139", "2a00:1450:4001::1", "2606:4700::1111"])
def test_public_addresses_are_public(address):
    assert is_public(address)


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
