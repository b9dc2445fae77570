"""What all steps share: the blueprint, the import of this browser, and what happens when there is none any more."""

from flask import Blueprint, Response, flash, g
from flask_babel import gettext as _

from webapp.domain import contacts
from webapp.domain.contacts import Book, Lost
from webapp.transaction import transaction
from webapp.web import address_book
from webapp.web.access import viewer
from webapp.web.htmx import leave

bp = Blueprint("contacts", __name__, url_prefix="/contacts")


def names() -> dict[str, str]:
    """Return what each door is called."""
    return {
        "google": _("Google"),
        "microsoft": _("Outlook"),
        "vcard": _("the vCard file"),
        "csv": _("the CSV file"),
        "linkedin": _("LinkedIn's file"),
        "kith": _("the archive"),
        "carddav": _("the address book"),
        contacts.PASTE: _("the addresses you pasted"),
    }


SOURCES = {
    "google": "Google contacts",
    "microsoft": "Outlook contacts",
    "vcard": "a file of contacts",
    "csv": "a file of contacts",
    "linkedin": "a file of LinkedIn contacts",
    "kith": "a file of contacts",
    "carddav": "an address book",
    contacts.PASTE: "a list of addresses",
}
"""What people are told who ask where their address came from. Not translated: the mail is not, either."""


# The key in the cookie, and what happens without it


def opened(*, lock: bool = False) -> Book:
    """Return the import of this browser; the cookie is renewed with the answer. Raises Lost."""
    member = viewer()
    book = contacts.opened(member, member.sign_in_id, address_book.key(), lock=lock)
    g.import_key = book.key
    return book


def looked_at() -> Book:
    """Return the import for a page that only shows it; the hour starts anew."""
    book = opened()
    if contacts.is_stale(book):
        with transaction():
            contacts.touch(opened(lock=True))
        book = opened()
    return book


class _Unread(Exception):
    """The book is still being read."""


def ready(*, lock: bool = False) -> Book:
    """Return the import once it was compared; whoever comes before that is led back to the reading."""
    book = opened(lock=lock) if lock else looked_at()
    if not book.is_ready:
        raise _Unread
    return book


@bp.errorhandler(_Unread)
def _unread(_error: _Unread) -> Response:
    return leave(".reading")


@bp.after_request
def _cookies(response: Response) -> Response:
    if g.get("import_gone"):
        address_book.drop(response)
    elif "import_key" in g:
        address_book.keep(response, g.import_key)
    return response


@bp.errorhandler(Lost)
def _lost(lost: Lost) -> Response:
    """Lead back to the beginning, and say why; what nobody can open any more is deleted."""
    delete_lost(lost)
    words = {
        "elsewhere": _("You started again in another browser."),
        "over": _("That took too long, so we stopped for safety. Start again."),
        "unreadable": _("What was read can't be opened any more, so it was deleted. Start again."),
    }
    if lost.why in words:
        flash(words[lost.why])
    return leave(".index")


def delete_lost(lost: Lost) -> None:
    """Delete the import that nobody can open any more, and its cookie."""
    from webapp.extensions import db

    g.import_gone = True
    if lost.ended is not None:
        db.session.rollback()
        with transaction():
            contacts.forget_lost(lost)
