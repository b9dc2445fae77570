"""The way through Find connections, door by door, as a member walks it: over HTTP, pressing the buttons that the pages show."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from webapp import sealed
from webapp.proof import books, servers
from webapp.proof.books import Contact
from webapp.proof.browser import Browser, Page, Stuck
from webapp.proof.ground import PEOPLE, Scratch

_STEPS = 20


class Walk:
    """One member in the wizard, in a browser of their own."""

    def __init__(self, scratch: Scratch, who: str = "maya") -> None:
        self.scratch = scratch
        self.address = PEOPLE[who][1]
        self.browser: Browser = scratch.browser(who)

    # The doors

    def consent(self, door: str, contacts: Sequence[Contact]) -> Page:
        """Press Continue and allow the reading of these contacts; return the page that reads."""
        for each in ("google", "microsoft"):
            self.scratch.provider.door(each).books = books.at_provider(contacts)
        page = self.browser.get("/contacts")
        offered = any(value == door for form in page.forms for _, value, _ in form.buttons)
        page = self.browser.send(page, "/contacts", press=door if offered else "", address=self.address)
        if "/authorize" not in page.location:
            raise Stuck(f"Continue does not lead to {door}")
        answer = servers.consent(page.location, self.address)
        page = self.browser.get(f"/contacts/{door}/callback?{urlencode(answer)}")
        if page.path != "/contacts/reading":
            raise Stuck(f"after the consent of {door} the reading does not begin")
        return page

    def step(self) -> Page:
        """Read on: what one press reads."""
        return self.browser.send(self.browser.get("/contacts/reading"), "/contacts/reading")

    def read(self, door: str, contacts: Sequence[Contact]) -> Page:
        """Read an address book at a provider to its end; return the members screen."""
        page = self.consent(door, contacts)
        for _ in range(_STEPS):
            if page.path == "/contacts/members":
                return page
            page = self.step()
        raise Stuck(f"the reading of {door} does not end")

    def upload(self, content: bytes, name: str) -> Page:
        """Bring a file; return the members screen, or the page that asks for its columns."""
        page = self.browser.get("/contacts/file")
        return self._arrived(self.browser.send(page, files={"file": (content, name)}))

    def name_columns(self, page: Page) -> Page:
        """Say which columns hold what, as the page guesses."""
        columns: dict[str, Any] = {"column-1": "address", "column-2": "name"}
        return self._arrived(self.browser.send(page, press="1", **columns))

    def paste(self, contacts: Sequence[Contact]) -> Page:
        """Paste addresses and go on; return the members screen."""
        page = self.browser.send(self.browser.get("/contacts/paste"), text=books.pasted(contacts))
        return self._arrived(self.browser.send(page, press="1"))

    def ask_server(self, user: str, password: str) -> Page:
        """Have the CardDAV server asked; return what comes of it."""
        page = self.browser.get("/contacts/carddav")
        where = f"{self.scratch.ground.shelf_url}{servers.Shelf.PATH}"
        return self.browser.send(page, server=where, user=user, password=password)

    def from_server(self, user: str, password: str, contacts: Sequence[Contact], more: str = "") -> Page:
        """Read an address book over CardDAV; return the members screen."""
        shelf = self.scratch.shelf
        shelf.user, shelf.password = user, password
        shelf.cards = [books.vcard(each, more) for each in contacts]
        return self._arrived(self.ask_server(user, password))

    def _arrived(self, page: Page) -> Page:
        if page.path not in {"/contacts/members", "/contacts/columns"}:
            raise Stuck(f"{page.path} does not lead on: {page.words[:200]}")
        return page

    # The screens

    def others(self) -> Page:
        """Return the screen of those who are not members."""
        page = self.browser.get("/contacts/others")
        if page.path != "/contacts/others":
            raise Stuck("the screen of those who are not members does not open")
        return page

    def position(self, contact: Contact, page: Page) -> str:
        """Return where a contact stands in the list of those who are not members: the value of their box."""
        found = page.box("tick", contact.addresses[0])
        if found is None:
            raise Stuck("somebody who was read has no box on the screen of those who are not members")
        return found

    def search(self, text: str) -> Page:
        """Search the list of those who are not members; return what it shows then, and let it show everybody again."""
        page = self.browser.send(self.others(), press="search", search=text)
        self.browser.send(page, press="search", search="")
        return page

    def show_mail(self, contact: Contact, note: str = "") -> Page:
        """Tick one contact, write a line to them, and have the mail shown."""
        page = self.others()
        at = self.position(contact, page)
        self.browser.send(page, press="preview", tick=[at], note=note, recipient=at)
        return self.others()

    def invite(self, contact: Contact, note: str = "") -> Page:
        """Tick one contact and press the button; return the page after it."""
        page = self.show_mail(contact, note) if note else self.others()
        page = self.browser.send(page, press="add", tick=[self.position(contact, page)], note=note)
        if page.path != "/contacts/done":
            raise Stuck(f"the invitation was not taken: {page.words[:200]}")
        return page

    def skip(self) -> Page:
        """Go on without inviting anybody, to the end."""
        return self.browser.send(self.others(), press="skip")

    def forget(self) -> Page:
        """Press Forget everything now."""
        return self.browser.send(self.browser.get("/contacts/forget"))

    def sign_out(self) -> Page:
        """Sign out."""
        return self.browser.send(self.browser.get("/settings"), "/signout")

    # What the browser's key opens

    def opened(self) -> bytes:
        """Return all that is kept of the book, opened with the key that this browser holds."""
        number, _, text = self.browser.cookie("kith_import", "/contacts").partition(".")
        if not number:
            raise Stuck("the browser holds no key to what was read")
        from base64 import urlsafe_b64decode

        secret = urlsafe_b64decode(text)
        with closing(sqlite3.connect(self.scratch.folder / "instance" / "kith.sqlite3")) as database:
            rows = database.execute("SELECT kind, number, sealed FROM import_part WHERE import_id = ?", (number,))
            parts = list(rows)
            whole = database.execute("SELECT summary, secret FROM address_book_import WHERE id = ?", (number,))
            parts += [
                (kind, 0, value) for kind, value in zip(("summary", "secret"), whole.fetchone(), strict=True) if value
            ]
        try:
            return b"\n".join(sealed.unseal(secret, value, f"import {number} {kind} {at}") for kind, at, value in parts)
        except sealed.Unreadable:
            raise Stuck("what was read does not open with the browser's key") from None
