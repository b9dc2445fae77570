"""Archives built by the worker: all of it, sealed, for a day, and nothing that is somebody else's."""

import csv
import io
import re
import zipfile
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import vobject
from sqlalchemy import delete, select, update

from tests import factories, hostile
from tests.archives import asked, built, files, opened, said, whole
from tests.domain.test_cards import fill
from webapp import addresses, clock, config, jobs
from webapp.domain import (
    accounts,
    archives,
    cards,
    feed,
    guests,
    introductions,
    links,
    messages,
    moderation,
    notifications,
    profiles,
    relationships,
    saved_searches,
    search,
    suggestions,
)
from webapp.domain.errors import NotFound, Refused, TooMany
from webapp.extensions import db
from webapp.jobs import archives as building
from webapp.jobs import housekeeping
from webapp.models.archive import Archive
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.models.message import Conversation, Message
from webapp.models.notification import Notification
from webapp.models.profile import ContactInfo
from webapp.providers import files as reading
from webapp.spreadsheet import BOM, text_of
from webapp.transaction import transaction


@pytest.fixture
def ana(context, setting):
    setting(NEW_CONVERSATIONS_PER_DAY=1000)
    with transaction():
        archives.sweep(clock.now())  # what the test before left
    return factories.member("Ana Lima", "ana@example.org")


@pytest.fixture
def ben(ana):
    return factories.known(ana, "Ben Okafor")


# What is in it


def everything(viewer):
    """Let a member put something of everything here, and others something about them."""
    ben, carl, dora = (factories.known(viewer, name) for name in ("Ben Okafor", "Carl Sato", "Dora Maas"))
    eva = factories.member("Eva Lind")
    near, stranger, asker = (factories.member(name) for name in ("Noor Near", "Sam Stranger", "Asta Asker"))
    hub = factories.known(viewer, "Hugo Hub")
    for other in (near, asker):
        factories.connect(hub, other)
    factories.connect(viewer, asker)
    fill(viewer, ben)
    fill(viewer, stranger)
    fill(ben, viewer)
    profiles.edit(viewer, {"about": "me", "title": "connections"}, headline="Rivers", about="Mine", title="Ecologist")
    profiles.set_photo(viewer, {64: b"small", 256: b"large"})
    profiles.add_entry(viewer, "experience", what="Ecologist", at="Water board", from_year="2020")
    profiles.add_entry(viewer, "education", what="Biology", at="Porto", from_year="2010", to_year="2014")
    skill = profiles.add_skill(viewer, "Sampling")
    profiles.endorse(ben, viewer, skill.key, on=True)
    theirs = profiles.add_skill(ben, "Rowing")
    profiles.endorse(viewer, ben, theirs.key, on=True)
    profiles.add_detail(viewer, "phone", "+351 21 555 0148", "Work", "me")
    profiles.add_detail(viewer, "messenger", "ana on Signal")
    for audience in ("me", "connections"):
        profiles.add_detail(ben, "messenger", f"ben for {audience}", audience=audience)
    post = feed.share(viewer, "Good morning")
    feed.comment(viewer, feed.share(ben, "Good evening"), "Sleep well")
    feed.congratulate(viewer, db.session.scalars(select(db.Model.metadata.tables["post"].c.key)).first(), on=True)
    feed.comment(ben, post, "You too")
    feed.new_address(viewer)
    feed.mute(viewer, carl.handle, None)
    messages.write_to(viewer, ben, "Hello Ben")
    messages.write_to(ben, viewer, "Hello Ana")
    factories.connect(ben, carl)
    messages.write_to(ben, carl, "Not for Ana")
    messages.write_to_group(viewer, [ben, carl], "Choir", "Hello all")
    moderation.report(viewer, dora, "harassment", "She was rude")
    moderation.report(ben, viewer, "other", "Ana was rude")
    moderation.block(viewer, dora)
    relationships.invite(viewer, [stranger], note="We met in Porto")
    guests.invite(
        viewer,
        [guests.Invitee("Grace Hopper", "grace@out.example", factories.lookup("grace@out.example"))],
        source="a list",
        note="Join us",
    )
    links.use(eva, links.token_of(links.make(viewer, "Reunion", 30, 200, connects=True)))
    links.make(ben, "Ben's own", 30, 200, connects=False)
    introductions.ask(viewer, near, hub.handle, "We both row")
    saved_searches.save(viewer, "Rowers", search.Query(q="row"))
    saved_searches.save(ben, "Ben's search", search.Query(q="ana"))
    suggestions.dismiss(viewer, stranger.handle)
    accounts.start_sign_in(viewer, "Firefox on Linux")
    db.session.commit()


