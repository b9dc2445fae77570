"""The photo: cut and re-encoded by us, and served to those who may see it."""

import io
import threading
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select

from webapp import tokens, transaction
from webapp.domain.errors import N_, Invalid, NotFound
from webapp.domain.profiles import fields
from webapp.domain.profiles.audiences import DEFAULT, exists_for, may_see
from webapp.extensions import db
from webapp.models.member import Member, Photo
from webapp.models.profile import ProfileField

if TYPE_CHECKING:
    from PIL import Image

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


def crop(picture: bytes) -> dict[int, bytes]:
    """Return a picture as square WebP files by their pixels, cut from its middle, without what it carried besides.

    Invalid for what is no picture, and for one that would need too much memory. Slow: never inside a transaction.
    """
    from PIL import Image, ImageOps

    upright = flat(picture)
    with _decoding:
        return {pixels: _webp(ImageOps.fit(upright, (pixels, pixels), Image.Resampling.LANCZOS)) for pixels in PIXELS}


def flat(picture: bytes) -> "Image.Image":
    """Return a picture as its pixels alone, upright and on white, without what it carried besides. As `crop` otherwise."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = (
        None  # the size is looked at here, before anything is unpacked; a warning would be heard by nobody
    )
    transaction.slow("A picture is read")
    if len(picture) > PHOTO_BYTES:
        raise Invalid(photo=TOO_LARGE)
    with _decoding, warnings.catch_warnings(action="ignore"):  # Pillow's, about what a picture says of itself
        try:
            with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG", "WEBP")) as opened:
                most = JPEG_PIXELS if opened.format == "JPEG" else PICTURE_PIXELS
                if opened.width * opened.height > most:
                    raise Invalid(photo=TOO_LARGE)
                opened.draft("RGB", (max(PIXELS) * 2, max(PIXELS) * 2))
                upright = ImageOps.exif_transpose(opened)
                return _on_white(upright)
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise Invalid(photo=NO_PICTURE) from error


def _on_white(picture: "Image.Image") -> "Image.Image":
    """Return a picture without transparency, colour profile or anything else but its pixels."""
    from PIL import Image

    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        above = picture.convert("RGBA")
        below = Image.new("RGBA", above.size, "white")
        picture = Image.alpha_composite(below, above)
    plain = Image.new("RGB", picture.size)
    plain.paste(picture.convert("RGB"))
    return plain


def _webp(picture: "Image.Image") -> bytes:
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
    name = tokens.new()
    _replace(viewer, name)
    db.session.execute(
        insert(Photo),
        [{"name": name, "pixels": pixels, "member_id": viewer.id, "webp": webp} for pixels, webp in made.items()],
    )


def remove_photo(viewer: Member) -> None:
    """Show initials again; the photo is deleted, and who would see one stays as it was."""
    _replace(viewer, None)


def _replace(viewer: Member, name: str | None) -> None:
    fields.put(viewer, "photo", fields.Held(name, fields.all_of(viewer)["photo"].audience))
    db.session.execute(delete(Photo).where(Photo.member_id == viewer.id))


def own_photo(viewer: Member) -> bytes | None:
    """Return the viewer's own photo in its largest size; None for none."""
    mine = select(Photo.webp).where(Photo.member_id == viewer.id, Photo.name == fields.all_of(viewer)["photo"].value)
    return db.session.scalar(mine.order_by(Photo.pixels.desc()).limit(1))


def photo(viewer: Member | None, name: str, pixels: int) -> bytes:
    """Return a photo as it is served, else NotFound: for who is not among its audience, or for whom its owner does not exist."""
    audience = func.coalesce(ProfileField.audience, DEFAULT)
    found = db.session.scalar(
        select(Photo.webp)
        .join(Member, Member.id == Photo.member_id)
        .outerjoin(ProfileField, (ProfileField.member_id == Member.id) & (ProfileField.name == "photo"))
        .where(Photo.name == name, Photo.pixels == pixels, exists_for(viewer), may_see(viewer, Member.id, audience))
    )
    if found is None:
        raise NotFound
    return found
