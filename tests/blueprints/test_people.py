"""Searching people, their profiles, asking them to connect, and blocking."""

import re

import pytest
from limits import RateLimitItemPerHour

from tests import factories
from webapp import clock
from webapp.domain import people, relationships, throttles
from webapp.extensions import db


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


@pytest.fixture
def ben(context):
    return factories.member(
        "Ben Okafor",
        headline="River ecologist",
        field="Research",
        organisation="Water Agency",
        place="Porto",
        about="I like <b>rivers</b>",
        tags=["kelp"],
        links=["https://ben.example"],
    )


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'").replace("&#34;", '"')


def status(one, other):
    db.session.expire_all()
    return people.standing(one, other).status


def release():
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()


def test_search_finds_by_words_and_filters_and_says_how_many(ana, ben, as_member):
    factories.member("Carl", headline="River pilot", field="Logistics")
    browser = as_member(ana)
    assert '2 people match "river"' in words(browser.get("/people?q=river"))
    one = browser.get("/people?q=river&field=Research")
    assert '1 person matches "river" in Research' in words(one)
    assert f'id="person-{ben.handle}"' in one.text
    assert "Nobody matches" in words(browser.get("/people?q=xyz"))
    assert "2 people" in words(browser.get("/people?field=Wizardry&degree=7&place=!"))


def test_every_filter_is_a_link_that_adds_or_takes_away_one_value(ana, ben, as_member):
    factories.member("Carl", headline="River pilot", field="Logistics", place="Lagos")
    page = as_member(ana).get("/people?q=river&field=Research")
    found = {
        re.sub(r"<[^>]+>|\s+", "", text): url
        for url, text in re.findall(r'class="chip" href="([^"]+)"[^>]*>(.*?)</a>', page.text)
    }
    assert found["Logistics1"] == "/people?q=river&amp;field=Research&amp;field=Logistics"
    assert found["Porto1"] == "/people?q=river&amp;field=Research&amp;place=Porto"
    assert found["Everyone"] == "/people?q=river"
    assert next(url for text, url in found.items() if text.startswith("Research(chosen")) == "/people?q=river"
    assert '<input type="hidden" name="field" value="Research">' in page.text


def test_a_mistyped_word_is_told_and_another_one_offered(ana, ben, as_member):
    factories.member("Carl Okafoz")
    page = words(as_member(ana).get("/people?q=okafox"))
    assert 'Nobody matches "okafox". Showing people for "okafor". Or "okafoz" 1 person matches "okafor"' in page


def test_an_address_finds_nobody_and_leads_to_find_connections(ana, ben, as_member):
    page = words(as_member(ana).get("/people?q=ben@example.org"))
    assert "To find somebody by their email address, use Find connections." in page


def test_whoever_turns_very_many_pages_is_asked_to_wait(ana, ben, as_member, monkeypatch):
    monkeypatch.setattr(throttles, "RESULT_PAGES", RateLimitItemPerHour(25, 1, namespace="result-pages"))
    browser = as_member(ana)
    for _each in range(25):
        assert browser.get("/people?q=ben").status_code == 200
    refused = browser.get("/people?q=ben")
    assert refused.status_code == 429
    assert "very many pages of people within an hour. Go on in 60 minutes" in words(refused)
    assert 3590 < int(refused.headers["Retry-After"]) <= 3600
    assert as_member(ben).get("/people").status_code == 200
    clock.move(minutes=50)
    throttles._tallies.clear()  # as another process, or this one after a restart, which learns of it soon
    answers = [browser.get("/people") for _each in range(21)]
    assert [each.status_code for each in answers] == [200] * 20 + [429]
    assert "Go on in 10 minutes" in words(answers[-1])
    clock.move(minutes=11)
    assert browser.get("/people").status_code == 200


def test_search_shows_how_near_everybody_is(ana, ben, as_member):
    carl, dora = factories.member("Carl"), factories.member("Dora")
    factories.connect(ana, ben)
    factories.connect(ben, carl)
    html = as_member(ana).get("/people").text
    row = dict(re.findall(r'id="person-([\w-]+)">(.*?)</li>', html, re.DOTALL))
    assert "1st" in row[ben.handle]
    assert "2nd" in row[carl.handle]
    assert "1 mutual connection" in row[carl.handle]
    assert "degree" not in row[dora.handle]


