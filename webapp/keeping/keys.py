"""New keys for an instance: every secret of its own replaced, and nothing lost by it.

The file comes first and holds old and new; the database follows in one transaction, which ends with the number of the generation it is
now of; and until it has, every process lays over hashes what the database says (`settle`), so a kill at any point leaves all readable
and the next `kith rotate-key` finishes. What a key once sealed it can still open, as long as it is kept: backups of before stay good.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Column, Table, bindparam, inspect, select, update
from sqlalchemy.exc import OperationalError

from webapp import clock, config, schema, sealed, tokens
from webapp.config import Keys, SettingError
from webapp.extensions import db
from webapp.keeping import serving
from webapp.models.base import Sealed
from webapp.models.key import KeyGeneration
from webapp.models.member import Throttle
from webapp.transaction import transaction

Tell = Callable[[str], None]
KEPT = timedelta(days=90)
"""For so long what an old key signed may live: a sign-in. A link in a mail may for good, and proves itself by the key all the same."""
_HASH = re.compile(r"[0-9a-f]{64}")
_BATCH = 5_000
_NEW = ".secret_key-"


@dataclass(frozen=True)
class Done:
    """What a change of keys did."""

    generation: int
    hashes: int
    seals: int
    unreadable: int
    """Sealed under no key that is known, from before: left as they are."""
    was_unfinished: bool


@dataclass(frozen=True)
class Dropped:
    """How many old keys went, how many stay, and until when the last of those does."""

    gone: int
    kept: int
    until: date | None


# Which keys count


def settle(app: Flask) -> None:
    """Let the application use the keys that its database knows. SettingError where the database knows more than the key file has."""
    keys: Keys = app.config["KEYS"]
    with app.app_context():
        try:
            known = generation()
        except OperationalError:  # no database now; whoever asks it next hears so
            if len(keys.lookup) > 1:
                raise
            return
    if known >= len(keys.lookup):
        raise SettingError(
            f"The database was given newer keys than {_path()} holds. Copy the key file from where `kith rotate-key` ran, then start again."
            if not app.config["KITH"]["SECRET_KEY"]
            else "The database was given newer keys than KITH_SECRET_KEY stands for. Unset it, and put the key file into the folder."
        )
    app.config["KEYS"] = replace(keys, lookup=keys.lookup[: known + 1])


def generation() -> int:
    """Return how many look-up keys after the first lie over the hashes of the database."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table(KeyGeneration.__tablename__):
            return 0
        return connection.scalar(select(KeyGeneration.generation)) or 0


# New ones


def rotate(tell: Tell = lambda _sentence: None) -> Done:
    """Make new keys of all three kinds, and bring everything that is kept to them; or finish what was interrupted.

    SettingError while something serves the instance, and where the keys are given by a setting.
    """
    path = _own_path()
    schema.require_newest()
    with serving.alone(path.parent, "Keys are changed"):
        known = generation()
        keys = _read(path)
        unfinished = known < len(keys.lookup) - 1
        if not unfinished:
            today = clock.now().date()
            new = [os.urandom(sealed.KEY_BYTES) for _ in range(3)]
            keys = Keys(
                (new[0], *keys.signing),
                (new[1], *keys.wrapping),
                (*keys.lookup, new[2]),
                keys.mailed,
                (today, *keys.replaced),
            )
            write(path, keys)
            tell(f"Wrote the new keys into {path}, beside the old ones.")
        current_app.config["KEYS"] = keys
        done = lift(tell)
    return replace(done, was_unfinished=unfinished)


def bring_forward(keys: Keys) -> None:
    """Bring the database at hand, such as one out of a backup of before, to these keys, where it is not there yet."""
    if generation() < len(keys.lookup) - 1:
        current_app.config["KEYS"] = keys
        lift()


def lift(tell: Tell = lambda _sentence: None) -> Done:
    """Bring the database to all keys of the file, in one transaction: hashes get the layers they lack, what is sealed the newest key."""
    keys: Keys = current_app.config["KEYS"]
    newest = len(keys.lookup) - 1
    with transaction():
        row = db.session.get(KeyGeneration, 1, with_for_update=True)
        known = row.generation if row else 0
        hashes = sum(_lift(column, known, tell) for column in keyed_columns()) + _lift_throttles(known)
        counts = [_seal(column, tell) for column in sealed_columns()]
        if row is None:
            row = KeyGeneration(id=1)
            db.session.add(row)
        row.generation, row.at = newest, clock.now()
    return Done(newest, hashes, sum(count for count, _bad in counts), sum(bad for _count, bad in counts), False)


def keyed_columns() -> list[Column[Any]]:
    """Return the columns that hold keyed hashes."""
    return [column for column in _columns() if column.info.get("keyed")]


def sealed_columns() -> list[Column[Any]]:
    """Return the columns whose values are sealed under the wrapping key."""
    return [column for column in _columns() if isinstance(column.type, Sealed) or "wrapped" in column.info]


def _columns() -> Iterator[Column[Any]]:
    for table in db.metadata.sorted_tables:
        yield from table.columns


def _table(column: Column[Any]) -> Table:
    return db.metadata.tables[str(column.table)]


