"""Joining, confirming an address, signing in and out, and setting a new password.

Hashing a password is slow on purpose, so these handlers are `@unlocked` and write in short transactions of their own.
"""

from typing import Any

from flask import Blueprint, Response, flash, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField

from webapp import logs, passwords
from webapp.config import setting
from webapp.domain import accounts, joining, links
from webapp.domain.errors import Invalid, Refused, TooMany
from webapp.transaction import transaction, unlocked
from webapp.web import access, address_book, limits
from webapp.web.access import public, while_leaving, while_suspended
from webapp.web.errors import show_on
from webapp.web.htmx import leave, leave_to, page
from webapp.web.proving import check_password
from webapp.web.signing_up import attempt, say_met, sign_up

bp = Blueprint("accounts", __name__)


@bp.context_processor
def _least() -> dict[str, int]:
    return {"least": accounts.least_characters()}


CLEAR = '"cache", "storage"'


@bp.route("/signup", methods=["GET", "POST"])
@public
@unlocked
def signup() -> Response:
    """Let somebody ask to join, where everybody may."""
    if joining.is_closed():
        return page("accounts/closed.html")
    return sign_up("accounts/signup.html", joining.sign_up, by_roster=setting("JOIN") == "roster")


@bp.get("/signup/check-mail")
@public
def check_mail() -> Response:
    """Say that a mail is on its way."""
    return page("accounts/check_mail.html", address=session.get("confirming", ""))


class AddressForm(FlaskForm):
    """An address, and nothing else."""

    email = EmailField(lazy_gettext("Email"))


@bp.route("/confirm", methods=["GET", "POST"])
@public
def confirm_again() -> Response:
    """Send the confirmation once more; the same answer for every address."""
    form = AddressForm()
    if not form.is_submitted():
        form.email.data = session.get("confirming", "")
        return page("accounts/confirm_again.html", form=form)
    try:
        address = accounts.check_address(form.email.data or "")
        limits.mail_asked()
    except (Invalid, TooMany) as error:
        return show_on(form, error, "accounts/confirm_again.html")
    accounts.confirm_again(address)
    session["confirming"] = address
    return leave(".check_mail")


class PasswordForm(FlaskForm):
    """The password of the account at hand."""

    password = PasswordField(lazy_gettext("Password"))


@bp.route("/confirm/<token>", methods=["GET", "POST"])
@public
@unlocked
def confirm(token: str) -> Response:
    """Ask for the password chosen at sign-up; with it the address counts as proven, and the member is signed in.

    Opening the link does nothing: mail scanners open links, too.
    """
    found = accounts.awaiting(token)
    if found is None:
        return page("accounts/link_over.html", status=410)
    member, row = found
    is_new = member.verified_at is None
    form = PasswordForm()
    values: dict[str, Any] = {"form": form, "address": row.address, "token": token}
    if not form.is_submitted():
        return page("accounts/confirm.html", **values)
    try:
        check_password(row.lookup, member, form.password.data or "")
    except (Invalid, TooMany) as error:
        return show_on(form, error, "accounts/confirm.html", **values)
    try:
        with transaction():
            try:
                member, row = accounts.confirm(token)
            except joining.Closed:
                raise
            except Refused as error:
                refusal: Refused = error
            else:
                met = joining.come_in(member, row.lookup)
                then = url_for("profiles.welcome" if is_new else "settings.addresses")
                answer = access.sign_in(member, limits.browser(), then)
                say_met(met)
                return answer
    except links.Over:  # the link that would have let them in is not open any more; nothing was done
        return page("invitations/over.html", status=410)
    except joining.Closed as error:
        refusal = error
    return show_on(form, refusal, "accounts/confirm.html", **values)


class SignInForm(FlaskForm):
    """Address and password."""

    email = EmailField(lazy_gettext("Email"))
    password = PasswordField(lazy_gettext("Password"))


