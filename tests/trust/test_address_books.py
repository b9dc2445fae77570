"""Who learns what from an address book: how much can be compared, who is a stranger in it, and that nobody else notices."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from werkzeug.routing import IntegerConverter

from tests import crawl, factories
from tests.conftest import empty
from tests.contacts import Book
from tests.wizard import Wizard
from webapp import clock, config, jobs
from webapp.domain import accounts, contacts, ledger, names, relationships, search
from webapp.domain.search import Query
from webapp.extensions import db
from webapp.jobs import housekeeping
from webapp.models.contact import AddressBookImport
from webapp.models.ledger import LookupCharge
from webapp.models.member import Member
from webapp.transaction import transaction

ONE_ENGINE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
"""Where what is tested lies above the database."""


def count(table):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table))


# 5: nothing before the own address is proven


LOOKING = ("contacts", "ledger", "people", "saved_searches", "suggestions", "fields")


def paths_of(app, *blueprints):
    """(path, methods) of every address of these blueprints, with something in each gap."""
    adapter = app.url_map.bind("127.0.0.1:8000")
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in blueprints:
            gaps = {
                name: 1 if isinstance(rule._converters[name], IntegerConverter) else "members"
                for name in rule.arguments - set(rule.defaults or {})
            }
            yield adapter.build(rule.endpoint, gaps | (rule.defaults or {})), rule.methods


@ONE_ENGINE
def test_05_nothing_before_the_own_address_is_proven(app, context, as_member):
    """Nothing is imported, compared or searched before the account's own address is proven: every address for it leads to
    the sign-in page.
    """
    member = factories.member("Early Bird", verified=False)
    browser = as_member(member)  # even if a sign-in of theirs came to be
    asked = 0
    for path, methods in paths_of(app, *LOOKING):
        for ask in [browser.get] * ("GET" in methods) + [browser.post] * ("POST" in methods):
            answer = ask(path)
            assert answer.status_code == 303, path
            assert answer.headers["Location"].startswith("/signin"), path
            asked += 1
    assert asked > 30
    wizard = Wizard(browser)
    assert wizard.post("/paste", {"text": "ada@out.example", "go": "1"}).response.headers["Location"] == "/signin"
    assert (count(AddressBookImport), count(LookupCharge)) == (0, 0)
    db.session.get_one(Member, member.id).verified_at = clock.now()
    db.session.commit()
    assert wizard.paste("ada@out.example").status == 200


# 6: a member who hides is a stranger: for thirty days, in everything the inviter can get
LEDGER = ("/settings/contacts", "/settings/contacts/ledger.jsonl")


def anonymous(page):
    """A page without what differs between any two servings of it."""
    page = crawl.without_tokens(page)
    page = re.sub(r"/(undo|guests|optout|cards)/[\w.-]+", r"/\1/", page)
    return re.sub(r"preview\?v=\w+", "preview", page)


def named(name, email):
    """A member whose handle does not differ from one run to the next."""
    member = factories.member(name, email)
    member.handle = name.replace(" ", "-").lower()
    db.session.commit()
    return member.id


def world(context, as_member, hide):
    """Everything Maya can get, when Ben (whose address she has) is `hide`; None: there is no Ben."""
    empty()
    clock.reset()
    db.session.remove()
    maya_id = named("Maya van Nes", "maya@home.example")
    ben_id = named("Ben Okri", "ben@out.example" if hide else "elsewhere@out.example")
    if hide:
        hide(ben_id, maya_id)
        db.session.commit()
    browser = as_member(maya_id)
    maya = Wizard(browser)
    seen = [maya.paste("Ben <ben@out.example>", "Ada <ada@out.example>", "Zoe <zoe@out.example>")]
    page = maya.get("/others")
    seen.append(page)
    assert "Ben" in page.words
    maya.post("/others", {"shown": page.hidden["shown"], "tick": list(page.boxes), "note": "", "do": "add"})
    seen.append(maya.get("/done"))
    texts = [anonymous(each.html) for each in seen]
    for days in (0, 13, 18):
        clock.move(days=days, seconds=61)
        db.session.rollback()
        jobs.run_due()
        housekeeping.tidy()
        db.session.rollback()
        browser = as_member(maya_id)  # a sign-in does not stand idle for eighteen days
        paths = ("/invitations/guests", "/invitations/sent", "/invitations", "/notifications", *LEDGER)
        texts += [anonymous(browser.get(path).text) for path in paths]
        wizard = Wizard(browser)
        texts.append(anonymous(wizard.paste("Ben <ben@out.example>", "Zed <zed@out.example>").html))
        texts.append(anonymous(wizard.get("/others").html))
    return texts


def hide_from_all(ben_id, _maya_id):
    db.session.get_one(Member, ben_id).findable = "nobody"


def hide_from_the_distant(ben_id, _maya_id):
    db.session.get_one(Member, ben_id).findable = "second"


def block(ben_id, maya_id):
    relationships.block(db.session.get_one(Member, ben_id), maya_id)


@pytest.mark.parametrize("hide", [hide_from_all, hide_from_the_distant, block])
def test_06_a_member_who_hides_is_a_stranger(context, as_member, hide, monkeypatch):
    """A member who cannot be found by their address, or who blocked the uploader, is to them like somebody outside, byte
    for byte: in the pages of the import and its counts, after inviting, in the lists of invitations, in the contacts
    ledger and its digests, and in another import, for thirty days and until a yes.
    """
    started = clock.now()
    monkeypatch.setattr(clock, "now", lambda: started + clock._moved)
    hidden, stranger = world(context, as_member, hide), world(context, as_member, None)
    assert len(hidden) == len(stranger) > 20
    for one, other in zip(hidden, stranger, strict=True):
        assert one == other
    assert any("invited" in text for text in hidden)
    exported = [text for text in hidden if text.startswith('{"')]
    assert ['"what": "sent"' in text for text in exported] == [True] * 3
    assert ['"what": "left"' in text for text in exported] == [True] * 3


# 7: only proven addresses match


@pytest.fixture
def maya(context):
    return factories.member("Maya van Nes", email="maya@home.example")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okri", email="ben@friends.example")


def test_07_only_proven_addresses_match(maya, ben):
    """Only addresses that a member has proven match: somebody else's address, put to one's own account and never proven,
    makes nobody appear in anybody's book, and leaves its owner findable.
    """
    victim = factories.member("Vera Real", email="vera@out.example")
    factories.address(ben, "claimed@friends.example", verified=False)
    factories.address(ben, "vera@out.example", verified=False)
    factories.member("Not Yet", email="notyet@friends.example", verified=False)
    book = Book(maya).read("claimed@friends.example", "notyet@friends.example", "vera@out.example")
    assert [row.person.id for row in book.members().rows] == [victim.id]
    assert {row.address for row in book.guests().rows} == {"claimed@friends.example", "notyet@friends.example"}
    row = next(each for each in accounts.addresses_of(ben) if each.address == "claimed@friends.example")
    row.verified_at = clock.now()
    db.session.commit()
    assert [row.person.id for row in Book(maya).read("claimed@friends.example").members().rows] == [ben.id]


# 8: the look-up budget


def test_08_a_budget_of_look_ups_over_all_doors(maya, as_member, setting):
    """In any 10 days a member can have at most 50,000 addresses compared (LOOKUPS_MAX, LOOKUP_DAYS), through all doors
    together: each finished comparison charges its different addresses, so neither many files nor another door help, and
    the same book again costs again. The comparison that would pass it is refused before anything is matched, with both
    numbers and the date; no list of addresses is kept, and there is no other way to ask whether an address belongs to a
    member.
    """
    assert (config.setting("LOOKUPS_MAX"), config.setting("LOOKUP_DAYS")) == (50_000, 10)
    setting(LOOKUPS_MAX=7)
    started = clock.now()
    wizard = Wizard(as_member(maya))
    wizard.paste("a@x.example", "A <a@x.example>", "b@x.example")  # 2 different ones
    wizard.bring("Name,E-mail\nAda,a@x.example\nBo,b@x.example\n")  # the same again, in a file: 2
    clock.move(days=4)
    wizard.bring("BEGIN:VCARD\nVERSION:3.0\nFN:C\nEMAIL:c@x.example\nEND:VCARD\n", "one.vcf")  # 1
    before = [count(table) for table in (LookupCharge, AddressBookImport)]
    member = db.session.get_one(Member, maya.id)
    assert contacts.lookups_of(member).used == 5
    for refused in (
        lambda: wizard.browser.post("/contacts/paste", {"text": "d@x.example e@x.example f@x.example", "go": "1"}),
        lambda: wizard.upload("Name,E-mail\nD,d@x.example\nE,e@x.example\nF,f@x.example\n"),
    ):
        assert refused().headers["Location"] == "/contacts"
        page = wizard.get()
        assert "You had 5 of 7 addresses compared in the last 10 days, and this address book has 3." in page.words
        assert f"You can compare it from {started + timedelta(days=10):%-d %B %Y}" in page.words
        assert count(LookupCharge) == before[0]
        assert count(AddressBookImport) == 0
    lines = [line for batch in ledger.lines_of(member) for line in batch]
    assert [line.facts.get("how") for line in lines][-1] == "refused"
    assert sum(line.what == "compared" for line in lines) == 3
    wizard.paste("d@x.example", "e@x.example")  # one address more or less at a time is counted all the same
    assert wizard.browser.post("/contacts/paste", {"text": "f@x.example", "go": "1"}).headers["Location"] == "/contacts"
    clock.move(days=6, seconds=1)
    wizard = Wizard(as_member(maya))
    assert wizard.paste("d@x.example", "e@x.example", "f@x.example").status == 200
    clock.move(days=11)
    assert contacts.sweep_charges(clock.now()) == 5
    db.session.commit()
    columns = {column.name for column in LookupCharge.__table__.columns}
    assert columns == {"id", "member_id", "at", "addresses"}
    for doors in ("/people?q=ben@friends.example", "/people?q=friends.example"):
        factories.member("Ben Okri", email=f"ben{len(doors)}@friends.example")
        assert "Ben Okri" not in as_member(maya).get(doors).text


# 9: searching

HIDDEN = ("unverified", "suspended", "leaving", "blocks", "blocked")


@ONE_ENGINE
def test_09_search_knows_no_address_and_nobody_who_hides(context, as_member, monkeypatch):
    """Searching never matches an email address, and never finds who blocks or is blocked, is suspended, leaves, or has not
    proven an address; its pages end after 1,000 people.
    """
    ana = factories.member("Ana Lima")
    found = factories.member("Ben Zyxwerk", email="unusual.word@strange.example")
    hidden = {name: factories.member(f"{name} Zyxwerk", verified=name != "unverified") for name in HIDDEN}
    hidden["suspended"].suspended_at = clock.now()
    hidden["leaving"].deleted_at = clock.now()
    relationships.block(hidden["blocks"], ana)
    relationships.block(ana, hidden["blocked"])
    for each in (*hidden.values(), found):
        names.refresh(each)
    db.session.commit()
    assert [row.name for row in search.find(ana, Query("zyxwerk")).rows] == ["Ben Zyxwerk"]
    for words in ("unusual.word@strange.example", "unusual", "strange", "strange.example", *HIDDEN):
        assert list(search.find(ana, Query(words)).rows) == [], words
    assert search.SHOWN == 1_000
    monkeypatch.setattr(search, "SHOWN", 5)
    for number in range(7):
        factories.member(f"Many {number}")
    browser = as_member(ana)
    first = search.find(ana, Query("many"), size=3)
    second = search.find(ana, Query("many"), first.place, size=3)
    assert (len(first.rows), len(second.rows), second.ended, second.place) == (3, 2, True, None)
    assert "unusual" not in browser.get("/people?q=zyxwerk").text


# 10: padding


PADDING = 40


def test_10_no_smallest_book(maya, ben):
    """There is no smallest size of a book below which it would not be compared, because padding it with invented addresses
    would defeat that: one address is answered as it is among others, each invented one costs a look-up, and that is
    what limits asking.
    """
    alone = Book(maya).read("ben@friends.example")
    assert [row.person.id for row in alone.members().rows] == [ben.id]
    assert contacts.lookups_of(maya).used == 1
    padded = Book(maya).read("ben@friends.example", *[f"nobody{n}@x.example" for n in range(PADDING)])
    assert [row.person.id for row in padded.members().rows] == [ben.id]
    assert contacts.lookups_of(maya).used == 2 + PADDING


# 14: nobody else notices


PAGES = (
    "/",
    "/network",
    "/suggestions",
    "/people",
    "/people?q=ben",
    "/notifications",
    "/connections",
    "/invitations",
    "/settings/contacts",
)


def test_14_nothing_of_others_changes_by_a_book(context, as_member):
    """What others are suggested, shown, told and in which order does not change because somebody read an address book they
    stand in; nor does the reader's own, but for the contacts ledger.
    """
    ana, ben = factories.member("Ana Lima"), factories.member("Ben Okafor")
    factories.member("Carla Reis", place="Porto")
    factories.address(ben, "ben@friends.example")
    ids = (ana.id, ben.id)

    def pages():
        db.session.rollback()
        every = [
            as_member(each).get(url).text
            for each in ids
            for url in PAGES
            if (each, url) != (ids[0], "/settings/contacts")
        ]
        return [crawl.without_tokens(page) for page in every]

    before = pages()
    book = Book(ana).read("Benny <ben@friends.example>", "Carla <carla@out.example>", "Dora <dora@out.example>")
    assert len(book.members().rows) == 1
    assert pages() == before
    with transaction():
        assert contacts.forget(book.owner, "button")
    housekeeping.tidy()
    assert pages() == before
