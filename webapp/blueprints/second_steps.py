"""The second step: asking for it at signing in, signing in with a passkey alone, and what a member sets up for it.

Whatever proves something is checked first and used up in one short transaction with the sign-in that follows from it.
"""

from typing import Any

from flask import Blueprint, Response, flash, make_response, request, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField

from webapp import logs
from webapp.config import setting
from webapp.domain import app_passwords, second_steps, throttles, tickets
from webapp.domain.errors import N_, Invalid, Refused, TooMany
from webapp.domain.second_steps import authenticators, passkeys, recovery
from webapp.extensions import db
from webapp.models.member import Member
from webapp.transaction import transaction, unlocked
from webapp.web import access, limits
from webapp.web.access import public, viewer
from webapp.web.errors import sentence, show_on
from webapp.web.htmx import leave, leave_to, page
from webapp.web.proving import check_own

bp = Blueprint("second_steps", __name__)

OVER = N_("That took too long, so we stopped for safety. Sign in again")
ASK = "second_steps/ask.html"
NO_CODE = N_("That is none of your recovery codes, or it was used already")


@bp.app_template_global()
def passkeys_possible() -> bool:
    """Whether browsers have passkeys at this site's address."""
    return passkeys.host() is not None


# Signing in: the second step


class CodeForm(FlaskForm):
    """What an authenticator app shows, or one of the recovery codes."""

    code = StringField(lazy_gettext("Code"))


class AnswerForm(FlaskForm):
    """What a browser answers for a passkey, as JSON."""

    answer = HiddenField()


def _waiting() -> tuple[Member, second_steps.Held] | None:
    """Return who has given the right password in this browser, within ten minutes, and what second steps they have; uses nothing up."""
    ticket = tickets.peek(tickets.SECOND_STEP, session.get(tickets.SECOND_STEP, ""))
    member = db.session.get(Member, ticket.member_id) if ticket is not None else None
    if member is None or not member.is_active:
        return None
    held = second_steps.held_by(member)
    return (member, held) if held.is_some else None  # lifted meanwhile: the password is enough, given again


def _again() -> Response:
    """Lead back to where signing in begins, saying why; who is signed in already, home."""
    if current_user.is_authenticated:
        return leave_to(access.after_sign_in(None))
    flash(_(OVER))
    return leave("accounts.signin")


def _finish(member: Member) -> Response:
    """Sign in who has proven the second step, too. Of two at once one gets in; inside the transaction that uses the proof up."""
    ticket = tickets.take(tickets.SECOND_STEP, session.get(tickets.SECOND_STEP, ""))
    if ticket is None or ticket.member_id != member.id or not member.is_active:
        raise Refused(OVER)
    return access.begin(member, limits.browser(), str(ticket.payload["then"]), ticket.payload["log_in"])


@bp.route("/signin/second", methods=["GET", "POST"])
@public
@unlocked
def ask() -> Response:
    """Ask for the second step, and sign in with a code of the authenticator app."""
    waits = _waiting()
    if waits is None:
        return _again()
    member, held = waits
    form = CodeForm()
    if not form.is_submitted():
        return page(ASK, form=form, held=held)
    try:
        with transaction():
            member = db.session.get_one(Member, member.id)
            if authenticators.use(member, form.code.data or ""):
                return _finish(member)
    except (Refused, TooMany) as error:
        return show_on(form, error, ASK, held=held)
    logs.security("wrong code", member.id)
    return show_on(form, Invalid(code=authenticators.WRONG), ASK, held=held)


@bp.route("/signin/second/recovery", methods=["GET", "POST"])
@public
@unlocked
def recover() -> Response:
    """Sign in with a recovery code instead."""
    waits = _waiting()
    if waits is None:
        return _again()
    member, _held_by = waits
    form = CodeForm()
    if not form.is_submitted():
        return page("second_steps/recover.html", form=form)
    try:
        recovery.check_tries(member, limits.network())
        with transaction():
            member = db.session.get_one(Member, member.id)
            if recovery.use(member, form.code.data or ""):
                return _finish(member)
            recovery.count_try(member, limits.network())
    except (Refused, TooMany) as error:
        return show_on(form, error, "second_steps/recover.html")
    logs.security("wrong recovery code", member.id)
    return show_on(form, Invalid(code=NO_CODE), "second_steps/recover.html")


def _options(member: Member | None, purpose: str) -> Response:
    """Return what the browser is told to ask of a passkey, as JSON; the challenge belongs to this browser."""
    with transaction():
        challenge, options = passkeys.ask(member)
    session[purpose] = challenge
    return make_response(options, 200, {"Content-Type": "application/json"})


