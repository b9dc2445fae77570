"""Who sees which field of a profile where: every viewer, every audience, every field and every surface, as docs/privacy.md says."""

import re
from pathlib import Path

from sqlalchemy import select

from tests import archives, factories
from tests.onlookers import AUDIENCES, CANARIES, MAILS, NAMES, OF_WORK, VIEWERS, World, words
from webapp import clock, jobs
from webapp.domain import (
    choices,
    guests,
    links,
    profiles,
)
from webapp.domain.names import FACETS
from webapp.extensions import db
from webapp.mail.catalog import KINDS
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member

PRIVACY = Path(__file__).parents[2] / "docs" / "privacy.md"


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


def counted(html):
    """What is counted on a page, once."""
    return set(re.findall(r'>([^<>]+) <span class="faint">1</span>', html))


class See:
    """One viewer looking."""

    def __init__(self, world, name):
        self.world, self.name, self.viewer = world, name, world.members.get(name)
        self.browser = world.browsers[name]
        self.owners, self.said = world.owners, world.said
        self.pages = {}

    def get(self, url, browser=None):
        """A page as it came, asked for once; nothing for who does not get it."""
        self.world.asked.add(url.partition("?")[0])
        if url not in self.pages:
            answer = (browser or self.browser).get(url)
            self.pages[url] = answer.text if answer.status_code == 200 else ""
        return self.pages[url]

    def says(self, *urls):
        return self.said(*map(self.get, urls))

    def each(self, url):
        """The same address for each of the owners."""
        return [url.format(handle) for handle in self.owners.values()]

    def part(self, url):
        """A part of a page, as htmx asks for it."""
        self.world.asked.add(url.partition("?")[0])
        answer = self.browser.part(url, method="GET")
        return answer.text if answer.status_code == 200 else ""

    def rows(self, html, row_id="person-{}"):
        """The rows of the owners in a list, and the page without them."""
        found = {}
        for audience, handle in self.owners.items():
            row = re.search(rf'<li [^>]*id="{row_id.format(handle)}".*?</li>', html, re.DOTALL)
            if row:
                found[audience] = row[0]
                html = html.replace(row[0], "")
        return found, html

    def finds(self, url, row_id):
        """By which fields a search finds whom. Where what they all begin with finds nobody, each of them does not."""

        def hits(word):
            return set(self.rows(self.part(f"{url}?q={word}"), row_id)[0])

        found = {(audience, "field") for audience in hits("and")}
        if hits("canary"):
            found |= {(audience, name) for name, value in CANARIES.items() for audience in hits(value.format(""))}
        return found


def list_of_people(see):
    rows, _rest = see.rows(see.get("/people?q=olga"))
    return see.said(*rows.values())


def facet_counts(see):
    """What is counted among the found; nothing else of a profile stands beside them."""
    _rows, rest = see.rows(see.get("/people?q=olga"))
    found = {
        (each, name) for each, values in see.world.values.items() for name in FACETS if values[name] in counted(rest)
    }
    assert see.said(rest) == found
    return found


def filters(see):
    """By which values the owners are found; several values of one kind are alternatives."""
    found = set()
    for name in FACETS:
        values = "&".join(f"{name}={values[name]}" for values in see.world.values.values())
        found |= {(audience, name) for audience in see.rows(see.part(f"/people?{values}"))[0]}
    return found


def fields_and_cohorts(see):
    hubs = see.get("/fields")
    for audience, values in see.world.values.items():
        for name in ("field", "cohort"):
            assert ((audience, name) in see.said(hubs)) == (values[name] in counted(hubs))
    fields = [f"/fields/{value.lower().replace(' ', '-')}" for value in OF_WORK.values()]
    return see.says("/fields", *fields, *(f"/cohorts/canarycohort-{name}" for name in NAMES.values()))


