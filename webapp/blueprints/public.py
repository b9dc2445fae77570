"""What anybody may see: the front page, and whether the instance lives."""

from flask import Blueprint, Response, url_for
from flask_login import current_user

from webapp.web.access import public
from webapp.web.htmx import leave_to, page

bp = Blueprint("public", __name__)


@bp.get("/")
@public
def home() -> Response:
    """Welcome a visitor; a member goes on to their network."""
    if current_user.is_authenticated:
        return leave_to(url_for("connections.network"))
    return page("public/home.html")


@bp.get("/livez")
@public
def livez() -> tuple[str, dict[str, str]]:
    """Answer as long as the process does."""
    return "ok\n", {"Content-Type": "text/plain; charset=utf-8"}
