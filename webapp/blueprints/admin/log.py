"""The log of everything operators did."""

from flask import Response

from webapp.blueprints.admin.desk import bp
from webapp.domain import acts
from webapp.web import paging
from webapp.web.htmx import page


@bp.get("/log")
def log() -> Response:
    """List everything operators did, the latest first."""
    place = paging.place(int)
    shown = paging.page(acts.log(*(place or ())), lambda row: (row.Act.number,), is_first=place is None)
    return page("admin/log.html", shown=shown)
