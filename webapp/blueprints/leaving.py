"""Leaving: what goes and what stays, asking for it with the password, and the one page there is until it is done."""

from typing import Any

from flask import Blueprint, Response, flash, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import PasswordField

from webapp.config import setting
from webapp.domain import accounts, leaving
from webapp.domain.errors import Invalid, Refused, TooMany
from webapp.transaction import transaction, unlocked
from webapp.web import access, address_book
from webapp.web.access import public, viewer, while_leaving, while_suspended
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.proving import check_own

bp = Blueprint("leaving", __name__)


CLEAR = '"cache", "storage"'


class LeaveForm(FlaskForm):
    """The password, because nothing brings an account back."""

    password = PasswordField(lazy_gettext("Your password"))


@bp.route("/settings/leave", methods=["GET", "POST"])
@while_leaving
@while_suspended
@unlocked
def index() -> Response:
    """Show what goes and what stays, then let the member leave; to who leaves, show until when they can stay."""
    member = viewer()
    departure = leaving.of(member)
    if departure is not None:
        return page("leaving/waiting.html", departure=departure, address=accounts.primary_address(member))
    form = LeaveForm()
    values: dict[str, Any] = {
        "counted": leaving.counted(member),
        "alone": leaving.sole_operator(member),
        "condemned": leaving.condemned(member),
        "days": setting("DELETE_DAYS"),
        "address": accounts.primary_address(member),
    }
    if not form.is_submitted():
        return page("leaving/index.html", form=form, **values)
    try:
        check_own(form.password.data or "")
        with transaction():
            leaving.ask(viewer(), access.sign_in_token())
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "leaving/index.html", **values)
    response = leave(".index")
    address_book.drop(response)
    return response


@bp.post("/settings/leave/stay")
@while_leaving
@while_suspended
def stay() -> Response:
    """Keep the account: everything is as it was."""
    leaving.stay(viewer())
    flash(_("Good to have you back. Others see you as before"))
    return leave("public.home")


@bp.route("/settings/leave/now", methods=["GET", "POST"])
@while_leaving
@while_suspended
@unlocked
def now() -> Response:
    """Ask for the password once more, then delete without waiting for the days to pass. It signs out everywhere."""
    if leaving.of(viewer()) is None:
        return leave(".index")
    form = LeaveForm()
    if not form.is_submitted():
        return page("leaving/now.html", form=form)
    try:
        check_own(form.password.data or "")
        with transaction():
            leaving.at_once(viewer())
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "leaving/now.html")
    session.clear()
    response = leave(".gone")
    response.headers["Clear-Site-Data"] = CLEAR
    return response


@bp.get("/left")
@public
def gone() -> Response:
    """Say that it is being done, to somebody who is no member any more."""
    return page("leaving/gone.html")


@bp.route("/stay/<token>", methods=["GET", "POST"])
@public
def stay_by(token: str) -> Response:
    """Keep the account by the link in the mail. Opening it does nothing, because mail scanners open links, too; a press does."""
    if leaving.awaiting(token) is None:
        return page("leaving/over.html", status=410)
    form = FlaskForm()
    if not form.is_submitted():
        return page("leaving/stay.html", form=form)
    try:
        leaving.stay_by(token)
    except Refused as error:
        return show_on(form, error, "leaving/stay.html")
    flash(_("Your account stays, and others see you as before. Sign in to go on"))
    return leave("accounts.signin")
