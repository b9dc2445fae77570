"""Pasted addresses: what was understood is shown before anything happens."""

from flask import Response, request
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import TextAreaField

from webapp.blueprints.contacts.reading import begin_whole
from webapp.blueprints.contacts.wizard import bp
from webapp.domain import contacts
from webapp.domain.errors import N_, Invalid
from webapp.providers import paste
from webapp.transaction import unlocked
from webapp.web.errors import show_on
from webapp.web.htmx import page


class PasteForm(FlaskForm):
    """Addresses in any mix."""

    text = TextAreaField(lazy_gettext("Addresses"))


@bp.route("/paste", methods=["GET", "POST"])
@unlocked
def pasted() -> Response:
    """Show what was understood of the pasted addresses, before anything happens; then take them as a book of one page."""
    form = PasteForm()
    text = form.text.data or ""
    found = paste.read(text)
    if form.is_submitted() and not found.cards:
        error = Invalid(text=N_("We found no email address in that text."))
        return show_on(form, error, "contacts/paste.html", most=paste.ADDRESSES_MAX)
    if not form.is_submitted() or "back" in request.form:
        return page("contacts/paste.html", form=form, most=paste.ADDRESSES_MAX)
    if "go" not in request.form:
        return page("contacts/understood.html", found=found, text=text)
    return begin_whole(contacts.PASTE, found.page)
