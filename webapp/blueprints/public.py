"""What anybody may see: the front page, and whether the instance lives. And the counts, for those who watch it."""

import hmac
from datetime import timedelta

from flask import Blueprint, Response, abort, jsonify, request, url_for
from flask_login import current_user

from webapp import clock, metrics
from webapp.config import is_loopback, is_loopback_url, setting
from webapp.domain.errors import NotFound
from webapp.jobs import counting, health
from webapp.web.access import public, unasked, while_leaving, while_suspended
from webapp.web.assets import asset
from webapp.web.htmx import leave_to, page

bp = Blueprint("public", __name__)

HOLDS = timedelta(days=180)
"""How long whoever reads security.txt may go on using it; the standard recommends less than a year."""


@bp.get("/")
@public
@while_leaving
@while_suspended
def home() -> Response:
    """Welcome a visitor; a member goes on to their feed."""
    if current_user.is_authenticated:
        return leave_to(url_for("feed.index"))
    return page("public/home.html")


@bp.get("/manifest.webmanifest")
@public
def manifest() -> Response:
    """Tell a phone how to put the community on its home screen."""
    own = "logo" if setting("LOGO") else "icon"
    icons = [] if setting("LOGO") else [{"src": asset("icon.svg"), "type": "image/svg+xml", "sizes": "any"}]
    icons += [
        {
            "src": asset(f"{own}-{pixels}.png"),
            "type": "image/png",
            "sizes": f"{pixels}x{pixels}",
            "purpose": "any" if own == "logo" else "any maskable",
        }
        for pixels in (192, 512)
    ]
    name = setting("SITE_NAME")
    response = jsonify(name=name, short_name=name[:12], start_url="/", display="standalone", icons=icons)
    response.mimetype = "application/manifest+json"
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@bp.get("/.well-known/security.txt")
@public
@while_leaving
def security_txt() -> tuple[str, dict[str, str]]:
    """Say whom to tell of a security problem here (RFC 9116); NotFound where the operator named nobody."""
    contact = setting("SECURITY_CONTACT")
    if not contact:
        raise NotFound
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    lines = (
        f"Contact: {contact if contact.startswith('https://') else f'mailto:{contact}'}",
        f"Expires: {(today + HOLDS).isoformat()}",
        "Preferred-Languages: en",
        f"Canonical: {setting('BASE_URL')}{url_for('.security_txt')}",
    )
    return "\n".join((*lines, "")), {"Content-Type": "text/plain; charset=utf-8"}


@bp.get("/livez")
@unasked
def livez() -> tuple[str, dict[str, str]]:
    """Answer as long as the process does, whatever became of the database: nothing here asks it."""
    return "ok\n", {"Content-Type": "text/plain; charset=utf-8"}


@bp.get("/readyz")
@unasked
def readyz() -> tuple[str, int, dict[str, str]]:
    """Answer 200 when a request could write now, else 503. Says nothing about why; `kith doctor` does."""
    ready = health.is_ready()
    return ("ok\n" if ready else "not ready\n"), (200 if ready else 503), {"Content-Type": "text/plain; charset=utf-8"}


@bp.get("/metrics")
@unasked
def metrics_page() -> Response:
    """Show the counts to Prometheus; an unknown address to everybody else, because how many members there are is theirs to tell."""
    if not _may_read():
        abort(404)
    said = metrics.exposition(setting("INSTANCE") / metrics.FOLDER, counting.numbers())
    return Response(said, content_type="text/plain; version=0.0.4; charset=utf-8")


FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


def _may_read() -> bool:
    """Whether the request brings METRICS_TOKEN; without one set, whether this machine asks itself, by its own name and through no proxy."""
    token = setting("METRICS_TOKEN")
    if token:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in FORWARDED):
        return False
    return is_loopback(request.remote_addr or "") and is_loopback_url(f"http://{request.host}")
