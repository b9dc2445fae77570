"""For people who are not members: joining by the link in a mail, wanting no more mail, reporting it, and having an address erased.

Opening any of these pages changes nothing, because mail scanners open links, too; only a press does.
"""

from typing import Any

from flask import Blueprint, Response, flash, make_response, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, RadioField, StringField, TextAreaField

from webapp import passwords, tokens
from webapp.domain import accounts, guests, joining, moderation
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.extensions import csrf
from webapp.transaction import transaction, unlocked
from webapp.web import access, limits
from webapp.web.access import public, viewer
from webapp.web.errors import show_on
from webapp.web.headers import from_anywhere
from webapp.web.htmx import leave, page
from webapp.web.numbers import as_numbers

bp = Blueprint("join", __name__)


@bp.context_processor
def _least() -> dict[str, int]:
    return {"least": accounts.least_characters()}


class JoinForm(FlaskForm):
    """Who joins. The address is the one the mail went to."""

    name = StringField(lazy_gettext("Your name"))
    password = PasswordField(lazy_gettext("Password"))
    why = TextAreaField(lazy_gettext("Why would you like to join? (optional)"))


@bp.route("/join/<token>", methods=["GET", "POST"])
@public
@unlocked
def join(token: str) -> Response:
    """Show who invites and what is known of the guest; with a name and a password they join and are connected."""
    try:
        link = guests.of_link(token)
    except Refused:
        return page("invitations/over.html", status=410)
    form = JoinForm()
    ticked = as_numbers(request.form.getlist("inviter")) if form.is_submitted() else None
    shown: dict[str, Any] = {
        "form": form,
        "link": link,
        "ticked": {member.id for member in link.inviters} if ticked is None else set(ticked),
        "about": tokens.sign_hash(tokens.OPT_OUT, link.lookup),
        "token": token,
        "asks_why": joining.asks_why(),
    }
    if current_user.is_authenticated:
        return _join_as(token, ticked, shown)
    if ticked is None:
        form.name.data = link.name
        return page("join/join.html", **shown)
    problems: dict[str, str] = {}
    for check, values in (
        (accounts.check_name, (form.name.data or "",)),
        (accounts.check_new_password, (form.password.data or "", form.name.data or "", link.address)),
        (joining.check_why, (form.why.data or "",)),
    ):
        try:
            check(*values)
        except Invalid as error:
            problems |= error.fields
    if problems:
        return show_on(form, Invalid(**problems), "join/join.html", **shown)
    hashed = passwords.hash_password(form.password.data or "")
    try:
        with transaction():
            why = joining.check_why(form.why.data or "")
            member = joining.accept(token, accounts.check_name(form.name.data or ""), hashed, ticked, why)
            return access.sign_in(member, limits.browser(), url_for("profiles.welcome"))
    except Refused as error:
        return show_on(form, error, "join/join.html", **shown)


def _join_as(token: str, ticked: list[int] | None, shown: dict[str, Any]) -> Response:
    """Name both, the invited address and who is signed in, and ask; never connect the wrong account by itself."""
    if ticked is None:
        return page("join/join_as.html", **shown)
    try:
        with transaction():
            guests.join_as(viewer(), token, ticked)
    except Refused as error:
        return show_on(shown["form"], error, "join/join_as.html", **shown)
    flash(_("The address is yours here, and you are connected"))
    return leave("connections.network")


def _about(signed: str) -> str:
    lookup = tokens.signed_hash(tokens.OPT_OUT, signed)
    if lookup is None:
        raise NotFound
    return lookup


@bp.route("/optout/<token>", methods=["GET", "POST"])
@csrf.exempt  # type: ignore[untyped-decorator]
@from_anywhere
@public
def opt_out(token: str) -> Response:
    """Send this address nothing again that a member causes.

    A mail program posts here by itself (RFC 8058), so it needs no cookie and no token of ours.
    """
    lookup = _about(token)
    not_me = "not-me" in request.args
    if request.method == "POST":
        guests.opt_out(lookup, "not_me" if not_me else "opted_out")
        if request.form.get("List-Unsubscribe") == "One-Click":
            return make_response("ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"})
        return page("join/opted_out.html", about=token)
    return page("join/opt_out.html", about=token, not_me=not_me, mailed=moderation.was_mailed(lookup))


@bp.route("/erase", methods=["GET", "POST"])
@public
def erase() -> Response:
    """Show what is stored of an address, and erase it."""
    about = request.values.get("about", "")
    lookup = _about(about)
    if request.method == "POST":
        guests.erase(lookup)
        return page("join/erased.html", about=about)
    return page("join/erase.html", about=about, known=guests.provenance(lookup), mailed=moderation.was_mailed(lookup))


class ReportForm(FlaskForm):
    """What an operator should know."""

    reason = RadioField(lazy_gettext("What is it about?"), validate_choice=False)
    text = TextAreaField(lazy_gettext("What happened? (optional)"))


@bp.route("/report/<token>", methods=["GET", "POST"])
@public
@unlocked
def report(token: str) -> Response:
    """Ask what is wrong with the mail that went to an address, and tell the operators. Who sent it is not told."""
    lookup, form = _about(token), ReportForm()
    invitation, by = moderation.mail_to(lookup)
    form.reason.choices = [(name, _(words)) for name, words in moderation.REASON_WORDS.items()]
    values: dict[str, Any] = {
        "form": form,
        "by": by,
        "said": (invitation.facts or {}).get("note", ""),
        "most": moderation.REPORT_CHARACTERS,
        "about": token,
    }
    if not form.is_submitted():
        return page("join/report.html", **values)
    try:
        with transaction():  # in one of its own, so that a refusal does not undo the counting
            moderation.count_mail_report(lookup, limits.network())
        with transaction():
            moderation.report_mail(lookup, form.reason.data or "", form.text.data or "")
    except (Invalid, TooMany) as error:
        return show_on(form, error, "join/report.html", **values)
    return page("join/reported.html", about=token)
