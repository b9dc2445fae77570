"""The cookie that says which sign-in a browser has: Flask's own, signed; what checks it is made once, not for every request."""

import hashlib
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.http import parse_cookie

from webapp import clock

REMEMBERED = 5000
TOKEN = "_user_id"  # noqa: S105 - the name under which Flask-Login keeps it


def bind(app: Flask) -> None:
    """Let the application keep its sessions so."""
    app.session_interface = Sessions(app)


class Sessions(SecureCookieSessionInterface):
    """Reads and writes the cookie of one application."""

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self, app: Flask) -> None:
        made = super().get_signing_serializer(app)
        assert made is not None
        self.signer = made
        self.name: str = app.config["SESSION_COOKIE_NAME"]
        self.lasting: timedelta = app.permanent_session_lifetime
        # What bears a signature once bears it always; the sign-in behind it is looked up each time. What is forged is not remembered.
        self.read = lru_cache(maxsize=REMEMBERED)(self._read)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs the cookie and checks it."""
        return self.signer

    def token_in(self, environ: dict[str, Any]) -> str | None:
        """Return the token of the sign-in a request brings, without a request around it; None where there is none, or it is forged."""
        try:
            token, signed_at = self.read(environ.get("HTTP_COOKIE", ""))
        except (KeyError, BadSignature):
            return None
        return token if clock.now() - signed_at < self.lasting else None

    def _read(self, cookies: str) -> tuple[str, datetime]:
        """Return the token that a browser's cookies hold, and when it was signed."""
        kept, signed_at = self.signer.loads(parse_cookie(cookies)[self.name], return_timestamp=True)
        return str(kept[TOKEN]), signed_at
