"""What is sealed opens with its key, in its place, unaltered; and in no other way."""

import io
import os

import pytest

from webapp import sealed

KEY = sealed.new_key()


def test_what_was_sealed_opens_again():
    for plain in (b"", b"ada@example.org", bytes(100_000)):
        assert sealed.unseal(KEY, sealed.seal(KEY, plain, "import 1, page 2"), "import 1, page 2") == plain


def test_sealing_twice_gives_different_bytes_and_shows_nothing():
    one, other = (sealed.seal(KEY, b"ada@example.org", "here") for _ in range(2))
    assert one != other
    assert b"ada" not in one


@pytest.mark.parametrize("change", ["key", "place", "byte", "cut", "empty", "short key"])
def test_anything_else_is_unreadable(change):
    box = sealed.seal(KEY, b"ada@example.org", "here")
    key = {"key": sealed.new_key(), "short key": b"short"}.get(change, KEY)
    box = {"byte": box[:-1] + bytes([box[-1] ^ 1]), "cut": box[:20], "empty": b""}.get(change, box)
    with pytest.raises(sealed.Unreadable):
        sealed.unseal(key, box, "there" if change == "place" else "here")


# Files


def written(plain, place="archive 1"):
    file = io.BytesIO()
    made = sealed.Sealing(file, KEY, place)
    for start in range(0, len(plain), 10_000):
        made.write(plain[start : start + 10_000])
    made.flush()
    made.finish()
    assert made.size == len(plain)
    return file.getvalue()


def read(kept, place="archive 1"):
    return b"".join(sealed.unsealing(io.BytesIO(kept), KEY, place))


def cut(kept):
    """The pieces of a sealed file, each with its length before it."""
    pieces, at = [], 0
    while at < len(kept):
        end = at + 4 + int.from_bytes(kept[at : at + 4], "big")
        pieces.append(kept[at:end])
        at = end
    return pieces


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 300_001])
def test_a_file_opens_as_it_was_written(size):
    plain = os.urandom(size)
    kept = written(plain)
    assert plain == b"" or plain[:64] not in kept
    assert read(kept) == plain


def test_nothing_of_a_file_can_be_left_out_moved_or_altered():
    kept = written(os.urandom(200_000))
    one, two, three, four = cut(kept)
    other = cut(written(os.urandom(200_000), "archive 2"))
    for damaged in (
        b"", one, one + two + three, two + three + four, one + three + four, one + three + two + four, kept + four, kept[:-1],
        kept[:-1] + b"x", one + other[1] + three + four, kept[:2], b"\xff" * 100, one + two + three + b"\0\0\0\0" + four,
    ):  # fmt: skip
        with pytest.raises(sealed.Unreadable):
            read(damaged)
    with pytest.raises(sealed.Unreadable):
        read(kept, "archive 2")
