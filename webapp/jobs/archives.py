"""Building archives: one file with everything a member put here, written piece by piece, sealed, beside the other work of the worker.

Nothing of it stands in memory whole, and nothing in clear on the disk. It reads in many short moments, so it locks nothing; what changes
meanwhile is in it as it was before or after.
"""

import json
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import structlog
from flask import current_app

from webapp import clock, config, spreadsheet
from webapp.domain import archives
from webapp.domain.archives import Claimed, Part, Row
from webapp.domain.profiles import KIND_WORDS
from webapp.extensions import db
from webapp.models.member import Member
from webapp.transaction import slow, transaction

log = structlog.get_logger("kith.jobs")

FOLDER = "kith"
PAGE_ROWS = 500
PAGES = 40
"""A part has about so many pages at most: longer ones have longer pages, so that no archive has more than 200 files."""
ROUNDS = 4
"""So often connections are read: as vCards, as a table, as JSON, as pages; everything else twice."""
SAY_SECONDS = 1.0
OWN_PAGES = {"connections", "conversations", "messages"}
"""Parts whose pages look like what they are; all others are lists of names and values."""


def build_due(goes_on: Callable[[], bool] = lambda: True) -> bool:
    """Build the archive that waits longest; whether there was one.

    `goes_on` is asked once a second: where it says no, the process ends, and the archive is built anew by the next one.
    """
    with transaction():
        claimed = archives.claim()
    if claimed is None:
        return False
    try:
        with archives.writing(claimed) as file:
            _Building(claimed, file, goes_on).run()
        with transaction():
            archives.settle(claimed, file.size)
    except _Stopped:
        db.session.rollback()
        with transaction():
            archives.put_back(claimed)
    except archives.Gone:
        db.session.rollback()
        with transaction():
            archives.sweep(clock.now())
    except Exception as error:
        log.exception("archive failed", kind=type(error).__name__)
        db.session.rollback()
        with transaction():
            archives.give_up(claimed)
    return True


class _Stopped(Exception):
    """The process ends."""


