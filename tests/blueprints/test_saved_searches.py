"""The pages of saved searches."""

import re

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock, jobs
from webapp.domain import events, saved_searches, search
from webapp.extensions import db
from webapp.models.mail import MailboxMessage


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


def test_a_search_is_saved_opened_and_deleted_without_javascript(ana, as_member):
    factories.member("Ben River", place="Porto")
    browser = as_member(ana)
    page = browser.get("/people?q=river&place=Porto").text
    url = re.search(r'href="(/people/saved/new[^"]+)"', page)[1].replace("&amp;", "&")
    assert 'value="river Porto"' in browser.get(url).text
    refused = browser.post(url, {"name": " "})
    assert refused.status_code == 422
    assert "Give it a name" in refused.text
    saved = browser.post(url, {"name": "Rivers <b>"})
    assert (saved.status_code, saved.headers["Location"]) == (303, "/people/saved")
    listed = browser.get("/people/saved").text
    assert "Rivers &lt;b&gt;" in listed
    [row] = saved_searches.of(ana)
    opened = browser.get(f"/people/saved/{row.key}")
    assert opened.headers["Location"] == "/people?q=river&place=Porto"
    assert as_member(factories.member("Carl")).get(f"/people/saved/{row.key}").status_code == 404
    browser.post(f"/people/saved/{row.key}/delete")
    assert "No saved searches" in browser.get("/people/saved").text


def test_the_mail_leads_to_the_search_and_from_there_to_all_it_finds(context, as_member):
    ana = factories.member("Ana Lima", "ana@example.org")
    saved = saved_searches.save(ana, "Rivers", search.Query("river"))
    events.choose(ana, ["saved_search"], {("saved_search", "app"), ("saved_search", "email")}, "each")
    for name in ("Ben River", "Carl River"):
        factories.member(name)
    db.session.commit()
    clock.move(hours=25)
    saved_searches.look(clock.now())
    db.session.commit()
    jobs.run_due()
    [mail] = db.session.scalars(select(MailboxMessage).where(MailboxMessage.subject.contains("a search you saved")))
    text = mail.raw.decode().replace("=\r\n", "")
    path = f"/people/saved/{saved.key}"
    assert path in text
    assert as_member(ana).get(path).headers["Location"] == "/people?q=river"


def test_everybody_is_no_search_to_save(ana, as_member):
    factories.member("Ben")
    browser = as_member(ana)
    assert "/people/saved/new" not in browser.get("/people").text
    refused = browser.post("/people/saved/new", {"name": "All"})
    assert refused.status_code == 409
    assert "Search for something first" in refused.text
