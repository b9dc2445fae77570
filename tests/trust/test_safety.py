"""Sentences 54 and 56-60: names, contact information, blocks, removals, who reads what, reports and muting."""

import re
import unicodedata

import pytest
from confusable_homoglyphs.confusables import confusables_data
from sqlalchemy import select

from tests import crawl, factories
from tests.routes import dump
from webapp import clock, jobs
from webapp.domain import (
    accounts,
    acts,
    cards,
    feed,
    guests,
    introductions,
    links,
    messages,
    moderation,
    names,
    people,
    profiles,
    relationships,
)
from webapp.extensions import db
from webapp.models.mail import OutgoingMail
from webapp.models.message import Conversation
from webapp.models.notification import Notification
from webapp.models.report import Report

CYRILLIC = "\u0410n\u0430 Lim\u0430"
"""Reads as Ana Lima, with three letters of Cyrillic."""
TOKEN = re.compile(r'(value=|"X-CSRFToken": )"[\w.-]{20,}"')
ENGINE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def leave():
    """Let everything leave that waits for its minute, and every mail that is due."""
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    db.session.rollback()


def ask(by, to):
    relationships.invite(by, [to])
    leave()


# Names


@ENGINE
def test_54_names_are_kept_clean_and_a_look_alike_is_named_never_refused(context, as_member):
    """A name is kept composed (NFC), without control and format characters, in any script. Where it looks like the name of a connection
    of the viewer's, whatever letters it is written with, the invitation, the profile and the message request say so; nobody is ever
    refused for a name."""
    for written, kept in {
        "A\u202ena\u200b Lima": "Ana Lima",
        "Ange\u0301lique": "Ang\u00e9lique",
        "\u041e\u043b\u044c\u0433\u0430": "\u041e\u043b\u044c\u0433\u0430",
        "\u7530\u4e2d\u592a\u90ce": "\u7530\u4e2d\u592a\u90ce",
        "O'Brien": "O'Brien",
        "Ahmed \u0639\u0644\u064a": "Ahmed \u0639\u0644\u064a",
    }.items():
        name = accounts.check_name(written)
        assert name == kept == unicodedata.normalize("NFC", name)
        assert not {unicodedata.category(letter) for letter in name} & {"Cc", "Cf"}
    viewer = factories.member("Vera Viewer", writable="members")
    known = factories.known(viewer, "Ana Lima")
    browser = as_member(viewer)
    hint = "your connection Ana Lima"
    for name, hinted in {
        CYRILLIC: True,
        "An\u00e1 L\u00edma": True,
        "Ana Lirna": True,
        "Ana Lima": True,
        "\u041e\u043b\u044c\u0433\u0430": False,
        "\u7530\u4e2d\u592a\u90ce": False,
        "O'Brien": False,
        "Ahmed \u0639\u0644\u064a": False,
        "Anna Lima": False,
    }.items():
        other = factories.member(name)
        messages.write_to(other, viewer, "Hello")
        ask(other, viewer)
        key = db.session.scalars(select(Conversation.key).order_by(Conversation.id.desc()).limit(1)).one()
        db.session.rollback()
        row = re.search(
            rf'<li [^>]*id="invitation-{other.handle}".*?</li>', browser.get("/invitations").text, re.DOTALL
        )
        pages = [row[0], browser.get(f"/people/{other.handle}").text, browser.get(f"/messages/{key}").text]
        assert [hint in page for page in pages] == [hinted] * 3, name
        assert browser.post(f"/invitations/{other.handle}/accept").status_code == 303
        assert hint not in browser.get(f"/people/{other.handle}").text
        relationships.end(viewer, other)
        db.session.commit()
    assert hint not in browser.get(f"/people/{known.handle}").text
    assert people.lookalikes(viewer, []) == {}


def test_the_plain_letters_that_look_alike_are_those_of_unicode():
    """Most names never ask the large table, so what is known without it has to be what it says."""
    for letter in map(chr, range(33, 127)):
        centre = names._centre(letter, confusables_data)
        if letter.isalnum() or letter == "|":
            assert letter.translate(names._LOOKS) == centre, letter
    assert names.likeness(CYRILLIC) == names.likeness("ANA L\u00edma".title()) == names.likeness("Ana Lima")
    assert names.likeness("\u0399da") == names.likeness("Ida")  # a Greek iota
    assert names.likeness("Ana Lima") != names.likeness("Anna Lima")


# Contact information


