"""`kith serve` and the other commands as processes, as an operator runs them."""

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from flask import Flask
from gunicorn.http import RequestParser
from gunicorn.http.errors import ParseException

import webapp
from tests import factories, ports, programs, smtp
from webapp import create_app, schema, serve
from webapp.domain import accounts
from webapp.extensions import db
from webapp.serve import Server
from webapp.transaction import transaction

ADDRESS = "ben@friends.example"
INIT = ("init", "--site-name", "Northgate", "--base-url", "http://127.0.0.1:8000", "--no-mail")


@pytest.fixture
def kith(tmp_path):
    """`kith("doctor", SETTING=...)`: run a command in an instance of its own, in the folder `kith.instance`."""

    def run(*words, **settings):
        return programs.run(*words, **{"INSTANCE": run.instance} | settings)

    run.instance = str(tmp_path / "instance")
    run.log = tmp_path / "said.txt"
    return run


@contextmanager
def running(kith, *words, **settings):
    """Start a command; gives the process. It is told to stop at the end, and must."""
    program = programs.start(*words, log=kith.log, **{"INSTANCE": kith.instance} | settings)
    try:
        yield program
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait() == 0, kith.log.read_text()


def wait_for(question, kith):
    end = time.monotonic() + programs.PATIENCE
    while not question():
        assert time.monotonic() < end, kith.log.read_text()
        time.sleep(0.02)


def test_one_command_serves_pages_and_sends_mail(kith, tmp_path):
    port = ports.free()
    url = f"http://127.0.0.1:{port}"
    with smtp.listening() as sink, running(kith, "serve", "--port", port, SMTP_URL=sink.url):
        wait_for(lambda: programs.answers(f"{url}/readyz"), kith)
        assert requests.get(f"{url}/livez", timeout=5).text.strip() == "ok"
        assert "Join" in requests.get(url, timeout=5).text
        app = create_app({"INSTANCE": str(tmp_path / "instance")})
        with app.app_context():
            with transaction():  # the server writes, too
                factories.member("Ben Okri", ADDRESS)
                accounts.ask_reset(ADDRESS)
            db.engine.dispose()
        wait_for(lambda: sink.recipients == [ADDRESS], kith)
        assert f"{url}/reset/" in sink.last().get_body(("plain",)).get_content()


def test_it_starts_by_its_name_and_as_a_module(kith):
    for command in ([Path(sys.executable).with_name("kith")], [sys.executable, "-m", "webapp"]):
        done = subprocess.run(
            [*command, *INIT],
            env=programs.environment({"INSTANCE": kith.instance}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "Next: kith serve" in done.stdout


def test_a_port_that_is_taken_is_one_sentence(kith):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = kith("serve", "--port", port)
    assert done.returncode != 0
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (("serve", "--host", "0.0.0.0"), {}, "KITH_BASE_URL"),
        (("serve",), {"SMTP_URL": "mailto:me"}, "KITH_SMTP_URL"),
        (("serve",), {"DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}, "database does not answer"),
        (("serve",), {"DATABASE_URL": "nonsense"}, "KITH_DATABASE_URL"),
        (("serve", "--port", 70000), {}, "70000"),
        (("doctor",), {"SECURITY_CONTACT": "nobody"}, "KITH_SECURITY_CONTACT"),
        (("make-admin", "not an address"), {}, "address"),
    ],
)
def test_what_an_operator_got_wrong_is_one_sentence(kith, words, settings, said):
    kith(*INIT)
    done = kith(*words, **settings)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_init_then_make_admin_then_doctor(kith):
    done = kith(*INIT)
    assert done.returncode == 0, done.stderr
    assert "/operator/" in done.stdout
    assert kith(*INIT).returncode == 0
    done = kith("make-admin", "ada@out.example")
    assert "/operator/" in done.stdout
    done = kith("doctor", SMTP_URL="smtp://kith:very-secret@mail.example:25")
    assert done.returncode == 0, done.stderr
    assert "Everything is in order." in done.stdout
    assert "very-secret" not in done.stdout
    assert "Nothing left to migrate." in kith("migrate").stdout


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +3",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
    ],
)
def test_a_request_with_two_lengths_is_refused(lengths):
    """So that a proxy and the server never disagree where one request ends and the next begins."""
    said = Server(0, 1, Flask("any")).cfg
    raw = f"POST /signin HTTP/1.1\r\nHost: kith.example\r\n{lengths}\r\n\r\n0\r\n\r\nGET /settings HTTP/1.1\r\n\r\n".encode()
    with pytest.raises(ParseException):
        next(RequestParser(said, iter([raw]), ("127.0.0.1", 1)))


