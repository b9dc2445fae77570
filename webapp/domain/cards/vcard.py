"""vCards (RFC 6350, and 3.0 of RFC 2426): written for other programs, and read again for what came from here. Pure.

What is the owner's own carries `X-KITH-SOURCE=mine` and the name it has on the card, so that reading it again adds nothing twice. All other
lines are what the person shares; reading leaves them alone.
"""

import re
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, unquote

from webapp.domain.cards.box import Card, Own

Version = Literal["3.0", "4.0"]
LINE_OCTETS = 75
READ_CHARACTERS = 100_000
"""Longer lines (pictures, mostly) are left out before anything looks at them."""
READ_DETAILS = 100
PROPERTIES = {
    "phone": "TEL",
    "email": "EMAIL",
    "site": "URL",
    "address": "ADR",
    "birthday": "BDAY",
    "messenger": "IMPP",
}
_KINDS = {name: kind for kind, name in PROPERTIES.items()}
_WORDS = {"X-KITH-MET": "met", "X-KITH-SPOKE": "spoke", "X-KITH-SINCE": "since", "NOTE": "note"}
_YEARLESS = "1604"
"""The year that address books write where there is none."""
_HEAD = re.compile(r'([A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+(?:=(?:"[^"]*"|[^";:])*)?)*):')
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)(?:=((?:"[^"]*"|[^";:])*))?')


@dataclass(frozen=True)
class Contact:
    """One person as a file tells of them: what they share (kind, label, value), and the owner's card and tags."""

    uid: str
    name: str
    shared: Sequence[tuple[str, str, str]] = ()
    card: Card | None = None
    tags: Sequence[str] = ()
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Read:
    """What a file tells of one person's card. A text that is not in it is empty."""

    uid: str = ""
    changed_at: datetime | None = None
    details: tuple[Own, ...] = ()
    met: str = ""
    note: str = ""
    every: int = 0
    spoke: str = ""
    since: str = ""
    tags: tuple[str, ...] = ()


def uid(keyed: str) -> str:
    """Return a UID from a keyed hash: the same each time, and nothing can be learned from it."""
    return f"urn:uuid:{uuid.UUID(bytes=bytes.fromhex(keyed)[:16], version=4)}"


# Writing


