"""Beginning an instance: sentences 73 to 75."""

import os
import pty
import re
import stat
import subprocess
import sys
import time
import tomllib

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from tests import ports
from tests.conftest import Browser, Client
from webapp import clock, config, create_app, serve
from webapp.cli import kith as command
from webapp.config import SettingError
from webapp.domain import accounts
from webapp.extensions import db
from webapp.jobs import health
from webapp.models.member import EmailAddress, Member
from webapp.transaction import transaction

TYPED = "an owl by the long river"
SAID = ("--site-name", "Northgate", "--base-url", "http://127.0.0.1:8000", "--no-mail")
ON_SQLITE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def kith(tmp_path, monkeypatch):
    """`kith("init", ...)`: run a command in this process, in an empty instance; nobody sits at a terminal."""
    for name in [name for name in os.environ if name.startswith(("KITH_", "FLASK_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "instance"
    monkeypatch.setenv("KITH_INSTANCE", str(folder))
    monkeypatch.setenv("KITH_REQUIRE", "")

    def run(*words):
        return CliRunner().invoke(command, words)

    run.folder = folder
    return run


@pytest.fixture
def begun(kith):
    """The application of an instance that `kith init` has just made; `begun.link`: what it printed for the first operator."""
    done = kith("init", *SAID)
    assert done.exit_code == 0, done.output
    app = create_app()
    app.test_client_class = Client
    app.link = re.search(r"http://127.0.0.1:8000(/operator/[\w-]{24})$", done.output, re.MULTILINE)[1]
    yield app
    with app.app_context():
        db.engine.dispose()
    clock.reset()


def operators(app):
    with app.app_context():
        return db.session.scalars(select(Member.name).where(Member.is_operator)).all()


# 73


def test_73_the_secret_key(kith, postgres, worker_id, monkeypatch):
    """The first start makes the keys, 256 bit each, in a file inside the instance folder that its owner alone can read; nothing prints
    them, and later starts take the same. A key file that others can read stops the start, and so does one that is missing where there
    is data, be it in a file or in PostgreSQL: in one sentence, and without making another."""
    kith.folder.mkdir(mode=0o755)
    with capture_logs() as lines:
        done = kith("init", *SAID)
    assert done.exit_code == 0, done.output
    path = kith.folder / "secret_key"
    kept = tomllib.loads(path.read_text())
    secrets = [*kept["signing"], kept["wrapping"], kept["lookup"]]
    assert [len(bytes.fromhex(each)) for each in secrets] == [32, 32, 32]
    assert len(set(secrets)) == 3
    assert {each for each in kith.folder.parent.rglob("*") if each.is_file()} == set(kith.folder.iterdir())
    assert stat.S_IMODE(kith.folder.stat().st_mode) == 0o700
    for name in ("secret_key", "config.toml"):
        assert stat.S_IMODE((kith.folder / name).stat().st_mode) == 0o600
    again = (kith("doctor"), kith("init", *SAID), kith("migrate"))
    for printed in (*(each.output for each in (done, *again)), str(lines), (kith.folder / "config.toml").read_text()):
        assert not any(secret in printed for secret in secrets)
    assert tomllib.loads(path.read_text()) == kept

    # Others can read it.
    path.chmod(0o644)
    done = kith("doctor")
    assert (done.exit_code, done.output) == (
        1,
        f"Error: {path} can be read by others. Make it yours alone: chmod 600 {path}\n",
    )
    path.chmod(0o600)

    # It is gone, and there is data.
    said = f"Error: {path} is missing, but there is data that needs it. Put the key file back, from your copy or from the host that has it.\n"
    path.unlink()
    assert (kith("doctor").output, kith("init", *SAID).output.splitlines(keepends=True)[-1]) == (said, said)
    (kith.folder / "kith.sqlite3").unlink()
    monkeypatch.setenv("KITH_DATABASE_URL", postgres.database(f"kith_keys_{worker_id}"))
    assert kith("migrate").exit_code == 0, "the database is empty: a first start"
    assert path.exists()
    path.unlink()
    assert kith("migrate").output == said
    assert not path.exists()


@pytest.mark.parametrize(
    "given", [b"", b"signing = 1", b"\xff\xfe", b'signing = ["zz"]\nwrapping = "00"\nlookup = "00"\n']
)
def test_a_key_file_that_is_none_is_one_sentence(kith, given):
    kith.folder.mkdir()
    (kith.folder / "secret_key").touch(0o600)
    (kith.folder / "secret_key").write_bytes(given)
    done = kith("upgrade")
    assert (done.exit_code, done.output) == (1, f"Error: {kith.folder / 'secret_key'} is not a key file of Kith.\n")


# 74


def test_74_no_account_is_there_from_the_beginning(begun):
    """An instance begins without an account, and no page makes an operator: whoever comes first is a member like everybody. The first
    operator joins by the link that was printed once at the machine, which is open for 60 minutes and can be used once; a new one ends
    it."""
    with begun.app_context():
        assert db.session.scalar(select(func.count()).select_from(Member)) == 0
        kept = [str(row) for row in db.session.execute(text("SELECT * FROM ticket"))]
    token = begun.link.rpartition("/")[2]
    assert len(kept) == 1
    assert token not in kept[0], "only its digest is kept"
    for name in ("admin", "root", "kith", "operator"):
        for password in ("", "admin", "password", "kith", "changeme"):
            answer = Browser(begun).post("/signin", {"email": f"{name}@northgate.example", "password": password})
            assert answer.status_code in {422, 429}

    # Whoever comes first.
    first = Browser(begun)
    given = {"name": "Eve", "email": "eve@example.org", "password": TYPED, "is_operator": "1", "operator": "1"}
    assert first.post("/signup", given).status_code == 303
    with begun.app_context(), transaction():
        row = db.session.scalars(select(EmailAddress)).one()
        accounts.verify(row)
    assert first.post("/signin", given).status_code == 303
    for rule in begun.url_map.iter_rules():
        if not rule.arguments and "GET" in rule.methods:
            first.get(rule.rule)
            Browser(begun).get(rule.rule)
    assert first.get("/admin/reports").status_code == 404
    assert operators(begun) == []

    # The link: opened by a scanner, refused, used, used again.
    who = {"name": "Olga", "email": "olga@example.org", "password": TYPED}
    assert [Browser(begun).get(begun.link).status_code for _ in range(3)] == [200, 200, 200]
    for wrong in ({"email": "none"}, {"name": ""}, {"password": "short"}):
        assert Browser(begun).post(begun.link, who | wrong).status_code == 422
    taken = Browser(begun).post(begun.link, who | {"email": "eve@example.org"})
    assert taken.status_code == 409
    assert operators(begun) == []
    olga = Browser(begun)
    assert olga.post(begun.link, who).status_code == 303
    assert olga.get("/admin/reports").status_code == 200
    assert Browser(begun).post(begun.link, who | {"email": "mallory@example.org"}).status_code == 410
    assert operators(begun) == ["Olga"]
    done = CliRunner().invoke(command, ["init", *SAID])
    assert "has an operator already" in done.output
    assert "/operator/" not in done.output


def test_74_too_late_or_superseded(begun):
    """The link for the first operator is dead after 60 minutes, and as soon as another was printed."""
    who = {"name": "Olga", "email": "olga@example.org", "password": TYPED}
    clock.move(minutes=59, seconds=58)
    assert Browser(begun).get(begun.link).status_code == 200
    done = CliRunner().invoke(command, ["init", "--operator", "olga@example.org"])
    newer = re.search(r"(/operator/[\w-]{24})$", done.output, re.MULTILINE)[1]
    assert Browser(begun).post(begun.link, who).status_code == 410
    assert "olga@example.org" in Browser(begun).get(newer).text
    clock.move(minutes=60)
    assert Browser(begun).post(newer, who).status_code == 410
    assert operators(begun) == []


# 75

WEAK = "change-me-to-something-long-and-random"
STRONG = "9f1c5b7ad02e4386b1a7c9d35e60f482"


@pytest.mark.parametrize(
    ("given", "environ", "said"),
    [
        ({}, {"FLASK_DEBUG": "1"}, "FLASK_DEBUG is '1'"),
        ({}, {"FLASK_ENV": "development"}, "FLASK_ENV is 'development'"),
        ({"SECRET_KEY": WEAK}, {}, "KITH_SECRET_KEY looks as if somebody typed it"),
        ({"SECRET_KEY": "ab" * 32}, {}, "KITH_SECRET_KEY looks as if somebody typed it"),
        ({"BASE_URL": "http://127.0.0.1:8000"}, {}, "KITH_BASE_URL is http://127.0.0.1:8000"),
        ({}, {"FLASK_DEBUG": "0", "FLASK_ENV": "production"}, ""),
        ({"SECRET_KEY": STRONG}, {}, ""),
    ],
)
def test_75_weak_set_ups(tmp_path, monkeypatch, given, environ, said):
    """With Flask's debugging on, a secret that somebody typed, or without https, Kith does not start where others reach it, at another
    address of the machine or behind a proxy: one sentence says what to change. On the machine itself it may be tried so."""
    for name in ("FLASK_DEBUG", "FLASK_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    public = {"INSTANCE": str(tmp_path), "BASE_URL": "https://kith.example.org"} | given

    def start(host, settings):
        values = config.load(settings, {})
        serve.check(host, ports.free(), values)
        config.keys(values, has_data=bool)

    for host in ("0.0.0.0", "127.0.0.1"):
        if said and not (host == "127.0.0.1" and said.startswith("KITH_BASE_URL")):
            with pytest.raises(SettingError, match=re.escape(said)) as raised:
                start(host, public)
            assert "\n" not in str(raised.value)
            assert given.get("SECRET_KEY", "nothing") not in str(raised.value)
        else:
            start(host, public)
    start("127.0.0.1", {"INSTANCE": str(tmp_path)} | given)
    with pytest.raises(SettingError, match="at least 32 characters"):
        start("127.0.0.1", {"INSTANCE": str(tmp_path), "SECRET_KEY": "short"})


@ON_SQLITE
def test_75_a_page_for_what_broke(app, monkeypatch):
    """A page for what broke shows a number to tell whoever runs the site, and nothing of the inside; with debugging on, too."""

    def broken():
        raise ZeroDivisionError("the secret of ada@secret.example")

    monkeypatch.setattr(health, "is_ready", broken)
    for debug in (False, True):
        monkeypatch.setattr(app, "debug", debug)
        monkeypatch.setattr(app, "testing", False)
        with capture_logs() as lines:
            answer = app.test_client().get("/readyz", headers={"Accept": "text/html"})
        assert answer.status_code == 500
        [number] = [line["request"] for line in lines if line["event"] == "unexpected"]
        assert number in answer.text
        for inside in ("Traceback", "ZeroDivision", "secret", ".py", "werkzeug", "console"):
            assert inside not in answer.text


# `kith init`


def test_init_writes_what_was_said_and_nothing_else(kith):
    done = kith(
        "init",
        "--site-name",
        'The "Gate"',
        "--base-url",
        "kith.example.org/",
        "--smtp-url",
        "smtps://u:p@mail.example:465",
    )
    assert done.exit_code == 0, done.output
    path = kith.folder / "config.toml"
    written = path.read_text()
    assert tomllib.loads(written) == {
        "site_name": 'The "Gate"',
        "base_url": "https://kith.example.org",
        "smtp_url": "smtps://u:p@mail.example:465",
    }
    assert len(re.findall(r"^# ", written, re.MULTILINE)) == 5
    assert done.output.endswith("Next: kith serve\n")
    assert "u:p" not in done.output
    again = kith("init", "--site-name", "Another", "--no-mail", "--base-url", "https://another.example")
    assert again.exit_code == 0
    assert f"{path} is there already, and stays as it is; what you said about it was not written." in again.output
    assert path.read_text() == written
    create_app()  # and it is one that can be started with


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "There is nobody to ask here. Say --site-name, --base-url and either --smtp-url or --no-mail"),
        (("--site-name", "Northgate"), "There is nobody to ask here."),
        (("--site-name", " . ", "--base-url", "https://a.example", "--no-mail"), "KITH_SITE_NAME must be a name"),
        (("--site-name", "N" * 61, "--base-url", "https://a.example", "--no-mail"), "KITH_SITE_NAME must be a name"),
        (("--site-name", "N", "--base-url", "http://a.example", "--no-mail"), "KITH_BASE_URL must start with https://"),
        (("--site-name", "N", "--base-url", "https://", "--no-mail"), "KITH_BASE_URL must be an address like"),
        (
            ("--site-name", "N", "--base-url", "https://a.example", "--smtp-url", "mail"),
            "KITH_SMTP_URL must be smtp://",
        ),
        (("--smtp-url", "smtp://mail.example", "--no-mail"), "--smtp-url and --no-mail do not go together."),
        ((*SAID, "--operator", "nobody"), "Enter an email address like name@example.com."),
    ],
)
def test_an_answer_that_cannot_be_used_is_one_sentence(kith, words, said):
    done = kith("init", *words)
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].startswith(f"Error: {said}")
    if "--operator" not in words:
        assert not kith.folder.exists()


def test_in_a_terminal_init_asks_three_questions_and_asks_again(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KITH_")}
    environment["KITH_INSTANCE"] = str(tmp_path / "instance")
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "webapp", "init"], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    printed = ""
    for question, answer in (
        ("called?", ""),
        ("called?", "Northgate Alumni"),
        ("type?", "http://kith.example.org"),
        ("type?", "kith.example.org"),
        ("try Kith", "carrier pigeon"),
        ("try Kith", ""),
    ):
        printed += _until(ours, question)
        os.write(ours, f"{answer}\n".encode())
    printed += _until(ours, "Next: kith serve")
    assert asking.wait(30) == 0
    os.close(ours)
    assert "Error: Must start with https:// unless" in printed
    assert "Error: Must be smtp://" in printed
    written = tomllib.loads((tmp_path / "instance/config.toml").read_text())
    assert written == {"site_name": "Northgate Alumni", "base_url": "https://kith.example.org"}
    assert "https://kith.example.org/operator/" in printed


def _until(terminal, words):
    """What a terminal says until these words, with what follows them at once."""
    said, end = "", time.monotonic() + 30
    while words not in said:
        assert time.monotonic() < end, said
        said += os.read(terminal, 4096).decode()
    return said
