"""Cards as files: written by the format's rules, read again without loss or doubles, in a fixed number of statements."""

import re

import pytest
import vobject

from tests import factories
from tests.domain.test_cards import detail, fill
from tests.hostile import TEXTS
from webapp import clock
from webapp.domain import cards, profiles
from webapp.domain.cards import vcard
from webapp.domain.errors import Invalid
from webapp.extensions import db


@pytest.fixture
def ben(ana):
    return factories.known(ana, "Ben Okafor")


def exported(viewer, version="4.0"):
    return "".join(cards.vcards(viewer, version, cards.everybody(viewer)))


def taken(viewer, text):
    return cards.take(viewer, cards.parse(text.encode()))


def unfolded(text):
    return text.replace("\r\n ", "").split("\r\n")


@pytest.mark.parametrize("version", ["4.0", "3.0"])
def test_a_file_holds_theirs_and_mine_marked_and_by_the_rules(ana, ben, version):
    profiles.add_detail(ben, "phone", "+44 20 7946 0000", "Work", "connections")
    profiles.add_detail(ben, "phone", "+44 20 7946 0666", "", "me")
    profiles.add_detail(ben, "birthday", "1990-05-14", "", "connections")
    db.session.commit()
    fill(ana, ben)
    text = exported(ana, version)
    lines = unfolded(text)
    assert lines[:2] == ["BEGIN:VCARD", f"VERSION:{version}"]
    assert lines[-2:] == ["END:VCARD", ""]
    assert re.fullmatch(r"UID:urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", lines[2])
    assert re.fullmatch(r"REV:\d{8}T\d{6}Z", lines[3])
    assert {"FN:Ben Okafor", "N:Okafor;Ben;;;", "item1.TEL:+44 20 7946 0000", "item1.X-ABLABEL:Work"} <= set(lines)
    assert f"BDAY:{'19900514' if version == '4.0' else '1990-05-14'}" in lines
    assert "0666" not in text
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert text.count("\n") == text.count("\r\n")
    mine = [line for line in lines if "X-KITH-SOURCE=mine" in line]
    assert len(mine) == 6
    assert "CATEGORIES:Choir\\; alto,Porto \\\\ Lisbon" in lines
    assert text.count("BEGIN:VCARD") == 1
    assert str(ben.id) not in lines[2].split("-")


@pytest.mark.parametrize("version", ["4.0", "3.0"])
def test_what_was_taken_out_and_deleted_comes_back_as_it_was(ana, ben, version):
    profiles.add_detail(ben, "phone", "+44 20 7946 0000", audience="connections")
    fill(ana, ben)
    detail(ana, ben, "phone", "+44 20 7946 0999", instead=cards.overlay(ana, ben).theirs[0].key)
    before, text = cards.overlay(ana, ben), exported(ana, version)
    cards.forget(ana, ben)
    assert taken(ana, text) == cards.Taken(1, 0, 0)
    assert cards.overlay(ana, ben) == before
    again = exported(ana, version)
    assert taken(ana, again) == cards.Taken(0, 1, 0)
    assert taken(ana, text) == cards.Taken(0, 1, 0)
    assert cards.overlay(ana, ben) == before
    assert re.sub(r"REV:.*", "", exported(ana, version)) == re.sub(r"REV:.*", "", text)


def test_the_newer_of_the_two_wins_and_what_is_missing_is_added(ana, ben):
    cards.set_note(ana, ben, "Old note")
    cards.set_met(ana, ben, "In Porto")
    text = exported(ana)
    clock.move(minutes=5)
    cards.set_note(ana, ben, "New note")
    cards.set_met(ana, ben, "")
    assert taken(ana, text).changed == 1
    kept = cards.overlay(ana, ben).card
    assert (kept.note, kept.met) == ("New note", "In Porto")
    assert taken(ana, exported(ana).replace("New note", "Edited elsewhere")).changed == 1
    assert cards.overlay(ana, ben).card.note == "Edited elsewhere"


def test_cards_of_others_and_of_nobody_are_passed_over(ana, ben):
    carl = factories.member("Carl Diaz")
    factories.connect(carl, ben)
    cards.set_note(carl, ben, "Carl's own")
    foreign = exported(carl)
    assert taken(ana, foreign) == cards.Taken(0, 0, 1)
    assert cards.overlay(ana, ben).card.is_blank
    assert foreign.split("UID:")[1][:45] != exported(ana).split("UID:")[1][:45]


