"""What is sealed opens with its key, in its place, unaltered; and in no other way."""

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
