"""The ground on which the promise is tried: instances in a temporary folder, and around them a provider and a mail server on loopback.

Nothing of the operator's own instance is read or written but those settings that the promise depends on.
"""

import logging
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import Context
from pathlib import Path
from typing import Any, TypeVar

import structlog
from flask import Flask
from sqlalchemy import event

from webapp import clock, create_app, jobs, logs, schema
from webapp.demo.provider import default_clients
from webapp.demo.run import DISCOVERY
from webapp.extensions import db
from webapp.jobs import housekeeping
from webapp.keeping import backup
from webapp.proof.browser import Browser, Stuck
from webapp.proof.search import Search, Trace, keys_of
from webapp.proof.servers import Post, Provider, Shelf, listening, post_office

T = TypeVar("T")

BASE_URL = "http://127.0.0.1:8000"
"""What the instances call themselves. Nobody listens there: they are asked inside this process."""
PROMISE_DEPENDS_ON = ("GUESTS_PRESELECTED", "GUEST_MAIL_DAYS", "GUEST_LINK_DAYS", "IMPORT_MINUTES")
"""Settings of the operator's that are tried as they are."""
PEOPLE = {
    "maya": ("Maya van Nes", "maya@gmail.com"),
    "nora": ("Nora Lind", "nora@outlook.com"),
    "otto": ("Otto Brandt", "otto@post.example"),
    "hedda": ("Hedda Moe", "hedda@post.example"),
}
"""Who joined: two who read address books, one who looks on, and one who may hide."""
PASSWORD = "a long walk in the rain by the canal"  # noqa: S105 - of people who do not exist
_NOT_OURS = ("werkzeug", "mail", "asyncio", "aiosmtpd")
"""Loggers of the servers around the instance."""


class Scratch:
    """One instance: its folder, its members' browsers, its worker, its files."""

    def __init__(self, folder: Path, app: Flask, ground: "Ground") -> None:
        self.folder = folder
        self.app = app
        self.ground = ground
        self.provider, self.shelf, self.post = ground.provider, ground.shelf, ground.post

    def within(self, work: Callable[[], T]) -> T:
        """Do something in the application's context, with nothing of the caller's around it."""

        def run() -> T:
            with self.app.app_context():
                try:
                    return work()
                finally:
                    db.session.rollback()

        return Context().run(run)

    def browser(self, who: str = "") -> Browser:
        """Return a new browser; signed in, if `who` says as whom."""
        browser = Browser(self.app)
        if who:
            page = browser.get("/signin")
            page = browser.send(page, email=PEOPLE[who][1], password=PASSWORD)
            if page.path == "/signin":
                raise Stuck(f"{PEOPLE[who][0]} cannot sign in")
        return browser

    def later(self, **by: float) -> None:
        """Let time pass; the worker does what is due, and tidies up."""
        clock.move(**by)
        self.within(jobs.run_due)
        self.within(housekeeping.tidy)

    def back_up(self, name: str) -> None:
        """Take a whole backup while everything runs: a copy that SQLite makes, and the files as they lie there."""
        here = self.folder / "instance" / "kith.sqlite3"
        there = self.folder / "backups" / name
        there.mkdir(parents=True)
        with closing(sqlite3.connect(here)) as running, closing(sqlite3.connect(there / "copy.sqlite3")) as copy:
            running.backup(copy)
        for path in here.parent.glob(f"{here.name}*"):
            shutil.copyfile(path, there / path.name.replace(".sqlite3", ".as-it-lies"))

    def kith_backup(self, name: str) -> Mapping[str, int]:
        """Take a backup as `kith backup` does while everything runs; return how many rows of each table it holds."""
        folder = self.folder / "backups"
        folder.mkdir(exist_ok=True)
        return self.within(lambda: backup.back_up(folder / f"{name}.kith")).rows

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        with closing(sqlite3.connect(self.folder / "instance" / "kith.sqlite3")) as database:
            (count,) = database.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608 - a name of ours
            return int(count)

    def traces(self, words: list[str], texts: list[str] | tuple[str, ...] = ()) -> list[Trace]:
        """Return where any of these texts is found in all that was written so far."""
        for handler in logging.getLogger().handlers:
            handler.flush()
        self.ground.log.flush()
        return Search(words, texts, keys_of(self.app.config["KEYS"])).in_folder(self.folder)


