"""Handing a mail over to the mail server, and telling apart what its answers mean."""

import re
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from urllib.parse import unquote, urlsplit

from webapp import config, transaction

SECONDS = 20
_ADDRESS = re.compile(r"\S+@\S+")


class Later(Exception):
    """The server cannot take the mail now, or cannot be reached: nothing has left."""


class Never(Exception):
    """The server refuses the mail for good."""


class Unknown(Exception):
    """The connection broke after the mail's body began to leave: nobody can say whether it arrived."""


def hand_over(mail: EmailMessage, sender: str, recipient: str) -> None:
    """Give one mail to the server of SMTP_URL; return when it took it, else raise Later, Never or Unknown with a scrubbed reason."""
    transaction.slow("A mail is handed over")
    body = mail.as_bytes(policy=SMTP_POLICY)
    try:
        server = _connect()
    except (OSError, smtplib.SMTPException) as error:
        raise Later(scrub(error)) from None
    try:
        _envelope(server, sender, recipient)
        _data(server, body)
    finally:
        try:
            server.quit()
        except (OSError, smtplib.SMTPException):
            server.close()


def _tls() -> ssl.SSLContext:
    # Only where it is wanted: reading what the machine trusts takes as long as all the rest of a mail.
    return ssl.create_default_context()


def _connect() -> smtplib.SMTP:
    url = urlsplit(config.setting("SMTP_URL"))
    host = url.hostname or ""
    server: smtplib.SMTP
    if url.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, url.port or 465, timeout=SECONDS, context=_tls())
    else:
        server = smtplib.SMTP(host, url.port or (587 if url.scheme == "smtp+starttls" else 25), timeout=SECONDS)
    try:
        if url.scheme == "smtp+starttls":
            server.starttls(context=_tls())
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.ehlo_or_helo_if_needed()
    except BaseException:
        server.close()
        raise
    return server


def _envelope(server: smtplib.SMTP, sender: str, recipient: str) -> None:
    try:
        code, answer = server.mail(sender)
        if not 200 <= code < 300:  # noqa: PLR2004 - RFC 5321: not taken
            raise Later(scrub(answer, code))  # whoever it is for: a matter of the operator's settings
        code, answer = server.rcpt(recipient)
        if answer.startswith(b"5.7."):  # RFC 3463: security and policy, for instance "relaying denied"
            raise Later(scrub(answer, code))
        _judge(code, answer)
    except (OSError, smtplib.SMTPException) as error:
        raise Later(scrub(error)) from None


def _data(server: smtplib.SMTP, body: bytes) -> None:
    try:
        code, answer = server.docmd("DATA")
        if code != 354:  # noqa: PLR2004 - RFC 5321: go ahead
            _judge(code, answer)
            raise Later(scrub(answer))
    except (OSError, smtplib.SMTPException) as error:
        raise Later(scrub(error)) from None
    try:
        dotted = re.sub(rb"(?m)^\.", b"..", body)
        server.send(dotted + (b"" if dotted.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        code, answer = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise Unknown(scrub(error)) from None
    _judge(code, answer)


def _judge(code: int, answer: bytes) -> None:
    if 500 <= code < 600:  # noqa: PLR2004 - RFC 5321: permanent
        raise Never(scrub(answer, code))
    if code >= 400 or code < 200:  # noqa: PLR2004 - RFC 5321: transient, or no answer at all
        raise Later(scrub(answer, code))


def scrub(said: object, code: int | None = None) -> str:
    """Return what a server said without anything that looks like an address, short enough to keep."""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else f"{type(said).__name__} {said}"
    return f"{code or ''} {_ADDRESS.sub('[address]', words)}".strip()[:200]
