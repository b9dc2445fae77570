"""Files of contacts: chosen, read, compared, forgotten; a file that says nothing of its columns is asked about."""

import csv
import io
import zipfile

import pytest

from tests import factories, hostile
from tests.wizard import Wizard, slots, sum_of
from webapp.domain import profiles
from webapp.extensions import db
from webapp.models.batch import is_sqlite
from webapp.models.contact import AddressBookImport, ImportPart

VCARDS = """BEGIN:VCARD
VERSION:3.0
FN:Ben
EMAIL:ben@friends.example
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Ada
EMAIL;PREF=2:ada@out.example
EMAIL;PREF=1:ada@home.example
END:VCARD
"""
LINKEDIN = """Notes:
"When exporting your connection data, you may notice that some of the email addresses are missing."

First Name,Last Name,URL,Email Address,Company,Position,Connected On
Ben,O.,https://www.linkedin.com/in/ben-okri,,Somewhere,Diver,01 Jan 2024
Cleo,Braun,https://www.linkedin.com/in/not-here,,Harbour Works,Captain,02 Jan 2024
Ada,Out,https://www.linkedin.com/in/ada,ada@out.example,Sea,Cook,03 Jan 2024
Nobody,Known,https://www.linkedin.com/in/nobody,,Sea,Cook,04 Jan 2024
"""
UNKNOWN = "Kto;Skad;Gdzie\nBen Okri;Porto;ben@friends.example\nAda;Lagos;ada@out.example\nZoe;Oslo;\n"


