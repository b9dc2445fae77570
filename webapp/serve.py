"""The web server: gunicorn with threads, and the recurring work beside it in one process."""

import gc
import resource
import socket
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from webapp import config, create_app
from webapp.config import SettingError
from webapp.jobs import Worker
from webapp.keeping import keys, serving

THREADS = 32
KEEPALIVE_SECONDS = 20
"""How long a connection waits for the next request: longer than an open page between two questions, so that it need not connect anew."""
CONNECTIONS = 800
"""How many are open at once in a process, which may usually have 1,024 files open: the database needs some, too."""


class Server(BaseApplication):
    """Kith under gunicorn. The application is made in each process after the fork, the worker's threads after that."""

    def __init__(self, host: str, port: int, workers: int, *, demo: bool = False) -> None:
        self.bind = f"{f'[{host}]' if ':' in host else host}:{port}"
        self.workers = workers
        self.demo = demo
        self.worker: Worker | None = None
        self.made: Flask | None = None
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
        """Return the application of this process."""
        self.made = create_app()
        keys.settle(self.made)
        self.made.config["DEMO"] = self.demo
        gc.collect()
        gc.freeze()  # all this lives as long as the process; looking through it again and again took a third of a large address book
        return self.made

    def _begin(self) -> None:
        assert self.made is not None
        self.worker = Worker(self.made)
        self.worker.start()

    def _end(self) -> None:
        if self.worker is not None:
            self.worker.stop()


def check(host: str, port: int, values: dict[str, Any]) -> None:
    """Refuse an address that cannot be had, and to be reachable from elsewhere with a set-up that is only safe at home.

    SettingError says what to change.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family):
            pass
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"Kith cannot listen on {host}:{port}: {error}. Choose another with --host or --port."
        ) from None
    config.check_exposed(values, host)


def run(host: str, port: int, workers: int, folder: Path, *, demo: bool = False) -> None:
    """Serve the instance in that folder until told to stop."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash file would hold what was in memory
    server = Server(host, port, workers, demo=demo)
    serving.hold(folder)
    server.run()
