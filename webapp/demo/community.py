"""The sample community: members who know each other, invitations that wait, and an address book to try Find connections with."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

from sqlalchemy import select

from webapp import clock, passwords, tokens
from webapp.demo import avatars, biographies, bulk
from webapp.demo.people import people
from webapp.domain import (
    accounts,
    cards,
    feed,
    guests,
    introductions,
    links,
    log_ins,
    messages,
    moderation,
    names,
    profiles,
    relationships,
    saved_searches,
)
from webapp.domain.search import Query
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.models.member import Member
from webapp.transaction import transaction

SITE = "Northgate Alumni"
GOOGLE_DOMAIN = "northgate.example"
MICROSOFT_DOMAIN = "harbour.example"
PASSWORD = "a quiet walk by the sea"  # noqa: S105 - printed on the first screen of the demo
SAMPLE = bulk.Newcomer(
    "Maya Lindqvist",
    f"maya.lindqvist@{GOOGLE_DOMAIN}",
    "Structural engineer at Bridge & Sons, back from Nairobi",
    "Bridge & Sons",
    "Structural engineer",
    "Engineering",
    "Gothenburg",
    "2014",
    "Bridges by day, choir on Thursdays. Happy to talk about timber, teaching and trains.",
)
OPERATOR = ("Sigrid Holm", f"sigrid.holm@{GOOGLE_DOMAIN}", "Looks after Northgate Alumni")
"""Who runs the sample community: name, address, headline."""
MEMBERS = 260
SEED = 7
PHOTOS_OF_TEN = 8
NOTES = (
    (timedelta(days=9), ""),
    (timedelta(days=3, hours=2), "It was good to see you in June. Shall we stay in touch?"),
    (timedelta(days=1, hours=4), ""),
    (timedelta(hours=2), "You spoke at our field day last year, and I still think about it."),
)
NEWS: tuple[tuple[timedelta, str, str, tuple[str, ...]], ...] = (
    (
        timedelta(days=19),
        "connections",
        "Does anybody still have the reading list from the hydrology seminar? Mine went with the old laptop.",
        ("I have the second half. It is on its way to you.",),
    ),
    (timedelta(days=12), "connections", "", ("Well deserved. Who looks after the choir now?",)),
    (
        timedelta(days=8, hours=5),
        "members",
        "Looking for two short pieces on bridges, real or otherwise, for the spring issue. Engineers welcome.",
        ("How short is short?", "I know somebody who built one out of ice."),
    ),
    (
        timedelta(days=4, hours=2),
        "connections",
        "Back from three weeks on night trains. Notes, with prices and the one to avoid: https://trains.example/notes",
        (),
    ),
    (
        timedelta(days=1, hours=3),
        "connections",
        (
            "We published the 2026 kelp survey today. Ten sites, four years, one very wet notebook.\n\n"
            "If you work with coastal data and want an early look, write to me."
        ),
        ("Four years. Congratulations to the notebook, too.", "I would love an early look."),
    ),
    (timedelta(hours=2), "connections", "", ()),
)
"""What connections of the sample member shared: how long ago, for whom, the text (none: a new position), and what others said to it."""


def build(book: Path) -> None:
    """Fill an empty database with the community, and write the address books of the demo provider."""
    choose = random.Random(SEED)  # noqa: S311 - a sample, not a secret
    crowd = people(MEMBERS, SEED, (GOOGLE_DOMAIN, MICROSOFT_DOMAIN, "post.example", "mail.example"))
    newcomers = [SAMPLE, *(_newcomer(person, choose) for person in crowd if person.name != SAMPLE.name)]
    hashed = passwords.hash_password(PASSWORD)
    pictures = [_pictures(person.address) for person in newcomers]
    now = clock.now()
    with transaction():
        ids = bulk.members(newcomers, hashed, now - timedelta(days=400))
        for number, member_id in enumerate(ids):
            if number == 0 or number % 10 < PHOTOS_OF_TEN:
                profiles.set_photo(db.session.get_one(Member, member_id), pictures[number])
        pairs = _pairs(ids, [person.field for person in newcomers], choose)
        second = db.session.get_one(Member, ids[1])
        log_ins.connect(second, "oidc", "https://id.northgate.example", "2", newcomers[1].address, "Northgate ID")
        bulk.connections(sorted(pairs), lambda pair: now - timedelta(hours=(pair[0] * 37 + pair[1] * 101) % 9000 + 1))
        biographies.write(ids, newcomers, pairs, now, random.Random(SEED))  # noqa: S311 - a sample, not a secret
        saved_searches.save(db.session.get_one(Member, ids[0]), "Researchers near the sea", Query("coastal research"))
    _cards(ids[0], pairs)
    known = {other for pair in pairs for other in pair if ids[0] in pair} - {ids[0]}
    strangers = [member_id for member_id in ids[1:] if member_id not in known]
    choose.shuffle(strangers)
    _invitations(ids[0], strangers)
    _messages(ids[0], sorted(known), strangers[-1])
    _introduction(ids[0], sorted(known), pairs)
    _link(ids[0], strangers[-3:-1])
    _report(ids[0], strangers[-4])
    _news(ids[0], sorted(known))
    by_id = dict(zip(ids, newcomers, strict=True))
    in_book = [by_id[i] for i in [*sorted(known)[:5], *strangers[4:30]]]
    books: dict[str, list[dict[str, Any]]] = {SAMPLE.address: _book(in_book, choose)}
    books["*"] = _book([by_id[i] for i in strangers[10:24]], choose)
    book.write_text(json.dumps(books, ensure_ascii=False, indent=1), encoding="utf-8")


def appoint() -> None:
    """Let somebody run the community, who joins for that: with their sign-in, the pages for operators are there to look at."""
    name, address, headline = OPERATOR
    hashed = passwords.hash_password(PASSWORD)
    with transaction():
        member = accounts.create_verified(name, address, hashed)
        member.headline, member.is_operator = headline, True
        names.refresh(member)


def _cards(sample_id: int, pairs: set[tuple[int, int]]) -> None:
    """Let the sample member keep something about a few connections: one gave a number that has changed since, one is due."""
    known = sorted(other for pair in pairs for other in pair if sample_id in pair and other != sample_id)
    with transaction():
        maya = db.session.get_one(Member, sample_id)
        first, second = (db.session.get_one(Member, other) for other in known[:2])
        cards.set_met(maya, first, "Field station, summer 2013")
        cards.set_note(maya, first, "Ask about the tide model before the June meeting.")
        cards.set_tags(maya, first, "Choir, Field station")
        cards.save_detail(maya, first, kind="birthday", value="05-14", label="")
        theirs = profiles.add_detail(first, "phone", "+351 21 555 0148", "Work", "connections")
        cards.save_detail(maya, first, kind="phone", value="+351 21 555 0149", label="Work", instead=theirs.key)
        profiles.change_detail(first, theirs.key, "+351 21 555 0172", "Work", "connections")
        cards.set_tags(maya, second, "Choir")
        cards.set_note(maya, second, "Alto. Has the key to the rehearsal room.")
    clock.move(days=-100)
    with transaction():
        maya, third, silent = (db.session.get_one(Member, each) for each in (sample_id, known[2], known[TALKING]))
        cards.set_met(maya, third, "Night train to Nairobi")
        cards.set_every(maya, third, 3)
        cards.set_every(maya, silent, 3)  # with whom no message was exchanged since
    clock.reset()


def _newcomer(person: Any, choose: random.Random) -> bulk.Newcomer:
    hidden = "nobody" if choose.random() < 0.03 else "everyone"  # noqa: PLR2004 - a few hide
    fields = ("name", "address", "headline", "organisation", "title", "field", "place", "cohort")
    return bulk.Newcomer(**{name: getattr(person, name) for name in fields}, findable=hidden)


def _pictures(seed: str) -> dict[int, bytes]:
    return {pixels: avatars.webp(seed, pixels) for pixels in profiles.PIXELS}


def _pairs(ids: list[int], fields: list[str], choose: random.Random) -> set[tuple[int, int]]:
    """Return who knows whom: mostly within a field, some across, the sample member with thirty."""
    pairs: set[tuple[int, int]] = set()
    colleagues: dict[str, list[int]] = {}
    for member_id, field in zip(ids, fields, strict=True):
        colleagues.setdefault(field, []).append(member_id)
    for number, (member_id, field) in enumerate(zip(ids, fields, strict=True)):
        wanted = 30 if number == 0 else choose.randint(2, 9)
        for _time in range(wanted):
            other = choose.choice(colleagues[field] if choose.random() < 0.6 else ids)  # noqa: PLR2004 - mostly colleagues
            if other != member_id and (number == 0 or ids[0] != other):
                pairs.add((min(member_id, other), max(member_id, other)))
    return pairs


CONVERSATIONS: tuple[tuple[timedelta, tuple[tuple[str, str], ...]], ...] = (
    (
        timedelta(days=9),
        (("me", "Congratulations on the new post. You earned it."), ("them", "Thank you, that is very kind.")),
    ),
    (timedelta(days=3, hours=4), (("them", "The timetable data is public now, if you still want to look at it."),)),
    (
        timedelta(days=1, hours=2),
        (
            ("me", "The survey reads beautifully. Did the storm data make it in?"),
            ("them", "Just about. We had two days to spare."),
            ("them", "I'll bring a printed copy in June."),
        ),
    ),
)
GROUP = "Reunion in June"
GROUP_SAID = (
    ("me", "Shall we take the early boat on Thursday?"),
    ("them", "Yes, and dinner at the harbour afterwards."),
)
LATELY = (("them", "Are you still coming to the meet-up in June?"), ("me", "Yes, arriving on the Thursday. Dinner?"))
TALKING = 5
"""With so many of their connections the sample member has exchanged messages."""
REQUEST = "You spoke about kelp at the field day, and I would like to ask you something about it."


def _messages(sample_id: int, known: list[int], stranger_id: int) -> None:
    """Let the sample member have talked with three of their connections and in a group, and a stranger have written once."""
    sample = db.session.get_one(Member, sample_id)
    people = [db.session.get_one(Member, member_id) for member_id in known[:TALKING]]
    for (ago, said), other in zip(CONVERSATIONS, people, strict=False):
        _say(ago, sample, [other], said)
    _say(timedelta(hours=20), sample, people[1:4], GROUP_SAID, GROUP)
    _say(timedelta(minutes=50), sample, [people[2]], LATELY)
    with transaction():
        db.session.get_one(Member, sample_id).writable = "members"
    with _some_time_ago(timedelta(hours=6)):
        messages.write_to(db.session.get_one(Member, stranger_id), db.session.get_one(Member, sample_id), REQUEST)


def _say(
    ago: timedelta, sample: Member, others: list[Member], said: tuple[tuple[str, str], ...], name: str = ""
) -> None:
    """Let them write to each other, a few minutes apart; what the other one says last is unread, unless the sample member answers."""
    ids, sample_id = [other.id for other in others], sample.id
    key = ""
    for number, (who, text) in enumerate(said):
        with _some_time_ago(ago - number * timedelta(minutes=7)):
            me, people = db.session.get_one(Member, sample_id), [db.session.get_one(Member, each) for each in ids]
            writer, to = (me, people) if who == "me" else (people[0], [me])
            if key:
                messages.send(writer, key, text)
            elif name:
                key = messages.key_of(messages.write_to_group(writer, to, name, text))
            else:
                key = messages.key_of(messages.write_to(writer, to[0], text))


def _invitations(sample_id: int, strangers: list[int]) -> None:
    """Let four have asked the sample member, who asked three more, invited two guests, and was accepted by five on one day."""
    for (ago, note), stranger in zip(NOTES, strangers, strict=False):
        with _some_time_ago(ago):
            sample = db.session.get_one(Member, sample_id)
            relationships.invite(db.session.get_one(Member, stranger), [sample], note)
    with _some_time_ago(timedelta(days=4)):
        relationships.invite(db.session.get_one(Member, sample_id), strangers[30:33])
    accepting = strangers[33:38]
    with _some_time_ago(timedelta(days=6)):
        relationships.invite(db.session.get_one(Member, sample_id), accepting)
    with _some_time_ago(timedelta(days=2, hours=3)):
        for stranger in accepting:
            relationships.accept(db.session.get_one(Member, stranger), [sample_id])
    with _some_time_ago(timedelta(hours=5)):
        invited = [("Ingeborg Dahl", "ingeborg.dahl@fjord.example"), ("", "r.castellanos@correo.example")]
        guests.invite(
            db.session.get_one(Member, sample_id),
            [guests.Invitee(name, address, tokens.keyed_hash(address)) for name, address in invited],
            note="Come and find the rest of us here.",
            source="typed in by Maya Lindqvist",
        )


def _introduction(sample_id: int, known: list[int], pairs: set[tuple[int, int]]) -> None:
    """Let one connection of the sample member ask for an introduction to another, whom they don't know."""
    asker_id, target_id = next(pair for pair in combinations(known, 2) if pair not in pairs)
    with _some_time_ago(timedelta(hours=7)):
        sample, asker, target = (db.session.get_one(Member, each) for each in (sample_id, asker_id, target_id))
        introductions.ask(asker, target, sample.handle, "I read about their work, and would like to ask how it began.")


