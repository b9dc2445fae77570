"""The file of a backup: a zip with the database as SQLite keeps it, perhaps the key file and the settings, and a manifest of it all.

It is written under another name beside the final one, brought to the disk and only then given its name: there is never half a backup. It is
readable by its owner alone. Nothing in it is packed: the manifest's digests are of the members as they are.
"""

import hashlib
import hmac
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from webapp.config import Keys
from webapp.keeping.errors import Refused
from webapp.keeping.ground import Progress, silent

FORMAT = 1
DATABASE = "kith.sqlite3"
KEYS_FILE = "secret_key"
SETTINGS_FILE = "config.toml"
MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1_000_000
_PIECE = 1_048_576


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    id: str
    """By which the database that it was taken of knows it."""
    kith: str
    """The version of Kith that wrote it."""
    engine: str
    """What it was taken of: `sqlite` or `postgresql`. In the file it is SQLite either way."""
    revision: str
    made_at: str
    rows: Mapping[str, int]
    """How many rows each table has."""
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The files in it: `bytes` and `sha256` of each."""
    keys: str = ""
    """By which a key file is known as the one it was made with; nothing can be computed from it."""

    @property
    def has_keys(self) -> bool:
        """Whether the key file is in it."""
        return KEYS_FILE in self.members


def known_by(keys: Keys) -> str:
    """Return by what the keys of an instance are known: a keyed digest, from which no key can be computed."""
    return _known(keys.wrapping[0], keys.lookup)


def _known(wrapping: bytes, lookup: Sequence[bytes]) -> str:
    return hmac.digest(wrapping + b"".join(lookup), b"kith backup: which keys", "sha256").hex()


def are_known_by(keys: Keys, said: str) -> bool:
    """Whether the keys of an instance are these now, or were before newer ones were made."""
    ever = (_known(each, keys.lookup[: many + 1]) for each in keys.wrapping for many in range(len(keys.lookup)))
    return any(hmac.compare_digest(said, known) for known in ever)


def seal(manifest: Mapping[str, Any], key: bytes) -> str:
    """Return the keyed digest of a manifest: who has not the keys cannot write another one."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, f"kith backup: {text}".encode(), "sha256").hex()


@contextmanager
def placed(file: Path) -> Iterator[Path]:
    """Give a folder of one's own beside a file that is to be; afterwards it is gone. Refused where there is such a file, or no folder."""
    if file.exists():
        also = (
            "is a folder: name a new file in it"
            if file.is_dir()
            else "exists already: choose another name, or remove it first"
        )
        raise Refused(f"{file} {also}.")
    folder = file.parent / f".{file.name}.{os.getpid()}"
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise Refused(f"Nothing can be written in {file.parent}: {error.strerror}.") from None
    try:
        yield folder
    except OSError as error:
        raise Refused(f"{file} could not be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(
    file: Path, within: Path, manifest: Manifest, members: Mapping[str, Path], key: bytes, progress: Progress = silent
) -> Manifest:
    """Write a backup of these members; `within` is the folder of `placed`. Return its manifest as it was written."""
    there = within / "backup"
    descriptor = os.open(there, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    total = sum(path.stat().st_size for path in members.values())
    done, found = 0, {}
    with os.fdopen(descriptor, "wb") as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, path in members.items():
                digest, size = hashlib.sha256(), 0
                with path.open("rb") as given, archive.open(_entry(name), "w", force_zip64=True) as taking:
                    while piece := given.read(_PIECE):
                        digest.update(piece)
                        taking.write(piece)
                        size += len(piece)
                        progress("the file", done + size, total)
                done += size
                found[name] = {"bytes": size, "sha256": digest.hexdigest()}
            written = Manifest(**{**asdict(manifest), "members": found})
            said = asdict(written)
            archive.writestr(_entry(MANIFEST), json.dumps({**said, "seal": seal(said, key)}, indent=1))
        out.flush()
        os.fsync(out.fileno())
    give_name(there, file)
    return written


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | 0o600) << 16
    return entry


