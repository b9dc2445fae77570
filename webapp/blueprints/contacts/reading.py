"""Reading, a page a step, driven by the browser; at the end everything is compared at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Response, flash, g, request, session
from flask_babel import gettext as _

from webapp import providers
from webapp.blueprints.contacts.wizard import SOURCES, bp, looked_at, names, opened
from webapp.config import setting
from webapp.domain import contacts, doors
from webapp.domain.contacts import Book, Claim, How, Lost
from webapp.domain.errors import N_, TooMany
from webapp.providers.base import Page, ProviderError
from webapp.transaction import transaction, unlocked
from webapp.web import address_book
from webapp.web.access import viewer
from webapp.web.errors import sentence
from webapp.web.htmx import leave, page, wants_part

PRESS_SECONDS = 3.0
"""How long one press reads on where the browser has no JavaScript."""
STEPS_AT_ONCE = 8
"""A quarter of the 32 threads of `kith serve`: however slow a provider is, the other members hardly notice."""

TURN_SECONDS = 5

_steps = threading.BoundedSemaphore(STEPS_AT_ONCE)


@bp.get("/reading")
def reading() -> Response:
    """Show how far the reading is; with JavaScript the page asks for the next step by itself."""
    book = looked_at()
    if book.is_ready or book.wants_columns:
        return leave(".members" if book.is_ready else ".columns")
    return _progress(book)


@bp.post("/reading")
@unlocked
def step() -> Response:
    """Read the next page; without JavaScript as many as fit in three seconds. The last one leads to the members screen."""
    book = opened()
    if "again" in request.form:
        with transaction():
            contacts.go_on(opened(lock=True))
    if not _steps.acquire(blocking=False):
        return _progress(opened(), crowded=True)
    try:
        answer = _read_on(request.form.get("page", type=int) or 0)
    finally:
        _steps.release()
    if answer is not None:
        return answer
    book = opened()
    if book.is_ready:
        return leave(".members")
    return _progress(book) if wants_part() else leave(".reading")


def _read_on(wanted: int) -> Response | None:
    """Read from page `wanted` on, as long as this step may; an answer where the import ended by it."""
    member = viewer()
    sign_in_id, key = member.sign_in_id, address_book.key()
    ends = time.monotonic() + (0 if wants_part() else PRESS_SECONDS)
    while True:
        with transaction():
            taken = contacts.claim(viewer(), sign_in_id, key, wanted)
        if taken is None:
            return None
        if taken.is_read:
            return compare(key)
        is_last = _read_one(taken, sign_in_id, key)
        if not is_last and time.monotonic() >= ends:
            return None
        wanted += 1


def _read_one(taken: Claim, sign_in_id: int, key: Any) -> bool:
    """Read one page while no transaction is open; whether it was the last one that needs the provider's key."""
    from webapp.web import oauth

    found: Any
    try:
        found = providers.BOOKS[taken.door].read(taken.token, taken.cursor, others=taken.others)
    except ProviderError as error:
        found = error
    try:
        with transaction():
            verb: Any = contacts.fail if isinstance(found, ProviderError) else contacts.keep
            over = verb(viewer(), sign_in_id, key, taken, found)
            if isinstance(found, ProviderError):
                doors.note(taken.door, found.kind)
    except Lost:
        oauth.revoke(taken.door, taken.token)  # forgotten, or begun anew elsewhere, while the page was read
        raise
    if over:
        oauth.revoke(taken.door, taken.token)
    return over


@contextmanager
def turn() -> Iterator[None]:
    """Hold one of the turns of those who read an address book at this moment. TooMany, to be tried again, where there is none."""
    if not _steps.acquire(blocking=False):
        raise TooMany(
            N_("Many address books are being read at this moment. Try again in a few seconds."),
            retry_after=TURN_SECONDS,
        )
    try:
        yield
    finally:
        _steps.release()


def begin_whole(door: str, found: Page) -> Response:
    """Take a book that is here already, compare it, and lead to the members screen."""
    member = viewer()
    with transaction():
        book = contacts.start_whole(member, member.sign_in_id, door, found, source=SOURCES[door])
        g.import_key = book.key
        key = book.key
    session.pop("contacts_sent", None)
    return compare(key) or leave(".members")


def compare(key: Any) -> Response | None:
    """Compare a book that was read; an answer where there is nothing to show."""
    member = viewer()
    sign_in_id = member.sign_in_id
    book = contacts.opened(member, sign_in_id, key)
    door = book.row.door
    try:
        compared = contacts.compare(member, book)
        if not compared.counts["read"]:
            return _ended(
                "empty",
                _("There are no contacts in %(provider)s, so there is nothing to show.", provider=names()[door]),
            )
        with transaction():
            contacts.settle(viewer(), sign_in_id, key, compared)
            doors.note(door, doors.READ)
    except TooMany as error:
        return _ended("refused", sentence(error))
    return None


def _ended(how: How, words: str) -> Response:
    with transaction():
        contacts.forget(viewer(), how)
    g.import_gone = True
    session["contacts_choose"] = True
    flash(words)
    return leave(".index")


def _progress(book: Book, *, crowded: bool = False) -> Response:
    return page(
        "contacts/reading.html",
        part="contacts/_reading.html",
        progress=contacts.progress(book),
        door=names()[book.row.door],
        email=book.summary.email,
        crowded=crowded,
        most=setting("IMPORT_CONTACTS_MAX"),
    )
