"""Reports: what members told the operators about other members, for operators only."""

from flask import Blueprint, Response, flash
from flask_babel import gettext as _

from webapp.domain import moderation
from webapp.models.base import to_ms
from webapp.web import paging
from webapp.web.access import operators_only, viewer
from webapp.web.htmx import leave, page

bp = Blueprint("reports", __name__, url_prefix="/reports")
operators_only(bp)


@bp.get("")
def index() -> Response:
    """List what waits for an operator, the oldest first: what was reported, and nothing else of anybody."""
    place = paging.place(paging.Ms, int)
    listed = paging.page(
        moderation.reports(after=place),
        lambda row: (to_ms(row.Report.created_at), row.Report.id),
        is_first=place is None,
    )
    return page("reports/index.html", listed=listed, words=moderation.REASON_WORDS)


@bp.post("/<int:report_id>/settle")
def settle(report_id: int) -> Response:
    """Take a report off the list."""
    moderation.settle(viewer(), report_id)
    flash(_("The report is settled"))
    return leave(".index")
