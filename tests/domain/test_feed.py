"""The feed: what stands in it, who may see it, what is said to it, and what never gets there."""

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests import factories
from tests.conftest import empty
from webapp import clock, jobs
from webapp.domain import feed, guests, moderation, relationships
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member
from webapp.models.notification import Notification
from webapp.models.post import Comment, Mute, Post, Reaction


@pytest.fixture
def friends(ana, ben):
    factories.connect(ana, ben)
    return ana, ben


def share(author, body="We published the survey today.", audience="connections"):
    key = feed.share(author, body, audience)
    db.session.commit()
    return key


def keys(viewer, **asked):
    return [row.key for row in feed.items(viewer, **asked)]


def sees(viewer, key):
    try:
        return feed.one_of(viewer, key).key == key
    except NotFound:
        return False


def told(member):
    rows = db.session.scalars(select(Notification).where(Notification.member_id == member.id).order_by(Notification.id))
    return [(row.kind, row.about) for row in rows if row.kind in {"comment", "congratulation"}]


def number(model):
    return db.session.scalar(select(func.count()).select_from(model))


# What stands in it


def test_the_feed_is_what_connections_shared_the_newest_first_and_the_same_each_time(friends):
    ana, ben = friends
    carla, stranger = factories.member("Carla"), factories.member("Dan")
    factories.connect(ana, carla)
    first, second = share(ben), share(carla)
    share(stranger, audience="members")
    third = share(ben)
    share(ana)
    assert keys(ana) == [third, second, first] == keys(ana)


def test_nothing_older_than_ninety_days_is_in_it(friends):
    ana, ben = friends
    old = share(ben)
    clock.move(days=89)
    new = share(ben)
    assert keys(ana) == [new, old]
    clock.move(days=2)
    assert keys(ana) == [new]
    assert sees(ana, old), "its own address goes on working"


def test_pages_go_on_by_key_and_end(friends):
    ana, ben = friends
    shared = [share(ben, str(count)) for count in range(7)][::-1]
    rows = feed.items(ana, most=3)
    pages = [[row.key for row in rows]]
    while rows:
        rows = feed.items(ana, before=rows[-1].id, most=3)
        pages.append([row.key for row in rows])
    assert pages == [shared[:3], shared[3:6], shared[6:], []]


def test_a_page_is_one_statement_however_much_is_on_it(friends, statements):
    ana, ben = friends
    for _round in range(2):
        for _time in range(5):
            key = share(ben)
            feed.comment(ana, key, "Well done")
            feed.congratulate(ana, key, on=True)
        db.session.commit()
        db.session.refresh(ana)
        with statements() as seen:
            rows = feed.items(ana)
        assert len([each for each in seen if not each.startswith("BEGIN")]) == 1
    assert [(row.comments, row.congratulations, row.mine) for row in rows] == [(1, 1, True)] * 10


@pytest.mark.parametrize("walked", [0, 2000], ids=["walked", "gathered"])
def test_the_rows_carry_their_author_their_numbers_and_the_viewers_own_answer(friends, monkeypatch, walked):
    monkeypatch.setattr(feed, "DEGREE_WALKED", walked)
    ana, ben = friends
    carla = factories.member("Carla")
    factories.connect(ben, carla)
    key = share(ben)
    feed.congratulate(carla, key, on=True)
    feed.comment(carla, key, "One")
    feed.comment(ben, key, "Two")
    [row] = feed.items(ana)
    assert (row.name, row.handle, row.comments, row.congratulations, bool(row.mine)) == (
        ben.name,
        ben.handle,
        2,
        1,
        False,
    )


# Both ways of asking, and an oracle that does not know SQL

PEOPLE = 5
deeds = st.one_of(
    st.tuples(st.just("post"), st.integers(0, PEOPLE - 1), st.sampled_from(["connections", "members"])),
    st.tuples(
        st.sampled_from(["connect", "end", "block", "mute"]), st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1)
    ),
    st.tuples(st.sampled_from(["suspend", "announce", "silence", "wait"]), st.integers(0, PEOPLE - 1), st.just(0)),
)


