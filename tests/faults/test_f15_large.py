"""F15: two servers, two workers, PostgreSQL with a replica, PgBouncer, Redis. Each of them ends, and nothing acknowledged is lost."""

import itertools
import re
import signal
import threading
import time

import pytest
import requests
from sqlalchemy import select

from tests import factories, houses, ports, programs, requires
from tests.cluster import Cluster
from tests.redis import Server as Redis
from tests.wizard import Wizard
from webapp.extensions import db
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import Member

NAME = "kith"
SHORT = 1  # second in which a press can be undone, so that nobody waits for a minute


class Hosts:
    """Two servers and two workers with one database, each with a folder of its own, as on a host of its own."""

    def __init__(self, folder, cluster, redis):
        settings = {
            "DATABASE_REPLICA_URL": cluster.replica.url(NAME),
            "DATABASE_POOLED": "true",
            "REDIS_URL": redis.url,
            "UNDO_SECONDS": SHORT,
        }
        self.house = houses.House(folder, cluster.pool.url(NAME), **settings).fill()
        self.folder, self.key = folder, (self.house.settings["INSTANCE"] / "secret_key").read_text()
        self.urls = {"web-1": self.house.url, "web-2": f"http://127.0.0.1:{ports.free()}"}
        self.programs = {}
        for name in ("web-1", "web-2", "worker-1", "worker-2"):
            self.start(name)
        for number, member in enumerate(self.house.members):
            member.url = self.urls[f"web-{number % 2 + 1}"]
            member.session.headers["Host"] = self.host

    @property
    def host(self):
        """What members type, whichever server a proxy leads them to."""
        return self.house.url.removeprefix("http://")

    def start(self, name):
        instance = self.folder / name
        if not instance.exists():
            instance.mkdir(mode=0o700)
            (instance / "secret_key").write_text(self.key)
            (instance / "secret_key").chmod(0o600)
        words = ("worker",)
        if name in self.urls:
            words = ("serve", "--port", self.urls[name].rpartition(":")[2])
        given = self.house.settings | {"INSTANCE": instance}
        self.programs[name] = programs.start(*words, log=self.folder / f"{name}.txt", leads=True, **given)
        if name in self.urls:
            self.wait_for(name)

    def wait_for(self, name):
        self.programs[name].wait_until(lambda: programs.answers(f"{self.urls[name]}/readyz"))

    def kill(self, name):
        self.programs[name].kill_all(signal.SIGKILL)
        self.programs[name].wait()

    def stop(self):
        for each in self.programs.values():
            each.kill_all(signal.SIGTERM)
        return [each.wait() for each in self.programs.values()]


class Visitor:
    """A browser whose requests go to one server after the other, as a proxy leads them."""

    def __init__(self, hosts):
        self.urls = itertools.cycle(hosts.urls.values())
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Host"] = hosts.host
        self.token = ""

    def get(self, path):
        answer = self.session.get(next(self.urls) + path, timeout=30, allow_redirects=False)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.text)
        self.token = found[1] if found else self.token
        return answer

    def post(self, path, data=None):
        given = {"csrf_token": self.token, **(data or {})}
        return self.session.post(next(self.urls) + path, given, timeout=30, allow_redirects=False)

    def sign_in(self, email):
        self.get("/signin")
        answer = self.post("/signin", {"email": email, "password": factories.PASSWORD})
        assert answer.status_code == 303, answer.text
        return self


def until(question, seconds=programs.PATIENCE):
    """Wait until something is found; what it is."""
    end = time.monotonic() + seconds
    while not (found := question()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def cluster():
    requires.require("pgbouncer")
    made = Cluster(NAME)
    made.primary.ask(f"ALTER DATABASE {NAME} SET synchronous_commit = on")
    made.pool.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def redis():
    made = Redis()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory, cluster, redis):
    made = Hosts(tmp_path_factory.mktemp("hosts"), cluster, redis)
    yield made
    assert made.stop() == [0, 0, 0, 0]


