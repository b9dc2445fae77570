"""Private cards by browser: each thing saved by itself, and not a byte of them for anybody else."""

import logging
import re
from io import BytesIO

import pytest
from sqlalchemy import select, text, update

from tests import factories
from tests.domain.test_cards import detail, fill
from tests.routes import address, rules
from webapp import clock, jobs
from webapp.domain import cards, moderation, profiles
from webapp.extensions import db
from webapp.jobs import housekeeping
from webapp.models.batch import is_sqlite
from webapp.models.card import PrivateCard
from webapp.models.member import Member

CANARY = "Kanarienvogel"


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@example.org")


@pytest.fixture
def ben(context, ana):
    ben = factories.member("Ben Okafor", headline="River ecologist")
    factories.connect(ana, ben)
    return ben


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


def test_each_thing_is_saved_alone_and_the_panel_shows_it(ana, ben, as_member):
    browser, url = as_member(ana), f"/people/{ben.handle}/card"
    assert "nothing yet" in words(browser.get(f"/people/{ben.handle}"))
    for what, data in (
        ("note", {"note": "Ask about\nthe tide"}),
        ("met", {"met": "Field station"}),
        ("tags", {"tags": "Choir, Porto"}),
        ("every", {"every": "3"}),
        ("spoke", {}),
        ("detail", {"kind": "phone", "value": "+351 21 555 0148", "label": "Boat"}),
    ):
        answer = browser.post(f"{url}/{what}", data)
        assert (answer.status_code, answer.headers["Location"]) == (303, url)
        assert browser.get(url).text.count(">Saved<") == 1
    text_ = words(browser.get(f"/people/{ben.handle}"))
    for said in (
        "Your notes on Ben Okafor",
        "Only you see this",
        "the tide",
        "Field station",
        "Choir, Porto",
        "Every 3 months",
        "Boat",
        "+351 21 555 0148",
    ):
        assert said in text_


def test_htmx_gets_the_part_and_hears_saved_once(ana, ben, as_member):
    answer = as_member(ana).part(f"/people/{ben.handle}/card/note", {"note": "Tide"})
    assert answer.text.count('id="card-note"') == 1
    assert "<html" not in answer.text
    assert answer.text.count("Saved") == 1
    assert 'id="card-met"' not in answer.text


def test_what_does_not_hold_is_said_beside_what_was_typed(ana, ben, as_member):
    browser, url = as_member(ana), f"/people/{ben.handle}/card"
    answer = browser.post(f"{url}/detail", {"kind": "phone", "value": "call me", "label": "Boat"})
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert ">call me</textarea>" in answer.text
    assert 'value="Boat"' in answer.text
    assert "Enter a number like" in answer.text
    answer = browser.part(f"{url}/note", {"note": "x" * 10_001})
    assert (answer.status_code, "x" * 10_001 in answer.text) == (422, True)
    assert "Saved" not in answer.text
    for what, data in (("met", {"met": "x" * 301}), ("tags", {"tags": "y" * 41})):
        answer = browser.post(f"{url}/{what}", data)
        assert (answer.status_code, data[what] in answer.text, "Use fewer characters" in answer.text) == (
            422,
            True,
            True,
        )
    assert browser.post(f"{url}/every", {"every": "²"}).status_code == 422
    assert db.session.scalars(select(PrivateCard)).all() == []


def test_a_change_of_theirs_is_asked_about_on_the_profile(ana, ben, as_member):
    profiles.add_detail(ben, "phone", "+44 20 7946 0000", audience="connections")
    theirs = cards.overlay(ana, ben).theirs[0]
    detail(ana, ben, "phone", "+44 20 7946 0999", instead=theirs.key)
    profiles.change_detail(ben, theirs.key, "+44 20 7946 0111", "", "connections")
    db.session.commit()
    browser, url = as_member(ana), f"/people/{ben.handle}"
    page = browser.get(url)
    assert "Ben Okafor changed this to +44 20 7946 0111 on" in words(page)
    back = re.search(r'name="back" value="([^"]+)"[^>]*><button[^>]*>Keep mine', page.text)[1]
    key = cards.overlay(ana, ben).lines[0].mine.key
    answer = browser.post(f"{url}/card/keep", {"key": key, "back": back})
    assert answer.headers["Location"] == url
    assert "changed this" not in words(browser.get(url))
    assert browser.post(f"{url}/card/remove", {"key": key}).status_code == 303
    db.session.expire_all()
    assert cards.overlay(ana, ben).lines == ()


