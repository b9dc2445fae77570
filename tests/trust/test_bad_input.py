"""Sentences 47 to 50 and 52: files that would like to be too much, and files of ours that somebody's name would like to be something in."""

import contextlib
import io
import json
import os
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import pytest
import vobject

from tests import archives, factories, hostile, memory, spreadsheets
from tests.wizard import Wizard
from webapp import addresses, clock
from webapp.demo import bulk
from webapp.domain import cards, messages, profiles
from webapp.domain.errors import Invalid
from webapp.extensions import db
from webapp.models.member import Member
from webapp.providers import files
from webapp.providers.files import FileError
from webapp.spreadsheet import csv_text
from webapp.transaction import transaction

ROOT = Path(__file__).parents[2]
ONE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
"""No database takes part in it."""


def png(width, height, *, rows=None):
    """A picture of one bit a pixel, all black: little to send, much to unpack."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" * (1 + (width + 7) // 8)
    data = zlib.compress(row * (height if rows is None else rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@ONE
def test_47_a_picture_that_is_larger_than_it_looks_is_refused_unopened(app, context, as_member):
    """A picture of a few kilobytes that would be 169 million pixels is refused within a fifth of a second, before it is unpacked; memory
    stays what it was. Beyond 25 million pixels or 8 MB it is refused with a sentence, whatever it is called.
    """
    large = png(13_000, 13_000)
    assert len(large) < 25_000
    browser = as_member(factories.member("Ana Lima"))
    browser.post("/settings/photo", {"photo": (io.BytesIO(png(8, 8)), "me.png")})
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, began = memory.megabytes(), time.thread_time()
    answer = browser.post("/settings/photo", {"photo": (io.BytesIO(large), "me.jpg")})
    assert time.thread_time() - began < 0.2
    assert memory.megabytes("VmHWM") - before < 20
    assert answer.status_code == 422
    assert "at most 8 MB, and at most 25 million pixels" in answer.text
    for picture in (png(5_001, 5_000), png(100_000, 100_000, rows=1), b"\0" * 8_000_001):
        with pytest.raises(Invalid):
            profiles.crop(picture)


# Whole: the contacts before and after it are read. Cut: 25,000 are read, the rest is counted. Else: what the file is refused as.
CUT = {
    *("vcard_odd_emails", "vcard_cards", "vcard_begins", "vcard_agents", "vcard_joined"),
    *("table_cell_of_lines", "table_lines_of_a_letter", "table_rows", "table_open_quotes", "table_torn_quotes"),
    *("table_odd_addresses", "table_at_signs", "table_no_header", "table_unknown", "table_unknown_wide"),
    *("table_wide_letters", "table_sixteen_bits", "ldif_entries", "ldif_dns"),
}
REFUSED = {
    "table_columns": "not_contacts",
    "table_commas_before_anything": "not_contacts",
    "table_unknown_without_address": "not_contacts",
    "zip_inflated": "too_large",
    "zip_lying": "broken",
    "zip_entries": "too_many",
    "zip_entries_201": "too_many",
    "zip_nested": "not_contacts",
    "zip_vcards": "too_large",
}
OTHERWISE = {"table_separators", "table_unknown_long", "ldif_mails", "ldif_folded"}
"""Read, with what the bomb itself is last."""
MEGABYTES_MAX = 150
SECONDS_MAX = 10
WATCHDOG_SECONDS = 600


def survives(folder, *kinds):
    """Bombs of these kinds are read in a process of their own, with the rest of the book, or refused; nothing is left on disk."""
    run = subprocess.run(
        [sys.executable, ROOT / "tests/providers/bombs.py", *kinds],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=WATCHDOG_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    told = [json.loads(line) for line in run.stdout.splitlines()]
    assert told
    for each in told:
        name = each["name"]
        assert each["megabytes"] < MEGABYTES_MAX, each
        assert each["seconds"] < SECONDS_MAX, each
        if name in REFUSED:
            assert each["result"] == REFUSED[name], each
        elif name in CUT:
            assert each["read"] == 25_000, each
            assert each["left_out"] > 0, each
        elif name not in OTHERWISE:
            assert (each["first"], each["last"], each["left_out"]) == ("Ada", "Ben", 0), each
    assert list(folder.iterdir()) == []


def test_48_vcards_that_are_too_much_cost_only_what_is_too_much_of_them(tmp_path):
    """Files of vCards that would like to be too much (one picture of 10 MB, a line folded a million times, 200,000 cards, cards within
    cards, NULs, lines that never end, torn encodings) are read within 10 seconds of work and 150 MB more of memory, and the contacts before
    and after it are read all the same.
    """
    survives(tmp_path, "vcard_")


def test_49_tables_that_are_too_much_are_read_or_refused_with_a_sentence(tmp_path):
    """Tables (CSV, LDIF) that would like to be too much (a cell of 10 MB, a quote that never ends, 10,000 columns, millions of separators,
    16-bit letters) are read within the same bounds as far as they are one, or refused as what they are; none breaks anything.
    """
    survives(tmp_path, "table_", "ldif_")


TABLE = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\nAda,King,,ada@x.example,,,\n"
PLACES = (
    "Connections.csv", "connections.CSV", "a/b/Connections.csv", "../../Connections.csv", "/Connections.csv", "C:\\x\\Connections.csv",
    "\\\\host\\Connections.csv",
)  # fmt: skip
OTHERS = (
    ("locked", [("Connections.csv", TABLE)], {"flags": [1]}),
    ("not_contacts", [("Connections.csv", "/etc/passwd")], {"attributes": 0o120777}),
    ("not_contacts", [("Connections.csv/", ""), ("Other.csv", TABLE)], {}),
    ("not_contacts", [("xl/workbook.xml", "<x/>")], {}),
    ("not_contacts", [("connections.vcf", "BEGIN:VCARD\nEND:VCARD\n")], {}),
    ("not_contacts", [("a/kith.json", "{}"), ("b/connections.vcf", "BEGIN:VCARD\nEND:VCARD\n")], {}),
    ("not_contacts", [("Connections.csv", "What,Who\nx,ada@x.example\n")], {}),
    ("not_contacts", [], {}),
    ("broken", [("Connections.csv", TABLE)], {"compression": 12}),
    ("broken", [("Connections.csv", TABLE)], {"compression": 14}),
)


def zipped(*entries, attributes=0, compression=zipfile.ZIP_DEFLATED, flags=()):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes << 16
            info.compress_type = compression
            archive.writestr(info, data)
    data = written.getvalue()
    for flag in flags:
        at = data.index(b"PK\x01\x02")
        data = data[:6] + bytes([flag]) + data[7 : at + 8] + bytes([flag]) + data[at + 9 :]
    return data


def test_50_an_archive_is_read_by_name_alone_and_never_unpacked(tmp_path, monkeypatch):
    """An archive is never unpacked: the one file in it that is looked for is read by its name, wherever it says it stands, up to 20 MB and
    among at most 200. One that holds a gigabyte, lies about sizes, has 20,000 entries, is an archive of archives, is locked, holds a link,
    or is damaged is refused with what is wrong. Nothing is written anywhere.
    """
    survives(tmp_path, "zip_")
    monkeypatch.chdir(tmp_path)
    for name in PLACES:
        found = files.read(zipped(("Other.csv", "a,b\n"), (name, TABLE), ("nested.zip", b"PK\x03\x04")))
        assert [(each.name, each.addresses) for each in found.page.cards] == [("Ada King", ("ada@x.example",))], name
    for kind, entries, more in OTHERS:
        with pytest.raises(FileError) as wrong:
            files.read(zipped(*entries, **more))
        assert wrong.value.kind == kind, entries
    whole = zipped(("Connections.csv", TABLE * 100))
    for data in (whole[:-30], whole[: len(whole) // 2], whole[:60] + b"\xff" * 20 + whole[80:]):
        with pytest.raises(FileError) as wrong:
            files.read(data)
        assert wrong.value.kind == "broken"
    assert list(tmp_path.iterdir()) == []


# What leaves


@ONE
def test_52_what_leaves_opens_as_what_it_says(app, context, as_member, tmp_path):
    """Whatever people call themselves (what a spreadsheet would calculate, take for a number or a day, what would end a card or a line),
    every file that leaves says it and nothing else: in LibreOffice each cell of a table is the text it is, a file of vCards has a card
    for each of them with that name and reads back, here and in another program, and JSON and text say the same.
    """
    names = [addresses.display_name(text) or "x" for text in (*spreadsheets.NAMES, *spreadsheets.LINES, *hostile.TEXTS)]
    names = sorted({name[:100].strip() for name in names} - {""})
    ana = factories.member("Ana Lima", "ana@example.org")
    newcomers = [bulk.Newcomer("x", f"x{number}@example.org") for number in range(len(names))]
    with transaction():
        ids = bulk.members(newcomers, factories.password_hash(), clock.now())
        bulk.connections([(ana.id, other) for other in ids], lambda _pair: clock.now())
        for member_id, name in zip(ids, names, strict=True):
            other = db.session.get_one(Member, member_id)
            other.name, other.headline = name, name
        for number in range(0, len(ids), 9):
            other = db.session.get_one(Member, ids[number])
            cards.set_note(ana, other, f"{names[number]}\nEND:VCARD\n=1+1")
            messages.write_to(other, ana, f"{names[number]}\n=1+1")
    browser = as_member(ana)
    # Tables
    book = "Name,Email\n" + "".join(
        f'"{name.replace(chr(34), chr(34) * 2)}",p{at}@out.example\n' for at, name in enumerate(names)
    )
    wizard = Wizard(browser)
    assert wizard.upload(book).status_code == 303
    tables = {"connections": browser.get("/cards/csv").text, "report": browser.get("/contacts/report.csv").text}
    texts = [*spreadsheets.NAMES, *(text.replace("\0", "") for text in hostile.TEXTS)]
    tables["texts"] = csv_text(["Text", "Number"], [[text, 7] for text in texts])
    tables["lines"] = csv_text(["Note"], [[text] for text in spreadsheets.LINES])
    opened = spreadsheets.opened(tmp_path, **tables)
    assert opened["texts"][0] == [("string", "Text"), ("string", "Number")]
    assert opened["texts"][1 : len(texts) + 1] == [[("string", text), ("float", "7")] for text in texts]
    lines = [row[0] for row in opened["lines"][1 : len(spreadsheets.LINES) + 1]]
    assert {kind for kind, _text in lines} == {"string"}
    assert [text.removeprefix("\t") for _kind, text in lines] == [
        text.replace("\r\n", "\n") for text in spreadsheets.LINES
    ]
    assert sorted(row[0][1].removeprefix("\t") for row in opened["connections"][1 : len(names) + 1]) == sorted(names)
    for told, rows in opened.items():
        assert {kind for row in rows[1 : len(names) + 1] for kind, text in row if text and kind != "string"} <= {
            "float",
            "date",
            None,
        }, told
        assert not [text for row in rows for _kind, text in row if text.startswith(("Err:", "#"))], told
    read = {row[1][1] for row in opened["report"][1 : len(names) + 1]}
    assert (
        len(read & set(names)) > len(names) * 0.9
    )  # a file may hold our own quoting, which is taken away where it is read
    # Cards
    file = browser.get("/cards/vcard").text
    assert sorted(card.fn.value for card in vobject.readComponents(file)) == sorted(names)
    assert file.count("\r\nEND:VCARD\r\n") == len(names)
    found = files.read(file.encode())
    assert len(found.page.cards) + found.left_out >= len(names)
    # Conversations, and everything at once
    talks = [row.key for row in db.session.execute(messages.listed(db.session.get_one(Member, ana.id)))]
    assert len(talks) > 8
    for key in talks:
        said = json.loads(browser.get(f"/messages/{key}/export/json").data)["messages"][0]
        assert said["by"] in names
        assert said["text"] == f"{said['by']}\n=1+1"
        assert f"{said['by']}:\n{said['text']}" in browser.get(f"/messages/{key}/export/text").text
    archive = archives.built(db.session.get_one(Member, ana.id))
    assert sorted(each["name"] for each in archives.said(archive, "connections")) == sorted(names)
