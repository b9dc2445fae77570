"""CardDAV servers that really listen on loopback: `radicale` over TLS, servers that misbehave, and a DNS server."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
import traceback
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.test import Client

from tests.providers import live
from webapp.providers import carddav
from webapp.providers.base import ProviderError
from webapp.providers.outside import NotRead

USER, PASSWORD = "ada@gmail.com", "zxq-canary-app-password"


class Authority:
    """A certificate authority of the tests, and the certificates it signs; `file` is what has to be trusted."""

    def __init__(self, folder, name="Test authority"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), is_authority=True)
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, public, names=(), *, is_authority=False):
        moment = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - dt.timedelta(days=2))
            .not_valid_after(moment + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if is_authority:
            made = made.add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def context(self, *hosts):
        """The TLS context of a server with these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_named(host) for host in hosts]
        certificate = self._sign(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]), key.public_key(), names
        )
        path = self.folder / f"{len(list(self.folder.iterdir()))}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _named(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


HOSTS = ("dav.example.org", "www.example.org", "dav.other.example", "localhost", "127.0.0.1", "::1")


def vcard(name, *emails, uid="", more=""):
    lines = [f"UID:{uid or name}", f"FN:{name}", f"N:{name.rpartition(' ')[2]};{name.partition(' ')[0]};;;"]
    lines += [f"EMAIL;TYPE=home:{email}" for email in emails]
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, *([more] if more else []), "END:VCARD", ""])


def radicale(folder, books, *, user=USER, password=PASSWORD):
    """A Radicale with so many address books of one user: `books` is a name and vCards each."""
    from radicale import app, config

    (folder / "users").write_text(f"{user}:{password}\n")
    settings = config.load()
    settings.update(
        {
            "auth": {
                "type": "htpasswd",
                "htpasswd_filename": str(folder / "users"),
                "htpasswd_encryption": "plain",
                "delay": "0",
            },
            "storage": {"filesystem_folder": str(folder / "storage"), "_filesystem_fsync": "False"},
            "logging": {"level": "critical"},
            "rights": {"type": "owner_only"},
        },
        "tests",
        privileged=True,
    )
    made = app.Application(settings)
    browser = Client(made)
    for name, cards in books.items():
        answer = browser.open(
            f"/{user}/{name}/",
            method="PUT" if cards else "MKCOL",
            data="".join(cards).encode() if cards else EMPTY_BOOK,
            content_type="text/vcard" if cards else "application/xml",
            auth=(user, password),
        )
        assert answer.status_code == 201, answer.text
    return made


EMPTY_BOOK = (
    b'<D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:set><D:prop><D:resourcetype><D:collection/>'
    b"<C:addressbook/></D:resourcetype></D:prop></D:set></D:mkcol>"
)


class Watched:
    """A WSGI application whose requests are noted; `before(environ)` may answer instead."""

    def __init__(self, wsgi, before=None):
        self.wsgi = wsgi
        self.before = before or (lambda _environ: None)
        self.seen = []

    def __call__(self, environ, start_response):
        self.seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_AUTHORIZATION", "")))
        found = self.before(environ)
        if found is not None:
            status, headers, body = found
            # What was sent is read, so that the connection can be used again.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(status, [(name, value) for name, value in headers.items()])
            return [body] if isinstance(body, bytes) else body
        return self.wsgi(environ, start_response)

    @property
    def with_password(self):
        return [each for each in self.seen if each[2]]


def nothing(_environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/html")])
    return [b"<html>Not here</html>"]


@contextmanager
def listening(wsgi, authority, *hosts):
    with live.listening(wsgi, authority.context(*(hosts or HOSTS))) as port:
        yield port


class Names:
    """A resolver: what each name leads to, and what was asked."""

    def __init__(self, addresses=None, services=None):
        self.table = addresses or {}
        self.table_of_services = services or {}
        self.asked = []

    def addresses(self, host):
        self.asked.append(host)
        found = self.table.get(host, [])
        return found.pop(0) if found and isinstance(found[0], list) else found

    def services(self, domain):
        return self.table_of_services.get(domain, [])


class Listener(live._Listener):
    """Counts who connects, on IPv4 and IPv6 loopback at the same port."""

    def __init__(self):
        self.connections = 0
        super().__init__()
        self._six = socket.create_server(("::1", self.port), family=socket.AF_INET6)
        self._six.settimeout(0.05)
        self._thread_six = threading.Thread(target=self._listen_six)
        self._thread_six.start()

    def _listen_six(self):
        while self._open:
            try:
                connection, _address = self._six.accept()
            except TimeoutError:
                continue
            with connection:
                self.connections += 1

    def serve(self, _connection):
        self.connections += 1

    def close(self):
        super().close()
        self._thread_six.join()
        self._six.close()


def multistatus(inside):
    """An answer of a server, with these parts."""
    body = f'<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">{inside}</D:multistatus>'
    return "207 Multi-Status", {"Content-Type": "application/xml"}, body.encode()


class Dripping(live._Listener):
    """A TLS server that sends a head, and then a byte now and then."""

    def __init__(self, context, head):
        self.context = context
        self.head = head
        super().__init__()

    def serve(self, connection):
        try:
            connection.settimeout(5)
            with self.context.wrap_socket(connection, server_side=True) as safe:
                safe.recv(65_536)
                safe.sendall(self.head)
                while self._open:
                    safe.sendall(b" ")
                    time.sleep(0.05)
        except OSError:
            pass


FETCHED = 2000


FEW = (
    vcard("Zoë Müller", "zoe@x.example"),
    vcard("No Address"),
    vcard("Choir", more="X-ADDRESSBOOKSERVER-KIND:group"),
)


def not_read(where, reason, **more):
    with pytest.raises(NotRead) as caught:
        carddav.fetch(where, USER, PASSWORD, **more)
    assert caught.value.reason == reason
    assert_silent(caught)
    return caught.value


def failing(where, **more):
    with pytest.raises(ProviderError) as caught:
        carddav.fetch(where, USER, PASSWORD, **more)
    assert_silent(caught)
    return caught.value


def assert_silent(caught):
    """Neither the error nor what would be logged of it says who asked, or with what."""
    said = "".join(
        [repr(caught.value), str(caught.value), caught.value.detail, *traceback.format_exception(caught.value)]
    )
    assert PASSWORD not in said
    assert USER not in said


def people(page):
    return {card.name: card.addresses for card in page.cards}
