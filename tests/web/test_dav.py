"""The address book over CardDAV: what a device is told, what it is refused, and what it costs."""

import base64
import logging
import re
from xml.etree import ElementTree as ET

import pytest
import vobject
from sqlalchemy import select
from structlog.testing import capture_logs

from tests import dav, factories
from tests.routes import dump
from webapp import clock
from webapp.domain import app_passwords, cards, moderation, profiles, relationships
from webapp.extensions import db
from webapp.models.member import AppPassword, Throttle

EMAIL = "david@friends.example"
NUMBER = "+351912345678"


@pytest.fixture
def david(context):
    return factories.member("David Lima", EMAIL)


@pytest.fixture
def ben(david):
    """A connection who shares a number."""
    ben = factories.known(david, "Ben Okafor")
    profiles.add_detail(ben, "phone", NUMBER, audience="connections")
    db.session.commit()
    return ben


@pytest.fixture
def phone(client, david):
    phone = dav.Device(client, david, EMAIL)
    phone.ask("OPTIONS")  # used for the first time today, which is written down
    db.session.rollback()
    return phone


# Getting there


def test_a_program_that_knows_the_host_finds_the_book(client, david, phone):
    answer = client.open("/.well-known/carddav", method="PROPFIND")
    assert (answer.status_code, answer.headers["Location"]) == (301, "http://127.0.0.1:8000/dav/")
    root = phone.ask("PROPFIND", "/dav/", dav.propfind("current-user-principal"))
    assert f"<D:href>{phone.home}</D:href>" in root.text
    home = phone.ask("PROPFIND", phone.home, dav.propfind("CR:addressbook-home-set"))
    assert f"<CR:addressbook-home-set><D:href>{phone.home}</D:href>" in home.text
    below = phone.ask(
        "PROPFIND",
        phone.home,
        dav.propfind("resourcetype", "displayname", "current-user-privilege-set", "CR:supported-address-data"),
        Depth="1",
    )
    [book] = [each for each in ET.fromstring(below.data) if "contacts" in each[0].text]
    assert book[0].text == phone.book
    said = ET.tostring(book, "unicode")
    assert "addressbook" in said
    assert "Northgate" in said
    assert 'version="3.0"' in said
    rights = re.search(r"<[^<]*current-user-privilege-set>(.*?)</[^<]*current-user-privilege-set>", said)[1]
    assert re.findall(r"<\w+:privilege><\w+:(\S+)", rights) == ["read"]


def test_what_can_be_done_is_said_plainly(phone):
    answer = phone.ask("OPTIONS")
    assert answer.headers["DAV"] == "1, 3, addressbook"
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, PROPFIND, REPORT"
    assert phone.ask("PROPFIND", None, dav.propfind("displayname")).headers["DAV"] == "1, 3, addressbook"


def test_a_browser_is_led_to_how_it_is_done(client, as_member, david):
    answer = client.get("/dav/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/devices")


def test_names_of_xml_are_as_readers_expect_beside_the_feed(client, david, phone):
    from webapp.domain import feed

    token = feed.new_address(david)
    db.session.commit()
    assert "<D:multistatus" in phone.ask("PROPFIND", None, dav.propfind("displayname")).text
    assert '<feed xmlns="http://www.w3.org/2005/Atom">' in client.get(f"/feed/{token}.atom").text


# What it says


def test_the_cards_are_those_of_the_download(as_member, david, ben, phone):
    cards.save_detail(david, ben, kind="phone", value="+351 900 000 000", label="Ship", key="", instead="")
    cards.set_note(david, ben, "Met in Porto; sings, loudly")
    cards.set_tags(david, ben, "Choir")
    factories.known(david, "Noor van Dijk")
    db.session.commit()
    file = as_member(david).get("/cards/vcard?version=3").data
    texts = [phone.ask("GET", href) for href in phone.tags()]
    assert sorted(answer.data for answer in texts) == sorted(
        f"{part}END:VCARD\r\n".encode() for part in file.decode().split("END:VCARD\r\n") if part
    )
    assert all(answer.mimetype == "text/vcard" for answer in texts)
    assert phone.ask("GET").data == file
    card = vobject.readOne(next(answer.text for answer in texts if "Okafor" in answer.text))
    assert [line.value for line in card.contents["tel"]] == [NUMBER, "+351 900 000 000"]
    assert card.note.value == "Met in Porto; sings, loudly"


