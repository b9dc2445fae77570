"""A feed as Atom (RFC 4287), for programs: made by the library, so that nothing anybody writes can break out of its element."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

NAMESPACE = "http://www.w3.org/2005/Atom"
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ET.register_namespace("", NAMESPACE)


@dataclass(frozen=True)
class Entry:
    """One thing in a feed."""

    key: str
    title: str
    author: str
    url: str
    text: str
    published: datetime
    updated: datetime


def name_of(key: str) -> str:
    """Return the name of something for ever: the same wherever the instance moves to."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"kith {key}").urn


def render(key: str, title: str, url: str, begun: datetime, entries: Sequence[Entry]) -> bytes:
    """Return a feed, the newest entry first; `begun` is when it last changed where it is empty."""
    feed = ET.Element(f"{{{NAMESPACE}}}feed")
    _add(feed, "id", name_of(key))
    _add(feed, "title", title)
    _add(feed, "updated", _moment(max((entry.updated for entry in entries), default=begun)))
    _add(feed, "link", rel="alternate", type="text/html", href=url)
    for entry in entries:
        row = _add(feed, "entry")
        _add(row, "id", name_of(entry.key))
        _add(row, "title", entry.title)
        _add(row, "published", _moment(entry.published))
        _add(row, "updated", _moment(entry.updated))
        _add(_add(row, "author"), "name", entry.author)
        _add(row, "link", rel="alternate", type="text/html", href=entry.url)
        _add(row, "content", entry.text or entry.title, type="text")
    return bytes(ET.tostring(feed, encoding="utf-8", xml_declaration=True))


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    made.text = None if text is None else legal(text)
    return made


def legal(text: str) -> str:
    """Return a text without what no XML can hold, however it is written."""
    return _ILLEGAL.sub("", text)


def _moment(value: datetime) -> str:
    return value.isoformat(timespec="seconds")
