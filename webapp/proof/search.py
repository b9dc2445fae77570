"""Searching files for a text in every form in which it may lie there: readable, encoded, and as what can be computed from it.

A readable text is found as it is, in any case, in UTF-16, percent-encoded, as hexadecimal digits, quoted-printable and in base64
wherever it begins; a text that might be compared is also found as its MD5, SHA-1 and SHA-256 digests and as its HMACs under an
instance's own keys, as bytes, as digits and in base64. Lines that were broken for mail are joined, archives are opened, and the values
in SQLite's tables are read out as well, because SQLite may cut a long one in two.
"""

import base64
import gzip
import hashlib
import hmac
import io
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from webapp.config import Keys

_PIECE = 4096
"""As SQLite's pages: most of a backup is in the file it was taken of, and need not be searched again."""
_OVERLAP = 400
_BROKEN_LINE = re.compile(rb"=?\r?\n[ \t]?")
_LONG_WORD = re.compile(rb"[A-Za-z0-9+/_-]{20,}")
_SQLITE = b"SQLite format 3\0"
DIGESTS = ("md5", "sha1", "sha256")


@dataclass(frozen=True, order=True)
class Trace:
    """A text that was found: where, in which form, and which one."""

    where: str
    form: str
    text: str

    def __str__(self) -> str:
        return f"{self.text!r} ({self.form}) in {self.where}"


def keys_of(keys: Keys) -> list[bytes]:
    """Return all keys of an instance, for keyed hashes made under any of them."""
    return [*keys.signing, *keys.mailed, *keys.wrapping, *keys.lookup]


class Search:
    """What is looked for. `words` in every readable form; `texts` also as their digests and keyed hashes."""

    def __init__(self, words: Iterable[str], texts: Iterable[str] = (), keys: Sequence[bytes] = ()) -> None:
        self._in_any_case: dict[bytes, tuple[str, str]] = {}
        self._exactly: dict[bytes, tuple[str, str]] = {}
        texts = list(texts)
        for text in [*words, *texts]:
            for form, needle in _in_any_case(text):
                self._in_any_case.setdefault(needle.lower(), (text, form))
            for form, needle in _exactly(text):
                self._exactly.setdefault(needle, (text, form))
        self._written: dict[bytes, tuple[str, str]] = {}
        """Digests as they are written down: only in long words need these be looked for."""
        for text in texts:
            for form, digest in _digests(text, keys):
                self._exactly.setdefault(digest, (text, f"{form}, as bytes"))
                for needle in (digest.hex().encode(), digest.hex().upper().encode()):
                    self._written.setdefault(needle, (text, form))
                for needle in (base64.b64encode(digest), base64.urlsafe_b64encode(digest)):
                    self._written.setdefault(needle.rstrip(b"="), (text, f"{form}, in base64"))
        self._known: dict[bytes, frozenset[tuple[str, str]]] = {}

    def in_bytes(self, content: bytes) -> set[tuple[str, str]]:
        """Return what is found in some bytes: text and form."""
        starts = range(0, max(len(content) - _OVERLAP, 1), _PIECE)
        pieces = {content[start : start + _PIECE + _OVERLAP] for start in starts}
        new = [piece for piece in pieces if piece not in self._known]
        if new and not self._look(b"\0".join(new)):  # as a rule there is nothing, and one look is enough
            self._known |= dict.fromkeys(new, frozenset())
        found: set[tuple[str, str]] = set()
        for piece in pieces:
            if piece not in self._known:
                self._known[piece] = frozenset(self._look(piece))
            found |= self._known[piece]
        return found

    def _look(self, content: bytes) -> set[tuple[str, str]]:
        found = set()
        for view in {content, _BROKEN_LINE.sub(b"", content)}:
            lower = view.lower()
            found |= {what for needle, what in self._in_any_case.items() if needle in lower}
            found |= {what for needle, what in self._exactly.items() if needle in view}
            words = b" ".join(_LONG_WORD.findall(view))
            found |= {what for needle, what in self._written.items() if needle in words}
        return found

    def in_value(self, value: Any) -> set[tuple[str, str]]:
        """Return what is found in a value as a database gives it."""
        return self.in_bytes(value if isinstance(value, bytes) else str(value).encode())

    def in_file(self, path: Path, name: str = "") -> list[Trace]:
        """Return what is found in a file: in its bytes, in the archive that it may be, and in its tables."""
        content = path.read_bytes()
        return self._in_content(content, name or path.name) + (
            self._in_tables(path, name or path.name)
            if path.suffix == ".sqlite3" and content.startswith(_SQLITE)
            else []
        )

    def in_folder(self, folder: Path) -> list[Trace]:
        """Return what is found in any file under a folder, and in the files' own names."""
        found = []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            found += [Trace(f"the name of {name}", form, text) for text, form in self.in_bytes(name.encode())]
            if path.is_file():
                found += self.in_file(path, name)
        return sorted(set(found), key=lambda trace: (trace.where.startswith("backups"), trace))

    def _in_content(self, content: bytes, name: str) -> list[Trace]:
        found = [Trace(name, form, text) for text, form in self.in_bytes(content)]
        for inner, opened in _opened(content):
            found += [Trace(f"{name}, {inner}", form, text) for text, form in self.in_bytes(opened)]
        return found

    def _in_tables(self, path: Path, name: str) -> list[Trace]:
        found = []
        # Beside a copy lies no log that SQLite writes ahead; without being told so, it would want to make one.
        how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)) as database:
            tables = database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
            )
            for (table,) in tables.fetchall():
                rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a table's own name
                columns = [each[0] for each in rows.description]
                values: list[list[bytes]] = [[] for _ in columns]
                for row in rows:
                    for at, value in enumerate(row):
                        if value is not None:
                            values[at].append(value if isinstance(value, bytes) else str(value).encode())
                for column, every in zip(columns, values, strict=True):
                    hits = self.in_bytes(b"\0".join(every))
                    found += [Trace(f"{name}, {table}.{column}", form, text) for text, form in hits]
        return found


