"""Invitation links: the owner's yes to being asked, counted when somebody arrives and never before, and dead in one and the same way."""

from functools import partial

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.together import together
from webapp import clock, jobs, tokens
from webapp.domain import accounts, links, moderation, people, relationships
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.link import Arrival, InviteLink
from webapp.models.member import EmailAddress, Member
from webapp.models.notification import Notification

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


def made(owner, comment="Reunion 2026", days=30, uses=10, *, connects=False):
    link = links.make(owner, comment, days, uses, connects=connects)
    db.session.commit()
    return link


def use(member, link):
    met = links.use(member, links.token_of(link))
    db.session.commit()
    return met


def joined(link, name="Grace Hopper", address="grace@out.example"):
    """Somebody who signed up by a link and has not proven their address yet."""
    links.sign_up(links.token_of(link), name, address, factories.password_hash())
    db.session.commit()
    return db.session.scalars(select(Member).where(Member.name == name)).one()


def prove(member):
    accounts.verify(db.session.scalars(select(EmailAddress).where(EmailAddress.member_id == member.id)).one())
    met = links.arrive(member)
    db.session.commit()
    return met


def uses(link):
    db.session.rollback()
    return db.session.scalar(select(InviteLink.uses).where(InviteLink.id == link.id))


def status(viewer, other):
    return people.standing(viewer, other).status


def test_a_newcomer_counts_and_asks_once_they_have_proven_their_address(ana):
    link = made(ana)
    grace = joined(link)
    assert uses(link) == 0
    assert db.session.execute(links.arrivals(ana, link)).all() == []
    met = prove(grace)
    assert (met.owner, met.connected, uses(link)) == (ana, False, 1)
    clock.move(seconds=61)
    jobs.run_due()
    assert (status(ana, grace), status(grace, ana)) == ("received", "invited")
    assert [row.name for row in db.session.execute(links.arrivals(ana, link))] == ["Grace Hopper"]
    assert links.came_by(ana, [grace.id, ana.id]) == {grace.id: "Reunion 2026"}
    assert links.came_by(grace, [grace.id]) == {}
    assert links.arrive(grace) is None, "once"


def test_with_connecting_at_once_the_two_are_connected_and_the_owner_is_told(ana):
    link = made(ana, connects=True)
    grace = joined(link)
    assert prove(grace).connected
    assert status(grace, ana) == "connected"
    told = db.session.scalars(select(Notification.kind).where(Notification.member_id == ana.id)).all()
    assert told == ["connected"]


@pytest.mark.parametrize("askable", ["everyone", "near", "nobody"])
@pytest.mark.parametrize("connects", [False, True])
def test_the_link_is_a_yes_from_who_does_not_want_to_be_asked(ana, askable, connects):
    ana.askable = askable
    ben = factories.member("Ben Okafor")
    met = use(ben, made(ana, connects=connects))
    assert met.connected is connects
    assert status(ben, ana) == ("connected" if connects else "held")


def test_a_member_uses_it_up_once_however_often_they_press(ana):
    link, ben = made(ana, connects=True), factories.member("Ben Okafor")
    relationships.invite(ben, [ana])
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    for _press in range(3):
        assert use(ben, link).connected
    assert uses(link) == 1
    waiting = select(Notification).where(Notification.kind == "invitation")
    assert db.session.scalars(waiting).all() == [], "what was asked before is answered"


def test_who_is_connected_or_has_asked_uses_nothing_up(ana):
    link, ben, cleo = made(ana), factories.member("Ben Okafor"), factories.member("Cleo Marsh")
    factories.connect(ana, ben)
    relationships.invite(cleo, [ana])
    db.session.commit()
    assert use(ben, link).connected
    assert not use(cleo, link).connected
    assert uses(link) == 0


def test_the_owner_cannot_use_their_own(ana):
    with pytest.raises(Refused, match="your own link"):
        use(ana, made(ana))