def reasons(see):
    """Why the owners are suggested to who wrote the same, and shares nobody with them."""
    if see.viewer is None:
        return see.says("/suggestions")
    kinds = ("organisation", "cohort", "field")

    def reason(audience, *same):
        db.session.rollback()  # nothing can be written on what was read before others wrote
        db.session.get_one(Member, see.world.hub_id).unlisted = bool(same)
        for kind in kinds:
            setattr(see.viewer, kind, see.world.values[audience][kind] if kind in same else "")
        db.session.commit()
        rows, _rest = see.rows(see.browser.get("/suggestions").text)
        return {each for each in see.said(*rows.values()) if each[1] in kinds}

    found = set()
    for audience in AUDIENCES:
        if reason(audience, *kinds):
            found |= set().union(*(reason(audience, kind) for kind in kinds))
    reason("me")
    return found


def invitation_cards(see):
    """What stands where somebody can accept: in a list, on the page of the feed, and behind the link of a mail."""
    rows, _rest = see.rows(see.get("/feed"), "invitation-{}")
    mails = " ".join(see.world.mailed[see.name].get("invitation", ()))
    behind = sorted(set(re.findall(r"/invitations/accept/[\w.-]+", mails)))
    return see.says("/invitations", *behind) | see.said(*rows.values())


def news(see):
    """What the pages of the feed say, without who asks to connect."""
    _cards, rest = see.rows(see.get("/feed"), "invitation-{}")
    return see.said(rest) | see.says(*see.each("/feed/by/{}"), f"/feed/{see.world.post}")


def of_a_position(found):
    return {each for each in found if each[1] in {"title", "organisation"}}


def atom(see):
    stranger = see.world.browsers["not signed in"]
    return see.said(see.get(f"/feed/{see.world.atoms.get(see.name, 'none')}.atom", stranger))


def conversations(see):
    talks = (f"/messages/{talk}" for talk, _message in see.world.talks[see.name])
    return see.says("/messages", "/messages/requests", "/messages/search?q=hello", *talks)


def exports(see):
    forms = zip(see.world.talks[see.name], ("text", "json") * 2, strict=False)
    return see.says(*(f"/messages/{talk}/export/{form}" for (talk, _message), form in forms))


def vcards(see):
    """What a file of one, of a tag and of everybody says: the same."""
    tag = f"/cards/tags/{see.world.tags.get(see.name, 'none')}/vcard"
    every = [see.each("/people/{}/vcard"), [tag], [f"{tag}?version=3"], ["/cards/vcard"]]
    found = [see.said(*(see.get(url).replace("\r\n ", "") for url in urls)) for urls in every]
    assert all(each == found[0] for each in found), found
    return found[0]


def address_book(see):
    """What a device reads, all at once and card by card; without an app password nothing."""
    stranger = see.world.browsers["not signed in"]
    device = see.world.devices.get(see.name)
    if device is None:
        see.world.asked.add("/dav/")
        return see.said(stranger.get("/dav/").text)
    see.world.asked.add(device.book)
    whole, each = see.said(device.ask("GET").text.replace("\r\n ", "")), see.said(device.said())
    assert whole == each
    return whole


def archive(see):
    """What a member takes along of others: in every file and on every page of it."""
    if see.viewer is None:
        return set()
    db.session.rollback()
    return see.said(archives.whole(archives.built(db.session.get_one(Member, see.viewer.id))))


def photos(see):
    found = set()
    for audience, values in see.world.values.items():
        for size, content in ((64, b"small"), (256, b"large")):
            see.world.asked.add(url := f"/photos/{values['photo']}-{size}.webp")
            answer = see.browser.get(url)
            assert (answer.data == content) == (answer.status_code == 200)
            found |= {(audience, "photo")} if answer.data == content else set()
    return found


def muted(see):
    """Who is muted. Who is not a connection any more is muted from the beginning."""
    if see.name == "connection":
        for url in see.each("/feed/mute/{}"):
            see.browser.post(url)
    return see.says("/settings/muted")


def dismissed(see):
    for url in see.each("/suggestions/{}/dismiss"):
        see.browser.post(url)
    return see.says("/settings/dismissed")


