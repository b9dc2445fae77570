"""Running an instance: sentences 76 and 78. (77 is proven where leaving is, in test_leaving.py.)"""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path

import pytest
import requests
from alembic import command
from sqlalchemy import create_engine

from tests import factories, ports
from tests.conftest import Browser, Client
from webapp import config, create_app, schema
from webapp.domain import throttles
from webapp.extensions import db
from webapp.jobs import health

PATIENCE = 60
PROBES = {"/livez": (200, "ok\n"), "/readyz": (200, "ok\n")}
ROOT = Path(__file__).parents[2]


def probed(client):
    """What the two probes answer, together with whoever is signed in there."""
    answers = {path: client.get(path) for path in PROBES}
    return {path: (answer.status_code, answer.text) for path, answer in answers.items()}


NOT_READY = PROBES | {"/readyz": (503, "not ready\n")}


def lock_of_a_migration(app):
    """A connection that holds what a migration holds, until it is closed."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            other = sqlite3.connect(db.engine.url.database, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            return closing(other)
        other = db.engine.connect()
        other.exec_driver_sql(f"SELECT pg_advisory_xact_lock({schema._LOCK})")
        return closing(other)


def test_76_alive_and_ready(app, context, as_member, monkeypatch, statements):
    """`/livez` answers 200 as long as the process lives, and asks the database nothing, whoever asks. `/readyz` answers 200 only if the
    database takes a write within two seconds, nobody migrates it, it is at the right revision and the disk has 50 MB; else 503. While a
    migration runs the one says 200 and the other 503. Neither says more, nor is ever told to wait by a limit."""
    browser = as_member(factories.member("Ada", "ada@example.org"))
    with statements() as seen:
        assert probed(browser) == PROBES
    assert seen == []
    for _try in range(11):
        as_member().post("/signin", {"email": "ada@example.org", "password": "not this one"})
    assert as_member().post("/signin", {"email": "ada@example.org", "password": "nor this"}).status_code == 429
    assert [probed(browser) for _ask in range(20)] == [PROBES] * 20
    monkeypatch.setattr(health, "READY_SECONDS", 0.05)
    db.session.rollback()
    with lock_of_a_migration(app):
        begun = time.monotonic()
        assert probed(browser) == NOT_READY
        assert time.monotonic() - begun < 2
    assert probed(browser) == PROBES
    monkeypatch.setattr(health, "FREE_BYTES", 2**62)
    assert probed(browser) == NOT_READY
    monkeypatch.undo()
    assert (health.FREE_BYTES, health.READY_SECONDS) == (50_000_000, 2)
    monkeypatch.setattr(schema, "wanted", lambda: "another")
    assert probed(browser) == NOT_READY


def test_76_without_a_database(postgres, worker_id, tmp_path, monkeypatch):
    """A database that is gone, or that does not answer at all, leaves `/livez` as it is; `/readyz` says 503 in time."""
    name = f"gone_{worker_id}"
    for url in (postgres.database(name), f"sqlite:///{tmp_path}/gone.sqlite3"):
        app = create_app({"INSTANCE": str(tmp_path / "instance"), "DATABASE_URL": url})
        app.test_client_class = Client
        with app.app_context():
            schema.upgrade()
            browser = Browser(app, factories.member())
            db.session.commit()
            assert probed(browser) == PROBES
            db.engine.dispose()
            if url.startswith("sqlite"):
                for path in tmp_path.glob("gone.sqlite3*"):
                    path.unlink()
            else:
                engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
                with engine.connect() as connection:
                    connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
                engine.dispose()
            assert probed(browser) == NOT_READY
            assert not list(tmp_path.glob("gone.sqlite3*"))
            db.engine.dispose()
    # Whoever listens and never answers is a database that hangs.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setattr(health, "READY_SECONDS", 0)
        app = create_app(
            {
                "INSTANCE": str(tmp_path / "silent"),
                "SECRET_KEY": "x" * 32,
                "DATABASE_URL": f"postgresql+psycopg://kith@127.0.0.1:{port}/x",
            }
        )
        app.test_client_class = Client
        begun = time.monotonic()
        assert probed(app.test_client()) == NOT_READY
        assert time.monotonic() - begun < 2


def test_76_while_a_server_starts_with_a_migration(tmp_path):
    """A server that first has to migrate, which may take minutes, says meanwhile that it lives, and asks everybody else to wait."""
    app = create_app({"INSTANCE": str(tmp_path)})
    with app.app_context():
        command.upgrade(schema._config(), "+1")
        db.engine.dispose()
    port = ports.free()
    url = f"http://127.0.0.1:{port}"

    def said(path, method="GET"):
        try:
            answer = requests.request(method, f"{url}{path}", timeout=5)
        except requests.ConnectionError:
            return None
        return answer.status_code, answer.headers.get("Retry-After")

    def wait_for(path, what):
        until = time.monotonic() + PATIENCE
        while said(path) != what:
            assert time.monotonic() < until, said(path)
            time.sleep(0.05)

    environment = {name: value for name, value in os.environ.items() if not name.startswith("KITH_")}
    environment |= {"KITH_INSTANCE": str(tmp_path), "KITH_BASE_URL": url}
    with closing(sqlite3.connect(tmp_path / "kith.sqlite3", isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")  # a migration waits for this, and so lasts as long as the test wants
        running = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve", "--port", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for("/livez", (200, None))
            assert said("/readyz") == said("/") == said("/signin", "POST") == (503, "5")
            busy.execute("ROLLBACK")
            wait_for("/readyz", (200, None))
            assert said("/")[0] == 200
        finally:
            running.terminate()
            assert running.wait(PATIENCE) == 0


def test_78_how_the_tests_run(app):
    """Continuous integration runs every test where nothing can be reached but the machine itself, with every warning an error, with
    nothing left out, and with the limits that members meet."""
    steps = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert re.search(r"unshare --net .*ip link set lo up.*TEST_ALONE=1 exec make check KITH_REQUIRE=all", steps)
    if os.environ.get("TEST_ALONE"):
        assert json.loads(subprocess.check_output(["ip", "-json", "route"]) or "[]") == []
        assert {name for _number, name in socket.if_nameindex()} == {"lo"}
    with pytest.raises(UserWarning):
        warnings.warn("said by a test", UserWarning, stacklevel=1)
    from_tests = {"INSTANCE", "SITE_NAME", "DATABASE_URL", "LOG_REQUESTS"}
    for name, row in config.TABLE.items():
        assert name in from_tests or app.config["KITH"][name] == row.default, name
    assert (throttles.SIGN_IN_PER_ACCOUNT.amount, throttles.SIGN_IN_PER_NETWORK.amount) == (10, 50)
    assert (throttles.SIGN_IN_PER_INSTANCE.amount, throttles.CODE_PER_ACCOUNT.amount) == (1000, 5)
