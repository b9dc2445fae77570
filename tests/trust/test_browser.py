"""Sentences 31, 32, 35: what an address does when somebody only looks, and what another site can make a browser do."""

import re
from itertools import product

import pytest

from tests import crawl, dav, factories, routes
from tests.routes import ONE_CLICK, address, dump, rules
from tests.wizard import Wizard
from webapp.demo import community
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.transaction import SAFE_METHODS

EVIL = {"Origin": "https://evil.example"}
FROM_ELSEWHERE = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, EVIL, {"Origin": "null"})


@pytest.fixture
def maya(sample, as_member):
    sample.is_operator = True
    db.session.commit()
    return as_member(sample)


@pytest.fixture(scope="module")
def _sites():
    return {}


@pytest.fixture
def site(app, maya, _sites):
    """Every page that links lead to, and every form, in the sample community: followed once, because it is the same one each time."""
    engine = db.engine.dialect.name
    if engine not in _sites:
        _sites[engine] = crawl.crawl(app, maya.get, each=3)
    return _sites[engine]


def test_31_looking_changes_nothing(app, maya, site):
    """GET and HEAD change nothing, whatever address is asked for, as a page or as a part: no row of the database is another afterwards.
    What is noted is when a sign-in was last used, and a limit counts. Only the answer of a provider, which is a GET, ends what was begun.
    """
    Wizard(maya).paste("Ada <ada@out.example>")
    before = dump()
    for rule in rules(app):
        if "GET" not in rule.methods:
            continue
        for path in {address(app, rule), *site.pages.get(rule.endpoint, [])[: None if is_sqlite() else 1]}:
            with routes.writes() as written:
                answers = [maya.get(path), maya.get(path, method="HEAD"), maya.part(path, method="GET")]
            assert written == [], path
            assert [answer.status_code for answer in answers if answer.status_code >= 500] == [], path
    assert dump() == before


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_32_another_site_can_do_nothing(app, maya, site, as_member, sample, client):
    """Another site cannot make a browser do anything: without the token of the sign-in, with that of another one, or sent from elsewhere
    by what the browser says, every address that does something answers 400 or 403 and nothing is done, and so it is with CardDAV, where
    a browser's cookie opens nothing at all. One-click unsubscribing is the only exception.
    """
    other = as_member(factories.member("Mallory Quint"))
    foreign = re.search(r'name="csrf_token" value="([^"]+)"', other.get("/settings/email").text)[1]
    phone = dav.Device(client, sample, community.SAMPLE.address)
    phone.ask("OPTIONS")  # used for the first time today, which is written down
    before, tried, exempt = dump(), set(), set()
    for rule in rules(app):
        for method, path in product(sorted(rule.methods - SAFE_METHODS), sorted(paths(app, rule, site))):
            if rule.endpoint in ONE_CLICK:
                exempt.add(rule.endpoint)
                continue
            sent = {"method": method, "data": {"on": "1", "text": "x"}}
            if rule.endpoint.startswith("dav."):
                assert maya.client.open(path, **sent).status_code in {301, 401}
                answers = [phone.ask(method, path, **headers) for headers in FROM_ELSEWHERE]
            else:
                answers = [
                    maya.client.open(path, **sent),
                    maya.send(url=path, headers={"X-CSRFToken": foreign}, **sent),
                ]
                answers += [maya.send(url=path, headers=headers, **sent) for headers in FROM_ELSEWHERE]
            assert [answer.status_code for answer in answers if answer.status_code not in {400, 403}] == [], (
                method,
                path,
            )
            tried.add(rule.endpoint)
    assert dump() == before
    assert exempt == ONE_CLICK
    assert len(tried) > 100


def paths(app, rule, site):
    """Some addresses that forms of this rule post to, and one of nothing."""
    return {address(app, rule), *site.forms.get(rule.endpoint, [])[:2]}
