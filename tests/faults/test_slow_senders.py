"""Whoever sends a byte a second, however often, holds up nobody but themselves."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
from flask import request
from werkzeug.exceptions import ClientDisconnected, ServiceUnavailable

from tests import ports
from webapp.web.bodies import FILES, Bodies, Kind, take

PATIENCE = 60
SENDERS = 50


@pytest.fixture
def served(tmp_path):
    """The address of a running `kith serve`."""
    port = ports.free()
    with (tmp_path / "said.txt").open("w") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve", "--port", str(port)],
            env={
                **os.environ,
                "KITH_INSTANCE": str(tmp_path / "instance"),
                "KITH_BASE_URL": f"http://127.0.0.1:{port}",
            },
            stdout=said,
            stderr=said,
        )
        try:
            until = time.monotonic() + PATIENCE
            while not answers(port):
                assert time.monotonic() < until, (tmp_path / "said.txt").read_text()
                time.sleep(0.1)
            yield port
        finally:
            running.send_signal(signal.SIGTERM)
            assert running.wait(PATIENCE) == 0


def answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).ok
    except requests.ConnectionError:
        return False


def begin(port, path, length):
    """Begin to send a file, of which only a few bytes come."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n"
    sender = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    sender.sendall(f"{head}Content-Type: multipart/form-data; boundary=edge\r\n\r\n--edge".encode())
    return sender


def test_fifty_slow_uploads_leave_everybody_else_their_pages(served):
    senders = [begin(served, "/contacts/file", 9_000_000) for _ in range(SENDERS)]
    stopping = threading.Event()

    def drip():
        while not stopping.wait(1):
            for sender in senders:
                with contextlib.suppress(OSError):  # refused meanwhile
                    sender.send(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        waiting = 0
        for sender in senders:
            sender.settimeout(3)
            try:
                assert b" 503 " in sender.recv(1000).splitlines()[0]
            except TimeoutError:
                waiting += 1
        assert waiting == FILES.most
        for _ in range(20):
            page = requests.get(f"http://127.0.0.1:{served}/signin", timeout=PATIENCE)
            assert page.status_code == 200
            form = requests.post(f"http://127.0.0.1:{served}/signin", {"email": "x"}, timeout=PATIENCE)
            assert form.status_code == 400  # without its token: it was read
    finally:
        stopping.set()
        dripping.join()
        for sender in senders:
            sender.close()


def test_what_is_too_large_is_refused_before_it_is_sent(served):
    with begin(served, "/contacts/file", 50_000_000) as sender:
        assert b" 413 " in sender.recv(1000).splitlines()[0]


def test_whoever_takes_too_long_is_no_longer_listened_to(app):
    bodies = Bodies(files=Kind(1, 0.2))
    here, there = socket.socketpair()
    with here, there, here.makefile("rb") as arriving:
        there.sendall(b"--edge")
        with app.test_request_context("/", data=b"x" * 1000, content_type="text/plain", method="POST"):
            request.environ |= {"gunicorn.socket": here, "wsgi.input": arriving}
            with pytest.raises(ClientDisconnected):
                take(bodies, has_file=True)
        with app.test_request_context("/", data=b"next", content_type="text/plain", method="POST"):
            take(bodies, has_file=True)  # its place is free again
            assert request.environ["wsgi.input"].read() == b"next"


def test_the_places_of_files_and_of_the_rest_are_apart(app):
    bodies = Bodies(files=Kind(1, 60), rest=Kind(1, 60))
    with app.test_request_context("/", data={"a": "b"}, method="POST"):
        with bodies.place(has_file=True):
            take(bodies, has_file=False)
            with pytest.raises(ServiceUnavailable):
                take(bodies, has_file=True)
        take(bodies, has_file=True)
