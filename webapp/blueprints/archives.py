"""Your data: everything a member put here to take along, as files for other programs and as an archive of all of it."""

from typing import Any

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import PasswordField

from webapp import clock
from webapp.domain import archives
from webapp.domain.errors import N_, Invalid, NotFound, Refused, TooMany
from webapp.transaction import transaction, unlocked
from webapp.web.access import viewer, while_suspended
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.proving import check_own

bp = Blueprint("archives", __name__, url_prefix="/settings/export")

PAGE = "archives/index.html"


class PasswordForm(FlaskForm):
    """The password: what leaves here can be read by whoever has it."""

    password = PasswordField(lazy_gettext("Your password"))


def _shown() -> dict[str, Any]:
    return {"archive": archives.of(viewer()), "parts": archives.PARTS, "hours": archives.HOURS}


@bp.get("")
@while_suspended
def index() -> Response:
    """Show what can be taken along, and how far the archive is; as a part, while it is being made."""
    return page(PAGE, part="archives/_archive.html", form=PasswordForm(), **_shown())


@bp.post("")
@while_suspended
@unlocked
def take() -> Response:
    """With the password: have an archive made, or hand out the one that is ready, piece by piece as it is opened."""
    form = PasswordForm()
    try:
        check_own(form.password.data or "")
        if request.form.get("do") == "download":
            return _file()
        with transaction():
            archives.ask(viewer())
    except (Invalid, TooMany, Refused) as error:
        return show_on(form, error, PAGE, **_shown())
    return leave(".index")


def _file() -> Response:
    member = viewer()
    try:
        size, pieces = archives.pieces(member)
    except NotFound:
        raise Refused(N_("The archive is gone. Have it made again")) from None
    response = Response(pieces, mimetype="application/zip")
    response.content_length = size  # a browser notices where it ends too early
    name = f"kith-{member.handle}-{clock.now():%Y-%m-%d}.zip"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@bp.post("/discard")
@while_suspended
def discard() -> Response:
    """Delete the archive, or stop making it."""
    archives.discard(viewer())
    flash(_("The archive is deleted"))
    return leave(".index")
