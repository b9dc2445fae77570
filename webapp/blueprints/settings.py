"""Settings: notifications and mails, being found, signing in, how pages look, and whom a member blocks."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField

from webapp import logs, passwords
from webapp.config import setting
from webapp.domain import accounts, choices, events, log_ins, moderation, second_steps, suggestions
from webapp.domain.errors import Invalid, Refused, TooMany
from webapp.extensions import db
from webapp.models.base import from_ms, to_ms
from webapp.models.event_choice import CHANNELS
from webapp.models.member import Member
from webapp.transaction import transaction, unlocked
from webapp.web import access, cookies, known, paging
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.proving import check_own
from webapp.web.shell import THEME, THEMES, YEAR_SECONDS

bp = Blueprint("settings", __name__, url_prefix="/settings")

RHYTHMS = (
    ("each", lazy_gettext("Right away, one by one")),
    ("daily", lazy_gettext("Once a day, together in one email")),
    ("weekly", lazy_gettext("Once a week, together in one email")),
    ("none", lazy_gettext("Never")),
)


@bp.get("")
def index() -> Response:
    """Show what can be set."""
    return page("settings/index.html")


# Notifications and mails


@bp.route("/email", methods=["GET", "POST"])
def email() -> Response:
    """Choose what to hear of, event by event, in Kith and by mail; and how often mails come."""
    member = viewer()
    if request.method == "GET":
        return page(
            "settings/email.html",
            address=accounts.primary_address(member),
            events=[each for each in events.EVENTS if member.is_operator or not each.operators],
            chosen=events.chosen(member),
            rhythms=RHYTHMS,
        )
    ticked = {(event, channel) for channel in CHANNELS for event in request.form.getlist(channel)}
    events.choose(member, request.form.getlist("shown"), ticked, request.form.get("digest", member.digest))
    flash(_("Your choice is saved"))
    return leave(".email")


# Privacy


@bp.route("/privacy", methods=["GET", "POST"])
def privacy() -> Response:
    """Choose who can find, ask and see this member: every choice of `domain/choices.py`."""
    if request.method == "GET":
        return page("settings/privacy.html", choices=choices.CHOICES)
    choices.choose(viewer(), request.form, request.form.getlist("shown"))
    flash(_("Your choice is saved"))
    return leave(".privacy")


@bp.get("/blocked")
def blocked() -> Response:
    """List whom the member blocks."""
    return page("settings/blocked.html", blocked=db.session.scalars(moderation.blocked(viewer())).all())


@bp.post("/blocked/<handle>/unblock")
def unblock(handle: str) -> Response:
    """Lift an own block. What was before does not come back."""
    other = moderation.unblock(viewer(), handle)
    flash(_("%(name)s is not blocked any more", name=other.name))
    return leave(".blocked")


@bp.get("/dismissed")
def dismissed() -> Response:
    """List whom the member does not want to be suggested, each with a way back."""
    found = suggestions.dismissed(viewer())
    place = paging.place(paging.Ms, int)
    shown = paging.page(
        suggestions.after(found, from_ms(place[0]), place[1]) if place else found,
        lambda row: (to_ms(row.at), row.id),
        is_first=place is None,
    )
    return page("settings/dismissed.html", shown=shown)


# Signing in


class PasswordForm(FlaskForm):
    """The password as it is, and as it is to be."""

    old = PasswordField(lazy_gettext("Your password now"))
    password = PasswordField(lazy_gettext("New password"))


def _sign_in_page() -> dict[str, Any]:
    member = viewer()
    return {
        "sign_ins": accounts.sign_ins_of(member),
        "connected": log_ins.of(member),
        "held": second_steps.held_by(member),
        "here": member.sign_in_id,
        "address": accounts.primary_address(member),
        "least": setting("PASSWORD_CHARACTERS"),
    }


@bp.route("/sign-in", methods=["GET", "POST"])
@unlocked
def sign_in() -> Response:
    """Show where the member is signed in, and change the password: with the present one, and every other sign-in and app password ends."""
    form = PasswordForm()
    if not form.is_submitted():
        return page("settings/sign_in.html", form=form, **_sign_in_page())
    member = viewer()
    address = accounts.primary_address(member)
    try:
        accounts.check_new_password(form.password.data or "", member.name, address)
        check_own(form.old.data or "", "old")
    except (Invalid, TooMany) as error:
        return show_on(form, error, "settings/sign_in.html", **_sign_in_page())
    hashed = passwords.hash_password(form.password.data or "")
    with transaction():
        accounts.set_password(viewer(), hashed, keep=access.sign_in_token())
        known.remember(viewer())
    logs.security("password changed")
    flash(_("Your password is changed. You are signed out everywhere else"))
    return leave(".sign_in")


class AddressForm(FlaskForm):
    """One more address, and the password: whoever adds one could sign in with it."""

    email = EmailField(lazy_gettext("Email"))
    old = PasswordField(lazy_gettext("Your password"))


CHANGES: Mapping[str, Callable[[Member, int], object]] = {
    "primary": accounts.make_primary,
    "remove": accounts.remove_address,
}


class AddressPasswordForm(FlaskForm):
    """The password, before an address is changed."""

    old = PasswordField(lazy_gettext("Your password"))


@bp.route("/addresses", methods=["GET", "POST"])
@unlocked
def addresses() -> Response:
    """Show the member's addresses, and add one, which counts once a mailed link was used. The same answer for every address."""
    form = AddressForm()
    if not form.is_submitted():
        return page("settings/addresses.html", form=form, addresses=accounts.addresses_of(viewer()))
    try:
        address = accounts.check_address(form.email.data or "")
        check_own(form.old.data or "", "old")
        with transaction():
            accounts.add_address(viewer(), address)
        logs.security("address added")
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "settings/addresses.html", addresses=accounts.addresses_of(viewer()))
    flash(_("We sent a mail to %(address)s. Use the link in it to confirm the address", address=address))
    return leave(".addresses")


