"""Tables as files (CSV, RFC 4180) that a spreadsheet opens as what they say. Pure.

A spreadsheet looks into the cells of a CSV file: it calculates what begins with `=`, takes `+351215550148` and `007` for numbers and `1-2`
for a day. What it would misread is written as `="..."`, which every one of them shows as the text between the quotes and as nothing else;
an apostrophe in front, the usual advice, stays visible in the cell. A text of several lines or beyond what a formula holds gets a tab in
front instead. `text_of` takes either away again.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

Cell = str | int | date | None
"""A text stays a text, whatever it looks like; numbers and days are written as such."""
BOM = "\ufeff"
"""Without it, Excel takes UTF-8 for the encoding of the machine."""
LITERAL_CHARACTERS = 250
"""Excel takes no text of more than 255 characters between quotes."""
_CALCULATES = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
_NUMBER_OR_DAY = re.compile(r"[$€£¥(\s]*[\d.,][\d\s.,:/'%()$€£¥eE+-]*(?:[AaPp]\.?[Mm]\.?)?|(?i:true|false)")
# How months begin in English, then what differs in German, French, Spanish, Italian, Portuguese and Dutch.
_MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mrz|mai|okt|dez|fév|avr|jui|aoû|déc|ene|abr|ago|dic"
    "|gen|mag|giu|lug|set|ott|fev|out|mrt|mei|maa"
)
_MONTH = re.compile(rf"[\d\s.,/-]*(?:{_MONTHS})[^\W\d]*[\d\s.,/-]*", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_WRITTEN = re.compile(r'="((?:[^"]|"")*)"')


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a whole table as the text of a file."""
    return "".join(csv_lines(header, rows))


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Return the same a row at a time, so that no file need stand in memory."""
    yield BOM + _line(header)
    for row in rows:
        yield _line(row)


def _line(cells: Sequence[Cell]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(_written, cells))
    return line.getvalue()


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return cell.isoformat() if isinstance(cell, date) else str(cell)
    text = cell.replace("\r\n", "\n").replace("\0", "")
    if not is_misread(text):
        return text
    if "\n" in text or "\r" in text or len(text) > LITERAL_CHARACTERS:
        return f"\t{text}"
    quoted = text.replace('"', '""')
    return f'="{quoted}"'


def is_misread(text: str) -> bool:
    """Whether a spreadsheet could take a text for something else: a calculation, a number, a day."""
    bare = text.strip()
    is_day = _DIGIT.search(bare) and _MONTH.fullmatch(bare)
    return text.startswith(_CALCULATES) or bool(is_day or _NUMBER_OR_DAY.fullmatch(bare))


def text_of(cell: str) -> str:
    """Return what a cell of such a file says."""
    found = _WRITTEN.fullmatch(cell)
    if found:
        return found[1].replace('""', '"')
    return cell.removeprefix("\t")
