"""Places in a list, as they stand in an address, and the signed way back."""

import base64

import pytest

from webapp.web import back, paging


def place(app, after, *kinds):
    with app.test_request_context(f"/connections?after={after}"):
        return paging.place(*kinds)


def test_a_place_comes_back_as_it_was(app):
    assert place(app, paging.cursor("van nes, maya é", 7), str, int) == ("van nes, maya é", 7)
    assert place(app, paging.cursor(1_700_000_000_000, 7), paging.Ms, int) == (1_700_000_000_000, 7)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!",
        "a" * 601,
        paging.cursor(1),
        paging.cursor("a", 1),
        paging.cursor(1, 2**63),
        paging.cursor(10**15, 1),
        paging.cursor(1, 2**31),
        paging.cursor(1.5, 1),
        paging.cursor(1, -(2**61)),
        paging.cursor(True, 1),
    ]
    + [base64.urlsafe_b64encode(raw).decode() for raw in (b"[" * 400, b"{}", b"\xff", b"null")],
)
def test_what_is_no_place_is_the_beginning(app, text):
    assert place(app, text, paging.Ms, int) is None


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_no_database_compares_is_the_beginning(app, text):
    assert place(app, paging.cursor(text, 1), str, int) is None
    assert place(app, paging.cursor("👩🏽‍🚀", 1), str, int) == ("👩🏽‍🚀", 1)


def test_the_way_back_is_only_ours(app):
    with app.test_request_context("/people?q=ben"):
        token = back.back_here()
        forged = back.tokens.sign("next", "/settings")
        elsewhere = back.tokens.sign("back", "//evil.example/")
    for given, where in ((token, "/people?q=ben"), (forged, "/network"), (elsewhere, "/network"), ("x", "/network")):
        with app.test_request_context("/people/ben/connect", method="POST", data={"back": given}):
            assert back.leave_back("connections.network").headers["Location"] == where
    with app.test_request_context("/people/ben/connect", method="POST", data={"back": token}):
        assert back.back_here() == token
