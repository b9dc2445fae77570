"""The cards of people one may know: their words, dismissing with and without JavaScript, and what an upload leaves alone."""

import re

import pytest

from tests import factories


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", organisation="Shelf Institute", cohort="2014", field="Research")


@pytest.fixture
def ben(context, ana):
    """Somebody whom Ana may know through Carl."""
    carl, ben = factories.member("Carl Berg"), factories.member("Ben Okafor", headline="River <b>ecologist</b>")
    factories.connect(ana, carl)
    factories.connect(carl, ben)
    return ben


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def cards(response):
    """What is said of whom, by the cards."""
    every = response.text.partition('id="suggestions"')[2].split("</li>")[:-1]
    told = [
        re.findall(r'<bdi hx-ignore>([^<]+)</bdi>|class="(?:faint|why)" hx-ignore>(?:<svg.*?</svg>)?([^<]+)<', card)
        for card in every
    ]
    return {name: said.strip() for (name, _), (_, said), *_rest in told if said}


def test_every_card_says_its_whole_reason(ana, ben, as_member):
    dora = factories.member("Dora Lind")
    factories.connect(ana, dora)
    factories.connect(dora, ben)
    factories.member("Eli Roth", organisation="Shelf Institute", field="Research")
    factories.member("Femi Bello", cohort="2014")
    factories.member("Gita Rao", field="Research")
    browser = as_member(ana)
    found = {
        "Ben Okafor": "Through Carl Berg and 1 other",
        "Eli Roth": "Both at Shelf Institute",
        "Femi Bello": "Both of the class of 2014",
        "Gita Rao": "Both in Research",
    }
    for url in ("/network", "/suggestions"):
        page = browser.get(url)
        assert cards(page) == found, url
        assert "River &lt;b&gt;ecologist" in page.text
    assert list(found) == re.findall(r"Connect<span class=\"sr\" hx-ignore> ([^<]+)<", page.text)


@pytest.mark.parametrize("look", ["card", "row"])
def test_a_dismissed_card_goes_and_undo_brings_it_back(ana, ben, as_member, look):
    browser = as_member(ana)
    gone = browser.part(f"/suggestions/{ben.handle}/dismiss", {"look": look})
    assert "Ben Okafor won't be suggested again." in words(gone)
    assert f"/suggestions/{ben.handle}/restore" in gone.text
    assert "Ben Okafor" not in browser.get("/network").text
    back = browser.part(f"/suggestions/{ben.handle}/restore", {"look": look})
    assert re.search(f'id="person-{ben.handle}"[^>]* autofocus', back.text)
    assert "Ben Okafor" in browser.get("/network").text


def test_dismissing_without_javascript_leads_back_and_to_a_list_with_a_way_back(ana, ben, as_member):
    browser = as_member(ana)
    back = re.search(r'name="back" value="([^"]+)"', browser.get("/suggestions").text)[1]
    answer = browser.post(f"/suggestions/{ben.handle}/dismiss", {"back": back})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/suggestions")
    assert "Ben Okafor won't be suggested again" in words(browser.get("/suggestions"))
    assert "Nobody to suggest yet" in words(browser.get("/suggestions"))
    listed = browser.get("/settings/dismissed")
    assert "Ben Okafor" in listed.text
    answer = browser.post(f"/suggestions/{ben.handle}/restore")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/dismissed")
    assert "You dismissed nobody" in words(browser.get("/settings/dismissed"))


def test_who_does_not_want_it_is_suggested_to_nobody_from_the_next_page_on(ana, ben, as_member):
    browser = as_member(ana)
    assert "Ben Okafor" in browser.get("/suggestions").text
    as_member(ben).post("/settings/privacy", {"shown": "unsuggested", "unsuggested": "1"})
    assert "Ben Okafor" not in browser.get("/suggestions").text
