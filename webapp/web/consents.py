"""What this instance is at the providers: where it takes their answers, what it asks for, and what comes of asking.

How it asks is in `oauth`, which is loaded when somebody does: with all that it needs, it would take a tenth of the time of a start.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from flask import Flask

from webapp import config
from webapp.config import SettingError, setting
from webapp.providers.base import ProviderError
from webapp.providers.origins import origin

if TYPE_CHECKING:
    from webapp.providers.probing import Registration

EXTENSION = "kith.oauth"


class Reason(StrEnum):
    """Why there is no key to an address book, as far as a member is concerned."""

    DENIED = "denied"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    SCOPE_MISSING = "scope_missing"
    MISCONFIGURED = "misconfigured"
    FAULT = "fault"


class ConsentError(Exception):
    """Consent was not given, or could not be taken. What the provider wrote is never part of it."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


SIGN_IN_SCOPE = "openid email profile"
"""All that signing in asks for: never an address book."""


@dataclass(frozen=True)
class Door:
    """What differs between the providers."""

    scope: str
    contacts: str
    others: str | None
    client_auth: str


DOORS: Mapping[str, Door] = {
    "google": Door(
        scope="openid email https://www.googleapis.com/auth/contacts.readonly",
        contacts="https://www.googleapis.com/auth/contacts.readonly",
        others="https://www.googleapis.com/auth/contacts.other.readonly",
        client_auth="client_secret_basic",
    ),
    "microsoft": Door(
        scope="openid email profile Contacts.Read",
        contacts="Contacts.Read",
        others=None,
        client_auth="client_secret_post",
    ),
    "oidc": Door(scope=SIGN_IN_SCOPE, contacts="", others=None, client_auth="client_secret_basic"),
}


@dataclass(frozen=True)
class Pending:
    """A consent that was asked for: what the callback has to know. The caller keeps it, for one use and ten minutes, under the state."""

    door: str
    redirect_uri: str
    nonce: str
    code_verifier: str
    others: bool = False
    signs_in: bool = False
    """Asked for to sign in, and so for nothing but who it is."""

    def dump(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Self:
        """Return what was dumped."""
        return cls(**dumped)


@dataclass(frozen=True)
class Grant:
    """The key to one address book. `email` is only ever shown; it never signs anybody in, links or verifies."""

    access_token: str
    scopes: tuple[str, ...] | None
    """What the provider says it allows; None where it does not say, which means: as asked."""
    others: bool
    """Whether the people the member has only written to may be read, too."""
    email: str | None

    def __repr__(self) -> str:
        return f"Grant(scopes={self.scopes}, others={self.others})"  # a key has no place in a traceback


@dataclass(frozen=True)
class Identity:
    """Who somebody is at a provider: `issuer` and `subject` are the key; `email` is an address it says it has proven, else None."""

    issuer: str
    subject: str
    email: str | None
    name: str

    def __repr__(self) -> str:
        return f"Identity(issuer={self.issuer!r})"


def register(app: Flask) -> None:
    """Prepare an application for asking. SettingError for a provider's address that is neither https nor on this machine."""
    for door in DOORS:
        for name in (f"{door.upper()}_METADATA_URL", f"{door.upper()}_CONTACTS_URL"):
            if not app.config["KITH"].get(name):
                continue
            try:
                origin(app.config["KITH"][name])
            except ProviderError:
                raise SettingError(
                    f"{config.PREFIX}{name} must start with https:// unless it is this machine's own, "
                    f"but is {app.config['KITH'][name]!r}."
                ) from None
    # One registry an application: a module-level one would keep the first application's client id.
    app.extensions[EXTENSION] = {}
    library = logging.getLogger("authlib")
    library.setLevel(max(library.level, logging.INFO))  # its DEBUG prints the verifier


def callback_url(door: str) -> str:
    """Return the one address at which a provider's answer is taken."""
    return f"{setting('BASE_URL')}/contacts/{door}/callback"


def sign_in_url(door: str) -> str:
    """Return the one address at which a provider's answer to a sign-in is taken."""
    return f"{setting('BASE_URL')}/signin/{door}/callback"


def registration(door: str) -> "Registration":
    """Return what this instance thinks a provider knows of it: each address at which it takes an answer, and what it asks for there."""
    from webapp.providers.probing import Registration

    known, name = DOORS[door], door.upper()
    redirects = {callback_url(door): known.scope} if known.contacts else {}
    if door in setting("SIGN_IN_WITH"):
        redirects[sign_in_url(door)] = SIGN_IN_SCOPE
    return Registration(
        setting(f"{name}_METADATA_URL"),
        setting(f"{name}_CLIENT_ID"),
        setting(f"{name}_CLIENT_SECRET"),
        known.client_auth,
        redirects,
    )


def origins(door: str) -> list[str]:
    """Return where a provider asks for consent. Microsoft passes private accounts on to another host of its own."""
    parts = urlsplit(setting(f"{door.upper()}_METADATA_URL"))
    more = ["https://login.live.com"] if parts.hostname == "login.microsoftonline.com" else []
    return [f"{parts.scheme}://{parts.netloc}", *more]


def pend(door: str, *, others: bool = False, signs_in: bool = False) -> Pending:
    """Return the secrets of a new request: to sign in, or for an address book.

    `others` also asks for the people the member has only written to.
    """
    may = DOORS[door].others is not None
    where = sign_in_url(door) if signs_in else callback_url(door)
    return Pending(door, where, secrets.token_urlsafe(24), secrets.token_urlsafe(48), others and may, signs_in)


def client_auth(door: str) -> str:
    """Return how this instance says to a provider who it is (a name of RFC 8414's token_endpoint_auth_methods_supported)."""
    return DOORS[door].client_auth if setting(f"{door.upper()}_CLIENT_SECRET") else "none"
