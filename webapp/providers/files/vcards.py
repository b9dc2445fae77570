"""vCards of any version and program: 2.1 (quoted-printable, charsets), 3.0 (folded, grouped), 4.0 (mailto, order of preference).

A reader of our own: what it must survive is in docs/decisions/0016.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from webapp.providers.base import Page
from webapp.providers.files import texts
from webapp.providers.files.found import Found, Gathering, spoken

BEGINS = re.compile(rb"^[ \t]*BEGIN[ \t]*:[ \t]*VCARD[ \t]*$", re.IGNORECASE | re.MULTILINE)
LINE_OCTETS = 8_192
"""What is longer is left out: a name or an address never is."""
_MARK = rb"(?:BEGIN|END)[ \t]*:[ \t]*VCARD[ \t]*$"
# One logical line of use: a mark, a property that is read with the lines folded into it, or anything in quoted-printable with the lines
# that its "=" at the end joins (a line in the middle of a note may look like anything). Each letter is passed once.
_LINE = re.compile(
    rb"^(?:[ \t]*(?P<mark>BEGIN|END)[ \t]*:[ \t]*VCARD[ \t]*$"
    rb"|(?P<joined>[a-z][^:\n]{0,200}?quoted-printable[^:\n]{0,200}:(?>(?:[^\n]*=\n(?!" + _MARK + rb")){0,5000})[^\n]*)"
    rb"|(?P<folded>(?:[a-z0-9_-]{1,60}\.)?(?:FN|N|ORG|NICKNAME|EMAIL|VERSION|KIND|X-ADDRESSBOOKSERVER-KIND|AGENT)"
    rb"(?=[;:])[^\n]*(?>(?:\n[ \t][^\n]*){0,500})))",
    re.IGNORECASE | re.MULTILINE,
)
_JOINED = re.compile(rb"^([ \t]*END:VCARD)[ \t]*(BEGIN:VCARD[ \t]*)$", re.IGNORECASE | re.MULTILINE)
"""Nextcloud has written the end of a card and the beginning of the next into one line."""
_FOLD = re.compile(rb"\n[ \t]")
_SOFT_BREAK = re.compile(rb"=[ \t]*\n")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARTS = re.compile(r"((?:\\.|[^\\;])*)(?:;|\Z)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,3}")
_NO_PREFERENCE = 101
_PARAMETERS_MAX = 50


@dataclass(slots=True)
class _Property:
    name: str
    value: str
    types: frozenset[str]
    preference: int


@dataclass(slots=True)
class _Reading:
    """A card while its lines come in."""

    version: str = ""
    values: dict[str, str] = field(default_factory=dict)
    emails: list[tuple[int, str]] = field(default_factory=list)
    is_group: bool = False
    is_agent_next: bool = False

    @property
    def name(self) -> str:
        """What the card calls its person, or company."""
        full = _plain(self.values.get("FN", ""))
        if full.strip():
            return full
        family, given, further = [*_parts(self.values.get("N", "")), "", "", ""][:3]
        parts = " ".join(part for part in (given, further, family) if part.strip())
        organisation = next(iter(_parts(self.values.get("ORG", ""))), "")
        return next(
            (text for text in (parts, _plain(self.values.get("NICKNAME", "")), organisation) if text.strip()), ""
        )

    @property
    def addresses(self) -> list[str]:
        """Its addresses as written, in the order of preference."""
        return [each for _, value in sorted(self.emails, key=lambda email: email[0]) for each in spoken(value)]


def read(data: bytes) -> Page:
    """Return the cards of a file or of a server's answer, usable or not, in their order, up to 25,000; `total` counts all of them.

    Groups and lists (KIND:group) are no contacts and are passed over. A card that is broken costs only itself.
    """
    gathered = gather(data)
    return Page(gathered.cards, total=len(gathered.cards) + gathered.left_out)


def found(data: bytes) -> Found:
    """Return what a file of vCards holds. Raises FileError where there is nothing."""
    return gather(data).found("vcard")


def gather(data: bytes) -> Gathering:
    """Return the contacts of all cards."""
    gathered = Gathering()
    reading: _Reading | None = None
    is_inside_agent = False
    for mark, line in _lines(_JOINED.sub(rb"\1\n\2", texts.clean(data))):
        if mark == "BEGIN":
            if reading is not None and reading.is_agent_next and not is_inside_agent:
                is_inside_agent = True
                continue
            if reading is not None:
                _finish(gathered, reading, whole=False)
            reading, is_inside_agent = _Reading(), False
        elif mark == "END" and is_inside_agent:
            is_inside_agent = False
        elif mark == "END":
            if reading is not None:
                _finish(gathered, reading, whole=True)
            reading = None
        elif not is_inside_agent:
            reading = reading or _Reading()  # a line lost its BEGIN
            _take(reading, line)
    if reading is not None:
        _finish(gathered, reading, whole=False)
    return gathered


def _finish(gathered: Gathering, reading: _Reading, *, whole: bool) -> None:
    if reading.is_group:
        return
    if whole or reading.emails:
        gathered.add(reading.name, reading.addresses)
    else:
        gathered.add_broken(reading.name)


def _lines(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Return the marks (BEGIN, END) and the logical lines of use, each once."""
    for match in _LINE.finditer(data):
        if match["mark"]:
            yield match["mark"].decode().upper(), b""
        elif match.end() - match.start() <= LINE_OCTETS:
            yield "", match[0]


