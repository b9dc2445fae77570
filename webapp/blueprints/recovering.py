"""The link in a mail about a change to an account: "This wasn't me"."""

from flask import Blueprint, Response, flash
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from webapp import logs
from webapp.domain import notices, recovering
from webapp.domain.errors import Refused
from webapp.web.access import public
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page

bp = Blueprint("recovering", __name__)


@bp.route("/wasnt-me/<token>", methods=["GET", "POST"])
@public
def undo(token: str) -> Response:
    """Say what was changed and what a press does; the press puts everything back, signs out everywhere and leads to a new password.

    Opening the page does nothing, because mail scanners open links, too.
    """
    notice = notices.behind(token)
    if notice is None:
        return page("recovering/over.html", status=410)
    form = FlaskForm()
    if not form.is_submitted():
        return page("recovering/undo.html", form=form, notice=notice)
    member_id = notice.member_id
    try:
        primary, reset = recovering.undo(token)
    except Refused as error:
        return show_on(form, error, "recovering/undo.html", notice=notice)
    logs.security("account taken back by a mailed link", member_id)
    if reset is None:
        return page("recovering/undone.html", address=primary)
    flash(_("It is undone, and nobody is signed in any more. The old password doesn't work now: choose a new one"))
    return leave("accounts.reset", token=reset)
