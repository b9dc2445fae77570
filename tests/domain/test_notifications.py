"""What a member is told inside Kith."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import notifications, relationships, telling
from webapp.domain.errors import NotFound
from webapp.extensions import db

pytestmark = pytest.mark.usefixtures("context")


def asked(one, other):
    relationships.invite(one, [other])
    db.session.commit()
    clock.move(seconds=61)
    relationships.release(clock.now())
    db.session.commit()


def told(viewer):
    return [(row.kind, row.name) for row in db.session.execute(notifications.of(viewer))]


def test_an_acceptance_is_told_when_it_can_no_longer_be_undone(ana, ben):
    asked(ana, ben)
    assert told(ben) == [("invitation", "Ana Lima")]
    relationships.accept(ben, [ana])
    db.session.commit()
    assert (told(ana), notifications.unread(ana)) == ([], 0)
    clock.move(seconds=61)
    assert (told(ana), notifications.unread(ana)) == ([("connected", "Ben Okafor")], 1)


def test_a_cause_that_goes_away_takes_its_notification_along(ana, ben):
    asked(ana, ben)
    relationships.withdraw(ana, [ben])
    db.session.commit()
    assert (told(ben), notifications.unread(ben)) == ([], 0)


def test_unread_counts_what_is_shown_and_what_was_shown_is_read(ana, ben):
    carl = factories.member("Carl")
    gone = factories.member("Dora")
    for other in (ben, carl, gone):
        asked(other, ana)
    gone.suspended_at = clock.now()
    db.session.commit()
    rows = db.session.execute(notifications.of(ana)).all()
    assert [row.name for row in rows] == ["Carl", "Ben Okafor"]
    assert notifications.unread(ana) == 2
    assert [
        row.name
        for row in db.session.execute(notifications.after(notifications.of(ana), rows[0].visible_from, rows[0].id))
    ] == ["Ben Okafor"]
    notifications.read(ben, [rows[0].id])
    assert notifications.unread(ana) == 2
    notifications.read(ana, [rows[0].id])
    assert notifications.unread(ana) == 1
    notifications.read_all(ana)
    db.session.commit()
    assert notifications.unread(ana) == 0


# Lines: what is told of many at once


def accepted(ana, others, *, hours=0):
    clock.move(hours=hours)
    for other in others:
        telling.tell("connected", [(ana.id, other.id)], mail="")
        clock.move(seconds=1)
    db.session.commit()


def page_of(viewer, *after):
    found = notifications.lines(viewer)
    rows = db.session.execute(notifications.after(found, *after) if after else found).all()
    return notifications.gather(viewer, rows)


def said(lines):
    return [(line.row.kind, line.row.name, line.others, line.is_new) for line in lines]


@pytest.fixture
def midnight(context):
    """Just after the beginning of a day, so that what follows is told on the same one."""
    now = clock.now()
    clock.move(seconds=86_401 - (now.hour * 3600 + now.minute * 60 + now.second))


def test_those_of_a_day_make_one_line_with_three_faces_and_invitations_make_one_each(midnight, ana):
    crowd = [factories.member(f"Ben {number}") for number in range(37)]
    accepted(ana, crowd)
    telling.tell("invitation", [(ana.id, other.id) for other in crowd[:2]], mail="")
    (first, second, line) = page_of(ana)
    assert [first.others, second.others] == [0, 0]
    assert (line.row.name, line.others, line.is_new) == ("Ben 36", 36, True)
    assert [face.name for face in line.faces] == ["Ben 36", "Ben 35", "Ben 34"]
    assert notifications.unread(ana) == 3
    accepted(ana, crowd[:2], hours=25)
    assert said(page_of(ana))[0] == ("connected", "Ben 1", 1, True)
    assert notifications.unread(ana) == 4


def test_what_it_is_about_and_who_cannot_be_seen_keep_lines_apart(midnight, ana, ben):
    carl, dora = factories.member("Carl"), factories.member("Dora")
    for about, by in (("one", ben), ("two", ben), ("one", carl), ("one", dora)):
        telling.tell("endorsement", [(ana.id, by.id)], about=about)
        clock.move(seconds=1)
    relationships.block(ana, dora)
    db.session.commit()
    assert said(page_of(ana)) == [("endorsement", "Carl", 1, True), ("endorsement", "Ben Okafor", 0, True)]
    relationships.block(ana, carl)
    db.session.commit()
    assert said(page_of(ana)) == [("endorsement", "Ben Okafor", 0, True)] * 2
    assert notifications.unread(ana) == 2


def test_reading_a_line_reads_all_that_stood_on_it_and_nothing_that_came_later(midnight, ana):
    crowd = [factories.member(f"Ben {number}") for number in range(4)]
    accepted(ana, crowd[:3])
    (shown,) = page_of(ana)
    accepted(ana, crowd[3:])
    notifications.read(ana, [shown.row.id])
    assert said(page_of(ana)) == [("connected", "Ben 3", 3, True)], "unread, because one is"
    assert notifications.unread(ana) == 1
    notifications.read(ana, [page_of(ana)[0].row.id])
    assert (said(page_of(ana)), notifications.unread(ana)) == ([("connected", "Ben 3", 3, False)], 0)


def test_pages_of_lines_follow_each_other_exactly(context, ana):
    crowd = [factories.member(f"Ben {number}") for number in range(3)]
    for _day in range(6):
        accepted(ana, crowd, hours=24)
        telling.tell("invitation", [(ana.id, crowd[0].id)], mail="")
    whole = page_of(ana)
    assert sum(line.others + 1 for line in whole) >= 24
    paged, place = [], ()
    while rest := page_of(ana, *place):
        paged += rest[:2]
        place = (paged[-1].row.visible_from, paged[-1].row.id)
    assert [line.row.id for line in paged] == [line.row.id for line in whole]
    assert notifications.unread(ana) == len(whole)


def test_everybody_of_a_line_is_listed_once(midnight, ana, ben):
    carl = factories.member("Carl")
    accepted(ana, [ben, carl, ben])
    (line,) = page_of(ana)
    listed = db.session.execute(notifications.people(ana, "connected", "", line.day)).all()
    assert [row.name for row in listed] == ["Ben Okafor", "Carl"]
    assert line.others == 1
    assert db.session.execute(notifications.people(ben, "connected", "", line.day)).all() == []
    for kind, day in (("invitation", line.day), ("nothing", line.day), ("connected", -1), ("connected", 10**12)):
        with pytest.raises(NotFound):
            notifications.people(ana, kind, "", day)


def test_what_was_read_long_ago_is_forgotten_and_what_was_not_stays(context, ana, ben, setting):
    setting(NOTIFICATION_DAYS=10)
    accepted(ana, [ben])
    notifications.read_all(ana)
    accepted(ana, [ben], hours=48)
    clock.move(days=9)
    assert notifications.sweep(clock.now()) == 1
    assert notifications.sweep(clock.now()) == 0
    assert notifications.unread(ana) == 1