def test_an_operator_signs_out_one_member_or_all(kith):
    kith(*INIT)
    app = create_app({"INSTANCE": kith.instance})
    with app.app_context():
        ada, ben = factories.member("Ada", "ada@example.org"), factories.member("Ben", "ben@example.org")
        mine, hers, phone = factories.sign_in(ben), factories.sign_in(ada), factories.sign_in(ada)
        db.session.commit()
        assert "2 sign-ins ended." in kith("sign-out", "Ada@example.org").stdout
        assert [accounts.signed_in(token) for token in (hers, phone)] == [None, None]
        assert accounts.signed_in(mine)[0].name == "Ben"
        db.session.rollback()
        for wrong, said in (
            (("nobody@example.org",), "Nobody here has confirmed"),
            ((), "--everybody"),
            (("ben@example.org", "--everybody"), "one member"),
        ):
            done = kith("sign-out", *wrong)
            assert done.returncode == 1
            assert said in done.stderr
        assert "1 sign-in ended." in kith("sign-out", "--everybody").stdout
        assert accounts.signed_in(mine) is None
        db.engine.dispose()


def test_seed_fills_a_database_that_doctor_finds_in_order(kith):
    done = kith("seed", "--members", 200, "--connections", 10)
    assert (done.returncode, done.stderr) == (0, "")  # how far it is, is for a terminal
    assert "\n200 members, " in done.stdout
    assert done.stdout.count("\n") == 2
    done = kith("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    again = kith("seed", "--members", 200)
    assert again.returncode != 0
    assert "Traceback" not in again.stderr


def test_bounce_says_what_it_did_with_what_it_was_given(kith):
    kith(*INIT)
    done = kith("bounce", "somebody@northgate.example")
    assert done.returncode == 1
    assert "Nothing was changed." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_beside_the_server_does_not_send_twice(kith, tmp_path):
    kith(*INIT)
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    with smtp.listening() as sink:
        sink.seconds = 0.02
        with app.app_context():
            schema.upgrade()
            for number in range(20):
                factories.member(f"Member {number}", f"m{number}@post.example")
                with transaction():
                    accounts.ask_reset(f"m{number}@post.example")
            db.engine.dispose()
        port = ports.free()
        with (
            running(kith, "serve", "--port", port, SMTP_URL=sink.url),
            running(kith, "worker", SMTP_URL=sink.url, BASE_URL=f"http://127.0.0.1:{port}"),
        ):
            wait_for(lambda: len(sink.received) >= 20, kith)
        assert sorted(sink.recipients) == sorted(f"m{number}@post.example" for number in range(20))


def test_two_servers_on_one_instance_send_each_mail_once_and_one_goes_on_alone(kith, tmp_path):
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    together, alone = ([f"m{number}@{when}.example" for number in range(10)] for when in ("together", "alone"))

    def ask(addresses):
        with app.app_context():
            for address in addresses:
                factories.member("Member", address)
                with transaction():
                    accounts.ask_reset(address)
            db.session.remove()

    with app.app_context():
        schema.upgrade()
    with smtp.listening() as sink:
        first_port = ports.free(2)
        second_port = first_port + 1
        settings = {"SMTP_URL": sink.url, "BASE_URL": f"http://127.0.0.1:{first_port}"}
        with running(kith, "serve", "--port", first_port, **settings) as first:
            wait_for(lambda: programs.answers(f"http://127.0.0.1:{first_port}/readyz"), kith)
            with running(kith, "serve", "--port", second_port, **settings):
                wait_for(lambda: programs.answers(f"http://127.0.0.1:{second_port}/readyz"), kith)
                ask(together)
                wait_for(lambda: len(sink.received) >= len(together), kith)
                first.send_signal(signal.SIGTERM)
                assert first.wait() == 0, kith.log.read_text()
                ask(alone)
                wait_for(lambda: len(sink.received) >= len(together + alone), kith)
        assert sorted(sink.recipients) == sorted(together + alone)
    with app.app_context():
        db.engine.dispose()


def test_a_connection_waits_longer_than_an_open_conversation_between_two_questions():
    asks = (Path(webapp.__file__).parent / "templates/messages/_look.html").read_text()
    pauses = [int(each) for each in re.findall(r'data-(?:look|idle)="(\d+)"', asks)]
    assert len(pauses) == 2
    assert Server(0, 1, Flask("any")).cfg.keepalive > max(pauses)


def test_who_comes_while_the_database_is_brought_to_this_version_is_told_and_livez_lets_it_go_on():
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with serve._alive(listening, "Alumni & <Friends>"):
        assert requests.get(f"{url}/livez", timeout=5).text == "ok\n"
        ready, page = requests.get(f"{url}/readyz", timeout=5), requests.get(f"{url}/people", timeout=5)
        sent = requests.post(f"{url}/messages", {"text": "kept"}, timeout=5)
        assert requests.head(url, timeout=5).content == b""
    assert (ready.status_code, ready.text) == (503, "not ready\n")
    for answer in (page, sent):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "Alumni &amp; &lt;Friends&gt;" in answer.text
    assert 'http-equiv="refresh"' in page.text
    assert "refresh" not in sent.text
    assert "Nothing was saved" in sent.text
    assert listening.fileno() >= 0, "the application goes on listening"
    listening.close()
