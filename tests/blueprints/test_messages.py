"""The screens of messages: writing with and without JavaScript, what an open page asks, what stays typed, what leaves as a file."""

import html
import json
import re

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain import cards, messages, moderation, relationships
from webapp.extensions import db
from webapp.models.message import Message, Participant
from webapp.models.report import Report


@pytest.fixture
def pair(context):
    clock.move(days=-30)
    ana, ben = factories.member("Ana Lima"), factories.member("Ben Okafor", headline="Baker")
    factories.connect(ana, ben)
    clock.reset()
    return ana, ben


@pytest.fixture
def key(pair):
    ana, ben = pair
    message = messages.write_to(ana, ben, "Are you coming?")
    db.session.commit()
    return messages.key_of(message)


def words(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def bodies():
    db.session.expire_all()
    return list(db.session.scalars(select(Message.body).order_by(Message.id)))


def test_the_message_button_leads_to_writing_and_then_to_the_conversation(pair, as_member):
    ana, ben = pair
    browser = as_member(ana)
    for page in ("/connections", f"/people/{ben.handle}"):
        assert f'href="/messages/new?to={ben.handle}"' in browser.get(page).text
    form = browser.get(f"/messages/new?to={ben.handle}")
    assert "Ben Okafor" in words(form)
    answer = browser.post("/messages/new", {"to": ben.handle, "body": "Hello", "client": "one"})
    assert answer.status_code == 303
    again = browser.post("/messages/new", {"to": ben.handle, "body": "Hello", "client": "one"})
    assert again.headers["Location"] == answer.headers["Location"]
    assert bodies() == ["Hello"]
    assert browser.get(f"/messages/new?to={ben.handle}").headers["Location"] == answer.headers["Location"]
    assert "Hello" in words(browser.get("/messages"))


def test_after_accepting_there_is_somebody_to_write_to(pair, as_member):
    ana, _ben = pair
    dana = factories.member("Dana Fox")
    relationships.invite(dana, [ana])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()
    row = as_member(ana).part(f"/invitations/{dana.handle}/accept").text
    assert f'href="/messages/new?to={dana.handle}"' in row


def test_a_message_that_cannot_be_sent_stays_typed(pair, key, as_member, setting):
    ana, ben = pair
    browser = as_member(ana)
    setting(MESSAGE_CHARACTERS=10)
    answer = browser.post(f"/messages/{key}", {"body": "A long story to tell"})
    assert answer.status_code == 422
    assert "A long story to tell" in answer.text
    assert "<title>Error: " in answer.text
    relationships.end(ana, ben)
    db.session.commit()
    answer = browser.post(f"/messages/{key}", {"body": "Still here"})
    assert answer.status_code == 409
    assert "You are no longer connected" in words(answer)
    assert "talk-form" not in browser.get(f"/messages/{key}").text


def test_with_htmx_a_message_is_a_line_and_a_fresh_form(pair, key, as_member):
    ana, _ben = pair
    browser = as_member(ana)
    page = browser.get(f"/messages/{key}").text
    client = re.search(r'id="talk-client" value="([^"]+)"|name="client" id="talk-client" value="([^"]+)"', page)
    sent = {
        "body": "On <b>Thursday</b>",
        "client": client[1] or client[2],
        "after": re.search(r'name="after" value="(\d+)"', page)[1],
    }
    answer = browser.part(f"/messages/{key}", sent)
    assert "On &lt;b&gt;Thursday&lt;/b&gt;" in answer.text
    assert "Undo" in answer.text
    fresh = re.search(r'id="talk-client" value="([^"]+)"', answer.text)[1]
    assert fresh != sent["client"]
    browser.part(f"/messages/{key}", sent)
    assert bodies() == ["Are you coming?", "On <b>Thursday</b>"]
    message = db.session.scalars(select(Message.key).order_by(Message.id.desc())).first()
    undone = browser.part(f"/messages/{key}/{message}/undo")
    assert "On &lt;b&gt;Thursday" in undone.text
    assert bodies() == ["Are you coming?"]


def test_without_javascript_too_undo_brings_the_text_back_into_the_box(pair, key, as_member):
    ana, _ben = pair
    browser = as_member(ana)
    message = messages.send(ana, key, "On <b>Thursday</b>").key
    db.session.commit()
    answer = browser.post(f"/messages/{key}/{message}/undo")
    assert answer.status_code == 200
    assert bodies() == ["Are you coming?"]
    assert "Nothing was sent" in words(answer)
    assert re.search(r"<textarea[^>]*>([^<]*)</textarea>", answer.text)[1] == "On &lt;b&gt;Thursday&lt;/b&gt;"
    assert f'id="message-{message}"' not in answer.text
    assert f'action="/messages/{key}"' in answer.text, "it can be sent again"
    assert "Thursday" not in browser.get(f"/messages/{key}").text, "said once"


def test_an_open_page_asks_for_one_number_and_gets_nothing_while_nothing_is_new(pair, key, as_member, statements):
    ana, ben = pair
    browser = as_member(ben)
    address = html.unescape(re.search(r'hx-get="(/messages/[^"]+/news[^"]+)"', browser.get(f"/messages/{key}").text)[1])
    with statements() as seen:
        answer = browser.part(address, method="GET")
    assert (answer.status_code, answer.data) == (204, b"")
    asked = [each for each in seen if not each.startswith(("BEGIN", "ROLLBACK"))]
    assert len(asked) == 1, "who is signed in and the number, together"
    messages.send(ana, key, "Say something")
    db.session.commit()
    answer = browser.part(address, method="GET")
    assert answer.status_code == 200
    assert "Say something" in answer.text
    later = html.unescape(re.search(r'hx-get="(/messages/[^"]+/news[^"]+)"', answer.text)[1])
    assert browser.part(later, method="GET").status_code == 204
    message = db.session.scalars(select(Message).order_by(Message.id.desc())).first()
    clock.move(seconds=2)
    messages.edit(ana, key, message.key, "Say something else")
    db.session.commit()
    changed = browser.part(later, method="GET").text
    assert f'<span id="said-{message.key}" hx-swap-oob="true">' in changed
    assert "Say something else" in changed
    assert 'class="day"' not in changed, "it would stand below the conversation"
    assert as_member(factories.member("Eve")).part(address, method="GET").status_code == 404


def test_what_was_taken_back_leaves_the_open_page_of_the_other(pair, key, as_member):
    ana, ben = pair
    browser = as_member(ben)
    message = messages.send(ana, key, "Not meant for you")
    db.session.commit()

    def look(page):
        address = html.unescape(re.search(r'hx-get="(/messages/[^"]+/news[^"]+)"', page.text)[1])
        return browser.part(address, method="GET")

    shown = browser.get(f"/messages/{key}")
    messages.undo(ana, key, message.key)
    db.session.commit()
    clock.move(hours=1)  # the page was hidden meanwhile
    answer = look(shown)
    assert f'hx-swap-oob="delete:#message-{message.key}"' in answer.text
    later = messages.send(ana, key, "Meant for you")
    db.session.commit()
    answer = look(answer)
    assert ("Meant for you" in answer.text, "delete:" in answer.text) == (True, False)
    messages.undo(ana, key, later.key)
    db.session.commit()
    assert f'hx-swap-oob="delete:#message-{later.key}"' in look(answer).text


def test_an_open_page_shows_when_it_was_seen_and_offers_undo_as_long_as_it_is_one(pair, key, as_member):
    ana, ben = pair
    ana.shows_reading = ben.shows_reading = True
    last = messages.send(ana, key, "Say something").id
    db.session.commit()
    browser = as_member(ana)
    page = browser.get(f"/messages/{key}")
    assert "Sent Undo" in words(page).replace("  ", " ")
    messages.mark_read(ben, key, last)
    db.session.commit()
    address = html.unescape(re.search(r'hx-get="(/messages/[^"]+/news[^"]+)"', page.text)[1])
    assert "Seen" in words(browser.part(address, method="GET"))
    messages.send(ana, key, "And this")
    db.session.commit()
    clock.move(seconds=11)
    assert "Undo" not in words(browser.get(f"/messages/{key}"))


def test_the_numbers_in_the_navigation_follow(pair, key, as_member, statements):
    _ana, ben = pair
    browser = as_member(ben)
    page = browser.get("/network").text
    assert re.search(r'id="unread-messages">1', page)
    address = html.unescape(re.search(r'id="news" hx-get="([^"]+)"', page)[1])
    with statements() as seen:
        assert browser.part(address, method="GET").status_code == 204
    assert len([each for each in seen if not each.startswith(("BEGIN", "ROLLBACK"))]) == 2
    last = db.session.scalar(select(Participant.last_id).where(Participant.member_id == ben.id))
    assert browser.part(f"/messages/{key}/read", {"last": last}).status_code == 200
    answer = browser.part(address, method="GET")
    assert re.search(r'id="unread-messages" hx-swap-oob="true"></span>', answer.text)


def test_looking_marks_nothing_as_read_and_a_post_does(pair, key, as_member):
    _ana, ben = pair
    browser = as_member(ben)
    for page in ("/messages", f"/messages/{key}"):
        shown = browser.get(page).text
        assert messages.unread(ben) == 1
        db.session.rollback()
    last = re.search(r'name="last" value="(\d+)"', shown)[1]
    assert browser.post(f"/messages/{key}/read", {"last": last}).status_code == 303
    assert messages.unread(ben) == 0


def test_what_was_read_loses_its_mark_in_the_list_without_a_reload(pair, key, as_member):
    ana, ben = pair
    messages.send(ana, key, "Or not?")
    db.session.commit()
    browser = as_member(ben)
    shown = browser.get(f"/messages/{key}").text
    mark = re.search(r'<span class="sr unread" id="(unread-[^"]+)">', shown)[1]
    last = int(re.search(r'name="last" value="(\d+)"', shown)[1])
    gone = f'hx-swap-oob="delete:#{mark}"'
    assert gone not in browser.part(f"/messages/{key}/read", {"last": last - 1}).text, "one is left to read"
    assert gone in browser.part(f"/messages/{key}/read", {"last": last}).text
    assert mark not in browser.get("/messages").text


def test_a_group_is_chosen_written_to_left_and_added_to(pair, as_member):
    ana, ben = pair
    chen = factories.member("Chen Wei")
    dana = factories.member("Dana Fox")
    for other in (chen, dana):
        factories.connect(ana, other)
    browser = as_member(ana)
    choose = browser.get("/messages/new?q=che&choose=1")
    assert f'value="{chen.handle}"' in choose.text
    assert f'value="{ben.handle}"' not in choose.text
    assert "What the group is called" in words(browser.get(f"/messages/new?to={ben.handle}&to={chen.handle}"))
    sent = {"to": [ben.handle, chen.handle], "name": "Reunion", "body": "Who comes?", "client": "g"}
    where = browser.post("/messages/new", sent).headers["Location"]
    key = where.rpartition("/")[2].partition("#")[0]
    assert browser.post("/messages/new", sent).headers["Location"] == where
    assert "Reunion" in words(browser.get("/messages"))
    people = browser.get(f"/messages/{key}/people")
    assert "Chen Wei" in words(people)
    assert browser.post(f"/messages/{key}/people", {"to": dana.handle}).status_code == 303
    assert browser.post(f"/messages/{key}/people", {}).status_code == 422
    assert "Stay" in as_member(ben).get(f"/messages/{key}/leave").text
    assert as_member(ben).post(f"/messages/{key}/leave").status_code == 303
    there, _sep, to_add = words(browser.get(f"/messages/{key}/people")).partition("Add somebody")
    assert ("Ben Okafor" in there, "Ben Okafor" in to_add) == (False, True)


def test_from_the_menu_of_a_group_one_comes_to_reporting_its_people(pair, as_member):
    ana, ben = pair
    chen = factories.member("Chen Wei")
    factories.connect(ana, chen)
    key = messages.key_of(messages.write_to_group(ana, [ben, chen], "Reunion", "Who comes?", "g"))
    db.session.commit()
    browser = as_member(chen)  # who need not be connected with all of them
    menu = re.search(r'id="talk-menu".*?</header>', browser.get(f"/messages/{key}").text, re.DOTALL)[0]
    link = re.search(r'href="([^"]+)">(?:(?!</a>).)*Report or block', menu, re.DOTALL)[1]
    page = browser.get(link)
    for other in (ana, ben):
        assert f'href="/people/{other.handle}/report"' in page.text
        assert f'href="/people/{other.handle}"' in page.text
        assert f"/people/{other.handle}/block" in browser.get(f"/people/{other.handle}").text
    report = browser.post(f"/people/{ben.handle}/report", {"reason": "advertising"})
    assert report.status_code == 303
    assert db.session.scalars(select(Report.about_id)).all() == [ben.id]


def test_a_tag_names_who_a_message_goes_to_and_is_told_to_none_of_them(pair, as_member):
    ana, ben = pair
    chen, dana, stranger = (factories.member(name) for name in ("Chen Wei", "Dana Fox", "Stan Ger"))
    for other in (chen, dana):
        factories.connect(ana, other)
    cards.add_tags(ana, [ben.id, chen.id, stranger.id], "Choir")
    cards.add_tags(ana, [dana.id], "Alone")
    cards.add_tags(ana, [stranger.id], "Nobody")
    cards.add_tags(ben, [ana.id], "Theirs")
    db.session.commit()
    keys = {tag.name: tag.key for tag in cards.tags(ana)}
    browser = as_member(ana)
    assert f'value="{keys["Choir"]}"' in browser.get("/messages/new").text
    assert f'href="/messages/new?tag={keys["Choir"]}"' in browser.get(f"/cards/tags/{keys['Choir']}").text

    def recipients(page):
        return re.findall(r'type="hidden" name="to" value="([^"]+)"', page.text)

    write = browser.get(f"/messages/new?tag={keys['Choir']}&to={dana.handle}")
    assert recipients(write) == [dana.handle, ben.handle, chen.handle]
    ticked = browser.get(f"/messages/new?tag={keys['Choir']}&choose=1&q=")
    assert re.findall(r'name="to" value="([^"]+)" checked', ticked.text) == [ben.handle, chen.handle]
    assert recipients(browser.get(f"/messages/new?tag={keys['Alone']}")) == [dana.handle]
    assert "None of your connections has this tag." in words(browser.get(f"/messages/new?tag={keys['Nobody']}"))
    for key in (cards.tags(ben)[0].key, "x"):
        assert browser.get(f"/messages/new?tag={key}").status_code == 404
    sent = {"to": [ben.handle, chen.handle], "body": "Rehearsal at six", "client": "t"}
    where = browser.post("/messages/new", sent).headers["Location"].partition("#")[0]
    there = as_member(ben).get(where)
    assert "Rehearsal at six" in words(there)
    assert "Choir" not in there.text
    assert browser.post(f"{where}/people", {"tag": keys["Alone"]}).status_code == 303
    assert "Dana Fox" in words(browser.get(f"{where}/people")).partition("Add somebody")[0]


def test_a_tag_of_more_than_a_conversation_has_is_said_and_chosen_from(pair, as_member, setting):
    setting(GROUP_MEMBERS_MAX=3)
    ana, ben = pair
    chen, dana = (factories.member(name) for name in ("Chen Wei", "Dana Fox"))
    for other in (chen, dana):
        factories.connect(ana, other)
    cards.add_tags(ana, [ben.id, chen.id, dana.id], "Choir")
    db.session.commit()
    [tag] = cards.tags(ana)
    browser = as_member(ana)
    page = browser.get(f"/messages/new?tag={tag.key}")
    assert "A conversation has at most 3 people, and more have this tag. Choose among them." in words(page)
    boxes = re.findall(r'name="to" value="([^"]+)"( checked)?', page.text)
    assert boxes == [(each.handle, "") for each in (ben, chen, dana)]
    sent = {"to": [ben.handle, chen.handle], "body": "Hello", "client": "t"}
    where = browser.post("/messages/new", sent).headers["Location"].partition("#")[0]
    full = browser.post(f"{where}/people", {"tag": tag.key})
    assert full.status_code == 422
    assert "at most 3 people" in words(full)


def test_many_recipients_take_as_many_statements_as_a_few(pair, as_member, statements):
    ana, _ben = pair
    browser, counts = as_member(ana), []
    for number in (5, 40):
        others = [factories.member(f"Member {each}") for each in range(number)]
        cards.add_tags(ana, [other.id for other in others], f"{number}")
        for other in others:
            factories.connect(ana, other)
        db.session.commit()
        key = next(tag.key for tag in cards.tags(ana) if tag.name == f"{number}")
        named = "&to=".join(each.handle for each in others)
        with statements() as seen:
            assert browser.get(f"/messages/new?tag={key}").status_code == 200
            assert browser.get(f"/messages/new?to={named}").status_code == 200
        counts.append(len([each for each in seen if "sign_in" not in each]))
    assert counts[0] == counts[1]


def test_a_request_is_taken_or_put_aside_where_it_stands(pair, as_member):
    ana, _ben = pair
    dana = factories.member("Dana Fox", writable="members")
    eve = factories.member("Eve Roth", writable="members")
    browser = as_member(ana)
    assert f'href="/messages/new?to={dana.handle}"' in browser.get(f"/people/{dana.handle}").text
    for other in (dana, eve):
        browser.post("/messages/new", {"to": other.handle, "body": "May I ask you something?"})
    there = as_member(dana)
    assert "1 request" in words(there.get("/messages"))
    key = re.search(r'href="/messages/([\w-]{20,})#last"', there.get("/messages/requests").text)[1]
    shown = there.get(f"/messages/{key}")
    assert "can't write again before you answer" in words(shown)
    assert there.post(f"/messages/{key}/accept").status_code == 303
    assert "May I ask you something?" in words(there.get("/messages"))
    other = as_member(eve)
    key = re.search(r'href="/messages/([\w-]{20,})#last"', other.get("/messages/requests").text)[1]
    assert other.post(f"/messages/{key}/ignore").status_code == 303
    assert "May I ask" in words(other.get("/messages/requests?box=ignored"))
    mine = words(browser.get(f"/messages/{key}"))
    assert "You can write again once they have answered" in mine


def test_nobody_writes_to_who_does_not_want_it_nor_across_a_block(pair, as_member):
    ana, ben = pair
    dana = factories.member("Dana Fox")
    browser = as_member(ana)
    answer = browser.post("/messages/new", {"to": dana.handle, "body": "Hello"})
    assert answer.status_code == 409
    assert "Hello" in answer.text
    assert browser.get(f"/messages/new?to={dana.handle}").status_code == 409
    moderation.block(ben, ana)
    db.session.commit()
    assert browser.post("/messages/new", {"to": ben.handle, "body": "Hello"}).status_code == 404
    assert bodies() == []


def test_a_message_is_edited_deleted_and_reported_from_its_own_page(pair, key, as_member):
    ana, ben = pair
    message = db.session.scalars(select(Message)).one().key
    mine, theirs = as_member(ana), as_member(ben)
    assert "Delete for everybody" in words(mine.get(f"/messages/{key}/{message}"))
    assert "Delete for everybody" not in words(theirs.get(f"/messages/{key}/{message}"))
    assert "<dialog" in mine.part(f"/messages/{key}/{message}", method="GET").text
    assert theirs.get(f"/messages/{key}/{message}/edit").status_code == 404
    assert mine.post(f"/messages/{key}/{message}/edit", {"body": ""}).status_code == 422
    assert mine.post(f"/messages/{key}/{message}/edit", {"body": "You are coming"}).status_code == 303
    report = theirs.get(f"/people/{ana.handle}/report?message={message}")
    assert "You are coming" in words(report)
    theirs.post(f"/people/{ana.handle}/report", {"reason": "harassment", "message": message})
    assert db.session.scalars(select(Report.note)).one() == "You are coming"
    assert as_member(factories.member("Eve")).get(f"/people/{ana.handle}/report?message={message}").status_code == 404
    deleted = mine.post(f"/messages/{key}/{message}/delete", {"for": "all"})
    assert deleted.headers["Location"] == f"/messages/{key}#message-{message}", "the keyboard goes on from there"
    assert "Message deleted" in words(theirs.get(f"/messages/{key}"))


def test_earlier_messages_are_a_page_away(pair, key, as_member):
    ana, _ben = pair
    for number in range(60):
        messages.send(ana, key, f"Number {number}")
    db.session.commit()
    browser = as_member(ana)
    page = browser.get(f"/messages/{key}")
    assert len(page.data) < 40_000
    assert "Number 59" in page.text
    assert "Are you coming?" not in re.sub(r"(?s)<section class=\"who\".*?</section>", "", page.text)
    earlier = browser.get(html.unescape(re.search(r'href="([^"]+before=\d+)"', page.text)[1]))
    assert "Are you coming?" in earlier.text
    assert "talk-form" not in earlier.text


def test_a_conversation_leaves_as_text_and_as_data(pair, key, as_member):
    ana, ben = pair
    messages.send(ben, key, "Yes\nI am")
    db.session.commit()
    browser = as_member(ana)
    text = browser.get(f"/messages/{key}/export/text")
    assert text.mimetype == "text/plain"
    assert text.headers["Content-Disposition"] == 'attachment; filename="ben-okafor.txt"'
    assert "Ben Okafor:\nYes\nI am" in text.text
    data = json.loads(browser.get(f"/messages/{key}/export/json").data)
    assert [each["text"] for each in data["messages"]] == ["Are you coming?", "Yes\nI am"]
    assert [each["by"] for each in data["messages"]] == ["Ana Lima", "Ben Okafor"]
    assert as_member(factories.member("Eve")).get(f"/messages/{key}/export/json").status_code == 404


def test_words_are_searched_a_page_at_a_time(pair, key, as_member):
    ana, _ben = pair
    browser = as_member(ana)
    assert "Are you coming?" in words(browser.get("/messages/search?q=com"))
    assert 'No message matches "boat"' in words(browser.get("/messages/search?q=boat"))
    assert "<html" not in browser.part("/messages/search?q=com", method="GET").text


def test_the_mail_says_who_wrote_and_what_only_to_who_wants_that(app, pair, key):
    from webapp import jobs
    from webapp.models.mail import MailboxMessage

    _ana, ben = pair
    db.session.rollback()
    clock.move(minutes=16)
    jobs.run_due()
    raw = db.session.scalars(select(MailboxMessage.raw)).one().decode()
    assert "Ana Lima wrote to you" in raw
    assert "Are you coming" not in raw
    ben.mails_message_text = True
    messages.send(_ana, key, "Are you still coming?")
    db.session.commit()
    clock.move(minutes=16)
    jobs.run_due()
    raw = list(db.session.scalars(select(MailboxMessage.raw).order_by(MailboxMessage.id)))[-1].decode()
    assert "Are you still coming" in raw
    assert "List-Unsubscribe" in raw
