"""LDIF (RFC 2849), as Thunderbird and directories write their address books."""

import base64
import binascii
import re
from collections.abc import Iterator

from webapp.providers.files import texts
from webapp.providers.files.found import Found, Gathering, spoken

BEGINS = re.compile(rb"\s*(?:version:[ \t]*\d+[ \t]*\n\s*)?(?:#[^\n]*\n\s*)*dn::?[^\n]*\n", re.IGNORECASE)
VALUE_OCTETS = 8_192
VALUES_READ = 100
_ENTRY = re.compile(rb"^dn:", re.IGNORECASE | re.MULTILINE)
# A line of use with the lines folded into it, or the empty line after an entry.
_LINE = re.compile(
    rb"^(?:(?P<name>dn|cn|givenname|sn|displayname|o|objectclass|mail|mozillasecondemail)(?P<sign>::?)[ \t]*"
    rb"(?P<value>[^\n]*(?>(?:\n [^\n]*){0,500}))|(?P<end>$))",
    re.IGNORECASE | re.MULTILINE,
)
_LISTS = frozenset({"groupofnames", "groupofuniquenames", "posixgroup"})


def found(data: bytes) -> Found:
    """Return the people of a file; lists are passed over. Raises FileError where there is nobody."""
    gathered = Gathering()
    for entry, at in _entries(data):
        if gathered.is_full:
            gathered.left_out += sum(1 for _ in _ENTRY.finditer(data, at))
            break
        if not _LISTS.isdisjoint(each.lower() for each in entry.get("objectclass", ())):
            continue
        first = {name: values[0] for name, values in entry.items()}
        parts = " ".join(first[name] for name in ("givenname", "sn") if name in first)
        name = first.get("displayname") or first.get("cn") or parts or first.get("o", "")
        written = [*entry.get("mail", ()), *entry.get("mozillasecondemail", ())]
        gathered.add(name, (each for value in written for each in spoken(value)))
    return gathered.found("thunderbird")


def _entries(data: bytes) -> Iterator[tuple[dict[str, list[str]], int]]:
    """Return the entries, each with the place where it begins."""
    begun = 0
    entry: dict[str, list[str]] = {}
    for match in _LINE.finditer(data):
        name = (match["name"] or b"").decode().lower()
        if (name in {"dn", ""}) and entry:
            if "dn" in entry:
                yield entry, begun
            entry = {}
        if name == "dn":
            begun = match.start()
        if name and len(entry.get(name, ())) < VALUES_READ:
            value = _value(match)
            if value:
                entry.setdefault(name, []).append(value)
    if "dn" in entry:
        yield entry, begun


def _value(match: re.Match[bytes]) -> str:
    value = match["value"]
    if len(value) > VALUE_OCTETS:
        return ""
    value = value.replace(b"\n ", b"")
    if match["sign"] == b"::":
        try:
            value = base64.b64decode(value)
        except (binascii.Error, ValueError):
            return ""
    return texts.text(value).strip()
