"""Leaving: gone for others at once, back as before for who changes their mind, and deleted in small steps after the days."""

import re
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import event, func, select, text

from tests import factories
from webapp import clock, jobs
from webapp.domain import (
    accounts,
    cards,
    feed,
    guests,
    introductions,
    leaving,
    messages,
    moderation,
    relationships,
    saved_searches,
    search,
)
from webapp.domain.errors import Refused
from webapp.domain.guests import Invitee
from webapp.extensions import db
from webapp.jobs import health
from webapp.jobs import leaving as deleting
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.leaving import Departure
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import EmailAddress, Member, SignIn
from webapp.models.message import Conversation, Message
from webapp.models.notification import Notification


def ask(member, keep=""):
    leaving.ask(member, keep)
    db.session.commit()


def go(turns=200):
    """Let the worker work until there is nothing to delete now."""
    for _ in range(turns):
        jobs.run_due()
        if leaving.due(clock.now()) is None:
            db.session.expire_all()
            return
    raise AssertionError("it never ends")


def delete(member):
    """Ask, wait for the days to pass, and for the last mail to have been there for a day."""
    ask(member)
    clock.move(days=7, seconds=1)
    go()
    clock.move(hours=25)
    go()


def naming_a_member():
    """Every column that refers to a member."""
    return [
        column
        for table in db.metadata.sorted_tables
        for column in table.columns
        if any(key.column is Member.__table__.c.id for key in column.foreign_keys)
    ]


def named(member_id):
    """In which columns a member still stands."""
    found = [str(column) for column in naming_a_member() if count(column == member_id)]
    db.session.rollback()
    return found


def count(*which):
    return db.session.scalar(select(func.count()).where(*which))


def broken():
    """What `kith doctor` finds, without the mails that no worker sends here."""
    return [each for each in health.problems() if "late" not in each]


def guest(viewer, address, note=""):
    person = Invitee("Guest", address, accounts.lookup_of(address))
    guests.invite(viewer, [person], note=note, reply_to=True, source="Gmail")
    db.session.commit()


@contextmanager
def statements():
    seen = []

    def note(_connection, _cursor, statement, _given, _context, _many):
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


# What is covered


def test_every_column_that_names_a_member_is_decided_about(app):
    for column in naming_a_member():
        name = f"{column.table.name}.{column.name}"
        [key] = column.foreign_keys
        assert key.ondelete == ("SET NULL" if name in leaving.going.KEPT else "CASCADE"), name
        assert column in leaving.going.columns() or column.table.name in leaving.going.LAST, name
        firsts = [next(iter(index.columns)) for index in column.table.indexes]
        firsts += [
            next(iter(each.columns)) for each in column.table.constraints if len(getattr(each, "columns", ())) > 0
        ]
        assert any(first is column for first in firsts), f"{name} is found by no index"
    assert {stage.name for stage in leaving.going.STAGES} >= {str(column) for column in leaving.going.columns()}


def test_everybody_of_the_sample_community_can_leave(sample):
    sample_id = sample.id
    assert len(named(sample_id)) > 25
    sample.is_operator = False
    db.session.commit()
    others = db.session.scalars(select(Member.id).order_by(Member.degree.desc()).limit(4)).all()
    for member_id in {sample_id, *others}:
        delete(db.session.get(Member, member_id))
        assert named(member_id) == []
        assert db.session.get(Member, member_id) is None
        db.session.rollback()
    clock.reset()
    assert health.problems() == []


def test_it_is_cut_off_at_every_step_and_goes_on(sample, monkeypatch):
    """A step is a transaction: whatever happens in it, all of it happened or nothing did, and the counts are those of a smooth way."""
    sample_id = sample.id
    sample.is_operator = False
    db.session.commit()
    ask(sample)
    clock.move(days=8)
    done, real = 0, leaving.step

    def dies(member_id, most=20):
        real(member_id, most)
        raise KeyboardInterrupt

    while leaving.due(clock.now()) is not None:
        db.session.rollback()
        monkeypatch.setattr(leaving, "step", dies)
        before = {name: db.session.get(Departure, sample_id).counts.get(name) for name in leaving.going.PROOF}
        db.session.rollback()
        with pytest.raises(KeyboardInterrupt):
            deleting.go_on(1)
        db.session.expire_all()
        assert {name: db.session.get(Departure, sample_id).counts.get(name) for name in leaving.going.PROOF} == before
        db.session.rollback()
        monkeypatch.setattr(leaving, "step", lambda member_id: real(member_id, 20))
        assert deleting.go_on(1) == 1
        done += 1
        if done % 10 == 0:
            assert broken() == []
    db.session.expire_all()
    assert done > 60
    assert named(sample_id) == ["departure.member_id", "email_address.member_id", "outgoing_mail.to_member_id"]
    assert broken() == []


