"""Pages and parts: one template for both, and what htmx's headers mean."""

from typing import Any

from flask import Response, make_response, render_template, request, url_for


def wants_part() -> bool:
    """Whether the browser asks for a part of the page it shows. Never a reason to allow something."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def page(template: str, *, part: str | None = None, status: int = 200, **values: Any) -> Response:
    """Return the page, or its part where the browser asks for a part. Both come from the same included file."""
    name = part if part and wants_part() else template
    response = make_response(render_template(name, **values), status)
    response.vary.add("HX-Request")
    return response


def leave(endpoint: str, **values: Any) -> Response:
    """Lead to another page after a POST: 303, or HX-Redirect where htmx asked."""
    return leave_to(url_for(endpoint, **values))


def leave_to(url: str) -> Response:
    """Lead to one of our own addresses after a POST."""
    response = make_response("")
    if request.headers.get("HX-Request") == "true":
        response.headers["HX-Redirect"] = url
    else:
        response.status_code = 303
        response.headers["Location"] = url
    return response
