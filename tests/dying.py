"""`kith` as a process that kills itself at a given step, as a power cut would: at the Nth statement, commit or renaming of a file."""

import itertools
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests import programs

FOREVER = 10**9


def _step(counted, last):
    number = next(counted)
    Path(os.environ["DYING_STEPS"]).write_text(str(number))
    if number == last:
        os.kill(os.getpid(), signal.SIGKILL)


def _become(words, environ, streams, last):
    os.environ["DYING_STEPS"] = f"{streams[1]}.steps"
    counted = itertools.count(1)
    environ = environ | {"DYING_STEPS": os.environ["DYING_STEPS"]}

    def step(*_given):
        _step(counted, last)

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    sys.addaudithook(lambda name, _given: step() if name == "os.rename" else None)
    programs._become(words, environ, streams, leads=False)


def run(*words, log, at=FOREVER, **settings):
    """Run a command that dies at a step; return whether it did, and how many steps it had come."""
    steps = Path(f"{log}.steps")
    steps.write_text("0")
    process = programs._context().Process(
        target=_become, args=([*map(str, words)], programs.environment(settings), (os.devnull, str(log), str(log)), at)
    )
    process.start()
    process.join(programs.PATIENCE)
    assert process.exitcode in {0, -signal.SIGKILL}, Path(log).read_text()
    return process.exitcode != 0, int(steps.read_text())