def test_an_archive_is_asked_for_built_told_and_opened(ana, ben):
    archive = built(ana)
    assert archive.testzip() is None
    names = archive.namelist()
    assert names[:3] == ["kith/kith.json", "kith/connections.vcf", "kith/connections.csv"]
    assert names[-1] == "kith/index.html"
    assert len(names) == len(set(names)) < 200
    about = said(archive, "kith")
    assert (about["format"], about["version"], about["member"]["name"]) == ("kith-archive", 1, "Ana Lima")
    assert {f"kith/{name}" for name in about["files"]} <= set(names)
    [row] = db.session.execute(notifications.of(ana)).all()
    assert (row.kind, row.name) == ("archive", "Ana Lima")


def test_everything_a_member_put_here_is_in_it(ana):
    everything(ana)
    archive = built(ana)
    profile = said(archive, "profile")
    assert profile["fields"]["about"] == {"value": "Mine", "audience": "me"}
    assert profile["fields"]["title"] == {"value": "Ecologist", "audience": "connections"}
    assert profile["skills"]["entries"][0]["endorsed_by"][0]["name"] == "Ben Okafor"
    assert [each["what"] for each in profile["education"]["entries"]] == ["Biology"]
    assert archive.read("kith/photo.webp") == b"large"
    account = said(archive, "account")
    assert account["addresses"][0]["address"] == "ana@example.org"
    assert account["choices"]["findable"] == "everyone"
    assert account["sign_ins"][0]["browser"] == "Firefox on Linux"
    assert account["feed_address_made_at"]
    people = {row["name"]: row for row in said(archive, "connections")}
    assert set(people) == {"Ben Okafor", "Carl Sato", "Eva Lind", "Hugo Hub", "Asta Asker"}
    assert [each["value"] for each in people["Ben Okafor"]["contact"]] == ["ben for connections"]
    assert people["Ben Okafor"]["my_card"]["how_we_met"] == "Field station, summer; 2013"
    assert people["Ben Okafor"]["my_tags"] == ["Choir; alto", "Porto \\ Lisbon"]
    assert {row["about"] for row in said(archive, "cards")} == {"Ben Okafor", "Sam Stranger"}
    assert {row["name"]: len(row["people"]) for row in said(archive, "tags")} == {
        "Choir; alto": 2,
        "Porto \\ Lisbon": 2,
    }
    asked_for = {(row["list"], row["name"]): row for row in said(archive, "invitations")}
    assert asked_for["sent", "Sam Stranger"]["note"] == "We met in Porto"
    assert asked_for["guests", "Grace Hopper"]["email"] == "grace@out.example"
    assert asked_for["guests", "Grace Hopper"]["note"] == "Join us"
    [link] = said(archive, "links")
    assert (link["called"], [each["name"] for each in link["who_came"]]) == ("Reunion", ["Eva Lind"])
    [introduction] = said(archive, "introductions")
    assert (introduction["to_meet"], introduction["through"], introduction["why"]) == (
        "Noor Near",
        "Hugo Hub",
        "We both row",
    )
    talks = {row["conversation"]: row for row in said(archive, "conversations")}
    assert sorted((row["kind"], len(row["with"])) for row in talks.values()) == [("group", 2), ("pair", 1)]
    lines = said(archive, "messages")
    assert {(row["by"], row["text"], row["mine"]) for row in lines} == {
        ("Ana Lima", "Hello Ben", True), ("Ben Okafor", "Hello Ana", False), ("Ana Lima", "Hello all", True),
    }  # fmt: skip
    assert {row["conversation"] for row in lines} == set(talks)
    assert "Good morning" in [row["text"] for row in said(archive, "posts")]
    assert [(row["text"], row["on_a_post_by"]) for row in said(archive, "comments")] == [("Sleep well", "Ben Okafor")]
    assert len(said(archive, "congratulations")) == 1
    assert [(row["name"], row["skill"]) for row in said(archive, "endorsements")] == [("Ben Okafor", "Rowing")]
    assert [row["name"] for row in said(archive, "saved_searches")] == ["Rowers"]
    assert {(row["choice"], row["name"]) for row in said(archive, "choices_about_people")} == {
        ("blocked", "Dora Maas"), ("muted", "Carl Sato"), ("dismissed", "Sam Stranger"),
    }  # fmt: skip
    [report] = said(archive, "reports")
    assert (report["about"], report["text"]) == (None, "She was rude")
    assert "Ben Okafor endorsed a skill of yours" in [row["text"] for row in said(archive, "notifications")]