# Gone at once


def test_who_leaves_is_seen_by_nobody_and_everything_that_waits_is_taken_back(ana, ben):
    cleo = factories.member("Cleo Dane")
    relationships.invite(ana, [cleo])
    relationships.invite(ben, [ana])
    guest(ana, "guest@out.example")
    token = factories.sign_in(ana)
    factories.sign_in(ana)
    feed_token = feed.new_address(ana)
    accounts.ask_reset(accounts.primary_address(ana))
    db.session.commit()
    jobs.run_due()
    ask(ana, token)
    assert not ana.is_visible
    assert db.session.scalars(select(SignIn.digest).where(SignIn.member_id == ana.id)).all() == [
        accounts.tokens.digest(token)
    ]
    assert accounts.signed_in(token)[0] is ana
    assert count(GuestInvitation.inviter_id == ana.id) == 0
    with pytest.raises(accounts.NotFound):
        feed.owner_of(feed_token)
    db.session.rollback()
    clock.move(seconds=61)
    jobs.run_due()
    assert count(Notification.member_id == cleo.id) == 0
    assert count(Notification.member_id == ana.id) == 0
    mails = db.session.execute(select(OutgoingMail.kind, OutgoingMail.state).order_by(OutgoingMail.id)).all()
    assert [tuple(mail) for mail in mails] == [("reset", "sent"), ("leaving", "sent")]


def test_the_link_in_a_mail_to_a_guest_is_dead_at_once_and_alive_again_for_who_stays(ana, ben):
    guest(ana, "guest@out.example")
    clock.move(seconds=61)
    jobs.run_due()
    raw = db.session.scalars(select(MailboxMessage.raw)).one()
    text = message_from_bytes(raw, policy=policy.default).get_body(("plain",)).get_content()
    token = re.search(r"/join/(\S+)", text)[1]
    assert guests.of_link(token).inviters == (ana,)
    ask(ana)
    with pytest.raises(Refused):
        guests.of_link(token)
    leaving.stay(ana)
    db.session.commit()
    assert guests.of_link(token).inviters == (ana,)
    delete(ana)
    with pytest.raises(Refused):
        guests.of_link(token)
    assert db.session.scalars(select(GuestAddress.opted_out_at)).all() == [
        None
    ]  # the one mail of the year, as a keyed hash
    assert ben.degree == 0


def test_asking_and_staying_twice_is_once(ana):
    ask(ana)
    asked_at = ana.deleted_at
    clock.move(hours=1)
    ask(ana)
    assert ana.deleted_at == asked_at
    for _ in range(2):
        leaving.stay(ana)
        db.session.commit()
        assert ana.is_visible
        assert count(Departure.member_id == ana.id) == 0
    assert count(OutgoingMail.to_member_id == ana.id, OutgoingMail.state == "queued") == 0
    clock.move(days=30)
    jobs.run_due()
    assert ana.is_visible


def test_the_last_operator_cannot_leave(ana, ben):
    ana.is_operator = ben.is_operator = True
    db.session.commit()
    assert not leaving.sole_operator(ana)
    ask(ana)
    with pytest.raises(Refused, match="Make somebody else an operator first"):
        leaving.ask(ben, "")
    db.session.rollback()
    leaving.stay(ana)
    db.session.commit()
    ask(ben)
    assert not ben.is_visible


def test_once_the_days_are_over_nobody_can_stay_and_the_number_is_the_one_that_was_told(ana, setting):
    ask(ana)
    setting(DELETE_DAYS=30)
    clock.move(days=7, seconds=-1)
    jobs.run_due()
    assert db.session.get(Departure, ana.id).stage == ""
    db.session.rollback()
    clock.move(seconds=2)
    with pytest.raises(Refused, match="can't be stopped any more"):
        leaving.stay(ana)


def test_at_once_is_at_once(ana):
    token = factories.sign_in(ana)
    ask(ana, token)
    leaving.at_once(ana)
    db.session.commit()
    assert accounts.signed_in(token) is None
    with pytest.raises(Refused):
        leaving.stay(ana)
    db.session.rollback()
    go()
    assert ana.headline == ""
    assert not ana.handle.startswith("ana-lima")


# Who stays