def test_the_part_of_a_search_is_the_list_alone(ana, ben, as_member):
    part = as_member(ana).part("/people?q=ben", method="GET")
    assert "<html" not in part.text
    assert 'id="people-list"' in part.text
    assert 'hx-swap-oob="innerHTML:#people-found"' in part.text


def test_connect_from_the_search_can_be_undone_at_once(ana, ben, as_member):
    browser = as_member(ana)
    row = browser.part(f"/people/{ben.handle}/connect", {"look": "row"})
    assert row.status_code == 200
    assert f'id="person-{ben.handle}"' in row.text
    assert f'id="act-{ben.handle}"' in row.text
    assert "Invited" in row.text
    assert "Undo" in row.text
    assert status(ana, ben) == "held"
    undone = browser.part(f"/people/{ben.handle}/undo", {"look": "card"})
    assert "Nothing was sent" in undone.text
    assert 'class="card"' in undone.text
    assert status(ana, ben) == "none"
    release()
    assert status(ben, ana) == "none"


def test_connect_without_javascript_leads_back_to_the_search(ana, ben, as_member):
    browser = as_member(ana)
    form = browser.get("/people?q=ben")
    back = re.search(r'name="back" value="([^"]+)"', form.text)[1]
    response = browser.post(f"/people/{ben.handle}/connect", {"back": back})
    assert (response.status_code, response.headers["Location"]) == (303, "/people?q=ben")
    page = browser.get("/people?q=ben")
    assert "Ben Okafor is invited. It leaves in one minute" in words(page)
    assert f"/people/{ben.handle}/undo" in page.text


def test_too_late_to_undo_is_said_and_changes_nothing(ana, ben, as_member):
    browser = as_member(ana)
    browser.post(f"/people/{ben.handle}/connect")
    release()
    assert browser.post(f"/people/{ben.handle}/undo").status_code == 409
    refused = browser.part(f"/people/{ben.handle}/undo")
    assert "Too late, they have been sent" in refused.text
    assert refused.headers["HX-Retarget"] == "#toasts"
    assert status(ana, ben) == "invited"


def test_withdrawing_tells_from_when_one_may_ask_again(ana, ben, as_member):
    browser = as_member(ana)
    browser.post(f"/people/{ben.handle}/connect")
    release()
    row = browser.part(f"/people/{ben.handle}/withdraw")
    assert "You can invite again on" in row.text
    assert "Connect" not in row.text
    refused = browser.post(f"/people/{ben.handle}/connect")
    assert refused.status_code == 409
    assert "You can invite again on" in refused.text


def test_a_note_goes_along_and_a_long_one_is_refused_with_what_was_typed(ana, ben, as_member):
    browser = as_member(ana)
    page = browser.get(f"/people/{ben.handle}/connect")
    assert "Invite Ben Okafor" in words(page)
    assert "<dialog" in browser.part(f"/people/{ben.handle}/connect", method="GET").text
    long = browser.post(f"/people/{ben.handle}/connect", {"note": "x" * 301})
    assert long.status_code == 422
    assert "x" * 301 in long.text
    assert "<title>Error: " in long.text
    assert status(ana, ben) == "none"
    browser.post(f"/people/{ben.handle}/connect", {"note": "Remember <Porto>?"})
    release()
    card = as_member(ben).get(f"/people/{ana.handle}")
    assert "Remember &lt;Porto&gt;?" in card.text
    assert "Accept" in card.text


def test_connect_to_who_asked_first_is_an_acceptance(ana, ben, as_member):
    relationships.invite(ben, [ana])
    db.session.commit()
    release()
    answer = as_member(ana).part(f"/people/{ben.handle}/connect", {"look": "row"})
    assert "You and Ben Okafor are connected" in answer.text
    assert "1st" in answer.text
    assert status(ana, ben) == "connected"


def test_a_profile_shows_what_it_says_escaped_and_how_near(ana, ben, as_member):
    carl, dora = factories.member("Carl"), factories.member("Dora")
    factories.connect(ana, carl)
    factories.connect(carl, dora)
    factories.connect(dora, ben)
    browser = as_member(ana)
    page = browser.get(f"/people/{ben.handle}")
    text = words(page)
    for said in ("Ben Okafor", "3rd degree", "River ecologist", "Porto", "Water Agency", "Research", "kelp", "Connect"):
        assert said in text
    assert "&lt;b&gt;rivers&lt;/b&gt;" in page.text
    assert 'rel="noopener noreferrer nofollow ugc"' in page.text
    near = words(browser.get(f"/people/{dora.handle}"))
    assert "2nd degree" in near
    assert "1 mutual connection: Carl" in near


