"""A chain of lines: what its digests are made of, and that whatever was altered since shows."""

import hashlib
from datetime import UTC, datetime

import pytest

from webapp import chain

LINES = [{"number": number, "what": "tried", "how": "é", "many": number * 1000} for number in range(1, 6)]


def chained(lines):
    before, found = chain.FIRST, []
    for line in lines:
        before = chain.digest(before, line)
        found.append((line, before))
    return found


def test_a_digest_is_of_the_one_before_and_of_the_line_as_plain_json():
    line = {"number": 1, "at": "2026-05-03T10:00:00.123Z", "what": "tried", "name": "Zoë", "none": None}
    text = r'{"at":"2026-05-03T10:00:00.123Z","name":"Zo\u00eb","none":null,"number":1,"what":"tried"}'
    assert chain.canonical(line) == text
    first = hashlib.sha256(text.encode()).hexdigest()
    assert chain.digest(chain.FIRST, line) == first
    assert chain.digest(first, line) == hashlib.sha256((first + text).encode()).hexdigest()


def test_moments_are_written_to_the_millisecond():
    assert chain.moment(datetime(2026, 5, 3, 10, 0, 0, 123999, UTC)) == "2026-05-03T10:00:00.123Z"


@pytest.mark.parametrize("value", [1.5, [1], {"a": 1}, datetime(2026, 5, 3, tzinfo=UTC)])
def test_what_another_program_may_write_otherwise_has_no_place(value):
    with pytest.raises(TypeError):
        chain.digest(chain.FIRST, {"value": value})


def test_an_unaltered_chain_holds():
    assert chain.broken(chained(LINES)) is None
    assert chain.broken([]) is None


@pytest.mark.parametrize(
    ("tamper", "place"),
    [
        (lambda lines: lines[2][0].update(many=1), 3),
        (lambda lines: lines.pop(2), 3),
        (lambda lines: lines.pop(0), 1),
        (lambda lines: lines.insert(1, lines[0]), 2),
        (lambda lines: lines.reverse(), 1),
        (lambda lines: lines.__setitem__(3, (lines[3][0], "0" * 64)), 4),
        # Made right by itself, it does not fit what follows.
        (lambda lines: lines.__setitem__(1, chained([LINES[0], LINES[1] | {"many": 7}])[1]), 3),
    ],
)
def test_whatever_was_altered_is_found_where_it_is(tamper, place):
    lines = chained([dict(line) for line in LINES])
    tamper(lines)
    assert chain.broken(lines) == place
