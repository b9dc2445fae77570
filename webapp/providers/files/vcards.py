"""vCards of any version and program: 2.1 (quoted-printable, charsets), 3.0 (folded, grouped), 4.0 (mailto, order of preference).

A reader of our own: what it must survive is in docs/decisions/0016.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

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
_FOLD = re.compile(rb"\n[ \t]")
_SOFT_BREAK = re.compile(rb"=[ \t]*\n")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARTS = re.compile(r"((?:\\.|[^\\;])*)(?:;|\Z)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,3}")
_NO_PREFERENCE = 101
_PARAMETERS_MAX = 50
ADDRESSES_READ = 100
LINES_READ = 1_000
"""Lines of one card that are looked at."""
HEADS_KEPT = 1_000
_USED = frozenset({"FN", "N", "ORG", "NICKNAME", "EMAIL", "VERSION", "KIND", "X-ADDRESSBOOKSERVER-KIND", "AGENT"})
_GROUP = re.compile(
    rb"^(?:[a-z0-9_-]{1,60}\.)?(?:X-ADDRESSBOOKSERVER-)?KIND[^:\n]{0,200}:[ \t]*group[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before the colon of a line."""

    name: str
    encoding: Literal["", "quoted-printable", "base64"]
    charset: str
    preference: int


@dataclass(slots=True)
class _Reading:
    """A card while its lines come in."""

    version: str = ""
    values: dict[str, str] = field(default_factory=dict)
    emails: list[tuple[int, str]] = field(default_factory=list)
    is_group: bool = False
    is_agent_next: bool = False
    lines: int = 0

    @property
    def name(self) -> str:
        """What the card calls its person, or company."""
        full = _plain(self.values.get("FN", ""))
        if full.strip():
            return full
        family, given, further = [*_parts(self.values.get("N", "")), "", "", ""][:3]
        parts = " ".join(part for part in (given, further, family) if part.strip())
        organisation = next(iter(_parts(self.values.get("ORG", ""))), "")
        others = (parts, _plain(self.values.get("NICKNAME", "")), organisation)
        return next((text for text in others if text.strip()), "")

    @property
    def addresses(self) -> list[str]:
        """Its addresses as written, in the order of preference."""
        return [each for _, value in sorted(self.emails, key=lambda email: email[0]) for each in spoken(value)]

    def take(self, head: _Head, value: str) -> None:
        """Note what one line says."""
        self.is_agent_next = head.name == "AGENT" and not value.strip()
        if head.name == "EMAIL":
            if len(self.emails) < ADDRESSES_READ:
                self.emails.append((head.preference, _plain(value)))
        elif head.name == "VERSION":
            self.version = value.strip()
        elif head.name in {"KIND", "X-ADDRESSBOOKSERVER-KIND"}:
            self.is_group = self.is_group or value.strip().lower() == "group"
        elif value.strip():
            self.values.setdefault(head.name, value)


def read(data: bytes) -> Page:
    """Return the cards of a file or of a server's answer, usable or not, in their order, up to 25,000; `total` counts all of them.

    Groups and lists (KIND:group) are no contacts and are passed over. A card that is broken costs only itself.
    """
    gathered = _gathered(data)
    return Page(gathered.cards, total=len(gathered.cards) + gathered.left_out)


def found(data: bytes) -> Found:
    """Return what a file of vCards holds. Raises FileError where there is nothing."""
    return _gathered(data).found("vcard")


def _gathered(data: bytes) -> Gathering:
    """Return the contacts of all cards."""
    # Nextcloud has written the end of a card and the beginning of the next into one line.
    data = texts.clean(data).replace(b"END:VCARDBEGIN:VCARD", b"END:VCARD\nBEGIN:VCARD")
    book = _Book()
    for mark, line, at in _lines(data):
        if mark == "BEGIN":
            book.begin()
            if book.gathered.is_full:
                book.gathered.left_out += _count(data, at)
                return book.gathered
        elif mark == "END":
            book.end()
        else:
            book.line(line)
    book.finish(whole=False)
    return book.gathered


