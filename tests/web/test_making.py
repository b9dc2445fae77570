"""Two pages at once in a process, however many ask; what waits or takes long keeps nobody else waiting."""

import threading

import pytest

from tests import factories
from webapp import transaction
from webapp.extensions import db
from webapp.web import making

ON_SQLITE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


class Slow:
    """Requests that stop inside the application until they are told to go on."""

    def __init__(self):
        self.inside, self.go_on = threading.Semaphore(0), threading.Event()
        self.before = lambda: None

    def __call__(self, _environ, _start_response):
        self.before()
        self.inside.release()
        self.go_on.wait(10)
        return []

    def come_in(self, number, seconds=10.0):
        """Whether so many come inside in that time."""
        return all(self.inside.acquire(timeout=seconds) for _each in range(number))


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def ask(slow):
    """`ask(method, path)` in a thread of its own."""
    made, threads = making.Made(slow, 2), []

    def ask(method="GET", path="/feed"):
        given = {"REQUEST_METHOD": method, "PATH_INFO": path}
        threads.append(threading.Thread(target=made, args=(given, None)))
        threads[-1].start()

    yield ask
    slow.go_on.set()
    for each in threads:
        each.join()
    assert not made.turns.places


def test_two_pages_are_made_at_once_and_a_third_waits(ask, slow):
    for _each in range(3):
        ask()
    assert slow.come_in(2)
    assert not slow.come_in(1, 0.05)
    slow.go_on.set()
    assert slow.come_in(1)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/feed"), ("PROPFIND", "/dav/"), ("GET", "/livez"), ("GET", "/readyz")]
)
def test_what_writes_and_what_probes_waits_for_no_page(ask, slow, method, path):
    ask()
    ask()
    assert slow.come_in(2)
    ask(method, path)
    assert slow.come_in(1)


def test_no_page_waits_for_ever(ask, slow, monkeypatch):
    monkeypatch.setattr(making, "PATIENCE_SECONDS", 0.01)
    for _each in range(4):
        ask()
    assert slow.come_in(4)


def test_what_takes_long_lets_others_go_first(ask, slow):
    slow.before = lambda: transaction.slow("A provider is asked")
    for _each in range(4):
        ask()
    assert slow.come_in(4)


def test_what_waits_to_write_lets_others_go_first(app, ask, slow):
    def note():
        with app.app_context():
            with transaction.aside():
                db.session.execute(db.text("SELECT 1"))
            db.session.remove()

    slow.before = note
    for _each in range(3):
        ask()
    assert slow.come_in(3)


@ON_SQLITE
def test_the_application_makes_its_pages_so(app, as_member, context, monkeypatch):
    entered = []
    monkeypatch.setattr(making.turns.Turns, "admit", lambda turns, _mine: entered.append(turns.many))
    ada = as_member(factories.member())
    entered.clear()
    assert ada.get("/connections").status_code == 200
    assert entered == [making.AT_ONCE["sqlite"]]