def test_who_stays_is_no_news_to_a_saved_search(ana, ben):
    saved_searches.save(ben, "Anas", search.Query(q="ana"))
    db.session.commit()
    for stays in (False, True):
        if stays:
            leaving.stay(ana)
            db.session.commit()
        else:
            ask(ana)
        clock.move(days=1, hours=1)
        saved_searches.look(clock.now())
        db.session.commit()
    assert count(Notification.member_id == ben.id) == 0


# What is deleted and what stays


def test_messages_stay_with_the_other_side_and_a_conversation_nobody_is_in_goes(ana, ben):
    factories.connect(ana, ben)
    for author, other, words in ((ana, ben, "From Ana"), (ben, ana, "From Ben"), (ana, ben, "Hidden by Ben")):
        message = messages.write_to(author, other, words)
        db.session.commit()
    key = messages.between(ana, ben)
    messages.delete_for_me(ben, key, message.key)
    db.session.commit()
    delete(ana)
    found = db.session.execute(select(Message.body, Message.author_id).order_by(Message.id)).all()
    assert [tuple(row) for row in found] == [("From Ana", None), ("From Ben", ben.id)]
    talk = messages.one_of(ben, key)
    assert talk.other is None
    assert talk.closed
    assert [(line.author, line.mine) for line in messages.latest(ben, talk, 9)] == [(None, False), ("Ben Okafor", True)]
    delete(ben)
    assert count(Conversation.id > 0) == count(Message.id > 0) == 0


def test_a_group_goes_on_without_them_and_a_block_in_it_holds(ana, ben):
    cleo = factories.member("Cleo Dane")
    for other in (ben, cleo):
        factories.connect(ana, other)
    key = messages.start_group(ana, [ben, cleo], "Three")
    db.session.commit()
    messages.send(ana, key, "Good morning")
    moderation.block(ana, cleo)
    db.session.commit()
    messages.send(ana, key, "Not for Cleo")
    db.session.commit()

    def bodies(member):
        return [line.body for line in messages.latest(member, messages.one_of(member, key), 9)]

    before = bodies(ben), bodies(cleo)
    assert before[0] != before[1]
    delete(ana)
    assert (bodies(ben), bodies(cleo)) == before
    assert [person.name for person in messages.people_in(ben, messages.one_of(ben, key))] == ["Cleo Dane"]


def test_a_conversation_that_the_other_had_blocked_goes(ana, ben):
    factories.connect(ana, ben)
    messages.write_to(ana, ben, "Hello")
    db.session.commit()
    moderation.block(ben, ana)
    db.session.commit()
    delete(ana)
    assert count(Message.id > 0) == count(Conversation.id > 0) == 0
    assert health.problems() == []


def test_a_card_about_them_stays_with_its_owner(ana, ben):
    factories.connect(ana, ben)
    cards.set_note(ben, ana, "Likes tea")
    cards.set_note(ana, ben, "Likes coffee")
    cards.set_tags(ben, ana, "Choir")
    db.session.commit()
    ask(ana)
    assert [one.card.note for one in cards.left(ben)] == ["Likes tea"]
    clock.move(days=8)
    go()
    assert [one.card.note for one in cards.left(ben)] == ["Likes tea"]
    assert cards.left(ben)[0].card.name == "Ana Lima"


def test_an_introduction_they_stood_in_goes_with_what_was_told_of_it(ana, ben):
    cleo = factories.member("Cleo Dane")
    for other in (ben, cleo):
        factories.connect(ana, other)
    introductions.ask(ben, cleo, ana.handle, "Both sing")
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    row = introductions.waiting(ana)
    key = db.session.execute(row).first().Introduction.key
    introductions.pass_on(ana, key, "You would like each other")
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    told = (Notification.kind == introductions.PASSED) & (Notification.member_id == cleo.id)
    assert count(told) == 1
    db.session.rollback()
    delete(ben)
    assert count(told) == 0


def test_an_invitation_of_somebody_else_to_their_address_forgets_it(ana, ben):
    address = accounts.primary_address(ana)
    guest(ben, address)
    clock.move(seconds=61)
    jobs.run_due()
    delete(ana)
    row = db.session.scalars(select(GuestInvitation)).one()
    assert (row.inviter_id, row.address, row.joined_id) == (ben.id, None, None)


