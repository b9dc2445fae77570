"""A browser without JavaScript, as the proof needs one: it keeps cookies, follows redirects, and sends the forms of pages."""

from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from html.parser import HTMLParser
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

_REDIRECTS = 8
_FAILED = 500
_LEADS_ON = range(300, 400)


class Stuck(Exception):
    """The walk cannot go on: a page failed, or does not offer what it should."""


@dataclass
class Form:
    """A form of a page: where it leads, what stands in it, and its buttons."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[tuple[str, str, bool]] = field(default_factory=list)
    """Name, value, and whether it is ticked."""
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, value, and what stands on it."""


class _Reader(HTMLParser):
    """Reads the forms, the words and the plain texts of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self.words: list[str] = []
        self.preformatted: list[str] = []
        self.links: list[str] = []
        self._open: Form | None = None
        self._texts: list[list[str]] = []
        self.labels: dict[tuple[str, str], str] = {}
        self._label: tuple[str, str] | None = None
        self._pre = False
        self._area: tuple[str, Form] | None = None
        self._button: tuple[str, str, Form] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        here = self.by_id.get(found.get("form", "")) or self._open
        if tag == "form":
            self._open = Form(found.get("action", ""))
            self.forms.append(self._open)
            self.by_id[found.get("id", "")] = self._open
        elif tag == "a":
            self.links.append(found.get("href", ""))
        elif tag == "pre":
            self._pre = True
            self.preformatted.append("")
        elif here is None:
            return
        elif tag == "input" and found.get("name"):
            self._input(here, found)
        elif tag == "button":
            self._button = (found.get("name", ""), found.get("value", ""), here)
            self._texts.append([])
        elif tag == "textarea":
            self._area = (found.get("name", ""), here)
            self._texts.append([])

    def _input(self, here: Form, found: dict[str, str]) -> None:
        kind = found.get("type", "text")
        if kind in {"checkbox", "radio"}:
            here.boxes.append((found["name"], found.get("value", "on"), "checked" in found))
            self._label = found["name"], found.get("value", "on")
            self.labels[self._label] = ""
        elif kind not in {"file", "submit"}:
            here.fields.append((found["name"], found.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "pre":
            self._pre = False
        elif tag == "label":
            self._label = None
        elif tag == "button" and self._button is not None:
            name, value, here = self._button
            here.buttons.append((name, value, " ".join("".join(self._texts.pop()).split())))
            self._button = None
        elif tag == "textarea" and self._area is not None:
            name, here = self._area
            here.fields.append((name, "".join(self._texts.pop()).removeprefix("\n")))
            self._area = None

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._pre:
            self.preformatted[-1] += data
        if self._label is not None:
            self.labels[self._label] += f"{data} "
        for each in self._texts:
            each.append(data)


def read_forms(html: str) -> list[Form]:
    """Return the forms of a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms


class Page:
    """What a browser was answered."""

    def __init__(self, response: TestResponse, path: str) -> None:
        self.status = response.status_code
        self.path = path
        self.location = response.headers.get("Location", "")
        self.html = response.get_data(as_text=True)
        reader = _Reader()
        reader.feed(self.html)
        self.forms, self.links, self.preformatted = reader.forms, reader.links, reader.preformatted
        self.labels = reader.labels
        self.words = " ".join(" ".join(reader.words).split())

    def form(self, action: str = "", *, button: str = "") -> Form:
        """Return the form that leads to an address (else to this page's own), with a button of that value where one is named."""
        wanted = action or self.path
        for each in self.forms:
            leads_to = urlsplit(urljoin(self.path, each.action)).path
            if leads_to == wanted and (not button or any(value == button for _, value, _ in each.buttons)):
                return each
        raise Stuck(f"{self.path} has no form for {wanted}")

    def box(self, name: str, words: str) -> str | None:
        """Return the value of the one box of a name that stands beside these words; None without one."""
        found = [
            value
            for (each, value), text in self.labels.items()
            if each == name and words.lower() in text.lower().split()
        ]
        return found[0] if len(found) == 1 else None

    def boxes(self, name: str) -> dict[str, bool]:
        """Return the boxes of a name: value, and whether it is ticked."""
        return {value: ticked for form in self.forms for each, value, ticked in form.boxes if each == name}


class Browser:
    """One browser at the application."""

    def __init__(self, app: Flask) -> None:
        self.base = app.config["KITH"]["BASE_URL"]
        self._app = app
        self._client = app.test_client()

    def get(self, path: str) -> Page:
        """Ask for a page, and follow where it leads on this site."""
        return self._follow("GET", path)

    def send(
        self, page: Page, action: str = "", *, press: str = "", files: Mapping[str, Any] | None = None, **typed: Any
    ) -> Page:
        """Fill a form in and press a button, named by its value. A list is a set of boxes: those are ticked, and no other."""
        form = page.form(action, button=press)
        data: MultiDict[str, Any] = MultiDict(form.fields)
        for name, value, ticked in form.boxes:
            if ticked and name not in typed:
                data.add(name, value)
        for name, given in typed.items():
            data.setlist(name, given if isinstance(given, list) else [given])
        for name, value, _ in form.buttons:
            if press and value == press:
                data[name] = value
                break
        for name, (content, called) in (files or {}).items():
            data[name] = (BytesIO(content), called)
        return self._follow("POST", urljoin(page.path, form.action) if form.action else page.path, data)

    def post(self, path: str, data: Mapping[str, Any]) -> Page:
        """Post as a mail program does: no cookie, no page before it."""
        return self._open("POST", path, data)

    def _follow(self, method: str, path: str, data: Any = None) -> Page:
        for _ in range(_REDIRECTS):
            page = self._open(method, path, data)
            to = page.location.removeprefix(self.base)
            if page.status not in _LEADS_ON or not to.startswith("/"):
                return page
            method, path, data = "GET", to, None
        raise Stuck(f"{path} leads in a circle")

    def _open(self, method: str, path: str, data: Any = None) -> Page:
        asked = {"method": method, "data": data, "base_url": self.base}
        # Nothing of the context that the proof itself runs in is around a request.
        response = Context().run(lambda: self._client.open(path, **asked))
        page = Page(response, path.partition("?")[0].partition("#")[0])
        response.close()
        if page.status >= _FAILED:
            raise Stuck(f"{method} {page.path} was answered with {page.status}")
        return page

    def cookie(self, name: str, path: str) -> str:
        """Return a cookie that the browser keeps; empty without one."""
        host = urlsplit(self.base).hostname or ""
        found = self._client.get_cookie(name, domain=host, path=path)
        return found.value if found else ""

    def cookies(self) -> Sequence[str]:
        """Return all that the browser keeps, as text; of the session what stands in it, which is only packed and signed."""
        found = []
        for each in (self._client._cookies or {}).values():  # noqa: SLF001 - werkzeug lists them nowhere else
            found.append(f"{each.key}={each.value}")
            if each.key == self._app.config["SESSION_COOKIE_NAME"]:
                reader: Any = self._app.session_interface
                found.append(str(reader.get_signing_serializer(self._app).loads(each.value)))
        return found
