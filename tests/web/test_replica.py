"""Pages read from a replica, which nobody may notice: a real one, that follows late, dies, and comes back."""

import secrets

import pytest
from sqlalchemy import event, select
from structlog.testing import capture_logs

from tests import factories
from tests.cluster import Cluster
from tests.conftest import Client, empty
from webapp import clock, config, create_app, databases, schema
from webapp.config import SettingError
from webapp.domain import messages
from webapp.extensions import db, engines
from webapp.jobs import health
from webapp.models.member import SignIn
from webapp.models.message import Message
from webapp.transaction import transaction
from webapp.web import replica as reading


@pytest.fixture(scope="module")
def cluster():
    made = Cluster("kith")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def replicated(cluster, tmp_path_factory):
    application = create_app(
        {
            "INSTANCE": str(tmp_path_factory.mktemp("replicated") / "instance"),
            "DATABASE_URL": cluster.primary.url("kith"),
            "DATABASE_REPLICA_URL": cluster.replica.url("kith"),
            "LOG_REQUESTS": False,
        }
    )
    application.testing = True
    application.test_client_class = Client
    with application.app_context():
        schema.upgrade()
    yield application
    with application.app_context():
        for engine in engines():
            engine.dispose()


@pytest.fixture
def app(replicated, cluster):
    kept = replicated.extensions["kith.replica"]
    yield replicated
    clock.reset()
    with replicated.app_context():
        empty()
    for circuit in (kept.to_primary, kept.to_replica):
        circuit.is_gone = False


@pytest.fixture
def ada(context):
    return factories.member("Ada Lovelace", "ada@example.org")


@pytest.fixture
def ben(ada):
    found = factories.member("Ben Okafor", "ben@example.org")
    factories.connect(ada, found)
    return found


@pytest.fixture
def talk(ada, ben, cluster):
    """The address of a conversation of the two."""
    with transaction():
        messages.write_to(ada, ben, "Hello")
    found = f"/messages/{messages.between(ada, ben)}"
    db.session.rollback()
    cluster.wait()
    return found


@pytest.fixture
def asked(app):
    """What each of the two was asked, by name, since the last look."""
    seen = {"primary": [], "replica": []}
    heard = []
    with app.app_context():
        for name, engine in zip(seen, engines(), strict=True):

            def note(_connection, _cursor, statement, *_rest, name=name):
                seen[name].append(statement)

            event.listen(engine, "before_cursor_execute", note)
            heard.append((engine, note))

    def look():
        found = {name: list(each) for name, each in seen.items()}
        for each in seen.values():
            each.clear()
        return found

    yield look
    for engine, note in heard:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def at_once(monkeypatch):
    """The primary is asked for each page how far it has come."""
    monkeypatch.setattr(reading, "ASK_EVERY_SECONDS", 0)


@pytest.fixture
def followed(app, cluster, monkeypatch):
    """`followed()`: the replica has what the primary has, and the primary is not asked again how far it has come."""
    monkeypatch.setattr(reading, "ASK_EVERY_SECONDS", 3600)
    kept = app.extensions["kith.replica"]

    def wait():
        with app.app_context():
            kept.heard = None
            kept._hear()
        cluster.wait()

    return wait


@pytest.fixture
def late(cluster):
    """The replica hears everything and shows nothing of it, until the end."""
    cluster.replica.ask("SELECT pg_wal_replay_pause()")
    yield
    cluster.replica.ask("SELECT pg_wal_replay_resume()")
    cluster.wait()


def write(browser, talk, text):
    return browser.post(talk, {"body": text, "client": f"{text:0<32}"[:32]}).status_code


def share(browser, text):
    return browser.post("/feed", {"body": text, "audience": "connections", "form": f"{text:0<40}"}).status_code


def test_a_page_is_read_from_the_replica_and_written_at_the_primary(ada, as_member, followed, asked, monkeypatch):
    browser = as_member(ada)
    followed()
    browser.get("/connections")
    asked()
    assert browser.get("/connections").status_code == 200
    first = asked()
    assert first["primary"] == []
    assert len(first["replica"]) > 4
    assert share(browser, "Hello") == 303
    assert asked()["replica"] == []
    assert as_member().get("/").status_code == 200
    assert asked()["replica"] == []
    monkeypatch.setattr(reading, "ASK_EVERY_SECONDS", 0)
    browser.get("/connections")
    assert asked()["primary"][0] == str(databases.WRITTEN)


def test_who_writes_reads_it_however_late_the_replica_is(ada, talk, as_member, asked, late):
    browser = as_member(ada)
    assert write(browser, talk, "Bees, of all things") == 303
    asked()
    assert "Bees, of all things" in browser.get(talk).text
    found = asked()
    assert (len(found["replica"]), len(found["primary"]) > 4) == (1, True)


def test_what_others_wrote_is_there_a_second_later_however_late_the_replica_is(
    ada, ben, talk, as_member, late, at_once
):
    reader, writer = as_member(ben), as_member(ada)
    assert "Bees, of all things" not in reader.get(talk).text
    assert write(writer, talk, "Bees, of all things") == 303
    assert "Bees, of all things" in reader.get(talk).text


