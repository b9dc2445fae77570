"""What happened since a backup was made, read from the database that it replaces: what somebody refused or ended since is not undone.

Opt-outs are added, whatever else is true. Where the backup was taken of that very database, it also knows who has left or is leaving, whom
operators suspended, who blocked whom, which invitations to guests were withdrawn or erased, and what members chose to hear and to show.
The rest is as it was when the backup was made.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import delete, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from webapp import clock, config, tokens
from webapp.domain import leaving, relationships
from webapp.domain.errors import NotFound
from webapp.extensions import db
from webapp.keeping import tables
from webapp.keeping.backup import MARK
from webapp.keeping.errors import Refused
from webapp.models.base import to_ms
from webapp.models.key import KeyGeneration
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.transaction import transaction

CHUNK = 2000
_BEGINS = b"SQLite format 3\0"
"""How every file of SQLite's begins: https://www.sqlite.org/fileformat.html#magic_header_string"""
WILLS = ("findable", "askable", "connections_shown", "unlisted", "unsuggested", "digest", "writable", "shows_reading")
"""What members say of who may find, ask, see and write to them, and how often mails come: their latest word counts."""
READ: Mapping[str, Sequence[str]] = {
    "guest_address": (
        "lookup",
        "mailed_at",
        "link_digest",
        "link_expires_at",
        "opted_out_at",
        "undeliverable_until",
    ),
    "guest_invitation": (
        "key",
        "address",
        "name",
        "state",
        "quiet_at",
        "quiet_reason",
        "facts",
        "leaves_at",
        "mailed_at",
        "expires_at",
        "ended_at",
        "joined_id",
    ),
    "member": ("id", "created_at", "deleted_at", "suspended_at", "silenced_until", *WILLS),
    "departure": ("member_id", "asked_at", "due_at"),
    "email_address": ("member_id", "lookup"),
    "event_choice": ("member_id", "event", "channel", "wanted"),
    "relationship": ("low_id", "high_id", "low_blocked_at", "high_blocked_at"),
    "act": (
        "number",
        "at",
        "kind",
        "until",
        "member_id",
        "reason",
        "member_salt",
        "member_seal",
        "operator_id",
        "operator_salt",
        "operator_seal",
        "digest",
    ),
}
"""What is read of the other database, into tables that are gone with the connection."""
ONLY = {
    "relationship": "low_blocked_at IS NOT NULL OR high_blocked_at IS NOT NULL",
    "event_choice": "channel = 'email' AND NOT wanted",
}


@dataclass(frozen=True)
class Merged:
    """What was taken over from the database that a backup replaces."""

    opt_outs: int = 0
    is_later: bool = False
    """Whether the backup was taken of it, so that it tells what has happened since, and more than opt-outs was taken over."""
    is_whole: bool = True
    """Whether all of it could be read. Who is missing in one that is damaged need not have left."""
    left: int = 0
    leaving: int = 0
    suspended: int = 0
    blocked: int = 0
    guests: int = 0
    gone: tuple[int, ...] = field(default=(), repr=False)


def engine_of(where: str, *, is_named: bool) -> Engine:
    """Return the engine of another database, by its file or its URL; one of SQLite's is read and not written.

    Refused where an address leads to none, and where a file that somebody named is none: what was refused and ended would be lost.
    """
    if where.startswith("postgresql+psycopg://"):
        if fault := config.database_fault(where):
            raise Refused(f"The old database's address {fault}.")
        engine = sqlalchemy.create_engine(where, hide_parameters=True)
        try:
            engine.connect().close()
        except DBAPIError as error:  # a mistake in the address, such as a password, must not lose what was refused
            raise Refused(f"The old database can't be used: {tables.first_line(error.orig)}.") from None
        return engine
    path = Path(where.removeprefix("sqlite:///"))
    if not path.is_file():
        raise Refused(f"There is no database {where}: name a file of SQLite's, or postgresql+psycopg://...")
    with path.open("rb") as file:  # whoever may not read it would be told that it is damaged
        if is_named and file.read(len(_BEGINS)) != _BEGINS:
            raise Refused(f"{where} is no database of SQLite's: name the one that was in use.")
    return sqlalchemy.create_engine(f"sqlite:///file:{quote(str(path.absolute()))}?mode=ro&uri=true")


