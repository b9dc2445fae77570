"""Where address books come from, one module a source; none knows another."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from webapp.config import setting
from webapp.providers.base import AddressBook
from webapp.providers.google import Google
from webapp.providers.microsoft import Microsoft

BOOKS: Mapping[str, AddressBook] = {"google": Google(), "microsoft": Microsoft()}
"""The address books that are read over the network, by the name of their door."""


def door_of(kept: str) -> str | None:
    """Return the door that a typed address (as `addresses.address` returned it) leads straight to; None for an unknown domain."""
    domain = kept.rpartition("@")[2]
    for door in BOOKS:
        if any(fnmatchcase(domain, pattern) for pattern in setting(f"{door.upper()}_DOMAINS")):
            return door
    return None


def is_offered(door: str) -> bool:
    """Whether the operator has registered this instance with the provider."""
    return door in BOOKS and bool(setting(f"{door.upper()}_CLIENT_ID"))
