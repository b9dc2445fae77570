"""One's own contact information: what others can reach a member by, each detail for an audience of its own."""

from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectField, StringField

from webapp.blueprints.profiles.forms import AudienceForm, bp
from webapp.domain import profiles
from webapp.domain.errors import Invalid, Refused
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page, wants_part


class DetailForm(AudienceForm):
    """One detail as it is changed."""

    label = StringField(lazy_gettext("Label"))
    value = StringField()


class NewDetailForm(DetailForm):
    """A new detail; who sees it follows from what it is, until somebody says otherwise."""

    kind = SelectField(lazy_gettext("Kind"), validate_choice=False)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.value.label.text = _("Number, address or date")
        self.kind.choices = [(name, _(words)) for name, words in profiles.KIND_WORDS.items()]
        self.audience.choices = [("", _("As usual: connections, but a phone only you")), *self.audience.choices]


@bp.route("/settings/contact", methods=["GET", "POST"])
def contact() -> Response:
    """Show what others can reach the member by, and add to it; with `row`, the row of one detail again."""
    form = NewDetailForm()
    if form.is_submitted():
        try:
            profiles.add_detail(
                viewer(), form.kind.data or "", form.value.data or "", form.label.data or "", form.audience.data or ""
            )
        except (Invalid, Refused) as error:
            return show_on(form, error, "profiles/contact.html", details=profiles.own_details(viewer()))
        flash(_("It is added"))
        return leave(".contact")
    if wants_part() and "row" in request.args:
        return page("profiles/_detail.html", detail=profiles.own_detail(viewer(), request.args["row"]), focus=True)
    return page("profiles/contact.html", form=form, details=profiles.own_details(viewer()))


@bp.route("/settings/contact/<key>", methods=["GET", "POST"])
def detail(key: str) -> Response:
    """Change one detail, in its row or on a page of its own."""
    row = profiles.own_detail(viewer(), key)
    form = DetailForm()
    form.value.label.text = _(profiles.KIND_WORDS[row.kind])
    if not form.is_submitted():
        form.label.data, form.value.data, form.audience.data = row.label, row.value.removeprefix("--"), row.audience
        return page("profiles/detail.html", part="profiles/_detail_form.html", form=form, detail=row)
    try:
        profiles.change_detail(
            viewer(), key, form.value.data or "", form.label.data or "", form.audience.data or row.audience
        )
    except Invalid as error:
        return show_on(form, error, "profiles/detail.html", part="profiles/_detail_form.html", detail=row)
    if wants_part():
        return page("profiles/_detail.html", detail=row, focus=True)
    flash(_("It is saved"))
    return leave(".contact")


@bp.post("/settings/contact/<key>/remove")
def remove_detail(key: str) -> Response:
    """Delete one detail."""
    profiles.remove_detail(viewer(), key)
    flash(_("It is deleted"))
    return leave(".contact")
