"""Every field of every form takes whatever is typed: it is kept and shown as it is, or refused with a sentence; nothing breaks."""

import html

import pytest

from tests import crawl, factories, hostile
from webapp.extensions import db
from webapp.models.batch import is_sqlite

FINE = {200, 204, 303, 404, 409, 413, 422, 429}


@pytest.fixture
def maya(sample, as_member):
    sample.is_operator = True
    db.session.commit()
    return as_member(sample)


def entries(app, browser):
    """One form of each kind that somebody can type into, by where it posts and which fields it has."""
    site = crawl.crawl(app, browser.get)
    found = {}
    for path, text in site.texts.items():
        for form in crawl.forms(text, path):
            endpoint = crawl.endpoint_of(app, form.action, "POST")
            if form.free and endpoint and endpoint not in crawl.ENDS:
                found.setdefault((endpoint, *sorted(form.free)), form)
    return found


def test_every_field_takes_every_text(app, maya):
    found = entries(app, maya)
    assert {endpoint for endpoint, *_fields in found} >= {
        "profiles.field",
        "profiles.add_entry",
        "people.report",
        "people.connect",
        "messages.send",
    }
    # All of them on the one engine; the other has no other forms, only another way to keep a text.
    texts = hostile.TEXTS if is_sqlite() else hostile.TEXTS[::4]
    for form in found.values():
        for text in texts:
            answer = maya.post(form.action, form.fixed | dict.fromkeys(form.free, text))
            assert answer.status_code in FINE, (form.action, text, answer.status_code)
            if answer.status_code == 422:
                kept = html.unescape(answer.text)
                assert text in kept, (form.action, "what was typed is lost")
    shown = crawl.crawl(app, maya.get)
    for path, page in shown.texts.items():
        for text in hostile.TEXTS:
            if "<" in text:
                assert text not in page, path


def test_a_stranger_can_type_nothing_that_breaks_either(app, client, as_member):
    stranger = as_member()
    for url, fields in {
        "/signup": ("name", "email", "password"),
        "/signin": ("email", "password"),
        "/reset": ("email",),
        "/erase": ("email",),
    }.items():
        for number, text in enumerate(hostile.TEXTS):
            values = dict.fromkeys(fields, text)
            if url == "/signup":
                values |= {"email": f"hostile{number}@example.org", "password": factories.PASSWORD}
            answer = stranger.post(url, values)
            assert answer.status_code in FINE, (url, text, answer.status_code)
            assert "<" not in text or text not in answer.text
