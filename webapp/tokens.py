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
OPT_OUT, UNSUBSCRIBE = "optout", "unsubscribe"
MAILED = frozenset({OPT_OUT, UNSUBSCRIBE})
"""The purposes of the links in mails that have to work for good: a key that is good for nothing else any more still proves these."""


def new() -> str:
    """Return a fresh random token of at least 128 bits, fit for an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """Return what the database keeps of a random token: its SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def keyed_hash(text: str) -> str:
    """Return the HMAC-SHA-256 of `text` under the instance's look-up key (RFC 2104), 64 hexadecimal digits.

    Where `kith rotate-key` made new keys, that is laid over with each of them in turn: what only a hash is kept of can follow.
    """
    for key in current_app.config["KEYS"].lookup:
        text = _under(key, text)
    return text


def lasting_hash(text: str) -> str:
    """Return a keyed hash that stays what it is whatever new keys are made: a name for something, by which nothing is looked up."""
    return _under(current_app.config["KEYS"].lookup[0], text)


def ever_keyed(text: str) -> list[str]:
    """Return what `keyed_hash` gives now, and what it gave before each of the newer keys was made; the oldest first."""
    return [text := _under(key, text) for key in current_app.config["KEYS"].lookup]


def lifted(hashed: str, generation: int) -> str:
    """Return what a keyed hash of that generation is now; the first look-up key made those of generation 0."""
    for key in current_app.config["KEYS"].lookup[generation + 1 :]:
        hashed = _under(key, hashed)
    return hashed


def _under(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def sign(purpose: str, value: Any) -> str:
    """Return `value` signed for one purpose; it never expires."""
    return _serializer(purpose).dumps(value)


def signed(purpose: str, token: str) -> Any:
    """Return what was signed for that purpose, or None for anything forged or altered."""
    try:
        return _serializer(purpose).loads(token)
    except BadSignature:
        return None


def sign_hash(purpose: str, hashed: str) -> str:
    """Return a keyed hash signed for one purpose, with the generation it is of: it never expires, and outlives new keys."""
    generation = len(current_app.config["KEYS"].lookup) - 1
    return sign(purpose, [generation, hashed] if generation else hashed)


def signed_hash(purpose: str, token: str) -> str | None:
    """Return the keyed hash that was signed for that purpose, as it is now; None for anything forged or altered."""
    found = signed(purpose, token)
    match found:
        case str():
            return lifted(found, 0)
        case [int(generation), str(hashed)]:
            return lifted(hashed, generation)
    return None


def _serializer(purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(_keys(purpose), salt=f"kith.{purpose}", signer_kwargs=SIGNED_WITH)


def _keys(purpose: str) -> list[bytes]:
    """Oldest first, as itsdangerous wants them: the last signs."""
    keys = current_app.config["KEYS"]
    return [*(keys.mailed if purpose in MAILED else ()), *reversed(keys.signing)]
