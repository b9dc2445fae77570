"""Profiles: what members say about themselves, and their photo."""

import io
import re
import threading
import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

from PIL import Image, ImageOps
from sqlalchemy import delete, insert, select

from webapp import tokens, transaction
from webapp.domain import accounts, names, relationships
from webapp.domain.errors import N_, Invalid, NotFound
from webapp.extensions import db
from webapp.models.member import Member, Photo, visible

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
PIXELS = (64, 256)
PHOTO_BYTES = 8_000_000
SMALL_BYTES = 3_000
"""What the smallest photo weighs at most: a list shows 25 of them."""
PICTURE_PIXELS = 25_000_000
JPEG_PIXELS = 120_000_000
"""A JPEG may have more: it is read at an eighth of its size where that is enough."""
QUALITIES = (82, 70, 55, 40, 25, 10, 0)
NO_PICTURE = N_("Choose a JPEG, PNG or WebP picture")
TOO_LARGE = N_("Choose a smaller picture: at most 8 MB, and at most 25 million pixels")

_decoding = threading.Lock()  # one picture at a time: however many arrive, they need the memory of one


# What members say about themselves


def edit(viewer: Member, **fields: str) -> None:
    """Change these fields of the viewer's profile and leave the others. Invalid, with every problem, changes nothing."""
    kept: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name, text in fields.items():
        try:
            kept[name] = _checked(name, text)
        except Invalid as error:
            problems |= error.fields
    if problems:
        raise Invalid(**problems)
    for name, value in kept.items():
        setattr(viewer, name, value)
    names.refresh(viewer)


def _checked(name: str, text: str) -> object:
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
    line = _line(text)
    if len(line) > LENGTHS[name]:
        raise Invalid(**{name: TOO_LONG})
    return line


def _line(text: str) -> str:
    """Return a text as one line, composed, without what cannot be seen."""
    return " ".join(_visible(text).split())


def _visible(text: str) -> str:
    composed = unicodedata.normalize("NFC", text[: ABOUT_CHARACTERS * 4])
    return "".join(
        letter
        for letter in composed
        if letter in "\n\t\u200d" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co"}
    )


def _about(text: str) -> str:
    kept = re.sub(r"\n{3,}", "\n\n", _visible(text.replace("\r\n", "\n"))).strip()
    if len(kept) > ABOUT_CHARACTERS:
        raise Invalid(about=N_("Use at most 2,000 characters here"))
    return kept


def _tags(text: str) -> list[str]:
    tags = list(dict.fromkeys(tag for tag in map(_line, text.replace("\n", ",").split(",")) if tag))
    if len(tags) > TAGS or any(len(tag) > TAG_CHARACTERS for tag in tags):
        raise Invalid(tags=N_("Use at most 10 words or short phrases, with commas between them"))
    return tags


def _links(text: str) -> list[str]:
    links = list(dict.fromkeys(link for link in text.split() if link))
    if len(links) > LINKS or not all(map(_is_link, links)):
        raise Invalid(links=N_("Use at most 5 addresses that start with https://, one a line"))
    return links


def _is_link(link: str) -> bool:
    """Whether a link leads to a web page and nowhere else; `javascript:` and names with a password in them do not."""
    try:
        parts = urlsplit(link)
        return (
            len(link) <= LINK_CHARACTERS
            and link.isprintable()
            and parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.username is None
        )
    except ValueError:
        return False


# The photo


def crop(picture: bytes) -> dict[int, bytes]:
    """Return a picture as square WebP files by their pixels, cut from its middle, without what it carried besides.

    Invalid for what is no picture, and for one that would need too much memory. Slow: never inside a transaction.
    """
    transaction.refuse_inside("A picture is read")
    if len(picture) > PHOTO_BYTES:
        raise Invalid(photo=TOO_LARGE)
    with _decoding:
        try:
            with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG", "WEBP")) as opened:
                most = JPEG_PIXELS if opened.format == "JPEG" else PICTURE_PIXELS
                if opened.width * opened.height > most:
                    raise Invalid(photo=TOO_LARGE)
                opened.draft("RGB", (max(PIXELS) * 2, max(PIXELS) * 2))
                upright = ImageOps.exif_transpose(opened)
                flat = _on_white(upright)
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise Invalid(photo=NO_PICTURE) from error
        return {pixels: _webp(ImageOps.fit(flat, (pixels, pixels), Image.Resampling.LANCZOS)) for pixels in PIXELS}


def _on_white(picture: Image.Image) -> Image.Image:
    """Return a picture without transparency, colour profile or anything else but its pixels."""
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        above = picture.convert("RGBA")
        below = Image.new("RGBA", above.size, "white")
        picture = Image.alpha_composite(below, above)
    plain = Image.new("RGB", picture.size)
    plain.paste(picture.convert("RGB"))
    return plain


def _webp(picture: Image.Image) -> bytes:
    written = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=6)
        written = buffer.getvalue()
        if picture.width > min(PIXELS) or len(written) <= SMALL_BYTES:
            break
    return written


def set_photo(viewer: Member, made: Mapping[int, bytes]) -> None:
    """Show this photo (as `crop` made it) from now on; the one before is deleted. A new name, so that no browser shows the old one."""
    remove_photo(viewer)
    viewer.photo = tokens.new()
    db.session.execute(
        insert(Photo),
        [
            {"name": viewer.photo, "pixels": pixels, "member_id": viewer.id, "webp": webp}
            for pixels, webp in made.items()
        ],
    )


def remove_photo(viewer: Member) -> None:
    """Show initials again; the photo is deleted."""
    viewer.photo = None
    db.session.execute(delete(Photo).where(Photo.member_id == viewer.id))


def photo(viewer: Member, name: str, pixels: int) -> bytes:
    """Return a photo as it is served, else NotFound: also for the photo of somebody who does not exist for the viewer."""
    seen = visible() & ~relationships.blocked_between(viewer, Member.id)
    found = db.session.scalar(
        select(Photo.webp)
        .join(Member, Member.id == Photo.member_id)
        .where(Photo.name == name, Photo.pixels == pixels, seen | (Member.id == viewer.id))
    )
    if found is None:
        raise NotFound
    return found
