"""Every list page, and every page with a list on it, asks the database as often for 20 rows as for 10."""

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain import (
    cards,
    feed,
    guests,
    introductions,
    links,
    messages,
    moderation,
    profiles,
    relationships,
    suggestions,
)
from webapp.extensions import db
from webapp.models.card import Tag
from webapp.models.ledger import LookupCharge
from webapp.models.link import InviteLink
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.models.message import Conversation
from webapp.models.post import Post
from webapp.models.profile import ProfileEntry, Skill
from webapp.models.second_step import Passkey


def connected(viewer, other):
    factories.connect(viewer, other)


def asking(viewer, other):
    relationships.invite(other, [viewer])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()


def invited(viewer, other):
    relationships.invite(viewer, [other])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()


def writing(viewer, other):
    connected(viewer, other)
    messages.write_to(other, viewer, "Hello")
    db.session.commit()


def asking_to_talk(viewer, other):
    viewer.writable = "members"
    messages.write_to(other, viewer, "Hello")
    db.session.commit()


def linking(viewer, other):
    if len(db.session.execute(links.of(viewer)).all()) < links.OPEN_MAX:
        links.make(viewer, "Reunion", 30, 200, connects=False)
    db.session.commit()


def ignored(viewer, other):
    asking(viewer, other)
    relationships.ignore(viewer, [other])
    db.session.commit()


def removed(viewer, other):
    connected(viewer, other)
    relationships.end(viewer, other)
    db.session.commit()


def blocked(viewer, other):
    moderation.block(viewer, other)
    db.session.commit()


def dismissed(viewer, other):
    suggestions.dismiss(viewer, other.handle)
    db.session.commit()


def shared(viewer, other):
    """Let the viewer and Hub both know the other."""
    connected(viewer, other)
    connected(db.session.scalars(select(Member).where(Member.name == "Hub")).one(), other)


def carded(viewer, other):
    factories.connect(viewer, other)
    cards.set_note(viewer, other, "Met in Porto")
    cards.set_tags(viewer, other, f"Choir, {other.name} {other.id}"[:40])
    cards.set_every(viewer, other, 1)
    db.session.commit()


def overdue(viewer, other):
    clock.move(days=-40)
    carded(viewer, other)
    messages.write_to(other, viewer, "Hello")
    db.session.commit()
    clock.move(days=40)


def sharing(viewer, other):
    connected(viewer, other)
    key = feed.share(other, "Something")
    feed.comment(viewer, key, "Something else")
    feed.congratulate(viewer, key, on=True)
    db.session.commit()


def muted(viewer, other):
    connected(viewer, other)
    feed.mute(viewer, other.handle, None)
    db.session.commit()


def the_hub():
    return db.session.scalars(select(Member).where(Member.name == "Hub")).one()


def talking(viewer, other):
    """One conversation, a message longer each time."""
    if not viewer.degree:
        connected(viewer, the_hub())
    messages.write_to(the_hub(), viewer, f"Hello from {other.name}, number {other.id}")
    db.session.commit()


def together(viewer, other):
    """One conversation of many."""
    connected(viewer, other)
    talk = db.session.scalar(select(Conversation.key))
    if talk:
        messages.add(viewer, talk, [other])
    else:
        connected(viewer, the_hub())
        messages.write_to_group(viewer, [the_hub(), other], "Choir", "Hello")
    db.session.commit()


def reachable(viewer, other):
    if len(profiles.own_details(viewer)) < MOST_DETAILS:
        profiles.add_detail(viewer, "messenger", other.handle)
    db.session.commit()


def described(member, other):
    profiles.add_skill(member, f"Skill {other.id}")
    if len(db.session.scalars(select(ProfileEntry)).all()) < MOST_ENTRIES:
        for section in ("experience", "education"):
            profiles.add_entry(member, section, what=other.name, at="", from_year="2020")
    db.session.commit()


def describing(viewer, other):
    """Let another's profile have more to see."""
    described(the_hub(), other)
    connected(the_hub(), other)


def endorsed(viewer, other):
    connected(viewer, other)
    if db.session.scalar(select(Skill.key)) is None:
        profiles.add_skill(viewer, "Singing")
    profiles.endorse(other, viewer, db.session.scalars(select(Skill.key)).one(), on=True)
    db.session.commit()


def answered(viewer, other):
    """One post of the viewer's, with a comment and a congratulation more each time."""
    connected(viewer, other)
    key = db.session.scalar(select(Post.key)) or feed.share(viewer, "Something")
    db.session.commit()
    feed.comment(other, key, "Something else")
    feed.congratulate(other, key, on=True)
    db.session.commit()


def writing_posts(viewer, other):
    if not viewer.degree:
        connected(viewer, the_hub())
    feed.share(the_hub(), f"Something {other.id}")
    db.session.commit()


def arriving(viewer, other):
    link = db.session.scalar(select(InviteLink)) or links.make(viewer, "Reunion", 30, 200, connects=True)
    db.session.commit()
    links.use(other, links.token_of(link))
    db.session.commit()


def asking_to_meet(viewer, other):
    if not viewer.degree:
        connected(viewer, the_hub())
    connected(viewer, other)
    introductions.ask(other, the_hub(), viewer.handle, "We both sing")
    db.session.commit()
    clock.move(seconds=61)


