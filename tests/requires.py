"""What parts of the tests need of the machine. What is missing is said by name; with KITH_REQUIRE=all it is a failure."""

import glob
import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser():
    """Return the path of a system browser, or None."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def postgres(program):
    """Return the command of a program of PostgreSQL's, of the newest one; empty where there is none."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"), key=lambda path: int(path.split("/")[4]))
    return found[-1:]


_FOUND = {
    "replica": lambda: postgres("pg_basebackup") and not os.environ.get("TEST_POSTGRES_URL"),
    "pgbouncer": lambda: shutil.which("pgbouncer"),
    "redis": lambda: shutil.which("redis-server"),
    "node": lambda: shutil.which("node") and shutil.which("npm"),
    "chromium": browser,
    "soffice": lambda: shutil.which("soffice"),
    "strace": lambda: shutil.which("strace"),
}
_WHAT = {
    "replica": "Debian's PostgreSQL, and no TEST_POSTGRES_URL (a replica follows a server of its own)",
    "pgbouncer": "PgBouncer (what is asked of PostgreSQL passes through it)",
    "redis": "redis-server (what several processes count together is tried at a real one)",
    "node": "Node.js with npm (the certified OpenID provider runs on it)",
    "chromium": "Chromium or Chrome (the journeys run in a real browser)",
    "strace": "strace (it makes a disk fail)",
    "soffice": "LibreOffice Calc (files for spreadsheets are opened in one)",
}


def require(name):
    """Go on where the machine has it; else skip with the reason, or fail where everything is required."""
    if not _FOUND[name]():
        cannot_run(_WHAT[name])


def cannot_run(what):
    """Skip because of what is missing, or fail where everything is required."""
    reason = f"cannot run here: needs {what}"
    if os.environ.get("KITH_REQUIRE") == "all":
        pytest.fail(reason)
    pytest.skip(reason)