def _take(reading: _Reading, line: bytes) -> None:
    """Note what one line says."""
    found = _property(line, reading.version)
    if found is None:
        return
    reading.is_agent_next = found.name == "AGENT" and not found.value.strip()
    if found.name == "EMAIL":
        if len(reading.emails) < ADDRESSES_READ:
            value = (
                "".join(found.value.split())
                if "<" not in found.value and found.value.find("@") == found.value.rfind("@")
                else found.value
            )
            reading.emails.append((found.preference, _plain(value)))
    elif found.name == "VERSION":
        reading.version = found.value.strip()
    elif found.name in {"KIND", "X-ADDRESSBOOKSERVER-KIND"}:
        reading.is_group = reading.is_group or found.value.strip().lower() == "group"
    elif found.value.strip():
        reading.values.setdefault(found.name, found.value)


ADDRESSES_READ = 100
"""EMAIL lines of one card that are sorted by preference."""


def _property(line: bytes, version: str) -> _Property | None:
    """Return what a logical line says; None for one of no use."""
    head, value = _split(line)
    name, *written = head.split(";")
    name = name.rpartition(".")[2].strip().upper()
    if name not in _USED:
        return None
    parameters = [_parameter(each) for each in written[:_PARAMETERS_MAX]]
    charset = next((given for key, given in parameters if key == "CHARSET"), "")
    types = frozenset(
        each.strip().upper()
        for key, given in parameters
        if key in {"TYPE", "ENCODING", ""}
        for each in given.split(",")
    )
    if "QUOTED-PRINTABLE" in types:
        value = quopri.decodestring(_SOFT_BREAK.sub(b"", value))
    else:
        # 2.1 folds at blanks and keeps them; 3.0 and 4.0 fold anywhere with a blank of their own.
        value = value.replace(b"\n", b"") if version == "2.1" else _FOLD.sub(b"", value)
    if types & {"B", "BASE64"}:
        try:
            value = base64.b64decode(b"".join(value.split()))
        except (binascii.Error, ValueError):
            return None
    return _Property(name, texts.text(value, charset), types, _preference(types, parameters))


_USED = frozenset({"FN", "N", "ORG", "NICKNAME", "EMAIL", "VERSION", "KIND", "X-ADDRESSBOOKSERVER-KIND", "AGENT"})


def _split(line: bytes) -> tuple[str, bytes]:
    """Return what stands before the colon, as text without quotes, and the bytes behind it."""
    at = -1
    while (at := line.find(b":", at + 1)) >= 0:
        if line.count(b'"', 0, at) % 2 == 0:
            break
    else:
        at = line.find(b":")
    return texts.text(_FOLD.sub(b"", line[:at])).replace('"', ""), line[at + 1 :]


def _parameter(written: str) -> tuple[str, str]:
    """Return a parameter; 2.1 leaves out the name of most."""
    key, sign, given = written.partition("=")
    return (key.strip().upper(), given.strip()) if sign else ("", key.strip())


def _preference(types: frozenset[str], parameters: list[tuple[str, str]]) -> int:
    """Return where an address stands: 1 is first. 4.0 says PREF=1 ... 100, the others PREF or nothing."""
    for key, given in parameters:
        if key == "PREF":
            return max(int(given), 1) if _NUMBER.fullmatch(given) and given.isascii() else _NO_PREFERENCE
    return 1 if "PREF" in types else _NO_PREFERENCE


def _plain(value: str) -> str:
    r"""Return a value without what escapes its letters; "\n" is a blank in a name."""
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda escaped: " " if escaped[1] in "nN" else escaped[1], value)


def _parts(value: str) -> list[str]:
    """Return the parts of a name or an organisation, one for each semicolon that is not escaped."""
    return [
        _plain(part.replace(",", " ") if "," in part and "\\," not in part else part) for part in _PARTS.findall(value)
    ]
