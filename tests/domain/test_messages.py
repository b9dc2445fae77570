"""Messages: who may write, once however often it is pressed, what can be taken back, and who sees what."""

from functools import partial

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.together import together
from webapp import clock
from webapp.domain import messages, moderation, relationships
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.extensions import db
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.models.message import Conversation, Message, Participant
from webapp.transaction import transaction


@pytest.fixture
def people(context):
    """Ana with Ben and Chen as connections, and Dana, whom nobody knows; all here for some time."""
    clock.move(days=-30)
    made = [factories.member(name) for name in ("Ana Lima", "Ben Okafor", "Chen Wei", "Dana Fox")]
    factories.connect(made[0], made[1])
    factories.connect(made[0], made[2])
    clock.reset()
    return made


def said(viewer, key):
    db.session.commit()
    talk = messages.one_of(viewer, key)
    return [line.body for line in messages.latest(viewer, talk, 50)]


def keys(viewer, box="open"):
    db.session.commit()
    return [row.key for row in db.session.execute(messages.listed(viewer, box))]


def key_between(one, other):
    return messages.between(one, other)


def write(author, other, text="Hello", client=""):
    message = messages.write_to(author, other, text, client)
    db.session.commit()
    return messages.key_of(message)


# Who may write


def test_connections_write_to_each_other_in_one_conversation(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Are you coming?")
    assert write(ben, ana, "Yes") == key
    assert said(ana, key) == said(ben, key) == ["Are you coming?", "Yes"]
    assert keys(ana) == keys(ben) == [key]


def test_a_stranger_may_write_only_to_who_wants_that(people):
    ana, _ben, _chen, dana = people
    with pytest.raises(Refused):
        messages.write_to(ana, dana, "Hello")
    dana.writable = "members"
    key = write(ana, dana, "Hello")
    assert keys(ana) == [key]
    assert (keys(dana), keys(dana, "request")) == ([], [key])
    assert (messages.unread(dana), messages.requests(dana)) == (0, 1)


def test_a_request_is_one_message_until_it_is_answered(people):
    ana, _ben, _chen, dana = people
    dana.writable = "members"
    key = write(ana, dana, "Hello")
    with pytest.raises(Refused) as refused:
        messages.send(ana, key, "Are you there?")
    assert "answered" in str(refused.value)
    messages.send(dana, key, "Yes, hello")
    messages.send(ana, key, "Good to hear")
    assert said(dana, key) == ["Hello", "Yes, hello", "Good to hear"]
    assert keys(dana) == [key]


def test_accepting_a_request_opens_it_and_ignoring_is_silent(people):
    ana, _ben, chen, dana = people
    dana.writable = "members"
    key, other = write(ana, dana), write(chen, dana)
    before = messages.one_of(ana, key)
    messages.ignore(dana, key)
    db.session.commit()
    assert messages.one_of(ana, key) == before
    assert (keys(dana, "request"), keys(dana, "ignored")) == ([other], [key])
    messages.accept(dana, other)
    messages.accept(dana, other)
    assert messages.one_of(chen, other).closed == ""
    messages.send(chen, other, "Thank you for the answer")
    assert keys(dana) == [other]


@pytest.mark.parametrize("end", ["remove", "block", "blocked", "suspend", "leave"])
def test_afterwards_it_can_be_read_but_not_written_with_the_same_words(people, end):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    if end == "remove":
        relationships.end(ana, ben)
    elif end == "blocked":
        moderation.block(ben, ana)
    elif end == "block":
        moderation.block(ana, ben)
    elif end == "suspend":
        ben.suspended_at = clock.now()
    else:
        db.session.delete(ben)
    db.session.commit()
    db.session.expire_all()
    if end == "block":
        with pytest.raises(NotFound):
            messages.one_of(ana, key)
        assert (keys(ana), messages.unread(ana)) == ([], 0)
        return
    talk = messages.one_of(ana, key)
    assert talk.closed == messages.NOT_CONNECTED
    assert (talk.other is None) == (end != "remove"), "a block looks as if the account were gone"
    assert said(ana, key) == ["Hello"]
    [row] = db.session.execute(messages.listed(ana)).all()
    assert (row.body, row.name is None) == ("Hello", end != "remove")
    with pytest.raises(Refused):
        messages.send(ana, key, "Are you there?")


def test_a_block_ends_what_a_request_opened_for_good(people):
    ana, _ben, _chen, dana = people
    dana.writable = "members"
    key = write(ana, dana)
    messages.send(dana, key, "Hello you")
    moderation.block(dana, ana)
    moderation.unblock(dana, ana.handle)
    db.session.commit()
    assert messages.one_of(ana, key).closed == messages.NOT_CONNECTED


def test_once_connected_a_removal_closes_what_a_request_opened(people):
    ana, _ben, _chen, dana = people
    dana.writable = "members"
    key = write(ana, dana)
    messages.send(dana, key, "Hello you")
    factories.connect(ana, dana)
    messages.send(ana, key, "Now we are connected")
    relationships.end(dana, ana)
    db.session.commit()
    assert messages.one_of(ana, key).closed == messages.one_of(dana, key).closed == messages.NOT_CONNECTED


def test_a_conversation_of_others_is_as_unknown(people):
    ana, ben, chen, _dana = people
    key = write(ana, ben)
    for ask in (messages.one_of, messages.accept, messages.ignore, messages.leave):
        with pytest.raises(NotFound):
            ask(chen, key)
    assert messages.version(chen, key) is None


def test_a_request_tells_who_sent_it_nothing_before_it_is_answered(people):
    ana, _ben, _chen, dana = people
    ana.shows_reading = dana.shows_reading = True
    dana.writable = "members"
    key = write(ana, dana, "Hello")
    before = messages.one_of(ana, key)
    messages.mark_read(dana, key, 10**9)
    messages.ignore(dana, key)
    messages.mark_read(dana, key, 10**9)
    db.session.commit()
    assert messages.one_of(ana, key) == before
    assert messages.seen_by_all(ana, before) is None
    messages.accept(dana, key)
    messages.send(ana, key, "Good to hear")
    messages.mark_read(dana, key, 10**9)
    db.session.commit()
    assert messages.seen_by_all(ana, messages.one_of(ana, key)) is not None


# Sending once


def test_sent_again_under_the_same_name_it_is_one_message(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello", "one")
    assert write(ana, ben, "Hello", "one") == key
    first = messages.send(ana, key, "Again", "two")
    assert messages.send(ana, key, "Again", "two").id == first.id
    assert said(ben, key) == ["Hello", "Again"]


def test_forty_presses_at_once_are_one_message_in_one_conversation(app, people):
    ana, ben, *_rest = people
    ids = (ana.id, ben.id)
    db.session.commit()

    def press(number):
        one, other = (db.session.get_one(Member, each) for each in (ids if number % 2 else ids[::-1]))
        messages.write_to(one, other, "At once", "same")

    for _round in range(10):
        assert together(app, *(partial(press, number) for number in range(4))) == [None] * 4
    assert db.session.scalar(select(func.count()).select_from(Conversation)) == 1
    assert db.session.scalar(select(func.count()).select_from(Message)) == 2  # one of each
    assert db.session.scalar(select(func.count()).select_from(Participant)) == 2


def test_messages_of_a_conversation_are_committed_in_the_order_of_their_ids(people, statements):
    ana, ben, *_rest = people
    key = write(ana, ben)
    with statements() as seen:
        messages.send(ana, key, "One after the other")
    first = [
        next(place for place, each in enumerate(seen) if each.startswith(verb))
        for verb in ("UPDATE conversation", "INSERT INTO message")
    ]
    assert first == sorted(first), (
        "another one could get a lower number and be committed later; no open page would ask for it"
    )


def test_nothing_and_too_much_are_refused_and_what_cannot_be_seen_is_left_out(people, setting):
    ana, ben, *_rest = people
    setting(MESSAGE_CHARACTERS=20)
    for text in ("", " \n ", "\u200b\u202e", "x" * 21):
        with pytest.raises(Invalid):
            messages.write_to(ana, ben, text)
    key = write(ana, ben, "  a\u202eb\r\nc\x07 ")
    assert said(ben, key) == ["ab\nc"]


def test_a_new_member_begins_five_conversations_a_day(people, context):
    new = factories.member("Noor van Dijk")
    others = [factories.member(f"Person {number}") for number in range(7)]
    for other in others:
        factories.connect(new, other)
    for number, other in enumerate(others[:5]):
        write(new, other, f"Hello number {number}")
    with pytest.raises(TooMany):
        messages.write_to(new, others[5], "Hello once more")
    messages.send(new, key_between(new, others[0]), "An answer is no new conversation")
    clock.move(days=1, minutes=1)
    write(new, others[5], "The next day")
    clock.move(days=7)
    for other in others[6:]:
        write(new, other, "After a week there is no such number")


def test_the_same_text_goes_to_five_people_a_day(people, context):
    ana, *_rest = people
    others = [factories.member(f"Person {number}") for number in range(7)]
    for other in others:
        factories.connect(ana, other)
    for other in others[:5]:
        write(ana, other, "Come to my concert on Sunday")
    with pytest.raises(Refused) as refused:
        messages.write_to(ana, others[5], "come to my CONCERT on sunday")
    assert "same text" in str(refused.value)
    write(ana, others[5], "Dear Person, come to my concert")
    for other in others[:7]:
        write(ana, other, "Thank you")
    for other in others[:5]:
        write(ana, other, "https://concert.example/sunday")
    with pytest.raises(Refused):
        messages.write_to(ana, others[5], "https://concert.example/sunday")


# Taking back, changing, deleting


def test_undo_within_ten_seconds_leaves_no_trace(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    before = [(row.body, row.unread) for row in db.session.execute(messages.listed(ben))]
    message = messages.send(ana, key, "Not meant for you")
    clock.move(seconds=9)
    assert messages.undo(ana, key, message.key).body == "Not meant for you"
    db.session.commit()
    assert [(row.body, row.unread) for row in db.session.execute(messages.listed(ben))] == before
    late = messages.send(ana, key, "Meant")
    clock.move(seconds=11)
    with pytest.raises(Refused):
        messages.undo(ana, key, late.key)
    with pytest.raises(NotFound):
        messages.undo(ben, key, late.key)


def test_the_only_message_taken_back_leaves_nothing_in_any_list(people):
    ana, ben, _chen, dana = people
    dana.writable = "members"
    for other in (ben, dana):
        key = write(ana, other, "Not meant for you")
        message = db.session.scalars(select(Message)).one()
        messages.undo(ana, key, message.key)
        assert (keys(ana), keys(other), keys(other, "request")) == ([], [], [])
        assert (messages.unread(other), messages.requests(other)) == (0, 0)
        assert messages.between(ana, other) is None
        assert write(ana, other, "Meant for you") == key
        assert said(other, key) == ["Meant for you"]
        db.session.delete(db.session.scalars(select(Conversation)).one())
        db.session.commit()


def test_a_message_is_edited_and_deleted_for_all_within_a_quarter_of_an_hour(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Helo")
    message = db.session.scalars(select(Message)).one()
    clock.move(minutes=14)
    messages.edit(ana, key, message.key, "Hello")
    talk = messages.one_of(ben, key)
    [line] = messages.latest(ben, talk, 5)
    assert (line.body, line.edited, line.deleted) == ("Hello", True, False)
    with pytest.raises(NotFound):
        messages.edit(ben, key, message.key, "Mine now")
    messages.delete_for_all(ana, key, message.key)
    db.session.commit()
    [line] = messages.latest(ben, talk, 5)
    assert (line.body, line.deleted) == ("", True)
    assert db.session.scalars(select(Message.folded)).one() == ""
    second = messages.send(ana, key, "Later")
    clock.move(minutes=16)
    for change in (
        lambda: messages.edit(ana, key, second.key, "x"),
        lambda: messages.delete_for_all(ana, key, second.key),
    ):
        with pytest.raises(Refused):
            change()


def test_deleting_for_oneself_changes_nothing_for_the_other(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    message = db.session.scalars(select(Message)).one()
    clock.move(days=400)
    messages.delete_for_me(ben, key, message.key)
    messages.delete_for_me(ben, key, message.key)
    assert (said(ben, key), said(ana, key)) == ([], ["Hello"])
    [row] = db.session.execute(messages.listed(ben)).all()
    assert row.body == ""
    assert db.session.execute(messages.found(ben, "hello")).all() == []


# Reading


def test_what_is_read_is_counted_once_and_only_forwards(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    first = db.session.scalars(select(Message.id)).one()
    messages.send(ana, key, "Are you there?")
    assert messages.unread(ben) == 1
    messages.mark_read(ben, key, first)
    assert messages.unread(ben) == 1
    messages.mark_read(ben, key, 10**9)
    messages.mark_read(ben, key, first)
    assert (messages.unread(ben), messages.unread(ana)) == (0, 0)


def test_what_came_while_somebody_read_is_still_unread_and_mailed(app, people, monkeypatch):
    from webapp.domain.messages import reading

    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    read = messages.one_of(ben, key)
    messages.send(ana, key, "One more thing")
    monkeypatch.setattr(reading, "one_of", lambda _viewer, _key: read)
    messages.mark_read(ben, key, read.last_id)
    assert messages.unread(ben) == 1
    newest = db.session.scalars(select(Message.id).order_by(Message.id.desc())).first()
    db.session.execute(Participant.__table__.update().values(read_id=newest))
    messages.mark_read(ben, key, read.last_id)
    assert messages.unread(ben) == 0, "another page has read further meanwhile"
    db.session.execute(Participant.__table__.update().values(read_id=read.last_id))
    clock.move(hours=1)
    assert mails() == [(ben.id, ana.id)]


def test_a_muted_conversation_is_not_counted(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    messages.mute(ben, key, on=True)
    messages.send(ana, key, "Hello?")
    assert messages.unread(ben) == 0
    messages.mute(ben, key, on=False)
    assert messages.unread(ben) == 1


@pytest.mark.parametrize(("ana_shows", "ben_shows"), [(True, True), (True, False), (False, True), (False, False)])
def test_how_far_somebody_read_is_shown_only_where_both_show_it(people, ana_shows, ben_shows):
    ana, ben, *_rest = people
    ana.shows_reading, ben.shows_reading = ana_shows, ben_shows
    key = write(ana, ben, "Hello")
    before = messages.version(ana, key)
    messages.mark_read(ben, key, 10**9)
    db.session.commit()
    shown = messages.seen_by_all(ana, messages.one_of(ana, key))
    assert (shown is not None) == (ana_shows and ben_shows)
    if not ben_shows:
        assert messages.version(ana, key) == before, "an open page could tell that something happened"
        assert db.session.scalar(select(Participant.seen_at).where(Participant.member_id == ben.id)) is None


def test_an_open_page_is_told_of_everything_that_changes_it(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    seen = [messages.version(ben, key)]
    message = messages.send(ana, key, "Helo")
    seen.append(messages.version(ben, key))
    messages.edit(ana, key, message.key, "Hello again")
    seen.append(messages.version(ben, key))
    messages.delete_for_all(ana, key, message.key)
    seen.append(messages.version(ben, key))
    messages.undo(ana, key, messages.send(ana, key, "Oh").key)
    seen.append(messages.version(ben, key))
    assert sorted(set(seen)) == seen


def test_words_are_found_in_ones_own_conversations_only(people):
    ana, ben, chen, _dana = people
    write(ana, ben, "The Çafé at the harbour")
    write(ana, chen, "Another place")
    assert [row.body for row in db.session.execute(messages.found(ana, "cafe harb"))] == ["The Çafé at the harbour"]
    assert [row.body for row in db.session.execute(messages.found(ben, "cafe"))] == ["The Çafé at the harbour"]
    assert db.session.execute(messages.found(chen, "cafe")).all() == []
    assert db.session.execute(messages.found(ana, "afe")).all() == []


def test_a_conversation_is_exported_as_it_is_seen(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    messages.send(ben, key, "Hello\nyou")
    db.session.commit()
    lines = messages.exported(ana, messages.one_of(ana, key))
    text = messages.as_text(lines, "Ana Lima", "Former member")
    assert "Ana Lima:\nHello\n" in text
    assert "Ben Okafor:\nHello\nyou\n" in text


# Groups


@pytest.fixture
def group(people):
    ana, ben, chen, _dana = people
    key = messages.key_of(messages.write_to_group(ana, [ben, chen], "Reunion", "Who comes?", "first"))
    db.session.commit()
    return key


def test_a_group_has_connections_of_who_begins_it_and_everybody_hears(people, group):
    ana, ben, chen, dana = people
    messages.send(ben, group, "I do")
    assert said(chen, group) == ["Who comes?", "I do"]
    assert messages.key_of(messages.write_to_group(ana, [ben, chen], "Reunion", "Who comes?", "first")) == group
    for others in ([ben], [ben, dana], []):
        with pytest.raises(Invalid):
            messages.start_group(ana, others)


def test_a_group_has_at_most_so_many(people, group, setting):
    ana, ben, chen, dana = people
    factories.connect(ana, dana)
    setting(GROUP_MEMBERS_MAX=3)
    with pytest.raises(Invalid):
        messages.add(ana, group, [dana])
    with pytest.raises(Invalid):
        messages.start_group(ana, [ben, chen, dana])


def test_who_is_added_sees_what_comes_after_and_who_leaves_what_came_before(people, group):
    ana, ben, chen, dana = people
    factories.connect(ana, dana)
    messages.add(ana, group, [dana])
    messages.send(ana, group, "Welcome")
    assert said(dana, group) == ["Welcome"]
    messages.leave(ben, group)
    messages.leave(ben, group)
    messages.send(ana, group, "Ben has left")
    assert said(ben, group) == ["Who comes?", "Welcome"]
    assert messages.one_of(ben, group).closed
    assert messages.unread(ben) == 0
    with pytest.raises(NotFound):
        messages.add(ben, group, [chen])
    with pytest.raises(Invalid):
        messages.add(chen, group, [dana])
    messages.add(ana, group, [ben])
    messages.send(ana, group, "Ben is back")
    assert "Ben is back" in said(ben, group)


def test_two_who_block_each_other_do_not_meet_in_a_group(people, group):
    ana, ben, chen, _dana = people
    messages.send(ben, group, "From Ben")
    moderation.block(chen, ben)
    messages.send(ben, group, "Later")
    assert said(chen, group) == ["Who comes?"]
    assert said(ana, group) == ["Who comes?", "From Ben", "Later"]
    messages.send(chen, group, "From Chen")
    assert "From Chen" not in said(ben, group)
    assert [row.name for row in messages.people_in(ben, messages.one_of(ben, group))] == ["Ana Lima"]
    [row] = db.session.execute(messages.listed(ben)).all()
    assert (row.body, row.unread) == ("Later", False), "what they do not see changes nothing for them"
    moderation.unblock(chen, ben.handle)
    messages.send(chen, group, "Again")
    moderation.block(chen, ben)
    db.session.commit()
    [row] = db.session.execute(messages.listed(ben)).all()
    assert row.body == ""


def test_who_is_added_finds_nothing_from_before_in_the_list_either(people, group):
    ana, ben, _chen, dana = people
    factories.connect(ana, dana)
    messages.add(ana, group, [dana])
    db.session.commit()
    [row] = db.session.execute(messages.listed(dana)).all()
    assert (row.body, row.unread) == ("", False)
    messages.leave(ben, group)
    messages.send(ana, group, "While Ben was away")
    messages.add(ana, group, [ben])
    assert said(ben, group) == []
    assert messages.unread(ben) == 0
    clock.move(hours=1)
    assert ben.id not in {to for to, _by in mails()}
    messages.send(ana, group, "Welcome back")
    assert said(ben, group) == ["Welcome back"]


def test_a_pair_cannot_be_left(people):
    ana, ben, *_rest = people
    with pytest.raises(Refused):
        messages.leave(ana, write(ana, ben))


# Mails


def mails():
    db.session.commit()
    with transaction():
        messages.put_due(clock.now())
    return [
        (row.to_member_id, row.by_member_id)
        for row in db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == "message"))
    ]


def test_one_mail_after_a_quarter_of_an_hour_of_silence(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    clock.move(minutes=14)
    assert mails() == []
    messages.send(ana, key, "Are you there?")
    clock.move(minutes=14)
    assert mails() == []
    clock.move(minutes=2)
    assert mails() == [(ben.id, ana.id)]
    clock.move(days=1)
    assert mails() == [(ben.id, ana.id)]


def test_no_mail_about_what_was_read_deleted_muted_or_ignored(people):
    ana, ben, chen, dana = people
    key, other = write(ana, ben, "Hello"), write(ana, chen, "Hello")
    messages.mark_read(ben, key, 10**9)
    messages.delete_for_all(ana, other, db.session.scalars(select(Message.key).order_by(Message.id.desc())).first())
    dana.writable = "members"
    request = write(ana, dana, "Hello")
    messages.ignore(dana, request)
    muted = write(ben, ana, "Hello")
    messages.mute(ana, muted, on=True)
    clock.move(hours=1)
    assert mails() == []


def test_no_mail_across_a_block_also_where_it_was_put_already(people):
    ana, ben, chen, _dana = people
    key = write(ana, ben, "Hello")
    message = db.session.scalars(select(Message.key)).one()
    write(ana, chen, "Hello")
    assert messages.text_for(ben, key, message) == "Hello"
    for other in (ben, chen):
        moderation.block(other, ana)
    clock.move(hours=1)
    assert mails() == []
    assert messages.text_for(ben, key, message) is None


def test_who_writes_is_not_mailed_about_it(people):
    ana, ben, *_rest = people
    key = write(ana, ben, "Hello")
    messages.send(ben, key, "Hello you")
    clock.move(hours=1)
    assert mails() == [(ana.id, ben.id)]
