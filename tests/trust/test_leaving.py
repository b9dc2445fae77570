"""Nothing is left of who has left: every form is filled in with words that stand nowhere else; all files and tables are searched for them.

And nobody can tell: what others see is compared before, while somebody leaves, after they are gone, and after they stayed.
"""

import io
import re
import zipfile
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import delete, select

from tests import crawl, factories
from webapp import clock, jobs
from webapp.domain import accounts, guests, introductions, leaving, moderation, names, profiles, relationships
from webapp.domain.guests import Invitee
from webapp.extensions import db
from webapp.jobs import health, housekeeping
from webapp.mail import outbox
from webapp.models.base import to_ms
from webapp.models.batch import is_sqlite
from webapp.models.connection import Connection
from webapp.models.member import Member
from webapp.models.notice import Notice
from webapp.models.profile import AUDIENCES
from webapp.proof.search import Search

GOES = "zquillwort"
"""A word of everything that has to go; lower case, so that folding changes nothing."""
STAYS = "zinkwort"
"""A word of the messages, which those keep who got them."""
CHANGES = {"leaving.index", "leaving.now", "settings.sign_in", *crawl.ENDS}
CHOSEN = {
    "old": factories.PASSWORD, "password": factories.PASSWORD, "reason": "other", "kind": "messenger", "audience": "connections",
    "days": "30", "uses": "10",
}  # fmt: skip
"""What is chosen, not typed."""


@pytest.fixture
def quill(sample):
    """The member who will leave: not an operator, and with another name and address than the sample community gave her."""
    sample.is_operator = False
    sample.name, sample.sort_as = f"{GOES.title()} Person", f"{GOES}sort"
    names.refresh(sample)
    factories.address(sample, f"{GOES}@canary.example")
    db.session.commit()
    row = next(each for each in accounts.addresses_of(sample) if GOES in each.address)
    accounts.make_primary(sample, row.id)
    db.session.commit()
    return sample


def forms(app, browser):
    """A few forms of every kind that somebody can type into."""
    site = crawl.crawl(app, browser.get)
    found = {}
    for path, text in site.texts.items():
        for form in crawl.forms(text, path):
            endpoint = crawl.endpoint_of(app, form.action, "POST")
            if form.free and endpoint and endpoint not in CHANGES:
                found.setdefault((endpoint, *sorted(form.free), *sorted(form.fixed.items())), form)
    return found


def fill(app, browser):
    """Type a word that stands nowhere else into every field; as an address, a link, a number where it wants that. Return what took it."""
    taken = set()
    for number, ((endpoint, *_fields), form) in enumerate(forms(app, browser).items()):
        stem = STAYS if endpoint.startswith("messages.") else GOES
        word = f"{stem}{number:03}"
        shapes = (
            lambda name, word=word: f"{word}{name[:3]}",
            lambda name, word=word: f"{word}{name[:3]} <{word}{name[:3]}@canary.example>",
            lambda name, word=word: f"{word}{name[:3]}@canary.example",
            lambda name, word=word: f"https://{word}{name[:3]}.example/",
            lambda name, word=word: "2001" if "year" in name else f"{word}{name[:3]}",
        )
        for shape in shapes:
            values = {name: value for name, value in form.fixed.items() if value} | CHOSEN
            values |= {name: shape(name) for name in form.free}
            answer = browser.post(form.action, values)
            if answer.status_code in {200, 204, 303}:
                taken.add(endpoint)
                break
    return taken


def say_everything(member):
    """Let a profile say every field, to each audience in turn, and have a photo."""
    for number, field in enumerate(each for each in profiles.FIELD_NAMES if each not in {"photo", "field"}):
        said = f"https://{GOES}field{number}.example" if field == "links" else f"{GOES}field{number}"
        profiles.edit(member, {field: AUDIENCES[number % len(AUDIENCES)]}, **{field: said})
    for audience, kind in zip(AUDIENCES, ("messenger", "email", "site", "address"), strict=True):
        value = {"email": f"{GOES}{kind}@canary.example", "site": f"https://{GOES}{kind}.example"}
        profiles.add_detail(member, kind, value.get(kind, f"{GOES}{kind}"), f"{GOES}label", audience)
    picture = io.BytesIO()
    Image.new("RGB", (300, 300), "teal").save(picture, "PNG")
    profiles.set_photo(member, {64: GOES.encode(), 256: picture.getvalue()})
    db.session.commit()


