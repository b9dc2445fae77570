"""Lists of those who belong to a community: a table with a column of addresses and perhaps one that says which year or class."""

from itertools import islice

from webapp.providers.files import headers, tables, texts
from webapp.providers.files.found import FileError, spoken
from webapp.providers.files.rows import SEPARATORS, Rows, said

ROWS_MAX = 100_000
_HEAD_OCTETS = 65_536


def read(data: bytes) -> list[tuple[str, str]]:
    """Return (address, cohort) for each row; a cell may name several. Without a header: every address there is. Raises FileError."""
    data = texts.clean(data)
    if not data.strip():
        raise FileError("empty")
    if not texts.is_text(data):
        raise FileError("not_contacts")
    separator, start = said(data)
    head = data[:_HEAD_OCTETS]
    columns = None
    for each in (separator,) if separator else SEPARATORS:
        rows = Rows(head, each, start)
        for row in islice(rows, tables.HEADER_ROWS):
            found = headers.roster(row) if row else None
            if found is not None and (columns is None or len(row or ()) > columns[3]):
                columns = (*found, rows.at, len(row or ()), each)
                break
    found_rows: list[tuple[str, str]] = []
    if columns is not None:
        written, cohort, at, _width, separator = columns
    else:
        written, cohort, at, separator = None, None, start, separator or tables.separator_of(head, start)
    for row in Rows(data, separator, at):
        cells = row or []
        held = cells if written is None else [cells[i] for i in written if i < len(cells)]
        name = cells[cohort].strip() if cohort is not None and cohort < len(cells) else ""
        found_rows += [(address, name) for cell in held for address in spoken(cell) if "@" in address]
        if len(found_rows) > ROWS_MAX:
            raise FileError("too_many")
    return found_rows
