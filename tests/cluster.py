"""PostgreSQL as a large instance has it: a primary, a replica that follows it by streaming, and PgBouncer before them."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import sqlalchemy

from tests import requires
from tests.postgres import OPTIONS, Server

SLOW = 30
POOL = """[databases]
* = host={socket}
[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = 5432
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
max_client_conn = 400
default_pool_size = 10
server_login_retry = 0.2
logfile = {folder}/log
pidfile = {folder}/pid
"""


def _as_postgres():
    """What stands before the commands of programs that refuse to run as root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def _quietly(*words):
    subprocess.run(
        [*_as_postgres(), *map(str, words)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        timeout=SLOW,
    )


class Node:
    """A server of PostgreSQL in a folder that has its data."""

    def __init__(self, folder):
        self.folder = folder
        self.control = [*requires.postgres("pg_ctl"), "-D", folder / "data"]

    def start(self):
        _quietly(*self.control, "-w", "-l", self.folder / "log", "-o", f"{OPTIONS} -k {self.folder}", "start")

    def stop(self, how="immediate"):
        """End it: `immediate` as a crash does, `fast` as an operator does."""
        _quietly(*self.control, "-w", "-m", how, "stop")

    def url(self, name):
        return f"postgresql+psycopg://kith@/{name}?host={self.folder}"

    def ask(self, statement, name="postgres"):
        """Ask something of it, as its owner."""
        engine = sqlalchemy.create_engine(self.url(name), poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            found = connection.exec_driver_sql(statement)
            return found.scalar() if found.returns_rows else None


class Pool:
    """PgBouncer in transaction mode before a server."""

    def __init__(self, node, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "users.txt").write_text('"kith" ""\n')
        (folder / "pool.ini").write_text(POOL.format(socket=node.folder, folder=folder))
        if _as_postgres():
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "postgres")

    def url(self, name):
        return f"postgresql+psycopg://kith@/{name}?host={self.folder}"

    def start(self):
        command = [*_as_postgres(), "pgbouncer", "--quiet", self.folder / "pool.ini"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True
        )
        end = time.monotonic() + SLOW
        while not (self.folder / ".s.PGSQL.5432").exists():
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self):
        """End it at once, as a crash does."""
        subprocess.run(["pkill", "-9", "-s", str(self.process.pid)], check=False)
        self.process.wait()
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock", "pid"):
            (self.folder / name).unlink(missing_ok=True)


class Cluster:
    """A primary with a database of that name, and a replica; `pool` before the primary."""

    def __init__(self, name):
        requires.require("replica")
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="kith-cluster-"))
        if _as_postgres():
            shutil.chown(self.folder, "postgres")
        self.made = Server()
        self.made.database(name)
        self.primary = Node(self.made.folder)
        self.replica = Node(self.folder / "replica")
        _quietly(
            *requires.postgres("pg_basebackup"),
            *("-D", self.replica.folder / "data", "-R", "-X", "stream", "-c", "fast", "--no-sync"),
            *("-h", self.primary.folder, "-U", "kith"),
        )
        self.replica.start()
        self.pool = Pool(self.primary, self.folder / "pool")

    def wait(self):
        """Wait until the replica has all that the primary has."""
        there = self.primary.ask("SELECT pg_current_wal_insert_lsn()")
        end = time.monotonic() + SLOW
        while not self.replica.ask(f"SELECT pg_last_wal_replay_lsn() >= '{there}'"):
            assert time.monotonic() < end
            time.sleep(0.02)

    def stop(self):
        """End all of it, and remove it."""
        if hasattr(self.pool, "process"):
            self.pool.stop()
        subprocess.run(
            [*_as_postgres(), *map(str, self.replica.control), "-m", "immediate", "stop"],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        self.made.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
