"""The walk through another team's certified server, dressed as Google and as Microsoft: to two connections, and through what fails."""

import re

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.providers.fixtures import settings_for
from tests.wizard import Wizard, sum_of
from webapp import clock, jobs
from webapp.domain import relationships
from webapp.extensions import db
from webapp.models.contact import AddressBookImport
from webapp.models.ledger import LookupCharge
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member
from webapp.providers import http
from webapp.transaction import transaction
from webapp.web import oauth

ACCOUNTS = {"google": "ada@gmail.com", "microsoft": "ada@outlook.com"}
MANY = {"google": "many@gmail.com", "microsoft": "many@outlook.com"}
HUGE = {"google": "huge@gmail.com", "microsoft": "huge@outlook.com"}
NAMES = {"google": "Google", "microsoft": "Outlook"}
FIRST = {"google": "/google/v1/people/me/connections", "microsoft": "/microsoft/v1.0/me/contacts"}
TOKEN = {"google": "/google/token", "microsoft": "/microsoft/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0/token"}


@pytest.fixture(params=["google", "microsoft"])
def door(request):
    return request.param


@pytest.fixture
def maya(context, app, peer, setting, as_member, door):
    """A member in the wizard, at the door of the one provider or the other."""
    app.extensions["kith.oauth"].clear()
    setting(**settings_for(peer))
    peer.go_wrong({})
    member = factories.member("Maya van Nes", email=ACCOUNTS[door])
    wizard = Wizard(as_member(member), peer, ACCOUNTS[door])
    wizard.member_id = member.id
    yield wizard
    peer.go_wrong({})


def rows(table):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table))


def book_is_forgotten():
    return rows(AddressBookImport) == 0


def nothing_was_compared():
    return rows(LookupCharge) == 0


def test_from_the_consent_to_two_connections(maya, door, as_member, client):
    grace = factories.member("Grace Hopper", email="grace@navy.example").id
    page = maya.read(door)
    assert "1 person you know is here" in page.words
    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0"], "do": "add"})
    page = maya.get("/others")
    assert set(page.boxes.values()) == {False}
    maya.post("/others", {"shown": page.hidden["shown"], "tick": ["0"], "note": "", "do": "add"})
    assert maya.get("/members").response.status_code == 303
    assert book_is_forgotten()

    clock.move(seconds=61)
    db.session.rollback()
    jobs.run_due()
    mails = {row.recipient: row for row in db.session.scalars(select(MailboxMessage))}
    mails.pop("grace@navy.example")
    (invited,) = mails.values()
    link = re.search(rb"/join/[\w-]+", invited.raw.replace(b"=\r\n", b""))[0].decode()
    assert as_stranger(client, link).status_code == 303
    with transaction():
        assert relationships.accept(db.session.get_one(Member, grace), [maya.member_id]) == 1
    assert db.session.get_one(Member, maya.member_id).degree == 2
    assert relationships.problems() == []


def as_stranger(client, link):
    """Join by the link of a mail, in a browser of one's own."""
    page = client.get(link).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    fields = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', page))
    return client.post(link, data=fields | {"csrf_token": token, "name": "Invited", "password": factories.PASSWORD})


def test_refusing_and_unticking_are_said_and_read_nothing(maya, door, peer):
    maya.consent(door, decision="deny")
    assert "You didn't give access, so nothing was read." in maya.get().words
    maya.consent(door, untick=(peer.contacts(door),))
    assert "the box for contacts was left empty, so nothing was read" in maya.get().words
    assert peer.asked(FIRST[door]) == 0
    assert book_is_forgotten()
    assert nothing_was_compared()


