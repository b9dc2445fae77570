"""Fields and cohorts: the list of them, and the page of each."""

from flask import Blueprint, Response

from webapp.domain import fields
from webapp.domain.people import COUNTED
from webapp.web import limits
from webapp.web.access import viewer
from webapp.web.htmx import page

bp = Blueprint("fields", __name__)


@bp.get("/fields")
def index() -> Response:
    """List the fields and cohorts that have members."""
    limits.result_page(viewer())
    return page("fields/index.html", hubs=fields.hubs(viewer()))


@bp.get("/fields/<slug>", defaults={"kind": "field"})
@bp.get("/cohorts/<slug>", defaults={"kind": "cohort"})
def show(kind: fields.Kind, slug: str) -> Response:
    """Show who is in a field or cohort, who joined lately, and who offers mentoring."""
    limits.result_page(viewer())
    return page("fields/show.html", kind=kind, inside=fields.inside(viewer(), kind, slug), counted=COUNTED)