def merge(other: Engine, mark: str) -> Merged:
    """Take over what must not be undone from another database into that of the application at hand, which is SQLite's.

    Those who have left are marked for it; `finish` deletes them, when everything else is settled.
    """
    with transaction():
        connection = db.session.connection()
        read = {name: _read(other, connection, name) for name in READ}
        opt_outs = _guest_addresses()
        knows = _knows(other, mark)
        is_whole = all(read.values()) and knows is not None
        if not knows:
            return Merged(opt_outs, is_whole=is_whole)
        guests = _guest_invitations(is_whole=is_whole)
        gone = _missing() if is_whole else []
        blocked = _blocks()
        counted = _members()
        _acts()
        for member_id in gone:
            _leave(member_id)
        return Merged(
            opt_outs,
            is_later=True,
            is_whole=is_whole,
            blocked=blocked,
            guests=guests,
            left=len(gone),
            gone=tuple(gone),
            **counted,
        )


def finish(merged: Merged) -> None:
    """Delete those who have left, a step after the other, without the mail that they had already."""
    for member_id in merged.gone:
        going = True
        while going:
            with transaction():
                going = leaving.step(member_id)
                told = delete(OutgoingMail).where(
                    OutgoingMail.to_member_id == member_id, OutgoingMail.kind.in_(leaving.MAILS)
                )
                db.session.execute(told.execution_options(synchronize_session=False))


# Reading the other database


def _read(other: Engine, connection: Connection, name: str) -> bool:
    """Copy what is wanted of a table into one that is gone with the connection; whether all of it could be read."""
    columns = ", ".join(READ[name])
    connection.exec_driver_sql(f"CREATE TEMP TABLE old_{name} ({columns})")
    place = READ[name].index("lookup") if "lookup" in READ[name] else -1
    into = f"INSERT INTO old_{name} VALUES ({', '.join('?' * len(READ[name]))})"  # noqa: S608 - names of ours
    try:
        with other.connect() as reading:
            if name not in tables.names(reading):
                return False
            generation = _generation(reading) if place >= 0 else 0
            where = f" WHERE {ONLY[name]}" if name in ONLY else ""
            streaming = reading.execution_options(stream_results=True, max_row_buffer=CHUNK)
            found = streaming.exec_driver_sql(f'SELECT {columns} FROM "{name}"{where}')  # noqa: S608 - names of ours
            while some := found.fetchmany(CHUNK):  # what was read before a page that is damaged counts
                connection.exec_driver_sql(into, [_lifted(tuple(row), place, generation) for row in some])
    except DBAPIError:
        return False
    return True


def _generation(reading: Connection) -> int:
    """Return how many keys lie over the hashes of the other database: newer ones may have been made since it was in use."""
    if KeyGeneration.__tablename__ not in tables.names(reading):
        return 0
    return int(reading.scalar(select(KeyGeneration.generation)) or 0)


def _lifted(row: tuple[Any, ...], place: int, generation: int) -> tuple[Any, ...]:
    return (
        row if place < 0 or not row[place] else (*row[:place], tokens.lifted(row[place], generation), *row[place + 1 :])
    )


def _knows(other: Engine, mark: str) -> bool | None:
    """Whether the other database was in use when the backup was taken, and so tells what has happened since; None where it can't say."""
    try:
        with other.connect() as reading:
            found = reading.execute(text("SELECT count(*) FROM lease WHERE name = :name"), {"name": MARK + mark})
            return bool(found.scalar_one())
    except DBAPIError:
        return None


# Taking over


def _run(statement: str, **given: Any) -> int:
    return int(db.session.execute(text(statement), given).rowcount)  # type: ignore[attr-defined]


