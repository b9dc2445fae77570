"""Private cards: one thing at a time, beside theirs, sealed, and gone when their owner says so."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests import factories
from webapp import clock, sealed
from webapp.domain import cards, connections, messages, profiles
from webapp.domain.cards import box
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.card import CardKey, PrivateCard, Tag, Tagged
from webapp.models.member import Member


@pytest.fixture
def ben(ana):
    return factories.known(ana, "Ben Okafor")


def detail(viewer, other, kind, value, **more):
    cards.save_detail(viewer, other, **{"kind": kind, "value": value, "label": "", **more})


def values(viewer, other):
    return [line.mine.value for line in cards.overlay(viewer, other).lines]


EVERY_KIND = {
    "phone": "+351 21 555 0148",
    "email": "ben@home.example",
    "site": "https://ben.example/x?a=1,2;3",
    "address": "1 Quay; North, \\ side\n4000 Porto",
    "birthday": "--05-14",
    "messenger": "ben, on Signal: @ben;1",
}


def fill(viewer, other):
    for kind, value in EVERY_KIND.items():
        detail(viewer, other, kind, value, label=f"My, {kind}; \\n")
    cards.set_met(viewer, other, "Field station, summer; 2013")
    cards.set_note(viewer, other, "Ask about the tide,\nbefore the \\ June meeting\n\nEND:VCARD")
    cards.set_tags(viewer, other, "Choir; alto, Porto \\ Lisbon")
    cards.set_every(viewer, other, 6)
    cards.spoke_today(viewer, other)


def test_everything_kept_is_there_again_and_nothing_else(ana, ben):
    fill(ana, ben)
    kept = cards.overlay(ana, ben)
    assert {line.mine.kind: line.mine.value for line in kept.lines} == EVERY_KIND
    assert kept.card.note.startswith("Ask about the tide,\nbefore")
    assert (kept.card.met, kept.card.every, kept.tags) == (
        "Field station, summer; 2013",
        6,
        ("Choir; alto", "Porto \\ Lisbon"),
    )
    assert cards.overlay(ben, ana) == cards.Overlay(box.blank(ana), (), (), (), True, False, None)


def test_a_note_may_have_ten_thousand_characters_and_no_more(ana, ben):
    cards.set_note(ana, ben, "é" * 10_000)
    assert cards.overlay(ana, ben).card.note == "é" * 10_000
    with pytest.raises(Invalid):
        cards.set_note(ana, ben, "é" * 10_001)
    assert len(cards.overlay(ana, ben).card.note) == 10_000


def test_what_does_not_hold_is_said_and_changes_nothing(ana, ben):
    detail(ana, ben, "phone", "+1 555 0100")
    for given in (
        {"kind": "phone", "value": "call me"},
        {"kind": "site", "value": "javascript:alert(1)"},
        {"kind": "x"},
    ):
        with pytest.raises(Invalid):
            detail(ana, ben, **{"value": "", **given})
    with pytest.raises(NotFound):
        detail(ana, ben, "phone", "+1 555 0101", key="nothing")
    theirs = profiles.add_detail(ben, "email", "ben@post.example", audience="connections")
    with pytest.raises(Invalid):  # what stands for an address is one, whatever kind the form names
        detail(ana, ben, "phone", "+1 555 0101", instead=theirs.key)
    with pytest.raises(Invalid):
        cards.set_every(ana, ben, 5)
    assert values(ana, ben) == ["+1 555 0100"]


def test_a_detail_can_be_changed_and_deleted_and_an_empty_card_is_none(ana, ben):
    detail(ana, ben, "phone", "+1 555 0100")
    key = cards.overlay(ana, ben).lines[0].mine.key
    detail(ana, ben, "phone", "+1 555 0101", key=key)
    assert values(ana, ben) == ["+1 555 0101"]
    cards.remove_detail(ana, ben, key)
    cards.remove_detail(ana, ben, key)
    assert db.session.scalars(select(PrivateCard)).all() == []


def test_thirty_details_and_no_more(ana, ben):
    for number in range(30):
        detail(ana, ben, "phone", f"+1 555 {number:04}")
    with pytest.raises(Refused):
        detail(ana, ben, "phone", "+1 555 9999")
    assert len(values(ana, ben)) == 30


def test_their_change_is_told_and_overwrites_nothing_by_itself(ana, ben):
    profiles.add_detail(ben, "phone", "+44 20 7946 0000", audience="connections")
    db.session.commit()
    theirs = cards.overlay(ana, ben).theirs[0]
    detail(ana, ben, "phone", "+44 20 7946 0999", instead=theirs.key)
    [line] = cards.overlay(ana, ben).lines
    assert (line.theirs.value, line.mine.value, line.changed) == ("+44 20 7946 0000", "+44 20 7946 0999", False)
    clock.move(days=3)
    profiles.change_detail(ben, theirs.key, "+44 20 7946 0111", "", "connections")
    [line] = cards.overlay(ana, ben).lines
    assert (line.theirs.value, line.mine.value, line.changed) == ("+44 20 7946 0111", "+44 20 7946 0999", True)
    cards.keep_mine(ana, ben, line.mine.key)
    [line] = cards.overlay(ana, ben).lines
    assert (line.mine.value, line.changed) == ("+44 20 7946 0999", False)
    cards.remove_detail(ana, ben, line.mine.key)
    assert values(ana, ben) == []
    assert [each.value for each in cards.overlay(ana, ben).theirs] == ["+44 20 7946 0111"]


def test_what_they_no_longer_share_is_not_remembered(ana, ben):
    profiles.add_detail(ben, "phone", "+44 20 7946 0000", audience="connections")
    detail(ana, ben, "phone", "+44 20 7946 0999", instead=cards.overlay(ana, ben).theirs[0].key)
    connections.remove(ana, ben)
    kept = cards.overlay(ana, ben)
    assert kept.theirs == ()
    assert [(line.theirs, line.changed, line.mine.value) for line in kept.lines] == [(None, False, "+44 20 7946 0999")]
    assert "7946 0000" not in str(kept)
    with pytest.raises(NotFound):
        detail(ana, ben, "phone", "+44 20 7946 0998", instead="guessed")


# Sealed


def test_moved_and_altered_cards_are_unreadable_and_can_only_be_deleted(ana, ben):
    carl = factories.member("Carl Diaz")
    cards.set_note(ana, ben, "About Ben")
    cards.set_note(ana, carl, "About Carl")
    cards.set_note(carl, ben, "Carl's own")
    rows = {(row.owner_id, row.about_id): row for row in db.session.scalars(select(PrivateCard))}
    mine, other, foreign = rows[ana.id, ben.id], rows[ana.id, carl.id], rows[carl.id, ben.id]
    kept = mine.sealed
    for wrong in (other.sealed, foreign.sealed, kept[:-1] + bytes([kept[-1] ^ 1]), b""):
        mine.sealed = wrong
        db.session.flush()
        seen = cards.overlay(ana, ben)
        assert (seen.readable, seen.card.note) == (False, "")
        with pytest.raises(Refused, match="can't be read"):
            cards.set_note(ana, ben, "New")
    # The whole row of another person put in this one's place: the key fits, the person does not.
    cards.forget(ana, ben)
    db.session.execute(update(PrivateCard).where(PrivateCard.id == other.id).values(about_id=ben.id))
    db.session.expire_all()
    assert not cards.overlay(ana, ben).readable
    assert "".join(cards.vcards(ana, "4.0", cards.everybody(ana))).count("About Carl") == 0
    cards.forget(ana, ben)
    cards.set_note(ana, ben, "New")
    assert cards.overlay(ana, ben).card.note == "New"


def test_another_wrapping_key_opens_nothing_and_breaks_nothing(ana, ben):
    cards.set_note(ana, ben, "Secret")
    cards.set_tags(ana, ben, "Choir")
    wrapped = sealed.seal(sealed.new_key(), sealed.new_key(), f"card key {ana.id}")
    db.session.execute(update(CardKey).values(wrapped=wrapped))
    db.session.expire_all()
    assert not cards.overlay(ana, ben).readable
    assert [tag.name for tag in cards.tags(ana)] == [""]
    with pytest.raises(Refused):
        cards.set_met(ana, ben, "x")
    with pytest.raises(Refused):
        cards.set_tags(ana, ben, "Alto")


def test_the_length_of_what_is_sealed_says_little(ana, ben):
    cards.set_note(ana, ben, "x")
    short = len(db.session.scalars(select(PrivateCard.sealed)).one())
    cards.set_note(ana, ben, "x" * 40)
    assert len(db.session.scalars(select(PrivateCard.sealed)).one()) == short


# Tags


def test_tags_are_set_renamed_and_deleted(ana, ben):
    carl = factories.member("Carl Diaz")
    cards.set_tags(ana, ben, "Choir,  river people , choir")
    cards.set_tags(ana, carl, "CHOIR")
    assert [(tag.name, tag.count) for tag in cards.tags(ana)] == [("choir", 2), ("river people", 1)]
    choir, river = cards.tags(ana)
    assert set(db.session.scalars(cards.tagged(ana, choir.key))) == {ben.id, carl.id}
    assert [row.name for row in db.session.execute(cards.people_with(ana, choir.key))] == ["Ben Okafor", "Carl Diaz"]
    with pytest.raises(Invalid):
        cards.rename_tag(ana, choir.key, "River People")
    with pytest.raises(Invalid):
        cards.rename_tag(ana, choir.key, "  ")
    cards.rename_tag(ana, choir.key, "Choir")
    cards.set_tags(ana, ben, "")
    assert [(tag.name, tag.count) for tag in cards.tags(ana)] == [("Choir", 1), ("river people", 0)]
    cards.delete_tag(ana, river.key)
    assert [tag.name for tag in cards.tags(ana)] == ["Choir"]


def test_a_tag_is_nobody_elses(ana, ben):
    cards.set_tags(ana, ben, "Choir")
    [tag] = cards.tags(ana)
    assert list(db.session.scalars(cards.tagged(ben, tag.key))) == []
    for act in (lambda: cards.rename_tag(ben, tag.key, "x"), lambda: cards.delete_tag(ben, tag.key)):
        with pytest.raises(NotFound):
            act()
    assert cards.tags(ben) == []


def test_a_hundred_tags_and_no_more(ana, ben):
    cards.set_tags(ana, ben, ",".join(f"tag {number}" for number in range(100)))
    with pytest.raises(Refused):
        cards.set_tags(ana, ben, "one more")
    assert len(cards.tags(ana)) == 100
    with pytest.raises(Invalid):
        cards.set_tags(ana, ben, "x" * 41)


def test_several_are_given_a_tag_beside_those_they_have(ana, ben):
    carl = factories.member("Carl Diaz")
    cards.set_tags(ana, ben, "Porto")
    assert cards.add_tags(ana, [ben.id, carl.id], "Choir, porto") == 2
    assert cards.add_tags(ana, [ben.id, carl.id], "CHOIR") == 0
    assert [(tag.name, tag.count) for tag in cards.tags(ana)] == [("Choir", 2), ("Porto", 2)]
    for text in (" , ", "x" * 41):
        with pytest.raises(Invalid):
            cards.add_tags(ana, [ben.id], text)
    with pytest.raises(Refused):
        cards.add_tags(ana, [ben.id], ",".join(f"tag {number}" for number in range(99)))
    assert len(cards.tags(ana)) == 2


def test_a_tag_that_was_put_aside_can_be_given_again(ana, ben):
    cards.set_tags(ana, ben, "Choir")
    cards.put_aside(ana, ben)
    assert cards.add_tags(ana, [ben.id], "choir") == 1
    cards.sweep(clock.now() + timedelta(days=1))
    assert [tag.count for tag in cards.tags(ana)] == [1]


def test_connections_are_found_by_ones_own_tag_and_by_nobody_elses(ana, ben):
    carl = factories.member("Carl Diaz")  # a tag needs no connection
    dana = factories.member("Dana Fox")
    factories.connect(ana, dana)
    factories.connect(ben, dana)
    cards.add_tags(ana, [ben.id, carl.id], "Choir")
    cards.add_tags(ben, [dana.id, ana.id], "Choir")
    mine, theirs = cards.tags(ana)[0].key, cards.tags(ben)[0].key

    def found(viewer, key):
        listed = {row.id for row in db.session.execute(connections.of(viewer, tag=key))}
        assert listed == {member.id for member in connections.tagged(viewer, key, 10)}
        return listed

    assert found(ana, mine) == {ben.id}
    assert found(ben, theirs) == {dana.id, ana.id}
    assert found(ana, theirs) == found(ben, mine) == found(ana, "x") == set()
    assert len(connections.tagged(ben, theirs, 1)) == 1


def test_who_cannot_be_seen_is_in_no_tag(ana, ben):
    from webapp.domain import moderation

    cards.set_tags(ana, ben, "Choir")
    moderation.block(ben, ana)
    [tag] = cards.tags(ana)
    assert tag.count == 0
    assert db.session.execute(cards.people_with(ana, tag.key)).all() == []


# Keeping in touch


def due(viewer):
    return [row.name for row in cards.due_people(viewer, messages.last_sent)]


def test_it_is_time_again_so_many_months_after_the_last_time(ana, ben):
    cards.set_every(ana, ben, 3)
    assert due(ana) == []
    clock.move(days=93)
    assert due(ana) == ["Ben Okafor"]
    assert due(ben) == []
    cards.spoke_today(ana, ben)
    assert due(ana) == []
    assert cards.overlay(ana, ben).spoke_at.date() == clock.now().date()
    clock.move(days=93)
    assert len(due(ana)) == 1
    cards.set_every(ana, ben, 0)
    assert due(ana) == []


@pytest.mark.parametrize("writes", ["ana", "ben"])
def test_a_message_of_either_is_contact_and_one_in_a_group_is_not(ana, ben, writes):
    carl, dana = factories.member("Carl Diaz"), factories.member("Dana Fox")
    for other in (carl, dana):
        factories.connect(ana, other)
        cards.set_every(ana, other, 3)
    cards.set_every(ana, ben, 3)
    cards.set_every(ben, ana, 1)
    clock.move(days=60)
    by, to = (ana, ben) if writes == "ana" else (ben, ana)
    messages.write_to(by, to, "Hello")
    messages.write_to_group(ana, [carl, dana], "", "Hello all")
    clock.move(days=40)
    assert due(ana) == ["Carl Diaz", "Dana Fox"]
    assert due(ben) == ["Ana Lima"]
    clock.move(days=53)
    assert due(ana) == ["Carl Diaz", "Dana Fox", "Ben Okafor"]
    last = messages.last_with(ana, ben)
    assert (last, messages.last_with(ben, ana), messages.last_with(ana, carl)) == (last, last, None)
    seen = cards.overlay(ana, ben, last)
    assert (seen.wrote_at, seen.due_at) == (last, cards.due_people(ana, messages.last_sent)[-1].due_at)
    cards.spoke_today(ana, ben)  # after the message
    assert due(ana) == ["Carl Diaz", "Dana Fox"]
    assert [each.name for each in cards.due_people(ana, messages.last_sent, 1)] == ["Carl Diaz"]


def test_a_message_before_the_wish_moves_nothing_and_one_taken_back_was_none(ana, ben):
    messages.write_to(ana, ben, "Hello")
    clock.move(days=30)
    cards.set_every(ana, ben, 1)
    clock.move(days=32)
    assert due(ana) == ["Ben Okafor"]
    message = messages.write_to(ana, ben, "Hello again")
    assert due(ana) == []
    messages.undo(ana, messages.key_of(message), message.key)
    db.session.expire_all()
    assert due(ana) == ["Ben Okafor"]


def test_a_card_that_cannot_be_read_is_due_by_its_date(ana, ben):
    cards.set_every(ana, ben, 1)
    clock.move(days=31)
    messages.write_to(ana, ben, "Hello")
    db.session.execute(update(PrivateCard).values(sealed=b"x" * 300))
    db.session.expire_all()
    assert due(ana) == ["Ben Okafor"]


def test_who_is_due_is_one_statement_however_many(ana, statements):
    for number in range(12):
        other = factories.member(f"Ben {number}")
        factories.connect(ana, other)
        cards.set_every(ana, other, 1)
        messages.write_to(other, ana, "Hello")
    db.session.commit()
    clock.move(days=40)
    assert ana.id
    with statements() as seen:
        assert len(due(ana)) == 5
    assert len(seen) <= 1 + seen.count("BEGIN")


@pytest.mark.parametrize(
    ("last", "months", "due"),
    [("2026-01-31", 1, "2026-02-28"), ("2026-11-30", 3, "2027-02-28"), ("2024-02-29", 12, "2025-02-28")],
)
def test_months_end_where_they_end(last, months, due):
    from webapp.domain.cards import keeping

    assert keeping.due(box.Card(1, "x", every=months, spoke=last)) == datetime.fromisoformat(due).replace(tzinfo=UTC)


# Going


def test_notes_stay_when_a_connection_ends_unless_asked(ana, ben):
    fill(ana, ben)
    connections.remove(ana, ben)
    assert cards.overlay(ana, ben).card.note
    clock.move(seconds=61)
    cards.sweep(clock.now())
    assert cards.overlay(ana, ben).card.note


def test_notes_that_go_with_a_connection_come_back_with_it(ana, ben):
    fill(ana, ben)
    db.session.commit()
    before = cards.overlay(ana, ben)
    connections.remove(ana, ben, notes_too=True)
    gone = cards.overlay(ana, ben)
    assert (gone.card.is_blank, gone.tags, gone.kept) == (True, (), False)
    assert [tag.count for tag in cards.tags(ana)] == [0, 0]
    assert cards.sweep(clock.now()) == 0
    connections.restore(ana, ben)
    assert cards.overlay(ana, ben) == before


def test_the_notes_of_several_go_and_come_back_in_one_press(ana, ben):
    carl, dana = factories.member("Carl Diaz"), factories.member("Dana Fox")
    for other in (ben, carl, dana):
        factories.connect(ana, other)
        cards.set_note(ana, other, f"About {other.name}")
        cards.set_tags(ana, other, "Choir")
    cards.set_note(carl, ben, "Carl's own")
    db.session.commit()
    connections.remove(ana, ben.id, carl.id, notes_too=True)
    assert [cards.overlay(ana, other).kept for other in (ben, carl, dana)] == [False, False, True]
    assert cards.overlay(carl, ben).card.note == "Carl's own"
    connections.restore_removed_at(ana, connections.recently(ana, "removed")[0].undo_until)
    assert [cards.overlay(ana, other).tags for other in (ben, carl, dana)] == [("Choir",)] * 3


def test_notes_that_went_with_a_connection_are_deleted_after_the_minute(ana, ben):
    fill(ana, ben)
    connections.remove(ana, ben, notes_too=True)
    clock.move(seconds=61)
    assert cards.sweep(clock.now()) == 1
    assert db.session.scalars(select(PrivateCard)).all() == []
    assert db.session.execute(select(Tagged)).all() == []


def test_what_is_written_within_that_minute_stays(ana, ben):
    cards.set_note(ana, ben, "Old")
    cards.set_tags(ana, ben, "Choir")
    connections.remove(ana, ben, notes_too=True)
    cards.set_met(ana, ben, "New")
    cards.set_tags(ana, ben, "Choir")
    clock.move(seconds=61)
    cards.sweep(clock.now())
    kept = cards.overlay(ana, ben)
    assert (kept.card.note, kept.card.met, kept.tags) == ("", "New", ("Choir",))


def test_with_a_member_goes_all_they_kept_and_with_the_person_nothing_but_their_tags(ana, ben):
    cards.set_note(ana, ben, "Ana's")
    cards.set_tags(ana, ben, "Choir")
    cards.set_note(ben, ana, "Ben's")
    db.session.commit()
    db.session.delete(db.session.get(Member, ben.id))
    db.session.commit()
    [one] = cards.left(ana)
    assert (one.card.name, one.card.note) == ("Ben Okafor", "Ana's")
    assert len(db.session.scalars(select(PrivateCard)).all()) == 1
    assert len(db.session.scalars(select(CardKey)).all()) == 1
    assert "NOTE:Ana's" in "".join(cards.vcards_of_left(ana, "4.0"))
    with pytest.raises(NotFound):
        cards.forget_left(factories.member("Mallory Quint"), one.key)
    cards.forget_left(ana, one.key)
    assert cards.left(ana) == []
    db.session.delete(db.session.get(Member, ana.id))
    db.session.commit()
    assert [db.session.scalars(select(table)).all() for table in (CardKey, PrivateCard, Tag)] == [[], [], []]


def test_somebody_across_a_block_looks_like_somebody_who_left(ana, ben):
    from webapp.domain import moderation

    cards.set_note(ana, ben, "Ana's")
    assert cards.left(ana) == []
    moderation.block(ben, ana)
    assert [one.card.note for one in cards.left(ana)] == ["Ana's"]
    assert "".join(cards.vcards(ana, "4.0", cards.everybody(ana))) == ""