def test_an_unreadable_card_is_a_sentence_and_can_be_deleted(ana, ben, as_member):
    cards.set_note(ana, ben, "Tide")
    cards.set_tags(ana, ben, "Choir")
    db.session.execute(update(PrivateCard).values(sealed=b"\x00" * 60))
    db.session.commit()
    browser, url = as_member(ana), f"/people/{ben.handle}"
    assert "be read: it was altered" in words(browser.get(url))
    assert "be read: it was altered" in words(browser.get(f"{url}/card"))
    assert browser.post(f"{url}/card/note", {"note": "x"}).status_code == 409
    assert browser.get("/cards/vcard").status_code == 200
    assert "Delete your card on" in words(browser.get(f"{url}/card/delete"))
    assert browser.post(f"{url}/card/delete").status_code == 303
    assert browser.post(f"{url}/card/note", {"note": "x"}).status_code == 303


def test_removing_leaves_the_notes_unless_ticked_and_undo_brings_them_back(ana, ben, as_member):
    cards.set_note(ana, ben, "Tide")
    db.session.commit()
    browser, url = as_member(ana), f"/connections/{ben.handle}"
    assert 'name="notes"' in browser.get(f"{url}/remove").text
    browser.post(f"{url}/remove", {"notes": "1"})
    assert "Tide" not in browser.get(f"/people/{ben.handle}").text
    browser.post(f"{url}/restore")
    assert "Tide" in browser.get(f"/people/{ben.handle}").text
    browser.post(f"{url}/remove")
    assert "Tide" in browser.get(f"/people/{ben.handle}").text


def test_tags_have_pages_of_their_own(ana, ben, as_member):
    cards.set_tags(ana, ben, "Choir, Porto")
    db.session.commit()
    browser = as_member(ana)
    choir, porto = cards.tags(ana)
    url = f"/cards/tags/{choir.key}"
    assert "Choir 1 person" in words(browser.get("/cards"))
    assert "Ben Okafor River ecologist" in words(browser.get(url))
    answer = browser.post(f"{url}/rename", {"name": "Porto"})
    assert (answer.status_code, 'value="Porto"' in answer.text, "already" in answer.text) == (422, True, True)
    assert browser.post(f"{url}/rename", {"name": "Singers"}).status_code == 303
    assert "Delete the tag Singers?" in words(browser.get(f"{url}/delete"))
    assert browser.post(f"{url}/delete").status_code == 303
    assert browser.get(url).status_code == 404
    db.session.expire_all()
    assert [tag.key for tag in cards.tags(ana)] == [porto.key]


def test_files_are_downloaded_and_brought_back(ana, ben, as_member):
    fill(ana, ben)
    db.session.commit()
    browser = as_member(ana)
    tag = cards.tags(ana)[0]
    files = {}
    for url in (f"/people/{ben.handle}/vcard", "/cards/vcard", f"/cards/tags/{tag.key}/vcard?version=3"):
        answer = browser.get(url)
        assert answer.mimetype == "text/vcard"
        assert re.fullmatch(r"attachment; filename=[\w.-]+\.vcf", answer.headers["Content-Disposition"])
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.text.count("BEGIN:VCARD") == 1
        files[url] = answer.data
    assert b"VERSION:3.0" in files[f"/cards/tags/{tag.key}/vcard?version=3"]
    before = cards.overlay(ana, ben)
    cards.forget(ana, ben)
    db.session.commit()
    answer = browser.post("/cards", {"file": (BytesIO(files["/cards/vcard"]), "cards.vcf")})
    assert answer.status_code == 303
    assert "1 card changed" in words(browser.get("/cards"))
    db.session.expire_all()
    assert cards.overlay(ana, ben) == before
    answer = browser.post("/cards", {"file": (BytesIO(b"not a card"), "x.vcf")})
    assert (answer.status_code, "Choose a file of vCards" in answer.text) == (422, True)
    assert browser.post("/cards", {}).status_code == 422


