"""Signing up, wherever it begins: the same form, the same checks, and the same answer for everybody."""

from collections.abc import Callable
from typing import Any

from flask import Response, flash, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField, TextAreaField

from webapp import passwords
from webapp.domain import accounts, joining, throttles
from webapp.domain.errors import Invalid
from webapp.domain.links import Met
from webapp.transaction import transaction
from webapp.web import limits
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page


class SignUpForm(FlaskForm):
    """Who wants to join."""

    name = StringField(lazy_gettext("Your name"))
    email = EmailField(lazy_gettext("Email"))
    password = PasswordField(lazy_gettext("Password"))
    why = TextAreaField(lazy_gettext("Why would you like to join? (optional)"))


def sign_up(template: str, note: Callable[[str, str, str, str], object], **values: Any) -> Response:
    """Ask for name, address and password, and have them noted; the mail tells the rest. Not for use inside a transaction."""
    form = SignUpForm()
    values["asks_why"] = joining.asks_why()
    if not form.is_submitted():
        return page(template, form=form, **values)
    problems: dict[str, str] = {}
    name = attempt(problems, accounts.check_name, form.name.data or "")
    address = attempt(problems, accounts.check_address, form.email.data or "")
    typed = (form.password.data or "", form.name.data or "", form.email.data or "")
    attempt(problems, accounts.check_new_password, *typed)
    why = attempt(problems, joining.check_why, form.why.data or "")
    if problems:
        return show_on(form, Invalid(**problems), template, **values)
    with transaction():
        _count(limits.network())
    hashed = passwords.hash_password(form.password.data or "")
    with transaction():
        note(name, address, hashed, why)
    session["confirming"] = address
    return leave("accounts.check_mail")


def attempt(problems: dict[str, str], check: Callable[..., str | None], *values: str) -> str:
    """Run one check and collect what it finds, so that a form shows all its problems at once."""
    try:
        return check(*values) or ""
    except Invalid as error:
        problems.update(error.fields)
        return ""


def _count(network: str) -> None:
    """Count a try, or raise TooMany. In a transaction of its own, so that a refusal does not undo the counting."""
    throttles.check(throttles.SIGN_UPS_PER_NETWORK, network)
    throttles.count(throttles.SIGN_UPS_PER_NETWORK, network)


def say_met(met: Met | None) -> None:
    """Say on the next page what became of a link that was used; nothing where none was."""
    if met is not None and met.connected:
        flash(_("You and %(name)s are connected", name=met.owner.name))
    elif met is not None:
        flash(_("%(name)s is asked to connect with you", name=met.owner.name))