def _proven(form: FlaskForm, purpose: str, member: Member | None = None) -> passkeys.Proof:
    """Return what the browser's answer proves. The challenge is used up by it, whatever comes of it."""
    challenge = session.pop(purpose, "")
    with transaction():
        ticket = tickets.take(purpose, challenge)
    if ticket is None or ticket.member_id != (member.id if member else None):
        raise Refused(passkeys.OVER)
    return passkeys.prove(form.answer.data or "", challenge, member)


@bp.post("/signin/second/passkey/ask")
@public
@unlocked
def second_options() -> Response:
    """Say which passkeys may be the second step."""
    waits = _waiting()
    if waits is None:
        raise Refused(OVER)
    return _options(waits[0], passkeys.SECOND)


@bp.post("/signin/second/passkey")
@public
@unlocked
def second_passkey() -> Response:
    """Sign in with a passkey as the second step."""
    waits = _waiting()
    if waits is None:
        return _again()
    member, held = waits
    try:
        proof = _proven(AnswerForm(), passkeys.SECOND, member)
        with transaction():
            return _finish(passkeys.use(proof))
    except Refused as error:
        return show_on(CodeForm(formdata=None), error, ASK, held=held)


# Signing in with a passkey alone


@bp.post("/signin/passkey/ask")
@public
@unlocked
def options() -> Response:
    """Ask the device for whichever passkey of this site it has."""
    return _options(None, passkeys.ALONE)


@bp.post("/signin/passkey")
@public
@unlocked
def signin() -> Response:
    """Sign in with a passkey and nothing else: its user unlocked the device, which makes two steps of it."""
    limit, where = throttles.SIGN_IN_PER_NETWORK, limits.network()
    try:
        throttles.check(limit, where)
        proof = _proven(AnswerForm(), passkeys.ALONE)
        with transaction():
            member = passkeys.use(proof)
            return access.begin(member, limits.browser(), access.after_sign_in(request.args.get(access.NEXT)))
    except (Refused, TooMany) as error:
        if isinstance(error, Refused):
            with transaction():
                throttles.count(limit, where)
        flash(sentence(error))
        return leave("accounts.signin", next=request.args.get(access.NEXT))


# Setting up


class OwnPasswordForm(FlaskForm):
    """The password, before anything about signing in is changed."""

    old = PasswordField(lazy_gettext("Your password"))


class NewPasskeyForm(FlaskForm):
    """What a passkey is called, and the password."""

    name = StringField(lazy_gettext("What do you call it?"))
    old = PasswordField(lazy_gettext("Your password"))


def _codes(made: Any, title: str) -> Response:
    """Show recovery codes this once: they are in this answer and nowhere else. Without new ones, say only what changed."""
    logs.security("second steps changed")
    if not made:
        flash(title)
        return leave("settings.sign_in")
    text = "\n".join(
        [
            _("Recovery codes for %(site)s", site=setting("SITE_NAME")),
            setting("BASE_URL"),
            "",
            *made,
            "",
            _("Each signs you in once, after your password."),
        ]
    )
    return page("second_steps/codes.html", codes=made, said=title, text=text + "\n")


@bp.route("/settings/second-step/app", methods=["GET", "POST"])
@unlocked
def add_app() -> Response:
    """Ask for the password, then show the secret of a new authenticator app."""
    form = OwnPasswordForm()
    if not form.is_submitted():
        if authenticators.of(viewer()) is not None:
            return leave("settings.sign_in")
        return page("second_steps/add_app.html", form=form)
    try:
        check_own(form.old.data or "", "old")
        with transaction():
            session[authenticators.SETUP] = authenticators.begin(viewer())
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "second_steps/add_app.html")
    return leave(".confirm_app")


def _square(address: str) -> str:
    import segno  # for this page only

    return segno.make_qr(address).svg_data_uri(light="white")


@bp.route("/settings/second-step/app/confirm", methods=["GET", "POST"])
@unlocked
def confirm_app() -> Response:
    """Show the secret as a square and as text until the app has shown its first code."""
    token = session.get(authenticators.SETUP, "")
    shown = authenticators.waiting(viewer(), token)
    form = CodeForm()
    if shown is None:
        if form.is_submitted():
            flash(_(authenticators.OVER))
        return leave("settings.sign_in")
    values: dict[str, Any] = {"secret": shown.secret, "square": _square(shown.address)}
    if not form.is_submitted():
        return page("second_steps/confirm_app.html", form=form, **values)
    try:
        with transaction():
            made = authenticators.confirm(viewer(), token, form.code.data or "")
    except (Invalid, Refused) as error:
        return show_on(form, error, "second_steps/confirm_app.html", **values)
    session.pop(authenticators.SETUP, None)
    return _codes(made, _("Signing in asks for a code of your app from now on"))