def views(see):
    """What the owners are shown as what a viewer sees."""
    if see.name == "blocked":
        return set()
    who = {"not signed in": "stranger", "connection": see.viewer and see.viewer.handle}.get(see.name, "member")
    if who not in see.world.views:
        see.world.views[who] = [own.get(f"/settings/view-as?who={who}").text for own in see.world.own]
    return see.said(*(page.partition('<div id="profile">')[2] for page in see.world.views[who]))


SURFACES = {
    "profile page": lambda see: see.says(*see.each("/people/{}")),
    "contact panel": lambda see: see.said(*map(see.part, see.each("/people/{}/contact"))),
    "photo": photos,
    "people search": lambda see: see.finds("/people", "person-{}"),
    "people list": list_of_people,
    "facet counts": facet_counts,
    "filters": filters,
    "fields and cohorts": fields_and_cohorts,
    "connection search": lambda see: see.finds("/connections", "connection-{}"),
    "connection list": lambda see: see.says("/connections"),
    "connection filters": lambda see: see.says("/connections/filter"),
    "connections of others": lambda see: see.says(f"/people/{see.world.hub}/connections"),
    "mutual list": lambda see: see.says(f"/people/{see.world.hub}/mutual", f"/people/{see.world.hub}"),
    "suggestions": lambda see: see.says("/suggestions"),
    "reasons of suggestions": reasons,
    "find connections": lambda see: see.says("/contacts/members"),
    "invitation card": invitation_cards,
    "introduction": lambda see: see.says("/introductions"),
    "who came by a link": lambda see: see.says(f"/invitations/links/{see.world.link}"),
    "mail": lambda see: see.said(
        *(text for kind, texts in see.world.mailed[see.name].items() for text in texts if kind != "digest")
    ),
    "digest": lambda see: see.said(*see.world.mailed[see.name].get("digest", ())),
    "notification": lambda see: see.says("/notifications"),
    "people of a notification": lambda see: see.says(*see.world.lines.get(see.name, ["/notifications/people"])),
    "conversation": conversations,
    "recipients": lambda see: see.says("/messages/new?choose=1&q=olga"),
    "message export": exports,
    "feed": lambda see: news(see) - of_a_position(news(see)),
    "news of a position": lambda see: of_a_position(news(see)),
    "Atom feed": atom,
    "vCard": vcards,
    "connections CSV": lambda see: see.says("/cards/csv"),
    "CardDAV": address_book,
    "archive": archive,
    "people with a tag": lambda see: see.says("/cards", f"/cards/tags/{see.world.tags.get(see.name, 'none')}"),
    "muted": muted,
    "dismissed": dismissed,
    "View as": views,
}
"""Each gives the fields that a viewer meets on it."""


WITH_A_KEY = {
    "about_me.show", "accounts.confirm", "accounts.operator", "accounts.reset", "admin.act", "admin.send_again", "admin.settle", "cards.delete_tag", "cards.show_left", "feed.delete",
    "feed.delete_comment", "feed.edit", "feed.report", "feed.report_comment", "introductions.pass_on", "introductions.report", "join.join",
    "join.opt_out", "join.report", "leaving.stay_by", "links.by", "links.printed", "log_ins.callback", "mailbox.body", "mailbox.show", "messages.edit",
    "messages.group", "messages.leave", "messages.news", "messages.options", "profiles.add_entry", "profiles.detail",
    "profiles.entry", "profiles.field", "profiles.skill", "recovering.undo", "saved_searches.show", "second_steps.remove_passkey", "settings.address",
    "unsubscribe.show",
}  # fmt: skip
"""Pages with the key of something else in their address: forms and answers about what is the viewer's own. A new one belongs into a
surface where it shows anything of somebody's profile, or here."""
ON_NO_SURFACE = {"static", "profiles.welcome", *WITH_A_KEY}
"""The newcomer's own form offers all fields of work to everybody."""