def test_nothing_that_is_somebody_elses_is_in_it(ana):
    everything(ana)
    text = whole(built(ana))
    for word in ("ben for me", "Not for Ana", "Ana was rude", "Ben's own", "Ben's search", "You too"):
        assert word not in text
    assert text.count("Ask about the tide") > 0
    db.session.execute(
        delete(db.Model.metadata.tables["private_card"]).where(
            db.Model.metadata.tables["private_card"].c.owner_id == ana.id
        )
    )
    db.session.commit()
    assert "Ask about the tide" not in whole(built(ana)), "that is Ben's card about Ana"


def test_who_ignored_held_or_hid_cannot_be_told_from_it(ana):
    """The same bytes, whether somebody ignored an invitation, opted out of mail, holds one of their own, or does not care."""
    others = [factories.member(f"Sam {number}") for number in range(3)]
    relationships.invite(ana, others)
    addresses = [f"guest{number}@out.example" for number in range(2)]
    guests.invite(
        ana, [guests.Invitee("Grace", address, factories.lookup(address)) for address in addresses], source="a list"
    )
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    held = factories.member("Holly Held")

    def seen():
        archive = built(ana)
        return {name: archive.read(f"kith/{name}") for name in archive.namelist() if False} or {
            name: said(archive, name)
            for name in ("invitations", "connections", "notifications", "mails", "choices_about_people")
        }

    before = seen()
    relationships.ignore(others[0], [ana])
    relationships.invite(held, [ana], note="Holly's hold")
    guests.opt_out(factories.lookup(addresses[0]))
    db.session.commit()
    after = seen()
    assert [row for row in after["notifications"] if "archive" not in row["text"]] == [
        row for row in before["notifications"] if "archive" not in row["text"]
    ]
    for name in ("invitations", "connections", "choices_about_people"):
        assert after[name] == before[name]


OWNERS = {
    "comment": "author_id", "contact_info": "member_id", "guest_invitation": "inviter_id", "invite_link": "member_id",
    "post": "author_id", "profile_entry": "member_id", "profile_field": "member_id", "message": "author_id", "report": "by_id",
    "saved_search": "member_id", "sign_in": "member_id", "skill": "member_id",
}  # fmt: skip
"""Whose word it is."""
HELD_ELSEWHERE = {"about", "title"}
"""Fields of hers for fewer than all members: their columns hold nothing."""
NEVER_OTHERS = {
    "comment",
    "guest_invitation",
    "invite_link",
    "post",
    "profile_entry",
    "report",
    "saved_search",
    "sign_in",
}
"""What others wrote here is in nobody else's archive."""


