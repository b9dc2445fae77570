"""Tables of contacts: headers in seven languages, separators and encodings; what nobody can name, and what is broken."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.archives.table import HEADER
from webapp.providers import files
from webapp.providers.base import Card
from webapp.providers.files import Columns, FileError, Found, Table
from webapp.spreadsheet import csv_text


def found(data):
    result = files.read(data if isinstance(data, bytes) else data.encode())
    assert isinstance(result, Found), result
    return result


def cards(data):
    return [(each.name, each.addresses) for each in found(data).page.cards]


ADA = [("Ada Lovelace", ("ada@x.example", "ada@home.example"))]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("google", "First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value\nAda,Lovelace,Work,ada@x.example ::: ada@home.example\n"),
        ("google", "Name,Given Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,E-mail 2 - Type,E-mail 2 - Value\nAda Lovelace,Ada,Lovelace,Home,ada@home.example,* Work,ada@x.example\n"),
        ("outlook", "First Name,Last Name,E-mail Address,E-mail 2 Address\nAda,Lovelace,ada@x.example,ada@home.example\n"),
        ("outlook", "Vorname;Nachname;E-Mail-Adresse;E-Mail 2: Adresse\nAda;Lovelace;ada@x.example;ada@home.example\n"),
        ("outlook", "Prénom,Nom,Adresse de messagerie,Adresse de messagerie 2\nAda,Lovelace,ada@x.example,ada@home.example\n"),
        ("outlook", "Nombre,Apellidos,Dirección de correo electrónico,Dirección de correo electrónico 2\nAda,Lovelace,ada@x.example,ada@home.example\n"),
        ("outlook", "Nome,Cognome,Indirizzo posta elettronica,Indirizzo posta elettronica 2\nAda,Lovelace,ada@x.example,ada@home.example\n"),
        ("outlook", "Primeiro nome,Apelido,Endereço de correio electrónico,Endereço do correio electrónico 2\nAda,Lovelace,ada@x.example,ada@home.example\n"),
        ("outlook", "Nome,Sobrenome,Endereço de email,Endereço de email 2\nAda,Lovelace,ada@x.example,ada@home.example\n"),
        ("outlook", "Voornaam,Achternaam,E-mailadres,E-mailadres 2\nAda,Lovelace,ada@x.example,ada@home.example\n"),
        ("thunderbird", "First Name,Last Name,Display Name,Primary Email,Secondary Email\n,,Ada Lovelace,ada@x.example,ada@home.example\n"),
        ("csv", "Name\tEmail (work)\tEmail (home)\nAda Lovelace\tada@x.example\tada@home.example\n"),
        ("csv", "sep=;\nVorname;Name;Mail\nAda;Lovelace;ada@x.example, ada@home.example\n"),
        ("csv", "Naam|E-mail\nAda Lovelace|ada@x.example; ada@home.example\n"),
        ("csv", "Ada Lovelace,ada@x.example,ada@home.example\n"),
    ],
)  # fmt: skip
def test_names_and_every_address_are_read_in_their_order(kind, text):
    encodings = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
    for encoding in encodings:
        assert (encoding, cards(text.encode(encoding))) == (encoding, ADA)
        assert found(text.encode(encoding)).kind == kind
        assert cards(text.replace("\n", "\r\n").encode(encoding)) == ADA
        assert cards(text.replace("\n", "\r").encode(encoding)) == ADA


def test_an_exchange_path_is_no_address():
    text = "First Name,E-mail Address,E-mail Type\nAda,/o=Firm/cn=ada@firm.example,EX\nBen,ben@x.example,SMTP\n"
    assert found(text).page.cards == [Card("Ada", why="none"), Card("Ben", ("ben@x.example",))]


def test_who_has_no_name_is_called_by_what_the_address_is_shown_as_or_by_the_company():
    text = "First Name,Last Name,Company,E-mail Address,E-mail Display Name\n,,,ada@x.example,Ada Lovelace (ada@x.example)\n,,Engines,info@x.example,\n"
    assert [each.name for each in found(text).page.cards] == ["Ada Lovelace", "Engines"]


def test_linkedin_keeps_the_link_and_the_company_whatever_stands_before_the_header():
    note = 'Notes:\n"When exporting your connection data, you may notice that some\nof the addresses are missing."\n\n'
    table = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\nAda,Lovelace,https://www.linkedin.com/in/ada-lovelace,,Engines Ltd,Analyst,01 Jan 2020\n,,,,,,\nBen,Bo,,ben@x.example,,,02 Jan 2020\n"
    for before in (note, "", "\n\n", note * 2):
        result = found(before + table)
        assert result.kind == "linkedin"
        assert result.page.cards == [
            Card("Ada Lovelace", (), "linkedin.com/in/ada-lovelace", "Engines Ltd"),
            Card("Ben Bo", ("ben@x.example",)),
        ]


def test_what_kith_writes_for_spreadsheets_is_read_back():
    people = [
        ("=Ada", "+ada@x.example; ada@x.example", "mine@x.example"),
        ("1-2", "", "-b@x.example"),
        ("007", "c@x.example", ""),
    ]
    rows = [
        [
            name if head == "Name" else mail if head == "Email" else mine if head == "My email" else "=1+1"
            for head in HEADER
        ]
        for name, mail, mine in people
    ]
    result = found(csv_text(HEADER, rows))
    assert [(each.name, each.addresses) for each in result.page.cards] == [
        ("=Ada", ("+ada@x.example", "ada@x.example", "mine@x.example")),
        ("1-2", ("-b@x.example",)),
        ("007", ("c@x.example",)),
    ]
    assert result.kind == "csv"


def test_only_linkedin_keeps_a_company():
    assert found("Name,Email,Company,URL\nAda,,Engines,https://linkedin.com/in/ada\n").page.cards == [
        Card("Ada", why="none")
    ]


def test_every_row_is_there_with_what_is_wrong_with_it():
    result = found("Name,Email\nAda,ada@x.example\n\nBen,\nCid,cid at x\n,,\n")
    assert [(each.name, each.why) for each in result.page.cards] == [("Ada", ""), ("Ben", "none"), ("Cid", "invalid")]


def test_a_table_that_nobody_can_name_is_handed_back_with_a_guess():
    result = files.read("Código,Quién,Dónde\n1,Ada Lovelace,ada@x.example\n2,Ben Bo,ben@x.example\n".encode())
    assert isinstance(result, Table)
    assert result.header == ["Código", "Quién", "Dónde"]
    assert result.guess == Columns((1,), (2,))
    assert files.mapped(result, result.guess).page.cards == [
        Card("Ada Lovelace", ("ada@x.example",)),
        Card("Ben Bo", ("ben@x.example",)),
    ]
    both = files.mapped(result, Columns((1, 0, 99), (2,)))
    assert (both.kind, both.page.cards[0].name) == ("csv", "Ada Lovelace 1")


def test_a_quote_that_belongs_to_nothing_costs_no_other_row():
    text = 'Name,Email,Note\nAda,ada@x.example,ok\nBen,ben@x.example,"never closed\nCid,cid@x.example,"two\nlines"\nDee,dee@x.example,ok\n'
    assert [each.name for each in found(text).page.cards if each.addresses] == ["Ada", "Ben", "Cid", "Dee"]
    at_the_end = 'Name,Email,Note\nAda,ada@x.example,"never closed\nBen,ben@x.example,\n'
    assert cards(at_the_end) == [("Ada", ("ada@x.example",)), ("Ben", ("ben@x.example",))]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b" \r\n\0\n", "empty"),
        (b"Name,Email\n", "empty"),
        (b"a letter\nof some lines, to ada\n", "not_contacts"),
        (b"Name,Age\nAda,36\n", "not_contacts"),
        (b"<!DOCTYPE html><title>Sign in</title>ada@x.example", "not_contacts"),
        (b'{"people": ["ada@x.example"]}', "not_contacts"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\2\3", "not_contacts"),
        (b"BEGIN:VCALENDAR\nATTENDEE:mailto:ada@x.example\nEND:VCALENDAR\n", "not_contacts"),
        (b"x" * (files.FILE_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_address_book_says_so(data, kind):
    with pytest.raises(FileError) as wrong:
        files.read(data)
    assert wrong.value.kind == kind


def test_rows_beyond_the_limit_are_counted():
    result = found("Name,Email\n" + "".join(f"P{each},p{each}@x.example\n" for each in range(25_003)))
    assert (result.page.read, result.left_out) == (25_000, 3)
    table = files.read(("What,Else\n" + "".join(f"P{each},p{each}@x.example\n" for each in range(25_003))).encode())
    assert isinstance(table, Table)
    assert len(table.rows) == 25_001
    assert files.mapped(table, table.guess).left_out == 3


LOCAL = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="@"), max_size=20)


@given(
    st.lists(st.tuples(NAME, NAME, st.lists(LOCAL, max_size=2)), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    st.text(st.sampled_from('a\n ",;\t'), max_size=10),
)
def test_any_table_is_read_back_with_the_same_addresses(people, separator, quoting, end, encoding, note):
    if end == "\r":
        note = note.replace(
            "\n", ""
        )  # the writer puts no quotes around it then, and any reader takes it for the end of the row
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerow(["Name", "Notes", "Company", "E-mail", "E-mail 2"])
    for name, firm, mails in people:
        writer.writerow([name, note, firm, *(f"{each}@x.example" for each in mails), *[""] * (2 - len(mails))])
    expected = [tuple(dict.fromkeys(f"{each}@x.example" for each in mails)) for _, _, mails in people]
    writer.writerow(["last", "", "", "last@x.example", ""])
    read_back = [each.addresses for each in found(written.getvalue().encode(encoding)).page.cards]
    assert [each for each in read_back if each] == [each for each in [*expected, ("last@x.example",)] if each]