def zipped(**entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return buffer.getvalue()


@pytest.fixture
def here(context, as_member):
    """A member in the wizard; Ben and Cleo are members, too."""
    maya = Wizard(as_member(factories.member("Maya van Nes", email="maya@home.example")))
    ben = factories.member("Ben Okri", email="ben@friends.example")
    cleo = factories.member("Cleo Braun", email="cleo@friends.example")
    profiles.edit(ben, links="https://linkedin.com/in/Ben-Okri/")
    profiles.edit(cleo, organisation="Harbour Works")
    db.session.commit()
    return maya


def test_a_file_of_vcards_is_read_and_compared(here):
    page = here.bring(VCARDS, "all.vcf")
    assert sum_of(page) == (2, [1, 1])
    assert "1 person you know is here" in page.words
    guests = here.get("/others")
    assert "ada@home.example" in guests.words  # the preferred one
    assert here.report()[2][1:] == ["Ada", "ada@home.example", "Not here"]


def test_the_same_file_twice_changes_nothing(here):
    assert here.bring(VCARDS).words == here.bring(VCARDS).words


@pytest.mark.parametrize(
    "data", [LINKEDIN, zipped(Basic__Connections_dot_csv=LINKEDIN, Profile_dot_csv="First Name\nMaya\n")]
)
def test_linkedins_file_finds_by_the_profile_and_offers_by_name_and_organisation(here, data):
    page = here.bring(data, "Complete_LinkedInDataExport.zip")
    assert sum_of(page) == (4, [2, 1, 1])
    assert "Possible Same name and organisation" in page.words
    assert page.boxes == {0: True, 1: False}
    assert "Ben Okri" in page.words
    assert "Cleo Braun" in page.words


def test_every_row_has_its_reason_in_a_file(here):
    here.bring(LINKEDIN)
    head, *rows = here.report()
    assert head == ["Row", "Name", "Address", "What became of it"]
    assert [row[1:] for row in rows] == [
        ["Ben O.", "linkedin.com/in/ben-okri", "Here"],
        ["Cleo Braun", "linkedin.com/in/not-here", "Possibly here: same name and organisation"],
        ["Ada Out", "ada@out.example", "Not here"],
        ["Nobody Known", "linkedin.com/in/nobody", "Not here, and without an address to invite"],
    ]


def test_the_file_of_reasons_is_safe_in_a_spreadsheet_and_goes_with_the_book(here):
    here.bring(
        "Name,E-mail\n\"=cmd|' /C calc'!A0\",ada@out.example\nMe,maya@home.example\nShop,no-reply@x.example\nX,no address\nY,\n"
    )
    rows = here.report()[1:]
    assert rows[0][1].startswith('="')
    assert [row[3] for row in rows] == [
        "Not here",
        "Your own address",
        "Probably not a person: takes no answers",
        "The email address can't be right",
        "Without an email address",
    ]
    here.post("/forget")
    assert here.browser.get("/contacts/report.csv").headers["Location"] == "/contacts"


# A file whose columns nobody knows


def test_columns_without_a_known_name_are_asked_for_and_shown_first(here):
    answer = here.upload(UNKNOWN)
    assert answer.headers["Location"] == "/contacts/columns"
    page = here.get("/columns")
    assert "Which column is which?" in page.words
    assert "Ben Okri · Ada · Zoe" in page.words
    here.post("/columns", {"column-0": "name", "column-1": "", "column-2": "address", "do": "preview"})
    page = here.get("/columns")
    assert "Ben Okri · ben@friends.example" in page.words
    assert "Zoe · no email address" in page.words
    here.post("/columns", {"column-0": "name", "column-2": "address", "go": "1"})
    assert sum_of(here.get("/members")) == (3, [1, 1, 1])
    assert "table" not in {part.kind for part in db.session.query(ImportPart)}


def test_a_choice_without_addresses_is_refused_and_kept(here):
    here.upload(UNKNOWN)
    page = here.post("/columns", {"column-1": "name", "go": "1"})
    assert page.status == 422
    assert "Say which column holds the email addresses." in page.words
    page = here.post("/columns", {"column-1": "address", "go": "1"})
    assert "There is no email address in that column." in page.words
    assert 'value="address" selected' in page.html


def test_columns_that_are_none_are_passed_over(here):
    here.upload(UNKNOWN)
    page = here.post("/columns", {"column-99": "address", "column-x": "name", "column-2": "rubbish", "go": "1"})
    assert page.status == 422


def test_the_question_about_columns_waits_and_is_asked_again_from_the_beginning(here):
    here.upload(UNKNOWN)
    for path in ("/members", "/others"):
        assert here.browser.get(f"/contacts{path}").headers["Location"] == "/contacts/reading"
    assert here.browser.get("/contacts/reading").headers["Location"] == "/contacts/columns"
    assert "An address book of yours is open." in here.get().words
    here.post("/reading", {"page": "0"})
    assert "Which column is which?" in here.get("/columns").words


def test_columns_without_such_a_file_lead_back(here):
    assert here.browser.get("/contacts/columns").headers["Location"] == "/contacts"
    here.bring(VCARDS)
    assert here.browser.get("/contacts/columns").headers["Location"] == "/contacts/reading"
    assert (
        here.browser.post("/contacts/columns", {"column-0": "name", "go": "1"}).headers["Location"]
        == "/contacts/reading"
    )


def test_a_file_lies_sealed_while_its_columns_are_asked_for(here):
    here.upload(UNKNOWN)
    parts = db.session.query(ImportPart).all()
    assert {part.kind for part in parts} == {"table"}
    assert not any(b"friends.example" in part.sealed for part in parts)


# Whatever stands in it


def as_csv(text):
    table = io.StringIO()
    csv.writer(table).writerows([["Name", "E-mail"], [text, "ada@out.example"], [text, "ben@friends.example"]])
    return table.getvalue()


def as_vcard(text):
    line = text.replace("\n", " ")
    return f"BEGIN:VCARD\nVERSION:3.0\nFN:{line}\nEMAIL:ada@out.example\nEND:VCARD\n"


def as_archive(text):
    table = io.StringIO()
    csv.writer(table).writerows(
        [["First Name", "Last Name", "URL", "Email Address", "Company"], [text, "", text, "ada@out.example", text]]
    )
    return zipped(Connections_dot_csv=table.getvalue())


def as_columns(text):
    table = io.StringIO()
    csv.writer(table, delimiter=";").writerows([[text, "Kto"], [text, "x"], [text, "ada@out.example"]])
    return table.getvalue()


@pytest.mark.parametrize("write", [as_csv, as_vcard, as_archive, as_columns])
def test_whatever_a_file_and_its_name_say_is_shown_as_it_is(here, write):
    for text in hostile.TEXTS if is_sqlite() else hostile.TEXTS[::4]:
        answer = here.upload(write(text), text)
        assert answer.status_code in {303, 422}, text
        for path in ("/columns", "/members", "/others", "/report.csv"):
            shown = here.browser.get(f"/contacts{path}")
            assert shown.status_code in {200, 303}
            if shown.mimetype == "text/html" and "<" in text:
                assert text not in shown.text, path


# What is no file of contacts


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "There is nothing in that file."),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "We found no contacts in that file."),
        (zipped(Profile_dot_csv="First Name\nMaya\n"), "We found no contacts in that file."),
        (b"PK\x03\x04 cut off", "That file can't be read"),
    ],
)
def test_what_is_no_file_of_contacts_is_refused_in_a_sentence(here, rows, data, words):
    answer = here.upload(data, "x.zip")
    assert answer.status_code == 422
    assert words in answer.text.replace("&#39;", "'")
    assert rows(AddressBookImport) == 0


def test_without_a_file_it_is_asked_for(here):
    page = here.post("/file")
    assert (page.status, "Choose a file first." in page.words) == (422, True)


def test_a_file_beyond_10_mb_is_refused(here):
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.vcf"\r\n\r\n'
    body = head + b"x" * 10_200_000 + b"\r\n--edge--\r\n"
    answer = here.browser.post("/contacts/file", body, content_type="multipart/form-data; boundary=edge")
    assert answer.status_code == 413


def test_more_contacts_than_can_be_read_are_named(here, setting, rows):
    setting(IMPORT_CONTACTS_MAX=3)
    lines = "".join(f"P {number},p{number}@x.example\n" for number in range(5))
    for head in ("Name,E-mail\n", "Kto,Gdzie\n"):
        answer = here.upload(head + lines)
        assert answer.status_code == 409
        assert "That file has 5 contacts, and at most 3 can be read at once." in answer.text
    assert rows(AddressBookImport) == 0


def test_while_many_books_are_read_a_file_waits_its_turn(here):
    with slots(8):
        answer = here.upload(VCARDS)
    assert (answer.status_code, int(answer.headers["Retry-After"])) == (429, 5)
    assert sum_of(here.bring(VCARDS))[0] == 2