def test_more_mutual_connections_than_three_are_counted(ana, ben, as_member):
    for number in range(5):
        shared = factories.member(f"Shared {number}")
        factories.connect(ana, shared)
        factories.connect(ben, shared)
    assert "Shared 0, Shared 1, Shared 2 and 2 more mutual connections" in words(
        as_member(ana).get(f"/people/{ben.handle}")
    )


def test_a_profile_offers_what_the_state_allows(ana, ben, as_member):
    browser = as_member(ana)
    url = f"/people/{ben.handle}"
    assert "Add a note" in words(browser.get(url))
    browser.post(f"{url}/connect")
    assert "Undo" in words(browser.get(url))
    release()
    assert "Invited, no answer yet" in words(browser.get(url))
    relationships.accept(ben, [ana])
    db.session.commit()
    connected = browser.get(url)
    assert "Connected since" in words(connected)
    assert f"/connections/{ben.handle}/remove?on=profile" in connected.text
    gone = browser.post(f"/connections/{ben.handle}/remove", {"on": "profile"})
    assert gone.headers["Location"] == url
    assert "Ben Okafor removed. Undo" in words(browser.get(url))
    back = browser.post(f"/connections/{ben.handle}/restore", {"on": "profile"})
    assert back.headers["Location"] == url
    assert status(ana, ben) == "connected"


def test_ones_own_profile_leads_to_its_edit_page(ana, as_member):
    page = as_member(ana).get(f"/people/{ana.handle}")
    assert "Edit profile" in words(page)
    assert "Connect" not in words(page)
    assert as_member(ana).post(f"/people/{ana.handle}/connect").status_code == 404
    assert as_member(ana).post(f"/people/{ana.handle}/block").status_code == 404


def test_blocking_asks_first_and_then_both_are_unknown_alike(ana, ben, as_member):
    factories.connect(ana, ben)
    mine, theirs = as_member(ana), as_member(ben)
    assert "They won't be told" in words(mine.get(f"/people/{ben.handle}/block"))
    assert "<dialog" in mine.part(f"/people/{ben.handle}/block", method="GET").text
    assert status(ana, ben) == "connected"
    response = mine.post(f"/people/{ben.handle}/block")
    assert (response.status_code, response.headers["Location"]) == (303, "/settings/blocked")
    unknown = theirs.get("/people/nobody-here")
    token = re.compile(r'(csrf_token" value=|X-CSRFToken": )"[^"]+"')
    for browser, other in ((theirs, ana), (mine, ben)):
        for method, url in (
            ("get", ""),
            ("get", "/connect"),
            ("post", "/connect"),
            ("post", "/withdraw"),
            ("post", "/block"),
        ):
            answer = getattr(browser, method)(f"/people/{other.handle}{url}")
            assert answer.status_code == 404, url
        assert f'id="person-{other.handle}"' not in browser.get("/people").text
    seen = theirs.get(f"/people/{ana.handle}")
    assert token.sub("", seen.text) == token.sub("", unknown.text)


# Whom somebody knows


def alike(response):
    """A page without the token that differs in each."""
    return re.sub(r'(csrf_token" value=|X-CSRFToken": |name="back" value=)"[^"]+"', "", response.text)


@pytest.fixture
def circle(ana, ben):
    """Ana and Ben both know Carl and Dora; Ben also knows Eli."""
    carl, dora, eli = (factories.member(name) for name in ("Carl Berg", "Dora Lind", "Eli Roth"))
    for one, other in ((ana, carl), (ana, dora), (ben, carl), (ben, dora), (ben, eli)):
        factories.connect(one, other)
    return carl, dora, eli


def test_a_profile_shows_the_way_and_leads_to_everybody_both_know(ana, ben, circle, as_member):
    browser = as_member(ana)
    text = words(browser.get(f"/people/{ben.handle}"))
    assert "2 mutual connections: Carl Berg, Dora Lind" in text
    assert "You → Carl Berg → Ben Okafor" in text
    both = browser.get(f"/people/{ben.handle}/mutual")
    assert "2 people" in words(both)
    assert re.findall(r'id="person-([\w-]+)"', both.text) == [circle[1].handle, circle[0].handle]
    assert "You → Ben Okafor → Eli Roth" not in words(browser.get(f"/people/{circle[2].handle}"))
    assert re.search(
        "You → (Carl Berg|Dora Lind) → Ben Okafor → Eli Roth", words(browser.get(f"/people/{circle[2].handle}"))
    )