def send_everything(member):
    """Invite members and guests, ask to be introduced, be reported, and be told of by mail to others."""
    strangers = [factories.member(f"Stranger {number}") for number in range(3)]
    relationships.invite(member, strangers[:1], f"{GOES}asked")
    friend = db.session.scalars(
        select(Member).join(Connection, Connection.other_id == Member.id).where(Connection.member_id == member.id)
    ).first()
    friend.connections_shown, friend.digest = "members", "daily"
    factories.connect(friend, strangers[1])
    introductions.ask(member, strangers[1], friend.handle, f"{GOES}why")
    for each in (member, strangers[2]):
        moderation.report(strangers[2] if each is member else member, each, "other", f"{GOES}text", f"{GOES}quote")
    guest = Invitee(f"{GOES}guest", f"{GOES}guest@canary.example", factories.lookup(f"{GOES}guest@canary.example"))
    guests.invite(member, [guest], note=f"{GOES}note", reply_to=True, source="Gmail")
    address = accounts.primary_address(member)
    guests.invite(
        strangers[2], [Invitee("Guest", address, accounts.lookup_of(address))], note="", reply_to=False, source=""
    )
    outbox.put("digest", to=friend, facts={"since": 0, "until": to_ms(clock.now() + timedelta(days=1))})
    db.session.commit()


def in_tables(text):
    """In which columns a text stands, in any form."""
    search, found = Search([text]), set()
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(select(table)).mappings():
            found |= {f"{table.name}.{name}" for name, value in row.items() if search.in_value(value)}
    db.session.rollback()
    return found


def in_files(app, text):
    """In which files of the instance a text stands, in any form."""
    search = Search([text])
    return {
        path.name
        for path in app.config["KITH"]["INSTANCE"].rglob("*")
        if path.is_file() and search.in_bytes(path.read_bytes())
    }


def go():
    """Let the worker work, with what it does every minute, until nothing is left to delete."""
    for _ in range(200):
        jobs.run_due()
        if leaving.due(clock.now()) is None:
            break
    housekeeping.tidy()
    db.session.expire_all()


def taken_along(browser):
    """The archive of everything, asked for and fetched by the member."""
    assert browser.post("/settings/export", {"password": factories.PASSWORD}).status_code == 303
    jobs.run_due()
    answer = browser.post("/settings/export", {"password": factories.PASSWORD, "do": "download"})
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        return b"".join(archive.read(name) for name in archive.namelist())


def test_77_taking_along_and_leaving(app, quill, as_member):
    """A member needs nobody to take along everything they wrote, nor to delete their account. Then profile, connections and everything
    else of theirs is deleted, but the messages of those who got them; the numbers of those they knew are right; and within 24 hours no
    file, what SQLite writes ahead included, and no table holds a word of theirs in any form."""
    say_everything(quill)
    browser = as_member(quill)
    taken = fill(app, browser)
    assert taken >= {
        "cards.detail", "cards.note", "feed.index", "links.index", "messages.send", "people.report", "profiles.contact", "settings.addresses",
    }, taken  # fmt: skip
    assert len(taken) > 25
    send_everything(quill)
    clock.move(seconds=61)
    jobs.run_due()
    before = in_tables(GOES)
    assert len(before) > 25, before
    member_id = quill.id
    known = dict(
        db.session.execute(
            select(Member.id, Member.degree)
            .join(Connection, Connection.other_id == Member.id)
            .where(Connection.member_id == quill.id)
        ).all()
    )
    assert known
    db.session.rollback()
    everything = taken_along(browser)
    for word in (GOES.encode(), STAYS.encode()):
        assert word in everything
    assert browser.post("/settings/leave", {"password": factories.PASSWORD}).headers["Location"] == "/settings/leave"
    db.session.rollback()
    clock.move(days=7, seconds=1)
    go()
    clock.move(hours=25)
    go()
    assert db.session.get(Member, member_id) is None
    left = dict(db.session.execute(select(Member.id, Member.degree).where(Member.id.in_(known))).all())
    assert left == {each: degree - 1 for each, degree in known.items()}
    db.session.rollback()
    assert in_tables(GOES) == set()
    assert in_tables(STAYS) <= {"message.body", "message.folded", "conversation.name"}
    if is_sqlite():
        assert in_files(app, "the words people") == set()
        assert in_files(app, STAYS), "the search finds nothing at all"
        assert in_files(app, GOES) == set()
    clock.reset()
    assert health.problems() == []