@ENGINE
def test_56_contact_information_is_for_connections_and_gone_with_the_connection(context, as_member):
    """A new contact detail is for connections only, a phone for its owner only, unless the owner says otherwise. After a removal it is
    gone with the next request: from the profile, its parts, and the files of one and of all."""
    ana, ben = factories.member("Ana Lima"), factories.member("Ben Okafor")
    stranger = as_member(factories.member("Carl Stranger"))
    profiles.add_detail(ana, "messenger", "canary-messenger")
    profiles.add_detail(ana, "phone", "+351 21 000 0000")
    factories.connect(ana, ben)
    browser = as_member(ben)
    urls = [
        f"/people/{ana.handle}",
        f"/people/{ana.handle}/contact",
        f"/people/{ana.handle}/vcard",
        "/cards/vcard",
        "/cards/csv",
    ]

    def seen(by):
        pages = [by.get(url).text for url in urls] + [by.part(urls[1], method="GET").text]
        db.session.rollback()
        return ["canary-messenger" in page for page in pages], any("351" in page for page in pages)

    assert seen(browser) == ([True] * 6, False)
    assert seen(stranger) == ([False] * 6, False)
    relationships.end(ana, ben)
    db.session.commit()
    assert seen(browser) == ([False] * 6, False)


# Blocking


class Two:
    """Two members with something of everything between them, and somebody both know."""

    def __init__(self):
        self.ana, self.ben = factories.member("Ana Canarylima"), factories.member("Ben Canaryokafor")
        self.hub = factories.member("Hugo Hub", connections_shown="members")
        for one, other in ((self.ana, self.ben), (self.ana, self.hub), (self.ben, self.hub)):
            factories.connect(one, other)
        for one, other in ((self.ana, self.ben), (self.ben, self.ana)):
            one.announces_connections = True
            messages.write_to(one, other, "Hello there")
            feed.share(one, "A post", "members")
            link = links.make(one, "Reunion", 30, 10, connects=False)
            links.use(factories.member("Newcomer"), links.token_of(link))
            cards.set_tags(one, other, "Choir")
            profiles.add_skill(one, "Singing")
        post = feed.share(self.hub, "Between us")
        for each in (self.ana, self.ben):
            feed.comment(each, post, "Indeed")
            feed.congratulate(each, post, on=True)
        messages.write_to_group(self.hub, [self.ana, self.ben], "Choir", "Hello all")
        self.tokens = {
            each.id: links.token_of(links.make(each, "Open", 30, 10, connects=True)) for each in (self.ana, self.ben)
        }
        db.session.commit()

    def sides(self):
        return ((self.ana, self.ben), (self.ben, self.ana))


MANY = 45
"""So many kinds of pages are looked at, at least."""
OWN = ("/settings/blocked", "/cards", "/messages/")
"""Where who blocks lifts it; one's own cards, and one's own conversations, which say "Former member"."""


