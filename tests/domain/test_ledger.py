"""The contacts ledger as such: numbered, chained, safe with several writers, and checked."""

import threading

import pytest
from sqlalchemy import delete, select, text, update

from tests import factories
from webapp import chain
from webapp.domain import ledger
from webapp.extensions import db
from webapp.jobs import health
from webapp.models.ledger import ContactsLedger, ContactsLedgerLine
from webapp.models.member import Member
from webapp.transaction import transaction


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor")


def told(member):
    return [line for batch in ledger.lines_of(member) for line in batch]


def test_lines_are_numbered_and_each_follows_from_the_one_before(ana, ben):
    ledger.add(ana.id, "compared", door="google", read=3)
    ledger.add_all(
        [
            ledger.Entry(ben.id, "left", {"who": "guests", "number": 1}),
            ledger.Entry(ana.id, "left", {"who": "guests", "number": 2}),
            ledger.Entry(ana.id, "forgotten", {"how": "finished"}),
        ]
    )
    db.session.commit()
    lines = told(ana)
    assert [(line.number, line.what) for line in lines] == [(1, "compared"), (2, "left"), (3, "forgotten")]
    assert chain.broken((line.plain(), line.digest) for line in lines) is None
    assert ledger.end_of(ana) == (3, lines[-1].digest)
    assert [line.plain()["number"] for line in told(ben)] == [1]
    assert ledger.end_of(factories.member()) == (0, "")
    assert ledger.problems() == []


def test_what_is_undone_leaves_no_line(ana):
    ledger.add(ana.id, "compared", read=1)
    db.session.rollback()
    assert told(ana) == []
    ledger.add(ana.id, "compared", read=2)
    db.session.commit()
    assert [line.number for line in told(ana)] == [1]


def test_a_member_who_is_gone_gets_none(ana):
    ledger.add_all([ledger.Entry(ana.id + 1000, "left", {}), ledger.Entry(ana.id, "left", {})])
    db.session.commit()
    assert db.session.scalars(select(ContactsLedgerLine.member_id)).all() == [ana.id]


def test_adding_is_three_statements_for_one_line_and_for_hundreds(ana, statements):
    people = [factories.member(f"Member {number}") for number in range(20)]
    entries = [ledger.Entry(each.id, "left", {"number": turn}) for turn in range(30) for each in people]
    for given in (entries[:1], entries):
        with statements() as seen:
            ledger.add_all(given)
        assert len([each for each in seen if not each.startswith("BEGIN")]) == 3
        db.session.commit()
    ledger.add_all([])
    assert ledger.problems() == []


def test_four_writers_at_once_make_one_chain(app, ana, ben):
    ids, errors = [ana.id, ben.id], []

    def write(turn):
        order = ids if turn % 2 else ids[::-1]
        with app.app_context():
            for number in range(25):
                try:
                    with transaction():
                        ledger.add_all([ledger.Entry(each, "left", {"by": turn, "number": number}) for each in order])
                except Exception as error:  # noqa: BLE001 - whatever goes wrong in a thread fails the test
                    errors.append(repr(error)[:300])

    threads = [threading.Thread(target=write, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    db.session.rollback()
    for member in (ana, ben):
        lines = told(member)
        assert len(lines) == 100
        assert len({(line.facts["by"], line.facts["number"]) for line in lines}) == 100
        assert chain.broken((line.plain(), line.digest) for line in lines) is None
    assert ledger.problems() == []


LINE = ContactsLedgerLine


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (update(LINE).where(LINE.number == 2).values(facts={"number": 5}), "is not as it was written, from line 2 on"),
        (update(LINE).where(LINE.number == 2).values(what="undone"), "is not as it was written, from line 2 on"),
        (update(LINE).where(LINE.number == 3).values(at=LINE.at + text("1")), "is not as it was written, from line 3"),
        (delete(LINE).where(LINE.number == 1), "is not as it was written, from line 1 on"),
        (delete(LINE).where(LINE.number == 4), "was cut off after line 3"),
        (delete(LINE), "is gone"),
        (delete(ContactsLedger), "was cut off after line 4"),
    ],
)
def test_doctor_sees_what_was_altered_and_whose(ana, ben, change, said):
    for member in (ana, ben):
        for number in range(1, 5):
            ledger.add(member.id, "left", who="guests", number=number)
    db.session.commit()
    assert health.problems() == []
    column = change.table.c.member_id
    db.session.execute(change.where(column == ana.id).execution_options(synchronize_session=False))
    db.session.commit()
    (sentence,) = health.problems()
    assert f"contacts ledger of member {ana.id} " in sentence
    assert said in sentence


def test_it_goes_with_its_member_and_is_not_missed_while_that_goes_on(ana, ben):
    for member in (ana, ben):
        ledger.add(member.id, "left", who="guests", number=1)
    db.session.commit()
    db.session.execute(delete(LINE).where(LINE.member_id == ben.id))
    ben.deleted_at = ben.created_at
    db.session.commit()
    assert ledger.problems() == []
    db.session.execute(delete(Member).where(Member.id == ana.id).execution_options(synchronize_session=False))
    db.session.commit()
    assert db.session.scalars(select(LINE.member_id)).all() == []
