"""Address books as files: vCard, CSV, LDIF, and the archives of LinkedIn and Kith. Pure: bytes in, contacts out.

What a file is, is told by its contents; its name says nothing.
"""

import re

from webapp.providers.files import archives, ldif, rosters, tables, texts, vcards
from webapp.providers.files.found import Columns, FileError, Found, Kind, Table, Wrong
from webapp.providers.files.tables import mapped

__all__ = ["FILE_BYTES", "Columns", "FileError", "Found", "Kind", "Table", "Wrong", "mapped", "read", "roster"]

FILE_BYTES = 10_000_000
_PREAMBLE_OCTETS = 4_096
_SOMETHING_ELSE = re.compile(
    rb"\s*(?:<[!?a-z]|[{\[]\s*[\"{\[\]}]|%PDF|BEGIN:VCALENDAR|\{\\rtf|-----BEGIN|From |[a-z-]+: [^\n]*\n[a-z-]+: )",
    re.IGNORECASE,
)


def read(data: bytes, file_name: str = "") -> Found | Table:  # noqa: ARG001 - what a file is called says nothing
    """Return the contacts of a file as its member has it, or its table where its columns have names nobody knows. Raises FileError."""
    if len(data) > FILE_BYTES:
        raise FileError("too_large")
    if data.startswith(archives.BEGINS):
        kind, data = archives.read(data)
        if kind == "kith":
            found = vcards.found(data)
            return Found("kith", found.page, found.left_out)
        found_there = _text(texts.clean(data))
        if isinstance(found_there, Table):
            raise FileError("not_contacts")
        return found_there
    return _text(texts.clean(data))


def roster(data: bytes) -> list[tuple[str, str]]:
    """Return (address, year or class) of each row of a list of those who belong to a community. Raises FileError."""
    if len(data) > FILE_BYTES:
        raise FileError("too_large")
    return rosters.read(data)


def _text(data: bytes) -> Found | Table:
    """Return what a clean file holds."""
    if not data.strip():
        raise FileError("empty")
    if not texts.is_text(data):
        raise FileError("not_contacts")
    card = vcards.BEGINS.search(data)
    if card is not None and not data[: card.start()].strip():
        return vcards.found(data)
    if ldif.BEGINS.match(data[:_PREAMBLE_OCTETS]):
        return ldif.found(data)
    if card is None and _SOMETHING_ELSE.match(data[:_PREAMBLE_OCTETS]):
        raise FileError("not_contacts")
    try:
        return tables.read(data)
    except FileError as wrong:
        if card is None or wrong.kind not in {"not_contacts", "empty"}:
            raise
    return vcards.found(data)
