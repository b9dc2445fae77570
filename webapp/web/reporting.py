"""The form to report something: asked in a dialog or on a page of its own, for a person, a message, or what somebody shared."""

from typing import Any, Literal

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField

from webapp.config import setting
from webapp.domain import moderation
from webapp.domain.errors import Invalid
from webapp.models.member import Member
from webapp.web.access import viewer
from webapp.web.back import leave_back_to
from webapp.web.errors import show_on
from webapp.web.htmx import page

What = Literal["member", "invitation", "message", "post", "comment", "introduction"]


class ReportForm(FlaskForm):
    """What an operator should know."""

    reason = RadioField(lazy_gettext("What is it about?"), validate_choice=False)
    text = TextAreaField(lazy_gettext("What happened? (optional)"))


def report(other: Member, what: What, otherwise: str, *, quote: str = "", message: str = "") -> Response:
    """Ask what it is about, then tell the operators, with `quote` as it stands now; `otherwise` is where it leads without a way back."""
    form = ReportForm()
    form.reason.choices = [(name, _(words)) for name, words in moderation.REASON_WORDS.items()]
    values: dict[str, Any] = {
        "form": form,
        "other": other,
        "what": what,
        "most": moderation.REPORT_CHARACTERS,
        "quote": quote,
        "message": message,
        "otherwise": otherwise,
    }
    if request.method == "GET":
        return page("reports/ask.html", part="reports/_ask.html", **values)
    try:
        moderation.report(viewer(), other, form.reason.data or "", form.text.data or "", quote, what)
    except Invalid as error:
        return show_on(form, error, "reports/ask.html", **values)
    flash(
        _(
            "Thank you. Whoever runs %(site)s will look at it; %(name)s won't be told",
            site=setting("SITE_NAME"),
            name=other.name,
        )
    )
    return leave_back_to(otherwise)
