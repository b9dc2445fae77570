"""What a demo provider remembers: its client, its codes, its tokens, and whose address book is whose. All in memory."""

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin
from flask import request
from joserfc.jwk import RSAKey

Books = Mapping[str, Sequence[Mapping[str, Any]]]
"""Account address -> contacts, each `{"name": ..., "emails": [...]}`.

`"other": true` puts a contact among Google's other contacts, `"folder": ...` into another Outlook folder. The account `*` is the book of
every address that is not named.
"""

CONTACTS = "https://www.googleapis.com/auth/contacts.readonly"
OTHERS = "https://www.googleapis.com/auth/contacts.other.readonly"
GRAPH = "Contacts.Read"
SCOPES: Mapping[str, tuple[str, ...]] = {
    "google": ("openid", "email", "profile", CONTACTS, OTHERS),
    "microsoft": ("openid", "email", "profile", GRAPH),
}


@dataclass(frozen=True)
class Client(ClientMixin):  # type: ignore[misc]
    """An application that is registered with the provider."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """Return nothing: the redirect address has to be said."""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.client_secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_basic", "client_secret_post"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    """An authorization code: good for one use within a minute."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None
    account: str
    code_challenge: str
    code_challenge_method: str
    expires_at: float
    used: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> None:
        """Return nothing: nobody really signed in."""


@dataclass
class Token(TokenMixin):  # type: ignore[misc]
    """An access token, until it expires or is ended."""

    client_id: str
    account: str
    scopes: frozenset[str]
    code: str
    expires_at: float
    ended: bool = False

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.client_id


@dataclass
class Provider:
    """What one provider remembers. Two of them, one a dialect, know nothing of each other."""

    door: str
    books: Books
    client: Client
    key: RSAKey
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def issuer(self) -> str:
        """The issuer that the discovery document names; Microsoft's is a template."""
        root = f"{request.host_url}{self.door}"
        return root if self.door == "google" else f"{root}/{{tenantid}}/v2.0"

    def book(self, account: str) -> Sequence[Mapping[str, Any]] | None:
        """Return an account's contacts; None where there is no such account."""
        return self.books.get(account, self.books.get("*"))

    def keep_code(self, code: Code) -> None:
        with self.lock:
            self.codes[code.code] = code

    def take_code(self, code: str, client: Client) -> Code | None:
        """Return a code and use it up. A second use ends what came of the first."""
        with self.lock:
            found = self.codes.get(code)
            if found is None or found.client_id != client.client_id:
                return None
            if found.used:
                for token in self.tokens.values():
                    token.ended = token.ended or token.code == code
                return None
            found.used = True
            return found if found.expires_at > time.time() else None

    def token(self, text: str) -> Token | None:
        """Return a living token."""
        with self.lock:
            found = self.tokens.get(text)
            return found if found and not found.ended and found.expires_at > time.time() else None
