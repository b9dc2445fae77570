"""What is written for spreadsheets opens in one as the text it is, and reads back as the same."""

import csv
import io
import os
import random
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from datetime import date

import pytest

from tests import hostile, requires
from webapp.spreadsheet import BOM, LITERAL_CHARACTERS, csv_lines, csv_text, text_of

OFFICE, TABLE, TEXT = (f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "table", "text"))
NAMES = (
    "=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://evil.example","Click")', "=SUM(1;2)", "=1+1;=2", "=", '="quoted"', "={1;2}",
    "+1", "+351215550148", "+351 21 555 0148", "-1", "-", "--05-14", "@x", "@SUM(1)", "\t=", "\t=1+1", "＝1+1", "＋1",
    '"=1+1', "'=1+1", "''", '"', '""', ",", ";", "a;b\tc", "x,=1+1", 'Ana"; =1', "a\\", "0123", "007", "1e5", "1E+5", "1.5", "1,5", "1,234", "12%",
    "€5", "$5", "(5)", "TRUE", "false", "1-2", "1/2", "2020-01-02", "14.5.1990", "12:30", "12:30 PM", "3 May", "May 3", "May-20", "3. März 2020", "5 août",
    "Jan 1", "Ana Lima", "O'Brien", "田中太郎", "علي أحمد", "Rua 5", "Studio 54", "Mary",
)  # fmt: skip
LINES = ("a\r\nEND:VCARD", "- one\n- two", "=1+1\n=2+2", "Ana\nLima", "-" * 5_000, "=" + "1+" * 400)
"""Of several lines, or too long for a formula: what would be misread has a tab in front there."""


def _read(text):
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))


def _opened(folder, text):
    """Open a file in LibreOffice, as it does by itself, and return the rows of (type, shown text)."""
    requires.require("soffice")
    (folder / "given.csv").write_bytes(text.encode())
    command = ("soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to", "fods")
    reading = "--infilter=Text - txt - csv (StarCalc):44,34,76,1"  # comma, quotes, UTF-8, from the first row
    process = subprocess.Popen(
        [*command, reading, "--outdir", folder, folder / "given.csv"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0, said
    rows = []
    for row in ET.parse(folder / "given.fods").getroot().iter(f"{TABLE}table-row"):
        cells = []
        for cell in row.iter(f"{TABLE}table-cell"):
            paragraphs = ["".join(_letters(each)) for each in cell.findall(f"{TEXT}p")]
            cells += [(cell.get(f"{OFFICE}value-type"), "\n".join(paragraphs))] * int(
                cell.get(f"{TABLE}number-columns-repeated", "1")
            )
        rows += [cells] * int(row.get(f"{TABLE}number-rows-repeated", "1"))
    return rows


def _letters(node):
    """Return what a paragraph says: tabs and runs of blanks are elements there."""
    yield node.text or ""
    for each in node:
        if each.tag == f"{TEXT}tab":
            yield "\t"
        elif each.tag == f"{TEXT}s":
            yield " " * int(each.get(f"{TEXT}c", "1"))
        else:
            yield from _letters(each)
        yield each.tail or ""


def test_every_name_opens_in_a_spreadsheet_as_itself(tmp_path):
    names = [*NAMES, *(text.replace("\0", "") for text in hostile.TEXTS)]
    rows = _opened(tmp_path, csv_text(["Name", "Number"], [[name, 7] for name in names]))
    assert rows[0] == [("string", "Name"), ("string", "Number")]
    opened = [row[0] for row in rows[1 : len(names) + 1]]
    assert opened == [("string", name) for name in names]
    assert {row[1] for row in rows[1 : len(names) + 1]} == {("float", "7")}


def test_lines_and_long_texts_open_as_text_with_at_most_a_tab_in_front(tmp_path):
    rows = _opened(tmp_path, csv_text(["Note"], [[text] for text in LINES]))
    opened = [row[0] for row in rows[1 : len(LINES) + 1]]
    assert {kind for kind, _text in opened} == {"string"}
    assert [text.removeprefix("\t") for _kind, text in opened] == [text.replace("\r\n", "\n") for text in LINES]


@pytest.mark.parametrize("text", [*NAMES, *LINES, *hostile.TEXTS])
def test_what_was_written_reads_back(text):
    (header, row) = _read(csv_text(["Name", "Beside"], [[text, "x"]]))
    assert header == ["Name", "Beside"]
    assert [text_of(cell) for cell in row] == [text.replace("\r\n", "\n").replace("\0", ""), "x"]


def test_no_cell_begins_with_what_calculates_but_for_a_text_in_quotes():
    letters = "=+-@\t\r\n\"'a1;, \0＝"
    chance = random.Random(52)
    texts = ["".join(chance.choices(letters, k=chance.randrange(8))) for _ in range(5_000)]
    rows = _read(csv_text(["Text"], [[text] for text in texts]))[1:]
    assert len(rows) == len(texts)
    for text, (cell,) in zip(texts, rows, strict=True):
        assert text_of(cell) == text.replace("\r\n", "\n").replace("\0", "")
        if cell.startswith("="):
            inside = cell[2:-1]
            assert (cell[:2], cell[-1:]) == ('="', '"')
            assert '"' not in inside.replace('""', "")  # nothing ends the text before its end
            assert len(text) <= LITERAL_CHARACTERS
        else:
            assert not cell.startswith(("+", "-", "@", "\r", "\n"))


def test_numbers_and_days_are_written_as_such_and_nothing_as_an_empty_cell():
    text = csv_text(["A", "B", "C"], [[date(2026, 5, 3), 7, None]])
    assert text == BOM + '"A","B","C"\r\n"2026-05-03","7",""\r\n'


def test_a_table_is_written_row_by_row():
    asked = []

    def rows():
        for number in range(3):
            asked.append(number)
            yield [number]

    lines = csv_lines(["A"], rows())
    next(lines)
    assert asked == []
    next(lines)
    assert asked == [0]


def test_long_texts_cost_no_time():
    for text in (
        "1" + " " * 100_000 + "x",
        "1" * 100_000 + "x",
        " " * 100_000,
        "jan" * 30_000 + "1x",
        "=" + '"' * 100_000,
    ):
        started = time.thread_time()
        csv_text(["Note"], [[text]])
        assert time.thread_time() - started < 0.5