@bp.route("/settings/second-step/app/remove", methods=["GET", "POST"])
@unlocked
def remove_app() -> Response:
    """Ask for the password, then remove the authenticator app."""
    form = OwnPasswordForm()
    if authenticators.of(viewer()) is None:
        return leave("settings.sign_in")
    if not form.is_submitted():
        return page("second_steps/remove.html", form=form, name=_("Authenticator app"), held=_held())
    try:
        check_own(form.old.data or "", "old")
        with transaction():
            authenticators.remove(viewer())
    except (Invalid, TooMany) as error:
        return show_on(form, error, "second_steps/remove.html", name=_("Authenticator app"), held=_held())
    logs.security("second steps changed")
    flash(_("The authenticator app is removed"))
    return leave("settings.sign_in")


@bp.route("/settings/second-step/codes", methods=["GET", "POST"])
@unlocked
def new_codes() -> Response:
    """Ask for the password, then make new recovery codes and show them."""
    form = OwnPasswordForm()
    held = _held()
    if not held.is_some:
        return leave("settings.sign_in")
    if not form.is_submitted():
        return page("second_steps/new_codes.html", form=form, held=held)
    try:
        check_own(form.old.data or "", "old")
        with transaction():
            made = recovery.make(viewer())
    except (Invalid, TooMany) as error:
        return show_on(form, error, "second_steps/new_codes.html", held=held)
    return _codes(made, _("The old codes have ended"))


def _held() -> second_steps.Held:
    return second_steps.held_by(viewer())


@bp.route("/settings/second-step/passkeys", methods=["GET", "POST"])
@unlocked
def add_passkey() -> Response:
    """Ask what a passkey is called and for the password; then the browser makes it."""
    if passkeys.host() is None:
        return leave("settings.sign_in")
    form = NewPasskeyForm()
    known: dict[str, Any] = {"name_characters": passkeys.NAME_CHARACTERS}
    if not form.is_submitted():
        return page("second_steps/add_passkey.html", form=form, **known)
    try:
        name = app_passwords.check_name(form.name.data or "")
        check_own(form.old.data or "", "old")
        with transaction():
            session[passkeys.ADD] = passkeys.begin(viewer(), name)
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "second_steps/add_passkey.html", **known)
    return leave(".create_passkey")


@bp.route("/settings/second-step/passkeys/create", methods=["GET", "POST"])
@unlocked
def create_passkey() -> Response:
    """Have the browser make a passkey, and keep its public half."""
    challenge = session.get(passkeys.ADD, "")
    found = passkeys.waiting(viewer(), challenge) if challenge else None
    form = AnswerForm()
    if found is None:
        if form.is_submitted():
            flash(_(passkeys.OVER))
        return leave("settings.sign_in")
    name, wanted = found
    if not form.is_submitted():
        return page("second_steps/create_passkey.html", form=form, name=name, wanted=wanted)
    try:
        new = passkeys.read(form.answer.data or "", challenge)
        with transaction():
            _name, made = passkeys.add(viewer(), challenge, new)
    except Refused as error:
        return show_on(form, error, "second_steps/create_passkey.html", name=name, wanted=wanted)
    session.pop(passkeys.ADD, None)
    return _codes(made, _("%(name)s signs you in from now on", name=name))


@bp.route("/settings/second-step/passkeys/<int:passkey_id>", methods=["GET", "POST"])
@unlocked
def remove_passkey(passkey_id: int) -> Response:
    """Ask for the password, then remove a passkey."""
    name = passkeys.one_of(viewer(), passkey_id).name
    form = OwnPasswordForm()
    if not form.is_submitted():
        return page("second_steps/remove.html", form=form, name=name, held=_held())
    try:
        check_own(form.old.data or "", "old")
        with transaction():
            name = passkeys.remove(viewer(), passkey_id)
    except (Invalid, TooMany) as error:
        return show_on(form, error, "second_steps/remove.html", name=name, held=_held())
    logs.security("second steps changed")
    flash(_("%(name)s can't sign you in any more", name=name))
    return leave("settings.sign_in")
