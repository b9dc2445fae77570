"""Files of contacts: vCards, CSV, LinkedIn's archive or Kith's own; and naming the columns of a CSV that says nothing itself."""

from typing import Any

from flask import Response, g, request, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import FileField

from webapp.blueprints.contacts.reading import begin_whole, compare, turn
from webapp.blueprints.contacts.wizard import SOURCES, bp, looked_at, opened
from webapp.config import setting
from webapp.domain import contacts
from webapp.domain.contacts import Book
from webapp.domain.errors import N_, Invalid, Refused, TooMany
from webapp.providers import files
from webapp.providers.files import Columns, FileError, Table
from webapp.transaction import transaction, unlocked
from webapp.web import address_book
from webapp.web.access import viewer
from webapp.web.errors import INVALID, show_on
from webapp.web.filters import number
from webapp.web.htmx import leave, page
from webapp.web.limits import takes
from webapp.web.numbers import as_number

FORM_BYTES = files.FILE_BYTES + 100_000
SAMPLES = 5
"""How many rows of a file are shown while its columns are named."""
DOORS = {"vcard": "vcard", "linkedin": "linkedin", "kith": "kith"}
"""The doors of the kinds of files that are no plain CSV."""
PROBLEMS = {
    "empty": N_("There is nothing in that file."),
    "too_large": N_(
        "That file is too large: at most 10 MB can be read. Export fewer contacts, or leave out their pictures."
    ),
    "too_many": N_(
        "That archive holds too many files to look through. Take Connections.csv out of it and choose that."
    ),
    "not_contacts": N_(
        "We found no contacts in that file. Choose a vCard file (.vcf), a CSV file, or LinkedIn's archive."
    ),
    "locked": N_("That archive is locked with a password. Unpack it, and choose the file in it."),
    "broken": N_("That file can't be read: it may have been cut off. Download it once more."),
}


class FileForm(FlaskForm):
    """A file of contacts."""

    file = FileField(lazy_gettext("Your file"))


@bp.route("/file", methods=["GET", "POST"])
@takes(FORM_BYTES)
@unlocked
def uploaded() -> Response:
    """Read a file of contacts. It stays in memory, and only what the wizard shows is kept, sealed."""
    form = FileForm()
    if not form.is_submitted():
        return page("contacts/file.html", form=form)
    given = request.files.get("file")
    if given is None or not given.filename:
        return _problem(form, Invalid(file=N_("Choose a file first.")))
    try:
        with turn():
            found = files.read(given.read(), given.filename)
    except FileError as error:
        return _problem(form, Invalid(file=PROBLEMS[error.kind]))
    except TooMany as error:
        return _problem(form, error)
    if isinstance(found, Table):
        return _ask_for_columns(form, found)
    return _too_many(form, found.page.read + found.left_out) or begin_whole(DOORS.get(found.kind, "csv"), found.page)


def _problem(form: FileForm, error: Any) -> Response:
    return show_on(form, error, "contacts/file.html")


def _too_many(form: FileForm, every: int) -> Response | None:
    """Return the answer to a file with more contacts than can be read at once; None for one without."""
    most = setting("IMPORT_CONTACTS_MAX")
    if every <= most:
        return None
    words = N_(
        "That file has %(count)s contacts, and at most %(most)s can be read at once. Split it, and bring one part after another."
    )
    return _problem(form, Refused(words, count=number(every), most=number(most)))


# A file whose columns have no name that we know


def _ask_for_columns(form: FileForm, table: Table) -> Response:
    refused = _too_many(form, len(table.rows) + table.beyond)
    if refused is not None:
        return refused
    member = viewer()
    with transaction():
        book = contacts.start_table(member, member.sign_in_id, "csv", table, source=SOURCES["csv"])
        g.import_key = book.key
    session.pop("contacts_sent", None)
    return leave(".columns")


@bp.route("/columns", methods=["GET", "POST"])
@unlocked
def columns() -> Response:
    """Ask which columns hold names and addresses, and show what the first rows give; then compare."""
    if request.method == "GET":
        book = looked_at()
        return _columns(book) if book.wants_columns else leave(".reading")
    chosen = _chosen()
    with transaction():
        book = opened(lock=True)
        if not book.wants_columns:
            return leave(".reading")
        contacts.choose_columns(book, chosen)
    if "go" not in request.form:
        return leave(".columns")
    book = opened()
    if not chosen.addresses:
        return _columns(book, problem=_("Say which column holds the email addresses."))
    found = files.mapped(contacts.table_of(book, whole=True), chosen)
    if not any(card.addresses for card in found.page.cards):
        return _columns(book, problem=_("There is no email address in that column. Choose another."))
    member, key = viewer(), address_book.key()
    sign_in_id = member.sign_in_id
    with transaction():
        contacts.name_columns(viewer(), sign_in_id, key, found.page)
    return compare(key) or leave(".members")


def _chosen() -> Columns:
    """Return what the form says of the columns, in their order; whatever is no column is passed over."""
    said: dict[str, list[int]] = {"name": [], "address": []}
    for field, value in request.form.items():
        at = field.removeprefix("column-")
        column = as_number(at)
        if value in said and at != field and column is not None:
            said[value].append(column)
    return Columns(tuple(sorted(said["name"])), tuple(sorted(said["address"])))


def _columns(book: Book, *, problem: str = "") -> Response:
    table = contacts.table_of(book)
    samples = [[row[at] for row in table.rows if len(row) > at and row[at]][:3] for at in range(len(table.header))]
    few = Table(table.header, table.rows[:SAMPLES], table.guess)
    return page(
        "contacts/columns.html",
        status=INVALID if problem else 200,
        table=table,
        samples=samples,
        preview=files.mapped(few, table.guess).page.cards if table.guess.addresses or table.guess.names else [],
        problem=problem,
    )