def give_name(there: Path, file: Path) -> None:
    """Give a file its final name, so that it is there whole or not at all, also after a power cut."""
    there.replace(file)
    to_disk(file.parent)


def to_disk(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Reading


def _is_gzip(file: Path) -> bool:
    try:
        with file.open("rb") as given:
            return given.read(2) == b"\x1f\x8b"
    except OSError:
        return False


class Backup:
    """A backup that is there: its manifest, and its members to be taken out. Refused, with one sentence, for what is none."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._archive = zipfile.ZipFile(file)
        except FileNotFoundError:
            raise Refused(f"There is no file {file}.") from None
        except (zipfile.BadZipFile, OSError) as error:
            if _is_gzip(file):
                raise Refused(f"{file} is packed: unpack it first, with gunzip.") from None
            reason = "" if isinstance(error, zipfile.BadZipFile) else f": {error.strerror}"
            raise Refused(f"{file} is no backup of Kith, or only a part of one{reason}.") from None
        self.manifest, self._said, self._seal = self._read()

    def _read(self) -> tuple[Manifest, dict[str, Any], str]:
        try:
            with self._archive.open(MANIFEST) as entry:
                said = json.loads(entry.read(_MANIFEST_BYTES))
            sealed = str(said.pop("seal"))
            self._check_format(said)
            manifest = Manifest(**said)
            sizes = {name: int(each["bytes"]) for name, each in manifest.members.items()}
            inside = {
                entry.filename: entry.file_size for entry in self._archive.infolist() if entry.filename != MANIFEST
            }
        except Refused:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile, NotImplementedError, OSError):
            raise Refused(f"{self.file} is no backup of Kith, or only a part of one.") from None
        if DATABASE not in sizes or sizes != inside or not set(sizes) <= {DATABASE, KEYS_FILE, SETTINGS_FILE}:
            raise Refused(f"{self.file} is damaged: what is in it is not what its manifest says.")
        return manifest, said, sealed

    def _check_format(self, said: Mapping[str, Any]) -> None:
        if int(said["format"]) > FORMAT:
            raise Refused(f"{self.file} was made by Kith {said['kith']}, which is newer: upgrade Kith first.")

    def check(self, keys: Keys) -> None:
        """Refused for other keys than those it was made with, and for a manifest that somebody wrote without them."""
        if not are_known_by(keys, self.manifest.keys):
            raise Refused(f"{self.file} was made with other keys than these: put the key file back that belongs to it.")
        if not any(hmac.compare_digest(self._seal, seal(self._said, key)) for key in (*keys.signing, *keys.mailed)):
            raise Refused(f"{self.file} was changed since it was made: its manifest is not the one that Kith wrote.")

    def take_out(self, name: str, to: Path, progress: Progress = silent) -> None:
        """Write a member into a new file, readable by its owner alone, checking it against the manifest. Refused where it is another."""
        said = self.manifest.members[name]
        digest, size = hashlib.sha256(), 0
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out, self._archive.open(name) as entry:
                size = _taken(entry, out, digest, int(said["bytes"]), progress)
        except zipfile.BadZipFile:
            size = -1
        except OSError as error:
            raise Refused(f"{to} could not be written: {error.strerror or error}.") from None
        if (size, digest.hexdigest()) != (said["bytes"], said["sha256"]):
            to.unlink(missing_ok=True)
            raise Refused(f"{self.file} is damaged: {name} in it is not what its manifest says.")

    def close(self) -> None:
        """Let go of the file."""
        self._archive.close()


def _taken(entry: IO[bytes], out: IO[bytes], digest: Any, most: int, progress: Progress) -> int:
    size = 0
    while piece := entry.read(_PIECE):
        size += len(piece)
        if size > most:
            break
        digest.update(piece)
        out.write(piece)
        progress("the file", size, most)
    out.flush()
    os.fsync(out.fileno())
    return size