def test_nobody_who_was_removed_or_refused_is_connected_by_a_link(ana):
    link = made(ana, connects=True)
    removed, refused = factories.member("Ben Okafor"), factories.member("Cleo Marsh")
    factories.connect(ana, removed)
    relationships.end(ana, removed)
    relationships.invite(refused, [ana])
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    relationships.never_again(ana, refused)
    relationships.withdraw(refused, [ana])
    db.session.commit()
    clock.move(days=30)
    link = made(ana, connects=True)
    for member in (removed, refused):
        assert not use(member, link).connected
    clock.move(seconds=61)
    jobs.run_due()
    assert [status(ana, member) for member in (removed, refused)] == ["ignored", "ignored"]


def close(link, ana, ben):
    links.close(ana, link.key)


def expire(link, ana, ben):
    clock.move(days=31)


def use_up(link, ana, ben):
    for number in range(10):
        links.use(factories.member(f"Guest {number}"), links.token_of(link))


def block(link, ana, ben):
    moderation.block(ana, ben)


def be_blocked(link, ana, ben):
    moderation.block(ben, ana)


def suspend(link, ana, ben):
    ana.suspended_at = clock.now()


@pytest.mark.parametrize("end", [close, expire, use_up, block, be_blocked, suspend])
def test_whatever_ended_it_it_is_over(ana, end):
    link, ben = made(ana), factories.member("Ben Okafor")
    end(link, ana, ben)
    db.session.commit()
    with pytest.raises(links.Over):
        links.behind(links.token_of(link), ben)
    with pytest.raises(links.Over):
        links.use(ben, links.token_of(link))


def test_a_forged_one_is_over_and_the_database_alone_does_not_give_one_away(ana):
    link = made(ana)
    for token in (link.key, tokens.sign("optout", link.key), tokens.sign("invite", [link.key]), "x", ""):
        with pytest.raises(links.Over):
            links.behind(token)


@pytest.mark.parametrize(("join", "refused"), [("open", False), ("invitation", True)])
def test_who_proves_their_address_too_late_comes_in_only_where_everybody_may(ana, setting, join, refused):
    setting(JOIN=join)
    link = made(ana)
    grace = joined(link)
    close(link, ana, None)
    db.session.commit()
    if refused:
        with pytest.raises(links.Over):
            prove(grace)
        return
    assert prove(grace) is None
    assert db.session.scalar(select(func.count()).select_from(Arrival)) == 0
    assert status(grace, ana) == "none"


def test_an_address_of_a_member_makes_nobody_arrive(ana):
    link = made(ana)
    links.sign_up(links.token_of(link), "Mallory", factories_address(ana), factories.password_hash())
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(Arrival)) == 0


def factories_address(member):
    return db.session.scalars(select(EmailAddress.address).where(EmailAddress.member_id == member.id)).one()


def test_four_who_press_at_once_share_the_last_use(app, ana):
    link = made(ana, uses=1)
    token = links.token_of(link)
    four = [factories.member(f"Guest {number}").id for number in range(4)]

    def press(member_id):
        links.use(db.session.get_one(Member, member_id), token)
        return member_id

    came = together(app, *(partial(press, member_id) for member_id in four))
    [first] = [each for each in came if not isinstance(each, links.Over)]
    assert uses(link) == 1
    assert db.session.scalars(select(Arrival.member_id)).all() == [first]


def test_what_is_asked_for_is_checked_and_there_is_an_end_to_it(ana):
    for changed in ({"days": 8}, {"uses": 0}, {"comment": "x" * 101}):
        with pytest.raises(Invalid):
            made(ana, **changed)
    first = made(ana)
    for _number in range(links.OPEN_MAX - 1):
        made(ana)
    with pytest.raises(Refused, match="twenty"):
        made(ana)
    db.session.rollback()
    links.close(ana, first.key)
    assert made(ana, uses=1).uses_max == 1


def test_only_the_owner_sees_and_closes_a_link_and_no_one_who_is_blocked_among_who_came(ana):
    link, ben = made(ana), factories.member("Ben Okafor")
    use(ben, link)
    for verb in (links.one_of, links.close):
        with pytest.raises(NotFound):
            verb(ben, link.key)
    moderation.block(ana, ben)
    db.session.commit()
    assert db.session.execute(links.arrivals(ana, link)).all() == []
