"""Every list page asks the database as often for 20 rows as for 10."""

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain import cards, feed, links, messages, moderation, relationships, suggestions
from webapp.extensions import db
from webapp.models.member import Member


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


def there(viewer, other):
    pass


@pytest.mark.parametrize(
    ("url", "make", "most"),
    [
        ("/connections", connected, 6),
        ("/connections?sort=last", connected, 6),
        ("/connections?sort=contact&quiet=1", writing, 7),
        ("/connections?q=ben", connected, 7),
        ("/cards", carded, 5),
        ("/cards/vcard", carded, 7),
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
        ("/network", asking, 14),
        ("/feed", sharing, 4),
        ("/feed", asking, 5),
        ("/settings/muted", muted, 3),
        ("/notifications", asking, 5),
        ("/suggestions", there, 6),
        ("/settings/blocked", blocked, 3),
        ("/settings/dismissed", dismissed, 3),
        ("/people/{hub}/connections", shared, 6),
        ("/people/{hub}/mutual", shared, 6),
        ("/invitations", asking, 7),
        ("/invitations?choose=1&least=1", asking, 6),
        ("/invitations/sent?choose=1", invited, 5),
        ("/invitations/sent", invited, 5),
        ("/invitations/ignored", ignored, 6),
        ("/invitations/links", linking, 4),
    ],
)
def test_as_many_statements_for_twenty_rows_as_for_ten(context, as_member, statements, url, make, most):
    ana = factories.member("Ana", field="Research")
    url = url.format(hub=factories.member("Hub", connections_shown="members").handle)
    browser = as_member(ana)
    counts = []
    for _round in range(2):
        for number in range(10):
            make(ana, factories.member(f"Ben {number}", field="Research"))
        with statements() as seen:
            assert browser.get(url).status_code == 200
        counts.append(len([each for each in seen if not each.startswith(("BEGIN", "UPDATE sign_in"))]))
    assert counts[0] == counts[1] <= most
