"""What is written for spreadsheets reads back as the same, and begins with nothing that calculates. LibreOffice opens it in tests/trust."""

import csv
import io
import random
import time
from datetime import date

import pytest

from tests import hostile
from tests.spreadsheets import LINES, NAMES
from webapp.spreadsheet import BOM, LITERAL_CHARACTERS, csv_lines, csv_text, text_of


def _read(text):
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))


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
