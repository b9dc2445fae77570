"""The one page there is for who waits until operators let them in."""

from flask import Blueprint, Response

from webapp.domain import joining
from webapp.web.access import viewer, while_suspended
from webapp.web.htmx import leave, page

bp = Blueprint("joining", __name__)


@bp.get("/waiting")
@while_suspended
def waiting() -> Response:
    """Say that operators decide, and what they read; for everybody else there is no such page."""
    row = joining.of(viewer())
    if row is None:
        return leave("public.home")
    return page("joining/waiting.html", row=row)
