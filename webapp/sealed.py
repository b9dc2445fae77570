"""Sealing: bytes made unreadable and unalterable under a given key (AES-256-GCM, NIST SP 800-38D)."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import current_app

KEY_BYTES = 32
_NONCE_BYTES = 12
_PIECE_BYTES = 65_536
_SEAL_BYTES = 28
"""What sealing adds to a text: a nonce and a tag."""


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


def wrap(plain: bytes, place: str) -> bytes:
    """Return a key, or another short secret, sealed under the instance's wrapping key, fit to be stored."""
    return seal(current_app.config["KEYS"].wrapping[0], plain, place)


def unwrap(wrapped: bytes, place: str) -> bytes:
    """Return what was wrapped for this place, under the wrapping key or one before it; Unreadable under any other."""
    for key in current_app.config["KEYS"].wrapping:
        with suppress(Unreadable):
            return unseal(key, wrapped, place)
    raise Unreadable


# Files


class Sealing:
    """Writes a file that is sealed piece by piece, so that it never stands in memory nor in clear on the disk.

    Each piece is bound to its number and the last one to being the last: none can be left out, moved, or cut off unnoticed.
    """

    def __init__(self, file: BinaryIO, key: bytes, place: str) -> None:
        self._file, self._key, self._place = file, key, place
        self._waiting = bytearray()
        self._number = 0
        self.size = 0
        """How many bytes were written, unsealed."""

    def write(self, plain: bytes) -> int:
        """Take what comes next."""
        self._waiting += plain
        self.size += len(plain)
        while len(self._waiting) > _PIECE_BYTES:  # one piece always waits: it may be the last
            self._put(bytes(self._waiting[:_PIECE_BYTES]), "more")
            del self._waiting[:_PIECE_BYTES]
        return len(plain)

    def flush(self) -> None:
        """Do nothing: a piece is written when it is full."""

    def finish(self) -> None:
        """Write the last piece. Without it the file does not open."""
        self._put(bytes(self._waiting), "last")

    def _put(self, plain: bytes, which: str) -> None:
        piece = seal(self._key, plain, f"{self._place} {self._number} {which}")
        self._file.write(len(piece).to_bytes(4, "big") + piece)
        self._number += 1


def unsealing(file: BinaryIO, key: bytes, place: str) -> Iterator[bytes]:
    """Return what was written through `Sealing`, a piece at a time; Unreadable as soon as something is not as it was written."""
    number = 0
    piece = _next_piece(file)
    while piece:
        following = _next_piece(file)
        yield unseal(key, piece, f"{place} {number} {'more' if following else 'last'}")
        piece, number = following, number + 1
    if not number:
        raise Unreadable


def _next_piece(file: BinaryIO) -> bytes:
    size = int.from_bytes(file.read(4), "big")
    if size > _PIECE_BYTES + _SEAL_BYTES:  # no piece of ours
        raise Unreadable
    return file.read(size)
