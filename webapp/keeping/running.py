"""Whether Kith runs at the moment: whoever works says so in the database twice a minute, and a connection holds SQLite's file."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

from webapp import clock
from webapp.keeping.errors import Refused
from webapp.models.base import to_ms

STOP = "Kith is running: stop it first (if it was killed, wait half a minute)."


def refuse_running(connection: Connection) -> None:
    """Refused while a process of Kith works with this database, on whatever host."""
    working = text("SELECT count(*) FROM lease WHERE until > :now")
    if connection.execute(working, {"now": to_ms(clock.now())}).scalar_one():
        raise Refused(STOP)


def refuse_open(file: Path) -> None:
    """Refused while another process has a database of SQLite's open. One that is damaged is open to nobody."""
    try:
        with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as alone:
            alone.execute("PRAGMA locking_mode=EXCLUSIVE")
            alone.execute("BEGIN EXCLUSIVE")
            alone.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Refused(STOP) from None
    except sqlite3.DatabaseError:
        return