def test_addresses_are_stable_and_tags_change_with_the_card_alone(context, david, ben, phone):
    noor = factories.known(david, "Noor van Dijk")
    before, whole = phone.tags(), phone.ask("PROPFIND", None, dav.propfind("CS:getctag")).text
    assert len(before) == 2
    clock.move(days=3)
    assert phone.tags() == before
    assert phone.ask("PROPFIND", None, dav.propfind("CS:getctag")).text == whole
    [detail] = profiles.own_details(ben)
    profiles.change_detail(ben, detail.key, "+351 911 111 111", "", "connections")
    db.session.commit()
    after = phone.tags()
    assert after.keys() == before.keys()
    [changed] = [href for href in after if after[href] != before[href]]
    assert "911 111 111" in phone.ask("GET", changed).text
    assert phone.ask("PROPFIND", None, dav.propfind("CS:getctag")).text != whole
    assert noor.name in phone.said()


def test_a_program_that_synchronises_hears_that_nothing_is_new_or_has_to_compare(david, ben, phone):
    first = phone.ask("REPORT", None, dav.sync())
    token = re.search("<D:sync-token>(.+?)</D:sync-token>", first.text)[1]
    assert first.text.count("<D:response>") == 1
    again = phone.ask("REPORT", None, dav.sync(token))
    assert (again.status_code, again.text.count("<D:response>")) == (207, 0)
    assert token in again.text
    factories.known(david, "Noor van Dijk")
    later = phone.ask("REPORT", None, dav.sync(token))
    assert (later.status_code, "valid-sync-token" in later.text) == (403, True)


def test_who_is_no_connection_any_more_is_gone(david, ben, phone):
    noor = factories.known(david, "Noor van Dijk")
    eve = factories.known(david, "Eve Moss")
    assert len(phone.tags()) == 3
    relationships.end(ben, david)
    moderation.block(noor, david)
    eve.suspended_at = clock.now()
    db.session.commit()
    assert phone.tags() == {}


def test_somebody_with_a_card_but_no_connection_is_not_in_it(as_member, david, ben, phone):
    cards.set_note(david, factories.member("Olga Owner"), "A neighbour")
    db.session.commit()
    assert "A neighbour" not in phone.said()
    assert "A neighbour" in as_member(david).get("/cards/vcard").text


def test_what_somebody_shares_no_more_is_gone(david, ben, phone):
    assert NUMBER in phone.said()
    [detail] = profiles.own_details(ben)
    profiles.change_detail(ben, detail.key, detail.value, "", "me")
    db.session.commit()
    assert NUMBER not in phone.said()
    assert "Ben Okafor" in phone.said()


def test_a_book_can_be_searched(david, ben, phone):
    factories.known(david, "Noor van Dijk")
    found = phone.ask("REPORT", None, dav.containing("okaf")).text
    assert "Ben Okafor" in found
    assert "Noor" not in found


def test_a_card_that_is_not_there_is_answered_so(david, ben, phone):
    missing = f"{phone.book}0000.vcf"
    assert phone.ask("GET", missing).status_code == 404
    answer = phone.ask("REPORT", None, dav.multiget(missing, *phone.tags()))
    assert answer.text.count("404 Not Found") == 1
    assert "Ben Okafor" in answer.text


@pytest.mark.parametrize(
    "text", ["\ufffe\uffff", "]]>&lt;x>", "\x85\u2028\u2029", "\U0001f600 é ظ", "\\n\r\nBEGIN:VCARD"]
)
def test_nothing_anybody_writes_breaks_the_answer(david, ben, phone, text):
    ben.name = f"Ben {text} Okafor"
    cards.set_note(david, ben, f"note {text} end")
    db.session.commit()
    answer = phone.ask("REPORT", None, dav.multiget(*phone.tags()))
    [card] = [each.text for each in ET.fromstring(answer.data).iter("{urn:ietf:params:xml:ns:carddav}address-data")]
    assert card.count("BEGIN:VCARD\n") == 1
    assert vobject.readOne(card).note.value.startswith("note ")


