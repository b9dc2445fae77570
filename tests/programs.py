"""`kith` as processes of their own, as an operator runs them.

They are forked from a process that has imported everything: importing takes ten times as long as most of what they are started for,
and some tests start them again and again. That they also start by their name, and as a module, tests/jobs/test_serve.py sees.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import requests

PATIENCE = 60  # seconds, for one step on a busy machine


def environment(settings):
    """The environment of this run with these settings of Kith and no others."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("KITH_")}
    return found | {f"KITH_{name}": str(value) for name, value in settings.items()}


@cache
def _context():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.preloaded"])
    return context


def _become(words, environ, streams, *, leads):
    """In the new process: be `kith`."""
    from webapp import cli

    if leads:
        os.setsid()
    for number, path in enumerate(streams):
        descriptor = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["kith", *words]
    cli.main()


class Program:
    """A command that runs."""

    def __init__(self, words, settings, log, *, leads=False, given=os.devnull, errors=None, more=None):
        self.log = Path(log)
        self._process = _context().Process(
            target=_become,
            args=([*map(str, words)], environment(settings) | (more or {}), (given, str(log), str(errors or log))),
            kwargs={"leads": leads},
            daemon=True,  # so that the end of the test run is its end
        )
        self._process.start()

    @property
    def pid(self):
        return self._process.pid

    def poll(self):
        """How it ended (a signal's number is negative); None while it runs."""
        return self._process.exitcode

    def wait(self, seconds=PATIENCE):
        """Wait until it ends; how it did."""
        self._process.join(seconds)
        if self.poll() is None:
            raise TimeoutError(self.log.read_text())
        return self.poll()

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill_all(self, number):
        """Send a signal to it and to what it has started; it must lead a session."""
        if self.poll() is None:
            os.killpg(self.pid, number)

    def wait_until(self, question, seconds=PATIENCE):
        """Wait until something is so, while it runs."""
        end = time.monotonic() + seconds
        while not question():
            assert self.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)


def start(*words, log, leads=False, **settings):
    """Start a command with these settings; what it says is added to the file `log`. `leads`: in a session of its own."""
    return Program(words, settings, log, leads=leads)


def run(*words, given="", **settings):
    """Run a command to its end; what it said and how it ended, as `subprocess.run` gives it."""
    with tempfile.TemporaryDirectory(prefix="kith-said-") as folder:
        paths = [Path(folder) / name for name in ("given", "out", "err")]
        for path in paths:
            path.touch()
        paths[0].write_text(given)
        program = Program(words, settings, paths[1], given=str(paths[0]), errors=paths[2])
        code = program.wait()
        return subprocess.CompletedProcess(words, code, paths[1].read_text(), paths[2].read_text())


def answers(url):
    """Whether somebody answers there, and says yes."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