class Oracle:
    """What the rules say, in sets and lists."""

    def __init__(self):
        self.posts, self.pairs, self.blocks, self.mutes = [], set(), set(), set()
        self.suspended, self.announcing = set(), set()

    def pair(self, one, other):
        return frozenset((one, other))

    def part(self, one, other):
        self.pairs.discard(self.pair(one, other))
        self.posts = [
            each for each in self.posts if not (each[1] == "connected" and {each[2], each[3]} == {one, other})
        ]

    def blocked(self, one, other):
        return (one, other) in self.blocks or (other, one) in self.blocks

    def sees(self, viewer, post):
        _key, kind, author, other, audience = post
        if author == viewer:
            return True
        if author in self.suspended or self.blocked(viewer, author):
            return False
        if kind == "connected":
            hidden = other in self.suspended or self.blocked(viewer, other) or not {author, other} <= self.announcing
            return other != viewer and not hidden and self.pair(viewer, author) in self.pairs
        return audience == "members" or self.pair(viewer, author) in self.pairs

    def feed(self, viewer):
        found, pairs = [], set()
        for post in reversed(self.posts):
            key, kind, author, other, _audience = post
            if not self.sees(viewer, post) or self.pair(viewer, author) not in self.pairs:
                continue
            if {(viewer, author), (viewer, other)} & self.mutes:
                continue
            if kind == "connected":
                if self.pair(author, other) in pairs:
                    continue
                pairs.add(self.pair(author, other))
            found.append((kind, key or self.pair(author, other)))
        return found


def act(members, oracle, deed):
    """Do one thing in the database and in the oracle."""
    what, one, other = deed
    if one in oracle.suspended and what != "announce":
        return
    if what == "post":
        oracle.posts.append((feed.share(members[one], "Something", other), "post", one, None, other))
    elif what in {"suspend", "announce", "silence"}:
        if what == "suspend":
            members[one].suspended_at = clock.now()
            oracle.suspended.add(one)
        else:
            members[one].announces_connections = what == "announce"
            (oracle.announcing.add if what == "announce" else oracle.announcing.discard)(one)
    elif what == "wait":
        clock.move(minutes=3)
    elif one == other or {one, other} & oracle.suspended:
        return
    elif what == "mute" and oracle.pair(one, other) in oracle.pairs:
        feed.mute(members[one], members[other].handle, None)
        oracle.mutes.add((one, other))
    elif what == "connect" and not oracle.blocked(one, other) and oracle.pair(one, other) not in oracle.pairs:
        relationships.join(members[one], [members[other]])
        oracle.pairs.add(oracle.pair(one, other))
        if {one, other} <= oracle.announcing:
            ends = sorted((one, other), key=lambda number: members[number].id)
            oracle.posts += [(None, "connected", *ends, ""), (None, "connected", *ends[::-1], "")]
    elif what == "end" and oracle.pair(one, other) in oracle.pairs:
        relationships.end(members[one], members[other])
        oracle.part(one, other)
    elif what == "block":
        moderation.block(members[one], members[other])
        oracle.blocks.add((one, other))
        oracle.part(one, other)
    db.session.commit()