def _guest_addresses() -> int:
    """Add what is remembered of addresses outside: opt-outs, and when each had its one mail. Return how many opt-outs are new."""
    new = db.session.execute(
        text(
            "SELECT count(*) FROM old_guest_address o LEFT JOIN guest_address g USING (lookup)"
            " WHERE o.opted_out_at IS NOT NULL AND g.opted_out_at IS NULL"
        )
    ).scalar_one()
    later = "{0} = nullif(max(coalesce(guest_address.{0}, 0), coalesce(excluded.{0}, 0)), 0)"
    wants = "coalesce(guest_address.opted_out_at, excluded.opted_out_at)"
    columns = ", ".join(READ["guest_address"])
    _run(
        f"INSERT INTO guest_address ({columns}) SELECT {columns} FROM old_guest_address WHERE true"  # noqa: S608 - names of ours
        f" ON CONFLICT (lookup) DO UPDATE SET opted_out_at = {wants}, {later.format('mailed_at')}, {later.format('undeliverable_until')},"
        f" link_digest = CASE WHEN {wants} IS NULL THEN coalesce(excluded.link_digest, guest_address.link_digest) END,"
        f" link_expires_at = CASE WHEN {wants} IS NULL THEN coalesce(excluded.link_expires_at, guest_address.link_expires_at) END"
    )
    return int(new)


def _guest_invitations(*, is_whole: bool) -> int:
    """Bring every invitation to where it is now; return how many differ. Who has joined since can join again by the same link."""
    same = (
        "address",
        "name",
        "facts",
        "quiet_at",
        "quiet_reason",
        "leaves_at",
        "mailed_at",
        "expires_at",
        "ended_at",
        "state",
    )
    changed = " OR ".join(f"i.{name} IS NOT o.{name}" for name in ("state", "quiet_at", "address", "name"))
    number = db.session.execute(
        text(f"SELECT count(*) FROM guest_invitation i JOIN old_guest_invitation o USING (key) WHERE {changed}")  # noqa: S608 - names of ours
    ).scalar_one()
    _run(
        "UPDATE guest_invitation SET state = 'invited', mailed_at = o.mailed_at, leaves_at = o.leaves_at FROM old_guest_invitation o"
        " WHERE o.key = guest_invitation.key AND o.state = 'accepted' AND guest_invitation.state IN ('held', 'queued')"
    )
    _run(
        f"UPDATE guest_invitation SET {', '.join(f'{name} = o.{name}' for name in same)},"  # noqa: S608 - names of ours
        " joined_id = (SELECT id FROM member WHERE id = o.joined_id) FROM old_guest_invitation o"
        " WHERE o.key = guest_invitation.key AND (o.state <> 'accepted' OR guest_invitation.state = 'accepted')"
    )
    if is_whole:
        number += _run("DELETE FROM guest_invitation WHERE key NOT IN (SELECT key FROM old_guest_invitation)")
        _run(
            "DELETE FROM email_address WHERE verified_at IS NULL AND NOT is_primary AND NOT EXISTS"
            " (SELECT 1 FROM old_email_address o WHERE o.member_id = email_address.member_id AND o.lookup = email_address.lookup)"
        )
    return int(number)


_SAME = "o.id = member.id AND o.created_at = member.created_at"


def _missing() -> list[int]:
    """Return the ids of those who are not there any more: the same number may be somebody else's now."""
    missing = f"SELECT id FROM member WHERE NOT EXISTS (SELECT 1 FROM old_member o WHERE {_SAME}) ORDER BY id"  # noqa: S608 - names of ours
    return list(db.session.scalars(text(missing)))


