"""A real Redis for the tests: redis-server on a socket in a temporary folder, ended with the test run."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from tests import requires

PATIENCE = 30


class Server:
    """One server, which keeps nothing."""

    def __init__(self) -> None:
        requires.require("redis")
        self.folder = Path(tempfile.mkdtemp(prefix="kith-redis-"))
        self.socket = self.folder / "socket"
        self.url = f"unix://{self.socket}"
        self.start()

    def start(self) -> None:
        """Start, empty."""
        options = ("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "")
        self.process = subprocess.Popen(
            ["redis-server", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + PATIENCE
        while not self.answers():
            assert time.monotonic() < until
            time.sleep(0.02)

    @contextlib.contextmanager
    def client(self):
        with contextlib.closing(redis.Redis.from_url(self.url, socket_timeout=5)) as client:
            yield client

    def answers(self):
        try:
            with self.client() as client:
                return client.ping()
        except redis.RedisError:
            return False

    def empty(self):
        with self.client() as client:
            client.flushall()

    def hang(self):
        """Answer nobody, but hold every connection."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        """End at once, without a word to anybody."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End, and remove the folder."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)
