"""Tokens: random ones kept as digests, signed ones that name their purpose, and the keyed hash by which addresses are compared."""

import hashlib
import hmac
import secrets
from typing import Any

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer

TOKEN_BYTES = 18
"""144 bits, 24 characters in an address."""
SIGNED_WITH = {"digest_method": hashlib.sha256}
"""HMAC-SHA-256 for everything that is signed; the library's own choice is SHA-1."""


def new() -> str:
    """Return a fresh random token of at least 128 bits, fit for an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """Return what the database keeps of a random token: its SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def keyed_hash(text: str) -> str:
    """Return the HMAC-SHA-256 of `text` under the instance's look-up key (RFC 2104), 64 hexadecimal digits."""
    return hmac.new(current_app.config["KEYS"].lookup, text.encode(), hashlib.sha256).hexdigest()


def sign(purpose: str, value: Any) -> str:
    """Return `value` signed for one purpose; it never expires."""
    return _serializer(purpose).dumps(value)


def signed(purpose: str, token: str) -> Any:
    """Return what was signed for that purpose, or None for anything forged or altered."""
    try:
        return _serializer(purpose).loads(token)
    except BadSignature:
        return None


def _serializer(purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(_keys(), salt=f"kith.{purpose}", signer_kwargs=SIGNED_WITH)


def _keys() -> list[bytes]:
    """Oldest first, as itsdangerous wants them: the last signs."""
    return list(reversed(current_app.config["KEYS"].signing))