def test_hostile_names_and_texts_stay_texts(ana):
    people = []
    for number, text in enumerate([*TEXTS, "a\r\nEND:VCARD\r\nBEGIN:VCARD", "=cmd|' /C calc'!A0", "\u2028END:VCARD"]):
        other = factories.member(text[:100].replace("\r\n", "\n"))
        factories.connect(ana, other)
        cards.set_note(ana, other, text)
        cards.set_met(ana, other, text)
        detail(ana, other, "messenger", text[:150], label=text[:40])
        detail(ana, other, "address", text[:150])
        cards.set_tags(ana, other, text[:40])
        people.append((number, other, cards.overlay(ana, other)))
    for version in ("4.0", "3.0"):
        text = exported(ana, version)
        assert text.count("\nEND:VCARD") == len(people)
        assert len(re.findall(r"(^|\r\n)BEGIN:VCARD\r\n", text)) == len(people)
        assert not re.search(r"[^\r]\n|\r[^\n]|[\x00-\x09\x0b\x0c\x0e-\x1f]", text)
        for _number, other, _before in people:
            cards.forget(ana, other)
        assert taken(ana, text).changed == len(people)
        for _number, other, before in people:
            assert cards.overlay(ana, other) == before


def test_another_reader_finds_the_same(ana, ben):
    fill(ana, ben)
    for version in ("4.0", "3.0"):
        [read] = vobject.readComponents(exported(ana, version))
        assert read.fn.value == "Ben Okafor"
        assert read.note.value == cards.overlay(ana, ben).card.note
        assert read.adr.value.street == "1 Quay; North, \\ side\n4000 Porto"
        assert read.categories.value == ["Choir; alto", "Porto \\ Lisbon"]


@pytest.mark.parametrize("text", ["", "not a card", "BEGIN:VCARD\r\nFN:No UID\r\nEND:VCARD\r\n", "\x00\xff" * 50])
def test_what_is_no_file_of_cards_is_said(text):
    with pytest.raises(Invalid, match="vCards"):
        cards.parse(text.encode())


def test_large_files_are_refused_and_long_lines_left_out():
    with pytest.raises(Invalid, match="smaller"):
        cards.parse(b"x" * 5_000_001)
    card = "BEGIN:VCARD\r\nUID:urn:uuid:1\r\nEND:VCARD\r\n"
    with pytest.raises(Invalid, match="smaller"):
        cards.parse((card * 5001).encode())
    assert len(cards.parse((card * 5000).encode())) == 5000
    photo = "PHOTO:" + "A" * 3_000_000
    nested = "BEGIN:VCARD\r\n" * 5000
    [read] = cards.parse(f"{nested}UID:urn:uuid:1\r\n{photo}\r\nNOTE:a\r\n b\r\nEND:VCARD".encode())
    assert read.note == "ab"
    many = "TEL;X-KITH-SOURCE=mine:1\r\n" * 50_000
    assert len(cards.parse(f"BEGIN:VCARD\r\nUID:1\r\n{many}END:VCARD".encode())[0].details) == vcard.READ_DETAILS
    folds = "BEGIN:VCARD\nUID:1\nNOTE:x\n" + " y\n" * 200_000 + "END:VCARD"
    assert cards.parse(folds.encode())[0].note == ""
    hyphens = "BEGIN:VCARD\nUID:1\n" + "TEL" + ";a=b" * 20_000 + "\nEND:VCARD"
    assert cards.parse(hyphens.encode())[0].details == ()


def test_details_no_form_would_take_are_left_out(ana, ben):
    cards.set_note(ana, ben, "x")
    wrong = "TEL;X-KITH-SOURCE=mine:call me\r\nURL;X-KITH-SOURCE=mine:javascript:alert(1)\r\nX-KITH-EVERY:5\r\n"
    wrong += "EMAIL;X-KITH-SOURCE=mine;X-KITH-KEY=<b>:ben@x.example\r\nTEL:+1 555 0100\r\nEND:VCARD"
    assert taken(ana, exported(ana).replace("END:VCARD", wrong)).changed == 1
    kept = cards.overlay(ana, ben)
    assert [line.mine.value for line in kept.lines] == ["ben@x.example"]
    assert "<" not in kept.lines[0].mine.key
    assert kept.card.every == 0


def test_many_cost_as_many_statements_as_a_few(context, ana, statements):
    counts = []
    for _round in range(2):
        for number in range(6):
            other = factories.member(f"Ben {number}")
            factories.connect(ana, other)
            cards.set_note(ana, other, f"Note {number}")
            cards.set_tags(ana, other, f"Choir {number}")
        db.session.commit()
        with statements() as out:
            text = exported(ana)
        with statements() as back:
            taken(ana, text.replace("NOTE:Note", "NOTE:Changed"))
        db.session.commit()
        counts.append((len(out), len(back)))
    assert counts[0] == counts[1]
    assert counts[0][0] <= 6  # four of them, a BEGIN, and the viewer read anew