def test_a_sign_in_that_was_ended_elsewhere_opens_nothing(ada, as_member, cluster, late, at_once):
    browser = as_member(ada)
    assert browser.get("/connections").status_code == 200
    db.session.execute(SignIn.__table__.delete())
    db.session.commit()
    assert browser.get("/connections").status_code == 303


def test_a_cookie_that_nobody_gave_sends_a_browser_to_the_primary_or_nowhere(ada, as_member, followed, asked):
    browser = as_member(ada)
    followed()
    for value, at in (
        ("9" * 18, "primary"),
        ("9" * 30, "replica"),
        ("-1", "replica"),
        ("x", "replica"),
        ("1", "replica"),
    ):
        browser.client.set_cookie(reading.COOKIE, value, domain="127.0.0.1")
        asked()
        assert browser.get("/connections").status_code == 200
        assert len(asked()[at]) > 4, value


def test_a_replica_that_dies_costs_nobody_a_page_and_comes_back_by_itself(
    ada, as_member, cluster, app, asked, followed
):
    browser, kept = as_member(ada), app.extensions["kith.replica"]
    followed()
    assert browser.get("/connections").status_code == 200
    cluster.replica.stop()
    with capture_logs() as lines:
        for _page in range(3):
            assert browser.get("/connections").status_code == 200
        assert [each for each in health.problems() if "replica" in each]
        db.session.rollback()
        cluster.replica.start()
        kept.to_replica.until = 0.0
        followed()
        asked()
        assert browser.get("/connections").status_code == 200
    assert len(asked()["replica"]) > 4
    assert [line["event"] for line in lines if line["event"].startswith("replica")] == [
        "replica is gone",
        "replica is back",
    ]
    assert health.problems() == []


@pytest.mark.parametrize("path", ["/connections", "/people?q=ada", "/feed"])
def test_a_page_that_breaks_in_the_middle_is_answered_by_the_primary(
    ada, as_member, app, cluster, asked, followed, path
):
    browser = as_member(ada)
    followed()
    for _twice in range(2):  # the first time a process makes some things that it keeps
        asked()
        browser.get(path)
    whole = len(asked()["replica"])
    assert whole > 4
    with app.app_context():
        engine = databases.replica()
    for breaks_at in (2, whole // 2, whole - 1):
        count = 0

        def kill(connection, *_rest, breaks_at=breaks_at):
            nonlocal count
            count += 1
            if count == breaks_at:
                cluster.replica.ask(
                    f"SELECT pg_terminate_backend({connection.connection.driver_connection.info.backend_pid})"
                )

        event.listen(engine, "before_cursor_execute", kill)
        try:
            answer = browser.get(path)
        finally:
            event.remove(engine, "before_cursor_execute", kill)
        assert answer.status_code == 200
        assert "Ada" in answer.text
        found = asked()
        assert (len(found["replica"]), len(found["primary"]) >= whole - 1) == (
            breaks_at,
            True,
        )  # not whether it has all


def test_while_the_primary_is_away_everybody_reads_on(ada, talk, as_member, cluster, app, at_once):
    browser, kept = as_member(ada), app.extensions["kith.replica"]
    assert write(browser, talk, "Bees, of all things") == 303
    cluster.wait()
    assert browser.get("/feed").status_code == 200
    handle = ada.handle
    db.session.rollback()
    cluster.primary.stop("fast")
    try:
        assert "Bees, of all things" in browser.get(talk).text
        for page in ("/feed", "/connections", "/people", f"/people/{handle}"):
            assert browser.get(page).status_code == 200, page
        answer = browser.post(talk, {"body": "Wasps", "client": "w" * 32})
        assert answer.status_code == 503
        assert "Nothing was saved" in answer.text
    finally:
        cluster.primary.start()
    kept.to_primary.until = 0.0
    assert browser.get("/feed").status_code == 200
    assert write(browser, talk, "Wasps") == 303
    assert list(db.session.scalars(select(Message.body).order_by(Message.id)))[1:] == ["Bees, of all things", "Wasps"]


def test_a_primary_that_has_been_away_for_long_is_not_guessed_at(ada, as_member, cluster, app, monkeypatch, at_once):
    browser = as_member(ada)
    assert browser.get("/feed").status_code == 200
    monkeypatch.setattr(reading, "ALONE_SECONDS", 0)
    db.session.rollback()
    cluster.primary.stop("fast")
    try:
        assert browser.get("/feed").status_code == 503
    finally:
        cluster.primary.start()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"DATABASE_REPLICA_URL": "postgresql+psycopg://localhost/kith"}, "names no PostgreSQL that it could follow"),
        (
            {"DATABASE_URL": "postgresql+psycopg://localhost/kith", "DATABASE_REPLICA_URL": "sqlite:////tmp/x"},
            "KITH_DATABASE_REPLICA_URL must start with",
        ),
    ],
)
def test_what_cannot_be_a_replica_stops_the_start(given, says):
    with pytest.raises(SettingError, match=says):
        config.load(given, {})


def test_a_server_that_follows_no_other_is_none(cluster, tmp_path):
    given = {
        "INSTANCE": str(tmp_path),
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": cluster.primary.url("kith"),
    }
    with create_app(given | {"DATABASE_REPLICA_URL": given["DATABASE_URL"]}).app_context():
        try:
            [said] = health.idle_replica()
        finally:
            for engine in engines():
                engine.dispose()
    assert "follows no other server: all pages are read from the primary" in said
