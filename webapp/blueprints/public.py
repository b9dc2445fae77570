"""What anybody may see: whether the instance lives."""

from flask import Blueprint

bp = Blueprint("public", __name__)


@bp.get("/livez")
def livez() -> tuple[str, dict[str, str]]:
    """Answer as long as the process does."""
    return "ok\n", {"Content-Type": "text/plain; charset=utf-8"}
