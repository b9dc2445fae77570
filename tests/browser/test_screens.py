"""Every screen of `make demo`: at both widths, light and dark, nothing for axe, the console, the policy or a narrow phone to find."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests import crawl, ports, requires
from webapp import create_app
from webapp.demo import community

VARIANTS = {"1280-light": (1280, False), "390-dark": (390, True)}
"""Each width and each theme once: the width moves things, the theme colours them."""
LOOKS = ("color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block", "css-orientation-lock")
"""The rules of axe by which the same page can be right wide and light and wrong narrow and dark; the first is held to all of them."""
HTML_BYTES = 40_000
MAILED = ("confirm", "reset", "join", "optout", "invitations", "erase", "report")

# Reached by a link in a mail or by walking, as the tests below do; for strangers only; and what is no page.
ELSEWHERE = {
    "about_me.index",
    "about_me.show",
    "accounts.confirm",
    "accounts.reset",
    "accounts.operator",
    "accounts.check_mail",
    "join.join",
    "links.by",
    "join.opt_out",
    "join.erase",
    "join.report",
    "acts.suspended",
    "joining.waiting",
    "invitations.accept_by_mail",
    "contacts.members",
    "contacts.others",
    "contacts.preview",
    "contacts.columns",
    "contacts.done",
    "contacts.forget",
    "contacts.reading",
    "accounts.signin",
    "accounts.signup",
    "accounts.ask_reset",
    "accounts.confirm_again",
    "profiles.welcome",
    "log_ins.prove",
    # The second step: tests/browser/test_second_steps.py looks at these.
    "second_steps.ask",
    "second_steps.recover",
    "second_steps.confirm_app",
    "second_steps.remove_app",
    "second_steps.new_codes",
    "second_steps.add_passkey",
    "second_steps.create_passkey",
    "second_steps.remove_passkey",
    "unsubscribe.show",
    "admin.send_again",
    "settings.address",
    "introductions.ask",
    "cards.show_left",
    "cards.due",
    "connections.tag_several",
    "feed.edit",
    "messages.edit",
    "leaving.gone",
    "leaving.now",
    "leaving.stay_by",
    "recovering.undo",
}
FRAMED = {"mailbox.body"}
NO_PAGE = {
    "dav.book",
    "dav.well_known",
    "contacts.report",
    "ledger.export",
    "feed.atom_feed",
    "messages.news",
    "messages.export",
    "notifications.news",
    "public.livez",
    "public.metrics_page",
    "public.readyz",
    "public.manifest",
    "public.security_txt",
    "contacts.google_callback",
    "contacts.microsoft_callback",
    "log_ins.callback",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The address of a running `kith demo`, as somebody's first `make demo` leaves it."""
    requires.require("chromium")
    folder, port = tmp_path_factory.mktemp("demo"), ports.free(2)
    environment = {**os.environ, "KITH_INSTANCE": str(folder)}
    with (folder / "said.txt").open("w") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "webapp", "demo", "--port", str(port)], env=environment, stdout=said, stderr=said
        )
        try:
            url = f"http://127.0.0.1:{port}"
            for _try in range(600):
                assert running.poll() is None, (folder / "said.txt").read_text()
                try:
                    urllib.request.urlopen(f"{url}/readyz", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.2)
            subprocess.run(
                [sys.executable, "-m", "webapp", "make-admin", community.SAMPLE.address],
                env=environment | {"KITH_INSTANCE": str(folder / "demo")},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            yield url
        finally:
            running.terminate()
            assert running.wait(timeout=30) == 0
        assert community.PASSWORD in (folder / "said.txt").read_text()


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    """The application itself, for what its addresses mean."""
    return create_app({"INSTANCE": str(tmp_path_factory.mktemp("routes"))})


@pytest.fixture(scope="module")
def _found():
    return []


@pytest.fixture
def everywhere(demo, routes, _found):
    """`everywhere(visitor)`: one address of every page that following links finds; none is left out but those named above.

    Followed once: the next visitor is the same member.
    """

    def found(visitor):
        if not _found:
            client = visitor.page.context.request
            site = crawl.crawl(routes, lambda path: crawl.Answer(client.get(demo + path, max_redirects=0)))
            there = {rule.endpoint for rule in routes.url_map.iter_rules() if "GET" in rule.methods}
            assert there - site.pages.keys() <= ELSEWHERE | NO_PAGE
            _found.extend(
                each[0]
                for endpoint, each in sorted(site.pages.items())
                if endpoint not in NO_PAGE | FRAMED and each[0] in site.texts
            )
        return _found

    return found


@pytest.fixture
def look(demo, check_axe):
    """`look(visitor, path)`: go there (or stay) and find nothing wrong with the page."""

    def look(visitor, path=None, status=200):
        page = visitor.page
        if path is not None:
            answer = page.goto(demo + path if path.startswith("/") else path)
            assert answer.status == status, path
            assert len(answer.body()) <= HTML_BYTES, (path, len(answer.body()))
        assert page.title(), page.url
        assert page.locator("h1").count() == 1, page.url
        check_axe(visitor, only=LOOKS if visitor.width < 600 else ())
        for width in (320, visitor.width):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)

    return look


