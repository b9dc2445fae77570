"""Handing over to a mail server that wants TLS and a password."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import smtp
from webapp.mail import render
from webapp.mail.smtp import Later, hand_over, scrub

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The file of a certificate for localhost, and a context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return folder / "certificate.pem", context


def check_password(_server, _session, _envelope, _mechanism, given):
    return AuthResult(success=(given.login, given.password) == (b"kith", b"p@ss word"), handled=False)


@pytest.fixture
def demanding(certificate):
    """A server that takes mail only over STARTTLS from who signs in."""
    with smtp.listening(
        tls_context=certificate[1],
        require_starttls=True,
        authenticator=check_password,
        auth_required=True,
        server_hostname="localhost",
    ) as sink:
        sink.port = sink.url.rpartition(":")[2]
        yield sink


def a_mail(context):
    with context.test_request_context():
        made = render.Rendered("Hello", "Northgate", "", "Hello\n", "<p>Hello</p>")
        return render.message(made, "ben@friends.example")


def test_over_starttls_with_a_password(context, demanding, certificate, setting, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    setting(SMTP_URL=f"smtp+starttls://kith:p%40ss%20word@localhost:{demanding.port}")
    hand_over(a_mail(context), "noreply@northgate.example", "ben@friends.example")
    assert demanding.recipients == ["ben@friends.example"]


@pytest.mark.parametrize(
    ("trusted", "url"),
    [
        (False, "smtp+starttls://kith:p%40ss%20word@localhost:{port}"),
        (True, "smtp+starttls://kith:wrong@localhost:{port}"),
        (True, "smtp://localhost:{port}"),
        (True, "smtps://localhost:{port}"),
    ],
    ids=["a certificate nobody vouches for", "a wrong password", "no TLS", "TLS from the first byte"],
)
def test_what_does_not_fit_is_later_and_nothing_leaves(
    context, demanding, certificate, setting, monkeypatch, trusted, url
):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    setting(SMTP_URL=url.format(port=demanding.port))
    with pytest.raises(Later):
        hand_over(a_mail(context), "noreply@northgate.example", "ben@friends.example")
    assert demanding.recipients == []


def test_what_a_server_said_is_kept_without_addresses_and_short():
    assert scrub(b"no <ben@friends.example> here", 550) == "550 no [address] here"
    assert len(scrub(b"x" * 5000)) == 200
    assert "ben@" not in scrub(OSError("ben@friends.example"))
