"""The address book on a member's devices: where it is, how it gets there, and the app passwords that open it."""

from typing import Any

from flask import Blueprint, Response, flash, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField

from webapp.config import setting
from webapp.domain import accounts, app_passwords
from webapp.domain.errors import Invalid, Refused, TooMany
from webapp.transaction import transaction, unlocked
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.proving import check_own

bp = Blueprint("devices", __name__, url_prefix="/settings/devices")

NEW_PASSWORD = "app_password"  # noqa: S105 - a name
"""Where the browser's own cookie keeps a new app password from the press to the page that shows it, once."""


class AppPasswordForm(FlaskForm):
    """What a device is called, and the member's own password: whoever makes an app password can read with it from then on."""

    name = StringField(lazy_gettext("What is it for?"))
    old = PasswordField(lazy_gettext("Your password"))


def _values() -> dict[str, Any]:
    base = setting("BASE_URL")
    return {
        "app_passwords": app_passwords.of(viewer()),
        "address": accounts.primary_address(viewer()),
        "server": f"{base}/dav/",
        "plain": base.startswith("http://"),
        "name_characters": app_passwords.NAME_CHARACTERS,
    }


@bp.route("", methods=["GET", "POST"])
@unlocked
def index() -> Response:
    """Show how the address book comes onto a device and which app passwords there are; make one, which is shown this once."""
    form = AppPasswordForm()
    if not form.is_submitted():
        return page("devices/index.html", form=form, made=session.pop(NEW_PASSWORD, None), **_values())
    try:
        name = app_passwords.check_name(form.name.data or "")
        check_own(form.old.data or "", "old")
        with transaction():
            made = app_passwords.make(viewer(), name)
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "devices/index.html", made=None, **_values())
    session[NEW_PASSWORD] = [name, made]
    return leave(".index")


@bp.post("/<int:app_password_id>/revoke")
def revoke(app_password_id: int) -> Response:
    """End one app password."""
    name = app_passwords.revoke(viewer(), app_password_id)
    flash(_("%(name)s can't read your address book any more", name=name))
    return leave(".index")
