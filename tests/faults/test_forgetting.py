"""Nothing of an address book is left: not after forgetting, not in a backup taken meanwhile, not after `kill -9` in the middle.

A real server in a process of its own, a provider that listens, and a search of every file for every canary.
"""

import base64
import contextlib
import copy
import hashlib
import html
import itertools
import re
import shutil
import signal
import socket
import sqlite3
import threading
import time

import pytest
import requests

from tests import factories, programs
from tests.providers import live
from webapp import create_app, schema
from webapp.blueprints.contacts.reading import STEPS_AT_ONCE
from webapp.demo.provider import create_provider, default_clients
from webapp.extensions import db
from webapp.proof.search import Search, keys_of

CONTACTS = 2500
STEM = "Quillfeather"
OTHERS = 10
PAGE = "/google/v1/people/me/connections"


def canary(number):
    """A name and an address that stand nowhere else; a stem they all share."""
    return f"Canaria {STEM}{number:04}", f"{STEM.lower()}{number:04}.zx@cage{number:04}.example"


CANARIES = [canary(number) for number in range(CONTACTS)]
BOOK = [{"name": name, "emails": [address]} for name, address in CANARIES]


def _browser():
    browser = requests.Session()
    browser.trust_env = False
    return browser


class Kith:
    """`kith serve` as a process, and a browser without JavaScript at it."""

    def __init__(self, folder):
        self.folder = folder
        self.instance = folder / "instance"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.clients = default_clients(self.url)
        self.provider = create_provider({"*": BOOK}, self.clients)
        self.asked = []
        self.hold = threading.Event()
        self.hold.set()
        self.provider.before_request(self._noted)
        self.process = None
        self.searches = {}
        self.address = "maya@gmail.com"
        self.browser = _browser()

    def somebody(self, address):
        """Another member, at a browser of their own."""
        other = copy.copy(self)
        other.address, other.browser = address, _browser()
        return other

    def _noted(self):
        from flask import request

        self.asked.append(request.path)
        if request.path == PAGE:
            self.hold.wait(20)

    def settings(self, provider_url):
        found = {"INSTANCE": str(self.instance), "BASE_URL": self.url}
        for door, path in (("google", ""), ("microsoft", "/common/v2.0")):
            found |= {
                f"{door.upper()}_CLIENT_ID": self.clients[door].client_id,
                f"{door.upper()}_CLIENT_SECRET": self.clients[door].client_secret,
                f"{door.upper()}_METADATA_URL": f"{provider_url}/{door}{path}/.well-known/openid-configuration",
                f"{door.upper()}_CONTACTS_URL": f"{provider_url}/{door}",
            }
        return found

    def prepare(self, provider_url):
        self.given = self.settings(provider_url)
        app = create_app(self.given)
        self.keys = app.config["KEYS"]
        with app.app_context():
            schema.upgrade()
            factories.member("Maya van Nes", email=self.address)
            for number in range(OTHERS):
                factories.member(f"Member {number}", email=f"m{number}@gmail.com")
            db.engine.dispose()

    def start(self):
        self.process = programs.start(
            "serve", "--port", self.port, log=self.folder / "log.txt", leads=True, **self.given
        )
        self.process.wait_until(lambda: programs.answers(f"{self.url}/signin"))

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.kill_all(how)
            self.process.wait()
            self.process = None

    def get(self, path):
        answer = self.browser.get(f"{self.url}{path}", timeout=30)
        assert answer.status_code < 500, answer.text
        return answer

    def post(self, path, data=None, **more):
        text = self.get(path).text
        token = html.unescape(re.search(r'name="csrf_token" value="([^"]+)"', text)[1])
        return self.browser.post(f"{self.url}{path}", {"csrf_token": token, **(data or {})}, timeout=30, **more)

    def sign_in(self):
        answer = self.post("/signin", {"email": self.address, "password": factories.PASSWORD}, allow_redirects=False)
        assert answer.status_code == 303

    def consent(self):
        text = self.get("/contacts").text
        token = html.unescape(re.search(r'name="csrf_token" value="([^"]+)"', text)[1])
        answer = self.browser.post(
            f"{self.url}/contacts",
            {"csrf_token": token, "address": self.address},
            allow_redirects=False,
            timeout=30,
        )
        back = live.consent(answer.headers["Location"], self.address)
        self.browser.get(f"{self.url}/contacts/google/callback", params=back, timeout=30)

    def page_wanted(self):
        return re.search(r'name="page" value="(\d+)"', self.get("/contacts/reading").text)[1]

    def step(self):
        """Ask for one page, as htmx does."""
        text = self.get("/contacts/reading").text
        token = html.unescape(re.search(r'name="csrf_token" value="([^"]+)"', text)[1])
        page = re.search(r'name="page" value="(\d+)"', text)[1]
        return self.browser.post(
            f"{self.url}/contacts/reading",
            {"csrf_token": token, "page": page},
            headers={"HX-Request": "true"},
            timeout=30,
        )

    def read_on(self):
        for _ in range(10):
            if self.step().headers.get("HX-Redirect"):
                return

    def ask_database(self, statement):
        with sqlite3.connect(self.instance / "kith.sqlite3", timeout=10) as database:
            found = database.execute(statement).fetchall()
        database.close()
        return found

    def traces(self, canaries=()):
        """What stands of canaries in any file: the stem that all share, and the given ones in every other form, too."""
        texts = tuple(text for canary in canaries or CANARIES[::100] for text in canary)
        if texts not in self.searches:  # it knows what it has searched before
            self.searches[texts] = Search([STEM], texts, keys_of(self.keys))
        return self.searches[texts].in_folder(self.folder)