def test_every_word_a_member_wrote_is_in_it_and_no_word_they_may_not_see(ana):
    """Whatever text column there is or will be: each row says something else, and the archive is searched for it."""
    everything(ana)
    words = {}

    def give(table, row, column, number):
        word = f"Zq{len(words)}x"
        words[table, row, column] = word
        return word

    hostile.write_everywhere(give)
    text, me = whole(built(ana)), ana.id
    tables = db.Model.metadata.tables
    missing, told = [], []
    for (name, row, column), word in words.items():
        table = tables[name]
        key = [each == value for each, value in zip(table.primary_key.columns, row, strict=True)]
        if column in {"note", "decided"} and name == "report":
            continue  # a copy of what the other wrote, and what operators tell each other
        if name in OWNERS:
            owner = db.session.scalar(select(table.c[OWNERS[name]]).where(*key))
            if owner == me and word not in text:
                missing.append((name, column))
            if owner != me and name in NEVER_OTHERS and word in text:
                told.append((name, column))
        elif (name == "member" and row == (me,) and column not in HELD_ELSEWHERE and word not in text) or (
            name == "introduction" and column == "why" and word not in text
        ):
            missing.append((name, column))
        elif name == "relationship":
            low, high = row
            mine = (low if column == "low_note" else high) == me
            state = db.session.execute(select(table.c.state, table.c.low_held, table.c.high_held).where(*key)).one()
            if mine and state.state == "none" and word not in text:  # held: it waits for its minute
                missing.append((name, column))
    assert missing == []
    assert told == []
    hidden = db.session.scalars(
        select(ContactInfo.value).where(ContactInfo.member_id != me, ContactInfo.audience == "me")
    ).all()
    assert hidden
    assert [value for value in hidden if value in text] == []
    talks = select(Message.body).join(Conversation, Conversation.id == Message.conversation_id)
    others = db.session.scalars(talks.where(Conversation.low_id != me, Conversation.high_id != me)).all()
    assert others
    assert [value for value in others if value in text] == []


def test_every_table_is_in_it_or_said_to_be_left_out():
    tables = set(db.Model.metadata.tables)
    assert archives.tables() | set(archives.LEFT_OUT) == tables
    assert not archives.tables() & set(archives.LEFT_OUT)


def test_the_docs_name_every_file_and_every_table():
    text = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")
    for part in archives.PARTS:
        assert f"| `{part.name}.json` | {part.what} | {', '.join(part.tables)} |" in text
    for table, why in archives.LEFT_OUT.items():
        assert f"| {table} | {why} |" in text
    assert text.count("\n| ") == len(archives.PARTS) + len(archives.LEFT_OUT) + 10
    for column in archives.HEADER:
        assert f"`{column}`" in text or column.startswith("My ")


# Its files, read by others


def test_vcards_and_table_hold_each_connection_once_whatever_they_are_called(ana):
    names = [*hostile.TEXTS, "a\r\nEND:VCARD", "=1+1", "+1", "-1", "@x", "\t=1"]
    for text in names:
        other = factories.known(ana, "Ben")
        other.name = text.replace("\0", "")[:100]
        profiles.add_detail(other, "email", f"ben{other.id}@home.example", audience="connections")
        cards.set_note(ana, other, text)
    db.session.commit()
    archive = built(ana)
    found = list(vobject.readComponents(archive.read("kith/connections.vcf").decode()))
    assert len(found) == len(names)
    assert sorted(card.email.value for card in found) == sorted(
        detail.value
        for other in db.session.scalars(select(Member).where(Member.id != ana.id))
        for detail in profiles.own_details(other)
    )
    table = csv.reader(io.StringIO(archive.read("kith/connections.csv").decode().removeprefix(BOM), newline=""))
    rows = list(table)[1:]
    kept = {name.replace("\r\n", "\n") for name in db.session.scalars(select(Member.name).where(Member.id != ana.id))}
    assert {text_of(row[0]) for row in rows} == kept
    assert len(rows) == len(names)
    assert len(said(archive, "connections")) == len(names)


