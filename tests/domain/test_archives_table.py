"""Connections as a table: what each shares, what the member keeps, and nothing else."""

import csv
import io

import pytest

from tests import factories
from tests.domain.test_cards import EVERY_KIND, detail, fill
from tests.hostile import TEXTS
from webapp import spreadsheet
from webapp.domain import archives, cards, messages, moderation, profiles, relationships
from webapp.extensions import db
from webapp.models.member import Member
from webapp.spreadsheet import BOM, text_of


@pytest.fixture
def ben(ana):
    return factories.known(ana, "Ben Okafor")


def rows_of(viewer):
    """The rows as a program reads them, by the words of the head."""
    text = spreadsheet.csv_text(archives.HEADER, archives.table(archives.known(viewer)))
    table = csv.DictReader(io.StringIO(text.removeprefix(BOM), newline=""))
    return [{name: text_of(cell) for name, cell in row.items()} for row in table]


def test_a_row_says_what_they_share_and_what_i_keep(ana, ben):
    profiles.edit(ben, {"title": "connections", "place": "me"}, headline="Rivers", title="Ecologist", place="Porto")
    profiles.edit(ben, organisation="Water board")
    profiles.add_detail(ben, "email", "ben@work.example", "Work", "connections")
    profiles.add_detail(ben, "email", "ben@more.example", "", "members")
    profiles.add_detail(ben, "phone", "+44 20 7946 0000", "Work", "connections")
    profiles.add_detail(ben, "phone", "+44 20 7946 0666", "", "me")
    profiles.add_detail(ben, "address", "1 Quay\n4000 Porto", "", "connections")
    profiles.add_detail(ben, "birthday", "05-14", "", "connections")
    fill(ana, ben)
    messages.write_to(ben, ana, "Hello")
    db.session.commit()
    [row] = rows_of(ana)
    said = {name: row[name] for name in archives.HEADER[:12]}
    assert said == {
        "Name": "Ben Okafor",
        "Headline": "Rivers",
        "Title": "Ecologist",
        "Organisation": "Water board",
        "Place": "",
        "Profile": f"http://127.0.0.1:8000/people/{ben.handle}",
        "Email": "ben@work.example; ben@more.example",
        "Phone": "+44 20 7946 0000 (Work)",
        "Website": "",
        "Address": "1 Quay, 4000 Porto",
        "Birthday": "05-14",
        "Messenger": "",
    }
    assert row["My email"] == EVERY_KIND["email"]
    assert row["My phone"] == f"{EVERY_KIND['phone']} (My, phone; \\n)"
    assert row["How we met"] == "Field station, summer; 2013"
    assert row["My note"].startswith("Ask about the tide,\nbefore")
    assert row["My tags"] == "Choir; alto, Porto \\ Lisbon"
    assert row["Keep in touch every (months)"] == "6"
    connected_on = relationships_date(ana, ben)
    assert row["Connected on"] == row["Last message"] == connected_on
    assert list(row) == list(archives.HEADER)


def relationships_date(one, other):
    seen = relationships.as_seen_by(one, among=[other.id])
    return db.session.execute(db.select(seen.c.since)).scalar_one().date().isoformat()


def test_only_connections_have_a_row_in_the_order_of_their_names(ana, ben):
    carl, dora, eva = (factories.known(ana, name) for name in ("Carl Sato", "Dora Maas", "Eva Lind"))
    factories.known(ana, "Adam Berg")
    for other in (carl, dora, eva):
        cards.set_note(ana, other, "Tide")
    cards.set_note(ana, factories.member("Fay Stranger"), "Met once")
    relationships.end(ana, carl)
    moderation.block(dora, ana)
    eva.suspended_at = eva.created_at
    db.session.commit()
    assert [row["Name"] for row in rows_of(ana)] == ["Adam Berg", "Ben Okafor"]


def test_nothing_that_others_keep_about_me_is_in_my_table(ana, ben):
    cards.set_note(ben, ana, "Kanarienvogel")
    cards.set_tags(ben, ana, "Zitronenzeisig")
    detail(ben, ana, "email", "stieglitz@home.example")
    db.session.commit()
    text = spreadsheet.csv_text(archives.HEADER, archives.table(archives.known(ana)))
    for word in ("Kanarienvogel", "Zitronenzeisig", "stieglitz"):
        assert word not in text


def test_hostile_texts_read_back_as_they_are(ana):
    for text in TEXTS[:12] + TEXTS[28:]:
        other = factories.known(ana, "Ben", headline=text[:160])
        other.name = text[:100]
        cards.set_note(ana, other, f"={text}\n+{text}")
    db.session.commit()
    rows = rows_of(ana)
    db.session.expire_all()
    names = {other.name for other in db.session.query(Member).filter(Member.id != ana.id)}
    assert {row["Name"] for row in rows} == names
    assert all(row["My note"].startswith("=") and "\n+" in row["My note"] for row in rows)


def test_batches_are_the_same_people_once_each(ana):
    for number in range(11):
        factories.known(ana, f"Ben {number % 3}")
    whole = archives.known(ana)
    batches = list(archives.in_batches(ana, 4))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert [person.id for batch in batches for person in batch] == [person.id for person in whole]