def elsewhere(app, see, surfaces):
    """What the pages say that are no surface of the table: those without a key in their address, and those about a member."""
    addresses = app.url_map.bind("127.0.0.1:8000")
    asked = {addresses.match(url)[0] for url in surfaces}
    hidden = [handle for audience, handle in see.owners.items() if audience in {"me", "connections"}]
    urls = []
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint in asked | ON_NO_SURFACE:
            continue
        wanted = rule.arguments - set(rule.defaults or ())
        assert wanted <= {"handle"}, f"{rule.endpoint} is on no surface"
        urls += [addresses.build(rule.endpoint, dict.fromkeys(wanted, handle)) for handle in hidden]
    return see.says(*dict.fromkeys(urls))


def test_55_every_viewer_sees_what_the_docs_say_and_nothing_else(context, as_member):
    """Somebody not signed in, a member, one who was asked, a connection, one who was a connection, and a blocked one see of every
    field of a profile, on every page, part, search, list, mail, file and notification, exactly what the tables in privacy.md say."""
    reach, fields = table("surface"), table("field")
    assert list(reach) == list(SURFACES)
    assert set(fields) == {*CANARIES, "field", "photo"} == {*profiles.FIELD_NAMES, *profiles.PARTS, "contact"}
    shown = {name: each["shown on"].split(", ") for name, each in fields.items()}
    assert set().union(*shown.values()) <= set(SURFACES)
    world = World(as_member)
    wrong, viewers = [], {name: See(world, name) for name in VIEWERS}
    for name, see in viewers.items():
        for surface, look in SURFACES.items():
            far = reach[surface][name]
            near = AUDIENCES[AUDIENCES.index(far) :] if far != "nothing" else ()
            expected = {(audience, field) for audience in near for field, where in shown.items() if surface in where}
            found = look(see)
            if found != expected:
                wrong.append((name, surface, sorted(found - expected), sorted(expected - found)))
    assert not wrong, "\n".join(map(str, wrong))
    surfaces = set(world.asked)
    for name, far in (("member", "members"), ("connection", "connections")):
        found = elsewhere(context, viewers[name], surfaces)
        assert found
        assert {audience for audience, _field in found} <= set(AUDIENCES[AUDIENCES.index(far) :]), name


def say(owner, first, audience):
    """Let everything in a profile begin so, which decides where it would be sorted, and be for one audience."""
    said = {name: f"{first} {name}" for name in CANARIES if name in profiles.FIELD_NAMES}
    said |= {"field": {"A": "Arts and culture", "Z": "Sport"}[first], "links": f"https://{first}.example".lower()}
    profiles.edit(owner, dict.fromkeys([*profiles.FIELD_NAMES, *profiles.PARTS], audience), **said)
    profiles.set_photo(owner, {64: first.encode(), 256: first.encode()})
    for section in ("experience", "education"):
        profiles.add_entry(owner, section, what=f"{first} {section}", at="", from_year="2020")
    profiles.add_skill(owner, f"{first} skill for {audience}")
    profiles.add_detail(owner, "messenger", f"{first} contact", audience=audience)
    db.session.commit()


TOKEN = re.compile(r'(value=|"X-CSRFToken": )"[\w.-]{20,}"')
LISTS = (
    "/people", "/people?q=o", "/fields", "/connections", "/connections?sort=first", "/connections?sort=last",
    "/connections?sort=contact", "/connections/filter", "/suggestions", "/feed", "/people/{hub}/connections",
    "/people/{owner}", "/cards/vcard", "/cards/csv",
)  # fmt: skip


