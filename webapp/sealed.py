"""Sealing: bytes made unreadable and unalterable under a given key (AES-256-GCM, NIST SP 800-38D)."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import current_app

KEY_BYTES = 32
_NONCE_BYTES = 12


class Unreadable(Exception):
    """Sealed under another key, for another place, or altered since."""


def new_key() -> bytes:
    """Return a fresh random key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plain: bytes, place: str) -> bytes:
    """Return `plain` sealed. `place` says where it belongs: put anywhere else, it does not open."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """Return what was sealed under this key for this place; Unreadable for anything else."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):  # ValueError: a key or a nonce of another length
        raise Unreadable from None


def wrap(key: bytes, place: str) -> bytes:
    """Return a key sealed under the instance's wrapping key, fit to be stored."""
    return seal(current_app.config["KEYS"].wrapping, key, place)


def unwrap(wrapped: bytes, place: str) -> bytes:
    """Return the key that was wrapped for this place; Unreadable under another wrapping key."""
    return unseal(current_app.config["KEYS"].wrapping, wrapped, place)
