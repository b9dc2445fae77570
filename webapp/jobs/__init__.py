"""What runs without a request, inside `kith serve` or `kith worker`. huey executes it; the rows of the database are the truth.

The queue lives in memory: a sweep asks the database what is due and then asks to be run again, so nothing is lost with a process.
"""

import threading
from typing import Any

import structlog
from flask import Flask
from huey import MemoryHuey, crontab
from huey.consumer import Consumer

from webapp import clock
from webapp.domain import guests, messages, relationships
from webapp.jobs import housekeeping, lease, leaving, mail
from webapp.transaction import transaction

log = structlog.get_logger("kith.jobs")

SWEEP_SECONDS = 2
WORK = "work"


def release() -> None:
    """Let go what was held and is due: invitations after their undo, mails about messages after their silence."""
    with transaction():
        relationships.release(clock.now())
    with transaction():
        guests.release(clock.now())
    with transaction():
        messages.put_due(clock.now())


def run_due() -> None:
    """Do once what is due now: release what was held, delete who has left, send what is on the table."""
    release()
    leaving.go_on()
    mail.deliver_due()


class Worker:
    """The recurring work of one process. Many may be started; the one that holds the lease works."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.stopping = threading.Event()
        self.huey = MemoryHuey("kith", results=False)
        self.consumer: Any = None
        self.sweep = self.huey.task(name="sweep")(self._sweep)
        self.huey.periodic_task(crontab(), name="tidy")(self._tidy)

    def start(self) -> None:
        """Start the threads. Not before a fork: a thread that holds a lock at that moment holds it for ever."""
        self.consumer = Consumer(self.huey, workers=1, scheduler_interval=1, initial_delay=0.1, max_delay=1.0)
        self.consumer._set_signal_handlers = lambda: None  # noqa: SLF001 - the server has its own
        self.consumer.start()
        self.sweep()

    def stop(self) -> None:
        """Finish the mail that is being handed over, begin no other, and give the lease back."""
        self.stopping.set()
        if self.consumer is not None:
            self.consumer.stop(graceful=True)
        with self.app.app_context():
            lease.give_back(WORK)

    def _sweep(self) -> None:
        try:
            with self.app.app_context():
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

    def _tidy(self) -> None:
        with self.app.app_context():
            if lease.take(WORK):
                housekeeping.tidy()