def _link(sample_id: int, strangers: list[int]) -> None:
    """Let two have come by the link that the sample member made for a reunion; one was let in, and one asks."""
    with _some_time_ago(timedelta(days=8)):
        link = links.make(db.session.get_one(Member, sample_id), "Reunion 2026", 30, 50, connects=False)
        key = links.token_of(link)
    for ago, stranger in zip((timedelta(days=7), timedelta(hours=9)), strangers, strict=True):
        with _some_time_ago(ago):
            links.use(db.session.get_one(Member, stranger), key)
    with _some_time_ago(timedelta(days=5)):
        relationships.accept(db.session.get_one(Member, sample_id), strangers[:1])


def _report(sample_id: int, stranger_id: int) -> None:
    """Let the sample member have told the operators about somebody, so that operators have something to look at."""
    with _some_time_ago(timedelta(hours=5)):
        sample, stranger = (db.session.get_one(Member, each) for each in (sample_id, stranger_id))
        quote = "Limited offer: my course on selling, half the price for everybody here until Friday."
        moderation.report(sample, stranger, "advertising", "The third time this month", quote, "post")


def _news(sample_id: int, known: list[int]) -> None:
    """Let the sample member's connections have been up to something in the last weeks, and say something to each other."""
    for number, (ago, audience, text, answers) in enumerate(NEWS):
        author_id = known[number * 3 % len(known)]
        near = select(Connection.other_id).where(Connection.member_id == author_id, Connection.other_id != sample_id)
        with _some_time_ago(ago):
            author = db.session.get_one(Member, author_id)
            key = feed.share(author, text, audience) if text else feed.announce_position(author)
            friends = db.session.scalars(select(Member).where(Member.id.in_(near)).order_by(Member.id)).all()
            if key is None:
                continue
            for friend in friends[: number + 2]:
                feed.congratulate(friend, key, on=True)
            for friend, answer in zip(friends, answers, strict=False):
                feed.comment(friend, key, answer)
    with _some_time_ago(timedelta(minutes=50)):
        sample = db.session.get_one(Member, sample_id)
        key = feed.share(sample, "The footbridge passed its load test today. Forty of us walked across in step, twice.")
        for number, answer in (
            (2, "In step, on purpose? I would have brought a camera."),
            (5, "Congratulations, all of you."),
        ):
            feed.comment(db.session.get_one(Member, known[number]), key, answer)
        feed.congratulate(db.session.get_one(Member, known[7]), key, on=True)