@bp.route("/signin", methods=["GET", "POST"])
@public
@while_leaving
@while_suspended
@unlocked
def signin() -> Response:
    """Sign a member in and lead to where they wanted to go."""
    going = request.args.get("next")
    form = SignInForm()
    if not form.is_submitted():
        if current_user.is_authenticated:
            return leave_to(access.after_sign_in(going))
        return page("accounts/signin.html", form=form)
    member = accounts.by_address(form.email.data or "")
    try:
        check_password(accounts.lookup_of_typed(form.email.data or ""), member, form.password.data or "")
    except (Invalid, TooMany) as error:
        return show_on(form, error, "accounts/signin.html")
    with transaction():
        member = accounts.by_address(form.email.data or "")
        if member is not None and member.is_active:
            return access.sign_in(member, limits.browser(), access.after_sign_in(going))
    return show_on(form, Invalid(password=accounts.WRONG), "accounts/signin.html")


@bp.post("/signout")
@while_leaving
@while_suspended
@unlocked
def signout() -> Response:
    """End this sign-in; the browser forgets every page it kept."""
    member = access.viewer()
    sign_in_id = member.sign_in_id
    address_book.end_at_sign_out(member)
    with transaction():
        accounts.end_sign_in(access.viewer(), sign_in_id)
    logs.security("signed out")
    session.clear()
    response = leave("public.home")
    response.headers["Clear-Site-Data"] = CLEAR
    address_book.drop(response)
    return response


@bp.route("/reset", methods=["GET", "POST"])
@public
def ask_reset() -> Response:
    """Mail a link for a new password; the same answer for every address."""
    form = AddressForm()
    if not form.is_submitted():
        return page("accounts/ask_reset.html", form=form)
    try:
        address = accounts.check_address(form.email.data or "")
        limits.mail_asked()
    except (Invalid, TooMany) as error:
        return show_on(form, error, "accounts/ask_reset.html")
    accounts.ask_reset(address)
    return page("accounts/reset_sent.html", address=address)


@bp.route("/reset/<token>", methods=["GET", "POST"])
@public
@unlocked
def reset(token: str) -> Response:
    """Set a new password by a mailed link. It signs nobody in."""
    member = accounts.awaiting_reset(token)
    if member is None:
        return page("accounts/link_over.html", status=410)
    form = PasswordForm()
    values: dict[str, Any] = {"form": form, "token": token}
    if not form.is_submitted():
        return page("accounts/reset.html", **values)
    try:
        accounts.check_new_password(form.password.data or "", member.name, accounts.primary_address(member))
    except Invalid as error:
        return show_on(form, error, "accounts/reset.html", **values)
    hashed = passwords.hash_password(form.password.data or "")
    try:
        with transaction():
            logs.security("password set by a mailed link", accounts.reset(token, hashed).id)
    except Refused as error:
        return show_on(form, error, "accounts/reset.html", **values)
    flash(_("Your password is set. Sign in with it"))
    return leave(".signin")


class OperatorForm(FlaskForm):
    """Who will run the instance."""

    name = StringField(lazy_gettext("Your name"))
    email = EmailField(lazy_gettext("Email"))
    password = PasswordField(lazy_gettext("Password"))


@bp.route("/operator/<token>", methods=["GET", "POST"])
@public
@unlocked
def operator(token: str) -> Response:
    """Join and run the instance, by the link that `kith make-admin` printed; by the one of `kith init` with an address named here."""
    address = accounts.awaiting_operator(token)
    if address is None:
        return page("accounts/link_over.html", status=410, is_printed=True)
    form = OperatorForm()
    values: dict[str, Any] = {"form": form, "address": address}
    if not form.is_submitted():
        return page("accounts/operator.html", **values)
    problems: dict[str, str] = {}
    name = attempt(problems, accounts.check_name, form.name.data or "")
    own = address or attempt(problems, accounts.check_address, form.email.data or "")
    attempt(problems, accounts.check_new_password, form.password.data or "", form.name.data or "", own)
    if problems:
        return show_on(form, Invalid(**problems), "accounts/operator.html", **values)
    hashed = passwords.hash_password(form.password.data or "")
    try:
        with transaction():
            member = accounts.join_as_operator(token, name, hashed, own)
            return access.sign_in(member, limits.browser(), url_for("profiles.welcome"))
    except Refused as error:
        return show_on(form, error, "accounts/operator.html", **values)