def test_an_answer_works_once_and_only_in_the_tab_that_asked_last(maya, door, peer):
    answers = []
    for _tab in range(2):
        url = maya.ask(door=door)
        answers.append(peer.consent(url, maya.account))
    assert maya.come_back(answers[0], door).headers["Location"] in {"/contacts", "/contacts/reading"}
    assert maya.come_back(answers[1], door).headers["Location"] == "/contacts/reading"
    for answer in answers:
        assert maya.come_back(answer, door).headers["Location"] in {"/contacts", "/contacts/reading"}
    peer.go_wrong({})
    while maya.browser.post("/contacts/reading", {"page": maya.wanted()}).headers["Location"] == "/contacts/reading":
        pass
    assert peer.asked(FIRST[door]) == 1
    assert len(maya.get("/others").boxes) == sum_of(maya.get("/members"))[1][1]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "body": "oops"},
        {"status": 400, "body": '{"error": "invalid_grant", "error_description": "their own words"}'},
        {"body": "<html>their own words"},
        {"body": '{"access_token": "x", "token_type": "Bearer", "id_token": "a.b.c", "scope": "openid"}'},
        {"body": "{", "cut": True},
        {"status": 302, "headers": {"Location": "http://127.0.0.1:1/elsewhere"}},
        {"drip": True},
    ],
    ids=["500", "refused", "no-json", "forged", "truncated", "redirect", "drip"],
)
def test_a_token_answer_that_fails_reads_nothing_and_quotes_nobody(maya, door, peer, monkeypatch, fault):
    monkeypatch.setattr(oauth, "ANSWER_SECONDS", 0.5)
    peer.go_wrong({TOKEN[door]: fault})
    assert maya.consent(door).headers["Location"] == "/contacts"
    page = maya.get()
    assert re.search(rf"({NAMES[door]}|Microsoft|That took too long)", page.words)
    assert "nothing was read" in page.words.lower() or "Start again" in page.words
    assert "their own words" not in page.html
    assert peer.asked(FIRST[door]) == 0
    assert book_is_forgotten()


FAULTS = {
    "slow down": ({"status": 429, "headers": {"Retry-After": "7"}, "body": "{}"}, r"asked us to wait for [78] seconds"),
    "down": ({"status": 503, "body": "their own words"}, r"did not answer|doesn't answer|stopped answering|not answering"),
    "key ended": ({"status": 401, "body": "{}"}, r"no longer accepts the key"),
    "no json": ({"body": "<html>their own words"}, r"could not read all contacts|stopped answering"),
    "truncated": ({"body": '{"connections": [{', "cut": True}, r"did not answer|stopped answering|could not read"),
    "another shape": ({"body": '{"connections": "many", "value": 7}'}, r"could not read all contacts"),
    "drip": ({"drip": True}, r"did not answer|stopped answering|not answering"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_fails_in_the_middle_of_a_book_is_said_and_nothing_is_compared(maya, door, peer, monkeypatch, name):
    monkeypatch.setattr(http, "PAGE_SECONDS", 0.5)
    monkeypatch.setattr(http.get_json, "__kwdefaults__", http.get_json.__kwdefaults__ | {"seconds": 0.5})
    maya.account = MANY[door]
    maya.consent(door)
    maya.part("/reading", {"page": "0"})
    fault, said = FAULTS[name]
    peer.go_wrong({FIRST[door]: fault})
    for _try in range(6):
        part = maya.part("/reading", {"page": "1"})
        if re.search(said, part.words):
            break
        clock.move(seconds=80)
    assert re.search(said, part.words), part.words
    assert "their own words" not in part.html
    for path in ("/members", "/others", "/preview"):
        assert maya.get(path).response.headers["Location"] == "/contacts/reading"
    assert nothing_was_compared()


@pytest.mark.parametrize("door", ["microsoft"])  # Google's pages are named by a token, not by a link
def test_a_link_to_another_host_is_not_followed(maya, peer, trap, door):
    peer.go_wrong({FIRST[door]: {"body": f'{{"value": [], "@odata.nextLink": "{trap.url}/next"}}'}})
    maya.consent(door)
    assert "We could not read all contacts" in maya.part("/reading", {"page": "0"}).words
    assert trap.connections == 0


def test_twenty_five_thousand_contacts_are_read_and_counted(maya, door, peer):
    maya.account = HUGE[door]
    maya.consent(door)
    pages = 0
    while True:
        answer = maya.browser.post("/contacts/reading", {"page": maya.wanted()})
        pages += 1
        if answer.headers["Location"] != "/contacts/reading":
            break
        assert pages < 60
    assert peer.asked(FIRST[door]) == 25
    page = maya.get("/members")
    read, rest = sum_of(page)
    assert read == 25_000
    assert sum(rest) == read