@contextmanager
def _some_time_ago(ago: timedelta) -> Iterator[None]:
    """Let the block happen in the past, and let leave then what it sends."""
    clock.move(seconds=-ago.total_seconds())
    with transaction():
        yield
    clock.move(minutes=2)
    with transaction():
        relationships.release(clock.now())
        guests.release(clock.now())
    clock.reset()


def _book(members: list[bulk.Newcomer], choose: random.Random) -> list[dict[str, Any]]:
    """Return an address book: some who are members, some who are not, and the awkward entries that real books have."""
    outside = people(34, SEED + 1, ("fjord.example", "correo.example", "studio.example"))
    entries: list[dict[str, Any]] = [{"name": person.name, "emails": [person.address]} for person in members]
    entries += [{"name": person.name, "emails": [person.address]} for person in outside]
    entries[0]["emails"].append(entries[0]["emails"][0].upper())
    entries[7] = {"name": entries[7]["name"], "emails": [f"old.{entries[7]['emails'][0]}", *entries[7]["emails"]]}
    entries[40]["emails"].append(f"work.{entries[40]['emails'][0]}")
    choose.shuffle(entries)
    return [
        *entries,
        {"name": SAMPLE.name, "emails": [SAMPLE.address]},
        {"name": "", "emails": ["h.okafor@studio.example"]},
        {"name": "علي Ahmed", "emails": ["ahmed.ali@fjord.example"]},
        {"name": "田中太郎", "emails": ["taro.tanaka@studio.example"]},
        {"name": "Choir 🎶 Anneke", "emails": ["anneke@correo.example"]},
        {"name": "Northgate Harbour Club", "emails": ["no-reply@harbourclub.example"]},
        {"name": "Weekly letter", "emails": ["newsletter@weekly.example"]},
        {"name": "Front desk", "emails": ["support@studio.example"]},
        {"name": "The dentist (phone only)", "emails": []},
        {"name": "Somebody typed wrongly", "emails": ["somebody at example"]},
        {"name": entries[3]["name"], "emails": list(entries[3]["emails"])},
        {"name": "Written to once", "emails": ["once@correo.example"], "other": True},
    ]
