"""The rows of a CSV file, read one by one: whatever separates its cells, and whatever is broken in between."""

import csv
import re
from collections.abc import Iterable, Iterator

from webapp.providers.files import texts

SEPARATORS = (",", ";", "\t", "|")
RECORD_OCTETS = 131_072
"""What one row may be long: the limit that Python's reader has for one cell."""
LINES_MAX = 250_000
"""Rows that are read one by one; of the rest the lines are counted."""
_AGAIN_OCTETS = 5_000_000
"""What may be read twice of a broken file; after it every line is a row of its own."""
_RUN = re.compile(rb"(?<![^\",;\t|\n])[^\",;\t|\n]{8000,}")
_RUN_OCTETS = 1_000
_EMPTY = re.compile(rb"(?:[ \t,;|]*+\n)++")
_SAID = re.compile(rb"[ \t]*\"?sep=(.)\"?[ \t]*\n", re.IGNORECASE)


class _TooLong(Exception):
    """A row does not end: a quote that was never closed, or a cell of megabytes."""


class _Lines:
    """The lines of a clean file, as text."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.since = 0
        """Octets of the row so far."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.at >= len(self.data):
            raise StopIteration
        line = self.line(self.at)
        self.at = self.end(self.at)
        self.since += len(line)
        if self.since > RECORD_OCTETS:
            raise _TooLong
        return texts.text(line)

    def end(self, at: int) -> int:
        """Return where the next line begins."""
        return self.data.find(b"\n", at) + 1 or len(self.data)

    def line(self, at: int) -> bytes:
        """Return the line that begins there; where it is far too long, its longest cells (a picture, mostly) are cut."""
        line = self.data[at : self.end(at)]
        if len(line) > RECORD_OCTETS:
            line = _RUN.sub(lambda run: run[0][:_RUN_OCTETS].decode("utf-8", "ignore").encode(), line)
        return line


class Rows:
    """The rows of a table, from some place on; None for one that cannot be understood. `left_out` counts lines past the limit."""

    def __init__(self, data: bytes, separator: str, at: int = 0, widths: range | None = None) -> None:
        self.data = data
        self.separator = separator
        self.widths = widths
        """How many cells a row may have, once the header is known."""
        self.left_out = 0
        self._lines = _Lines(data, at)
        self._again = 0

    @property
    def at(self) -> int:
        """Where the next row begins."""
        return self._lines.at

    def __iter__(self) -> Iterator[list[str] | None]:
        lines = self._lines
        reader = self._reader(lines)
        read = 0
        while lines.at < len(self.data):
            empty = _EMPTY.match(self.data, lines.at)
            if empty is not None:
                lines.at = empty.end()
                continue
            begun, lines.since = lines.at, 0
            read += 1
            if read > LINES_MAX:
                self.left_out = self.data.count(b"\n", begun)
                return
            try:
                row = next(reader if self._again < _AGAIN_OCTETS else self._reader([next(lines)]))
            except StopIteration:
                return
            except (csv.Error, _TooLong):
                row = None
            if row is None:
                self._again += lines.at - begun
                reader = self._reader(lines)
                row = self._first_line(begun)
            yield row

    def _reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Return Python's reader, strict: a closing quote in the middle of a cell says that one before it belongs to nothing."""
        return csv.reader(lines, delimiter=self.separator, strict=True)

    def _first_line(self, begun: int) -> list[str] | None:
        """Return the line there as a row of its own, if it has the right number of cells, and go on behind it."""
        self._lines.at = self._lines.end(begun)
        row = self._split(begun)
        return row if row and (self.widths is None or len(row) in self.widths) else None

    def _split(self, at: int) -> list[str]:
        """Return the cells of one line, quotes not minded."""
        line = self._lines.line(at)
        if len(line) > RECORD_OCTETS:
            return []
        return [cell.strip().strip('"') for cell in texts.text(line).rstrip("\n").split(self.separator)]


def said(data: bytes) -> tuple[str, int]:
    """Return the separator that the first line names ("sep=;"), and where the table begins; nothing and 0 where it does not."""
    found = _SAID.match(data[:100])
    separator = found[1].decode("latin-1") if found else ""
    return (separator if separator in SEPARATORS else "", found.end()) if found else ("", 0)
