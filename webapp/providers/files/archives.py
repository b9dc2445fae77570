"""The one file of an archive that holds contacts: LinkedIn's Connections.csv, or connections.vcf of a Kith archive.

Nothing is ever unpacked to disk.
"""

import io
import stat
import struct
import zipfile
import zlib
from typing import Literal

from webapp.providers.files.found import FileError

BEGINS = (b"PK\x03\x04", b"PK\x05\x06")
INFLATED_OCTETS = 20_000_000
ENTRIES_MAX = 200
_LISTED_MAX = 10_000
"""Entries of a list that is looked at: a Kith archive holds a photo of each connection."""
_ENTRY = b"PK\x01\x02"
_LOCKED = 0x1
_PIECE = 65_536


def read(data: bytes) -> tuple[Literal["linkedin", "kith"], bytes]:
    """Return whose archive it is and the bytes of its contacts. Raises FileError."""
    if data.count(_ENTRY) > _LISTED_MAX:
        raise FileError("too_many")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            kind, entry = _chosen(archive.infolist())
            return kind, _inflated(archive, entry)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OverflowError,
    ) as wrong:
        raise FileError("broken") from wrong


def _chosen(entries: list[zipfile.ZipInfo]) -> tuple[Literal["linkedin", "kith"], zipfile.ZipInfo]:
    """Return the entry to read, by its name alone; a name that leads elsewhere is only a name."""
    plain = [entry for entry in entries if not entry.is_dir() and not stat.S_ISLNK(entry.external_attr >> 16)]
    named = {entry.filename.replace("\\", "/").lower(): entry for entry in reversed(plain)}
    for name, entry in named.items():
        folder, _, last = name.rpartition("/")
        if last == "connections.vcf" and f"{folder}/kith.json".lstrip("/") in named and "/" not in folder:
            return "kith", entry
    if len(entries) > ENTRIES_MAX:
        raise FileError("too_many")
    for name, entry in sorted(named.items(), key=lambda item: (item[0].count("/"), item[0])):
        if name.rpartition("/")[2] == "connections.csv":
            return "linkedin", entry
    raise FileError("not_contacts")


def _inflated(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return the bytes of an entry, counted while they come: what its header says is only said."""
    if entry.flag_bits & _LOCKED:
        raise FileError("locked")
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FileError("broken")
    pieces = bytearray()
    with archive.open(entry) as opened:
        while piece := opened.read(_PIECE):
            pieces += piece
            if len(pieces) > INFLATED_OCTETS:
                raise FileError("too_large")
    return bytes(pieces)
