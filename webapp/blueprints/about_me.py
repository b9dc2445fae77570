"""What is held about an address: anybody may ask, and the answer goes by mail to that address, a member's or not.

Asking shows the same for every address. Opening the link in the mail changes nothing, because mail scanners open links, too.
"""

from typing import Any

from flask import Blueprint, Response, request
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import EmailField

from webapp.domain import accounts, guests, held
from webapp.domain.errors import Invalid, NotFound, TooMany
from webapp.transaction import transaction, unlocked
from webapp.web import limits
from webapp.web.access import public
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page

bp = Blueprint("about_me", __name__, url_prefix="/about-me")

ACTS = {"never": (guests.opt_out, "never"), "erase": (held.erase, "erased")}
"""What a press on the page does with the address, and what the page says then."""


class AddressForm(FlaskForm):
    """The address somebody wants to know about."""

    email = EmailField(lazy_gettext("Your email address"))


@bp.route("", methods=["GET", "POST"])
@public
@unlocked
def index() -> Response:
    """Ask for an address, and mail its owner what is held about it."""
    form = AddressForm()
    if not form.is_submitted():
        return page("about_me/index.html", form=form)
    try:
        address = accounts.check_address(form.email.data or "")
        with transaction():  # in one of its own, so that a refusal does not undo the counting
            held.count(limits.network())
    except (Invalid, TooMany) as error:
        return show_on(form, error, "about_me/index.html")
    with transaction():
        held.ask(address)
    return page("about_me/asked.html", address=address, hours=held.HOURS)


@bp.route("/<token>", methods=["GET", "POST"])
@public
def show(token: str) -> Response:
    """Show everything held about the address the link was mailed to; erase it, or mail it never again."""
    try:
        found = held.behind(token)
    except NotFound:
        return page("about_me/over.html", status=410)
    if request.method == "POST":
        do = request.form.get("do", "")
        if do in ACTS:  # without a button, nothing changes
            act, done = ACTS[do]
            act(found.lookup)
            return leave(".show", token=token, done=done)
    values: dict[str, Any] = {"done": request.args.get("done", ""), "held": found, "token": token}
    return page("about_me/show.html", **values)
