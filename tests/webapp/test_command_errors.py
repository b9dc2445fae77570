"""What an operator gets wrong at the command line is one sentence, and nothing is made or changed by it."""

import os
import socket

import pytest
import sqlalchemy
from click.testing import CliRunner

from webapp import config, serve
from webapp.cli import kith as command
from webapp.keeping import merging
from webapp.keeping.errors import Refused

SAID = ("--site-name", "Northgate", "--base-url", "http://127.0.0.1:8123", "--no-mail")


@pytest.fixture
def kith(tmp_path, monkeypatch):
    """`kith("init", ...)`: run a command in this process, where no instance is yet; `kith.folder` is where it would be."""
    for name in [name for name in os.environ if name.startswith("KITH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KITH_INSTANCE", str(tmp_path / "instance"))

    def run(*words):
        return CliRunner(env={"KITH_BASE_URL": None}).invoke(command, words)  # `serve` sets it for its own process

    run.folder = tmp_path / "instance"
    return run


def sentence(done):
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    [line] = done.output.splitlines()
    return line


NEEDS_ONE = (
    ["doctor"],
    ["backup", "x.kith"],
    ["rotate-key"],
    ["move", "sqlite:////nowhere/x.sqlite3"],
    ["make-admin", "ada@post.example"],
    ["drop-admin", "ada@post.example"],
    ["sign-out", "--everybody"],
    ["lift-second-step", "ada@post.example"],
    ["bounce"],
    ["worker"],
)


@pytest.mark.parametrize("words", NEEDS_ONE, ids=lambda words: words[0])
def test_where_no_instance_is_a_command_says_so_and_makes_none(kith, words):
    assert sentence(kith(*words)).startswith(f"Error: There is no Kith in {kith.folder}: go to where you began one")
    assert not kith.folder.exists()


def test_a_folder_that_cannot_be_used_is_a_sentence(kith):
    kith.folder.write_text("a file")
    assert sentence(kith("doctor")) == f"Error: {kith.folder}/config.toml: Not a directory."
    kith.folder.unlink()
    (kith.folder / "config.toml").mkdir(parents=True)
    assert sentence(kith("upgrade")) == f"Error: {kith.folder}/config.toml: Is a directory."


def test_root_does_not_work_in_a_folder_of_somebody_else(kith, monkeypatch):
    kith.folder.mkdir()
    if os.geteuid() == 0:
        os.chown(kith.folder, 4242, 4242)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    for words in (["init", *SAID], ["upgrade"]):
        said = sentence(kith(*words))
        assert said.startswith(f"Error: {kith.folder} belongs to ")
        assert "runuser -u" in said
    assert list(kith.folder.iterdir()) == []


ADDRESSES = {
    "postgresql+psycopg://kith:a/b@localhost:abc/kith": "must be like postgresql+psycopg://user:password@host:5432/name",
    "sqlite:///here.sqlite3": "must name a file with its whole path",
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_of_a_database_that_cannot_be_meant_is_a_sentence(kith, monkeypatch, url):
    done = kith("init", *SAID)
    assert done.output.endswith("Next: kith serve --port 8123\n"), "where its link leads"
    assert sentence(kith("move", url)).startswith(f"Error: The new database's address {ADDRESSES[url]}")
    monkeypatch.setenv("KITH_DATABASE_URL", url)
    assert sentence(kith("doctor")).startswith(f"Error: KITH_DATABASE_URL {ADDRESSES[url]}")


@pytest.mark.parametrize("url", ["http://127.0.0.1:abc", "http://127.0.0.1:99999", "https://kith example.org"])
def test_an_address_that_leads_nowhere_is_a_sentence(kith, url):
    said = sentence(kith("init", "--site-name", "Northgate", "--base-url", url, "--no-mail"))
    assert said == f"Error: KITH_BASE_URL must be an address like https://kith.example.org, but is {url!r}."
    with pytest.raises(config.SettingError, match="KITH_REDIS_URL must be like"):
        config.checked("REDIS_URL", "redis://localhost:abc/0")


def at_server(postgres, *statements):
    engine = sqlalchemy.create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_database_that_belongs_to_somebody_else_is_a_sentence(kith, postgres, worker_id, monkeypatch):
    name = f"kith_guest_{worker_id}"
    postgres.database(name)
    at_server(postgres, f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} LOGIN")
    url = sqlalchemy.make_url(postgres.address(name)).set(username=name).render_as_string(hide_password=False)
    told = "Error: The database lets its user do too little (permission denied for schema public): make that user the owner"
    monkeypatch.setenv("KITH_DATABASE_URL", url)
    assert sentence(kith("migrate")).startswith(told)
    at_server(postgres, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")


WHERE = {
    "127.0.0.1": "Address already in use",
    "192.0.2.1": "Cannot assign requested address",
    "ä..example": "that is no name of a host",
}


@pytest.mark.parametrize("host", WHERE)
def test_where_it_cannot_listen_it_says_why_in_words(kith, host, monkeypatch):
    monkeypatch.setattr(serve, "LET_GO_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = sentence(kith("serve", "--host", host, "--port", str(port)))
    assert said == f"Error: Kith cannot listen on {host}:{port}: {WHERE[host]}. Choose another with --host or --port."


def test_the_list_of_commands_says_of_each_in_one_line_what_it_does(kith):
    lines = kith("--help").output.partition("Commands:\n")[2].splitlines()
    assert len(lines) == len(command.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines), "none is cut off"


def test_a_database_that_cannot_keep_every_name_and_an_old_one_that_does_not_answer(
    kith, postgres, worker_id, monkeypatch, tmp_path
):
    assert kith("init", *SAID).exit_code == 0
    name = f"kith_latin_{worker_id}"
    at_server(
        postgres,
        f"DROP DATABASE IF EXISTS {name}",
        f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )
    latin = postgres.address(name)
    file = tmp_path / "a.kith"
    assert kith("backup", str(file)).exit_code == 0
    assert sentence(kith("backup", str(tmp_path))) == f"Error: {tmp_path} is a folder: name a new file in it."
    with pytest.raises(Refused, match="The old database's address must be like"):
        merging.engine_of("postgresql+psycopg://localhost:abc/kith", is_named=True)
    with pytest.raises(Refused, match="The old database can't be used: "):  # else what was refused would be lost
        merging.engine_of(postgres.address(f"kith_gone_{worker_id}"), is_named=True)
    packed = tmp_path / "a.kith.gz"
    packed.write_bytes(b"\x1f\x8b\x08")
    assert sentence(kith("restore", str(packed))) == f"Error: {packed} is packed: unpack it first, with gunzip."
    monkeypatch.setenv("KITH_DATABASE_URL", latin)
    assert sentence(kith("migrate")).startswith("Error: The database keeps texts as LATIN1")
    assert sentence(kith("doctor")).startswith("Error: The database of KITH_DATABASE_URL has nothing of Kith in it")
