"""The database for measuring: as many as asked for, whole, and the same for the same seed."""

from collections import Counter

import pytest
from sqlalchemy import select

from tests.conftest import empty
from webapp.config import SettingError
from webapp.demo import bulk, seed
from webapp.domain import messages, relationships
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.models.member import Member
from webapp.models.message import Conversation, Message, Participant


@pytest.fixture(autouse=True)
def _cheap_password(monkeypatch):
    monkeypatch.setattr(seed.passwords, "hash_password", lambda password: "x")


def everybody():
    rows = db.session.execute(select(Member.handle, Member.degree).order_by(Member.id)).all()
    db.session.rollback()
    return rows


def test_as_many_members_and_connections_as_asked_for(context):
    seed.fill(300, 10, 1, "x")
    found = everybody()
    assert len(found) == 300
    assert sum(row.degree for row in found) == 300 * 10
    assert relationships.problems() == []


def test_the_same_seed_makes_the_same_members(context):
    seed.fill(50, 4, 3, "x")
    first = everybody()
    empty()
    seed.fill(50, 4, 3, "x")
    assert everybody() == first


def test_the_first_member_can_be_given_exactly_so_many_connections(context):
    seed.fill(300, 4, 1, "x", hub=200)
    found = everybody()
    assert found[0].degree == 200
    assert sum(row.degree for row in found) == 300 * 4 + 2 * 200
    pairs = db.session.execute(select(Connection.member_id, Connection.other_id)).all()
    assert max(Counter(map(tuple, pairs)).values()) == 1


def test_a_database_with_members_or_too_few_for_the_hub_is_left_alone(context):
    with pytest.raises(SettingError, match="more than 10 members"):
        seed.fill(10, 2, 1, "x", hub=10)
    seed.fill(10, 2, 1, "x")
    with pytest.raises(SettingError, match="members in this database already"):
        seed.fill(10, 2, 1, "x")


def test_no_two_members_of_one_name_share_a_handle():
    letters = iter("aaaa" * 2 + "aaab" + "aaaa" * 3 + "aaac")
    people = [bulk.Newcomer("Ana", f"ana{number}@example.org") for number in range(3)]
    handles = bulk._handles(people, lambda _letters: next(letters))
    assert handles == ["ana-aaaa", "ana-aaab", "ana-aaac"]


def everything_written():
    rows = db.session.execute(
        select(Conversation.key, Message.author_id, Message.body, Message.sent_at)
        .join(Message, Message.conversation_id == Conversation.id)
        .order_by(Message.id)
    ).all()
    db.session.rollback()
    return rows


def test_one_of_two_members_talks_and_the_same_seed_lets_them_say_the_same(context):
    seed.fill(300, 10, 3, "x")
    first = everything_written()
    assert 100 <= len({row.key for row in first}) <= 200
    assert set(Counter(row.key for row in first).values()) == {4}
    assert [row.sent_at for row in first] == sorted(row.sent_at for row in first)
    ids = [row.author_id for row in first]
    empty()
    seed.fill(300, 10, 3, "x")
    again = everything_written()
    shift = again[0].author_id - ids[0]  # PostgreSQL counts on
    assert [(row.key, row.author_id - shift, *row[2:]) for row in again] == [tuple(row) for row in first]


def test_conversations_in_bulk_are_those_that_messages_know(context):
    seed.fill(300, 10, 1, "x")
    key, low, high = db.session.execute(select(Conversation.key, Conversation.low_id, Conversation.high_id)).first()
    low, high = (db.session.get_one(Member, each) for each in (low, high))
    talk = messages.one_of(low, key)
    assert talk.closed == ""
    lines = messages.latest(low, talk, 9)
    assert {line.handle for line in lines} == {low.handle, high.handle}
    assert talk.last_id == lines[-1].id
    ends = db.session.scalars(select(Participant)).all()
    unread = [each for each in ends if each.read_id < each.last_id]
    assert 0 < len(unread) < len(ends) / 4
    wrote = {
        (row.conversation_id, row.author_id): row.id for row in db.session.scalars(select(Message).order_by(Message.id))
    }
    assert all(each.read_id == wrote[each.conversation_id, each.member_id] for each in unread)
    assert messages.send(low, key, "One more").id > talk.last_id


def test_nobody_is_given_many_more_connections_than_a_member_may_have():
    weights = [1_000_000.0, 400_000.0, *[1.0] * 999_998]
    ends = 2_000_000
    bounded = seed._sociable(weights, ends)
    assert ends * max(bounded) / sum(bounded) == pytest.approx(seed.MOST, rel=0.01)
    assert bounded[2:] == weights[2:]
    assert seed._sociable([3.0, 1.0], 10) == [3.0, 1.0]