def test_the_table_of_connections_is_a_file_of_csv(ana, ben, as_member):
    cards.set_note(ana, ben, "Tide")
    db.session.commit()
    browser = as_member(ana)
    assert 'href="/cards/csv"' in browser.get("/cards").text
    answer = browser.get("/cards/csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=connections.csv"
    assert "no-store" in answer.headers["Cache-Control"]
    head, row, rest = answer.text.split("\r\n")
    assert head.startswith('\ufeff"Name","Headline"')
    assert ('"Ben Okafor"' in row, '"Tide"' in row, rest) == (True, True, "")
    assert as_member(ben).get("/cards/csv").text.count("Tide") == 0


def test_the_form_for_a_new_detail_says_what_each_kind_needs(ana, ben, as_member):
    for page in (f"/people/{ben.handle}/card", "/settings/contact"):
        hint = re.search(r'id="(?:new|value)-hint">([^<]+)<', as_member(ana).get(page).text)[1]
        for part in ("phone", "email", "https://", "05-14"):
            assert part in hint, page


def test_older_programs_have_a_link_wherever_there_is_a_file(ana, ben, as_member):
    cards.set_tags(ana, ben, "Choir")
    db.session.commit()
    browser, [tag] = as_member(ana), cards.tags(ana)
    one, tagged = f"/people/{ben.handle}/vcard?version=3", f"/cards/tags/{tag.key}/vcard?version=3"
    for page, link in [
        (f"/people/{ben.handle}", one),
        (f"/people/{ben.handle}/card", one),
        (f"/cards/tags/{tag.key}", tagged),
        ("/cards", "/cards/vcard?version=3"),
    ]:
        assert f'href="{link}"' in browser.get(page).text, page
        assert "VERSION:3.0" in browser.get(link).text


def test_a_birthday_that_changed_is_told_as_people_write_it(ana, ben, as_member):
    profiles.add_detail(ben, "birthday", "05-13", audience="connections")
    theirs = cards.overlay(ana, ben).theirs[0]
    detail(ana, ben, "birthday", "1990-05-12", instead=theirs.key)
    profiles.change_detail(ben, theirs.key, "05-14", "", "connections")
    db.session.commit()
    browser = as_member(ana)
    for page in (f"/people/{ben.handle}", f"/people/{ben.handle}/card"):
        said = words(browser.get(page))
        assert "Ben Okafor changed this to 14 May on" in said
        assert "You have 12 May 1990." in said
        assert "Use theirs 14 May" in said
        assert "--05-14" not in said


def test_cards_about_people_who_left_can_be_read_and_deleted(ana, ben, as_member):
    cards.set_note(ana, ben, "Tide")
    db.session.commit()
    db.session.delete(db.session.get(Member, ben.id))
    db.session.commit()
    browser = as_member(ana)
    assert "Ben Okafor" in words(browser.get("/cards"))
    [one] = cards.left(ana)
    assert "Tide" in words(browser.get(f"/cards/left/{one.key}"))
    assert "Tide" in browser.get("/cards/vcard").text
    assert as_member(factories.member("Mallory Quint")).get(f"/cards/left/{one.key}").status_code == 404
    assert browser.post(f"/cards/left/{one.key}").status_code == 303
    assert browser.get(f"/cards/left/{one.key}").status_code == 404


def test_due_people_stand_on_my_network(ana, ben, as_member):
    cards.set_every(ana, ben, 1)
    db.session.commit()
    browser = as_member(ana)
    assert "Keep in touch" not in words(browser.get("/network"))
    clock.move(days=32)
    shown = as_member(ana).get("/network")
    assert "Keep in touch Only you see this" in words(shown)
    assert "/cards/due" not in shown.text, "those are all"
    assert "Keep in touch" not in words(as_member(ben).get("/network"))


def test_my_network_leads_to_all_with_whom_it_is_time_to_get_in_touch(ana, ben, as_member):
    for number in range(26):
        cards.set_every(ana, factories.member(f"Carl {number}"), 1)
    db.session.commit()
    clock.move(days=32)
    browser = as_member(ana)
    page = browser.get("/network")
    assert page.text.count("Keep in touch") == 1
    assert page.text.count("#card-touch") == cards.DUE
    assert 'href="/cards/due"' in page.text
    first = browser.get("/cards/due")
    after = re.search(r'href="(/cards/due\?after=[^"]+)"', first.text)[1]
    second = browser.get(after)
    shown = re.findall(r"/people/([^/]+)/card#card-touch", first.text + second.text)
    assert (len(shown), len(set(shown))) == (26, 26)
    assert "Nobody is due" in words(as_member(ben).get("/cards/due"))


def test_oneself_and_strangers_to_the_eye_have_no_card(ana, ben, as_member):
    browser = as_member(ana)
    assert browser.get(f"/people/{ana.handle}/card").status_code == 404
    assert browser.post(f"/people/{ana.handle}/card/note", {"note": "x"}).status_code == 404
    moderation.block(ben, ana)
    db.session.commit()
    for way in ("card", "card/delete", "vcard"):
        assert browser.get(f"/people/{ben.handle}/{way}").status_code == 404
    assert browser.post(f"/people/{ben.handle}/card/note", {"note": "x"}).status_code == 404


# Nobody else


def kept_by(ana, ben):
    """A card in which every text has the canary in it; returns the forms in which it would be found."""
    profiles.add_detail(ben, "messenger", "Ben on Signal", audience="connections")
    theirs = cards.overlay(ana, ben).theirs[0]
    detail(ana, ben, "messenger", f"{CANARY} one", label=f"{CANARY} two", instead=theirs.key)
    detail(ana, ben, "email", f"{CANARY.lower()}@post.example")
    cards.set_met(ana, ben, f"{CANARY} three")
    cards.set_note(ana, ben, f"{CANARY} four\n{CANARY} five")
    cards.set_tags(ana, ben, f"{CANARY} six, {CANARY} seven")
    cards.set_every(ana, ben, 1)
    db.session.commit()


def finds(data):
    """Whether the canary is in these bytes, in one of the encodings a database or a page could have."""
    lowered = data.lower()
    wanted = CANARY.lower()
    return any(
        each in lowered for each in (wanted.encode(), wanted.encode("utf-16-le"), wanted.encode().hex().encode())
    )


def test_every_role_crawls_every_page_and_only_the_owner_finds_it(app, ana, ben, as_member):
    kept_by(ana, ben)
    both, stranger = factories.member("Both Ways"), factories.member("Stan Ger")
    factories.connect(both, ana)
    factories.connect(both, ben)
    operator = factories.member("Olga Rator", is_operator=True)
    [one, two] = cards.tags(ana)
    keys = [one.key, two.key, *db.session.scalars(select(PrivateCard.key))]
    handles = [ana.handle, ben.handle, both.handle]
    clock.move(days=40)  # it is time to get in touch, too
    roles = {"owner": ana, "person": ben, "both": both, "stranger": stranger, "operator": operator, "out": None}
    found = {}
    for role, who in roles.items():
        browser = as_member(who)
        pages = set()
        for rule in rules(app):
            if "GET" not in rule.methods:
                continue
            base = address(app, rule)
            pages |= {base.replace("nobody-abcd", handle) for handle in handles}
            if "key" in rule.arguments:
                pages |= {base.replace("/x", f"/{key}") for key in keys}
        pages |= {
            f"/people?q={CANARY}",
            f"/connections?q={CANARY}",
            f"/connections?tag={one.key}",
            f"/messages/new?tag={one.key}",
            "/cards/vcard?version=3",
        }
        found[role] = {
            url
            for url in pages
            for part in (False, True)
            if finds(browser.get(url, headers={"HX-Request": "true"} if part else {}).data)
        }
    echoed = {f"/people?q={CANARY}", f"/connections?q={CANARY}"}  # what was asked for is said again
    owner = {f"/people/{ben.handle}", f"/people/{ben.handle}/card", "/cards", "/cards/vcard"}
    owner |= {f"/connections?tag={one.key}", "/connections/filter", "/messages/new"}
    assert owner <= found.pop("owner")
    assert {role: urls - echoed for role, urls in found.items()} == {role: set() for role in found}


def test_no_table_file_log_or_mail_has_a_byte_of_it(app, ana, ben, as_member, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    browser, url = as_member(ana), f"/people/{ben.handle}/card"
    for what, data in (
        ("note", {"note": f"{CANARY} one"}),
        ("met", {"met": f"{CANARY} two"}),
        ("tags", {"tags": f"{CANARY} three"}),
        ("detail", {"kind": "messenger", "value": f"{CANARY} four", "label": f"{CANARY} five"}),
        ("every", {"every": "1"}),
    ):
        assert browser.post(f"{url}/{what}", data).status_code == 303
    db.session.execute(update(PrivateCard).values(sealed=PrivateCard.sealed))
    db.session.commit()
    clock.move(days=40)
    jobs.run_due()
    assert as_member(ana).get(url).status_code == 200
    assert CANARY.lower() not in caplog.text.lower()
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(select(table)):
            assert not finds(str(tuple(row)).encode()), table
            assert not any(finds(bytes(value)) for value in row if isinstance(value, bytes | memoryview)), table
    if is_sqlite():
        files = list(app.config["KITH"]["INSTANCE"].rglob("*"))
        assert any(path.suffix == ".sqlite3" for path in files)
        assert [path for path in files if path.is_file() and finds(path.read_bytes())] == []
        housekeeping.tidy()
        assert [path for path in files if path.is_file() and finds(path.read_bytes())] == []
    else:
        for name in db.session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all():
            dumped = db.session.scalars(text(f'SELECT t::text FROM "{name}" t')).all()
            assert not any(finds(row.encode()) for row in dumped), name
