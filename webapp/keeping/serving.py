"""Whether anything serves this instance: what changes the ground under a server waits until it is stopped."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from webapp import clock
from webapp.config import SettingError
from webapp.extensions import db
from webapp.models.mail import Lease

FILE = "running.lock"
_held: list[int] = []
"""Kept open as long as the process lives; processes that it forks keep it open too."""


def hold(folder: Path) -> None:
    """Say that this process serves the instance, until it ends, however it ends. SettingError while somebody works on it."""
    file = _open(folder)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise SettingError(
            "Somebody works on this instance at this moment, as with `kith rotate-key`. Start again in a minute."
        ) from None
    _held.append(file)


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Run the block while nothing serves the instance, and let nothing begin to; SettingError where something does.

    Servers of this folder are seen at once, others that share the database by the recurring work they do. `what` begins the sentence.
    """
    with locked(folder, what):
        elsewhere = _elsewhere()
        if elsewhere:
            raise SettingError(
                f"{what} only while nothing serves this instance, but {elsewhere} did less than half a minute ago: "
                "stop it, and if it was killed, wait that long."
            )
        yield


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Run the block while no server of this folder runs, and let none begin; SettingError where one does. Asks no database."""
    file = _open(folder)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingError(
                f"{what} only while nothing serves this instance: stop `kith serve` and `kith worker`, then run this again."
            ) from None
        yield
    finally:
        os.close(file)


def _open(folder: Path) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    whose = folder.stat()
    if (
        os.geteuid() == 0 and whose.st_uid != 0
    ):  # root restored a backup: the servers of the folder's owner need the file, too
        os.fchown(file, whose.st_uid, whose.st_gid)
    return file


def _elsewhere() -> str | None:
    """Return which process holds a lease at the moment; None where none does."""
    with db.engine.connect() as connection:
        return connection.scalar(select(Lease.holder).where(Lease.runs(clock.now())).limit(1))
