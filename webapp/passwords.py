"""Passwords: argon2id, slow on purpose, so never inside a transaction."""

import functools

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp import transaction

MOST_CHARACTERS = 1000
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)  # OWASP's first choice for argon2id


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, every byte of it."""
    _refuse_inside_transaction()
    return _hasher.hash(password)


def verify(hashed: str | None, password: str) -> bool:
    """Whether the password belongs to the hash. Without a hash it takes as long and says no."""
    _refuse_inside_transaction()
    try:
        _hasher.verify(hashed or _dummy(), password)
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


def needs_rehash(hashed: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(hashed)


def _refuse_inside_transaction() -> None:
    if transaction.in_write_transaction():
        raise RuntimeError("A password is hashed inside a transaction.")


@functools.cache
def _dummy() -> str:
    return _hasher.hash("nobody's password")
