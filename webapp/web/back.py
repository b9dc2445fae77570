"""The way back: a form on a list says where it stands, signed, so that its answer leads there and nowhere else."""

from flask import Flask, Response, request

from webapp import tokens
from webapp.web.htmx import leave, leave_to

PURPOSE = "back"


def bind(app: Flask) -> None:
    """Give every template `back_here()`, for a hidden field named `back`."""
    app.jinja_env.globals["back_here"] = back_here


def back_here() -> str:
    """Return this page as a signed address; in the answer to a form, the page the form stood on."""
    given = request.values.get(PURPOSE, "")
    return given if _path(given) else tokens.sign(PURPOSE, request.full_path.rstrip("?"))


def leave_back(endpoint: str, **values: object) -> Response:
    """Lead back to the page the form stood on, else to this endpoint."""
    path = _path(request.values.get(PURPOSE, ""))
    return leave_to(path) if path else leave(endpoint, **values)


def _path(token: str) -> str | None:
    path = tokens.signed(PURPOSE, token) if token else None
    return path if isinstance(path, str) and path.startswith("/") and not path.startswith(("//", "/\\")) else None
