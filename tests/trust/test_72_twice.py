"""Sentence 72: the same form sent twice, one after the other and at the same moment."""

import threading

import pytest
from sqlalchemy import func, select

from tests import crawl, factories, routes
from webapp import clock
from webapp.domain import messages, relationships
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.message import Message
from webapp.models.post import Post
from webapp.models.relationship import Relationship
from webapp.models.saved_search import SavedSearch
from webapp.transaction import transaction

SENDERS = 4


def forms(app, browser):
    """One form of each kind, by where it posts and what it asks."""
    found = {}
    for path, text in crawl.crawl(app, browser.get, each=2).texts.items():
        for form in crawl.forms(text, path):
            endpoint = crawl.endpoint_of(app, form.action, "POST")
            if endpoint and endpoint not in crawl.ENDS:
                found.setdefault((endpoint, *sorted(form.free), *sorted(form.fixed)), form)
    return found


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_72_a_form_that_is_sent_twice_does_it_once(app, sample, as_member):
    """Whatever form is sent twice, one after the other or several times at the same moment, does what it does once: the second time changes
    nothing, or says that it cannot be done again, and none fails.
    """
    sample.is_operator = True
    db.session.commit()
    browser = as_member(sample)
    found = forms(app, browser)
    snapshot = routes.Snapshot()
    untouched = routes.rows()
    twice, did = [], set()
    for (endpoint, *_fields), form in found.items():
        given = form.fixed | {name: value or "Something" for name, value in form.free.items()}
        first = browser.post(form.action, given)
        once = routes.rows()
        second = browser.post(form.action, given)
        assert max(first.status_code, second.status_code) < 500, (endpoint, form.action)
        if once == untouched:
            continue
        did.add(endpoint)
        after = routes.rows()
        if after != once:
            changed = {name: (len(once[name]), len(rows)) for name, rows in after.items() if rows != once[name]}
            twice.append((endpoint, form.action, given, second.status_code, changed))
        snapshot.restore()
    assert twice == [], "\n".join(map(str, twice))
    assert len(did) > 35, did


def at_once(browsers, action, given):
    """Send the same from several windows at the same moment; the statuses."""
    answers, ready = [], threading.Barrier(len(browsers))

    def send(browser):
        ready.wait()
        answers.append(browser.post(action, given).status_code)

    threads = [threading.Thread(target=send, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def number(kind):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(kind))


def test_72_at_the_same_moment_too(context, as_member):
    """So it is at the same moment, from several windows, on both kinds of database: one message, one post, one invitation, one search, one
    connection.
    """
    ana, ben, cleo = (factories.member(name) for name in ("Ana Lima", "Ben Okafor", "Cleo Braun"))
    factories.connect(ana, ben)
    talk = messages.key_of(messages.write_to(ben, ana, "Hello"))
    db.session.commit()
    ana_id, cleo_id, asked, other = ana.id, cleo.id, ana.handle, cleo.handle
    browsers = [as_member(ana) for _ in range(SENDERS)]
    for path, endpoint, kind, wanted in (
        (f"/messages/{talk}", "messages.send", Message, 2),
        ("/feed", "feed.index", Post, 1),
        (f"/people/{other}/connect", "people.connect", Relationship, 2),
        ("/people/saved/new?q=ben", "saved_searches.new", SavedSearch, 1),
    ):
        found = crawl.forms(browsers[0].get(path).text, path)
        form = next(each for each in found if crawl.endpoint_of(context, each.action, "POST") == endpoint)
        given = form.fixed | dict.fromkeys(form.free, "Good evening")
        answers = at_once(browsers, form.action, {name: text for name, text in given.items() if name != "csrf_token"})
        assert min(answers) < 400, (path, answers)
        assert max(answers) < 500, (path, answers)
        assert number(kind) == wanted, (path, answers)
    clock.move(seconds=61)
    with transaction():
        relationships.release(clock.now())
    answers = at_once([as_member(cleo_id) for _ in range(SENDERS)], f"/invitations/{asked}/accept", {})
    assert min(answers) < 400, answers
    assert max(answers) < 500, answers
    db.session.expire_all()
    assert [db.session.get_one(Member, each).degree for each in (ana_id, cleo_id)] == [2, 1]
    assert relationships.problems() == []
