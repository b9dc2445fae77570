"""Fixtures that every test may use: the application on both engines, signed-in clients, a clock that can be moved."""

import os
from contextlib import contextmanager
from contextvars import Context
from functools import cache

import pytest
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import event, select

from tests import factories, requires, routes
from tests.postgres import Server
from tests.redis import Server as Redis
from webapp import clock, create_app, schema, transaction
from webapp.demo import community
from webapp.extensions import db
from webapp.models import act
from webapp.models.member import Member

ENGINES = os.environ.get("TEST_ENGINES", "sqlite postgresql").split()

# No test takes the machine's power away, and waiting for the disk at each commit took minutes where others wrote to it: tests/postgres.py
# does the same. A `kith` that a test starts as a process of its own, as the faults do, asks for every sync.
transaction.SQLITE_PRAGMAS = tuple(
    each.replace("synchronous=FULL", "synchronous=OFF") for each in transaction.SQLITE_PRAGMAS
)


LONGEST = (
    "tests/browser/",
    "tests/faults/",
    "tests/trust/",
    "tests/jobs/test_serve",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with the modules that take longest, so that no worker ends long after the other."""
    items.sort(key=lambda item: next((place for place, name in enumerate(LONGEST) if name in item.path.as_posix()), 99))


CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """The system's Chromium, started once: a second one beside it in the same process is more than Playwright allows."""
    requires.require("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=requires.browser(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _settings_stay():
    """No test leaves a setting to the next one."""
    before = _settings()
    yield
    left = _settings()
    for name in before.keys() | left.keys():
        os.environ.pop(name, None)
    os.environ.update(before)
    assert left == before


def _settings():
    return {name: value for name, value in os.environ.items() if name.startswith("KITH_")}


class Client(FlaskClient):
    """Asks as a browser does: at BASE_URL, and with nothing of the test's own context around the request."""

    base_url = "http://127.0.0.1:8000"

    def open(self, *args, **kwargs):
        kwargs.setdefault("base_url", self.base_url)
        return Context().run(super().open, *args, **kwargs)

    def session_transaction(self, *args, **kwargs):
        return super().session_transaction(*args, base_url=self.base_url, **kwargs)


@pytest.fixture(scope="session")
def postgres(worker_id):
    """A real PostgreSQL server; `postgres.database(name)` makes an empty database."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis():
    """A real Redis; `redis.url` leads to it."""
    server = Redis()
    yield server
    server.stop()


@pytest.fixture(params=["table", "redis"])
def counters(request, setting):
    """Where tries are counted: in the table, then in an empty Redis."""
    if request.param == "redis":
        request.getfixturevalue("in_redis")
    return request.param


@pytest.fixture
def in_redis(app, redis, setting):
    """The instance has a Redis, an empty one."""
    redis.empty()
    setting(REDIS_URL=redis.url)
    yield redis
    redis.go_on()
    if not redis.answers():
        redis.start()
    _url, kept = app.extensions.pop("kith.shared", (None, None))
    if kept is not None:
        kept.client.close()


@pytest.fixture(scope="session")
def _apps(tmp_path_factory, request, worker_id):
    """One application an engine for the whole run; each test finds it empty."""
    made = {}

    def get(engine):
        if engine not in made:
            given = {"INSTANCE": str(tmp_path_factory.mktemp(engine) / "instance"), "SITE_NAME": "Northgate"}
            given["LOG_REQUESTS"] = False  # what a failing test shows would drown in them
            if engine == "postgresql":
                given["DATABASE_URL"] = request.getfixturevalue("postgres").database(f"kith_{worker_id}")
            app = create_app(given)
            app.testing = True
            app.test_client_class = Client
            with app.app_context():
                schema.upgrade()
            made[engine] = app
        return made[engine]

    yield get
    for app in made.values():
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(params=ENGINES)
def app(request, _apps):
    """The application, on SQLite and then on PostgreSQL, with empty tables."""
    application = _apps(request.param)
    before = dict(application.config["KITH"])
    yield application
    application.config["KITH"] = before
    clock.reset()
    with application.app_context():
        empty()


@cache
def _which_have_rows():
    """The statement that names the tables in which something stands."""
    some = (
        f"SELECT '{table.name}' WHERE EXISTS (SELECT 1 FROM \"{table.name}\")" for table in db.metadata.sorted_tables
    )
    return " UNION ALL ".join(some)


def empty():
    """Empty every table, and count from 1 again. Truncating them all took PostgreSQL ten times as long as the usual test."""
    with db.engine.begin() as connection:
        used = set(connection.exec_driver_sql(_which_have_rows()).scalars())
        for table in reversed(db.metadata.sorted_tables):
            if table.name == "act" and table.name in used:
                _empty_the_log(connection)
            elif table.name in used:
                connection.exec_driver_sql(f'DELETE FROM "{table.name}"')
                if db.engine.dialect.name == "postgresql" and table.autoincrement_column is not None:
                    counter = f"pg_get_serial_sequence('{table.name}', '{table.autoincrement_column.name}')"
                    connection.exec_driver_sql(f"SELECT setval({counter}, 1, false) WHERE {counter} IS NOT NULL")


def _empty_the_log(connection):
    """Empty the log of operators' acts, which lets nobody delete a line."""
    if db.engine.dialect.name == "postgresql":
        connection.exec_driver_sql("TRUNCATE act")
        return
    _update, refusing = act.SQLITE
    connection.exec_driver_sql("DROP TRIGGER act_delete")
    connection.exec_driver_sql("DELETE FROM act")
    connection.exec_driver_sql(refusing)


@pytest.fixture
def setting(app):
    """Change settings for one test: `setting(UNDO_SECONDS=1)`."""

    def change(**values):
        app.config["KITH"] = app.config["KITH"] | values

    return change


@pytest.fixture
def context(app):
    """An application context around the test, for calling the domain."""
    with app.app_context():
        yield app
        db.session.rollback()


@pytest.fixture(scope="session")
def _samples():
    """The sample community as each engine keeps it, made once in a run: making it takes seconds, putting it back a moment."""
    return {}


@pytest.fixture
def sample(context, tmp_path, monkeypatch, _samples):
    """The sample community, a small one, in which there is something of everything; the member whom its visitors sign in as."""
    engine = db.engine.dialect.name
    if engine in _samples:
        _samples[engine].restore()
    else:
        monkeypatch.setattr(community, "MEMBERS", 60)
        community.build(tmp_path / "books.json")
        _samples[engine] = routes.Snapshot() if engine == "sqlite" else routes.Rows()
    return db.session.scalars(select(Member).where(Member.name == community.SAMPLE.name)).one()


@pytest.fixture
def client(app):
    """A signed-out browser without JavaScript."""
    return app.test_client()


@pytest.fixture
def statements(app):
    """Count SQL statements: `with statements() as seen: ...; len(seen)`."""

    @contextmanager
    def counting():
        seen = []

        def note(_connection, _cursor, statement, *_rest):
            seen.append(statement)

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return counting


class Browser:
    """A signed-in browser without JavaScript: GETs pages, and POSTs with the token of its session as a form would."""

    def __init__(self, app, owner=None):
        self.client = app.test_client()
        if owner is not None:
            with app.app_context():
                token = factories.sign_in(db.session.get_one(Member, owner if isinstance(owner, int) else owner.id))
            with self.client.session_transaction() as kept:
                kept["_user_id"] = token
                kept["_fresh"] = True
                kept.permanent = True

    def get(self, url, **kwargs):
        return self.client.get(url, **kwargs)

    def post(self, url, data=None, **kwargs):
        return self.send("POST", url, data=data, **kwargs)

    def send(self, method, url, *, headers=None, **kwargs):
        """Ask in any way, with the token of the session."""
        with self.client.session_transaction() as kept:
            raw = kept.setdefault("csrf_token", "0123456789abcdef0123456789abcdef01234567")
        signed = URLSafeTimedSerializer(self.client.application.secret_key, salt="wtf-csrf-token").dumps(raw)
        return self.client.open(url, method=method, headers={"X-CSRFToken": signed, **(headers or {})}, **kwargs)

    def part(self, url, data=None, *, method="POST", **kwargs):
        """Ask as htmx does."""
        headers = {"HX-Request": "true", **kwargs.pop("headers", {})}
        ask = self.post if method == "POST" else self.get
        return (
            ask(url, data=data, headers=headers, **kwargs) if method == "POST" else ask(url, headers=headers, **kwargs)
        )


@pytest.fixture
def as_member(app):
    """`as_member(ada)`: a browser signed in as that member; `as_member()`: one signed out that can post."""
    return lambda owner=None: Browser(app, owner)
