"""Finding every page by following links, as somebody does who presses everything that only shows something."""

import re
from collections import deque
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException

ENDS = {"accounts.signout", "settings.end_others", "settings.end_sign_in"}
"""Where a form would end the visit."""
EACH = 8
"""How many addresses of one endpoint are looked at; more of the same kind look the same."""


@dataclass
class Site:
    """What following links found: addresses to GET, by endpoint, and addresses that forms post to, by endpoint."""

    pages: dict[str, list[str]] = field(default_factory=dict)
    forms: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


class Answer:
    """What the browser's own client got, with the names of the test client."""

    def __init__(self, answer):
        self.status_code = answer.status
        self.headers = {name.title(): value for name, value in answer.headers.items()}
        self.mimetype = self.headers.get("Content-Type", "").partition(";")[0]
        self.text = answer.text() if self.mimetype == "text/html" else ""


def links(html, here=""):
    """The addresses on a page that a GET leads to, and those that a form posts to (one that names none posts to where it stands)."""
    asked, posted = [], []
    for tag, attributes in re.findall(r"<(a|form|img|iframe)\b([^>]*)>", html):
        found = dict(re.findall(r'([\w:-]+)="([^"]*)"', attributes))
        address = unescape(
            found.get("href") or found.get("action") or found.get("src") or (here if tag == "form" else "")
        )
        if urlsplit(address).scheme in {"", "http"} and address.startswith("/"):
            (posted if tag == "form" and found.get("method", "get").lower() == "post" else asked).append(address)
    return asked, posted


TOKENS = re.compile(r'(csrf_token" value=|X-CSRFToken": |name="back" value=)"[^"]*"')


def without_tokens(html):
    """A page without what differs from one second to the next: the token of its forms, and the signed way back."""
    return TOKENS.sub("", html)


def endpoint_of(app, address, method):
    """The endpoint that answers, or None for what is no address of the application."""
    try:
        return app.url_map.bind("127.0.0.1:8000").match(urlsplit(address).path, method=method)[0]
    except HTTPException:
        return None


def crawl(app, get, start=("/",), each=EACH):
    """Follow every link from `start`; `get(address)` returns an answer of the test client."""
    site, ahead, met = Site(), deque(start), set(start)
    while ahead:
        address = ahead.popleft()
        endpoint = endpoint_of(app, address, "GET")
        known = site.pages.setdefault(endpoint, []) if endpoint else None
        if known is None or len(known) >= each:
            continue
        known.append(address)
        answer = get(address)
        # A form that asks may say that it needs an answer first.
        assert answer.status_code < 400 or answer.status_code == 422, (address, answer.status_code)
        if answer.status_code in {301, 302, 303, 307}:
            asked, posted = [answer.headers["Location"]], []
        elif answer.mimetype == "text/html" and answer.status_code == 200:
            site.texts[address] = answer.text
            asked, posted = links(answer.text, address)
        else:
            asked, posted = [], []
        for each_one in posted:
            target = endpoint_of(app, each_one, "POST")
            if target and each_one not in site.forms.setdefault(target, []):
                site.forms[target].append(each_one)
        for each_one in asked:
            plain = each_one.partition("#")[0]
            if plain.startswith("/") and plain not in met:
                met.add(plain)
                ahead.append(plain)
    return site


class _Forms(HTMLParser):
    """Reads the forms of a page that post: where to, and what a browser would send for them."""

    def __init__(self, here):
        super().__init__()
        self.here, self.found, self.form, self.area, self.list = here, [], None, None, None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            posts = (given.get("method") or "get").lower() == "post"
            self.form = Form(given.get("action") or self.here) if posts else None
            self.found += [self.form] if posts else []
        elif tag == "option" and self.form is not None and self.list:
            if "selected" in given or self.list not in self.form.fixed:
                self.form.fixed[self.list] = given.get("value") or ""
        elif self.form is None or not given.get("name"):
            return
        elif tag == "textarea":
            self.area = given["name"]
            self.form.free[self.area] = ""
        elif tag == "select":
            self.list = given["name"]
        elif tag == "input":
            kind = given.get("type") or "text"
            if kind in {"text", "search", "url", "tel", "email"}:
                self.form.free[given["name"]] = given.get("value") or ""
            elif kind == "hidden" or (kind in {"checkbox", "radio"} and "checked" in given):
                self.form.fixed[given["name"]] = given.get("value") or ""
        elif tag == "button" and given.get("value") is not None:
            self.form.fixed.setdefault(given["name"], given["value"])

    def handle_data(self, data):
        if self.area is not None:
            self.form.free[self.area] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.area = None
        elif tag == "select":
            self.list = None
        elif tag == "form":
            self.form = None


@dataclass
class Form:
    """A form that posts: its address, the fields somebody may type into, and what else it sends."""

    action: str
    free: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)


def forms(html, here):
    """The forms of a page that post."""
    reader = _Forms(here)
    reader.feed(html)
    return reader.found
