"""Who sees which field of a profile where: every viewer, every audience, every field and every surface, as docs/privacy.md says."""

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from tests import factories
from webapp import clock, jobs
from webapp.domain import moderation, profiles, relationships
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.mail import MailboxMessage
from webapp.models.member import EmailAddress, Member

PRIVACY = Path(__file__).parents[2] / "docs" / "privacy.md"
VIEWERS = ("not signed in", "member", "asked, no answer yet", "connection", "was a connection", "blocked")
AUDIENCES = ("me", "connections", "members", "public")
CANARIES = {
    "headline": "Canaryheadline",
    "photo": "",  # its random name
    "organisation": "Canaryorganisation",
    "title": "Canarytitle",
    "field": "Logistics",
    "place": "Canaryplace",
    "cohort": "Canarycohort",
    "tags": "canarytag",
    "about": "Canaryabout",
    "links": "https://canary-link.example",
    "experience": "Canaryposition",
    "education": "Canarystudy",
    "skills": "Canaryskill",
    "contact": "canarycontact",
}


def table(first):
    """A table of the docs by its first heading: row -> cells."""
    lines = PRIVACY.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    heads = [cell.strip() for cell in lines[start].strip("|").split("|")][1:]
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        found[name] = dict(zip(heads, cells, strict=True))
    return found


@pytest.fixture
def world(context, as_member):
    """The owner of a profile, a viewer of each kind with their browsers, and somebody whom all of them know."""
    owner, hub = factories.member("Olga Owner"), factories.member("Hugo Hub")
    members = {name: factories.member(f"Viewer {number}") for number, name in enumerate(VIEWERS) if number}
    factories.connect(owner, hub)
    for member in members.values():
        factories.connect(hub, member)
    factories.connect(owner, members["connection"])
    for name in ("was a connection", "blocked"):
        factories.connect(owner, members[name])
    relationships.end(members["was a connection"], owner)
    moderation.block(owner, members["blocked"])
    relationships.invite(owner, [members["asked, no answer yet"]])
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    profiles.edit(owner, **{name: CANARIES[name] for name in profiles.FIELD_NAMES if name != "photo"})
    profiles.set_photo(owner, {64: b"small", 256: b"large"})
    profiles.add_entry(owner, "experience", what=CANARIES["experience"], at="", from_year="2020")
    profiles.add_entry(owner, "education", what=CANARIES["education"], at="", from_year="2010")
    profiles.add_skill(owner, CANARIES["skills"])
    profiles.add_detail(owner, "messenger", CANARIES["contact"])
    db.session.commit()
    browsers = {name: as_member(members.get(name)) for name in VIEWERS}
    return owner, hub, members, browsers, as_member(owner)


def said(text, canaries):
    return {name for name, canary in canaries.items() if canary in text}


def row(html, row_id):
    found = re.search(rf'<li [^>]*id="{row_id}".*?</li>', html, re.DOTALL)
    return found[0] if found else ""


def searched(browser, url, row_id, canaries):
    return {
        name
        for name, canary in canaries.items()
        if name != "photo" and row(browser.get(f"{url}?{'field' if name == 'field' else 'q'}={canary}").text, row_id)
    }


def mail(owner, viewer):
    """What an invitation that leaves now says; nothing for who is not asked."""
    db.session.execute(delete(MailboxMessage))
    outbox.put("invitation", to=viewer, by=owner)
    db.session.commit()
    jobs.run_due()
    to = select(EmailAddress.address).where(EmailAddress.member_id == viewer.id)
    [raw] = db.session.scalars(select(MailboxMessage.raw).where(MailboxMessage.recipient.in_(to)))
    return "".join(
        part.get_content()
        for part in message_from_bytes(raw, policy=policy.default).walk()
        if part.get_content_maintype() == "text"
    )