@settings(
    max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(done=st.lists(deeds, min_size=8, max_size=30))
def test_everybody_sees_what_the_rules_say_whichever_way_it_is_asked(context, monkeypatch, done):
    db.session.remove()  # else emptying the tables waits for it
    empty()
    clock.reset()
    members = [factories.member(f"Member {count}") for count in range(PEOPLE)]
    oracle = Oracle()
    for deed in done:
        act(members, oracle, deed)
    by_id = {member.id: number for number, member in enumerate(members)}
    for number, viewer in enumerate(members):
        if number in oracle.suspended:
            continue
        db.session.refresh(viewer)
        found = []
        for border in (0, 2000):
            monkeypatch.setattr(feed, "DEGREE_WALKED", border)
            rows = feed.items(viewer, most=100)
            found.append([row.key for row in rows])
        assert found[0] == found[1]
        shown = [
            (row.kind, row.key if row.kind == "post" else frozenset((by_id[row.author_id], number_of(members, row))))
            for row in rows
        ]
        assert shown == oracle.feed(number)
        for post in oracle.posts:
            if post[0]:
                assert sees(viewer, post[0]) == oracle.sees(number, post), (number, post)


def number_of(members, row):
    """Which of the members the other one of "X connected with Y" is."""
    return next(number for number, member in enumerate(members) if member.handle == row.other_handle)


# Who sees what, in words


def test_a_post_for_connections_is_nothing_to_others_and_goes_with_the_connection(friends):
    ana, ben = friends
    stranger = factories.member("Dan")
    key = share(ben)
    assert (sees(ana, key), sees(ben, key), sees(stranger, key)) == (True, True, False)
    relationships.end(ben, ana)
    db.session.commit()
    assert not sees(ana, key)
    assert keys(ana) == []
    relationships.undo_end(ben, ana)
    db.session.commit()
    assert sees(ana, key)


def test_a_post_for_all_members_is_seen_by_all_but_stands_in_the_feed_of_connections_only(friends):
    ana, ben = friends
    stranger = factories.member("Dan")
    key = share(ben, audience="members")
    assert (sees(ana, key), sees(stranger, key)) == (True, True)
    assert (keys(ana), keys(stranger)) == ([key], [])
    moderation.block(ben, stranger)
    db.session.commit()
    assert not sees(stranger, key)


def test_what_somebody_shared_is_listed_as_far_as_the_viewer_may_see_it(friends):
    ana, ben = friends
    stranger = factories.member("Dan")
    near, everywhere = share(ben), share(ben, audience="members")
    assert [row.key for row in feed.by(ana, ben)] == [everywhere, near]
    assert [row.key for row in feed.by(stranger, ben)] == [everywhere]
    assert [row.key for row in feed.by(ben, ben)] == [everywhere, near]


@pytest.mark.parametrize(
    ("one", "other", "written"), [(False, False, 0), (True, False, 0), (False, True, 0), (True, True, 2)]
)
def test_a_connection_is_announced_only_where_both_allow_it(ana, ben, one, other, written):
    witness = factories.member("Witness")
    factories.connect(witness, ben)
    ana.announces_connections, ben.announces_connections = one, other
    factories.connect(ana, ben)
    assert number(Post) == written
    assert [row.kind for row in feed.items(witness)] == ["connected"] * (written // 2)


def test_an_announced_connection_is_told_once_to_who_knows_both_and_not_to_the_two(ana, ben):
    knows_both, knows_ben = factories.member("Both"), factories.member("One")
    for known in (ana, ben):
        factories.connect(knows_both, known)
        known.announces_connections = True
    factories.connect(knows_ben, ben)
    factories.connect(ana, ben)
    assert [len(feed.items(member)) for member in (knows_both, knows_ben, ana, ben)] == [1, 1, 0, 0]
    [row] = feed.items(knows_ben)
    assert (row.name, row.other_name) == (ben.name, ana.name)


@pytest.mark.parametrize("change", ["switch", "hide", "end", "block", "suspend"])
def test_an_announced_connection_is_taken_back(ana, ben, change):
    witness = factories.member("Witness")
    factories.connect(witness, ben)
    ana.announces_connections = ben.announces_connections = True
    factories.connect(ana, ben)
    [key] = keys(witness)
    if change == "switch":
        ana.announces_connections = False
    elif change == "hide":
        ben.unlisted = True
    elif change == "end":
        relationships.end(ana, ben)
    elif change == "block":
        moderation.block(ana, witness)
    else:
        ana.suspended_at = clock.now()
    db.session.commit()
    assert keys(witness) == []
    assert not sees(witness, key)
    if change == "end":
        relationships.undo_end(ana, ben)
        clock.move(minutes=5)
        db.session.commit()
        assert number(Post) == 2, "within the same minute it is the same news"


def test_a_removal_that_is_undone_later_is_no_news(ana, ben):
    ana.announces_connections = ben.announces_connections = True
    factories.connect(ana, ben)
    clock.move(days=30)
    relationships.end(ana, ben)
    relationships.undo_end(ana, ben)
    db.session.commit()
    assert number(Connection) == 2
    assert number(Post) == 0


def test_only_who_invited_a_newcomer_reads_that_they_joined(friends):
    ana, ben = friends
    guests.invite(ana, [guests.Invitee("Nia", "nia@out.example", factories.lookup("nia@out.example"))])
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    sent = select(MailboxMessage).where(MailboxMessage.recipient == "nia@out.example")
    token = re.search(r"/join/([\w-]+)", db.session.scalars(sent).one().raw.replace(b"=\r\n", b"").decode())[1]
    nia = guests.join(token, "Nia Osei", factories.password_hash(), [ana.id])
    factories.connect(nia, ben)
    assert [(row.kind, row.name) for row in feed.items(ana)] == [("joined", "Nia Osei")]
    assert feed.items(ben) == []
    [key] = keys(ana)
    assert not sees(ben, key)
    with pytest.raises(NotFound):
        feed.comment(ana, key, "Hello")
    relationships.end(nia, ana)
    db.session.commit()
    assert feed.items(ana) == []
    assert number(Post) == 0


# Sharing


@pytest.mark.parametrize("body", ["", " \n ", "\u200b", "x" * 3001])
def test_nothing_and_too_much_is_not_shared(ana, body):
    with pytest.raises(Invalid) as error:
        feed.share(ana, body)
    assert set(error.value.fields) == {"body"}


def test_an_audience_that_is_none_is_not_taken_for_one(ana):
    with pytest.raises(Invalid):
        feed.share(ana, "Hello", "public")


def test_a_form_sent_twice_is_one_post_and_one_comment(friends):
    ana, ben = friends
    once = [feed.share(ben, "Hello", form="f1") for _time in range(2)]
    assert once[0] == once[1]
    assert feed.share(ana, "Hello", form="f1") != once[0], "another's form is another's"
    for _time in range(2):
        feed.comment(ana, once[0], "Hello", form="f2")
    assert (number(Post), number(Comment)) == (2, 1)


def test_the_day_has_an_end_for_who_shares_too_much(ana, setting):
    setting(POSTS_PER_DAY=2)
    for text in ("one", "two"):
        feed.share(ana, text)
    with pytest.raises(TooMany):
        feed.share(ana, "three")
    clock.move(days=1, minutes=1)
    feed.share(ana, "three")


def test_a_post_can_be_changed_for_a_quarter_of_an_hour_by_its_author_and_says_so(friends):
    ana, ben = friends
    key = share(ben, "Helo")
    with pytest.raises(NotFound):
        feed.edit(ana, key, "Hijacked")
    feed.edit(ben, key, "Helo")
    assert feed.one_of(ana, key).edited_at is None
    feed.edit(ben, key, "Hello")
    found = feed.one_of(ana, key)
    assert (found.body, found.edited_at is not None) == ("Hello", True)
    clock.move(minutes=16)
    with pytest.raises(Refused):
        feed.edit(ben, key, "Too late")


def test_an_own_post_is_deleted_at_any_time_with_all_that_was_said_to_it(friends):
    ana, ben = friends
    key = share(ben)
    feed.comment(ana, key, "Well done")
    feed.congratulate(ana, key, on=True)
    db.session.commit()
    clock.move(days=200)
    with pytest.raises(NotFound):
        feed.delete_post(ana, key)
    assert told(ben) == [("comment", key), ("congratulation", key)]
    feed.delete_post(ben, key)
    db.session.commit()
    assert (number(Post), number(Comment), number(Reaction), told(ben)) == (0, 0, 0, [])


def test_a_new_position_is_told_only_when_asked_for(friends):
    ana, ben = friends
    assert feed.announce_position(ben) is None
    ben.title, ben.organisation = "Climate analyst", "Nordlys Energy"
    db.session.commit()
    assert keys(ana) == []
    feed.announce_position(ben)
    assert [(row.kind, row.body) for row in feed.items(ana)] == [("position", "Climate analyst\nNordlys Energy")]


# Answering


def test_only_who_sees_a_post_can_answer_it(friends):
    ana, ben = friends
    stranger = factories.member("Dan")
    key = share(ben)
    for answer in (lambda: feed.comment(stranger, key, "Hello"), lambda: feed.congratulate(stranger, key, on=True)):
        with pytest.raises(NotFound):
            answer()
    feed.comment(ana, key, "Hello")
    assert number(Comment) == 1


def test_a_comment_across_a_block_is_neither_shown_nor_counted(friends):
    ana, ben = friends
    carla = factories.member("Carla")
    factories.connect(ben, carla)
    key = share(ben)
    feed.comment(carla, key, "Hello")
    feed.congratulate(carla, key, on=True)
    feed.comment(ana, key, "Hello, too")
    for blocker, other in ((carla, ana), (ana, carla)):
        moderation.block(blocker, other)
        db.session.commit()
        post = feed.one_of(ana, key)
        assert (post.comments, post.congratulations) == (1, 0)
        assert [row.author_id for row in db.session.execute(feed.comments(ana, post))] == [ana.id]
        assert feed.one_of(ben, key).comments == 2
        moderation.unblock(blocker, other.handle)
        db.session.commit()


def test_an_author_is_told_once_for_each_who_comments_until_the_last_comment_is_gone(friends):
    ana, ben = friends
    key = share(ben)
    feed.comment(ben, key, "I forgot to say")
    assert told(ben) == []
    for text in ("One", "Two"):
        feed.comment(ana, key, text)
    assert told(ben) == [("comment", key)]
    mine = select(Comment.key).where(Comment.author_id == ana.id).order_by(Comment.id)
    first, second = db.session.scalars(mine).all()
    feed.delete_comment(ana, first)
    assert told(ben) == [("comment", key)]
    feed.delete_comment(ben, second)
    assert told(ben) == []


def test_a_comment_is_deleted_by_its_author_even_out_of_sight_and_by_nobody_else(friends):
    ana, ben = friends
    carla = factories.member("Carla")
    factories.connect(ben, carla)
    key = share(ben)
    feed.comment(ana, key, "Hello")
    comment = db.session.scalars(select(Comment.key)).one()
    for other in (carla, factories.member("Dan")):
        with pytest.raises(NotFound):
            feed.delete_comment(other, comment)
    relationships.end(ben, ana)
    db.session.commit()
    assert not sees(ana, key)
    feed.delete_comment(ana, comment)
    assert number(Comment) == 0


def test_congratulating_says_which_way_so_that_twice_is_once(friends):
    ana, ben = friends
    key = share(ben)
    for on in (True, True, False, False, True):
        post = feed.congratulate(ana, key, on=on)
        assert (bool(post.mine), post.congratulations, told(ben)) == (
            on,
            int(on),
            [("congratulation", key)] if on else [],
        )


# Muting


def test_a_mute_is_silent_leaves_the_rest_alone_and_ends(friends):
    ana, ben = friends
    key = share(ben)
    feed.mute(ana, ben.handle, 30)
    assert keys(ana) == []
    assert sees(ana, key)
    assert number(Connection) == 2
    assert [row.handle for row in db.session.execute(feed.muted(ana))] == [ben.handle]
    clock.move(days=31)
    assert keys(ana) == [key]
    assert db.session.execute(feed.muted(ana)).all() == []
    feed.mute(ana, ben.handle, None)
    clock.move(days=50)
    assert keys(ana) == []
    feed.unmute(ana, ben.handle)
    assert keys(ana) == [key]
    with pytest.raises(NotFound):
        feed.unmute(ana, ben.handle)


def test_only_a_connection_can_be_muted(ana, ben):
    with pytest.raises(NotFound):
        feed.mute(ana, ben.handle, None)


# For programs


def test_an_address_works_until_a_new_one_is_made_or_it_ends(ana):
    first = feed.new_address(ana)
    assert feed.owner_of(first).id == ana.id
    second = feed.new_address(ana)
    with pytest.raises(NotFound):
        feed.owner_of(first)
    ana.suspended_at = clock.now()
    with pytest.raises(NotFound):
        feed.owner_of(second)
    ana.suspended_at = None
    feed.end_address(ana)
    with pytest.raises(NotFound):
        feed.owner_of(second)


def test_a_program_is_slowed_down(ana):
    for _time in range(60):
        feed.count_read(ana.id)
    with pytest.raises(TooMany):
        feed.count_read(ana.id)


# Tidying up


def test_what_no_feed_shows_any_more_is_deleted_but_not_what_members_wrote(ana, ben):
    ana.announces_connections = ben.announces_connections = True
    factories.connect(ana, ben)
    key = share(ben)
    feed.mute(ana, ben.handle, 30)
    db.session.commit()
    clock.move(days=91)
    assert feed.sweep(clock.now()) == 3
    assert db.session.scalars(select(Post.key)).all() == [key]
    assert number(Mute) == 0


def test_a_deleted_member_takes_all_of_it_along(friends):
    ana, ben = friends
    key = share(ben)
    feed.comment(ana, key, "Hello")
    feed.congratulate(ana, key, on=True)
    feed.mute(ana, ben.handle, None)
    db.session.commit()
    db.session.delete(db.session.get_one(Member, ben.id))
    db.session.commit()
    assert [number(model) for model in (Post, Comment, Reaction, Mute)] == [0, 0, 0, 0]


def test_ninety_days_are_the_same_for_both_ways_of_asking(friends, monkeypatch):
    ana, ben = friends
    share(ben)
    clock.move(days=1)
    kept = [share(ben) for _time in range(3)][::-1]
    clock.move(days=feed.DAYS, minutes=-timedelta(hours=12).seconds // 60)
    for border in (0, 2000):
        monkeypatch.setattr(feed, "DEGREE_WALKED", border)
        assert keys(ana) == kept
