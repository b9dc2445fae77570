"""My network: at a glance, the list, and removing a connection with its undo."""

import re

import pytest

from tests import factories
from webapp import clock
from webapp.domain import cards, connections, messages, relationships
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.models.mail import OutgoingMail
from webapp.models.notification import Notification


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@example.org", field="Research")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor", headline="River ecologist")


def words(response):
    html = re.sub(r"<(script|style)\b.*?</\1>", "", response.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def rows(response):
    return re.findall(r'<li class="row" id="connection-([\w-]+)"', response.text)


def count(member):
    db.session.expire_all()
    return connections.count(member)


def test_a_new_member_is_shown_where_to_start(ana, ben, as_member):
    response = as_member(ana).get("/network")
    assert "Start with people you know" in words(response)
    assert "1 person from Northgate is here already" in words(response)
    assert 'value="ana@example.org"' in response.text


def test_the_network_shows_the_count_who_asks_and_who_shares_the_field(ana, ben, as_member):
    factories.connect(ana, ben)
    carl, dora = factories.member("Carl Asks"), factories.member("Dora Same", field="Research")
    relationships.invite(carl, [ana], "We met in Porto")
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()
    response = as_member(ana).get("/network")
    text = words(response)
    assert "See all 1 connection" in text
    assert "Invitations 1" in text
    assert "Carl Asks" in text
    assert "We met in Porto" in text
    assert f'id="person-{dora.handle}"' in response.text
    assert "Nobody waits" not in text


def test_continue_takes_the_typed_address_along_without_an_address_bar(ana, as_member):
    browser = as_member(ana)
    response = browser.post("/network/find", {"address": "ana.lima@gmail.com"})
    assert (response.status_code, response.headers["Location"]) == (303, "/contacts")
    assert 'value="ana.lima@gmail.com"' in browser.get("/contacts").text


def test_the_list_is_sorted_searched_and_paged_by_its_address(ana, as_member):
    people = [
        factories.member(f"{first} {last}") for first, last in (("Zoe", "Adams"), ("Bo", "Young"), ("Émile", "Moss"))
    ]
    for other in people:
        factories.connect(ana, other)
        clock.move(minutes=1)
    zoe, bo, emile = (person.handle for person in people)
    browser = as_member(ana)
    assert rows(browser.get("/connections")) == [emile, bo, zoe]
    assert rows(browser.get("/connections?sort=first")) == [bo, emile, zoe]
    assert rows(browser.get("/connections?sort=last")) == [zoe, emile, bo]
    found = browser.get("/connections?q=emi")
    assert rows(found) == [emile]
    assert found.text.count("1 connection matches") == 2, "for the eye and for the ear"
    nobody = browser.get("/connections?q=xy").text
    assert nobody.count("0 connections match") == 1, "for the ear; the eye reads it below"
    assert 'No connections match "xy"' in words(browser.get("/connections?q=xy")).replace("&#34;", '"')


@pytest.mark.parametrize("sort", ["", "first", "last", "contact"])
def test_paging_shows_everybody_once(ana, as_member, sort):
    for number in range(30):
        factories.connect(ana, factories.member(f"Ben {number % 3}"))
    browser = as_member(ana)
    first = browser.get(f"/connections?sort={sort}")
    after = re.search(r'href="/connections\?after=([\w=-]+)', first.text)[1]
    second = browser.get(f"/connections?sort={sort}&after={after}")
    assert len(rows(first)) == 25
    assert len({*rows(first), *rows(second)}) == 30
    assert 'rel="next"' not in second.text


def test_remove_asks_first_and_names_the_person(ana, ben, as_member):
    factories.connect(ana, ben)
    browser = as_member(ana)
    page = browser.get(f"/connections/{ben.handle}/remove")
    text = words(page).replace("&#39;", "'")
    assert "Remove Ben Okafor?" in text
    assert "You'll no longer be connected, and they won't be told." in text
    assert "<html" in page.text
    assert "<dialog" not in page.text
    part = browser.part(f"/connections/{ben.handle}/remove", method="GET")
    assert "<dialog" in part.text
    assert "<html" not in part.text
    assert part.headers["Vary"].find("HX-Request") >= 0
    assert count(ana) == 1


def test_removed_without_javascript_the_list_offers_undo(ana, ben, as_member):
    factories.connect(ana, ben)
    since = db.session.scalars(db.select(Connection.since)).first()
    browser = as_member(ana)
    response = browser.post(f"/connections/{ben.handle}/remove", {"sort": "first"})
    assert (response.status_code, response.headers["Location"]) == (303, "/connections?sort=first")
    assert (count(ana), count(ben)) == (0, 0)
    assert "Ben Okafor removed. Undo" in words(browser.get("/connections"))
    assert "Ben Okafor removed. Undo" in words(browser.get("/network"))
    assert browser.post(f"/connections/{ben.handle}/restore").status_code == 303
    assert (count(ana), count(ben)) == (1, 1)
    assert set(db.session.scalars(db.select(Connection.since))) == {since}


def test_removed_with_htmx_the_row_goes_and_comes_back_in_its_place(ana, ben, as_member):
    other = factories.member("Zora Last")
    factories.connect(ana, ben)
    factories.connect(ana, other)
    browser = as_member(ana)
    gone = browser.part(f"/connections/{ben.handle}/remove", {"sort": "first"})
    assert gone.status_code == 200
    assert "1 connection<" in gone.text
    assert 'hx-swap-oob="true"' in gone.text
    assert 'name="sort" value="first"' in gone.text
    back = browser.part(f"/connections/{ben.handle}/restore", {"sort": "first"})
    assert rows(back) == [ben.handle, other.handle]
    assert re.search(rf'id="connection-{ben.handle}" tabindex="-1" autofocus', back.text)
    assert "2 connections<" in back.text


def test_removing_twice_is_one_removal_and_a_stranger_is_unknown(ana, ben, as_member):
    factories.connect(ana, ben)
    browser = as_member(ana)
    for _time in range(2):
        assert browser.post(f"/connections/{ben.handle}/remove").status_code == 303
    charlie = factories.member("Charlie")
    for url in (f"/connections/{charlie.handle}/remove", "/connections/nobody/remove"):
        assert browser.get(url).status_code == 404


def test_undo_is_over_after_its_time(ana, ben, as_member):
    factories.connect(ana, ben)
    browser = as_member(ana)
    browser.post(f"/connections/{ben.handle}/remove")
    clock.move(seconds=61)
    assert "removed." not in words(browser.get("/connections"))
    assert browser.post(f"/connections/{ben.handle}/restore").status_code == 409
    assert count(ana) == 0


def test_the_other_side_is_not_told(ana, ben, as_member):
    factories.connect(ana, ben)
    clock.move(seconds=61)
    before = db.session.query(Notification).filter_by(member_id=ben.id, read_at=None).count()
    as_member(ana).post(f"/connections/{ben.handle}/remove")
    clock.move(seconds=61)
    db.session.expire_all()
    assert db.session.query(Notification).filter_by(member_id=ben.id).count() <= before
    assert not db.session.query(OutgoingMail).filter_by(to_member_id=ben.id, by_member_id=ana.id).count()
    assert "Connected since" not in as_member(ben).get(f"/people/{ana.handle}").text


def test_filters_come_from_ones_own_connections_and_stand_in_the_address(ana, as_member):
    ben = factories.member("Ben", field="Research", organisation="Foldwork", place="Porto", cohort="2014")
    chen = factories.member("Chen", field="Research", organisation="Nordlys")
    factories.member("Somebody Else", organisation="Elsewhere")
    for other in (ben, chen):
        factories.connect(ana, other)
    browser = as_member(ana)
    offered = browser.get("/connections/filter?q=ben&field=Research")
    assert re.findall(r'<option value="(\w[^"]*)"', offered.text) == [
        "Research",
        "Foldwork",
        "Nordlys",
        "Porto",
        "2014",
    ]
    assert '<input type="hidden" name="q" value="ben">' in offered.text
    assert "<html" not in browser.part("/connections/filter", method="GET").text
    both = browser.get("/connections?field=Research")
    assert len(rows(both)) == 2
    assert "2 connections match" in words(both)
    found = browser.get("/connections?field=Research&company=Foldwork&sort=first")
    assert rows(found) == [ben.handle]
    assert 'href="/connections?sort=first&amp;field=Research"' in found.text, "a chip takes its filter away"
    nobody = browser.get("/connections?company=Elsewhere")
    assert rows(nobody) == []
    assert "No connections match these filters" in words(nobody)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_filter_in_the_address_that_is_no_field_is_left_out_and_never_becomes_part_of_the_page(ana, ben, as_member):
    factories.connect(ana, ben)
    browser = as_member(ana)
    for given in ("</bdi><b>x</b>", "100%", "%(name)s"):
        for name in ("field", "company", "place", "cohort"):
            for address in ("/connections", "/connections/filter"):
                answer = browser.get(address, query_string={name: given})
                assert (answer.status_code, "<b>x" in answer.text) == (200, False), (address, name, given)
        assert rows(browser.get("/connections", query_string={"field": given})) == [ben.handle]


def test_a_filter_is_combined_with_search_and_paging(ana, as_member):
    for number in range(30):
        factories.connect(ana, factories.member(f"Ben {number}", field="Research" if number < 28 else "Law"))
    browser = as_member(ana)
    first = browser.part("/connections?q=ben&field=Research", method="GET")
    assert re.search(r'role="status" id="connections-found" hx-swap-oob="true">28 connections match', first.text)
    after = re.search(r'href="(/connections\?after=[^"]+)', first.text)[1].replace("&amp;", "&")
    assert len({*rows(first), *rows(browser.get(after))}) == 28


@pytest.fixture
def three(ana, ben):
    others = [ben, factories.member("Chen Wei"), factories.member("Dana Fox")]
    for other in others:
        factories.connect(ana, other)
    return others


def ticks(page):
    return re.findall(r'name="handle" value="([\w-]+)"( checked)?', page.text)


def test_several_are_chosen_named_removed_and_brought_back_at_once(ana, three, as_member):
    ben, chen, dana = three
    browser = as_member(ana)
    page = browser.get("/connections?choose=1&sort=first")
    assert ticks(page) == [(each.handle, "") for each in three]
    assert all(box[1] for box in ticks(browser.get("/connections?choose=1&all=1")))
    ask = browser.get(f"/connections/remove?choose=1&handle={ben.handle}&handle={dana.handle}")
    text = words(ask)
    assert "Remove 2 connections?" in text
    assert "Ben Okafor Dana Fox" in text
    assert "Chen" not in text
    assert count(ana) == 3
    gone = browser.post("/connections/remove", {"choose": "1", "handle": [ben.handle, dana.handle]})
    assert gone.headers["Location"] == "/connections?choose=1"
    assert (count(ana), count(ben), count(dana), count(chen)) == (1, 0, 0, 1)
    page = browser.get("/connections")
    assert "Ben Okafor and 1 other removed. Undo" in words(page)
    until = re.search(r'name="until" value="(\d+)"', page.text)[1]
    assert browser.post("/connections/restore", {"until": until}).status_code == 303
    assert count(ana) == 3
    assert relationships.problems() == []


def test_the_undo_of_several_is_one_press_of_ones_own_and_ends(ana, three, as_member):
    browser = as_member(ana)
    gone = browser.part("/connections/remove", {"choose": "1", "handle": [each.handle for each in three]})
    assert "3 connections removed." in words(gone)
    until = re.search(r'name="until" value="(\d+)"', gone.text)[1]
    assert as_member(three[0]).post("/connections/restore", {"until": until}).status_code == 409
    assert browser.post("/connections/restore", {"until": "soon"}).status_code == 404
    clock.move(seconds=61)
    assert browser.post("/connections/restore", {"until": until}).status_code == 409
    assert count(ana) == 0


def test_choosing_nobody_or_strangers_removes_nobody(ana, three, as_member):
    stranger = factories.member("Stranger")
    browser = as_member(ana)
    for query in ("", f"?handle={stranger.handle}"):
        assert browser.get(f"/connections/remove{query}").status_code == 422
    assert browser.post("/connections/remove", {"handle": stranger.handle}).status_code == 303
    assert count(ana) == 3


def test_a_tag_filters_by_its_key_and_its_word_stands_in_no_address(ana, three, as_member):
    ben, chen, _dana = three
    cards.add_tags(ana, [ben.id, chen.id], "Choir")
    cards.add_tags(ben, [ana.id], "Secret")
    db.session.commit()
    [tag], [theirs] = cards.tags(ana), cards.tags(ben)
    browser = as_member(ana)
    assert f'<option value="{tag.key}">Choir' in browser.get("/connections/filter").text
    found = browser.get(f"/connections?tag={tag.key}&sort=first")
    assert rows(found) == [ben.handle, chen.handle]
    assert "2 connections match" in words(found)
    assert "Remove the filter Tag Choir" in words(found)
    assert 'href="/connections?sort=first"' in found.text, "a chip takes it away"
    assert not [url for url in re.findall(r'(?:href|action|hx-get)="([^"]+)', found.text) if "hoir" in url]
    assert f'value="{tag.key}" selected' in browser.get(f"/connections/filter?tag={tag.key}").text
    assert rows(browser.get(f"/connections?tag={tag.key}&q=chen")) == [chen.handle]
    assert "No connections match these filters" in words(browser.get(f"/connections?tag={tag.key}&q=dana"))
    gone = browser.post(f"/connections/{ben.handle}/remove", {"tag": tag.key})
    assert gone.headers["Location"] == f"/connections?tag={tag.key}"
    for key in (theirs.key, "x"):
        assert browser.get(f"/connections?tag={key}").status_code == 404


def test_a_tag_is_combined_with_paging(ana, as_member):
    others = [factories.member(f"Ben {number}") for number in range(30)]
    for other in others:
        factories.connect(ana, other)
    cards.add_tags(ana, [other.id for other in others[:28]], "Choir")
    db.session.commit()
    browser = as_member(ana)
    first = browser.get(f"/connections?tag={cards.tags(ana)[0].key}")
    after = re.search(r'href="(/connections\?after=[^"]+)', first.text)[1].replace("&amp;", "&")
    assert len({*rows(first), *rows(browser.get(after))}) == 28


def test_several_are_tagged_at_once_and_nobody_else_sees_it(ana, three, as_member):
    ben, _chen, dana = three
    cards.set_tags(ana, ben, "Porto")
    db.session.commit()
    browser = as_member(ana)
    assert 'formaction="/connections/tag"' in browser.get("/connections?choose=1").text
    ask = browser.get(f"/connections/tag?choose=1&handle={ben.handle}&handle={dana.handle}")
    assert "Tag 2 connections" in words(ask)
    assert "Yours: Porto" in words(ask)
    assert "<dialog" in browser.part(f"/connections/tag?handle={ben.handle}", method="GET").text
    sent = {"choose": "1", "handle": [ben.handle, dana.handle], "tags": "Choir"}
    done = browser.post("/connections/tag", sent)
    assert (done.status_code, done.headers["Location"]) == (303, "/connections?choose=1")
    assert [cards.overlay(ana, each).tags for each in three] == [("Choir", "Porto"), (), ("Choir",)]
    long = browser.post("/connections/tag", sent | {"tags": "x" * 41})
    assert long.status_code == 422
    assert 'value="' + "x" * 41 in long.text
    assert browser.post("/connections/tag", sent | {"tags": ",".join(map(str, range(200)))}).status_code == 422
    stranger = factories.member("Stranger")
    for handles in ([], [stranger.handle]):
        assert browser.post("/connections/tag", {"handle": handles, "tags": "Choir"}).status_code == 422
    assert [tag.count for tag in cards.tags(ana)] == [2, 1]
    for each in (ben, dana):
        assert "Choir" not in as_member(each).get(f"/people/{ana.handle}").text


def test_removing_twenty_takes_as_many_statements_as_removing_five(ana, as_member, statements):
    browser, counts = as_member(ana), []
    for number in (5, 20):
        others = [factories.member(f"Member {each}") for each in range(number)]
        for other in others:
            factories.connect(ana, other)
        handles = [each.handle for each in others]
        with statements() as seen:
            browser.post("/connections/remove", {"handle": handles})
        counts.append(len([each for each in seen if "sign_in" not in each]))
        assert count(ana) == 0
    assert counts[0] == counts[1]


def test_a_page_of_connections_is_light(ana, as_member):
    for _number in range(26):
        factories.connect(
            ana, factories.member("Tomás Ferreira", headline="Marine ecologist, Atlantic Shelf Institute")
        )
    assert len(as_member(ana).get("/connections").data) <= 40_000


@pytest.fixture
def talked(ana, context):
    """Ben was written to two years ago, Chen answered lately, Dana was never written to; in the order they were connected."""
    three = [factories.member(name) for name in ("Ben Okafor", "Chen Wei", "Dana Fox")]
    for other in three:
        factories.connect(ana, other)
    messages.write_to(three[0], ana, "Hello")
    db.session.commit()
    clock.move(days=700)
    messages.write_to(three[1], ana, "Hello")
    messages.write_to_group(ana, three, "All of us", "Hello")
    db.session.commit()
    clock.move(days=30)
    return three


def test_the_list_is_sorted_by_the_last_message_between_the_two(ana, talked, as_member):
    browser = as_member(ana)
    assert rows(browser.get("/connections?sort=contact")) == [talked[1].handle, talked[0].handle, talked[2].handle]
    assert rows(as_member(talked[0]).get("/connections?sort=contact")) == [ana.handle]


def test_with_whom_no_message_was_exchanged_for_a_year_can_be_asked_for(ana, talked, as_member):
    browser = as_member(ana)
    found = browser.get("/connections?quiet=1&sort=contact")
    assert rows(found) == [talked[0].handle, talked[2].handle]
    assert 'href="/connections?sort=contact"' in found.text, "a chip takes it away"
    assert rows(browser.get("/connections?quiet=1&q=dana")) == [talked[2].handle]
    assert 'name="quiet" value="1" checked' in browser.get("/connections/filter?quiet=1").text
    assert "No connections match these filters" in words(browser.get("/connections?quiet=1&q=chen"))
