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
    if not form.is_submitted():
        return page("contacts/paste.html", form=form, most=paste.ADDRESSES_MAX)
    text = request.form.get("text", "")
    found = paste.read(text)
    if not found.cards or "back" in request.form:
        error = Invalid(text=N_("We found no email address in that text.")) if not found.cards else None
        values = {"most": paste.ADDRESSES_MAX}
        return (
            show_on(form, error, "contacts/paste.html", **values)
            if error
            else page("contacts/paste.html", form=form, **values)
        )
    if "go" not in request.form:
        return page("contacts/understood.html", found=found, text=text)
    return begin_whole(contacts.PASTE, found.page)
