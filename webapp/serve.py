"""The web server: gunicorn with threads, and the recurring work beside it in one process."""

import errno
import gc
import html
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from webapp import config, metrics, schema
from webapp.config import SettingError
from webapp.extensions import db, engines
from webapp.jobs import Worker
from webapp.keeping import serving
from webapp.once import everything_stays

THREADS = 32
KEEPALIVE_SECONDS = 20
"""How long a connection waits for the next request: longer than an open page between two questions, so that it need not connect anew."""
BACKLOG = 2048
CONNECTIONS = 800
"""How many are open at once in a process, which may usually have 1,024 files open: the database needs some, too."""

WAITING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{again}
<title>Back in a moment · {name}</title>
<style>:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ margin: 20vh auto; max-width: 30rem; padding: 0 1.5rem }}
h1 {{ font-size: 1.5rem; margin: 0 }} p {{ overflow-wrap: anywhere }}</style>
<main><p>{name}</p><h1>Back in a moment</h1><p>An update is being put in. {words}</p></main>
"""
"""All that can be shown while the application must not ask its database: in the browser's own type and colours."""
LET_GO_SECONDS = 2
"""How long an address that is taken is tried again. The workers of a server that was killed notice it within a second."""


class Server(BaseApplication):
    """Kith under gunicorn. The application is made once, before the fork: all processes share its memory. Threads begin after it."""

    def __init__(self, listening: int, workers: int, app: Flask) -> None:
        self.bind = f"fd://{listening}"
        self.workers = workers
        self.app = app
        self.worker: Worker | None = None
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn how to run."""
        settings: dict[str, Any] = {
            "bind": self.bind,
            "workers": self.workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": KEEPALIVE_SECONDS,
            "worker_connections": CONNECTIONS,
            "graceful_timeout": 30,
            "timeout": 60,
            "accesslog": None,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": lambda _worker: self._begin(),
            "worker_exit": lambda _server, _worker: self._end(),
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application, in a process of its own: with nothing open that another one has."""
        with self.app.app_context():
            for engine in engines():
                engine.dispose(close=False)
        metrics.begin(self.app.config["KITH"]["INSTANCE"] / metrics.FOLDER)
        return self.app

    def _begin(self) -> None:
        self.worker = Worker(self.app)
        self.worker.start()

    def _end(self) -> None:
        if self.worker is not None:
            self.worker.stop()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def check(host: str, port: int, values: dict[str, Any]) -> None:
    """Refuse an address that cannot be had, and to be reachable from elsewhere with a set-up that is only safe at home.

    SettingError says what to change.
    """
    _listen(host, port).close()
    config.check_exposed(values, host)


def _listen(host: str, port: int) -> socket.socket:
    """Listen there; SettingError where that cannot be. What was killed a moment ago may still hold the address: wait for that."""
    end = time.monotonic() + LET_GO_SECONDS
    while True:
        try:
            host.encode("idna")  # what the system would be asked for
            return socket.create_server((host, port), family=_family(host), backlog=BACKLOG)
        except (OSError, UnicodeError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE and time.monotonic() < end:
                time.sleep(0.05)
                continue
            raise SettingError(
                f"Kith cannot listen on {host}:{port}: {_why(error)}. Choose another with --host or --port."
            ) from None


def _why(error: OSError | UnicodeError) -> str:
    """Return what is wrong with an address, in the system's words and without its numbers."""
    if isinstance(error, UnicodeError):
        return "that is no name of a host"
    return str(error.strerror).partition(" (while attempting")[0]


def run(host: str, port: int, workers: int, folder: Path, make: Callable[[], Flask], say: Callable[[], None]) -> None:
    """Serve the instance in that folder, with the application that `make` makes, until told to stop; `say` that, once all is there.

    Whoever asks before waits for the application to be made, a second or so. Bringing the database to this version may take minutes:
    meanwhile they are told, and who asks `/livez` to decide whether to end this process lets it go on.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash file would hold what was in memory
    serving.hold(folder)
    metrics.clean(folder / metrics.FOLDER)
    listening = _listen(host, port)
    with everything_stays():
        app = make()
        with app.app_context():
            is_newest = schema.current() == schema.wanted()
            db.engine.dispose()  # the processes begin from here, and share no connection
        if not is_newest:
            _upgrade(listening, app.config["KITH"]["SITE_NAME"])
        # All this lives as long as the processes. Looking through it again and again took a third of a large address book, and every page
        # of memory that is only looked at is one that a process no longer shares.
        gc.freeze()
    say()
    Server(listening.detach(), workers, app).run()


def _upgrade(listening: socket.socket, name: str) -> None:
    """Bring the database to this version, in a process of its own: the memory that takes is gone with it. SystemExit where it failed."""
    with _alive(listening, name):
        done = subprocess.run([sys.executable, "-m", "webapp", "migrate"], check=False)
    if done.returncode:
        raise SystemExit(1)  # it said why


@contextmanager
def _alive(listening: socket.socket, name: str) -> Iterator[None]:
    """Say that this process lives to whoever asks, and to the members of the community of that name to wait a moment."""
    server = ThreadingHTTPServer(listening.getsockname()[:2], partial(_Waiting, name), bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


class _Waiting(BaseHTTPRequestHandler):
    """What is answered before the application can be."""

    timeout = 10

    def __init__(self, name: str, *given: Any) -> None:
        self.name = name
        super().__init__(*given)  # it answers in here

    def do_GET(self) -> None:
        """Answer anything, and end the connection: the next request may be the application's."""
        alive = self.path == "/livez"
        probes = {"/livez": "ok\n", "/readyz": "not ready\n"}
        body = (probes.get(self.path) or self._page()).encode()
        self.send_response(200 if alive else 503)
        for name, value in {
            "Content-Type": f"text/{'plain' if self.path in probes else 'html'}; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            **({} if alive else {"Retry-After": "5"}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _page(self) -> str:
        """Return the page for who waits. It asks again by itself, but not where something was sent: the browser has that, one step back."""
        sent = self.command == "POST"
        again = "" if sent else '<meta http-equiv="refresh" content="5">'
        words = (
            "Nothing was saved: go back in a moment, and send it again." if sent else "This page looks again by itself."
        )
        return WAITING.format(again=again, name=html.escape(self.name), words=words)

    do_HEAD = do_POST = do_GET  # noqa: N815 - the names the library looks for

    def version_string(self) -> str:
        """Name nothing."""
        return "Kith"

    def log_message(self, *_said: Any) -> None:
        """Write nothing: the line would have the address and who asked."""
