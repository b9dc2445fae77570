"""The pages of fields and cohorts."""

import re

import pytest

from tests import factories


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


def test_from_the_list_to_a_field_to_its_search(ana, as_member):
    factories.member("Ben <b>", field="Climate and energy", cohort="Class of 2014", mentors=True)
    browser = as_member(ana)
    page = browser.get("/fields").text
    assert 'href="/fields/climate-and-energy"' in page
    assert 'href="/cohorts/class-of-2014"' in page
    field = browser.get("/fields/climate-and-energy").text
    assert field.count("Ben &lt;b&gt;</bdi>") == 3
    assert "See all 1" in field
    for url in re.findall(r'href="(/people\?[^"]+)"', field):
        assert "Ben &lt;b&gt;</bdi>" in browser.get(url.replace("&amp;", "&")).text, url
    assert "Class of 2014</h1>" in browser.get("/cohorts/class-of-2014").text


def test_an_empty_or_unknown_field_is_not_there(ana, as_member):
    for url in ("/fields/law", "/fields/wizardry", "/cohorts/1999", "/cohorts/-"):
        assert as_member(ana).get(url).status_code == 404, url
    assert "No fields yet" in as_member(ana).get("/fields").text