def write(contact: Contact, version: Version) -> str:
    """Return one vCard. No text in it can end a line or begin another."""
    lines = ["BEGIN:VCARD", f"VERSION:{version}", f"UID:{contact.uid}"]
    if contact.changed_at:
        lines.append(f"REV:{contact.changed_at.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    given, _, family = contact.name.rpartition(" ")
    lines += [f"FN:{_escaped(contact.name)}", f"N:{_escaped(family)};{_escaped(given)};;;"]
    number = 0
    for kind, label, value in contact.shared:
        number += 1
        lines += _detail(kind, label, value, version, number, "")
    card = contact.card
    for mine in card.details if card else ():
        number += 1
        marks = f";X-KITH-SOURCE=mine;X-KITH-KEY={mine.key}"
        marks += f";X-KITH-INSTEAD={mine.instead};X-KITH-THEN={mine.then}" if mine.instead else ""
        lines += _detail(mine.kind, mine.label, mine.value, version, number, marks)
    if card:
        lines += [f"{name}:{_escaped(getattr(card, word))}" for name, word in _WORDS.items() if getattr(card, word)]
        lines += [f"X-KITH-EVERY:{card.every}"] if card.every else []
    if contact.tags:
        lines.append(f"CATEGORIES:{','.join(map(_escaped, contact.tags))}")
    return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCARD"])


def _detail(kind: str, label: str, value: str, version: Version, number: int, marks: str) -> list[str]:
    group = f"item{number}." if label else ""
    if kind == "address":
        value = f";;{_escaped(value)};;;;"
    elif kind == "birthday":
        extra, value = _birthday(value, version)
        marks += extra
    elif kind == "messenger":
        value = f"im:{quote(value, safe='')}"
    elif kind == "site":
        value = _plain(value)
    else:
        value = _escaped(value)
    lines = [f"{group}{PROPERTIES[kind]}{marks}:{value}"]
    return [*lines, f"{group}X-ABLABEL:{_escaped(label)}"] if label else lines


def _birthday(value: str, version: Version) -> tuple[str, str]:
    """Return what stands before and after the colon for "1990-05-14" and for "--05-14"."""
    if version == "4.0":
        return "", f"--{value[2:].replace('-', '')}" if value.startswith("--") else value.replace("-", "")
    if value.startswith("--"):
        return f";X-APPLE-OMIT-YEAR={_YEARLESS}", f"{_YEARLESS}-{value[2:]}"
    return "", value


def _plain(text: str) -> str:
    """Return a text without anything that controls: no line can end in it."""
    if text.isprintable():  # as nearly every text is, which is quicker to see
        return text
    return "".join(letter for letter in text if unicodedata.category(letter) not in {"Cc", "Zl", "Zp"})


def _escaped(text: str) -> str:
    kept = "\\n".join(map(_plain, re.sub(r"([\\,;])", r"\\\1", text).replace("\r\n", "\n").split("\n")))
    return kept.strip()


def _folded(line: str) -> str:
    """Return a line in pieces of at most 75 octets, no letter torn."""
    if len(line.encode()) <= LINE_OCTETS:
        return line
    pieces, piece, octets = [], "", 0
    for letter in line:
        size = len(letter.encode())
        if octets + size > LINE_OCTETS:
            pieces.append(piece)
            piece, octets = "", 1  # the blank that marks what follows
        piece += letter
        octets += size
    return "\r\n ".join([*pieces, piece])


# Reading


@dataclass
class _Reading:
    """A vCard while its lines come in."""

    said: Read = field(default_factory=Read)
    labels: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)

    def done(self) -> Read:
        details = (replace(own, label=self.labels.get(self.groups[own.key], "")) for own in self.said.details)
        return replace(self.said, details=tuple(details))

    def line(self, text: str) -> None:
        head = _HEAD.match(text)
        if head is None:
            return
        group, name, value = head[1] or "", head[2].upper(), text[head.end() :]
        marks = {key.upper(): given.strip('"') for key, given in _PARAMETER.findall(head[3])}
        if name == "UID":
            self.said = replace(self.said, uid=value.strip().lower())
        elif name == "REV":
            self.said = replace(self.said, changed_at=_moment(value))
        elif name == "X-ABLABEL" and group:
            self.labels[group] = _unescaped(value)
        elif name in _WORDS:
            word: dict[str, Any] = {_WORDS[name]: _unescaped(value)}
            self.said = replace(self.said, **word)
        elif name == "X-KITH-EVERY" and value.isascii() and value.isdigit():
            self.said = replace(self.said, every=int(value[:3]))
        elif name == "CATEGORIES":
            self.said = replace(self.said, tags=tuple(_parts(value, ",")))
        elif name in _KINDS and marks.get("X-KITH-SOURCE") == "mine" and len(self.said.details) < READ_DETAILS:
            key = marks.get("X-KITH-KEY", "")
            self.groups[key] = group
            mine = Own(key, _KINDS[name], "", _value(_KINDS[name], value), *_stand(marks))
            self.said = replace(self.said, details=(*self.said.details, mine))


def read(text: str, most: int) -> list[Read]:
    """Return what a file tells, up to one vCard more than `most`. What is no vCard, and what is too long for one, is passed over."""
    found: list[Read] = []
    reading: _Reading | None = None
    for line in _unfolded(text):
        mark = line.strip().upper()
        if mark == "BEGIN:VCARD":
            reading = _Reading()
        elif mark == "END:VCARD" and reading is not None:
            found.append(reading.done())
            reading = None
            if len(found) > most:
                break
        elif reading is not None:
            reading.line(line)
    return found


def _unfolded(text: str) -> Iterator[str]:
    pieces: list[str] = []
    length = 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line[:1] in {" ", "\t"} and pieces:
            length += len(line) - 1
            if length <= READ_CHARACTERS:
                pieces.append(line[1:])
            continue
        if pieces and length <= READ_CHARACTERS:
            yield "".join(pieces)
        pieces, length = [line], len(line)
    if pieces and length <= READ_CHARACTERS:
        yield "".join(pieces)


def _stand(marks: dict[str, str]) -> tuple[str, str]:
    return marks.get("X-KITH-INSTEAD", ""), marks.get("X-KITH-THEN", "")


def _value(kind: str, text: str) -> str:
    if kind == "address":
        return "\n".join(_parts(text, ";"))
    if kind == "birthday":
        return _day(text)
    if kind == "messenger":
        return unquote(text.removeprefix("im:"))
    return text if kind == "site" else _unescaped(text)


def _day(text: str) -> str:
    found = re.fullmatch(r"(?:(\d{4})-?|--)(\d{2})-?(\d{2})", text.strip())
    if found is None:
        return text
    year = found[1] if found[1] != _YEARLESS else None
    return f"{year}-{found[2]}-{found[3]}" if year else f"--{found[2]}-{found[3]}"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _parts(text: str, mark: str) -> list[str]:
    """Return what stands between the marks that are not escaped, without what is empty."""
    return [_unescaped(part) for part in re.findall(rf"(?:\\.|[^\\{mark}])+", text)]


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], text)
