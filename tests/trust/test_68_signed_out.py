"""Sentence 68, in a real browser: what was read is gone with the visit."""

import pytest

from tests.browser.fixtures import Site
from webapp.demo import community


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(community, "MEMBERS", 60)
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            community.build(tmp_path / "books.json")
        yield running


def signed_in(site, visit):
    maya = visit()
    maya.sign_in(site.url, community.SAMPLE.address, community.PASSWORD)
    return maya


def test_68_after_signing_out_nothing_that_was_read_can_be_seen_again(site, visit):
    """After signing out, Back shows nothing that was read, neither from the browser's memory nor from htmx's: the browser keeps no page, no
    storage holds anything, and signing out tells it to forget what it has (Clear-Site-Data).
    """
    maya = signed_in(site, visit)
    page = maya.page
    page.goto(f"{site.url}/messages")
    page.goto(f"{site.url}/connections")
    private = '() => document.querySelector(\'form[action="/signout"], a[href^="/people/"]\') !== null'
    assert page.evaluate(private)
    with page.expect_response(lambda answer: answer.url.endswith("/signout")) as left, page.expect_navigation():
        page.evaluate("() => document.querySelector('form[action=\"/signout\"]').requestSubmit()")
    assert left.value.all_headers()["clear-site-data"] == '"cache", "storage"'
    page.wait_for_function("() => document.readyState === 'complete'")
    for _step in range(2):
        with page.expect_navigation():
            page.evaluate("() => history.back()")
        assert page.url.startswith(f"{site.url}/signin?next=")
        assert not page.evaluate(private), page.url
        assert page.evaluate("() => [localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.goto(f"{site.url}/messages").url.startswith(f"{site.url}/signin")
