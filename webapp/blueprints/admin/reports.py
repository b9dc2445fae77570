"""What was reported: the list, and settling one of it."""

from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField

from webapp.blueprints.admin.desk import bp
from webapp.domain import moderation
from webapp.domain.errors import Invalid
from webapp.models.base import to_ms
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page


@bp.get("/reports")
def reports() -> Response:
    """List what waits for an operator, the oldest first, or what was settled: what was reported, and nothing else of anybody."""
    place, settled = paging.place(paging.Ms, int), "settled" in request.args
    listed = paging.page(
        moderation.reports(place, settled=settled),
        lambda row: (to_ms(row.Report.settled_at if settled else row.Report.created_at), row.Report.id),
        is_first=place is None,
    )
    return page("admin/reports.html", listed=listed, settled=settled)


class SettleForm(FlaskForm):
    """What was decided."""

    decision = RadioField(lazy_gettext("What did you decide?"), validate_choice=False)
    words = TextAreaField(lazy_gettext("Note for other operators (optional)"))


@bp.route("/reports/<int:report_id>/settle", methods=["GET", "POST"])
def settle(report_id: int) -> Response:
    """Ask what was decided, then take the report off the list. Neither side is told."""
    form = SettleForm()
    form.decision.choices = [(name, _(words)) for name, words in moderation.DECISION_WORDS.items()]
    values: dict[str, Any] = {
        "form": form,
        "row": moderation.one_report(report_id),
        "most": moderation.REPORT_CHARACTERS,
    }
    if request.method == "GET":
        return page("admin/settle.html", **values)
    try:
        moderation.settle(viewer(), report_id, form.decision.data or "", form.words.data or "")
    except Invalid as error:
        return show_on(form, error, "admin/settle.html", **values)
    flash(_("The report is settled"))
    return leave(".reports")
