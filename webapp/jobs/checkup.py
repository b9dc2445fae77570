"""What `kith doctor` says, topic by topic: what is well, what somebody should know, and what is wrong. Reads only."""

import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from flask import current_app
from sqlalchemy import func, select, text

from webapp import clock, config
from webapp.domain import accounts, acts, ledger, relationships
from webapp.extensions import db
from webapp.jobs import health
from webapp.models.batch import is_sqlite
from webapp.models.key import KeyGeneration
from webapp.models.mail import OutgoingMail
from webapp.models.member import SignIn
from webapp.transaction import transaction

Level = Literal["OK", "Note", "Wrong"]
DNS_SECONDS = 3
AHEAD = timedelta(minutes=2)
FAR = timedelta(minutes=1)
NEAR = timedelta(seconds=5)
LITTLE_BYTES = 500_000_000
OTHERS = 0o077


@dataclass(frozen=True)
class Finding:
    """One line: the topic it belongs to, how it stands, and a sentence."""

    topic: str
    level: Level
    sentence: str


def findings(*, rebuild: bool = False, resolver: Any = None) -> Iterator[Finding]:
    """Yield every finding, in the order in which a reader wants them. Only what is Wrong needs somebody at once.

    With `rebuild` what is derived is counted anew first. `resolver` asks DNS; else the machine's own is asked, for a few seconds.
    """
    if stale := health.unmigrated():
        yield from (_wrong("Database", sentence) for sentence in stale)
        return  # nothing else can be asked of other tables
    yield Finding("Database", "OK", "It is at the newest revision.")
    if rebuild:
        with transaction():
            relationships.rebuild()
    for topic, check, well in ASKED:
        sentences = check()
        for sentence in sentences:
            yield _wrong(topic, sentence)
        if not sentences and well:
            yield Finding(topic, "OK", well)
    yield from _database()
    yield from _mails()
    yield from _sender(resolver)
    yield from _clock()
    yield from _disk()
    yield from _files()
    yield from _web()
    yield from _operators()


ASKED: tuple[tuple[str, health.Check, str], ...] = (
    ("Database", health.damaged, "No row is damaged, and none refers to one that is gone."),
    ("Data", relationships.problems, "Counts and lists of connections are those of the pairs."),
    ("Data", ledger.problems, "Every member's contacts ledger is whole."),
    ("Data", acts.problems, "The log of what operators do is whole."),
    ("Mail", health.stuck_mails, "Nothing waits that should have left, and of no mail it is uncertain."),
    ("Machine", health.full_disk, ""),
    ("Machine", health.silent_redis, ""),
    ("Machine", health.idle_replica, ""),
)


def _wrong(topic: str, sentence: str) -> Finding:
    return Finding(topic, "Wrong", sentence[0].upper() + sentence[1:])


def _database() -> Iterator[Finding]:
    if is_sqlite():
        version = db.session.scalar(text("SELECT sqlite_version()"))
        yield Finding("Database", "OK", f"It is SQLite {version}, in the instance folder or where DATABASE_URL says.")
        return
    yield Finding("Database", "OK", f"It is PostgreSQL {db.session.scalar(text('SHOW server_version'))}.")


