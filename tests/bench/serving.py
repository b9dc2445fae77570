"""A community behind a server of its own, as `kith serve` runs it: how much it answers, how soon, and the memory it takes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from tests import houses, load, memory, programs
from tests.bench import budgets, database
from tests.bench.browsers import get
from tests.bench.measuring import ratio
from tests.bench.rows import Row, figure, row
from webapp.domain import relationships
from webapp.extensions import db
from webapp.models.connection import Connection
from webapp.transaction import transaction

ASKING, TURNS = 8, 4
WRITERS, WRITING_SECONDS, WRITES_EACH = 4, 3, 120
PAUSE = 5.0
"""Seconds between two pages of a member who reads them."""
AS_A_UNIT = {"MALLOC_ARENA_MAX": "2"}
"""What deploy/kith.service and the container set."""
PEAK_PAUSE = 14.0
"""Seven requests a second of a hundred: what docs/scale.md assumes of 100,000 members at their peak."""
LONG_PAUSE = 20.0
"""The same, of members who stay for an hour."""
SHORT_PAUSE = 0.8
"""A hundred requests a second of a hundred, where nobody waits for long: what F11 asks of two processors."""
SAMPLE_SECONDS = 10


class Served(houses.House):
    """The server and its members. It is started as a program, not forked from the tests: what it holds is its own."""

    def start(self, *more: str, when: str = "/readyz") -> "Served":
        """Serve it, and wait until it says that it is ready."""
        command = [sys.executable, "-m", "webapp", "serve", "--port", str(self.port), *more]
        self.process = subprocess.Popen(
            command,
            env=programs.environment(self.settings) | AS_A_UNIT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
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

    def cookie_of(self, browser: houses.Browser) -> str:
        """Return the cookie by which a browser is known."""
        return "; ".join(f"{each.name}={each.value}" for each in browser.session.cookies)

    def sign_in(self, ids: list[int]) -> "Served":
        """Browsers at which these members are signed in. To be called before it serves: then nobody else writes."""
        with self.app.app_context():
            self.members = [self.let_in(each, database.talk(each)) for each in map(database.member, ids)]
            self.leave()
        return self


@contextmanager
def served(settings: dict[str, str], ids: list[int], *words: str, **more: Any) -> Iterator[Served]:
    """A server on a community, with these members at their browsers."""
    house = Served(Path(settings["INSTANCE"]), **settings, **more).sign_in(ids).start(*words)
    try:
        yield house
    finally:
        house.stop()


def holds(house: Served) -> tuple[float, float]:
    """Return the megabytes that the server holds, and those of them that are no pages of files."""
    return memory.shared_out(house.process.pid), memory.shared_out(house.process.pid, "Pss_Anon")


def rested(house: Served) -> tuple[float, float]:
    """Show one page, wait a moment, and return what the server holds then."""
    house.members[0].get("/network")
    time.sleep(3)
    return holds(house)


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
    return {
        "minutes": minutes,
        "rest": rest,
        "held": held,
        "requests": sum(done.answers.values()),
        "errors": done.errors,
    }


# 14: how much it answers


def throughput(house: Served, seconds: float) -> Iterator[Row]:
    """Compare how many null routes and how many pages a second it answers to eight browsers that never wait (14)."""
    cookie = house.cookie_of(house.members[0])
    asked = {"/livez": "", "/connections": cookie, "/network": cookie, "/feed": cookie}
    found: dict[str, list[float]] = {path: [] for path in asked}
    for turn in range(TURNS + 1):
        for path, given in asked.items():
            many = _answers(house.port, given, path, seconds / TURNS / len(asked))
            if turn:  # the first warms up
                found[path].append(many)
    null = found.pop("/livez")
    yield figure(14, "null routes a second", f"{median(null):.0f}")
    for path, many in found.items():
        aim = 5 if path == "/connections" else None
        what = f"null routes for one {path}, {median(many):.0f} pages a second"
        yield row(14, what, "what the server answers", ratio(null, many), most=aim)


def _answers(port: int, cookie: str, path: str, seconds: float) -> float:
    """Return how many answers a second eight get who ask again at once."""
    end = time.monotonic() + seconds
    answered: list[int] = []

    def ask(number: int) -> None:
        many = 0
        while time.monotonic() < end:
            status, _text = get(port, f"{cookie}; n={number}", path, keep=True)
            assert status == 200, (path, status)
            many += 1
        answered.append(many)

    begun = time.monotonic()
    with ThreadPoolExecutor(ASKING) as pool:
        list(pool.map(ask, range(ASKING)))
    return sum(answered) / (time.monotonic() - begun)


# 15: four processes that write


def _accepts(settings: dict[str, str], cast: database.Cast, number: int, all_ready: Any, said: Any) -> None:
    """Let the hub accept one invitation after the other for a while; say how many, and how often the database was locked."""
    app = database.application(settings)
    done, locked = [], 0
    with app.app_context():
        all_ready.wait()
        until = time.monotonic() + WRITING_SECONDS
        for asker in cast.strangers[200 + number :: WRITERS][:WRITES_EACH]:
            if time.monotonic() > until:
                break
            try:
                budgets.asked(cast.hub, asker)
                with transaction():
                    relationships.accept(database.member(cast.hub), [asker])
                done.append(asker)
            except DBAPIError as error:
                if "locked" not in str(error) and "deadlock" not in str(error):
                    raise
                locked += 1
                db.session.rollback()
        db.session.remove()
        db.engine.dispose()
    said.put((done, locked))


def writers(settings: dict[str, str], cast: database.Cast) -> Iterator[Row]:
    """Let four processes write to the same member at once, and see whether the sums are exact (15)."""
    app = database.application(settings)
    with app.app_context():
        before = database.member(cast.hub).degree
        db.session.remove()
        db.engine.dispose()
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    all_ready = context.Barrier(WRITERS)
    given = [(settings, cast, number, all_ready, said) for number in range(WRITERS)]
    processes = [context.Process(target=_accepts, args=each) for each in given]
    for each in processes:
        each.start()
    answers = [said.get(timeout=programs.PATIENCE) for _ in processes]
    for each in processes:
        each.join()
    accepted = [asker for done, _locked in answers for asker in done]
    with app.app_context():
        degree = database.member(cast.hub).degree
        theirs = (Connection.member_id == cast.hub, Connection.other_id.in_(accepted))
        rows = db.session.scalar(select(func.count()).where(*theirs))
        exact = degree - before == rows == len(accepted) and relationships.problems() == []
        for asker in accepted:
            with transaction():
                relationships.end(database.member(cast.hub), asker)
        budgets.unsay(cast.hub, accepted)
        db.session.remove()
        db.engine.dispose()
    locked = sum(locked for _done, locked in answers)
    what = f"{len(accepted)} accepts by {WRITERS} processes at once: locked out"
    yield figure(15, what, str(locked), "0", met=locked == 0 < len(accepted))
    yield figure(15, "the sum of them", "exact" if exact else "wrong", "exact", met=exact)


# 16: what members wait for


def waits(house: Served, urls: Sequence[str]) -> Iterator[Row]:
    """Measure how long each member waits for each page while nobody else asks (16), and whoever is the first to see it."""
    first = [_waited(house.members[-1], url) for url in urls]
    taken = [_waited(browser, url) for browser in house.members[:20] for url in urls]
    cuts = [each * 1000 for each in quantiles(taken, n=20)]
    late = cuts[18]
    yield figure(16, "an answer of the server, the slowest but 5 %", f"{late:.0f} ms", "≤ 50 ms", met=late <= 50)
    what = "the first answer of a kind since the start, whose templates have to be compiled: the slowest"
    yield figure(16, what, f"{max(first) * 1000:.0f} ms")
    yield figure(
        16,
        "a whole page (its first byte, TTFB, comes before), the slowest but 25 %",
        f"{cuts[14]:.0f} ms",
        "≤ 800 ms",
        met=cuts[14] <= 800,
    )


def _waited(browser: Any, url: str) -> float:
    begun = time.perf_counter()
    status = browser.get(url.format(talk=browser.talk, handle=browser.handle)).status_code
    taken = time.perf_counter() - begun
    assert status == 200, url
    return taken


# F11, F12: under load


def loaded(house: Served, seconds: float) -> dict[str, Any]:
    """Let a hundred browsers ask: as at a peak, at their leisure, without a pause, and while an address book is read."""
    cases = (("peak", PEAK_PAUSE, 3), ("leisure", PAUSE, 2), ("rush", 0.0, 1))
    found: dict[str, Any] = {name: _asked(house, name, seconds * times, pause) for name, pause, times in cases}
    others = house.members[:20]
    meanwhile = load.Load(house, f"others-{time.time():.0f}")
    using = threading.Thread(target=meanwhile.run, args=[others], kwargs={"seconds": seconds, "pause": 1.0})
    using.start()
    time.sleep(1)
    book = [f"member-{number}@seed.example" for number in range(1, 1001)]
    book += [f"guest{number}@out.example" for number in range(9000)]
    _page, (read, shown) = load.bring(house.members[-1], book)
    using.join()
    found["import"] = {"read": read, "shown": shown} | _summary(meanwhile, seconds)
    return found


def loaded_together(house: Served, seconds: float) -> dict[str, Any]:
    """Let a hundred browsers ask a server of two processes: a hundred times a second, and without a pause."""
    _asked(house, "warm", seconds / 2, SHORT_PAUSE)
    cases = (("brisk", SHORT_PAUSE), ("rush of two", 0.0))
    return {name: _asked(house, name, seconds, pause) for name, pause in cases}


def _asked(house: Served, name: str, seconds: float, pause: float) -> dict[str, Any]:
    done = load.Load(house, f"{name}-{time.time():.0f}").run(house.members, seconds=seconds, pause=pause)
    return _summary(done, seconds)


def _summary(done: load.Load, seconds: float) -> dict[str, Any]:
    every = done.taken["read"] + done.taken["write"]
    cuts = quantiles(every, n=100)
    return {
        "requests": len(every),
        "rate": len(every) / seconds,
        "writes": len(done.taken["write"]),
        "errors": sum(done.errors.values()),
        "p50": cuts[49] * 1000,
        "p95": cuts[94] * 1000,
        "p99": cuts[98] * 1000,
    }
