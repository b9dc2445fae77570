"""What a profile may say: lengths, lists, and text without what cannot be seen."""

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

from webapp.domain import accounts
from webapp.domain.errors import N_, Invalid

FIELDS: tuple[str, ...] = (
    N_("Administration"),
    N_("Architecture"),
    N_("Arts and culture"),
    N_("Business"),
    N_("Climate and energy"),
    N_("Construction and crafts"),
    N_("Design"),
    N_("Education"),
    N_("Engineering"),
    N_("Finance"),
    N_("Food and farming"),
    N_("Health"),
    N_("Hospitality and travel"),
    N_("Human resources"),
    N_("Journalism"),
    N_("Law"),
    N_("Logistics"),
    N_("Marketing and communication"),
    N_("Non-profit"),
    N_("Public service"),
    N_("Research"),
    N_("Social work"),
    N_("Software"),
    N_("Sport"),
)
"""What a profile's field can be: one of these, in the order they are offered; free words go into the tags."""
LENGTHS: Mapping[str, int] = {
    "headline": 160,
    "organisation": 120,
    "title": 120,
    "place": 120,
    "cohort": 60,
    "sort_as": 100,
}
ABOUT_CHARACTERS = 2000
TAGS = 10
TAG_CHARACTERS = 40
LINKS = 5
LINK_CHARACTERS = 200

TOO_LONG = N_("Use fewer characters here")


def checked(name: str, text: str) -> object:
    """Return what a field keeps of a text; Invalid, under the field's name, for what does not hold."""
    if name == "name":
        return accounts.check_name(text)
    if name == "field":
        if text and text not in FIELDS:
            raise Invalid(field=N_("Choose a field of the list"))
        return text
    if name == "about":
        return _about(text)
    if name == "tags":
        return _tags(text)
    if name == "links":
        return _links(text)
    kept = line(text)
    if len(kept) > LENGTHS[name]:
        raise Invalid(**{name: TOO_LONG})
    return kept


def line(text: str) -> str:
    """Return a text as one line, composed, without what cannot be seen."""
    return " ".join(_visible(text).split())


def _visible(text: str, most: int = ABOUT_CHARACTERS) -> str:
    composed = unicodedata.normalize("NFC", text[: most * 4])
    return "".join(
        letter
        for letter in composed
        if letter in "\n\t\u200d" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co"}
    )


def lines(text: str, most: int = ABOUT_CHARACTERS) -> str:
    """Return a text with its lines, at most one of them empty at a time, without what cannot be seen.

    Of a text that is far longer than `most` only the beginning is read; it is too long all the same.
    """
    return re.sub(r"\n{3,}", "\n\n", _visible(text.replace("\r\n", "\n"), most)).strip()


def _about(text: str) -> str:
    kept = lines(text)
    if len(kept) > ABOUT_CHARACTERS:
        raise Invalid(about=N_("Use at most 2,000 characters here"))
    return kept


def _tags(text: str) -> list[str]:
    tags = list(dict.fromkeys(tag for tag in map(line, text.replace("\n", ",").split(",")) if tag))
    if len(tags) > TAGS or any(len(tag) > TAG_CHARACTERS for tag in tags):
        raise Invalid(tags=N_("Use at most 10 words or short phrases, with commas between them"))
    return tags


def _links(text: str) -> list[str]:
    links = list(dict.fromkeys(link for link in text.split() if link))
    if len(links) > LINKS or not all(map(is_link, links)):
        raise Invalid(links=N_("Use at most 5 addresses that start with https://, one a line"))
    return links


def is_link(link: str) -> bool:
    """Whether a link leads to a web page and nowhere else; `javascript:` and names with a password in them do not."""
    try:
        parts = urlsplit(link)
        return (
            len(link) <= LINK_CHARACTERS
            and link.isprintable()
            and " " not in link
            and parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.username is None
        )
    except ValueError:
        return False
