"""Transactions: committed or rolled back as one, never one inside another, and nothing slow inside."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from tests import factories
from webapp import passwords
from webapp.domain import profiles
from webapp.extensions import db
from webapp.mail import smtp
from webapp.models.member import Member
from webapp.providers.http import Deadline
from webapp.transaction import in_write_transaction, transaction

WEBAPP = Path(__file__).parents[2] / "webapp"
SETTLES = {"transaction.py"}


def name_of(member_id):
    db.session.rollback()
    return db.session.get_one(Member, member_id).name


def test_what_raises_leaves_nothing_behind(context):
    member_id = factories.member("Before").id
    with pytest.raises(LookupError), transaction():
        db.session.get_one(Member, member_id).name = "After"
        db.session.flush()
        raise LookupError
    assert name_of(member_id) == "Before"
    with transaction():
        db.session.get_one(Member, member_id).name = "After"
    assert name_of(member_id) == "After"


def test_one_is_not_begun_inside_another_nor_over_changes_of_nobody(context):
    member = factories.member("Somebody")
    with transaction():
        db.session.get_one(Member, member.id)
        with pytest.raises(RuntimeError, match="open already"), transaction():
            pass
    member = db.session.get_one(Member, member.id)
    member.name = "Changed too early"
    with pytest.raises(RuntimeError, match="outside a transaction"), transaction():
        pass
    db.session.rollback()


@pytest.mark.parametrize(
    "slow",
    [
        lambda: passwords.hash_password("a quiet walk"),
        lambda: passwords.verify(None, "a quiet walk"),
        lambda: smtp.hand_over(EmailMessage(), "a@example.org", "b@example.org"),
        lambda: profiles.crop(b"no picture"),
        lambda: Deadline(1).__enter__(),
    ],
)
def test_nothing_slow_is_done_inside_one(context, slow):
    with transaction():
        db.session.get(Member, 1)
        assert in_write_transaction()
        with pytest.raises(RuntimeError, match="inside a transaction"):
            slow()


def test_reading_beforehand_is_no_reason_to_refuse(context):
    db.session.get(Member, 1)
    assert not in_write_transaction()
    assert passwords.verify(None, "a quiet walk") is False


def test_only_the_settlement_commits():
    found = {
        path.name
        for path in WEBAPP.rglob("*.py")
        if "session.commit(" in path.read_text(encoding="utf-8") and path.name not in SETTLES
    }
    assert found == set()
