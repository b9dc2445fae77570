"""Who waits to be let in, and the roster of those who belong here."""

from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, FileField, RadioField

from webapp import logs
from webapp.blueprints.admin.desk import bp
from webapp.config import setting
from webapp.domain import accounts, joining, roster
from webapp.domain.errors import N_, Invalid, Refused
from webapp.models.base import to_ms
from webapp.providers import files
from webapp.providers.files import FileError
from webapp.transaction import transaction, unlocked
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.errors import sentence, show_on
from webapp.web.filters import number
from webapp.web.htmx import leave, page
from webapp.web.limits import takes

FORM_BYTES = files.FILE_BYTES + 100_000
PROBLEMS = {
    "empty": N_("There is nothing in that file."),
    "too_large": N_("That file is too large: at most 10 MB can be read."),
    "too_many": N_("That file has more than 100,000 rows. Split it, and add one part after another."),
    "not_contacts": N_("We found no email addresses in that file. Choose a CSV file with a column for them."),
}


@bp.get("/joining")
def waiting() -> Response:
    """List who waits to be let in, who waited longest first, with what they wrote, and say who may join."""
    place = paging.place(paging.Ms, int)
    listed = paging.page(
        joining.waiting(place),
        lambda row: (to_ms(row.Applicant.waits_since), row.Applicant.member_id),
        is_first=place is None,
    )
    return page("admin/joining.html", listed=listed, mode=setting("JOIN"))


@bp.post("/joining/<handle>/<any(approve, decline):what>")
def decide(handle: str, what: str) -> Response:
    """Let somebody in, or do not; both can be taken back for a minute."""
    try:
        member = joining.decide(viewer(), handle, "approved" if what == "approve" else "declined")
    except Refused as error:
        flash(sentence(error))
        return leave(".waiting")
    logs.security("an operator decided who joins", member.id, deed=what)
    given = {"name": member.name, "seconds": setting("UNDO_SECONDS")}
    if what == "approve":
        flash(_("%(name)s is let in. You can undo it for %(seconds)s seconds", **given))
    else:
        flash(_("%(name)s is not let in. You can undo it for %(seconds)s seconds", **given))
    return leave(".waiting")


@bp.post("/joining/<handle>/undo")
def take_back(handle: str) -> Response:
    """Take a decision back, as long as it was not carried out."""
    try:
        member = joining.take_back(handle)
    except Refused as error:
        flash(sentence(error))
    else:
        flash(_("%(name)s waits again", name=member.name))
    return leave(".waiting")


# The roster


HOW = {
    "add": lazy_gettext("Keep them, and add these"),
    "replace": lazy_gettext("Take them off: the file is the whole roster"),
}


class RosterForm(FlaskForm):
    """A file, and whether it takes the place of what is there."""

    file = FileField(lazy_gettext("The file (CSV)"))
    how = RadioField(
        lazy_gettext("What about the addresses that are on the roster now?"),
        default="add",
        validate_choice=False,
    )


class AddressForm(FlaskForm):
    """One address to take off, or all of them."""

    email = EmailField(lazy_gettext("Email"))
    sure = BooleanField(lazy_gettext("Yes, every address. This can't be undone."))


def _shown(**given: Any) -> dict[str, Any]:
    counted = roster.cohorts()
    return {
        "form": RosterForm(formdata=None),
        "one": AddressForm(formdata=None),
        "cohorts": counted,
        "all": sum(row.number for row in counted),
        "last": max((row.added_at for row in counted), default=None),
        "mode": setting("JOIN"),
        "how": HOW,
    } | given


@bp.route("/roster", methods=["GET", "POST"])
@takes(FORM_BYTES)
@unlocked
def roster_page() -> Response:
    """Say what the roster holds, in numbers, and take a file of it. Nothing of the file is kept but keyed hashes with their cohorts."""
    if request.method == "GET":
        return page("admin/roster.html", **_shown())
    form = RosterForm()
    given = request.files.get("file")
    if given is None or not given.filename:
        return _problem(form, N_("Choose a file first."))
    if form.how.data not in HOW:
        return show_on(form, Invalid(how=N_("Choose one of the answers")), "admin/roster.html", **_shown(form=form))
    try:
        rows = files.roster(given.read())
    except FileError as error:
        return _problem(form, PROBLEMS.get(error.kind, PROBLEMS["not_contacts"]))
    found = roster.entries(rows)
    if not found:
        return _problem(form, PROBLEMS["not_contacts"])
    with transaction():
        (roster.replace if form.how.data == "replace" else roster.add)(found)
    logs.security("the roster was changed", viewer().id, addresses=len(found))
    flash(
        ngettext(
            "%(shown)s address is read, and kept as a hash",
            "%(shown)s addresses are read, and kept as hashes",
            len(found),
            shown=number(len(found)),
        )
    )
    return leave(".roster_page")


def _problem(form: RosterForm, words: str) -> Response:
    return show_on(form, Invalid(file=words), "admin/roster.html", **_shown(form=form))


@bp.post("/roster/remove")
def roster_remove() -> Response:
    """Take one address off, or all of them."""
    form = AddressForm()
    if "all" in request.form:
        if not form.sure.data:
            return show_on(
                form, Invalid(sure=N_("Tick that you mean all of them")), "admin/roster.html", **_shown(one=form)
            )
        roster.replace({})
        flash(_("The roster is empty"))
        return leave(".roster_page")
    try:
        roster.remove(accounts.check_address(form.email.data or ""))
    except Invalid as error:
        return show_on(form, error, "admin/roster.html", **_shown(one=form))
    flash(_("That address is not on the roster any more"))
    return leave(".roster_page")