def mail_to(hosts, address):
    """The mail that a worker of some host has handed over."""

    def look():
        with hosts.house.app.app_context():
            found = db.session.scalars(select(MailboxMessage.raw).where(MailboxMessage.recipient == address)).all()
            hosts.house.leave()
        return found

    [raw] = until(look)
    return raw.decode().replace("=\r\n", "").replace("=3D", "=")


def test_f15_the_walk_messages_and_search_pass_whichever_server_answers(hosts):
    first, second = (f"m{number}@post.example" for number in (0, 1))
    maya = Visitor(hosts)
    maya.get("/signup")
    joining = {"name": "Maya Lindqvist", "email": "maya@post.example", "password": factories.PASSWORD}
    assert maya.post("/signup", joining).status_code == 303
    [link] = set(re.findall(r"/confirm/[\w.~-]+", mail_to(hosts, "maya@post.example")))
    maya.get(link)
    assert maya.post(link, {"password": factories.PASSWORD}).headers["Location"] == "/welcome"

    wizard = Wizard(maya)
    maya.get("/contacts")
    page = wizard.paste(f"Member 0 <{first}>", f"Member 1 <{second}>", "Grace Hopper <grace@post.example>")
    assert list(page.boxes.values()) == [True, True]
    for screen in ("members", "others"):
        page = wizard.get(f"/{screen}")
        ticked = {"shown": page.hidden["shown"], "tick": list(page.boxes), "note": "", "do": "add"}
        assert maya.post(f"/contacts/{screen}", ticked).status_code == 303
    assert "would like to connect" in mail_to(hosts, "grace@post.example")

    ana = Visitor(hosts).sign_in(first)
    asked = until(lambda: re.search(r"/invitations/([\w-]+)/accept", ana.get("/invitations").text))
    assert ana.post(asked[0]).status_code == 303
    assert "Maya Lindqvist" in ana.get("/connections").text
    assert "Member 0" in maya.get("/connections").text

    with hosts.house.app.app_context():
        other = db.session.scalars(select(Member.handle).where(Member.name == "Member 0")).one()
        hosts.house.leave()
    maya.get("/messages/new")
    begun = maya.post("/messages/new", {"to": other, "body": "Hello", "client": "a" * 32})
    assert begun.status_code == 303, begun.text
    talk = begun.headers["Location"]
    for number in range(4):
        maya.get(talk)
        assert maya.post(talk, {"body": f"Line {number}", "client": f"{number:0<32}"}).status_code == 303
        hosts.house.acknowledged.append(("send", f"Line {number}"))
        assert f"Line {number}" in maya.get(talk).text
    until(lambda: "Line 3" in ana.get(talk).text)

    found = until(lambda: ana.get("/people?q=lindqvist").text)
    assert "Maya Lindqvist" in found


def test_f15_whatever_is_killed_nothing_acknowledged_is_lost(hosts, cluster, redis):
    house, ends = hosts.house, threading.Event()
    threads = house.writing(ends)

    def goes_on(many=4):
        """Something of everybody is acknowledged, after now."""
        before = len(house.acknowledged)
        until(lambda: len(house.acknowledged) > before + many)

    goes_on()
    for name in hosts.programs:
        hosts.kill(name)
        hosts.start(name)
        goes_on()
    for each in (redis.end, redis.start, cluster.replica.stop, cluster.replica.start, cluster.pool.stop):
        each()
        if each != cluster.pool.stop:
            goes_on()
    time.sleep(0.3)
    cluster.pool.start()
    goes_on()
    cluster.primary.stop()
    time.sleep(0.3)
    cluster.primary.start()
    goes_on()
    ends.set()
    for thread in threads:
        thread.join()
    assert house.answers.keys() <= {"none", 303, 503}
    assert house.answers["none"] > 0
    assert house.answers[503] > 0
    for member in house.members:
        assert member.get("/feed").status_code == 200
    for name in hosts.urls:
        hosts.wait_for(name)
    with house.app.app_context():
        states = set(db.session.scalars(select(OutgoingMail.state)))
        house.leave()
    assert "uncertain" not in states
    cluster.wait()  # a replica looks for its primary every few seconds
    house.is_sound()
