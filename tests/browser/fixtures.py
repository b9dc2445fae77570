"""A whole Kith for a real browser: the application, the demo provider and the worker's work, on loopback, in a folder of its own."""

import re
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests import factories, ports
from webapp import clock, create_app, jobs, schema
from webapp.demo import provider
from webapp.extensions import db

WAYS = {
    "mouse": {"width": 1280},
    "keyboard": {"width": 1280, "dark": True, "keyboard": True},
    "no-javascript": {"width": 1280, "javascript": False},
    "no-javascript-phone": {"width": 390, "javascript": False},
    "phone-dark": {"width": 390, "dark": True},
}
"""How the same story is walked by different visitors."""
AXE = Path(__file__).with_name("vendor") / "axe.min.js"


@contextmanager
def listening(app, port):
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Site:
    """One instance and what is around it."""

    def __init__(self, folder, books, host="127.0.0.1"):
        self.url, beside = f"http://{host}:{ports.free()}", ports.free()
        clients = provider.default_clients(self.url)
        self.provider = provider.create_provider(books, clients)
        self.beside = beside
        given = {
            "INSTANCE": str(folder),
            "BASE_URL": self.url,
            "SITE_NAME": "Northgate Alumni",
            "GOOGLE_DOMAINS": "northgate.example",
            "MICROSOFT_DOMAINS": "harbour.example",
        }
        for door, path in (("google", ""), ("microsoft", "/common/v2.0")):
            given |= {
                f"{door.upper()}_CLIENT_ID": clients[door].client_id,
                f"{door.upper()}_CLIENT_SECRET": clients[door].client_secret,
                f"{door.upper()}_METADATA_URL": f"http://127.0.0.1:{beside}/{door}{path}/.well-known/openid-configuration",
                f"{door.upper()}_CONTACTS_URL": f"http://127.0.0.1:{beside}/{door}",
            }
        self.app = create_app(given)
        self.app.config["DEMO"] = True
        with self.app.app_context():
            schema.upgrade()

    def wait(self, **moved):
        """Let time pass, and the worker do what is due."""
        clock.move(**moved)
        with self.app.app_context():
            jobs.run_due()

    def __enter__(self):
        self._open = (listening(self.provider, self.beside), listening(self.app, int(self.url.rpartition(":")[2])))
        for each in self._open:
            each.__enter__()
        return self

    def __exit__(self, *_error):
        for each in reversed(self._open):
            each.__exit__(None, None, None)
        clock.reset()
        with self.app.app_context():
            db.engine.dispose()


class Visitor:
    """Somebody at a browser, who uses a mouse or only the keyboard, and notices whatever the console says."""

    def __init__(self, page, *, keyboard=False):
        self.page = page
        self.keyboard = keyboard
        self.trouble = []
        page.on("console", lambda said: self.trouble.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))

    def use(self, locator, key="Enter", *, force=False):
        """Press something: with the mouse, or by tabbing to it and pressing a key. Where that leads to a page, all of it is there then."""
        target = locator.first
        target.wait_for(state="visible")
        if self.keyboard:
            self.page.locator("body").press("Home")
            for _step in range(150):
                if target.evaluate("element => element === document.activeElement"):
                    break
                self.page.keyboard.press("Tab")
            else:
                raise AssertionError(f"The keyboard does not reach {locator}.")
            target.press(key)
        else:
            target.click(force=force)
        # Both wait until a page they lead to has begun to arrive, which is too early to count what is on it.
        self.page.wait_for_load_state("domcontentloaded")

    def tick(self, locator):
        self.use(locator, "Space")

    def type(self, label, text):
        field = self.page.get_by_label(label, exact=True).first
        if self.keyboard:
            field.focus()
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)
        else:
            field.fill(text)

    def sign_in(self, url, address, password=factories.PASSWORD):
        """Sign in at an instance with the form, as its members do."""
        self.page.goto(f"{url}/signin")
        self.type("Email", address)
        self.type("Password", password)
        with self.page.expect_navigation():
            self.use(self.button("^Sign in$"))

    def button(self, name):
        return self.page.get_by_role("button", name=re.compile(name))

    def link(self, name):
        return self.page.get_by_role("link", name=re.compile(name))

    def fits(self):
        """The page is not wider than the screen."""
        return self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    def heading(self, name):
        return self.page.get_by_role("heading", name=re.compile(name))


@pytest.fixture
def visit(chromium):
    """`visit(width=390, dark=True, javascript=False, keyboard=True)`: a new visitor with an empty browser; troubles fail the test."""
    contexts, visitors = [], []

    def come(*, width=1280, dark=False, javascript=True, keyboard=False):
        context = chromium.new_context(
            viewport={"width": width, "height": 844 if width < 600 else 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            has_touch=width < 600,
            reduced_motion="reduce",
        )
        context.set_default_timeout(8000)
        contexts.append(context)
        visitors.append(Visitor(context.new_page(), keyboard=keyboard))
        return visitors[-1]

    yield come
    for context in contexts:
        context.close()
    assert [visitor.trouble for visitor in visitors if visitor.trouble] == []


@pytest.fixture
def hold():
    """`held = hold(page, address)`: the next request to an address waits; `held()` is that request, to be continued or aborted."""

    def begin(page, address):
        waiting = []

        def keep(route):
            waiting.append(route)

        page.route(address, keep, times=1)

        def held():
            for _try in range(250):
                if waiting:
                    return waiting[0]
                page.wait_for_timeout(20)
            raise AssertionError(f"Nothing asked for {address}.")

        return held

    return begin


@pytest.fixture
def check_axe():
    """`check_axe(visitor)`: axe finds nothing on the page as it is; `only`: by these of its rules."""

    def check(visitor, only=()):
        visitor.page.evaluate(AXE.read_text(encoding="utf-8"))
        asked = {"resultTypes": ["violations"]} | ({"runOnly": list(only)} if only else {})
        found = visitor.page.evaluate("asked => axe.run(document, asked)", asked)
        problems = [f"{each['id']}: {node['html'][:160]}" for each in found["violations"] for node in each["nodes"]]
        assert problems == [], (visitor.page.url, problems)

    return check