# Nobody can tell


ORDERED = {
    "people.index",
    "fields.index",
    "fields.show",
    "suggestions.index",
    "saved_searches.show",
    "connections.network",
}
"""Pages on which the best connected come first: with a connection less, another one may. Of these only the words are compared."""


def seen_by(browser, addresses):
    """What somebody gets at these addresses, without what differs with each look: tokens, and how long ago something was."""
    pages = {}
    for path in addresses:
        answer = browser.get(path)
        plain = re.sub(
            r'name="(csrf_token|form|client)" value="[^"]+"|"X-CSRFToken": ?"[^"]+"|X-CSRFToken[^}]+', "", answer.text
        )
        pages[path] = f"{answer.status_code} {re.sub('<time[^>]*>[^<]*</time>', '', plain)}"
    return pages


def differences(before, after):
    found = {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()}
    return {path: changed(*texts) for path, texts in found.items() if texts[0] != texts[1]}


def changed(one, other):
    """The first lines that differ, to be read."""
    if one is None or other is None:
        return "only " + ("after" if one is None else "before")
    return next(
        (
            (a.strip()[:300], b.strip()[:300])
            for a, b in zip(one.splitlines(), other.splitlines(), strict=False)
            if a != b
        ),
        "longer",
    )


# Both engines are asked who is visible in many other tests; a look at every page, four times, is worth it on one.
@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_nobody_can_tell_leaving_from_gone_and_who_stays_is_as_before(app, quill, as_member):
    jobs.run_due()
    onlookers = db.session.scalars(
        select(Member).where(Member.id != quill.id).order_by(Member.degree.desc(), Member.id).limit(1)
    ).all()
    onlookers.append(factories.member("Nora New"))
    db.session.commit()
    browsers = [as_member(onlooker) for onlooker in onlookers]
    handle = quill.handle

    def look():
        db.session.rollback()
        return [seen_by(*each) for each in zip(browsers, addresses, strict=True)]

    sites = [crawl.crawl(app, browser.get, each=3) for browser in browsers]
    addresses = [
        [path for endpoint, paths in site.pages.items() for path in paths if path in site.texts] for site in sites
    ]
    before = look()
    assert any(handle in text for pages in before for text in pages.values())
    assert [differences(*each) for each in zip(before, look(), strict=True)] == [{}, {}]
    db.session.rollback()
    leaving.ask(quill, "")
    db.session.commit()
    while_leaving = look()
    db.session.rollback()
    assert not any(handle in text for pages in while_leaving for text in pages.values())
    leaving.stay(quill)
    db.session.commit()
    assert [differences(*each) for each in zip(before, look(), strict=True)] == [{}, {}]
    db.session.rollback()
    db.session.execute(delete(Notice))  # an address was added just now: that alone would make her wait
    leaving.ask(quill, "")
    leaving.at_once(quill)
    db.session.commit()
    go()
    gone = look()
    found = [differences(*each) for each in zip(while_leaving, gone, strict=True)]
    assert [
        {path: what for path, what in each.items() if crawl.endpoint_of(app, path, "GET") not in ORDERED}
        for each in found
    ] == [{}, {}]
