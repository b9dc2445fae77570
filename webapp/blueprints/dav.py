"""The door for address books of devices (CardDAV): in with an app password, out with one's own connections, nothing to change."""

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _

from webapp import logs
from webapp.config import setting
from webapp.domain import app_passwords, throttles
from webapp.domain.errors import TooMany
from webapp.extensions import csrf
from webapp.models.member import Member
from webapp.transaction import aside, unlocked
from webapp.web import limits
from webapp.web.access import public
from webapp.web.carddav import READS, REQUEST_BYTES
from webapp.web.errors import sentence, status_of
from webapp.web.limits import takes

bp = Blueprint("dav", __name__)

CHANGES = ("PUT", "DELETE", "PATCH", "PROPPATCH", "MKCOL", "MKCALENDAR", "MOVE", "COPY", "LOCK", "UNLOCK", "ACL")
"""What a program may try, and is refused; a form can send none of them."""
METHODS = (*sorted(READS), *CHANGES)


@bp.route("/.well-known/carddav", methods=METHODS, provide_automatic_options=False)
@public
@csrf.exempt  # type: ignore[untyped-decorator]
@unlocked
def well_known() -> Response:
    """Lead a program that knows only the host to where the address book is (RFC 6764)."""
    return redirect(f"{setting('BASE_URL')}/dav/", code=301)  # type: ignore[return-value]


@bp.route("/dav/", defaults={"path": ""}, methods=METHODS, provide_automatic_options=False)
@bp.route("/dav/<path:path>", methods=METHODS, provide_automatic_options=False)
@public
@csrf.exempt  # type: ignore[untyped-decorator]
@unlocked
@takes(REQUEST_BYTES)
def book(path: str) -> Response:
    """Answer a program with an app password; to anything but reading with a plain no. Who comes with a browser is told how it is done."""
    typed = request.authorization
    if typed is None and not path and request.accept_mimetypes.accept_html and request.method == "GET":
        return redirect(url_for("devices.index"), code=303)  # type: ignore[return-value]
    try:
        member = _let_in(typed.username or "", typed.password or "") if typed and typed.type == "basic" else None
    except TooMany as error:
        response = Response(sentence(error), status_of(error), mimetype="text/plain")
        response.headers["Retry-After"] = str(max(1, int(error.retry_after)))
        return response
    if member is None:
        response = Response(_("Sign in with your address and an app password."), 401, mimetype="text/plain")
        response.headers["WWW-Authenticate"] = 'Basic realm="Kith", charset="UTF-8"'
        return response
    from webapp.web import dav  # a tenth of a start, for a door that few open

    return dav.answer(member, request.environ, f"/{path}", request.get_data() if request.method in READS else b"")


def _let_in(name: str, password: str) -> Member | None:
    """Return whom name and password let in; TooMany after too many that let in nobody."""
    found = app_passwords.opened(name, password)
    if found is None:
        where = limits.network()
        logs.security("wrong app password")
        app_passwords.check_tries(name, where)
        with throttles.counting():
            app_passwords.count_try(name, where)
        return None
    if found.is_first_today:
        with aside():
            app_passwords.note_used(found.id)
    return found.member
