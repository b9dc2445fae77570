"""Whatever people write stands on every page as they wrote it, and does nothing there."""

import html
import re

import pytest

from tests import crawl, hostile
from tests.browser.fixtures import Site
from webapp.demo import community
from webapp.extensions import db
from webapp.models.member import Member

SHOWN = "() => [document.body.innerText, ...[...document.querySelectorAll('input, textarea')].map(each => each.value), "
SHOWN += "...[...document.querySelectorAll('[aria-label], [title], [alt]')].flatMap(each => "
SHOWN += "[each.ariaLabel, each.title, each.alt]), document.body.textContent, document.title].join(' ')"


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(community, "MEMBERS", 60)
    with Site(tmp_path / "instance", {}) as running:
        with running.app.app_context():
            community.build(tmp_path / "books.json")
            hostile.write_everywhere()
            db.session.get_one(Member, 1).is_operator = True
            db.session.commit()
        yield running


def test_every_text_is_known_to_be_written_by_people_or_by_us():
    known = {
        name: hostile.WRITTEN.get(name, set()) | hostile.OURS.get(name, set())
        for name in hostile.WRITTEN.keys() | hostile.OURS.keys()
    }
    assert {name: columns for name, columns in hostile.text_columns().items() if columns} == known


def plain(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_shows_it_literally_and_nothing_of_it_runs(site, visit, width):
    maya = visit(width=width)
    page = maya.page
    strayed, asked = [], []
    page.on(
        "request",
        lambda request: strayed.append(request.url) if not request.url.startswith((site.url, "data:")) else None,
    )
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto(f"{site.url}/signin")
    maya.type("Email", community.SAMPLE.address)
    maya.type("Password", community.PASSWORD)
    with page.expect_navigation():
        maya.use(maya.button("^Sign in$"))
    client = page.context.request
    found = crawl.crawl(site.app, lambda path: crawl.Answer(client.get(site.url + path, max_redirects=0)), each=3)
    met = set()
    for path in found.texts:
        page.goto(site.url + path)
        shown = plain(page.evaluate(SHOWN))
        raw = page.content()
        for text in hostile.TEXTS:
            if html.escape(text, quote=False) in raw or html.escape(text) in raw:
                assert plain(text) in shown, (path, text)
                met.add(text)
        assert page.evaluate("() => window.hit") is None, path
        assert page.url == site.url + path, "somebody led the visitor away"
    assert (strayed, asked) == ([], [])
    assert len(met) >= len(hostile.TEXTS) - 5, set(hostile.TEXTS) - met
