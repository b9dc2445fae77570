"""Reporting somebody, and the operators' list."""

import re

import pytest

from tests import factories
from webapp import clock
from webapp.domain import moderation
from webapp.extensions import db


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


@pytest.fixture
def ben(context):
    return factories.member("Ben <b>Okafor</b>")


@pytest.fixture
def operator(context):
    return factories.member("Olga Operator", is_operator=True)


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def test_a_report_is_asked_for_in_place_or_on_a_page_and_reaches_the_operators(ana, ben, operator, as_member):
    browser = as_member(ana)
    url = f"/people/{ben.handle}/report"
    assert "<dialog" in browser.part(url, method="GET").text
    page = browser.get(url)
    assert "<html" in page.text
    assert f'href="{url}?back=' in browser.get(f"/people/{ben.handle}").text
    answer = browser.post(url, {"reason": "pretending", "text": "It's <i>me</i>"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/people/{ben.handle}")
    assert "will look at it" in words(browser.get(f"/people/{ben.handle}"))
    shown = as_member(operator).get("/reports")
    assert "Pretends to be somebody else: It's &lt;i&gt;me&lt;/i&gt;" in words(shown).replace(" : ", ": ")
    assert "Reported by Ana Lima" in words(shown)
    assert "Ben &lt;b&gt;Okafor&lt;/b&gt;" in shown.text
    assert words(as_member(ben).get("/notifications")).count("Ana") == 0


def test_a_report_without_a_reason_is_named_and_keeps_what_was_typed(ana, ben, as_member):
    answer = as_member(ana).post(f"/people/{ben.handle}/report", {"text": "Hmm & so"})
    assert answer.status_code == 422
    assert "Choose what it is about" in words(answer)
    assert "Hmm &amp; so" in answer.text
    assert "<title>Error: " in answer.text


def test_the_list_is_for_operators_and_gets_shorter(ana, ben, operator, as_member):
    moderation.report(ana, ben, "other")
    db.session.commit()
    browser = as_member(operator)
    action = re.search(r'action="(/reports/\d+/settle)"', browser.get("/reports").text)[1]
    assert as_member(ana).get("/reports").status_code == 404
    assert as_member(ana).post(action).status_code == 404
    assert "/reports" not in as_member(ana).get("/network").text
    assert 'href="/reports"' in browser.get("/network").text
    assert browser.post(action).status_code == 303
    assert "Nothing was reported" in words(browser.get("/reports"))
    assert browser.post("/reports/999/settle").status_code == 404


def test_a_long_list_is_paged(ben, operator, as_member):
    for number in range(60):
        moderation.report(factories.member(f"Reporter {number:02}"), ben, "other")
        clock.move(seconds=1)
    db.session.commit()
    browser, url, seen = as_member(operator), "/reports", []
    while url:
        page = browser.get(url)
        seen += re.findall(r"Reported by (Reporter \d\d)", page.text)
        more = re.search(r'href="(/reports\?after=[^"]+)"', page.text)
        url = more and more[1].replace("&amp;", "&")
    assert seen == [f"Reporter {number:02}" for number in range(60)]


def test_nobody_reports_themselves_or_whom_they_cannot_see(ana, ben, as_member):
    moderation.block(ben, ana)
    db.session.commit()
    browser = as_member(ana)
    for handle in (ana.handle, ben.handle, "nobody-at-all"):
        assert browser.get(f"/people/{handle}/report").status_code == 404
        assert browser.post(f"/people/{handle}/report", {"reason": "other"}).status_code == 404