def test_what_is_hidden_moves_nothing_on_any_list(context, as_member):
    """Whatever is hidden, lists, their order and their numbers are the same to the byte, so nothing of it can be counted or sorted by."""
    hub, near = factories.member("Hugo Hub", connections_shown="members"), factories.member("Nora Near")
    viewers = {"nobody": None, "member": factories.member("Vera Viewer"), "connection": near}
    others = [factories.member(f"Oda {letter}", headline=f"{letter} headline", place=letter) for letter in "BMY"]
    owner = factories.member("Olga Owner")
    for each in (viewers["member"], near, owner, *others):
        factories.connect(hub, each)
    for each in (owner, *others):
        factories.connect(near, each)
    browsers = {name: as_member(each) for name, each in viewers.items()}
    urls = [url.format(hub=hub.handle, owner=owner.handle) for url in LISTS]

    def seen(*names, urls=urls):
        pages = {(name, url): browsers[name].get(url) for name in names for url in urls}
        db.session.rollback()
        return {key: (page.status_code, TOKEN.sub("", page.text)) for key, page in pages.items()}

    for audience, apart in (("me", viewers), ("connections", ["nobody", "member"])):
        say(owner, "A", audience)
        before = seen(*apart)
        say(owner, "Z", audience)
        after = seen(*apart)
        assert [key for key in before if before[key] != after[key]] == []
    say(owner, "Z", "members")
    shown = seen("member", urls=["/people", "/fields"])
    assert all(shown[key] != after[key] for key in shown)


def test_a_guest_reads_of_who_invites_them_what_every_member_does(context, client):
    olga = factories.member("Olga Owner")
    for number, audience in enumerate(AUDIENCES):
        db.session.rollback()
        profiles.edit(olga, {"headline": "members"}, headline=CANARIES["headline"])
        address = f"guest{number}@out.example"
        guests.invite(olga, [guests.Invitee("Grace Hopper", address, factories.lookup(address))], source="a list")
        profiles.edit(olga, {"headline": audience})
        db.session.commit()
        clock.move(seconds=61)
        jobs.run_due()
        raw = db.session.scalars(select(MailboxMessage.raw).where(MailboxMessage.recipient == address)).one()
        page = client.get(re.search(r"/join/[\w.-]+", words(raw))[0])
        assert (page.status_code, "Olga Owner" in page.text) == (200, True)
        seen = [CANARIES["headline"] in text for text in (words(raw), page.text)]
        assert seen == [audience in {"members", "public"}] * 2, audience


def test_a_link_for_anybody_shows_the_name(context, client):
    olga = factories.member("Olga Owner")
    profiles.edit(olga, {"headline": "public"}, headline=CANARIES["headline"])
    link = links.make(olga, "Reunion", 30, 200, connects=True)
    db.session.commit()
    page = client.get(f"/join/by/{links.token_of(link)}")
    assert "Olga Owner" in page.text
    assert CANARIES["headline"] not in page.text


def test_no_mail_that_says_more_than_a_name_is_forgotten():
    """What a mail is given of who caused it is a field of theirs; what it is given beside that is no word of a profile."""
    fields = {f"by_{name}" for name in table("field")}
    assert {name for name, kind in KINDS.items() if fields & set(kind.facts)} <= {"guest_invitation"}.union(
        *MAILS.values()
    )


def test_the_audience_at_first_is_the_one_of_the_docs(context):
    ana = factories.member()
    held = profiles.all_of(ana)
    first = {name: row["audience at first"] for name, row in table("field").items()}
    assert {name: held[name].audience for name in held} | {"contact": profiles.default_audience("email")} == first
    assert profiles.default_audience("phone") == "me"


def test_no_column_of_a_member_is_forgotten(context):
    """Every column that says something about a member is a field with an audience, or is named here."""
    without = {
        "id", "handle", "name", "sort_as", "name_key", "sort_key", "likeness", "search_text", "password_hash", "degree", "findable",
        "is_operator", "created_at", "verified_at", "suspended_at", "silenced_until", "deleted_at", "digest", "digested_at", "mentors",
        "roster_cohort",  # for who sees `cohort`: tests/blueprints/test_joining.py
    }  # fmt: skip
    chosen = {choice.name for choice in choices.CHOICES}
    rest = {column.key for column in Member.__table__.columns} - without - chosen - set(profiles.FIELD_NAMES)
    assert {name for name in rest if not name.startswith("mails_")} == set()
