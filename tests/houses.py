"""A served instance, and members at it who write and keep what was acknowledged; for what must survive whatever happens to it.

Each member has a conversation with the next one and sends messages in it, and shares posts. What got no answer is sent again as it was,
as a browser does whose member presses again, until it is acknowledged: at the end every one is there, once.
"""

import itertools
import signal
import threading
import time
from collections import Counter

import requests
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select

from tests import factories, ports, programs
from webapp import clock, create_app, schema
from webapp.demo import bulk
from webapp.domain import messages
from webapp.extensions import db, engines
from webapp.jobs import health
from webapp.models.member import Member
from webapp.models.message import Message
from webapp.models.post import Post
from webapp.transaction import transaction

TOKEN = "0123456789abcdef0123456789abcdef01234567"


class Browser:
    """A member at a browser, signed in. Answers are those of `requests`."""

    def __init__(self, house, handle, talk, cookie, token):
        self.house, self.url, self.handle, self.talk = house, house.url, handle, talk
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.cookies.set(house.app.config["SESSION_COOKIE_NAME"], cookie)
        self.session.headers["X-CSRFToken"] = token
        self.seconds = 30

    def get(self, path):
        return self.session.get(self.url + path, timeout=self.seconds, allow_redirects=False)

    def post(self, path, files=None, **fields):
        url = self.url + path
        return self.session.post(url, fields, files=files, timeout=self.seconds, allow_redirects=False)

    def send(self, text):
        """Send a message; the status of the answer (303 acknowledges it)."""
        return self.post(f"/messages/{self.talk}", body=text, client=f"{text:0<32}").status_code

    def share(self, text):
        """Share a post; the status of the answer (303 acknowledges it)."""
        return self.post("/feed", body=text, audience="connections", form=f"{text:0<40}"[:40]).status_code


class House:
    """An instance with members, in a folder; `start` serves it."""

    def __init__(self, folder, database="", **settings):
        self.folder, self.port = folder, ports.free()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {"INSTANCE": folder / "instance", "BASE_URL": self.url, "POSTS_PER_DAY": 100_000} | settings
        if database:
            self.settings["DATABASE_URL"] = database
        self.app = create_app({name: str(value) for name, value in self.settings.items()})
        self.log = folder / "said.txt"
        self.program, self.members = None, []
        self.acknowledged, self.answers = [], Counter()

    def fill(self, number=4):
        """So many members in a ring, each with a conversation with the next."""
        with self.app.app_context():
            schema.upgrade()
            with transaction():
                people = [bulk.Newcomer(f"Member {each}", f"m{each}@post.example") for each in range(number)]
                ids = bulk.members(people, factories.password_hash(), clock.now())
            for each, after in zip(ids, [*ids[1:], ids[0]], strict=True):
                member, other = db.session.get_one(Member, each), db.session.get_one(Member, after)
                factories.connect(member, other)
                with transaction():
                    messages.write_to(db.session.get_one(Member, each), db.session.get_one(Member, after), "Hello")
                member, other = db.session.get_one(Member, each), db.session.get_one(Member, after)
                self.members.append(self.let_in(member, messages.between(member, other)))
            self.leave()
        return self

    def let_in(self, member, talk):
        """A browser at which that member is signed in, with the key of a conversation they have."""
        signer = self.app.session_interface.get_signing_serializer(self.app)
        token = URLSafeTimedSerializer(self.app.secret_key, salt="wtf-csrf-token").dumps(TOKEN)
        kept = {"_user_id": factories.sign_in(member), "_fresh": True, "_permanent": True, "csrf_token": TOKEN}
        return Browser(self, member.handle, talk, signer.dumps(kept), token)

    def leave(self):
        """Let go of the database: it belongs to the other process."""
        db.session.remove()
        for engine in engines():
            engine.dispose()

    def start(self, *more, when="/readyz"):
        """Serve it, and wait until it says that it is ready."""
        self.program = programs.start("serve", "--port", self.port, *more, log=self.log, leads=True, **self.settings)
        self.program.wait_until(lambda: programs.answers(self.url + when))
        return self

    def stop(self, how=signal.SIGTERM):
        """End it; how it ended."""
        self.program.kill_all(how)
        return self.program.wait()

    def writing(self, until):
        """Threads, one a member, that write until the event is set, and then finish what they began."""

        def write(number, browser):
            for each in itertools.count():
                text = f"{number}-{each}-"
                verb = browser.share if each % 4 == 3 else browser.send
                end = time.monotonic() + programs.PATIENCE
                while time.monotonic() < end:
                    try:
                        status = verb(text)
                        self.answers[status] += 1
                        if status == 303:
                            self.acknowledged.append((verb.__name__, text))
                            break
                    except requests.RequestException:
                        self.answers["none"] += 1
                    time.sleep(0.02)
                if until.is_set():
                    return

        threads = [threading.Thread(target=write, args=given, daemon=True) for given in enumerate(self.members)]
        for thread in threads:
            thread.start()
        return threads

    def is_sound(self):
        """Everything acknowledged is there once, and nothing is wrong with the database."""
        with self.app.app_context():
            try:
                there = Counter(("send", text) for text in db.session.scalars(select(Message.body)) if text != "Hello")
                there.update(
                    ("share", text) for text in db.session.scalars(select(Post.body).where(Post.kind == "post"))
                )
                acknowledged = Counter(self.acknowledged)
                lost, more = acknowledged - there, there - acknowledged
                assert (lost, more) == (Counter(), Counter())
                assert [each for each in health.problems() if "MB are free" not in each] == []
            finally:
                self.leave()
