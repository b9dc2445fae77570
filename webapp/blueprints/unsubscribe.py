"""The link in the foot of every mail of an event: one press turns just that event's mails off, without signing in.

Opening it changes nothing, because mail scanners open links, too; only a press does.
"""

from flask import Blueprint, Response, make_response, request

from webapp.domain import events
from webapp.extensions import csrf
from webapp.web.access import public
from webapp.web.headers import from_anywhere
from webapp.web.htmx import page

bp = Blueprint("unsubscribe", __name__, url_prefix="/unsubscribe")


@bp.route("/<token>", methods=["GET", "POST"])
@csrf.exempt  # type: ignore[untyped-decorator]
@from_anywhere
@public
def show(token: str) -> Response:
    """Turn the mails of one event off for one member.

    A mail program posts here by itself (RFC 8058), so it needs no cookie and no token of ours.
    """
    member, preference = events.of_token(token)
    event = events.BY_NAME.get(preference)
    if request.method == "GET":
        return page("unsubscribe/show.html", event=event)
    events.turn_mail_off(member, preference)
    if request.form.get("List-Unsubscribe") == "One-Click":
        return make_response("ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"})
    return page("unsubscribe/done.html", event=event)
