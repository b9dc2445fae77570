"""What a pasted text says, and what of it was not understood."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.providers import paste
from webapp.providers.base import Card


def cards(text):
    return [(each.name, each.addresses[0]) for each in paste.read(text).cards]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada Lovelace <ada@x.example>", [("Ada Lovelace", "ada@x.example")]),
        ("a@x.example, b@x.example;c@x.example\nd@x.example", [("", f"{each}@x.example") for each in "abcd"]),
        ("a@x.example b@x.example\tc@x.example", [("", f"{each}@x.example") for each in "abc"]),
        (
            "Lovelace, Ada <ada@x.example>, Ben <ben@x.example>",
            [("Lovelace, Ada", "ada@x.example"), ("Ben", "ben@x.example")],
        ),
        ('"Lovelace, Ada; Countess" <ada@x.example>', [("Lovelace, Ada; Countess", "ada@x.example")]),
        ("Ada Lovelace ada@x.example", [("Ada Lovelace", "ada@x.example")]),
        ("Ada\tada@x.example", [("Ada", "ada@x.example")]),
        ("ada@x.example (Ada Lovelace)", [("Ada Lovelace", "ada@x.example")]),
        ("<ada@x.example>", [("", "ada@x.example")]),
        ("'ada@x.example'", [("", "ada@x.example")]),
        ("Write to ada@x.example.", [("Write to", "ada@x.example")]),
        ("- Ada: mailto:ada@x.example", [("Ada", "ada@x.example")]),
        ("Ada <mailto:ada@x.example>", [("Ada", "ada@x.example")]),
        ("", []),
        ("\n\n  \n", []),
    ],
)
def test_any_mix_is_understood(text, found):
    assert cards(text) == found


def test_what_is_not_understood_is_told_line_by_line():
    found = paste.read("Ada <ada@x.example>\n\nonly words; more\nben@nowhere, <no address>, cid@x.example")
    assert [(each.line, each.text) for each in found.not_understood] == [
        (3, "only words"),
        (3, "more"),
        (4, "ben@nowhere"),
        (4, "<no address>"),
    ]
    assert cards("ben@nowhere, cid@x.example") == [("", "cid@x.example")]
    assert (found.page.read, len(found.cards)) == (6, 2)


def test_five_hundred_addresses_are_taken_and_the_rest_is_counted():
    found = paste.read("\n".join(f"p{number}@x.example" for number in range(620)))
    assert len(found.cards) == 500
    assert found.left_out == 120
    assert found.cards[0] == Card("", ("p0@x.example",))


def test_a_text_that_is_too_long_is_cut_and_the_rest_is_counted():
    found = paste.read("x" * paste.CHARACTERS_MAX + " a@x.example b@x.example")
    assert (found.cards, found.left_out) == ([], 2)


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "<" * 100_000, "a@" * 50_000, '"' * 100_000, "(" * 100_000, "a@b.de(" * 12_000]
)
def test_no_text_takes_long(text):
    start = time.perf_counter()
    paste.read(text)
    assert time.perf_counter() - start < 1


@given(st.text("ab@.,;<>()\"' \n\tx", max_size=200))
def test_any_text_is_read(text):
    found = paste.read(text)
    assert len(found.cards) <= text.count("@")
