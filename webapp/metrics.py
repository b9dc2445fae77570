"""Counts of what goes on, for whoever watches the instance. Each process keeps its own in files; they are added up when they are asked for.

Only processes that go on for long count: `begin` is called by the server's and by the worker. No label has a word that somebody typed.
"""

import os
import re
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

FOLDER = "metrics"
SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
JOB_SECONDS = (0.1, 1.0, 10.0, 60.0)
log = structlog.get_logger("kith.metrics")
STALE_SECONDS = 24 * 3600
"""A process of another machine whose file was not written for so long is gone."""
KINDS = ("counter", "histogram")
FILE_BYTES = 1 << 20
"""For some 8,000 numbers: all pages, pressed in every way, with their buckets."""
_FILE = re.compile(rf"(?:{'|'.join(KINDS)})_(?P<host>[^_]+)-(?P<process>\d+)\.db")


class _Counts:
    """What this process counts."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        given: dict[str, Any] = {"registry": CollectorRegistry(auto_describe=False)}
        self.requests = Histogram(
            "kith_request_seconds",
            "How long requests took, by the rule that their address followed, method and class of status.",
            ["route", "method", "status"],
            buckets=SECONDS,
            **given,
        )
        self.statements = Counter(
            "kith_statements", "Statements that requests asked of the database.", ["route", "method"], **given
        )
        self.doors = Counter(
            "kith_doors", "What happened at doors: sign-ins, wrong passwords, refusals, limits.", ["what"], **given
        )
        self.mails = Counter(
            "kith_mails_handed_over", "Mails, by what came of handing them over.", ["outcome"], **given
        )
        self.providers = Counter(
            "kith_provider_calls",
            "Questions to providers of address books and sign-ins, by what came of them.",
            ["provider", "outcome"],
            **given,
        )
        self.reads = Counter(
            "kith_reads", "Pages that may be read from a replica, by where they were read.", ["at"], **given
        )
        self.jobs = Histogram("kith_job_seconds", "How long jobs took.", ["job"], buckets=JOB_SECONDS, **given)
        self.failures = Counter("kith_job_failures", "Jobs that broke off.", ["job"], **given)
        self.children: dict[tuple[str, str, str], tuple[Any, Any]] = {}


_counts: _Counts | None = None


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:40] or "host"


def begin(folder: Path) -> None:
    """Let this process count, into files in that folder. Not before a fork."""
    global _counts  # noqa: PLW0603 - one for the process
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where the library looks, each time
    from prometheus_client import values

    name = f"{_host()}-{os.getpid()}"
    # The process's number alone is another one's on another machine.
    values.ValueClass = values.MultiProcessValue(lambda: name)  # type: ignore[no-untyped-call]
    try:
        for kind in KINDS:
            _allot(folder / f"{kind}_{name}.db")
    except OSError:
        log.warning("no room to count")
        return
    _counts = _Counts()


def _allot(path: Path) -> None:
    """Make a file that has its room on the disk. The library writes into its memory, and where a disk is full that is a process's end."""
    with path.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, FILE_BYTES)


def end() -> None:
    """Count no more, and close the files."""
    global _counts  # noqa: PLW0603
    if _counts is not None:
        from prometheus_client import values

        _counts = None
        values.close_all_multiprocess_files()  # type: ignore[no-untyped-call]


def clean(folder: Path) -> None:
    """Delete the files of processes that are gone. Before the server starts, because what they counted counts until then."""
    living = set(_living(folder))
    for path in folder.glob("*.db"):
        found = _FILE.fullmatch(path.name)
        if found is None:
            goes = True
        elif found["host"] == _host():
            goes = int(found["process"]) not in living
        else:
            goes = time.time() - path.stat().st_mtime > STALE_SECONDS
        if goes:
            path.unlink(missing_ok=True)


def _living(folder: Path) -> Iterator[int]:
    """Return the processes of this machine that count into the folder and live."""
    found = (_FILE.fullmatch(path.name) for path in folder.glob("*.db"))
    for process in sorted({int(each["process"]) for each in found if each is not None and each["host"] == _host()}):
        if Path(f"/proc/{process}").exists() or process == os.getpid():
            yield process


def request(route: str | None, method: str, status: int, seconds: float, statements: int) -> None:
    """Count a request that was answered."""
    if _counts is None:
        return
    key = (route or "none", method, f"{status // 100}xx")
    kept = _counts.children.get(key)
    if kept is None:
        kept = _counts.requests.labels(*key), _counts.statements.labels(*key[:2])
        _counts.children[key] = kept
    kept[0].observe(seconds)
    if statements:
        kept[1].inc(statements)


def door(what: str) -> None:
    """Count what happened at a door."""
    if _counts is not None:
        _counts.doors.labels(what).inc()


def mail(outcome: str) -> None:
    """Count a mail by what came of handing it over."""
    if _counts is not None:
        _counts.mails.labels(outcome).inc()


def read(at: str) -> None:
    """Count a page that may be read from a replica: where it was."""
    if _counts is not None:
        _counts.reads.labels(at).inc()


@contextmanager
def calling(provider: str) -> Iterator[None]:
    """Count a question to a provider: "ok", or what kind of error it ended with."""
    outcome = "ok"
    try:
        yield
    except Exception as error:
        outcome = str(getattr(error, "kind", None) or getattr(error, "reason", None) or "broken")
        raise
    finally:
        if _counts is not None:
            _counts.providers.labels(provider, outcome).inc()


@contextmanager
def job(name: str) -> Iterator[None]:
    """Count a job, and how long it takes."""
    if _counts is None:
        yield
        return
    begun = time.perf_counter()
    try:
        yield
    except Exception:
        _counts.failures.labels(name).inc()
        raise
    finally:
        _counts.jobs.labels(name).observe(time.perf_counter() - begun)


def exposition(folder: Path, numbers: Iterable[tuple[str, str, dict[str, float]]]) -> bytes:
    """Return all counts of all processes in Prometheus' text format, and `numbers`: name, meaning, value by the label `state`."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.multiprocess import MultiProcessCollector

    found = []
    for name, meaning, values in [*numbers, *_processes(folder)]:
        family = GaugeMetricFamily(name, meaning, labels=["state"] if values.keys() - {""} else None)
        for state, value in values.items():
            family.add_metric([state] if state else [], value)
        found.append(family)

    class Numbers:
        def collect(self) -> list[Any]:
            return found

    registry = CollectorRegistry(auto_describe=False)
    if folder.is_dir():
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    registry.register(Numbers())
    return generate_latest(registry)


def _processes(folder: Path) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Return how many processes of this machine count, and the memory they take: what several share is shared out among them."""
    taken = [_memory(process) for process in _living(folder)]
    yield "kith_processes", "Processes of this machine that serve or work.", {"": len(taken)}
    yield "kith_memory_bytes", "Memory that these take together (PSS).", {"": float(sum(taken))}


def _memory(process: int) -> int:
    try:
        said = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:  # it has just ended, or this is no Linux
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", said, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
