"""Every setting of Kith, once: its name, type, default, meaning, and whether it is secret.

A value comes from the environment (`KITH_` and the name), else from `config.toml` in the instance folder, else from the default.
`docs/configuration.md` is written from this table, and a test holds the two together.
"""

import hmac
import ipaddress
import os
import secrets
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from flask import current_app, has_app_context

from webapp import colours

VERSION = "0.1.0"
"""As in pyproject.toml, which is not there in a container: nothing is installed there but what Kith needs."""

PREFIX = "KITH_"
SECRET_CHARACTERS = 32
TOKEN_CHARACTERS = 16
SECRET_SIGNS = 10
"""A secret with fewer different characters, or with one of these words, was typed by somebody."""
SECRET_WORDS = (
    "secret",
    "password",
    "change",
    "example",
    "insecure",
    "develop",
    "dev-",
    "0123456789",
    "abcdefgh",
    "kith",
)
SITE_NAME_CHARACTERS = 60
PORT = 8000
BACKUPS = "backups"
"""The folder in the instance folder into which `kith upgrade` puts a backup first."""
BACKUP_DAYS = 30
"""So long such a backup is kept: it holds what members have deleted since."""
PASSWORD_LEAST, PASSWORD_MOST = 8, 64
"""Between these an operator says how many characters a password has at least."""
GOOGLE_METADATA_URL = "https://accounts.google.com/.well-known/openid-configuration"
MICROSOFT_METADATA_URL = "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"


class SettingError(Exception):
    """A setting that cannot be used, in one sentence an operator can act on."""


@dataclass(frozen=True)
class Setting:
    """One row of the table: what it is called, what it is, what it means."""

    name: str
    type: Literal["text", "integer", "boolean", "list", "path"]
    default: Any
    help: str
    secret: bool = False
    choices: tuple[str, ...] = ()

    def read(self, raw: object) -> Any:
        """Turn what the environment or the file says into a value; SettingError says what was expected instead."""
        try:
            value = _READERS[self.type](raw)
        except (TypeError, ValueError):
            raise SettingError(f"{PREFIX}{self.name} must be {_WORDS[self.type]}, but is {raw!r}.") from None
        if self.choices and not set(value if self.type == "list" else (value,)) <= set(self.choices):
            raise SettingError(
                f"{PREFIX}{self.name} must be {'any of' if self.type == 'list' else 'one of'} {', '.join(self.choices)}, but is {raw!r}."
            )
        return value

    def shown(self, value: Any) -> str:
        """Return a value as somebody would write it; a secret one is masked."""
        if self.secret and value:
            return "(set)"
        if self.type == "boolean":
            return str(value).lower()
        return ", ".join(value) if self.type == "list" else str(value)


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(raw).lower()]


def _readable_boolean(raw: object) -> bool:
    try:
        return _boolean(raw)
    except KeyError:
        raise ValueError from None


def _integer(raw: object) -> int:
    if isinstance(raw, bool):
        raise TypeError
    value = int(str(raw))
    if value < 0:
        raise ValueError
    return value


