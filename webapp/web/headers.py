"""The headers of every answer: what a browser may do with our pages."""

from functools import cache
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request

from webapp.config import setting
from webapp.transaction import SAFE_METHODS

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-src": "'none'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}

HTTPS_ONLY = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")


def bind(app: Flask) -> None:
    """Set the headers on every answer and turn away what another site sends."""
    app.before_request(_own_site)
    app.before_request(_own_host)
    app.after_request(_headers)


@cache
def usual(base_url: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of an answer that says nothing else of itself."""
    found = [
        ("Content-Security-Policy", _policy(POLICY)),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), interest-cohort=()"),
        ("Cache-Control", "no-store"),
    ]
    if base_url.startswith("https://"):
        found.append(HTTPS_ONLY)
    return tuple(found)


def _policy(directives: dict[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def allow(**directives: str) -> None:
    """Change the content security policy of this one answer: `allow(form_action="'self' https://...")`."""
    g.policy = g.get("policy", {}) | {name.replace("_", "-"): value for name, value in directives.items()}


def only(**directives: str) -> None:
    """Replace the whole policy of this one answer."""
    g.policy_alone = {name.replace("_", "-"): value for name, value in directives.items()}


def from_anywhere(view: object) -> object:
    """Mark a handler that other sites may post to (one-click unsubscribing, and nothing else)."""
    view.from_anywhere = True  # type: ignore[attr-defined]
    return view


def _own_site() -> None:
    """Refuse what another site makes a browser send: the second lock beside the CSRF token."""
    if request.method in SAFE_METHODS:
        return
    if getattr(current_app.view_functions.get(request.endpoint or ""), "from_anywhere", False):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        abort(403)
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        abort(403)


def _own_host() -> Response | None:
    """Lead a page asked for under another name of this host to BASE_URL: 127.0.0.1 and localhost are two hosts to a browser."""
    base = urlsplit(setting("BASE_URL"))
    if request.endpoint in {"public.livez", "public.metrics_page", "public.readyz"} or request.host == base.netloc:
        return None
    if request.method not in SAFE_METHODS:
        abort(403)
    path = request.full_path.rstrip("?")
    return redirect(f"{setting('BASE_URL')}{path}", code=307)  # type: ignore[return-value]


def _headers(response: Response) -> Response:
    headers = response.headers
    kept = headers.get("Cache-Control")
    headers.update(usual(setting("BASE_URL")))
    if kept is not None:
        headers["Cache-Control"] = kept
    if "policy" in g or "policy_alone" in g:
        headers["Content-Security-Policy"] = _policy(g.get("policy_alone") or POLICY | g.get("policy", {}))
    return response
