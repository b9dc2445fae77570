"""The address books of the proof: people who do not exist, with a word in their names and addresses that stands nowhere else."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LETTERS = "bcdfghjklmnpqrstvwxz"


def word() -> str:
    """Return a word that stands nowhere else."""
    return "zq" + "".join(secrets.choice(_LETTERS) for _ in range(12))


@dataclass(frozen=True)
class Contact:
    """Somebody in an address book."""

    name: str
    addresses: tuple[str, ...]


class Strangers:
    """People with a word of their own in everything that is known of them."""

    def __init__(self) -> None:
        self.word = word()
        self._count = 0

    def one(self) -> Contact:
        """Return the next of them."""
        self._count += 1
        own = f"{self.word}{self._count:04}"
        return Contact(f"Canaria {own.title()}", (f"{own}.x@{own}.example",))

    def some(self, number: int) -> list[Contact]:
        """Return so many more."""
        return [self.one() for _ in range(number)]

    def texts(self, contacts: Sequence[Contact]) -> list[str]:
        """Return what would be compared of some of them: names and addresses."""
        return [text for each in contacts for text in (each.name, *each.addresses)]


def at_provider(contacts: Sequence[Contact]) -> dict[str, list[dict[str, Any]]]:
    """Return the book as the demo provider has it, whoever asks."""
    return {"*": [{"name": each.name, "emails": list(each.addresses)} for each in contacts]}


def vcard(contact: Contact, more: str = "") -> str:
    """Return a contact as a vCard, with more lines in it."""
    lines = [f"FN:{contact.name}", *(f"EMAIL:{address}" for address in contact.addresses), *([more] if more else [])]
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""])


def vcards(contacts: Sequence[Contact], more: str = "") -> bytes:
    """Return a vCard file."""
    return "".join(vcard(each, more) for each in contacts).encode()


def csv(contacts: Sequence[Contact], more: str = "") -> bytes:
    """Return Google's CSV file, with a phone number or whatever else."""
    rows = [f"{each.name},{each.addresses[0]},{more}" for each in contacts]
    return "\r\n".join(["Name,E-mail 1 - Value,Phone 1 - Value", *rows, ""]).encode()


def nameless_csv(contacts: Sequence[Contact], more: str = "") -> bytes:
    """Return a CSV file whose columns say nothing of themselves."""
    rows = [f"{more},{each.addresses[0]},{each.name}" for each in contacts]
    return "\r\n".join(["aa,bb,cc", *rows, ""]).encode()


def linkedin(contacts: Sequence[Contact], more: str = "") -> bytes:
    """Return LinkedIn's Connections.csv: a link and an organisation for each, an address where there is one, and a position."""
    head = "First Name,Last Name,URL,Email Address,Company,Position,Connected On"
    rows = []
    for each in contacts:
        first, _, last = each.name.partition(" ")
        link = f"https://www.linkedin.com/in/{last.lower()}"
        rows.append(f"{first},{last},{link},{each.addresses[0]},{last} Works,{more},03 May 2026")
    return "\r\n".join(["Notes:", '"About this file"', "", head, *rows, ""]).encode()


def pasted(contacts: Sequence[Contact]) -> str:
    """Return lines as somebody pastes them."""
    return "\n".join(f"{each.name} <{each.addresses[0]}>" for each in contacts)
