"""What members say about themselves, and their photo."""

import io
import struct
import zlib

import pytest
from PIL import Image
from sqlalchemy import select

from tests import factories
from webapp import tokens
from webapp.domain import profiles, relationships, search
from webapp.domain.errors import Invalid, NotFound
from webapp.domain.search import Query
from webapp.extensions import db
from webapp.models.member import Photo
from webapp.models.profile import ProfileLink


def picture(kind="JPEG", size=(640, 400), mode="RGB", **more):
    image = Image.effect_noise(size, 90).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def test_a_field_is_changed_alone_and_found_at_once(ana):
    profiles.edit(ana, headline="  River   ecologist\u202e ", field="Research")
    profiles.edit(ana, place="Kraków", tags="kelp, slow data,kelp", links="https://example.org/a\nhttp://b.example")
    db.session.commit()
    assert (ana.headline, ana.place, ana.field) == ("River ecologist", "Kraków", "Research")
    assert ana.tags == ["kelp", "slow data"]
    assert ana.links == ["https://example.org/a", "http://b.example"]
    other = factories.member("Ben")
    assert [row.id for row in search.find(other, Query("krakow slow river")).rows] == [ana.id]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", "   "),
        ("headline", "x" * 161),
        ("organisation", "x" * 121),
        ("field", "Wizardry"),
        ("about", "x" * 2001),
        ("tags", ",".join(f"tag{n}" for n in range(11))),
        ("tags", "x" * 41),
        ("links", "javascript:alert(1)"),
        ("links", "https://user:pw@example.org"),
        ("links", "https://[::1"),
        ("links", "example.org"),
        ("links", " ".join(f"https://{n}.example" for n in range(6))),
        ("links", f"https://example.org/{'x' * 200}"),
    ],
)
def test_what_does_not_hold_is_named_and_nothing_changes(ana, field, text):
    with pytest.raises(Invalid) as refused:
        profiles.edit(ana, place="Porto", **{field: text})
    assert list(refused.value.fields) == [field]
    assert ana.place == ""


def test_about_keeps_its_lines_and_nothing_invisible(ana):
    profiles.edit(ana, about="One\r\n\r\n\r\n\r\nTwo\x07 \u200b👩\u200d🔬")
    assert ana.about == "One\n\nTwo 👩\u200d🔬"


@pytest.mark.parametrize(
    ("kind", "mode", "size"),
    [
        ("JPEG", "RGB", (3000, 2000)),
        ("JPEG", "CMYK", (400, 600)),
        ("PNG", "RGBA", (300, 300)),
        ("PNG", "1", (90, 70)),
        ("PNG", "P", (300, 200)),
        ("PNG", "I;16", (80, 80)),
        ("PNG", "LA", (20, 20)),
        ("WEBP", "RGB", (64, 400)),
    ],
)
def test_a_photo_becomes_square_webp_of_both_sizes(kind, mode, size):
    made = profiles.crop(picture(kind, size, mode))
    assert sorted(made) == [64, 256]
    for pixels, webp in made.items():
        with Image.open(io.BytesIO(webp)) as image:
            assert (image.format, image.size) == ("WEBP", (pixels, pixels))
            assert not set(image.info) & {"exif", "icc_profile", "xmp"}


def test_the_small_photo_is_small_whatever_it_shows():
    assert len(profiles.crop(picture(size=(2000, 2000)))[64]) <= 3000


def bomb(width, height):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10_000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + b"\0" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture()[:500],
        picture("PNG")[:500],
        bomb(200, 200),
        bomb(20_000, 20_000),
        bomb(100_000, 100_000),
        b"\0" * 8_000_001,
    ],
    ids=["empty", "gif", "svg", "half a jpeg", "half a png", "too few rows", "bomb", "larger bomb", "too many bytes"],
)
def test_what_is_no_picture_or_too_large_a_one_is_refused(data):
    with pytest.raises(Invalid) as refused:
        profiles.crop(data)
    assert list(refused.value.fields) == ["photo"]


def test_a_new_photo_replaces_the_old_one(ana):
    made = profiles.crop(picture())
    profiles.set_photo(ana, made)
    first = ana.photo
    profiles.set_photo(ana, made)
    db.session.commit()
    assert ana.photo != first
    assert profiles.photo(ana, ana.photo, 64) == made[64]
    assert db.session.query(Photo).count() == 2
    with pytest.raises(NotFound):
        profiles.photo(ana, first, 64)
    profiles.remove_photo(ana)
    db.session.commit()
    assert ana.photo is None
    assert db.session.query(Photo).count() == 0


def test_a_photo_is_shown_to_those_who_may_see_its_owner(ana):
    ben = factories.member("Ben")
    profiles.set_photo(ana, profiles.crop(picture()))
    db.session.commit()
    assert profiles.photo(ben, ana.photo, 256)
    with pytest.raises(NotFound):
        profiles.photo(ben, ana.photo, 128)
    relationships.block(ana, ben)
    db.session.commit()
    with pytest.raises(NotFound):
        profiles.photo(ben, ana.photo, 256)


def test_a_profile_elsewhere_is_looked_up_only_while_every_member_may_see_it(ana):
    def looked_up():
        return db.session.scalars(select(ProfileLink.lookup).where(ProfileLink.member_id == ana.id)).all()

    page, other = "https://www.linkedin.com/in/Ana-Reis/", "https://ana.example"
    profiles.edit(ana, links=f"{page}\nhttps://de.linkedin.com/in/ana-reis\n{other}")
    assert looked_up() == [tokens.keyed_hash("linkedin.com/in/ana-reis")]
    profiles.edit(ana, {"links": "connections"})
    assert looked_up() == []
    profiles.edit(ana, {"links": "public"})
    assert len(looked_up()) == 1
    profiles.edit(ana, links=other)
    assert looked_up() == []