def test_find_connections_reads_it_with_every_name_and_address(ana):
    expected = set()
    for number, text in enumerate(hostile.TEXTS):
        other = factories.known(ana, "Ben")
        other.name = addresses.display_name(text) or "Ben"
        profiles.add_detail(other, "email", f"ben{number}@home.example", audience="connections")
        profiles.add_detail(other, "email", f"ben{number}@hidden.example", audience="me")
        expected.add((other.name, f"ben{number}@home.example"))
    db.session.commit()
    asked(ana)
    assert building.build_due()
    found = reading.read(b"".join(archives.pieces(ana)[1]))
    assert found.kind == "kith"
    assert {(card.name, address) for card in found.page.cards for address in card.addresses} == expected
    assert found.left_out == 0


class Page(HTMLParser):
    """A page of an archive: which elements, which addresses."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.events, self.loaded = set(), [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"srcdoc", "style", "action"}:
                self.events.append((tag, name))
            if name == "href":
                self.links.append(value)
            if name == "src":
                self.loaded.append(value)


def test_pages_run_nothing_load_nothing_and_lead_to_each_other(ana):
    everything(ana)
    hostile.write_everywhere()
    archive = built(ana)
    names = set(archive.namelist())
    pages = [name for name in names if name.endswith(".html")]
    assert len(pages) == len(archives.PARTS) + 1
    for name in pages:
        page = Page(archive.read(name).decode())
        assert page.tags <= {
            "html", "head", "meta", "title", "style", "body", "main", "nav", "a", "h1", "h2", "p", "div", "dl", "dt", "dd", "ul", "li",
            "bdi", "b", "span", "footer", "section", "img",
        }  # fmt: skip
        assert page.events == []
        assert all(source.startswith("data:image/webp;base64,") for source in page.loaded)
        for link in page.links:
            to_a_member = name.startswith("kith/connections") and re.fullmatch(
                rf"{config.setting('BASE_URL')}/people/[\w-]+", link
            )
            assert to_a_member or f"kith/{link.partition('#')[0]}" in names, link


def test_many_messages_make_several_pages_and_each_conversation_leads_to_its_first(ana, ben, monkeypatch):
    monkeypatch.setattr(building, "PAGE_ROWS", 4)
    monkeypatch.setattr(archives.contents, "BATCH", 3)
    monkeypatch.setattr(archives.contents, "TALKS", 2)
    talks = []
    for number in range(5):
        other = factories.known(ana, f"Carl {number}")
        for line in range(3):
            messages.write_to(ana, other, f"Line {line} to {number}")
        talks.append(other)
    db.session.commit()
    archive = built(ana)
    lines = said(archive, "messages")
    assert sorted(row["text"] for row in lines) == sorted(
        f"Line {line} to {number}" for number in range(5) for line in range(3)
    )
    for talk in {row["conversation"] for row in lines}:
        assert [row["text"][:6] for row in lines if row["conversation"] == talk] == ["Line 0", "Line 1", "Line 2"]
    pages = [name for name in archive.namelist() if re.fullmatch(r"kith/messages(-\d)?\.html", name)]
    assert len(pages) == 4
    text = "".join(archive.read(name).decode() for name in pages)
    assert sorted(re.findall(r"Line \d to \d", text)) == sorted(row["text"] for row in lines)
    conversations = "".join(archive.read(f"kith/conversations{page}.html").decode() for page in ("", "-2"))
    found = re.findall(r'href="(messages[^"#]*)#([^"]+)"', conversations)
    assert len(found) == 5
    for page, talk in found:
        assert f'<section id="{talk}">' in archive.read(f"kith/{page}").decode()


# How long it is there


def test_its_file_is_sealed_for_the_process_alone_and_says_nothing_without_its_row(ana, ben):
    cards.set_note(ana, ben, "Kanarienvogel")
    db.session.commit()
    built(ana)
    [path] = files()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    raw = path.read_bytes()
    assert not zipfile.is_zipfile(path)
    for word in (b"Kanarienvogel", b"Ana Lima", b"kith/", b"PK"):
        assert word not in raw[:2000]
    row = db.session.get_one(Archive, ana.id)
    assert path.name == row.name
    for damaged in (raw[:-1], raw[:40], b"", raw[:50] + bytes([raw[50] ^ 1]) + raw[51:]):
        path.write_bytes(damaged)
        with pytest.raises(Refused):
            archives.pieces(ana)
    path.unlink()
    with pytest.raises(Refused):
        archives.pieces(ana)


def leave(member):
    db.session.delete(member)


def gone(viewer):
    db.session.commit()
    db.session.expire_all()
    with pytest.raises(NotFound):
        archives.pieces(viewer)
    with transaction():
        archives.sweep(clock.now())
    told = db.session.scalars(select(Notification).where(Notification.kind == archives.KIND)).all()
    return files() == [] and told == []


def test_it_is_deleted_after_a_day_and_not_before(ana):
    built(ana)
    clock.move(hours=23, minutes=59)
    housekeeping.tidy()
    assert opened(ana).namelist()
    clock.move(minutes=2)
    assert gone(ana)


@pytest.mark.parametrize(
    "end",
    [
        lambda member: accounts.end_other_sign_ins(member, "here"),
        lambda member: accounts.set_password(member, factories.password_hash()),
        archives.discard,
        leave,
    ],
)
def test_it_goes_with_signing_out_everywhere_a_new_password_and_the_account(ana, end):
    built(ana)
    end(db.session.get_one(Member, ana.id))
    assert gone(ana)


def test_a_file_that_belongs_to_no_archive_is_swept_and_one_that_does_stays(ana):
    built(ana)
    stray = files()[0].parent / "stray"
    stray.write_bytes(b"left by a crash")
    housekeeping.tidy()
    assert [path.name for path in files()] == [db.session.get_one(Archive, ana.id).name]


def test_one_at_a_time_and_six_a_day(ana):
    first = asked(ana).name
    assert asked(ana).name == first, "it waits already"
    assert building.build_due()
    assert asked(ana).name != first
    assert files() == []
    for _ in range(4):
        assert building.build_due()
        asked(ana)
    assert building.build_due()
    with pytest.raises(TooMany), transaction():
        archives.ask(ana)
    assert opened(ana), "the last one stays"


def test_nobody_else_gets_it(ana, ben):
    built(ana)
    with pytest.raises(NotFound):
        archives.pieces(ben)


# What can go wrong


def test_it_is_built_anew_where_a_process_died(ana, ben):
    row = asked(ana)
    with transaction():
        assert archives.claim()
        assert archives.claim() is None, "another process has it"
    (config.setting("INSTANCE") / "archives" / row.name).write_bytes(b"half of it")
    assert not building.build_due()
    clock.move(minutes=3)
    assert building.build_due()
    assert opened(ana).testzip() is None


def test_three_deaths_are_enough(ana):
    asked(ana)
    for _ in range(3):
        with transaction():
            assert archives.claim()
        clock.move(minutes=3)
    assert not building.build_due()
    db.session.expire_all()
    assert archives.of(ana).state == "failed"


def test_what_is_not_wanted_any_more_is_not_built_to_the_end(ana, ben, monkeypatch):
    monkeypatch.setattr(building, "SAY_SECONDS", 0)
    asked(ana)

    def stop():
        with transaction():
            archives.discard(db.session.get_one(Member, ana.id))
        return True

    assert building.build_due(stop)
    assert files() == []
    assert db.session.scalars(select(Archive)).all() == []


def test_a_process_that_ends_gives_it_back(ana, ben, monkeypatch):
    monkeypatch.setattr(building, "SAY_SECONDS", 0)
    asked(ana)
    assert building.build_due(lambda: False)
    assert files() == []
    assert db.session.get_one(Archive, ana.id).state == "asked"
    assert building.build_due()
    assert opened(ana).testzip() is None


def test_progress_rises_to_the_end_while_it_is_built(ana, monkeypatch):
    for number in range(7):
        messages.write_to(ana, factories.known(ana, f"Ben {number}"), "Hello")
    db.session.commit()
    monkeypatch.setattr(building, "SAY_SECONDS", 0)
    monkeypatch.setattr(archives, "BATCH", 2)
    monkeypatch.setattr(archives.contents, "BATCH", 2)
    seen = []

    def look():
        row = db.session.get_one(Archive, ana.id)
        seen.append((row.done, row.total))
        db.session.rollback()
        return True

    asked(ana)
    assert building.build_due(look)
    assert [done for done, _total in seen] == sorted(done for done, _total in seen)
    assert len({done for done, _total in seen}) > 10
    assert seen[-1][0] <= seen[-1][1]


def test_a_disk_without_room_is_said_and_leaves_nothing(ana, ben, monkeypatch):
    monkeypatch.setattr(building, "SAY_SECONDS", 0)
    monkeypatch.setattr(archives.keeping, "FREE_BYTES", 10**18)
    asked(ana)
    assert building.build_due()
    assert files() == []
    db.session.expire_all()
    assert archives.of(ana).state == "failed"
    asked(ana)
    assert archives.of(ana).state == "asked", "it can be asked for again"


def test_what_changes_while_it_is_built_breaks_nothing(ana, monkeypatch):
    """Connections come and go, cards are deleted, people leave: each row is as it was before or after."""
    people = [factories.known(ana, f"Ben {number}") for number in range(12)]
    for other in people:
        cards.set_note(ana, other, "Tide")
        messages.write_to(ana, other, "Hello")
    db.session.commit()
    ids = [other.id for other in people]
    monkeypatch.setattr(building, "SAY_SECONDS", 0)
    monkeypatch.setattr(archives, "BATCH", 2)
    monkeypatch.setattr(archives.contents, "BATCH", 2)

    def change():
        if ids:
            with transaction():
                me, other = db.session.get_one(Member, ana.id), db.session.get_one(Member, ids.pop())
                if len(ids) % 3 == 0:
                    db.session.delete(other)
                elif len(ids) % 3 == 1:
                    relationships.end(me, other)
                else:
                    cards.forget(me, other)
        return True

    asked(ana)
    assert building.build_due(change)
    archive = opened(ana)
    assert archive.testzip() is None
    for part in archives.PARTS:
        said(archive, part.name)


def test_the_mail_says_where_it_is_and_only_while_it_is_there(ana, sink):
    built(ana)
    jobs.run_due()
    assert sink.recipients == ["ana@example.org"]
    assert f"{config.setting('BASE_URL')}/settings/export" in sink.last().get_body(("plain",)).get_content()
    built(ana)
    with transaction():
        archives.discard(ana)
    jobs.run_due()
    assert len(sink.recipients) == 1
    left = db.session.scalars(
        select(OutgoingMail).where(OutgoingMail.kind == "archive", OutgoingMail.state == "queued")
    ).all()
    assert left == []


def test_the_wrapping_key_is_needed(ana, app):
    built(ana)
    db.session.execute(update(Archive).values(wrapped=b"another key's"))
    db.session.commit()
    with pytest.raises(Refused):
        archives.pieces(ana)
    assert timedelta(hours=archives.HOURS) == timedelta(days=1)