def test_a_member_whose_name_begins_like_the_address_behind_a_proxy(david, ben, phone):
    """Radicale would take its own folder off an address twice."""
    assert david.handle.startswith("dav")
    sent = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Script-Name": "/elsewhere"}
    answer = phone.ask("PROPFIND", None, dav.propfind("getetag"), Depth="1", **sent)
    assert answer.status_code == 207
    assert answer.text.count(f"<D:href>{phone.book}") == 2
    assert "elsewhere" not in answer.text


# Who gets in


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_without_an_app_password_nothing_is_said(client, david, ben, phone, as_member):
    tries = [{}, basic(EMAIL, "wrong"), basic(EMAIL, factories.PASSWORD), basic("nobody@x.example", phone.secret)]
    tries += [{"Authorization": text} for text in ("Basic", "Basic !", "Basic " + "A" * 9, "Bearer x", "Digest x")]
    for method in ("OPTIONS", "GET", "HEAD", "PROPFIND", "REPORT", "PUT", "DELETE"):
        for sent in tries:
            answer = client.open(phone.book, method=method, headers=sent)
            assert answer.status_code in {401, 429}, (method, sent)
            assert "Okafor" not in answer.text
            if answer.status_code == 401:
                assert answer.headers["WWW-Authenticate"] == 'Basic realm="Kith", charset="UTF-8"'
    signed_in = as_member(david).client.open(phone.book, method="PROPFIND")
    assert signed_in.status_code == 401, "a sign-in of a browser opens no address book"


def test_an_app_password_opens_nothing_else(client, david, phone):
    for path in ("/connections", "/cards/vcard", "/settings/devices", "/feed"):
        assert client.get(path, headers=phone.sent).status_code == 303
    answer = client.post("/signin", data={"email": EMAIL, "password": phone.secret})
    assert answer.status_code != 303


def test_a_revoked_one_is_refused_from_then_on(david, ben, phone):
    assert phone.ask("PROPFIND").status_code == 207
    app_passwords.revoke(david, db.session.scalars(select(AppPassword.id)).one())
    db.session.commit()
    assert phone.ask("PROPFIND").status_code == 401


def test_wrong_ones_are_slowed_down_and_the_right_one_is_not(client, david, phone, as_member):
    statuses = [client.open("/dav/", method="PROPFIND", headers=basic(EMAIL, "x")).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    answer = client.open("/dav/", method="PROPFIND", headers=basic(EMAIL, "y"))
    assert int(answer.headers["Retry-After"]) > 0
    assert phone.ask("PROPFIND").status_code == 207
    signed = client.post("/signin", data={"email": EMAIL, "password": factories.PASSWORD})
    assert signed.status_code != 429, "a phone that goes on with an old password shuts nobody out of the pages"
    clock.move(minutes=6)
    assert client.open("/dav/", method="PROPFIND", headers=basic(EMAIL, "x")).status_code == 401


def test_nobody_sees_whether_there_is_somebody_elses_book(david, ben, phone):
    there, nowhere = ben.handle, "nobody-abcd"
    for method, body in (("PROPFIND", dav.propfind("getetag")), ("GET", ""), ("REPORT", dav.containing("a"))):
        for below in ("", "contacts/", "contacts/x.vcf", "contacts/../contacts/"):
            answers = [phone.ask(method, f"/dav/{handle}/{below}", body, Depth="1") for handle in (there, nowhere)]
            assert {answer.status_code for answer in answers} <= {403, 404}, (method, below)
            assert answers[0].data == answers[1].data
    inside = phone.ask(
        "REPORT", None, dav.multiget(f"/dav/{ben.handle}/contacts/x.vcf", "/etc/passwd", "http://x.example/")
    )
    assert "BEGIN:VCARD" not in inside.text


def test_radicales_own_pages_are_not_there(david, phone):
    for path in (
        "/dav/",
        "/dav/.web",
        "/dav/.web/",
        "/dav/.mobileconfig",
        "/dav/.sharing/v1/all/list",
        "/dav/.token/x",
    ):
        for method in ("GET", "HEAD"):
            assert phone.ask(method, path).status_code == 404, path
    assert phone.ask("POST", "/dav/.sharing/v1/all/list").status_code == 405


# What is refused


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "PROPPATCH", "MKCOL", "MKCALENDAR", "MOVE", "COPY", "LOCK", "UNLOCK", "ACL"]
)
def test_nothing_can_be_changed(david, ben, phone, method):
    [href] = phone.tags()
    before, texts = dump(), phone.said()
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:x\r\nFN:Mallory\r\nN:;;;;\r\nEND:VCARD\r\n"
    for path in (href, f"{phone.book}new.vcf", phone.book, phone.home, "/dav/", f"/dav/{ben.handle}/contacts/"):
        answer = phone.ask(method, path, card, Destination=f"http://127.0.0.1:8000{phone.book}new.vcf")
        assert (answer.status_code, answer.text) == (403, "This address book can only be read."), path
    assert phone.ask("POST", None, card).status_code == 405
    assert dump() == before
    assert phone.said() == texts