def _list(raw: object) -> tuple[str, ...]:
    parts = raw if isinstance(raw, list | tuple) else str(raw).replace(",", " ").split()
    return tuple(str(part).strip().lower() for part in parts)


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw.strip()


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "boolean": _readable_boolean,
    "list": _list,
    "path": lambda raw: Path(str(raw)),
}
_WORDS = {
    "text": "a text",
    "integer": "a whole number, 0 or more",
    "boolean": "true or false",
    "list": "a list of words",
    "path": "a path",
}

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "INSTANCE", "path", Path("instance"), "The only folder Kith writes to: database, secret key, uploads, logs."
    ),
    Setting(
        "BASE_URL", "text", "http://127.0.0.1:8000", "The address members type; every link in a mail starts with it."
    ),
    Setting(
        "DATABASE_URL",
        "text",
        "",
        "Empty: SQLite in the instance folder. `postgresql+psycopg://user:password@host/name` for PostgreSQL.",
        secret=True,
    ),
    Setting(
        "DATABASE_REPLICA_URL",
        "text",
        "",
        "A replica that follows DATABASE_URL by PostgreSQL's streaming replication: pages that only show something are read there, and a member "
        "sees at once what they have written. Empty: the one database is read.",
        secret=True,
    ),
    Setting(
        "DATABASE_POOLED",
        "boolean",
        False,
        "Whether the databases are reached through PgBouncer in transaction mode, or through what pools like it: no statement is prepared then.",
    ),
    Setting(
        "REDIS_URL",
        "text",
        "",
        "With several processes: what is counted to keep guesses and copying off is kept at this Redis, not in the database. "
        "`redis://user:password@host:6379/0`, `rediss://` or `unix:///path`. Empty: the database counts.",
        secret=True,
    ),
    Setting(
        "SECRET_KEY",
        "text",
        "",
        "Empty: generated into the instance folder at the first start, readable by its owner only.",
        secret=True,
    ),
    Setting(
        "SMTP_URL",
        "text",
        "",
        "Where mail is handed over: `smtp://user:password@host:port`, `smtps://` or `smtp+starttls://`. Empty: mail is kept at /mailbox.",
        secret=True,
    ),
    Setting("MAIL_FROM", "text", "", "The sender's address of every mail. Empty: `invites@` and the host of BASE_URL."),
    Setting(
        "BOUNCE_ADDRESS",
        "text",
        "",
        "Where delivery reports go, for `kith bounce`: each mail names itself behind a plus sign before the @. Empty: they go to the sender's address, unread.",
    ),
    Setting("SITE_NAME", "text", "Kith", "The community's name, shown on every page and in every mail."),
    Setting("OPERATOR_NAME", "text", "", "Who runs the instance; named in mails to people who are not members."),
    Setting(
        "POSTAL_ADDRESS", "text", "", "The operator's postal address; named in mails to people who are not members."
    ),
    Setting(
        "SECURITY_CONTACT",
        "text",
        "",
        "Whom to tell of a security problem of this instance: an email address or an https:// page, named in /.well-known/security.txt. Empty: there is no such file.",
    ),
    Setting(
        "ACCENT",
        "text",
        "pine",
        "The colour of links and buttons: `pine`, `ocean`, `plum`, `slate`, or one of your own as `#rrggbb`, which has to be dark enough to "
        "be read on light pages; a lighter shade for dark ones is made of it.",
    ),
    Setting(
        "LOGO",
        "text",
        "",
        "A picture (PNG, JPEG or WebP), in the instance folder or with its whole path, to show instead of Kith's sign. Empty: the sign.",
    ),
    Setting(
        "JOIN",
        "text",
        "open",
        "Who may join: anybody; only people a member invited; anybody whom operators let in; or people on the operators' roster and whom a "
        "member invited. docs/operate.md says more.",
        choices=("open", "invitation", "approval", "roster"),
    ),
    Setting("GOOGLE_CLIENT_ID", "text", "", "The client id of your project at Google. Empty: Google is not offered."),
    Setting("GOOGLE_CLIENT_SECRET", "text", "", "The client secret that belongs to it.", secret=True),
    Setting("GOOGLE_METADATA_URL", "text", GOOGLE_METADATA_URL, "Google's OpenID discovery document."),
    Setting("GOOGLE_CONTACTS_URL", "text", "https://people.googleapis.com", "Where Google's People API is asked."),
    Setting(
        "GOOGLE_DOMAINS",
        "list",
        ("gmail.com", "googlemail.com"),
        "Addresses under these domains lead straight to Google.",
    ),
    Setting(
        "MICROSOFT_CLIENT_ID",
        "text",
        "",
        "The client id of your registration at Microsoft. Empty: Outlook is not offered.",
    ),
    Setting("MICROSOFT_CLIENT_SECRET", "text", "", "The client secret that belongs to it.", secret=True),
    Setting("MICROSOFT_METADATA_URL", "text", MICROSOFT_METADATA_URL, "Microsoft's OpenID discovery document."),
    Setting("MICROSOFT_CONTACTS_URL", "text", "https://graph.microsoft.com", "Where Microsoft Graph is asked."),
    Setting(
        "MICROSOFT_DOMAINS",
        "list",
        ("outlook.*", "hotmail.*", "live.*", "msn.com"),
        "Addresses under these domains lead straight to Outlook; `outlook.*` is outlook.com, outlook.de and so on.",
    ),
    Setting(
        "CARDDAV_ALLOWED_HOSTS",
        "list",
        (),
        "Servers of your own network (`host` or `host:port`) from which members may read address books over CardDAV; all others must be "
        "reachable by everybody. `http` only on this machine itself.",
    ),
    Setting(
        "CARDDAV_CA_FILE",
        "text",
        "",
        "A file with the certificates (PEM) that those servers are trusted by, where no public authority knows them.",
    ),
    Setting(
        "SIGN_IN_WITH",
        "list",
        (),
        "Other log-ins to offer beside the password; each needs its client id, and its callback `/signin/google/callback` (and so on) "
        "registered there.",
        choices=("google", "microsoft", "oidc"),
    ),
    Setting("OIDC_NAME", "text", "", "What your own OpenID Connect provider is called on the button."),
    Setting("OIDC_CLIENT_ID", "text", "", "The client id of your registration there."),
    Setting("OIDC_CLIENT_SECRET", "text", "", "The client secret that belongs to it.", secret=True),
    Setting(
        "OIDC_METADATA_URL", "text", "", "Its discovery document, which ends in `/.well-known/openid-configuration`."
    ),
    Setting("TRUSTED_PROXIES", "integer", 0, "How many proxies stand before Kith; 0 ignores every X-Forwarded header."),
    Setting(
        "LOG_REQUESTS",
        "boolean",
        True,
        "Whether each request is a line of the log: what kind of page, how it ended, how long it took, and the number of the member.",
    ),
    Setting(
        "METRICS_TOKEN",
        "text",
        "",
        "What a Prometheus server has to say (`Authorization: Bearer ...`) to read /metrics. Empty: only this machine itself may, and not through a proxy.",
        secret=True,
    ),
    Setting("CONNECTIONS_MAX", "integer", 30_000, "Connections a member may have."),
    Setting(
        "INVITATIONS_OPEN_MAX", "integer", 500, "Invitations to members that may be open at once, queued ones included."
    ),
    Setting(
        "INVITATIONS_PER_DAY",
        "integer",
        200,
        "Invitations to members that leave in a day; more are queued over the following days.",
    ),
    Setting("INVITATION_DAYS", "integer", 180, "Days after which an unanswered invitation to a member expires."),
    Setting("REINVITE_DAYS", "integer", 21, "Days after which a withdrawn invitation may be repeated."),
    Setting("QUIET_DAYS", "integer", 90, "Days for which the invitation of somebody who was removed stays quiet."),
    Setting("INTRODUCTIONS_OPEN_MAX", "integer", 20, "Introductions a member may have asked for that are open."),
    Setting("NOTE_CHARACTERS", "integer", 300, "Characters of the note with an invitation."),
    Setting("PRIVATE_NOTE_CHARACTERS", "integer", 10_000, "Characters of a private note about somebody."),
    Setting("UNDO_SECONDS", "integer", 60, "Seconds for which a sending can be undone, and before anything leaves."),
    Setting("MESSAGE_CHARACTERS", "integer", 10_000, "Characters of a message."),
    Setting("GROUP_MEMBERS_MAX", "integer", 50, "People in one conversation."),
    Setting("NEW_CONVERSATIONS_PER_DAY", "integer", 5, "Conversations a new member may begin in a day."),
    Setting(
        "SAME_TEXT_PEOPLE_MAX", "integer", 5, "Conversations to which a member may send the same text within a day."
    ),
    Setting("GUEST_MAILS_PER_DAY", "integer", 50, "Invitations by mail a member may send in a day."),
    Setting("GUEST_MAILS_PER_DAY_NEW", "integer", 20, "The same for a new member."),
    Setting("NEW_MEMBER_DAYS", "integer", 7, "Days for which a member counts as new."),
    Setting("GUEST_MAILS_PER_WEEK", "integer", 250, "Invitations by mail a member may send in seven days."),
    Setting(
        "GUESTS_UNANSWERED_MAX",
        "integer",
        200,
        "Unanswered invitations by mail a member may have, queued ones included.",
    ),
    Setting("GUEST_MAILS_PER_DAY_INSTANCE", "integer", 1000, "Invitations by mail that leave this instance in a day."),
    Setting(
        "GUEST_MAIL_DAYS",
        "integer",
        365,
        "Days for which an address gets at most one invitation by mail, whoever sends it.",
    ),
    Setting("GUEST_LINK_DAYS", "integer", 30, "Days for which the link in an invitation by mail can be used."),
    Setting(
        "GUESTS_PRESELECTED",
        "boolean",
        False,
        "Whether contacts who are not members start ticked. True also takes that sentence out of the promise.",
    ),
    Setting("IMPORT_CONTACTS_MAX", "integer", 25_000, "Contacts read from one address book."),
    Setting("IMPORT_BYTES_MAX", "integer", 10_000_000, "Bytes of an uploaded address book."),
    Setting(
        "IMPORT_MINUTES",
        "integer",
        60,
        "Minutes after the last click at which an address book that was read is forgotten.",
    ),
    Setting("LOOKUPS_MAX", "integer", 50_000, "Addresses a member may have compared in LOOKUP_DAYS."),
    Setting("LOOKUP_DAYS", "integer", 10, "Days over which comparisons are counted."),
    Setting(
        "DIGEST_HOUR",
        "integer",
        7,
        "From this hour (UTC, 0 to 23) on the digests of a day, or on Monday of a week, are sent.",
    ),
    Setting("NOTIFICATION_DAYS", "integer", 180, "Days after which a notification that was read is forgotten."),
    Setting("MAIL_DAYS", "integer", 90, "Days after which Kith forgets that a mail was sent, skipped or failed."),
    Setting(
        "DELETE_DAYS",
        "integer",
        7,
        "Days for which somebody who leaves can still change their mind. To all others they are gone at once.",
    ),
    Setting("POSTS_PER_DAY", "integer", 50, "Posts a member may share in a day."),
    Setting("COMMENTS_PER_DAY", "integer", 200, "Comments a member may write in a day."),
    Setting("PASSWORD_CHARACTERS", "integer", 12, "Characters a password has at least, 8 to 64."),
)
TABLE: Mapping[str, Setting] = {row.name: row for row in SETTINGS}