@pytest.mark.parametrize("hides", ["unlisted", "suspended"])
def test_a_page_with_a_mutual_connection_who_hides_is_the_page_without_them(ana, ben, circle, as_member, hides):
    ben.connections_shown = "members"
    if hides == "unlisted":
        circle[0].unlisted = True
    else:
        circle[0].suspended_at = clock.now()
    db.session.commit()
    browser = as_member(ana)
    urls = [f"/people/{ben.handle}{path}" for path in ("", "/mutual", "/connections")]
    urls += [f"/people/{circle[2].handle}", "/people?q=ben", "/people?q=eli"]
    hidden = [alike(browser.get(url)) for url in urls]
    assert "Dora Lind" in hidden[0]
    assert not any("Carl Berg" in page for page in hidden)
    relationships.end(ben, circle[0]) if hides == "unlisted" else relationships.forget(circle[0])
    db.session.commit()
    assert [alike(browser.get(url)) for url in urls] == hidden


def test_who_blocks_the_viewer_is_in_no_list_and_no_number_of_others(ana, ben, circle, as_member):
    ben.connections_shown = "members"
    db.session.commit()
    browser = as_member(ana)
    urls = [f"/people/{ben.handle}", f"/people/{ben.handle}/connections"]
    assert "3 connections" in words(browser.get(urls[0]))
    relationships.block(circle[2], ana)
    db.session.commit()
    blocked = [alike(browser.get(url)) for url in urls]
    assert "2 connections" in blocked[0]
    assert "Eli Roth" not in blocked[1]
    relationships.end(ben, circle[2])
    db.session.commit()
    assert [alike(browser.get(url)) for url in urls] == blocked


def test_a_list_that_is_not_shown_answers_as_nobody_does(ana, ben, circle, as_member):
    browser = as_member(ana)
    assert f"/people/{ben.handle}/connections" not in browser.get(f"/people/{ben.handle}").text
    hidden = browser.get(f"/people/{ben.handle}/connections")
    assert hidden.status_code == 404
    assert alike(hidden) == alike(browser.get("/people/nobody-here/connections"))
    shown = as_member(circle[0])
    assert "3 connections" not in words(shown.get(f"/people/{ben.handle}"))
    assert "2 connections" in words(shown.get(f"/people/{ben.handle}"))
    assert re.findall(r'id="person-([\w-]+)"', shown.get(f"/people/{ben.handle}/connections").text) == [
        circle[2].handle,
        circle[1].handle,
    ]
    own = as_member(ben).get(f"/people/{ben.handle}/connections")
    assert (own.status_code, own.headers["Location"]) == (303, "/connections")


def test_a_long_list_goes_on_where_the_page_ended(ana, ben, as_member):
    ben.connections_shown = "members"
    others = [factories.member(f"Other {number}") for number in range(27)]
    relationships.join(ben, others)
    db.session.commit()
    browser = as_member(ana)
    first = browser.get(f"/people/{ben.handle}/connections")
    assert "27 people" in words(first)
    following = browser.get(re.search(r'href="([^"]+after=[^"]+)"', first.text)[1].replace("&amp;", "&"))
    names = re.findall(r"Other \d+(?=</bdi>)", first.text) + re.findall(r"Other \d+(?=</bdi>)", following.text)
    assert names == [f"Other {number}" for number in range(26, -1, -1)]


def test_who_wants_to_be_asked_by_nobody_has_no_button_and_a_forged_press_finds_nobody(ana, ben, as_member):
    ben.askable = "nobody"
    db.session.commit()
    browser = as_member(ana)
    for url in (f"/people/{ben.handle}", "/people?q=ben"):
        assert "Connect" not in words(browser.get(url)), url
        assert "/connect" not in browser.get(url).text, url
    for answer, unknown in (
        (browser.post(f"/people/{ben.handle}/connect"), browser.post("/people/nobody-here/connect")),
        (browser.get(f"/people/{ben.handle}/connect"), browser.get("/people/nobody-here/connect")),
    ):
        assert answer.status_code == 404
        assert alike(answer) == alike(unknown)
    assert status(ana, ben) == "closed"
