"""Where address books come from, one module a source; none knows another."""

from collections.abc import Mapping

from webapp.providers.base import AddressBook
from webapp.providers.google import Google
from webapp.providers.microsoft import Microsoft

BOOKS: Mapping[str, AddressBook] = {"google": Google(), "microsoft": Microsoft()}
"""The address books that are read over the network, by the name of their door."""