def test_radicale_would_refuse_by_itself(app, context, david, ben, phone, monkeypatch):
    """The second lock: were the first one open, the rights and a storage without such verbs would hold."""
    from webapp.web import dav as engine

    monkeypatch.setattr(engine, "READS", engine.READS | {"PUT", "DELETE", "PROPPATCH", "MKCOL", "MKCALENDAR", "MOVE"})
    [href] = phone.tags()
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:x\r\nFN:Mallory\r\nN:;;;;\r\nEND:VCARD\r\n"
    for method in ("PUT", "DELETE", "PROPPATCH", "MKCOL", "MKCALENDAR", "MOVE"):
        for path in (href, f"{phone.book}new.vcf", phone.book, phone.home, f"{phone.home}new/"):
            sent = {"Destination": f"http://127.0.0.1:8000{phone.book}new.vcf", "Host": "127.0.0.1:8000"}
            assert phone.ask(method, path, card, **sent).status_code == 403, (method, path)


BOMBS = {
    "billion laughs": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<propfind xmlns="DAV:"><prop><x>&b;</x></prop></propfind>',
    "a file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop><x>&a;</x></prop></propfind>',
    "a type from elsewhere": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><propfind xmlns="DAV:"><prop><x/></prop></propfind>',
    "depth": '<propfind xmlns="DAV:">' + "<prop>" * 100_000,
    "closed depth": '<propfind xmlns="DAV:">' + "<a>" * 100_000 + "</a>" * 100_000 + "</propfind>",
    "very many names": f'<propfind xmlns="DAV:"><prop>{"".join(f"<n{number}/>" for number in range(50_000))}</prop></propfind>',
    "no end": '<propfind xmlns="DAV:"><prop>',
    "no XML": "hello",
    "an empty question": '<propfind xmlns="DAV:"/>',
    "an empty address": f"<CR:addressbook-multiget {dav.NAMESPACES}><prop/><href/></CR:addressbook-multiget>",
    "half an address": f"<CR:addressbook-multiget {dav.NAMESPACES}><prop/><href>http://[</href></CR:addressbook-multiget>",
    "a strange filter": f"<CR:addressbook-query {dav.NAMESPACES}><prop><getetag/></prop><CR:filter><x/></CR:filter></CR:addressbook-query>",
    "another encoding": '<?xml version="1.0" encoding="klingon"?><propfind xmlns="DAV:"><prop><getetag/></prop></propfind>',
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_question_that_is_none_is_refused(david, ben, phone, bomb):
    method = "REPORT" if "addressbook" in BOMBS[bomb] else "PROPFIND"
    answer = phone.ask(method, None, BOMBS[bomb], Depth="1")
    assert answer.status_code == 400, answer.text[:200]
    assert len(answer.data) < 1000
    assert len(phone.tags()) == 1


def test_a_large_question_is_refused_unread(david, phone):
    body = dav.propfind("getetag") + " " * 1_000_001
    assert phone.ask("PROPFIND", None, body).status_code == 413
    assert phone.ask("PROPFIND", None, dav.propfind("getetag") + " " * 900_000).status_code == 207


def test_other_encodings_are_read(david, ben, phone):
    question = '<?xml version="1.0" encoding="utf-16"?>' + dav.propfind("displayname")
    assert "Northgate" in phone.ask("PROPFIND", None, question.encode("utf-16")).text


# What it costs, and what it leaves behind


@pytest.fixture
def question(david):
    return {
        "PROPFIND": dav.propfind("getetag", "CS:getctag", "sync-token", "getcontenttype", "getcontentlength"),
        "REPORT": dav.containing("a"),
        "GET": "",
        "HEAD": "",
    }


def test_as_many_statements_for_many_as_for_few(david, ben, phone, statements, question):
    def asked():
        found = {}
        for method, body in question.items():
            with statements() as seen:
                assert phone.ask(method, None, body, Depth="1").status_code in {200, 207}
            found[method] = len(seen)
        return found

    cards.set_note(david, ben, "A note")
    cards.set_tags(david, ben, "Choir")
    db.session.commit()
    few = asked()
    for number in range(12):
        other = factories.known(david, f"Person {number}")
        profiles.add_detail(other, "phone", f"+3519123456{number:02}", audience="connections")
        cards.set_note(david, other, "A note")
        cards.set_tags(david, other, "Choir, Chess")
    db.session.commit()
    assert asked() == few
    assert len(phone.tags()) == 13
    assert max(few.values()) <= 7


def test_for_a_few_cards_only_those_are_read(david, ben, phone, monkeypatch):
    factories.known(david, "Noor van Dijk")
    [first, second] = phone.tags()
    asked = []
    contact_of_many = profiles.contact_of_many

    def noting(viewer, ids):
        asked.append(len(ids))
        return contact_of_many(viewer, ids)

    monkeypatch.setattr(profiles, "contact_of_many", noting)
    assert phone.ask("GET", first).status_code == 200
    assert phone.ask("REPORT", None, dav.multiget(second)).text.count("BEGIN:VCARD") == 1
    assert phone.ask("REPORT", None, dav.multiget(first, second, first)).text.count("BEGIN:VCARD") == 2
    phone.tags()
    assert asked == [1, 1, 2, 2]


def test_every_question_gives_its_connection_back(app, david, ben, phone, question):
    with app.app_context():
        pool = db.engine.pool
        db.session.rollback()
        before = pool.checkedout()
        for method, body in question.items():
            phone.ask(method, None, body, Depth="1")
        phone.ask("PUT", None, "x")
        phone.ask("PROPFIND", None, "no question")
        assert pool.checkedout() == before


def test_it_writes_the_day_of_its_use_and_nothing_else(david, ben, phone, question):
    before = dump()
    for method, body in question.items():
        phone.ask(method, None, body, Depth="1")
    assert dump() == before
    db.session.rollback()
    clock.move(days=1)
    for method, body in question.items():
        phone.ask(method, None, body, Depth="1")
    db.session.rollback()
    assert app_passwords.of(david)[0].used_at == clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    assert db.session.scalars(select(Throttle)).all() == []


def test_answers_have_the_headers_of_the_site_and_no_cookie(client, david, ben, phone):
    for answer in (
        phone.ask("PROPFIND", None, dav.propfind("getetag")),
        phone.ask("GET"),
        phone.ask("PUT", None, "x"),
        client.open(phone.book, method="PROPFIND"),
        client.open("/.well-known/carddav", method="PROPFIND"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
    assert "Content-Encoding" not in phone.ask("GET", **{"Accept-Encoding": "gzip"}).headers


def test_the_log_says_nothing_of_anybody(david, ben, phone, capfd, caplog, monkeypatch):
    from webapp.web import dav as engine

    caplog.set_level(logging.DEBUG)

    def broken(self, *_given):
        raise RuntimeError(f"Failed to parse item of Ben Okafor {NUMBER}")

    monkeypatch.setattr(engine.AddressBook, "get_all", broken)
    with capture_logs() as events:
        phone.ask("PROPFIND", None, "no question")
        phone.client.open(phone.book, method="PROPFIND", headers=basic(EMAIL, "a wrong secret"))
        phone.ask("PUT", None, "BEGIN:VCARD")
        answer = phone.ask("PROPFIND", None, dav.propfind("getetag"), Depth="1")
    assert answer.status_code == 500
    refused, event = events
    assert (refused["event"], refused["what"]) == ("security", "wrong app password")
    assert (event["event"], event["kind"]) == ("unexpected", "RuntimeError")
    assert "test_dav.py" in event["places"][-1]
    said = "".join(capfd.readouterr()) + caplog.text + str(events)
    for word in (EMAIL, "wrong secret", phone.secret, "Okafor", NUMBER, "VCARD", david.handle):
        assert word not in said, word
        assert word not in answer.text, word