SURFACES = {
    "profile page": lambda see: said(see.get(f"/people/{see.owner.handle}"), see.canaries),
    "contact panel": lambda see: said(see.get(f"/people/{see.owner.handle}/contact"), see.canaries),
    "photo": lambda see: (
        {"photo"} if see.browser.get(f"/photos/{see.canaries['photo']}-64.webp").status_code == 200 else set()
    ),
    "people search": lambda see: searched(see.browser, "/people", f"person-{see.owner.handle}", see.canaries),
    "people list": lambda see: said(row(see.get("/people?q=olga"), f"person-{see.owner.handle}"), see.canaries),
    "connection search": lambda see: (
        searched(see.browser, "/connections", f"connection-{see.owner.handle}", see.canaries) - {"field"}
    ),
    "connection list": lambda see: said(row(see.get("/connections"), f"connection-{see.owner.handle}"), see.canaries),
    "connections of others": lambda see: said(
        row(see.get(f"/people/{see.hub.handle}/connections"), f"person-{see.owner.handle}"), see.canaries
    ),
    "invitation card": lambda see: said(see.get("/invitations"), see.canaries),
    "invitation mail": lambda see: (
        said(mail(see.owner, see.viewer), see.canaries) if see.name == "asked, no answer yet" else set()
    ),
    "notification": lambda see: said(see.get("/notifications"), see.canaries),
    "View as": lambda see: said(see.view_as(), see.canaries),
}
"""Each gives the fields that a viewer meets on it."""


class See:
    """One viewer looking at one owner."""

    def __init__(self, world, name, canaries):
        self.owner, self.hub, members, browsers, self.own = world
        self.name, self.viewer, self.browser, self.canaries = name, members.get(name), browsers[name], canaries

    def get(self, url):
        answer = self.browser.get(url)
        return answer.text if answer.status_code == 200 else ""

    def view_as(self):
        who = {"not signed in": "stranger", "connection": self.viewer and self.viewer.handle}.get(self.name, "member")
        page = self.own.get(f"/settings/view-as?who={who}").text
        return "" if self.name == "blocked" else page.partition('<div id="profile">')[2]


@pytest.mark.parametrize("audience", AUDIENCES)
def test_every_viewer_sees_what_the_docs_say_and_nothing_else(world, audience):
    reach, fields = table("surface"), table("field")
    assert set(reach) == set(SURFACES)
    assert set(fields) == set(CANARIES) == {*profiles.FIELD_NAMES, *profiles.PARTS, "contact"}
    owner = world[0]
    profiles.edit(owner, dict.fromkeys([*profiles.FIELD_NAMES, *profiles.PARTS], audience))
    [detail] = profiles.own_details(owner)
    profiles.change_detail(owner, detail.key, detail.value, "", audience)
    db.session.commit()
    canaries = CANARIES | {"photo": profiles.all_of(owner)["photo"].value}
    for surface, look in SURFACES.items():
        for name in VIEWERS:
            far = reach[surface][name]
            sees = far != "nothing" and AUDIENCES.index(audience) >= AUDIENCES.index(far)
            expected = {field for field, row in fields.items() if sees and surface in row["shown on"].split(", ")}
            assert look(See(world, name, canaries)) == expected, (surface, name)


def test_the_audience_at_first_is_the_one_of_the_docs(context):
    ana = factories.member()
    held = profiles.all_of(ana)
    first = {name: row["audience at first"] for name, row in table("field").items()}
    assert {name: held[name].audience for name in held} | {"contact": profiles.default_audience("email")} == first
    assert profiles.default_audience("phone") == "me"


def test_no_column_of_a_member_is_forgotten(context):
    """Every column that says something about a member is a field with an audience, or is named here."""
    without = {
        "id", "handle", "name", "sort_as", "name_key", "sort_key", "search_text", "password_hash", "degree", "findable",
        "is_operator", "created_at", "verified_at", "suspended_at", "deleted_at", "digest", "digested_at", "mentors",
    }  # fmt: skip
    from webapp.domain import choices

    chosen = {choice.name for choice in choices.CHOICES}
    rest = {column.key for column in Member.__table__.columns} - without - chosen - set(profiles.FIELD_NAMES)
    assert {name for name in rest if not name.startswith("mails_")} == set()
