"""What open pages cost: a real server, and what a thousand open browsers ask it. `python -m tests.bench.polling`."""

import html
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import select

from tests import factories, memory, ports
from tests.bench.browsers import get
from webapp import create_app, schema
from webapp.demo import seed
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.message import Conversation

MEMBERS = 1000
TALKING = 50
EVERY = {"talk": 3, "badges": 30}
"""Seconds between two questions of a page that is seen: `data-look` of the two parts that ask."""
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Page:
    """An open page: whose, and what it asks."""

    cookie: str
    talk: str
    badges: str


@click.command()
@click.option("--seconds", default=30, show_default=True, help="How long each case is measured.")
@click.option("--anew", is_flag=True, help="Open a connection for each question, as behind a proxy that keeps none.")
def polling(seconds: int, *, anew: bool) -> None:
    """Measure what a thousand open pages cost the server, in percent of one core."""
    folder = Path(tempfile.mkdtemp(prefix="kith-polling-"))
    try:
        with _serving(folder) as (port, process, cookies):
            pages = [_open(port, cookie, key) for cookie, key in cookies]
            load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
            click.echo(f"{os.cpu_count()} cores, load {load}; SQLite, {MEMBERS:,} members")
            for words, asks in (
                ("nobody has a page open", []),
                (f"{MEMBERS:,} open pages, {TALKING} of them a conversation somebody looks at", _talks(pages)),
                (
                    f"all {MEMBERS:,} looked at, numbers only",
                    [(page.cookie, page.badges, EVERY["badges"]) for page in pages],
                ),
            ):
                used, answers = _measure(port, process.pid, asks, seconds, keep=not anew)
                sent = ", ".join(f"{number} × {status}" for status, number in sorted(answers.items())) or "nothing"
                click.echo(f"{words}: {used / seconds:.1%} of one core ({sent} in {seconds} seconds)")
    finally:
        shutil.rmtree(folder)


def _talks(pages: list[Page]) -> list[tuple[str, str, int]]:
    """What the pages ask of which somebody looks at a conversation; a page that nobody sees asks nothing."""
    seen = [page for page in pages if page.talk][:TALKING]
    return [(page.cookie, getattr(page, name), every) for page in seen for name, every in EVERY.items()]


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes], list[tuple[str, str]]]]:
    """A server as `kith serve` runs it, and a sign-in of each member with the conversation that is open, if any."""
    port = ports.free()
    app = create_app({"INSTANCE": str(folder), "BASE_URL": f"http://127.0.0.1:{port}"})
    with app.app_context():
        schema.upgrade()
        seed.fill(MEMBERS, 20, 1, factories.PASSWORD)
        signer = app.session_interface.get_signing_serializer(app)
        talks = dict(db.session.execute(select(Conversation.low_id, Conversation.key)).all())
        cookies = []
        for member in db.session.scalars(select(Member)).all():
            kept = {"_user_id": factories.sign_in(member), "_fresh": True, "_permanent": True}
            cookies.append((f"{app.config['SESSION_COOKIE_NAME']}={signer.dumps(kept)}", talks.get(member.id, "")))
        db.session.remove()
        db.engine.dispose()
    environment = os.environ | {"KITH_INSTANCE": str(folder)}
    command = [sys.executable, "-m", "webapp", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(port)
        yield port, process, cookies
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int) -> None:
    for _attempt in range(200):
        try:
            get(port, "", "/signin")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The server does not answer.")


def _open(port: int, cookie: str, key: str) -> Page:
    """Load a page, and find in it what it will ask."""
    status, text = get(port, cookie, f"/messages/{key}" if key else "/messages/requests")
    if status != http.client.OK:
        raise SystemExit(f"A page answered {status}.")
    found = [html.unescape(each) for each in re.findall(r'hx-get="(/[^"]+/news\?[^"]+)"', text)]
    badges = next(each for each in found if each.startswith("/notifications"))
    return Page(cookie, next((each for each in found if each.startswith("/messages")), ""), badges)


def _measure(
    port: int, pid: int, asks: list[tuple[str, str, int]], seconds: int, *, keep: bool
) -> tuple[float, Counter[int]]:
    """Ask all of it again and again, evenly spread; return the seconds of processor time the server used, and what it answered."""
    due = sorted(
        (at + every * number / len(asks), cookie, path)
        for number, (cookie, path, every) in enumerate(asks)
        for at in range(0, seconds, every)
        if at + every * number / len(asks) < seconds
    )
    answers: Counter[int] = Counter()
    lock = threading.Lock()

    def ask(cookie: str, path: str) -> None:
        headers = {"HX-Request": "true", "HX-Current-URL": f"http://127.0.0.1:{port}/", "Sec-Fetch-Site": "same-origin"}
        status, _text = get(port, cookie, path, keep=keep, **headers)
        with lock:
            answers[status] += 1

    begun, before = time.monotonic(), _used(pid)
    with ThreadPoolExecutor(16) as pool:
        for at, cookie, path in due:
            time.sleep(max(0.0, begun + at - time.monotonic()))
            pool.submit(ask, cookie, path)
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
    return _used(pid) - before, answers


def _used(pid: int) -> float:
    """Return the seconds of processor time of a process and those it started."""
    total = 0.0
    for each in memory.tree(pid):
        with suppress(OSError):  # it has ended
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:13])) / TICK
    return total


if __name__ == "__main__":
    polling()
