"""Sentence 34, in a real browser: what people write stands on every page and does nothing there."""

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
FILE = "<img src=x onerror=window.hit=11>\"'.csv"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The sample community, in which everything that people wrote would like to be something else."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as changed, Site(folder / "instance", {}) as running:
        changed.setattr(community, "MEMBERS", 60)
        with running.app.app_context():
            community.build(folder / "books.json")
            hostile.write_everywhere()
            db.session.get_one(Member, 1).is_operator = True
            db.session.commit()
        yield running


def signed_in(site, visit):
    maya = visit()
    maya.sign_in(site.url, community.SAMPLE.address, community.PASSWORD)
    return maya


def test_every_text_is_known_to_be_written_by_people_or_by_us():
    known = {
        name: hostile.WRITTEN.get(name, set()) | hostile.OURS.get(name, set())
        for name in hostile.WRITTEN.keys() | hostile.OURS.keys()
    }
    assert {name: columns for name, columns in hostile.text_columns().items() if columns} == known


def plain(text):
    return re.sub(r"\s+", "", text)


def test_34_what_people_write_stands_on_every_page_and_does_nothing(site, visit):
    """Whatever people write, call themselves or bring in a file (markup, script, htmx, a template, a formula, a direction) stands on every
    page of a real browser as they wrote it and does nothing there: no dialog, no script, no request, no complaint of the browser.
    """
    maya = signed_in(site, visit)
    page = maya.page
    strayed, asked = [], []
    page.on(
        "request",
        lambda request: strayed.append(request.url) if not request.url.startswith((site.url, "data:")) else None,
    )
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    rows = "".join(
        f'"{text.replace(chr(34), chr(34) * 2)}",p{at}@out.example\n' for at, text in enumerate(hostile.TEXTS)
    )
    page.goto(f"{site.url}/contacts/file")
    page.set_input_files(
        "input[type=file]", {"name": FILE, "mimeType": "text/csv", "buffer": f"Name,Email\n{rows}".encode()}
    )
    with page.expect_navigation():
        maya.use(page.locator("form:has(input[type=file]) button"))
    client = page.context.request
    start = ("/", "/contacts/members", "/contacts/others")
    found = crawl.crawl(
        site.app, lambda path: crawl.Answer(client.get(site.url + path, max_redirects=0)), start, each=3
    )
    assert found.texts.keys() >= {"/contacts/others"}
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