def _in_any_case(text: str) -> Iterator[tuple[str, bytes]]:
    plain = text.encode()
    yield "as it is", plain
    yield "in UTF-16", text.encode("utf-16-le")
    yield "in UTF-16, the other way around", text.encode("utf-16-be")
    for shown, each in (("", plain), (", in lower case", text.lower().encode())):
        yield f"as hexadecimal digits{shown}", each.hex().encode()
        yield f"percent-encoded{shown}", "".join(f"%{byte:02x}" for byte in each).encode()
        yield f"quoted-printable{shown}", "".join(f"={byte:02x}" for byte in each).encode()
    yield "percent-encoded", "".join(_escaped(text, "%")).encode()
    yield "percent-encoded", quote(text, safe="").encode()
    yield "percent-encoded", quote_plus(text).encode()
    yield "quoted-printable", "".join(_escaped(text, "=")).encode()


def _escaped(text: str, mark: str) -> Iterator[str]:
    """Give each letter as it is, and all else escaped, as addresses and mail headers do."""
    for byte in text.encode():
        letter = chr(byte)
        yield letter if letter.isascii() and letter.isalnum() else f"{mark}{byte:02x}"


def _exactly(text: str) -> Iterator[tuple[str, bytes]]:
    for each in dict.fromkeys((text, text.lower(), text.upper(), text.title())):
        for plain in (each.encode(), each.encode("utf-16-le")):
            for before in range(3):  # wherever in a longer text it begins
                whole = base64.b64encode(b"x" * before + plain)[4 if before else 0 : -4]
                yield "in base64", whole
                yield "in base64", whole.translate(bytes.maketrans(b"+/", b"-_"))


def _digests(text: str, keys: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    for each in dict.fromkeys((text, text.lower())):
        for name in DIGESTS:
            yield f"its {name} digest", hashlib.new(name, each.encode(), usedforsecurity=False).digest()
        for key in keys:
            yield "its keyed hash", hmac.digest(key, each.encode(), "sha256")


def _opened(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Give what is in an archive."""
    with suppress(zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError):
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    yield name, archive.read(name)
        elif content.startswith(b"\x1f\x8b"):
            yield "unpacked", gzip.decompress(content)
