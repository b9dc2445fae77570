"""A community behind a server of its own, as `kith serve` runs it: how much it answers, how soon, and the memory it takes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import linear_regression
from typing import Any

from tests import houses, load, memory, programs
from tests.bench import database

BROWSERS = 100
SAMPLE_SECONDS = 10


class Served(houses.House):
    """The server and its members. It is started as a program, not forked from the tests: what it holds is its own."""

    def start(self, *more: str, when: str = "/readyz") -> "Served":
        """Serve it, and wait until it says that it is ready."""
        command = [sys.executable, "-m", "webapp", "serve", "--port", str(self.port), *more]
        self.process = subprocess.Popen(
            command, env=programs.environment(self.settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + programs.PATIENCE
        while not programs.answers(self.url + when):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("The server does not answer.")
            time.sleep(0.02)
        return self

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it; how it ended."""
        self.process.send_signal(how)
        return self.process.wait(programs.PATIENCE)

    def sign_in(self, ids: list[int]) -> "Served":
        """Browsers at which these members are signed in. To be called before it serves: then nobody else writes."""
        with self.app.app_context():
            self.members = [self.let_in(each, database.talk(each)) for each in map(database.member, ids)]
            self.leave()
        return self


@contextmanager
def served(settings: dict[str, str], ids: list[int], **more: Any) -> Iterator[Served]:
    """A server on a community, with these members at their browsers."""
    house = Served(Path(settings["INSTANCE"]), **settings, **more).sign_in(ids).start()
    try:
        yield house
    finally:
        house.stop()


def holds(house: Served) -> tuple[float, float]:
    """Return the megabytes that the server holds, and those of them that are no pages of files."""
    return memory.shared_out(house.process.pid), memory.shared_out(house.process.pid, "Pss_Anon")


def over_time(house: Served, minutes: float, pause: float) -> dict[str, Any]:
    """Let its members ask for so long; return what the server holds, every ten seconds, and how long answers took."""
    held: list[tuple[float, float]] = []
    over = threading.Event()
    begun = time.monotonic()

    def look() -> None:
        while not over.wait(SAMPLE_SECONDS):
            held.append(((time.monotonic() - begun) / 60, *holds(house)))

    looking = threading.Thread(target=look)
    rest = holds(house)
    looking.start()
    done = load.Load(house, f"{os.getpid()}-{int(time.time())}").run(house.members, seconds=minutes * 60, pause=pause)
    over.set()
    looking.join()
    late = held[len(held) // 3 :]
    slope = linear_regression([row[0] for row in late], [row[1] for row in late]).slope * 60 if len(late) > 2 else 0.0
    return {
        "minutes": minutes,
        "rest": rest,
        "held": held,
        "slope": slope,
        "requests": sum(done.answers.values()),
        "errors": done.errors,
    }
