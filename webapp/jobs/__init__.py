"""What runs without a request, inside `kith serve` or `kith worker`. huey executes it; the rows of the database are the truth.

The queue lives in memory: a sweep asks the database what is due and then asks to be run again, so nothing is lost with a process.
"""

import threading
from typing import Any

import structlog
from flask import Flask

from webapp import clock, logs, metrics
from webapp.domain import guests, joining, messages, relationships
from webapp.jobs import archives, housekeeping, lease, leaving, mail
from webapp.jobs.executor import Consumer, MemoryHuey, crontab
from webapp.transaction import transaction

log = structlog.get_logger("kith.jobs")

SWEEP_SECONDS = 2
FIRST_SECONDS = 1
"""So long after a start: who waits for its first page comes first."""
WORK = "work"
ARCHIVES = "archives"
"""Building one takes up to a minute, and holds up no mail meanwhile."""


def release() -> None:
    """Let go what was held and is due: invitations after their undo, mails about messages after their silence."""
    with transaction():
        relationships.release(clock.now())
    with transaction():
        guests.release(clock.now())
    with transaction():
        messages.put_due(clock.now())
    with transaction():
        joining.carry_out(clock.now())


def run_due() -> None:
    """Do once what is due now: release what was held, delete who has left, build the archives asked for, send what is on the table."""
    release()
    leaving.go_on()
    while archives.build_due():
        pass
    mail.deliver_due()


class Worker:
    """The recurring work of one process. Many may be started; the one that holds the lease works."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.stopping = threading.Event()
        self.working = threading.Lock()
        """Held by what works under the lease WORK, so that it stays one after the other."""
        self.huey = MemoryHuey("kith", results=False)
        self.consumer: Any = None
        self.sweep = self.huey.task(name="sweep")(self._sweep)
        self.build = self.huey.task(name="build")(self._build)
        self.huey.periodic_task(crontab(), name="tidy")(self._tidy)

    def start(self) -> None:
        """Start the threads. Not before a fork: a thread that holds a lock at that moment holds it for ever."""
        self.consumer = Consumer(self.huey, workers=3, scheduler_interval=1, initial_delay=0.1, max_delay=1.0)
        self.consumer._set_signal_handlers = lambda: None  # noqa: SLF001 - the server has its own
        self.consumer.start()
        self.sweep.schedule(delay=FIRST_SECONDS)
        self.build.schedule(delay=FIRST_SECONDS)

    def stop(self) -> None:
        """Finish the mail that is being handed over, begin no other, and give the lease back."""
        self.stopping.set()
        if self.consumer is not None:
            self.consumer.stop(graceful=True)
        with self.app.app_context():
            lease.give_back(WORK)
            lease.give_back(ARCHIVES)

    def _sweep(self) -> None:
        try:
            with self.working, self.app.app_context(), metrics.job("sweep"):
                if lease.take(WORK):
                    release()
                    leaving.go_on()
                    while not self.stopping.is_set() and mail.deliver_due(most=1):
                        lease.take(WORK)
        except Exception as error:
            log.exception("sweep failed", kind=type(error).__name__)
        finally:
            if not self.stopping.is_set():
                self.sweep.schedule(delay=SWEEP_SECONDS)

    def _build(self) -> None:
        try:
            with self.app.app_context(), metrics.job("archives"):
                if lease.take(ARCHIVES):
                    archives.build_due(self._goes_on)
        except Exception as error:
            log.exception("build failed", kind=type(error).__name__)
        finally:
            if not self.stopping.is_set():
                self.build.schedule(delay=SWEEP_SECONDS)

    def _goes_on(self) -> bool:
        """Keep the lease while an archive is built; whether the process goes on."""
        lease.take(ARCHIVES)
        return not self.stopping.is_set()

    def _tidy(self) -> None:
        with self.working, self.app.app_context(), metrics.job("tidy"):
            logs.sweep()  # each process those of its own folder
            if lease.take(WORK):
                housekeeping.tidy()
