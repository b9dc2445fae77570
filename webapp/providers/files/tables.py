"""Tables (CSV) of contacts: finding the header, naming its columns, and reading the rows; or saying that nobody could name them."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice

from webapp import addresses
from webapp.providers.files import headers
from webapp.providers.files.found import (
    CELL_CHARACTERS,
    COLUMNS_MAX,
    CONTACTS_MAX,
    Columns,
    FileError,
    Found,
    Gathering,
    Table,
    spoken,
)
from webapp.providers.files.headers import Header, Role
from webapp.providers.files.rows import SEPARATORS, Rows, said
from webapp.spreadsheet import text_of

HEADER_ROWS = 15
"""Rows among which the header is looked for: LinkedIn writes a note before it, whose length varies."""
_HEAD_OCTETS = 65_536
_SAMPLE_ROWS = 200
_MOST = 0.5
_NEARLY_ALL = 0.8
_NAMES_MAX = 2
_NAME_CHARACTERS = 60
_IN_BRACKETS = re.compile(r"\s*[(\[<][^()\[\]<>]*@[^()\[\]<>]*[)\]>]\s*\Z")
_BEFORE_ANGLE = re.compile(r"\A([^<>]*)<[^<>]*@")

Row = list[str]


def read(data: bytes) -> Found | Table:
    """Return the contacts of a clean file, or its table where its columns have names nobody knows. Raises FileError."""
    separator, start = said(data)
    head = data[:_HEAD_OCTETS]
    separators = (separator,) if separator else SEPARATORS
    known = _header(head, separators, start)
    if known is not None:
        header, separator, at = known
        rows = Rows(data, separator, at, header.widths)
        gathered = _gathered(header, rows)
        gathered.left_out += rows.left_out
        return gathered.found(header.kind)
    return _unknown(data, separator or separator_of(head, start), start)


def mapped(table: Table, columns: Columns) -> Found:
    """Return the contacts of a table whose columns somebody named. Raises FileError where it has no rows."""
    width = len(table.header)
    names = [at for at in columns.names if 0 <= at < width]
    written = [at for at in columns.addresses if 0 <= at < width]
    header = Header("csv", addresses=written, names={"given": names}, width=width)
    gathered = _gathered(header, iter(table.rows))
    gathered.left_out += table.beyond
    return gathered.found("csv")


# With a header that is known


def _header(head: bytes, separators: Sequence[str], start: int) -> tuple[Header, str, int] | None:
    """Return the header, what separates its cells, and where the rows begin."""
    best: tuple[Header, str, int] | None = None
    for separator in separators:
        rows = Rows(head, separator, start)
        for row in islice(rows, HEADER_ROWS):
            header = headers.recognised(row) if row else None
            if header is not None:
                if best is None or header.width > best[0].width:
                    best = header, separator, rows.at
                break
    return best


def _gathered(header: Header, rows: Iterable[Row | None]) -> Gathering:
    """Return the contacts of the rows; empty rows are none."""
    gathered = Gathering()
    for row in rows:
        if row is None:
            gathered.add_broken("")
        elif not any(row) or not any(map(str.strip, row)):
            continue
        elif gathered.is_full:
            gathered.left_out += 1
        else:
            _add(gathered, header, row)
    return gathered


def _add(gathered: Gathering, header: Header, row: Row) -> None:
    is_linkedin = header.kind == "linkedin"
    organisation = _first(header, row, "organisation")
    name = _name(header, row) or ("" if is_linkedin else organisation)
    written = _addresses(header, row)
    if not name and len(header.addresses) == 1:
        name = _name_before(_cell(row, header.addresses[0]))
    if is_linkedin:
        link = "" if header.link is None else _cell(row, header.link)
        gathered.add(name, written, link=link, organisation=organisation)
    else:
        gathered.add(name, written)


def _name(header: Header, row: Row) -> str:
    full = _first(header, row, "full")
    if full:
        return full
    columns = chain.from_iterable(header.names.get(role, ()) for role in ("given", "middle", "family"))
    parts = [cell for cell in (_cell(row, at).strip() for at in columns) if cell]
    return " ".join(parts) or _IN_BRACKETS.sub("", _first(header, row, "spare"))


def _name_before(cell: str) -> str:
    """Return the name of "Ada Lovelace <ada@example.org>"."""
    found = _BEFORE_ANGLE.match(cell[: addresses.INPUT_CHARACTERS])
    return found[1].strip(" \"'") if found else ""


def _first(header: Header, row: Row, role: Role) -> str:
    return next((cell for at in header.names.get(role, ()) if (cell := _cell(row, at).strip())), "")


def _addresses(header: Header, row: Row) -> list[str]:
    """Return the addresses as written; Google marks the first choice with "* ", and an Exchange path (EX) is none."""
    first: list[str] = []
    others: list[str] = []
    for at in header.addresses:
        kind = _cell(row, header.types[at]).strip() if at in header.types else ""
        if kind.upper() != "EX":
            (first if kind.startswith("*") else others).extend(spoken(_cell(row, at)))
    return first + others


def _cell(row: Row, at: int) -> str:
    """Return a cell; empty where the row is too short. A text that is kept from being calculated (="+1") is the text."""
    cell = row[at] if at < len(row) else ""
    return text_of(cell) if cell.startswith('="') else cell


# With a header that nobody knows, or without one


def separator_of(head: bytes, start: int) -> str:
    """Return what makes most rows equally long."""

    def evenness(separator: str) -> tuple[int, int]:
        widths = [len(row) for row in islice(Rows(head, separator, start), 50) if row and len(row) > 1]
        usual = max(set(widths), key=widths.count, default=0)
        return widths.count(usual), usual

    return max(SEPARATORS, key=evenness)


def _unknown(data: bytes, separator: str, start: int) -> Found | Table:
    rows = Rows(data, separator, start)
    filled = (row for row in rows if row and any(map(str.strip, row)))
    sample = [[cell[: addresses.INPUT_CHARACTERS] for cell in row] for row in islice(filled, _SAMPLE_ROWS)]
    if not sample:
        raise FileError("not_contacts" if data.strip() else "empty")
    if _has_address(sample[0]):
        columns = guessed(sample)
        header = Header("csv", addresses=list(columns.addresses), names={"given": list(columns.names)})
        rows = Rows(data, separator, start)
        gathered = _gathered(header, rows)
        gathered.left_out += rows.left_out
        return gathered.found("csv")
    width = min(max(map(len, sample)), COLUMNS_MAX)
    table = Table(_tidy(sample[0], width), [], guessed(sample[1:]))
    for row in chain(sample[1:], filled):
        if len(table.rows) > CONTACTS_MAX:
            table.beyond += 1
        else:
            table.rows.append(_tidy(row, width))
    table.beyond += rows.left_out
    if not any(_has_address(row) for row in table.rows):
        raise FileError("not_contacts")
    return table


def _tidy(row: Row, width: int) -> Row:
    cells = [addresses.display_name(cell, CELL_CHARACTERS) if cell else "" for cell in row[:width]]
    return cells + [""] * (width - len(cells))


def _has_address(row: Row) -> bool:
    return any("@" in cell and any(map(addresses.address, spoken(cell))) for cell in row)


def guessed(rows: Sequence[Row]) -> Columns:
    """Return which columns hold names and addresses, by what is in them.

    Addresses: where most of what is filled is one. Names: one column of several words, or two of single ones, nearest to the left.
    """
    width = min(max(map(len, rows), default=0), COLUMNS_MAX)
    contents = [[cell for row in rows if (cell := _cell(row, at).strip())] for at in range(width)]
    written = tuple(at for at, cells in enumerate(contents) if cells and _share(cells, _is_address) >= _MOST)
    names: list[int] = []
    for at, cells in enumerate(contents):
        if at in written or len(cells) * 2 < len(rows) or _share(cells, _is_name) < _NEARLY_ALL:
            continue
        if _share(cells, lambda cell: " " in cell) >= _MOST:
            names = names or [at]
            break
        names.append(at)
        if len(names) == _NAMES_MAX:
            break
    return Columns(tuple(names), written)


def _share(cells: Sequence[str], is_so: Callable[[str], bool]) -> float:
    return sum(map(is_so, cells)) / len(cells)


def _is_address(cell: str) -> bool:
    return "@" in cell and any(map(addresses.address, spoken(cell)))


def _is_name(cell: str) -> bool:
    """Whether a cell may be (a part of) a name: letters and what stands between them, a capital or a script without any."""
    return (
        len(cell) <= _NAME_CHARACTERS
        and all(letter.isalpha() or letter in " .'’-" for letter in cell)
        and not cell.islower()
    )
