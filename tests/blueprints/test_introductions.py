"""The pages of an introduction: asking on a profile, passing on, answering; and what a wrong press finds."""

import re

import pytest

from tests import factories
from webapp import clock
from webapp.domain import introductions, people
from webapp.extensions import db


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


@pytest.fixture
def ben(context, ana):
    ben = factories.member("Ben Okafor", headline="Boat builder")
    factories.connect(ana, ben)
    return ben


@pytest.fixture
def chen(context, ben):
    chen = factories.member("Chen Wei")
    factories.connect(ben, chen)
    return chen


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def key_in(response):
    return re.search(r'id="introduction-([\w-]+)"', response.text)[1]


def test_from_the_profile_to_the_connection(ana, ben, chen, as_member):
    asker, between, target = as_member(ana), as_member(ben), as_member(chen)
    profile = asker.get(f"/people/{chen.handle}")
    assert f'href="/introductions/to/{chen.handle}"' in profile.text
    form = asker.get(f"/introductions/to/{chen.handle}")
    assert "Ben Okafor Boat builder" in words(form)
    answer = asker.post(f"/introductions/to/{chen.handle}", {"via": ben.handle, "why": "Boats <b>&</b> tea"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/people/{chen.handle}")
    profile = words(asker.get(f"/people/{chen.handle}"))
    assert "Ben Okafor is asked. It leaves in one minute" in profile
    assert "Through Ben Okafor · Leaves in a minute" in profile
    assert "Ana Lima" not in words(between.get("/introductions"))
    clock.move(seconds=61)
    card = between.get("/introductions")
    assert "Ana Lima asks you for an introduction to Chen Wei" in words(card)
    assert "Boats &lt;b&gt;&amp;&lt;/b&gt; tea" in card.text
    assert "asks you for an introduction" in words(between.get("/notifications"))
    assert "Ana Lima asks you for an introduction to Chen Wei" in words(between.get("/network"))
    key = key_in(card)
    assert "Introduce Ana Lima to Chen Wei" in words(between.get(f"/introductions/{key}/pass"))
    answer = between.post(f"/introductions/{key}/pass", {"words": "You two should talk"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/introductions")
    card = target.get("/introductions")
    assert "Ben Okafor introduces Ana Lima" in words(card)
    assert "Ben Okafor: You two should talk" in words(card)
    assert "would like to introduce somebody to you" in words(target.get("/notifications"))
    answer = target.post(f"/introductions/{key}/accept")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/people/{ana.handle}")
    assert people.standing(ana, chen).status == "connected"
    assert "No introductions" in words(asker.get("/introductions"))


def test_nothing_typed_is_lost_and_every_problem_is_said(ana, ben, chen, as_member):
    browser = as_member(ana)
    answer = browser.post(f"/introductions/to/{chen.handle}", {"why": "x" * 301})
    assert answer.status_code == 422
    assert "x" * 301 in answer.text
    assert "Choose who could introduce you" in words(answer)
    assert "Use at most 300 characters" in words(answer)
    browser.post(f"/introductions/to/{chen.handle}", {"via": ben.handle, "why": "Boats"})
    again = browser.post(f"/introductions/to/{chen.handle}", {"via": ben.handle, "why": "Once more"})
    assert again.status_code == 409
    assert "You asked for an introduction to them already" in words(again)
    assert "Once more" in again.text
    clock.move(seconds=61)
    key = key_in(as_member(ben).get("/introductions"))
    long = as_member(ben).post(f"/introductions/{key}/pass", {"words": "y" * 301})
    assert long.status_code == 422
    assert "y" * 301 in long.text


def test_the_asker_sees_one_page_whatever_the_others_did(ana, ben, chen, as_member):
    browser = as_member(ana)
    browser.post(f"/introductions/to/{chen.handle}", {"via": ben.handle, "why": "Boats"})
    clock.move(seconds=61)

    def pages():
        db.session.expire_all()
        urls = ("/introductions", f"/people/{chen.handle}", "/network", "/notifications")
        every = [browser.get(url).text for url in urls]
        return [re.sub(r'(csrf_token" value=|X-CSRFToken": |name="back" value=)"[^"]+"', "", page) for page in every]

    browser.get("/introductions")  # shows what was just said, once
    before = pages()
    assert "Asked, no answer yet" in before[0]
    key = key_in(as_member(ben).get("/introductions"))
    as_member(ben).post(f"/introductions/{key}/pass", {})
    assert pages() == before
    assert as_member(chen).post(f"/introductions/{key}/ignore").status_code == 303
    assert pages() == before


def test_declining_and_undoing(ana, ben, chen, as_member):
    asker, between = as_member(ana), as_member(ben)
    asker.post(f"/introductions/to/{chen.handle}", {"via": ben.handle, "why": "Boats"})
    undo = re.search(r"/introductions/([\w-]+)/undo", asker.get("/introductions").text)[0]
    asker.post(undo)
    assert "Nothing was sent" in words(asker.get("/introductions"))
    asker.post(f"/introductions/to/{chen.handle}", {"via": ben.handle, "why": "Boats"})
    clock.move(seconds=61)
    key = key_in(between.get("/introductions"))
    between.post(f"/introductions/{key}/decline")
    assert "You won't pass it on. Nobody is told" in words(between.get("/introductions"))
    assert "Asked, no answer yet" in words(asker.get("/introductions"))
    asker.post(f"/introductions/{key}/undo")
    assert "You took it back" in words(asker.get("/introductions"))
    refused = asker.post(f"/introductions/to/{chen.handle}", {"via": ben.handle, "why": "Boats"})
    assert refused.status_code == 409
    assert "again on" in words(refused)


def test_a_profile_out_of_reach_offers_none_and_a_forged_one_finds_nobody(ana, ben, chen, as_member):
    stranger = factories.member("Stranger")
    browser = as_member(ana)
    for other in (stranger, ben):
        assert "/introductions/to/" not in browser.get(f"/people/{other.handle}").text
        assert browser.get(f"/introductions/to/{other.handle}").status_code == 404
        assert browser.post(f"/introductions/to/{other.handle}", {"via": ben.handle, "why": "Hi"}).status_code == 404
    chen.askable = "nobody"
    db.session.commit()
    assert "/introductions/to/" not in browser.get(f"/people/{chen.handle}").text
    assert not introductions.may_ask(ana, chen)