@pytest.fixture
def come(visit):
    def come(variant):
        width, dark = VARIANTS[variant]
        visitor = visit(width=width, dark=dark)
        visitor.width = width
        return visitor

    return come


def sign_in(visitor, demo):
    visitor.sign_in(demo, community.SAMPLE.address, community.PASSWORD)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_screens_of_a_member(demo, everywhere, come, look, variant):
    maya = come(variant)
    sign_in(maya, demo)
    for path in everywhere(maya):
        look(maya, path)
    for path in ("/people?q=an", "/people?q=nobody+is+called+so", "/connections?q=a", "/cards/due", "/welcome"):
        look(maya, path)
    maya.page.goto(f"{demo}/connections")
    first = maya.page.locator("a.name").first.get_attribute("href")
    look(maya, f"/connections/tag?handle={first.rpartition('/')[2]}")
    for path in ("/admin/members", f"/admin{first}", "/connections", first):
        maya.page.goto(demo + path)
        maya.page.locator("main bdi").evaluate_all(
            "names => names.forEach(name => (name.textContent = 'W'.repeat(60)))"
        )
        look(maya)
    maya.page.goto(demo + first)
    maya.use(maya.page.get_by_role("button", name=re.compile("More for")))
    maya.use(maya.page.get_by_role("link", name="Report", exact=True))
    expect(maya.page.get_by_role("dialog")).to_be_visible()
    look(maya)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_screens_of_a_stranger_and_of_a_mail(demo, come, look, variant):
    somebody = come(variant)
    page = somebody.page
    for path in ("/", "/about-me", "/signin", "/signup", "/reset", "/confirm", "/mailbox"):
        look(somebody, path)
    kinds = set()
    page.goto(f"{demo}/mailbox")
    mails = [link.get_attribute("href") for link in page.locator("a[href^='/mailbox/']").all()]
    assert mails
    for path in mails[:40]:
        page.goto(demo + path)
        links = [link.get_attribute("href") for link in page.locator(".mailtext a").all()]
        new = [link for link in links if urlsplit(link).path.split("/")[1] in set(MAILED) - kinds]
        if new:
            look(somebody, path)
        for link in new:
            kinds.add(urlsplit(link).path.split("/")[1])
            look(somebody, link)
    assert {"join", "optout", "report"} <= kinds


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_screens_of_finding_connections(demo, come, look, variant):
    maya = come(variant)
    sign_in(maya, demo)
    page = maya.page
    look(maya, "/contacts")
    maya.use(maya.button("^Continue"))
    while not page.url.startswith(demo):
        with page.expect_navigation():
            maya.use(page.get_by_role("button", name=re.compile("Continue|Allow|Next|Sign in")).first)
    page.wait_for_url(re.compile("/contacts/members"))
    look(maya)
    look(maya, "/contacts/others")
    page.locator("label.pick").get_by_role("checkbox").first.check()
    expect(maya.button("Add 1 to network")).to_be_visible()
    look(maya)
    look(maya, "/contacts/forget")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_page_that_is_not_there(demo, come, look, variant):
    maya = come(variant)
    sign_in(maya, demo)
    look(maya, "/people/nobody-at-all", status=404)
    assert all("404" in said for said in maya.trouble), maya.trouble  # Chromium itself reports the status
    maya.trouble.clear()
