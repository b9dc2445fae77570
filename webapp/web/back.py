"""The way back: a form on a list says where it stands, signed, so that its answer leads there and nowhere else."""

from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from webapp import tokens
from webapp.web.access import is_own_path
from webapp.web.htmx import leave, leave_to, wants_part

PURPOSE = "back"


def bind(app: Flask) -> None:
    """Give every template `back_here()`, for a hidden field named `back`."""
    app.jinja_env.globals["back_here"] = back_here


def back_here() -> str:
    """Return this page as a signed address; in the answer to a form, the page the form stood on, or nothing where it doesn't say."""
    if "back_here" not in g:  # every row of a list asks
        given = request.values.get(PURPOSE, "")
        known = bool(_path(given)) or request.method == "POST"
        g.back_here = opened_on() if known else tokens.sign(PURPOSE, request.full_path.rstrip("?"))
    return str(g.back_here)


def opened_on() -> str:
    """Return, for a form in a dialog, the page it opens on as a signed address: as its link says, else as htmx does; else nothing."""
    given = request.values.get(PURPOSE, "")
    if _path(given):
        return given
    page = urlsplit(request.headers.get("HX-Current-URL", ""))
    if not wants_part() or page.netloc != request.host:
        return ""
    return tokens.sign(PURPOSE, page._replace(scheme="", netloc="", fragment="").geturl())


def came_from() -> str:
    """Return the page the form stood on, if it says so and we signed it; else nothing."""
    return _path(request.values.get(PURPOSE, "")) or ""


def leave_back_to(otherwise: str) -> Response:
    """Lead back to the page the form stood on, else to this address of ours."""
    return leave_to(came_from() or otherwise)


def leave_back(endpoint: str, **values: object) -> Response:
    """Lead back to the page the form stood on, else to this endpoint."""
    path = came_from()
    return leave_to(path) if path else leave(endpoint, **values)


def _path(token: str) -> str | None:
    path = tokens.signed(PURPOSE, token) if token else None
    return path if is_own_path(path) else None