class Ground:
    """What several instances share: the folder, the servers, and the members who joined."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.settings = dict(settings)
        self.provider: Provider
        self.moment = clock.now()
        """When every instance begins, so that two of them can be compared."""
        self.shelf = Shelf()
        self.shelf_url = ""
        self.post: Post
        self.log: Any = None
        self.members: Path | None = None
        self._app: Flask | None = None

    def ask_shelf(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Ask the CardDAV server of the instance that runs."""
        return self.shelf(environ, start_response)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Give a fresh instance, in which the members have joined. Its log is written at DEBUG, and its temporary files are kept inside."""
        if self.members is None:
            self.members = self._joined()
        with self._running(self.members) as scratch:
            yield scratch

    def _joined(self) -> Path:
        """Let everybody join as people do, by the mail that confirms their address; return a copy of the instance folder."""
        with self._running(None) as scratch:
            scratch.within(schema.upgrade)
            for name, address in PEOPLE.values():
                browser = scratch.browser()
                browser.send(browser.get("/signup"), name=name, email=address, password=PASSWORD)
                scratch.within(jobs.run_due)
                (mail,) = scratch.post.to(address)
                body = mail.get_body(("plain",))
                assert body is not None
                link = next(word for word in str(body.get_content()).split() if "/confirm/" in word)
                browser.send(browser.get(link.removeprefix(BASE_URL)), password=PASSWORD)
            scratch.within(housekeeping.tidy)
            Context().run(_dispose, scratch.app)
            return Path(shutil.copytree(scratch.folder / "instance", self.folder / "members"))

    @contextmanager
    def _running(self, members: Path | None) -> Iterator[Scratch]:
        """Run an instance: the same application each time, with other files, so that it knows its SQL and its pages by heart."""
        folder = self.folder / "scratch"
        for name in ("tmp", "mail"):
            (folder / name).mkdir(parents=True)
        if members is not None:
            shutil.copytree(members, folder / "instance")
        self.provider.begin({})
        self.shelf = Shelf()
        self.post.moved_to(folder / "mail")
        clock.reset()
        clock.hold(self.moment)
        try:
            with _temporary_files_in(folder / "tmp"), (folder / "kith.log").open("a", encoding="utf-8") as self.log:
                if self._app is None:
                    self._app = create_app(self.settings | {"INSTANCE": str(folder / "instance")})
                    Context().run(_without_waiting, self._app)
                with _logging_to(self.log):
                    yield Scratch(folder, self._app, self)
        finally:
            clock.reset()
            if self._app is not None:
                Context().run(_dispose, self._app)
            shutil.rmtree(folder)


def _without_waiting(app: Flask) -> None:
    """Let SQLite not wait for the disk: what a power cut leaves is no part of the promise, and it takes most of the time."""
    with app.app_context():
        event.listen(db.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))


def _dispose(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    before, environ = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        if environ is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = environ


@contextmanager
def _logging_to(file: Any) -> Iterator[None]:
    """Write everything that is logged, at DEBUG, into a file: our events, and whatever the libraries say."""
    root = logging.getLogger()
    handler = logging.StreamHandler(file)
    handler.addFilter(lambda record: record.name.partition(".")[0] not in _NOT_OURS)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.PrintLoggerFactory(file=file),
    )
    logs.tell_requests(file)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logs.configure()


@contextmanager
def prepared(settings: Mapping[str, Any] | None = None) -> Iterator[Ground]:
    """Give the ground, with its servers running; afterwards nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="kith-promise-") as made:
        ground = Ground(Path(made), {})
        ground.provider = Provider(BASE_URL)
        with (
            listening(ground.provider.app) as provider_url,
            listening(ground.ask_shelf) as shelf_url,
            post_office() as (ground.post, smtp_url),
        ):
            ground.shelf_url = shelf_url
            ground.settings = {**_settings(provider_url, shelf_url, smtp_url), **(settings or {})}
            yield ground


def _settings(provider_url: str, shelf_url: str, smtp_url: str) -> dict[str, Any]:
    """Return all settings of an instance of the proof: nothing comes from the environment or from a file."""
    from webapp import config

    found: dict[str, Any] = {row.name: row.default for row in config.SETTINGS}
    found |= {
        "BASE_URL": BASE_URL,
        "SITE_NAME": "The Proof",
        "SMTP_URL": smtp_url,
        "POSTAL_ADDRESS": "1 Quiet Lane",
        "UNDO_SECONDS": 1,
        "CARDDAV_ALLOWED_HOSTS": [shelf_url.removeprefix("http://")],
        "SECRET_KEY": secrets.token_hex(32),
    }
    for door, client in default_clients(BASE_URL).items():
        found |= {
            f"{door.upper()}_CLIENT_ID": client.client_id,
            f"{door.upper()}_CLIENT_SECRET": client.client_secret,
            f"{door.upper()}_METADATA_URL": f"{provider_url}{DISCOVERY[door]}",
            f"{door.upper()}_CONTACTS_URL": f"{provider_url}/{door}",
        }
    return found
