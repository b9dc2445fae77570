"""Lines that hold each other: each has a digest of the one before and of itself, so that none can be altered, left out or moved unnoticed.

The digest of a line is SHA-256, in hexadecimal, over two texts, one after the other: the digest of the line before (nothing for the first),
and the line as JSON with sorted keys, without spaces and in ASCII. docs/privacy.md has ten lines of Python that check it.

What a chain cannot show by itself: that its last lines were cut off, or that everything from one line on was written anew by somebody who
has the database. Whoever noted a digest earlier sees both, so it is shown and exported.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime

FIRST = ""
"""What stands before the first line."""

Plain = str | int | bool | None
"""What a line may hold: nothing whose text could differ from one program to the next."""


def digest(before: str, line: Mapping[str, Plain]) -> str:
    """Return the digest of a line that follows the one whose digest is `before`."""
    return hashlib.sha256((before + canonical(line)).encode()).hexdigest()


def canonical(line: Mapping[str, Plain]) -> str:
    """Return a line as the one text it is a digest of."""
    if not all(value is None or isinstance(value, str | int) for value in line.values()):
        raise TypeError("A line of a chain holds texts and whole numbers.")
    return json.dumps(line, sort_keys=True, separators=(",", ":"))


def moment(at: datetime) -> str:
    """Return a moment as lines write it: ISO 8601, UTC, to the millisecond that the database keeps."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def broken(lines: Iterable[tuple[Mapping[str, Plain], str]]) -> int | None:
    """Return the place, from 1 on, of the first of these lines that does not follow from the one before; None where all do."""
    before = FIRST
    for place, (line, kept) in enumerate(lines, 1):
        if line.get("number") != place or digest(before, line) != kept:
            return place
        before = kept
    return None