def _mails() -> Iterator[Finding]:
    failed = db.session.scalar(select(func.count()).where(OutgoingMail.state == "failed")) or 0
    if failed:
        yield Finding("Mail", "Note", f"{failed} mails of the last days could not be delivered: see /admin/mail.")
    waiting = db.session.scalar(
        select(func.min(OutgoingMail.not_before)).where(
            OutgoingMail.state == "queued", OutgoingMail.not_before <= clock.now()
        )
    )
    if waiting is not None:
        minutes = int((clock.now() - waiting).total_seconds() // 60)
        yield Finding("Mail", "OK", f"The oldest mail that may leave has waited for {minutes} minutes.")


# The sender's domain


def _sender(resolver: Any) -> Iterator[Finding]:
    """Say what other mail servers find out about the sender's domain. That it cannot be asked here is no fault."""
    if not config.setting("SMTP_URL"):
        yield Finding(
            "Mail", "Note", "No mail server is set (SMTP_URL): mails wait at /mailbox, for operators to read."
        )
        return
    domain = config.sender().rpartition("@")[2]
    if config.is_loopback(domain):
        yield Finding("Mail", "Note", f"The sender's domain is {domain}, which nobody else knows: set MAIL_FROM.")
        return
    import dns.exception
    import dns.resolver

    try:
        found = [*_missing(resolver or dns.resolver.Resolver(), domain)]
    except (dns.exception.DNSException, OSError):
        yield Finding(
            "Mail", "Note", f"DNS does not answer here, so SPF, DKIM and DMARC of {domain} were not looked at."
        )
        return
    for sentence in found:
        yield Finding("Mail", "Note", f"{sentence} Invitations to people outside land in spam without it.")
    if not found:
        yield Finding("Mail", "OK", f"{domain} has records for SPF, DKIM and DMARC.")


def _missing(resolver: Any, domain: str) -> Iterator[str]:
    if not any(each.lower().startswith("v=spf1") for each in _texts(resolver, domain) or []):
        yield f"{domain} has no SPF record (a TXT that begins with v=spf1), which says who may send its mail."
    if _texts(resolver, f"_domainkey.{domain}") is None:
        yield f"{domain} has no DKIM keys (nothing is under _domainkey.{domain}), by which its mail is signed."
    labels = domain.split(".")
    above = [".".join(labels[start:]) for start in range(len(labels) - 1)]  # a record of the domain above counts, too
    policies = (each for name in above for each in _texts(resolver, f"_dmarc.{name}") or [])
    if not any(each.lower().startswith("v=dmarc1") for each in policies):
        yield f"{domain} has no DMARC record (a TXT at _dmarc.{domain}), which says what to do with forged mail."


def _texts(resolver: Any, name: str) -> list[str] | None:
    """Return the texts under a name; none of them for a name that has other things under it, None for one that is not there."""
    import dns.resolver

    try:
        answer = resolver.resolve(name, "TXT", lifetime=DNS_SECONDS)
    except dns.resolver.NXDOMAIN:
        return None
    except dns.resolver.NoAnswer:
        return []
    return [b"".join(each.strings).decode("ascii", "replace") for each in answer]


# The machine


def _clock() -> Iterator[Finding]:
    now = clock.now()
    if not is_sqlite():
        away = abs(now - db.session.execute(text("SELECT clock_timestamp()")).scalar_one())
        if away > NEAR:
            level: Level = "Wrong" if away > FAR else "Note"
            seconds = int(away.total_seconds())
            yield Finding("Machine", level, f"This machine's clock and the database's differ by {seconds} seconds.")
    newest = [
        db.session.scalar(select(column).order_by(table.id.desc()).limit(1))
        for table, column in ((SignIn, SignIn.created_at), (OutgoingMail, OutgoingMail.created_at))
    ]
    if any(each is not None and each > now + AHEAD for each in newest):
        yield Finding("Machine", "Wrong", "There are rows of the future: this machine's clock is late, or was ahead.")
    else:
        yield Finding("Machine", "OK", f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC, and no row is of the future.")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(config.setting("INSTANCE")).free
    if free >= health.FREE_BYTES:
        level: Level = "Note" if free < LITTLE_BYTES else "OK"
        yield Finding("Machine", level, f"{free // 1_000_000:,} MB are free beside the instance folder.")


def _files() -> Iterator[Finding]:
    folder: Path = config.setting("INSTANCE")
    for path, how in ((folder, "700"), (folder / "config.toml", "600")):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & OTHERS:
            yield Finding("Secrets", "Note", f"{path} can be read by others on this machine: chmod {how} {path}")
    if config.setting("SECRET_KEY"):
        yield Finding("Secrets", "OK", "The keys follow from SECRET_KEY.")
        return
    path = folder / "secret_key"
    yield Finding("Secrets", "OK", f"The key file {path} is its owner's alone.")
    known = db.session.scalar(select(KeyGeneration.generation)) or 0
    if known < len(config.Keys.from_text(path.read_text(encoding="ascii")).lookup) - 1:
        yield Finding("Secrets", "Note", "A change of keys was interrupted: finish it with `kith rotate-key`.")


def _web() -> Iterator[Finding]:
    base = config.setting("BASE_URL")
    if config.is_loopback_url(base):
        yield Finding(
            "Web", "Note", f"Members reach {base} on this machine only; set BASE_URL to their https:// address."
        )
    else:
        flags = [current_app.config[f"SESSION_COOKIE_{name}"] for name in ("SECURE", "HTTPONLY")]
        level: Level = "OK" if all(flags) else "Wrong"
        yield Finding("Web", level, f"Members reach {base}; cookies travel over https only, for this host alone.")
        if not config.setting("TRUSTED_PROXIES"):
            yield Finding("Web", "Note", "TRUSTED_PROXIES is 0: behind a proxy, all visitors count as one network.")
    for door in config.setting("SIGN_IN_WITH"):
        needed = [f"{door.upper()}_{name}" for name in ("CLIENT_ID", "METADATA_URL")]
        if missing := [name for name in needed if not config.setting(name)]:
            yield Finding("Web", "Note", f"Signing in with {door} is not offered: set {' and '.join(missing)}.")


def _operators() -> Iterator[Finding]:
    if not accounts.has_operators():
        yield Finding("Operators", "Note", "Nobody runs this community yet: `kith init` prints a link for who will.")