@pytest.fixture
def kith(tmp_path):
    made = Kith(tmp_path)
    with live.listening(made.provider) as port:
        made.prepare(f"http://127.0.0.1:{port}")
        made.start()
        try:
            yield made
        finally:
            made.hold.set()
            made.stop(signal.SIGKILL)


def test_the_search_finds_what_is_there(kith):
    (kith.folder / "planted.txt").write_text(f"... {hashlib.sha1(CANARIES[3][1].encode()).hexdigest()} ...")
    (kith.folder / "other.txt").write_bytes(base64.b64encode(f"so {CANARIES[4][0]} is".encode()))
    found = kith.traces(CANARIES[:5])
    assert ("planted.txt", "its sha1 digest") in {(trace.where, trace.form) for trace in found}
    assert ("other.txt", "in base64") in {(trace.where, trace.form) for trace in found}


def test_no_trace_is_left_after_forgetting_nor_in_a_backup_taken_meanwhile(kith):
    kith.sign_in()
    kith.consent()
    kith.step()
    for path in kith.instance.glob("kith.sqlite3*"):
        shutil.copy(path, kith.folder / f"backup-of-a-reading-{path.name}")
    kith.read_on()
    assert f"{CONTACTS:,}" in kith.get("/contacts/others").text.replace("2500", "2,500")
    for path in kith.instance.glob("kith.sqlite3*"):
        shutil.copy(path, kith.folder / f"backup-of-a-book-{path.name}")
    assert "None of your" in kith.get("/contacts/members").text
    answer = kith.post("/contacts/others", {"do": "search", "search": CANARIES[7][1], "shown": ""})
    assert CANARIES[7][0] in html.unescape(answer.text)
    assert kith.traces() == []
    kith.post("/contacts/others", {"do": "skip", "shown": ""})
    assert kith.ask_database("SELECT count(*) FROM address_book_import") == [(0,)]
    assert kith.ask_database("SELECT count(*) FROM import_part") == [(0,)]
    kith.stop()
    assert kith.traces() == []


def test_a_killed_reading_goes_on_and_leaves_no_trace(kith):
    kith.sign_in()
    kith.consent()
    for number in itertools.count():
        assert int(kith.page_wanted()) == number
        kith.hold.clear()
        asked = kith.asked.count(PAGE)
        late = threading.Thread(target=lambda: _quietly(kith.step))
        late.start()
        while kith.asked.count(PAGE) == asked:
            time.sleep(0.01)
        kith.stop(signal.SIGKILL)
        kith.hold.set()
        late.join()
        assert kith.traces() == []
        kith.start()
        # Forty seconds later, when nobody waits any more for the one who died:
        kith.ask_database("UPDATE address_book_import SET busy_until = NULL")
        answer = kith.step()
        if answer.headers.get("HX-Redirect"):
            break
    assert number == 2
    assert kith.ask_database("SELECT addresses FROM lookup_charge") == [(CONTACTS,)]
    assert kith.ask_database("SELECT guests, members, state FROM address_book_import") == [(CONTACTS, 0, "ready")]
    kith.post("/contacts/forget")
    kith.stop()
    assert kith.traces() == []


def test_f9_ten_readings_that_hang_hold_up_nobody_else(kith):
    others = [kith.somebody(f"m{number}@gmail.com") for number in range(OTHERS)]
    for each in others:
        each.sign_in()
        each.consent()
    kith.sign_in()
    kith.hold.clear()
    asked = kith.asked.count(PAGE)
    threads = [threading.Thread(target=each.step) for each in others]
    for thread in threads:
        thread.start()
    kith.process.wait_until(lambda: kith.asked.count(PAGE) == asked + STEPS_AT_ONCE)
    for path in ("/feed", "/connections", "/people?q=member", "/messages", "/contacts") * 4:
        assert kith.get(path).status_code == 200
    assert kith.post("/feed", {"body": "Still here", "audience": "connections"}).ok
    assert sum(thread.is_alive() for thread in threads) == STEPS_AT_ONCE, "and the others were told to wait"
    kith.hold.set()
    for thread in threads:
        thread.join()
    for each in others:
        each.read_on()
    states = kith.ask_database("SELECT state, guests FROM address_book_import")
    assert states == [("ready", CONTACTS)] * OTHERS
    for each in others:
        each.post("/contacts/forget")
    assert kith.traces() == []


def _quietly(verb):
    with contextlib.suppress(requests.RequestException):  # the server dies, as it should
        verb()