def _members() -> dict[str, int]:
    """Bring those who are there to where they are now: leaving or staying after all, suspended or not, and what they want."""
    left = _run(
        f"UPDATE member SET deleted_at = o.deleted_at FROM old_member o WHERE {_SAME} AND o.deleted_at IS NOT NULL"  # noqa: S608 - names of ours
        " AND member.deleted_at IS NULL"
    )
    _run(f"UPDATE member SET deleted_at = o.deleted_at FROM old_member o WHERE {_SAME}")  # noqa: S608 - as above
    _run("DELETE FROM departure WHERE member_id IN (SELECT id FROM member WHERE deleted_at IS NULL)")
    _run(
        "INSERT INTO departure (member_id, asked_at, due_at, next_at, stage, counts)"
        " SELECT o.member_id, o.asked_at, o.due_at, o.due_at, '', '{}' FROM old_departure o"
        " JOIN member ON member.id = o.member_id AND member.deleted_at IS NOT NULL WHERE true"
        " ON CONFLICT (member_id) DO UPDATE SET due_at = excluded.due_at, next_at = excluded.next_at"
    )
    suspended = _run(
        f"UPDATE member SET suspended_at = o.suspended_at FROM old_member o WHERE {_SAME} AND o.suspended_at IS NOT NULL"  # noqa: S608 - as above
        " AND member.suspended_at IS NULL"
    )
    now = ("suspended_at", "silenced_until", *WILLS)
    _run(f"UPDATE member SET {', '.join(f'{name} = o.{name}' for name in now)} FROM old_member o WHERE {_SAME}")  # noqa: S608 - as above
    _run(
        "INSERT INTO event_choice (member_id, event, channel, wanted)"  # noqa: S608 - as above
        " SELECT c.member_id, c.event, c.channel, c.wanted FROM old_event_choice c"
        f" JOIN old_member o ON o.id = c.member_id JOIN member ON {_SAME} WHERE true"
        " ON CONFLICT (member_id, event, channel) DO UPDATE SET wanted = excluded.wanted"
    )
    return {"leaving": left, "suspended": suspended}


def _acts() -> None:
    """Add the later lines to the log of operators' acts, where they follow from the last one here."""
    there = "(SELECT 1 FROM old_member o JOIN member ON o.id = member.id AND o.created_at = member.created_at WHERE o.id = a.{})"
    taken = []
    for name in READ["act"]:
        side = next(
            (each for each in ("member", "operator") if name in {f"{each}_id", f"{each}_salt"}),
            "member" if name == "reason" else "",
        )
        empty = "NULL" if name.endswith("_id") else "''"
        taken.append(
            f"CASE WHEN EXISTS {there.format(f'{side}_id')} THEN a.{name} ELSE {empty} END" if side else f"a.{name}"
        )
    last = "SELECT max(number) FROM act"
    follows = f"EXISTS (SELECT 1 FROM act JOIN old_act o USING (number) WHERE act.number = ({last}) AND act.digest = o.digest)"  # noqa: S608 - names of ours
    _run(
        f"INSERT INTO act ({', '.join(READ['act'])}) SELECT {', '.join(taken)} FROM old_act a"  # noqa: S608 - as above
        f" WHERE a.number > coalesce(({last}), 0) AND (NOT EXISTS (SELECT 1 FROM act) OR {follows}) ORDER BY a.number"
    )


def _blocks() -> int:
    """Make unknown to each other whoever is so by now; return how many blocks are new. Before `_members`, which says who is hidden."""
    side = (
        "SELECT o.{0}_id, o.{1}_id FROM old_relationship o JOIN member a ON a.id = o.low_id JOIN member b ON b.id = o.high_id"
        " JOIN old_member oa ON oa.id = a.id AND oa.created_at = a.created_at"
        " JOIN old_member ob ON ob.id = b.id AND ob.created_at = b.created_at"
        " LEFT JOIN relationship r ON r.low_id = o.low_id AND r.high_id = o.high_id"
        " WHERE o.{0}_blocked_at IS NOT NULL AND r.{0}_blocked_at IS NULL"
    )
    new: Iterable[Any] = db.session.execute(
        text(f"{side.format('low', 'high')} UNION ALL {side.format('high', 'low')}")
    ).all()
    number = 0
    for by, other in new:
        _run("UPDATE member SET suspended_at = NULL, deleted_at = NULL WHERE id IN (:by, :other)", by=by, other=other)
        with suppress(NotFound):  # who had not proven an address then had no page to be blocked on
            relationships.block(db.session.get_one(Member, by), other)
            number += 1
    return number


def _leave(member_id: int) -> None:
    """Mark somebody as gone for all others, to be deleted at once."""
    now = to_ms(clock.now())
    _run("UPDATE member SET deleted_at = :now WHERE id = :id", now=now, id=member_id)
    _run("DELETE FROM departure WHERE member_id = :id", id=member_id)
    _run(
        "INSERT INTO departure (member_id, asked_at, due_at, next_at, stage, counts) VALUES (:id, :now, :now, :now, '', '{}')",
        id=member_id,
        now=now,
    )
