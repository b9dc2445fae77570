"""What became of each row of the book that was read, as a file."""

from collections.abc import Iterator

from flask import Response
from flask_babel import gettext as _

from webapp import spreadsheet
from webapp.blueprints.contacts.wizard import bp, ready
from webapp.domain import contacts


@bp.get("/report.csv")
def report() -> Response:
    """Hand out a table with a row for each contact that was read: it is made of what is sealed, and forgotten with it."""
    rows = contacts.rows(ready())
    header = [_("Row"), _("Name"), _("Address"), _("What became of it")]
    response = Response(spreadsheet.csv_text(header, _told(rows)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename="contacts.csv")
    return response


def _told(rows: list[list[str]]) -> Iterator[list[str | int]]:
    became = {
        "members": _("Here"),
        "possible": _("Possibly here: same name and organisation"),
        "guests": _("Not here"),
        "connected": _("Already connected"),
        "invited": _("Already invited"),
        "blocked": _("You blocked them"),
        "merged": _("Stands in another row"),
        "not_person": _("Probably not a person"),
        "unusable": _("Not here, and without an address to invite"),
    }
    why = {
        "own": _("Your own address"),
        "no_reply": _("Probably not a person: takes no answers"),
        "bounce": _("Probably not a person: delivery reports"),
        "list": _("Probably not a person: a mailing list"),
        "support": _("Probably not a person: a service desk"),
        "none": _("Without an email address"),
        "invalid": _("The email address can't be right"),
        "not_understood": _("Not understood"),
    }
    for number, (name, address, what, more) in enumerate(rows, 1):
        told = _("Same as row %(number)s", number=more) if what == "merged" and more else why.get(more, became[what])
        yield [number, name, address, told]