def load(given: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the value of every setting.

    `given` (a test's or a command's own values) wins over the environment, that over `config.toml`, that over the default.
    An unknown name or a value of the wrong kind stops the start with a SettingError.
    """
    environ = os.environ if environ is None else environ
    named = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)}
    named.pop("REQUIRE", None)  # belongs to the test run
    given = dict(given or {})
    folder = Path(given.get("INSTANCE") or named.get("INSTANCE") or TABLE["INSTANCE"].default).resolve()
    from_file = _file(folder / "config.toml")
    sources: tuple[Mapping[str, Any], ...] = (given, named, from_file)
    for source in sources:
        for name in source:
            if name not in TABLE:
                raise SettingError(f"There is no setting {PREFIX}{name}. docs/configuration.md lists them all.")
    values = {}
    for name, row in TABLE.items():
        found = next((source for source in sources if name in source), None)
        values[name] = row.default if found is None else row.read(found[name])
    values["INSTANCE"] = folder
    values["ACCENT"] = values["ACCENT"].lower()
    values["BASE_URL"] = _base_url(values["BASE_URL"])
    _check(values)
    return values


def checked(name: str, raw: str) -> Any:
    """Return one setting as it would be in force; SettingError for a value that stops the start."""
    value = TABLE[name].read(raw)
    if name == "BASE_URL":
        value = _base_url(value)
    _check({row.name: row.default for row in SETTINGS} | {name: value})
    return value


SCHEMES = {
    "DATABASE_URL": ("postgresql+psycopg://", "sqlite:///"),
    "DATABASE_REPLICA_URL": ("postgresql+psycopg://",),
    "REDIS_URL": ("redis://", "rediss://", "unix://"),
}


def database_fault(url: str) -> str | None:
    """Return what is wrong with the address of a database whose scheme is right, as the end of a sentence; None for nothing."""
    if url.startswith("sqlite:"):
        whole = Path(url.removeprefix("sqlite:///")).is_absolute()
        return None if whole else "must name a file with its whole path, like sqlite:////srv/kith/kith.sqlite3"
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return (
            "must be like postgresql+psycopg://user:password@host:5432/name; signs such as @, / and : in the password are written "
            "as %40, %2F and %3A"
        )
    return None


def _check_schemes(values: Mapping[str, Any]) -> None:
    for name, schemes in SCHEMES.items():
        if values[name] and not values[name].startswith(schemes):
            raise SettingError(f"{PREFIX}{name} must start with {' or '.join(schemes)}.")
        if name == "REDIS_URL" and not _has_port(values[name]):
            raise SettingError(f"{PREFIX}{name} must be like redis://:password@host:6379/0.")
        if name.startswith("DATABASE") and values[name] and (fault := database_fault(values[name])):
            raise SettingError(f"{PREFIX}{name} {fault}.")
    if values["DATABASE_REPLICA_URL"] and not values["DATABASE_URL"].startswith(SCHEMES["DATABASE_REPLICA_URL"]):
        raise SettingError(
            f"{PREFIX}DATABASE_REPLICA_URL names a replica, but {PREFIX}DATABASE_URL names no PostgreSQL that it could follow."
        )


def _check(values: Mapping[str, Any]) -> None:
    """Raise SettingError for a value that cannot be meant."""
    _check_look(values)
    name = values["SITE_NAME"]
    if not any(sign.isalnum() for sign in name) or len(name) > SITE_NAME_CHARACTERS or not name.isprintable():
        raise SettingError(
            f"{PREFIX}SITE_NAME must be a name of at most {SITE_NAME_CHARACTERS} characters in one line, but is {name!r}."
        )
    _check_schemes(values)
    if values["DIGEST_HOUR"] > 23:  # noqa: PLR2004 - of a day
        raise SettingError(f"{PREFIX}DIGEST_HOUR must be an hour from 0 to 23, but is {values['DIGEST_HOUR']}.")
    least = values["PASSWORD_CHARACTERS"]
    if not PASSWORD_LEAST <= least <= PASSWORD_MOST:
        raise SettingError(
            f"{PREFIX}PASSWORD_CHARACTERS must be from {PASSWORD_LEAST} to {PASSWORD_MOST}, but is {least}."
        )
    _check_mail(values)
    if values["METRICS_TOKEN"] and len(values["METRICS_TOKEN"]) < TOKEN_CHARACTERS:
        raise SettingError(
            f"{PREFIX}METRICS_TOKEN must have at least {TOKEN_CHARACTERS} characters, or others guess it. "
            'Take the answer of: python3 -c "import secrets; print(secrets.token_hex(32))"'
        )
    for entry in values["CARDDAV_ALLOWED_HOSTS"]:
        if not _is_host(entry):
            raise SettingError(
                f"{PREFIX}CARDDAV_ALLOWED_HOSTS must list hosts like dav.example.org or 10.0.0.5:8443, but has {entry!r}."
            )
    if values["CARDDAV_CA_FILE"] and not Path(values["CARDDAV_CA_FILE"]).is_file():
        raise SettingError(f"{PREFIX}CARDDAV_CA_FILE must be a file, but there is no {values['CARDDAV_CA_FILE']}.")


def _check_mail(values: Mapping[str, Any]) -> None:
    if values["SMTP_URL"] and not _is_smtp_url(values["SMTP_URL"]):
        raise SettingError(
            f"{PREFIX}SMTP_URL must be smtp://, smtps:// or smtp+starttls:// with a host and perhaps a port."
        )
    if values["MAIL_FROM"] and not _is_sender(values["MAIL_FROM"]):
        raise SettingError(
            f"{PREFIX}MAIL_FROM must be an email address like kith@example.org, without a name, but is {values['MAIL_FROM']!r}."
        )
    if values["BOUNCE_ADDRESS"] and not _is_sender(values["BOUNCE_ADDRESS"]):
        raise SettingError(
            f"{PREFIX}BOUNCE_ADDRESS must be an email address like bounces@example.org, without a name, but is {values['BOUNCE_ADDRESS']!r}."
        )
    contact = values["SECURITY_CONTACT"]
    if contact and not contact.startswith("https://") and not _is_address(contact):
        raise SettingError(
            f"{PREFIX}SECURITY_CONTACT must be an email address or start with https://, but is {contact!r}."
        )


def _check_look(values: Mapping[str, Any]) -> None:
    accent = values["ACCENT"].lower()
    if accent not in colours.NAMED and not colours.is_own(accent):
        raise SettingError(
            f"{PREFIX}ACCENT must be one of {', '.join(colours.NAMED)}, or a colour like #0b5d7a, but is {values['ACCENT']!r}."
        )
    if colours.is_own(accent) and colours.readable(accent) != accent:
        raise SettingError(
            f"{PREFIX}ACCENT {accent} can't be read on light pages: its contrast is {colours.worst(accent):.1f}:1, and text needs 4.5:1. "
            f"The nearest shade that can is {colours.readable(accent)}."
        )


def is_given(name: str) -> bool:
    """Whether somebody set this, in the environment or in config.toml."""
    folder = Path(os.environ.get(f"{PREFIX}INSTANCE") or TABLE["INSTANCE"].default)
    return f"{PREFIX}{name}" in os.environ or name in _file(folder / "config.toml")


def _file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = str(error).replace("Cannot overwrite a value", "a setting is there twice")
        raise SettingError(f"{path} cannot be read: {said}.") from None
    return {name.upper(): value for name, value in table.items()}


def _has_port(url: str) -> bool:
    """Whether the port in an address is one, or there is none."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _is_sender(text: str) -> bool:
    """Whether that is an email address, perhaps one of a host that only an own network knows."""
    name, _, host = text.rpartition("@")
    return _is_host(host) and _is_address(f"{name}@example.org")


def _is_address(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _is_smtp_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"smtp", "smtps", "smtp+starttls"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_host(entry: str) -> bool:
    try:
        parts = urlsplit(f"//{entry}")
        return bool(parts.hostname) and parts.netloc == entry and "@" not in entry and parts.port != 0
    except ValueError:
        return False


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    whole = _has_port(url) and not any(sign.isspace() for sign in url)
    if (
        not whole
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path not in {"", "/"}
        or parts.query
    ):
        raise SettingError(f"{PREFIX}BASE_URL must be an address like https://kith.example.org, but is {url!r}.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SettingError(
            f"{PREFIX}BASE_URL must start with https:// unless it is this machine's own, but is {url!r}."
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, even one like 127.example.org
        return False


def is_loopback_url(url: str) -> bool:
    """Whether an address leads to this machine only."""
    return is_loopback(urlsplit(url).hostname or "")


@dataclass(frozen=True)
class Keys:
    """The instance's keys, as bytes, of three kinds; `kith rotate-key` adds one of each.

    `signing` signs cookies and links (the first signs, the others still verify); `wrapping` encrypts what is stored sealed (the first
    seals, the others still open); `lookup` makes the keyed hashes by which addresses are compared, the oldest first: each is laid over
    the one before it. `mailed` signed once and proves nothing any more but the links of mails that have to work for good.
    """

    signing: tuple[bytes, ...]
    wrapping: tuple[bytes, ...]
    lookup: tuple[bytes, ...]
    mailed: tuple[bytes, ...] = ()
    replaced: tuple[date, ...] = ()
    """On which day each of the older signing and wrapping keys was replaced."""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the keys of a key file; KeyError, TypeError or ValueError for anything else."""
        table = tomllib.loads(text)

        def several(name: str) -> tuple[bytes, ...]:
            found = table.get(name, [])
            return tuple(bytes.fromhex(key) for key in ([found] if isinstance(found, str) else found))

        made = cls(
            several("signing"),
            several("wrapping"),
            several("lookup"),
            several("mailed"),
            tuple(table.get("replaced", ())),
        )
        if not (made.signing and made.wrapping and made.lookup) or not all(map(len, made.wrapping)):
            raise ValueError
        return made

    def as_text(self) -> str:
        """Return the key file that holds these keys."""
        lines = ["# The keys of this instance. Keep a copy away from the backups."]
        for name in ("signing", "wrapping", "lookup", "mailed"):
            found = [f'"{key.hex()}"' for key in getattr(self, name)]
            if name == "mailed" and not found:
                continue
            single = len(found) == 1 and name in {"wrapping", "lookup"}
            lines.append(f"{name} = {found[0] if single else '[' + ', '.join(found) + ']'}")
        if self.replaced:
            lines.append(f"replaced = [{', '.join(day.isoformat() for day in self.replaced)}]")
        return "\n".join([*lines, ""])


def check_exposed(values: Mapping[str, Any], host: str, environ: Mapping[str, str] | None = None) -> None:
    """Raise SettingError for a set-up that is only safe at home, where others reach it: at `host`, or through a proxy at BASE_URL."""
    environ = os.environ if environ is None else environ
    public = not is_loopback_url(values["BASE_URL"])
    if is_loopback(host) and not public:
        return
    where = values["BASE_URL"] if public else host
    if not values["BASE_URL"].startswith("https://"):
        raise SettingError(
            f"Kith would be reachable at {host}, but {PREFIX}BASE_URL is {values['BASE_URL']}. Set it to the https:// address members type, "
            "with a proxy that speaks https in front, or serve on 127.0.0.1."
        )
    for name in ("FLASK_DEBUG", "FLASK_ENV"):
        if environ.get(name, "").strip().lower() not in {"", "0", "false", "no", "production"}:
            raise SettingError(
                f"{name} is {environ[name]!r}, which shows the inside of Kith to whoever reaches {where}. Unset it and start again."
            )
    if values["SECRET_KEY"] and _is_typed(values["SECRET_KEY"]):
        raise SettingError(
            f"{PREFIX}SECRET_KEY looks as if somebody typed it, and {where} is open to others. Leave it empty, and Kith makes a key "
            'file; or take the answer of: python3 -c "import secrets; print(secrets.token_hex(32))"'
        )


def _is_typed(secret: str) -> bool:
    return len(set(secret)) < SECRET_SIGNS or any(word in secret.lower() for word in SECRET_WORDS)


def keys(values: Mapping[str, Any], *, has_data: Callable[[], bool]) -> Keys:
    """Return the instance's keys, making them (256 bit each, the file's mode 0600) at the first start.

    A key file that others can read, or one that is missing beside existing data, stops the start with a SettingError.
    """
    if values["SECRET_KEY"]:
        given = values["SECRET_KEY"].encode()
        if len(given) < SECRET_CHARACTERS:
            raise SettingError(f"{PREFIX}SECRET_KEY must have at least {SECRET_CHARACTERS} characters.")
        signing, wrapping, lookup = (
            hmac.digest(given, b"kith " + name, "sha256") for name in (b"signing", b"wrapping", b"lookup")
        )
        return Keys((signing,), (wrapping,), (lookup,))
    path: Path = values["INSTANCE"] / "secret_key"
    if not path.exists():
        if has_data():
            raise SettingError(
                f"{path} is missing, but there is data that needs it. Put the key file back, from your copy or from the host that has it."
            )
        _write_keys(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SettingError(f"{path} can be read by others. Make it yours alone: chmod 600 {path}")
    try:
        return Keys.from_text(path.read_text(encoding="ascii"))
    except (KeyError, TypeError, ValueError):
        raise SettingError(f"{path} is not a key file of Kith.") from None


def _write_keys(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = Keys((secrets.token_bytes(32),), (secrets.token_bytes(32),), (secrets.token_bytes(32),))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new.as_text())


def setting(name: str) -> Any:
    """Return the value of a setting in the running application, or its default where none runs."""
    if has_app_context():
        return current_app.config["KITH"][name]
    return TABLE[name].default


def sender() -> str:
    """Return the sender's address of every mail: MAIL_FROM, else `invites@` and the host of BASE_URL."""
    host = urlsplit(setting("BASE_URL")).hostname or "localhost"
    return setting("MAIL_FROM") or f"invites@{'localhost' if is_loopback(host) else host}"


def as_markdown() -> str:
    """Return `docs/configuration.md`: the table of settings for a reader."""
    head = """# Configuration

Written from the table in `webapp/config.py` by `make docs`; a test fails when the two differ.

A setting comes from the environment under the name given here, else from `config.toml` in the instance folder (without the prefix, in lower
case: `site_name = "Northgate Alumni"`), else it has its default. A wrong value or an unknown name stops the start with a sentence that says which.
One process with SQLite needs no setting at all. `kith doctor` shows what is in force, with secrets masked.

| setting | default | what it does |
|---|---|---|
"""
    lines = []
    for row in SETTINGS:
        default = row.shown(row.default)
        shown = f"`{default}`" if default else "none"
        choices = (
            f" {'Any' if row.type == 'list' else 'One'} of {', '.join(f'`{choice}`' for choice in row.choices)}."
            if row.choices
            else ""
        )
        secret = " A secret." if row.secret else ""
        lines.append(f"| `{PREFIX}{row.name}` | {shown} | {row.help}{choices}{secret} |\n")
    return head + "".join(lines)