def _lift(column: Column[Any], known: int, tell: Tell) -> int:
    there = list(db.session.scalars(select(column).where(column != "").distinct()))
    table = _table(column)
    changed = update(table).where(column == bindparam("old")).values({column.name: bindparam("new")})
    for start in range(0, len(there), _BATCH):
        values = [{"old": old, "new": tokens.lifted(old, known)} for old in there[start : start + _BATCH]]
        db.session.connection().execute(changed, values)
        tell(f"{column.table.name}.{column.name}: {min(start + _BATCH, len(there))} of {len(there)} hashes.")
    return len(there)


def _lift_throttles(known: int) -> int:
    """Let counters of tries go on for the same addresses: the hash of one stands inside the counter's name."""
    there = [key for key in db.session.scalars(select(Throttle.key)) if _HASH.search(key)]
    changed = (
        update(db.metadata.tables[Throttle.__tablename__])
        .where(Throttle.key == bindparam("old"))
        .values(key=bindparam("new"))
    )
    values = [{"old": key, "new": _HASH.sub(lambda found: tokens.lifted(found[0], known), key)} for key in there]
    if values:
        db.session.connection().execute(changed, values)
    return len(values)


def _seal(column: Column[Any], tell: Tell) -> tuple[int, int]:
    """Seal every value of a column anew; return how many were, and how many could not be opened."""
    table = _table(column)
    raw = db.type_coerce(column, db.LargeBinary()).label("sealed_before")
    rows = db.session.execute(
        select(*(each for each in table.columns if each is not column), raw).where(column.is_not(None))
    )
    keyed = [each == bindparam(f"key_{each.name}") for each in table.primary_key]
    changed = update(table).where(*keyed).values({column.name: bindparam("new", type_=db.LargeBinary())})
    waiting, count, unreadable = [], 0, 0
    for row in rows.mappings().all():
        place = column.type.place if isinstance(column.type, Sealed) else column.info["wrapped"].format(**row)
        with suppress(sealed.Unreadable):
            plain = sealed.unwrap(bytes(row["sealed_before"]), place)
            values = {f"key_{each.name}": row[each.name] for each in table.primary_key}
            waiting.append(values | {"new": sealed.wrap(plain, place)})
            continue
        unreadable += 1
    for start in range(0, len(waiting), _BATCH):
        db.session.connection().execute(changed, waiting[start : start + _BATCH])
        count = min(start + _BATCH, len(waiting))
        tell(f"{table.name}.{column.name}: {count} of {len(waiting)} seals.")
    return count, unreadable


# Old ones


def drop_old(*, at_once: bool = False) -> Dropped:
    """Take out of the file the old signing and wrapping keys that nothing needs any more; `at_once`, all of them.

    Look-up keys stay for good, for the hashes lie under all of them. A signing key goes on proving the links in mails, and nothing else.
    """
    path = _own_path()
    schema.require_newest()
    with serving.alone(path.parent, "Keys are dropped"):
        keys = _read(path)
        if generation() < len(keys.lookup) - 1:
            raise SettingError(
                "A change of keys was interrupted. Finish it with `kith rotate-key`, then drop the old ones."
            )
        day = clock.now().date() - KEPT
        stay = 0 if at_once else sum(each > day for each in keys.replaced)
        gone = keys.signing[1 + stay :]
        write(
            path,
            Keys(
                keys.signing[: 1 + stay],
                keys.wrapping[: 1 + stay],
                keys.lookup,
                (*keys.mailed, *reversed(gone)),
                keys.replaced[:stay],
            ),
        )
    return Dropped(len(gone), stay, keys.replaced[0] + KEPT if stay else None)


# The file


def write(path: Path, keys: Keys) -> None:
    """Put a key file in the place of the one before it: a reader finds either, whole, whenever the machine stops."""
    for left in path.parent.glob(f"{_NEW}*"):  # by who was killed while writing one
        left.unlink()
    descriptor, name = tempfile.mkstemp(prefix=_NEW, dir=path.parent)  # readable by its owner only
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            if path.exists() and os.geteuid() == 0:
                os.fchown(file.fileno(), path.stat().st_uid, path.stat().st_gid)
            file.write(keys.as_text())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_given() -> Path:
    """Write the keys that KITH_SECRET_KEY stands for into the key file, so that the setting can go; return the file.

    SettingError where there is no such setting, and where there is a key file already.
    """
    if not config.setting("SECRET_KEY"):
        raise SettingError("KITH_SECRET_KEY is not set: the keys are in the key file already.")
    if _path().exists():
        raise SettingError(f"{_path()} is there already, with other keys. Move it away first, if nothing needs it.")
    write(_path(), current_app.config["KEYS"])
    return _path()


def _path() -> Path:
    path: Path = config.setting("INSTANCE") / "secret_key"
    return path


def _own_path() -> Path:
    if config.setting("SECRET_KEY"):
        raise SettingError(
            "The keys follow from KITH_SECRET_KEY, so they can't be changed here. Run `kith rotate-key --write-file`, unset it, "
            "and run this again."
        )
    return _path()


def _read(path: Path) -> Keys:
    """Return all keys of the file; of these the application may use fewer."""
    return Keys.from_text(path.read_text(encoding="ascii"))