class _Book:
    """The cards so far, and the one that is being read."""

    def __init__(self) -> None:
        self.gathered = Gathering()
        self.heads = _Heads()
        self.reading: _Reading | None = None
        self.is_inside_agent = False

    def begin(self) -> None:
        """A card begins: the one of an agent inside another, or the next, whether or not the one before has ended."""
        if self.reading is not None and self.reading.is_agent_next and not self.is_inside_agent:
            self.is_inside_agent = True
            return
        self.finish(whole=False)
        self.reading, self.is_inside_agent = _Reading(), False

    def end(self) -> None:
        """A card ends."""
        if self.is_inside_agent:
            self.is_inside_agent = False
        else:
            self.finish(whole=True)

    def line(self, line: bytes) -> None:
        """Take a line to the card it is in; where none has begun, its BEGIN was lost."""
        if self.is_inside_agent:
            return
        if self.reading is None:
            self.reading = _Reading()
        self.reading.lines += 1
        said = self.heads.said(line, self.reading.version) if self.reading.lines <= LINES_READ else None
        if said is not None:
            self.reading.take(*said)

    def finish(self, *, whole: bool) -> None:
        """Add the card to the contacts; a broken one with an address is as good as any."""
        reading, self.reading = self.reading, None
        if reading is None or reading.is_group:
            return
        if whole or reading.emails:
            self.gathered.add(reading.name, reading.addresses)
        else:
            self.gathered.add_broken(reading.name)


def _count(data: bytes, at: int) -> int:
    """Return how many contacts follow from there on, without reading them."""
    begun = sum(1 for _ in BEGINS.finditer(data, at))
    return max(begun - sum(1 for _ in _GROUP.finditer(data, at)), 0)


def _lines(data: bytes) -> Iterator[tuple[str, bytes, int]]:
    """Return the marks (BEGIN, END) and the logical lines of use, each with its place."""
    for match in _LINE.finditer(data):
        if match["mark"]:
            yield match["mark"].decode().upper(), b"", match.start()
        elif match.end() - match.start() <= LINE_OCTETS:
            yield "", match[0], match.start()


class _Heads:
    """Heads of lines as they were understood: a book has few that differ."""

    def __init__(self) -> None:
        self.known: dict[bytes, _Head | None] = {}

    def said(self, line: bytes, version: str) -> tuple[_Head, str] | None:
        """Return what a logical line says; None for one of no use."""
        at = _colon(line)
        written = line[:at]
        if written in self.known:
            head = self.known[written]
        else:
            head = _head(written)
            if len(self.known) < HEADS_KEPT:
                self.known[written] = head
        value = _value(head, line[at + 1 :], version) if head is not None else None
        return None if head is None or value is None else (head, value)


def _colon(line: bytes) -> int:
    """Return where the value begins: at the first colon that is not inside quotes."""
    at, since, quotes = -1, 0, 0
    while (at := line.find(b":", at + 1)) >= 0:
        quotes += line.count(b'"', since, at)
        since = at
        if quotes % 2 == 0:
            return at
    return line.find(b":")


def _head(written: bytes) -> _Head | None:
    """Return what the head of a line means; None for a property of no use."""
    name, *rest = texts.text(_FOLD.sub(b"", written)).replace('"', "").split(";")
    name = name.rpartition(".")[2].strip().upper()
    if name not in _USED:
        return None
    parameters = [_parameter(each) for each in rest[:_PARAMETERS_MAX]]
    charset = next((given for key, given in parameters if key == "CHARSET"), "")
    types = {
        each.strip().upper()
        for key, given in parameters
        if key in {"TYPE", "ENCODING", ""}
        for each in given.split(",")
    }
    encoding: Literal["", "quoted-printable", "base64"] = ""
    if "QUOTED-PRINTABLE" in types:
        encoding = "quoted-printable"
    elif not types.isdisjoint({"B", "BASE64"}):
        encoding = "base64"
    return _Head(name, encoding, charset, _preference(types, parameters))


def _value(head: _Head, value: bytes, version: str) -> str | None:
    """Return the value of a line as text; None where it does not decode."""
    if head.encoding == "quoted-printable":
        value = binascii.a2b_qp(_SOFT_BREAK.sub(b"", value))
    elif b"\n" in value:
        # 2.1 folds at blanks and keeps them; 3.0 and 4.0 fold anywhere, with a blank of their own. No address has one.
        value = value.replace(b"\n", b"") if version == "2.1" and head.name != "EMAIL" else _FOLD.sub(b"", value)
    if head.encoding == "base64":
        try:
            value = base64.b64decode(b"".join(value.split()))
        except (binascii.Error, ValueError):
            return None
    return texts.text(value, head.charset)


def _parameter(written: str) -> tuple[str, str]:
    """Return a parameter; 2.1 leaves out the name of most."""
    key, sign, given = written.partition("=")
    return (key.strip().upper(), given.strip()) if sign else ("", key.strip())


def _preference(types: set[str], parameters: list[tuple[str, str]]) -> int:
    """Return where an address stands: 1 is first. 4.0 says PREF=1 ... 100, the others PREF or nothing."""
    for key, given in parameters:
        if key == "PREF":
            return max(int(given), 1) if given.isascii() and _NUMBER.fullmatch(given) else _NO_PREFERENCE
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