@ENGINE
def test_57_a_block_is_total_silent_and_restores_nothing(app, context, as_member):
    """After a block each of the two is for the other as an account that does not exist: no page, list, number, file or mail names them,
    every address of theirs answers as an unknown one does, what was open between them and mails that have not left are gone, and nobody
    is told. Only who blocks can lift it, and that brings nothing back."""
    two = Two()
    asker = factories.member("Carl Asker")
    relationships.invite(asker, [two.ana])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()
    assert (
        db.session.query(OutgoingMail).filter_by(kind="invitation", to_member_id=two.ana.id, state="queued").count()
        == 2
    )
    moderation.block(two.ana, asker)
    db.session.commit()
    told = db.session.query(Notification).count()
    db.session.rollback()
    browsers = {viewer.id: as_member(viewer) for viewer, _other in two.sides()}
    for viewer, other in two.sides():
        for path in ("/connections", "/feed", f"/people/{other.handle}", f"/people/{two.hub.handle}", "/messages"):
            assert other.name in browsers[viewer.id].get(path).text, path
    db.session.rollback()
    moderation.block(two.ana, two.ben)
    db.session.commit()
    assert db.session.query(Notification).count() <= told
    mails = db.session.query(OutgoingMail).filter_by(state="queued").all()
    between = {two.ana.id, two.ben.id, asker.id}
    assert [mail.kind for mail in mails if {mail.to_member_id, mail.by_member_id} <= between] == []
    assert [row.degree for row in (two.ana, two.ben)] == [1, 1]
    for viewer, other in two.sides():
        browser = browsers[viewer.id]
        site = crawl.crawl(app, browser.get)
        assert len(site.pages) > MANY
        named = {path for path, text in site.texts.items() if other.name in text}
        assert {path for path in named if not path.startswith(OWN)} == set()
        assert not any(path.startswith("/settings/blocked") for path in named) or viewer is two.ana
        for path, forms in (
            ("", ()),
            ("/connect", ("",)),
            ("/contact", ()),
            ("/mutual", ()),
            ("/block", ("",)),
            ("/report", ("",)),
            ("/vcard", ()),
        ):
            pages = [browser.get(f"/people/{handle}{path}") for handle in (other.handle, "nobody-abcd")]
            pages += [
                browser.post(f"/people/{handle}{path}{form}")
                for form in forms
                for handle in (other.handle, "nobody-abcd")
            ]
            texts = [TOKEN.sub("", page.text).replace(other.handle, "").replace("nobody-abcd", "") for page in pages]
            assert {page.status_code for page in pages} == {404}, path
            assert texts[0::2] == texts[1::2], path
        for path in (
            "/people?q=canary",
            "/connections",
            f"/people/{two.hub.handle}/connections",
            "/cards/csv",
            "/cards/vcard",
        ):
            assert other.name not in browser.get(path).text
        theirs = "/join/by/" + two.tokens[other.id]
        assert browser.get(theirs).status_code == 410
        assert browser.post(f"/messages/new?to={other.handle}", {"body": "Hello"}).status_code == 404
    db.session.rollback()
    assert browsers[two.ben.id].post(f"/settings/blocked/{two.ana.handle}/unblock").status_code == 404
    db.session.rollback()
    before = {viewer.id: relationships.allowance(viewer) for viewer, _other in two.sides()}
    assert browsers[two.ana.id].post(f"/settings/blocked/{two.ben.handle}/unblock").status_code == 303
    db.session.rollback()
    leave()
    for viewer, other in two.sides():
        assert people.one_of(viewer, other.handle) is other
        assert people.standing(viewer, other).status in {"none", "removed"}
        assert relationships.allowance(viewer) == before[viewer.id]
        assert viewer.degree == 1


@ENGINE
def test_58_a_removal_asks_first_and_tells_nobody(context, as_member):
    """Removing a connection asks first, is done by a POST only, and ends it for both at once. The other gets no mail, no notification
    and no item in a feed; messages stay readable for both."""
    ana, ben = factories.member("Ana Lima"), factories.member("Ben Okafor")
    hub = factories.known(ana, "Hugo Hub")
    factories.connect(ana, ben)
    messages.write_to(ana, ben, "Hello there")
    db.session.commit()
    leave()
    key = db.session.scalars(select(Conversation.key)).one()
    browser, url = as_member(ana), f"/connections/{ben.handle}/remove"
    before = dump()
    asked = browser.get(url)
    assert (asked.status_code, "won't be told" in words(asked)) == (200, True)
    assert dump() == before
    counted = {kind: db.session.query(kind).count() for kind in (Notification, OutgoingMail)}
    feeds = {each.id: TOKEN.sub("", as_member(each).get("/feed").text) for each in (ben, hub)}
    db.session.rollback()
    assert browser.post(url).status_code == 303
    leave()
    clock.move(minutes=5)
    jobs.run_due()
    db.session.rollback()
    assert all(db.session.query(kind).count() <= number for kind, number in counted.items())
    for one, other in ((ana, ben), (ben, ana)):
        assert people.standing(one, other).status != "connected"
        assert "Hello there" in as_member(one).get(f"/messages/{key}").text
        assert other.name not in as_member(one).get("/connections").text
        db.session.rollback()
    assert "removed" not in feeds[ben.id]
    assert "Ana" not in words(as_member(ben).get("/notifications")).replace("Ana Lima wrote", "")