@bp.route("/addresses/<int:address_id>", methods=["GET", "POST"])
@unlocked
def address(address_id: int) -> Response:
    """Ask for the password, then make an address the primary one or remove it."""
    row = accounts.own_address(viewer(), address_id)
    form = AddressPasswordForm()
    if not form.is_submitted():
        return page("settings/address.html", form=form, address=row)
    change = CHANGES.get(request.form.get("do", ""), accounts.own_address)  # without a button, nothing changes
    try:
        check_own(form.old.data or "", "old")
        with transaction():
            change(viewer(), address_id)
        logs.security("addresses changed")
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "settings/address.html", address=accounts.own_address(viewer(), address_id))
    flash(_("Your addresses are changed"))
    return leave(".addresses")


@bp.post("/sign-ins/<int:sign_in_id>/end")
def end_sign_in(sign_in_id: int) -> Response:
    """Sign out one browser."""
    accounts.end_sign_in(viewer(), sign_in_id)
    flash(_("Signed out there"))
    return leave(".sign_in")


@bp.post("/sign-ins/end")
def end_others() -> Response:
    """Sign out every browser but this one."""
    accounts.end_other_sign_ins(viewer(), access.sign_in_token())
    flash(_("You are signed out everywhere else"))
    return leave(".sign_in")


# How pages look


@bp.get("/appearance")
def appearance() -> Response:
    """Show the choice between light, dark, and as the device."""
    return page("settings/appearance.html")


@bp.post("/appearance")
def set_appearance() -> Response:
    """Keep the choice in a cookie of this browser."""
    theme = request.form.get("theme", "")
    flash(_("Your choice is saved"))
    response = leave(".appearance")
    secure = cookies.is_secure()
    if theme in THEMES:  # not HttpOnly: the script sets it, too
        response.set_cookie(cookies.called(THEME), theme, max_age=YEAR_SECONDS, samesite="Lax", secure=secure)
    else:
        response.delete_cookie(cookies.called(THEME), samesite="Lax", secure=secure)
    return response
