"""The archive of a member while it is kept: asked for, built, handed out, and gone after a day.

The file lies in the folder `archives` of the instance, sealed under a key of its own, for nobody's eyes but the process's. The key stands
wrapped in the member's row: whatever deletes that row (a day, signing out everywhere, a new password, the end of the account) makes
the file noise at once, and the next sweep deletes it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from limits import RateLimitItemPerDay
from sqlalchemy import delete, select, update

from webapp import clock, config, sealed, tokens
from webapp.domain import relationships, telling, throttles
from webapp.domain.errors import N_, NotFound, Refused, TooMany
from webapp.extensions import db
from webapp.models.archive import Archive
from webapp.models.member import Member
from webapp.models.notification import Notification
from webapp.sealed import Sealing, Unreadable

KIND = "archive"
"""Of the notification and the mail."""
HOURS = 24
TRIES = 3
LOST = timedelta(minutes=2)
"""After so long without a word, whoever was building it is gone."""
PER_DAY = RateLimitItemPerDay(6, 1, namespace="archives")
FREE_BYTES = 200_000_000
"""So much must stay free on the disk beside an archive."""


class Gone(Exception):
    """The archive that is being built is not wanted any more."""


class Full(Exception):
    """The disk has no room for it."""


@dataclass(frozen=True)
class Claimed:
    """An archive that this process, and no other, is building."""

    member_id: int
    name: str
    key: bytes


def ask(viewer: Member) -> None:
    """Ask for an archive to be made; one that is there goes. Asking while one is being made is once; TooMany beyond six a day."""
    relationships.lock_members([viewer.id])
    now, row = clock.now(), of(viewer)
    if row is not None and row.state in {"asked", "building"}:
        return
    if not throttles.count(PER_DAY, str(viewer.id)):
        raise TooMany(N_("You had six archives made today. Ask for the next one tomorrow."), retry_after=86400)
    discard(viewer)
    name = tokens.new()
    db.session.add(
        Archive(
            member_id=viewer.id,
            name=name,
            wrapped=sealed.wrap(sealed.new_key(), _key_place(name)),
            asked_at=now,
            expires_at=now + timedelta(hours=HOURS),
        )
    )
    db.session.flush()


def of(viewer: Member) -> Archive | None:
    """Return the viewer's archive as it is; None where there is none, or its time has passed."""
    return db.session.scalar(select(Archive).where(Archive.member_id == viewer.id, Archive.expires_at > clock.now()))


def discard(viewer: Member) -> None:
    """Delete the viewer's archive, and what was told of it."""
    name = db.session.scalar(delete(Archive).where(Archive.member_id == viewer.id).returning(Archive.name))
    telling.retract(KIND, [(viewer.id, viewer.id)])
    if name is not None:
        _path(name).unlink(missing_ok=True)


def pieces(viewer: Member) -> tuple[int, Iterator[bytes]]:
    """Return how large the viewer's archive is, and its pieces. NotFound where none is ready, Refused for one that is damaged."""
    row = of(viewer)
    if row is None or row.state != "ready":
        raise NotFound
    damaged = Refused(N_("This archive can't be read any more. Have it made again."))
    try:
        key = sealed.unwrap(row.wrapped, _key_place(row.name))
        file = _path(row.name).open("rb")
    except (Unreadable, OSError):
        raise damaged from None
    found = sealed.unsealing(file, key, _place(row.name))
    try:
        first = next(found)
    except Unreadable:
        file.close()
        raise damaged from None
    return row.size, _rest(first, found, file)


def _rest(first: bytes, found: Iterator[bytes], file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield first
        yield from found


# Building


def claim() -> Claimed | None:
    """Take the archive that waits longest, in the transaction of the caller; None where none waits. One that nobody could build fails."""
    now = clock.now()
    waiting = (Archive.state == "asked") | ((Archive.state == "building") & (Archive.claimed_at < now - LOST))
    row = db.session.scalar(
        select(Archive)
        .where(waiting, Archive.expires_at > now)
        .order_by(Archive.asked_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    row.state, row.claimed_at, row.tries, row.done = "building", now, row.tries + 1, 0
    try:
        key = sealed.unwrap(row.wrapped, _key_place(row.name))
    except Unreadable:
        row.state = "failed"
        return None
    if row.tries > TRIES:
        row.state = "failed"
        return None
    return Claimed(row.member_id, row.name, key)


def say(claimed: Claimed, done: int, total: int) -> None:
    """Note how far it is, in the transaction of the caller; Gone where nobody wants it any more."""
    _change(claimed, done=min(done, total), total=total, claimed_at=clock.now())
    if shutil.disk_usage(_folder()).free < FREE_BYTES:
        raise Full


def settle(claimed: Claimed, size: int) -> None:
    """Note that it is ready, and tell its owner; from now on it is kept for a day. Gone where nobody wants it any more."""
    now = clock.now()
    _change(claimed, state="ready", size=size, expires_at=now + timedelta(hours=HOURS))
    telling.tell(KIND, [(claimed.member_id, claimed.member_id)])


def put_back(claimed: Claimed) -> None:
    """Let another process build it: this one ends."""
    db.session.execute(
        update(Archive)
        .where(Archive.member_id == claimed.member_id, Archive.name == claimed.name)
        .values(state="asked", tries=Archive.tries - 1)
        .execution_options(synchronize_session=False)
    )


def give_up(claimed: Claimed) -> None:
    """Note that it could not be made."""
    db.session.execute(
        update(Archive)
        .where(Archive.member_id == claimed.member_id, Archive.name == claimed.name)
        .values(state="failed")
        .execution_options(synchronize_session=False)
    )


def _change(claimed: Claimed, **values: object) -> None:
    changed = (
        update(Archive)
        .where(
            Archive.member_id == claimed.member_id,
            Archive.name == claimed.name,
            Archive.state == "building",
            select(Member.id).where(Member.id == claimed.member_id, Member.deleted_at.is_(None)).exists(),
        )
        .values(**values)
    )
    if not db.session.execute(changed.execution_options(synchronize_session=False)).rowcount:  # type: ignore[attr-defined]
        raise Gone


@contextmanager
def writing(claimed: Claimed) -> Iterator[Sealing]:
    """Write the file of an archive; whole on the disk at the end, and gone where anything went wrong."""
    path = _path(claimed.name)
    path.unlink(missing_ok=True)  # what another process left that was killed
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        with file:
            made = Sealing(file, claimed.key, _place(claimed.name))
            yield made
            made.finish()
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


# Letting it go


def sweep(now: datetime) -> int:
    """Delete the archives whose time has passed, what was told of those that are gone, and files that belong to none; return how many."""
    files = {path.name for path in _folder().iterdir()}  # before the rows are read: a row is there before its file
    ended = delete(Archive).where(Archive.expires_at <= now)
    count: int = db.session.execute(ended.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
    there = select(Archive.member_id).where(Archive.member_id == Notification.member_id, Archive.state == "ready")
    untrue = delete(Notification).where(Notification.kind == KIND, ~there.exists())
    db.session.execute(untrue.execution_options(synchronize_session=False))
    for name in files - set(db.session.scalars(select(Archive.name))):
        _path(name).unlink(missing_ok=True)
    return count


def is_ready(member: Member) -> bool:
    """Whether there is an archive to be handed out."""
    row = of(member)
    return row is not None and row.state == "ready"


def _folder() -> Path:
    folder: Path = config.setting("INSTANCE") / "archives"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _path(name: str) -> Path:
    return _folder() / name


def _key_place(name: str) -> str:
    return f"archive key {name}"


def _place(name: str) -> str:
    return f"archive {name}"