def inviting_guests(viewer, other):
    address = f"guest{other.id}@out.example"
    guests.invite(viewer, [guests.Invitee(other.name, address, factories.lookup(address))], source="a list")
    db.session.commit()


def reported(viewer, other):
    viewer.is_operator = True
    moderation.report(other, the_hub(), "unknown")
    db.session.commit()


def operated(viewer, other):
    viewer.is_operator = True
    now = clock.now()
    db.session.add(
        OutgoingMail(kind="reset", to_member_id=other.id, state="failed", created_at=now, not_before=now, facts={})
    )
    db.session.add(LookupCharge(member_id=other.id, at=now, addresses=other.id))
    db.session.commit()


def keyed(viewer, other):
    db.session.add(
        Passkey(
            member_id=viewer.id, name=other.name, credential_id=other.handle.encode(), public_key=b"public",
            user_handle=b"handle", sign_count=0, created_at=clock.now(),
        )
    )  # fmt: skip
    db.session.commit()


def there(viewer, other):
    pass


PLACES = {"talk": Conversation.key, "post": Post.key, "link": InviteLink.key, "tag": Tag.key, "skill": Skill.key}
"""What stands in an address for the first of its kind."""
MOST_DETAILS, MOST_ENTRIES = 20, 28


@pytest.mark.parametrize(
    ("url", "make", "most"),
    [
        ("/connections", connected, 6),
        ("/connections?sort=last", connected, 6),
        ("/connections?sort=contact&quiet=1", writing, 7),
        ("/connections?q=ben", connected, 7),
        ("/cards", carded, 5),
        ("/cards/due", overdue, 3),
        ("/cards/vcard", carded, 7),
        ("/cards/csv", carded, 7),
        ("/connections", removed, 5),
        ("/connections?field=Research&choose=1", connected, 6),
        ("/connections/filter?field=Research", connected, 7),
        ("/messages/new", carded, 4),
        ("/people", there, 8),
        ("/people?q=ben", there, 8),
        ("/people?q=benn", there, 9),
        ("/people?q=absent", there, 5),
        ("/fields", there, 4),
        ("/people/saved", there, 3),
        ("/fields/research", there, 10),
        ("/people?q=ben&field=Research&degree=1", connected, 8),
        ("/messages", writing, 9),
        ("/messages/requests", asking_to_talk, 4),
        ("/messages/search?q=hello", writing, 3),
        ("/network", there, 7),
        ("/network", connected, 13),
        ("/network", asking, 15),
        ("/feed", sharing, 4),
        ("/feed", asking, 6),
        ("/settings/muted", muted, 3),
        ("/settings/sign-in", keyed, 9),
        ("/notifications", asking, 5),
        ("/suggestions", there, 6),
        ("/settings/blocked", blocked, 3),
        ("/settings/dismissed", dismissed, 3),
        ("/people/{hub}/connections", shared, 6),
        ("/people/{hub}/mutual", shared, 6),
        ("/invitations", asking, 9),
        ("/invitations?choose=1&least=1", asking, 8),
        ("/invitations/sent?choose=1", invited, 6),
        ("/invitations/sent", invited, 6),
        ("/invitations/ignored", ignored, 8),
        ("/invitations/links", linking, 4),
        ("/invitations/links/{link}", arriving, 5),
        ("/invitations/guests", inviting_guests, 4),
        ("/introductions", asking_to_meet, 4),
        ("/messages/{talk}", talking, 7),
        ("/messages/{talk}", together, 9),
        ("/messages/{talk}/people", together, 7),
        ("/messages/{talk}/export/json", talking, 4),
        ("/settings/contact", reachable, 3),
        ("/settings/contacts", inviting_guests, 5),
        ("/settings/contacts/ledger.jsonl", inviting_guests, 2),
        ("/settings/skills", described, 7),
        ("/settings/skills/{skill}", endorsed, 5),
        ("/settings/background", described, 7),
        ("/people/{hub}", describing, 18),
        ("/feed/{post}", answered, 4),
        ("/feed/by/{hub}", writing_posts, 4),
        ("/notifications", answered, 5),
        ("/cards/tags/{tag}", carded, 4),
        ("/admin/reports", reported, 3),
        ("/admin/people/{hub}", reported, 11),
        ("/admin/members?q=ben", operated, 3),
        ("/admin/mail", operated, 6),
        ("/admin/look-ups", operated, 4),
    ],
)
def test_as_many_statements_for_twenty_rows_as_for_ten(context, as_member, statements, url, make, most):
    ana = factories.member("Ana", field="Research")
    hub = factories.member("Hub", connections_shown="members").handle
    browser = as_member(ana)
    counts = []
    for _round in range(2):
        for number in range(10):
            make(ana, factories.member(f"Ben {number}", field="Research"))
        places = {name: db.session.scalar(select(key).limit(1)) for name, key in PLACES.items() if f"{{{name}}}" in url}
        db.session.rollback()
        with statements() as seen:
            assert browser.get(url.format(hub=hub, **places)).status_code == 200
        counts.append(len([each for each in seen if not each.startswith(("BEGIN", "UPDATE sign_in"))]))
    assert counts[0] == counts[1] <= most
