"""Passwords: argon2id, slow on purpose, so never inside a transaction."""

import functools

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp import tokens, transaction

MOST_CHARACTERS = 1000
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)  # OWASP's first choice for argon2id


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, every byte of it."""
    transaction.slow("A password is hashed")
    return _hasher.hash(password)


def verify(hashed: str | None, password: str) -> bool:
    """Whether the password belongs to the hash. Without a hash it takes as long and says no."""
    transaction.slow("A password is checked")
    try:
        _hasher.verify(hashed or _dummy(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(hashed)


def needs_rehash(hashed: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(hashed)


@functools.cache
def _dummy() -> str:
    return _hasher.hash(tokens.new())