@ENGINE
def test_59_nobody_learns_who_read_or_looked(context, as_member, capfd):
    """Who has read a message is shown to nobody unless both sides show it, and both begin by not showing it. Looking at a profile leaves
    no trace: not in any table, not in the log."""
    ana, ben = factories.member("Ana Lima"), factories.member("Ben Okafor")
    factories.connect(ana, ben)
    messages.write_to(ana, ben, "Hello there")
    db.session.commit()
    key = db.session.scalars(select(Conversation.key)).one()
    writer, reader = as_member(ana), as_member(ben)

    def read():
        last = re.search(r'name="last" value="(\d+)"', reader.get(f"/messages/{key}").text)
        assert last is None or reader.post(f"/messages/{key}/read", {"last": last[1]}).status_code < 400
        db.session.rollback()
        clock.move(seconds=11)  # after the time to take it back
        seen = re.search(r'id="last">(.*?)</li>', writer.get(f"/messages/{key}").text, re.DOTALL)[1].strip()
        db.session.rollback()
        return seen

    for shows in ((False, False), (True, False), (False, True)):
        ana.shows_reading, ben.shows_reading = shows
        db.session.commit()
        messages.send(ana, key, f"Once more {shows}", f"client-{shows}")
        db.session.commit()
        assert read() == "", shows
    ana.shows_reading = ben.shows_reading = True
    messages.send(ana, key, "At last", "client-last")
    db.session.commit()
    assert read() != ""
    others = as_member(factories.member("Carl Curious"))
    before = dump()
    capfd.readouterr()
    for browser in (reader, others):
        for _look in range(3):
            assert browser.get(f"/people/{ana.handle}").status_code == 200
    assert dump() == before
    assert ana.handle not in "".join(capfd.readouterr())


@ENGINE
def test_60_everything_somebody_writes_can_be_reported_or_muted_and_operators_see_no_more(context, as_member):
    """Every invitation, message, request, post, comment and introduction has a Report, every conversation and every connection a Mute,
    both silent. Operators see what was reported as it was written, and no other message, no address book, no private card and no guest's
    address."""
    ana, ben, hub = factories.member("Ana Lima"), factories.member("Ben Okafor"), factories.member("Hugo Hub")
    operator = factories.member("Olga Operator", is_operator=True)
    ana.writable = "members"
    for each in (ana, ben):
        factories.connect(hub, each)
    carl = factories.member("Carl Asker")
    ask(carl, ana)
    messages.write_to(ben, ana, "canary-reported words")
    messages.write_to(hub, ana, "canary-secret words")
    key = feed.share(hub, "canary-post")
    feed.comment(ben, key, "canary-comment")
    cards.set_note(ana, hub, "canary-card")
    guests.invite(
        ana,
        [guests.Invitee("Canaryguest", "canary@out.example", factories.lookup("canary@out.example"))],
        source="a list",
    )
    introductions.ask(ben, ana, hub.handle, "canary-introduction")
    leave()
    browser = as_member(ana)
    talks = db.session.scalars(select(Conversation.key)).all()
    db.session.rollback()
    pages = {"/invitations": carl, "/feed": hub, f"/feed/{key}": hub, **{f"/messages/{talk}": None for talk in talks}}
    for path in pages:
        assert re.search(r'href="[^"]*/report', browser.get(path).text), path
    assert re.search(r'href="[^"]*/report', as_member(hub).get("/introductions").text)
    for talk in talks:
        assert f'action="/messages/{talk}/mute"' in browser.get(f"/messages/{talk}").text
    assert f'href="/feed/mute/{hub.handle}' in browser.get(f"/people/{hub.handle}").text
    told = {each.id: words(as_member(each).get("/notifications")) for each in (ben, hub)}
    assert browser.post(f"/feed/mute/{hub.handle}").status_code == 303
    request = next(talk for talk in talks if "canary-reported" in browser.get(f"/messages/{talk}").text)
    shown = browser.get(f"/messages/{request}").text
    [line] = re.findall(r'<li id="message-([\w-]+)"', shown)
    choose = re.search(rf'href="(/messages/[^"]*{line}[^"]*)"', shown)[1].replace("&amp;", "&")
    url = re.search(rf'href="(/people/{ben.handle}/report\?message=[^"&]+)', browser.get(choose).text)[1]
    assert browser.post(url, {"reason": "harassment", "text": "Look"}).status_code == 303
    assert {each.id: words(as_member(each).get("/notifications")) for each in (ben, hub)} == told
    db.session.rollback()
    assert db.session.query(Report).count() == 1
    desk = as_member(operator)
    numbers = re.findall(r"/admin/reports/\d+/settle", desk.get("/admin/reports").text)
    everything = [desk.get(path).text for path in ("/admin/reports", "/admin/log", *numbers)]
    everything += [desk.get(f"/admin/people/{each.handle}").text for each in (ana, ben, hub, carl)]
    assert "canary-reported words" in everything[0]
    for text in everything:
        assert set(re.findall(r"canary[-@\w.]*", text.lower())) <= {"canary-reported"}
    assert acts.mailed(ana).sent == 1