def test_the_last_mail_says_what_went_and_then_the_address_is_forgotten(ana, ben):
    factories.connect(ana, ben)
    cards.set_note(ana, ben, "Likes coffee")
    messages.write_to(ana, ben, "Hello")
    feed.share(ana, "Good evening", "members")
    db.session.commit()
    address = accounts.primary_address(ana)
    ask(ana)
    clock.move(days=8)
    go()
    row = db.session.scalars(select(MailboxMessage).order_by(MailboxMessage.id.desc())).first()
    assert row.recipient == address
    said = row.raw.decode()
    for words in ("Connections: 1", "Private cards: 1", "Messages that stay", "Posts and news: 1"):
        assert words in said
    assert "Email addresses: 1" in said
    assert accounts.by_address(address) is None
    clock.move(hours=25)
    go()
    assert count(MailboxMessage.recipient == address) == count(EmailAddress.address == address) == 0


def test_with_a_mail_server_the_address_goes_as_soon_as_the_mail_has_left(ana, setting):
    ana_id = ana.id
    setting(SMTP_URL="smtp://127.0.0.1:9")
    ask(ana)
    clock.move(days=8)
    deleting.go_on(200)
    assert count(EmailAddress.member_id == ana_id) == 1
    db.session.rollback()
    clock.move(minutes=2)
    deleting.go_on(200)
    last = db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == "left")).one()
    assert last.state == "queued"
    last.state = "sent"
    db.session.commit()
    clock.move(minutes=2)
    deleting.go_on(200)
    assert count(Member.id == ana_id) == 0


def test_who_cannot_be_mailed_is_forgotten_all_the_same(ana, setting):
    ana_id = ana.id
    setting(SMTP_URL="smtp://127.0.0.1:9")
    ask(ana)
    clock.move(days=8)
    deleting.go_on(200)
    clock.move(days=3, minutes=5)
    deleting.go_on(200)
    assert count(Member.id == ana_id) == 0


def test_the_same_address_makes_a_fresh_account(ana, ben):
    factories.connect(ana, ben)
    address = accounts.primary_address(ana)
    ask(ana)
    assert accounts.sign_up("Ana", address, "hash") is None
    db.session.commit()
    clock.move(days=8)
    go()
    fresh = accounts.create_verified("Ana", address, factories.password_hash())
    db.session.commit()
    assert fresh.degree == 0
    assert fresh.id != ana.id
    clock.move(hours=25)
    go()
    assert accounts.by_address(address) is fresh
    assert named(fresh.id) == ["email_address.member_id"]
    assert health.problems() == []


def test_one_that_cannot_be_deleted_does_not_hold_up_the_others(ana, ben, monkeypatch):
    real = leaving.step
    ana_id, ben_id = ana.id, ben.id

    def breaks(member_id):
        if member_id == ana_id:
            raise ZeroDivisionError
        return real(member_id)

    monkeypatch.setattr(leaving, "step", breaks)
    ask(ana)
    ask(ben)
    clock.move(days=8)
    deleting.go_on(200)
    assert db.session.get(Departure, ana_id).next_at > clock.now() + timedelta(minutes=9)
    assert db.session.get(Departure, ben_id).stage == "gone"


# How much at a time


def test_a_batch_is_the_same_number_of_statements_whatever_there_is(context, setting):
    """A member with 10 connections and one with 500, with six times as much of everything else: no step asks more."""
    setting(POSTS_PER_DAY=1000)
    most = []
    for number in (10, 500):
        ana = factories.member("Ana Lima")
        ana.verified_at -= timedelta(days=30)
        others = [factories.member(f"Other {each}") for each in range(number)]
        relationships.join(ana, others)
        for other in others[:60]:
            messages.write_to(ana, other, f"Hello {other.id}")
            cards.set_note(other, ana, "Likes tea")
            feed.share(ana, f"Today {other.id}", "members")
        db.session.commit()
        ask(ana)
        ana_id = ana.id
        db.session.expunge_all()
        clock.move(days=8)
        counts, steps = {}, 0
        while leaving.due(clock.now()) is not None:
            stage = db.session.get(Departure, ana_id).stage
            db.session.rollback()
            with statements() as seen:
                deleting.go_on(1)
            counts[stage] = max(counts.get(stage, 0), len(seen))
            steps += 1
        most.append((counts, steps))
        clock.reset()
    assert most[0] == most[1], {
        name: (few, most[1][0][name]) for name, few in most[0][0].items() if few != most[1][0][name]
    }
    assert max(most[0][0].values()) <= 26


def test_the_words_they_were_found_by_are_merged_away(ana):
    if db.engine.dialect.name != "sqlite":
        return
    ana.headline = "Quillfeather"
    accounts.names.refresh(ana)
    db.session.commit()
    for number in range(20):
        factories.member(f"Other {number}")
    delete(ana)
    blocks = db.session.execute(text("SELECT block FROM member_words_data")).scalars()
    assert not any(b"feather" in bytes(block) for block in blocks)