class _Building:
    """One archive while it is written."""

    def __init__(self, claimed: Claimed, file: Any, goes_on: Callable[[], bool]) -> None:
        slow("Building an archive")
        viewer = db.session.get(Member, claimed.member_id)
        if viewer is None:
            raise archives.Gone
        self.claimed, self.goes_on = claimed, goes_on
        self.viewer = viewer
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self.made_at = clock.now()
        self.connections, self.messages = archives.size_of(viewer)
        self.done, self.total = 0, ROUNDS * self.connections + 2 * self.messages + 2 * len(archives.PARTS)
        self.said_at = time.monotonic()
        self.first_pages: dict[str, str] = {}
        """On which page a conversation begins."""
        self.talks: dict[str, str] = {}
        """What a conversation is called, or who is in it."""
        self.counts: dict[str, int] = {}

    def run(self) -> None:
        with self.zip:
            self._one("kith.json", self._json(self._about()))
            self._lines("connections.vcf", self._vcards())
            self._lines("connections.csv", self._table())
            photo = archives.photo(self.viewer)
            if photo:
                self._one("photo.webp", photo)
            for part in archives.PARTS:
                self._lines(f"{part.name}.json", self._rows(part))
            for part in self._in_order():
                self._pages(part, photo)
            self._one("index.html", self._html("index", parts=archives.PARTS, counts=self.counts, photo=bool(photo)))

    # Files

    def _one(self, name: str, content: str | bytes) -> None:
        with self._open(name) as entry:
            entry.write(content.encode() if isinstance(content, str) else content)

    def _lines(self, name: str, lines: Iterable[str]) -> None:
        with self._open(name) as entry:
            for line in lines:
                entry.write(line.encode())

    def _open(self, name: str) -> Any:
        made = zipfile.ZipInfo(f"{FOLDER}/{name}", self.made_at.timetuple()[:6])
        made.compress_type = zipfile.ZIP_DEFLATED
        made.external_attr = 0o600 << 16
        return self.zip.open(made, "w", force_zip64=True)

    def _about(self) -> Row:
        return {
            "format": archives.FORMAT,
            "version": archives.VERSION,
            "made_at": self.made_at,
            "site": config.setting("SITE_NAME"),
            "address": config.setting("BASE_URL"),
            "member": {"name": self.viewer.name, "handle": self.viewer.handle},
            "files": {
                "connections.vcf": "Your connections as vCards (4.0), without photos",
                "connections.csv": "Your connections as a table",
                **{f"{part.name}.json": part.what for part in archives.PARTS},
            },
            "left_out": dict(archives.LEFT_OUT),
        }

    def _json(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, indent=1, default=archives.plain)

    # What is read

    def _vcards(self) -> Iterator[str]:
        for people in archives.in_batches(self.viewer, archives.BATCH):
            yield "".join([archives.vcard(self.viewer, person) for person in people])
            self._say(len(people))

    def _table(self) -> Iterator[str]:
        def rows() -> Iterator[Any]:
            for people in archives.in_batches(self.viewer, archives.BATCH):
                yield from archives.table(people)
                self._say(len(people))

        return spreadsheet.csv_lines(archives.HEADER, rows())

    def _batches(self, part: Part) -> Iterator[list[Row]]:
        for batch in part.batches(self.viewer):
            yield batch
            self._say(len(batch) if part.name in {"connections", "messages"} else 0)
        self._say(1)

    def _rows(self, part: Part) -> Iterator[str]:
        if part.alone:
            for batch in self._batches(part):
                yield from map(self._json, batch)
            return
        yield "["
        number = 0
        for batch in self._batches(part):
            if part.name == "conversations":
                self.talks |= {row["conversation"]: row["called"] or ", ".join(_names(row)) for row in batch}
            for row in batch:
                yield (",\n" if number else "\n") + json.dumps(row, ensure_ascii=False, default=archives.plain)
                number += 1
        self.counts[part.name] = number
        yield "\n]\n"

    # Pages

    def _in_order(self) -> list[Part]:
        """Messages before conversations: a list of these says on which page each begins."""
        return sorted(archives.PARTS, key=lambda part: part.name == "conversations")

    def _pages(self, part: Part, photo: bytes | None) -> None:
        count = self.counts.get(part.name, 1)
        rows_each = max(PAGE_ROWS, -(-count // PAGES))
        last = max(1, -(-count // rows_each))
        number, waiting = 0, []
        for batch in self._batches(part):
            waiting += batch
            while len(waiting) > rows_each and number + 1 < last:
                number += 1
                self._page(part, number, last, waiting[:rows_each], photo)
                del waiting[:rows_each]
        self._page(part, number + 1, number + 1, waiting, photo)

    def _page(self, part: Part, number: int, last: int, rows: list[Row], photo: bytes | None) -> None:
        name = _page_name(part, number)
        if part.name == "messages":
            for row in rows:
                self.first_pages.setdefault(row["conversation"], name)
        html = self._html(
            part.name if part.name in OWN_PAGES else "part",
            part=part,
            rows=rows,
            before=_page_name(part, number - 1) if number > 1 else "",
            after=_page_name(part, number + 1) if number < last else "",
            first_pages=self.first_pages,
            talks=self.talks,
            kinds=KIND_WORDS,
            photo=b64encode(photo).decode() if photo and part.name == "profile" else "",
        )
        self._one(name, html)

    def _html(self, name: str, **values: Any) -> str:
        template = current_app.jinja_env.get_template(f"archive/{name}.html")
        return template.render(site=config.setting("SITE_NAME"), me=self.viewer.name, made_at=self.made_at, **values)

    # How far it is

    def _say(self, more: int) -> None:
        """Tell its owner once a second how far it is, between two moments of reading; ends the building where nobody wants it any more."""
        self.done += more
        db.session.rollback()
        if time.monotonic() - self.said_at >= SAY_SECONDS:
            if not self.goes_on():
                raise _Stopped
            with transaction():
                archives.say(self.claimed, self.done, self.total)
            self.said_at = time.monotonic()


def _names(row: Row) -> list[str]:
    return [each["name"] for each in row["with"]]


def _page_name(part: Part, number: int) -> str:
    return f"{part.name}.html" if number == 1 else f"{part.name}-{number}.html"
