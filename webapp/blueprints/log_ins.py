"""Signing in with an account elsewhere, and connecting one. It asks who somebody is and for nothing else."""

from typing import Any

from flask import Blueprint, Response, flash, request, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField

from webapp.config import setting
from webapp.domain import accounts, log_ins, tickets
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.models.member import Member
from webapp.transaction import transaction, unlocked
from webapp.web import access, consents, limits
from webapp.web.access import public, viewer
from webapp.web.consents import ConsentError, Identity, Pending, Reason
from webapp.web.errors import sentence, show_on
from webapp.web.htmx import leave, leave_to, page
from webapp.web.log_ins import name_of, offered
from webapp.web.proving import check_password

bp = Blueprint("log_ins", __name__)

STATE, PROVEN = "log_in_state", "log_in_proven"
MINUTES = 10


def _asked(door: str, member: Member | None = None) -> Response:
    """Lead to the provider. What comes back counts for this browser only, once, within ten minutes."""
    from webapp.web import oauth

    if door not in offered():
        raise NotFound
    pending = consents.pend(door, signs_in=True)
    with transaction():
        state = tickets.issue(
            STATE, minutes=MINUTES, member=member, going=request.args.get(access.NEXT, ""), **pending.dump()
        )
    session[STATE] = state
    try:
        return leave_to(oauth.authorize(pending, state))
    except ConsentError as error:
        flash(_words(error.reason, door))
        return leave("settings.sign_in" if member else "accounts.signin")


@bp.post("/signin/<any(google, microsoft, oidc):door>")
@public
@unlocked
def start(door: str) -> Response:
    """Ask the provider who it is."""
    return _asked(door)


@bp.post("/settings/log-ins/<any(google, microsoft, oidc):door>")
@unlocked
def connect(door: str) -> Response:
    """Ask the provider who it is, to let that account sign in from now on."""
    return _asked(door, viewer())


@bp.get("/signin/<any(google, microsoft, oidc):door>/callback")
@public
def callback(door: str) -> Response:
    """Take the provider's answer: only for the browser that asked, only once, only from the provider that was asked."""
    from webapp.web import oauth

    state = request.args.get("state", "")
    with transaction():
        ticket = tickets.take(STATE, state)
        asked = dict(ticket.payload) if ticket is not None else {}
        member_id = ticket.member_id if ticket is not None else None
    going = asked.pop("going", "")
    if ticket is None or session.pop(STATE, None) != state or asked.get("door") != door:
        return _failed(Reason.EXPIRED, door)
    if member_id is not None and (not current_user.is_authenticated or viewer().id != member_id):
        return _failed(Reason.EXPIRED, door)
    try:
        found = oauth.identify(Pending.load(asked), request.args.to_dict())
    except ConsentError as error:
        return _failed(error.reason, door)
    return _connected(door, found) if member_id is not None else _signed_in(door, found, going)


def _connected(door: str, found: Identity) -> Response:
    try:
        with transaction():
            log_ins.connect(viewer(), door, found.issuer, found.subject, found.email, name_of(door))
    except Refused as error:
        flash(sentence(error))
    else:
        flash(_("You can sign in with %(provider)s from now on", provider=name_of(door)))
    return leave("settings.sign_in")


def _signed_in(door: str, found: Identity, going: str) -> Response:
    with transaction():
        member = log_ins.by_identity(found.issuer, found.subject)
        if member is not None:
            return access.sign_in(member, limits.browser(), access.after_sign_in(going))
        owner = accounts.by_address(found.email) if found.email else None
        if owner is not None:
            session[PROVEN] = tickets.issue(
                PROVEN,
                minutes=MINUTES,
                member=owner,
                door=door,
                issuer=found.issuer,
                subject=found.subject,
                email=found.email,
                going=going,
            )
            return leave(".prove")
    if found.email is None:
        flash(
            _(
                "%(provider)s hasn't confirmed your email address there. Sign in with your password.",
                provider=name_of(door),
            )
        )
        return leave("accounts.signin")
    flash(
        _(
            "Nobody here has the address of your account at %(provider)s. Join first, or sign in with the address you joined with.",
            provider=name_of(door),
        )
    )
    return leave("accounts.signup")


class ProveForm(FlaskForm):
    """The password of the account here."""

    password = PasswordField(lazy_gettext("Password"))


@bp.route("/signin/connect", methods=["GET", "POST"])
@public
@unlocked
def prove() -> Response:
    """Ask for the password of the account here, before an account elsewhere is connected to it: nothing is merged silently."""
    ticket = tickets.peek(PROVEN, session.get(PROVEN, ""))
    if ticket is None or ticket.member_id is None:
        flash(_words(Reason.EXPIRED, ""))
        return leave("accounts.signin")
    known: dict[str, Any] = dict(ticket.payload)
    form = ProveForm()
    values: dict[str, Any] = {"form": form, "address": known["email"], "provider": name_of(known["door"])}
    if not form.is_submitted():
        return page("log_ins/prove.html", **values)
    member = accounts.by_address(known["email"])
    try:
        check_password(accounts.lookup_of(known["email"]), member, form.password.data or "")
    except (Invalid, TooMany) as error:
        return show_on(form, error, "log_ins/prove.html", **values)
    with transaction():
        tickets.take(PROVEN, session.pop(PROVEN, ""))
        owner = accounts.by_address(known["email"])
        if owner is None or not owner.is_active:
            raise NotFound
        log_in = {name: known[name] for name in ("door", "issuer", "subject", "email")}
        log_in["provider"] = name_of(known["door"])
        return access.sign_in(owner, limits.browser(), access.after_sign_in(known["going"]), log_in)


@bp.post("/settings/log-ins/<key>/remove")
def disconnect(key: str) -> Response:
    """Let an account elsewhere sign in no more."""
    log_ins.disconnect(viewer(), key)
    flash(_("That account can't sign in here any more. Your password still does"))
    return leave("settings.sign_in")


def _failed(reason: Reason, door: str) -> Response:
    flash(_words(reason, door))
    return leave("settings.sign_in" if current_user.is_authenticated else "accounts.signin")


def _words(reason: Reason, door: str) -> str:
    provider = name_of(door) if door else setting("SITE_NAME")
    if reason is Reason.DENIED:
        return _("%(provider)s told us nothing, as you wished. Nothing has changed.", provider=provider)
    if reason is Reason.EXPIRED:
        return _("That took too long, so we stopped for safety. Start again.")
    if reason is Reason.UNAVAILABLE:
        return _("%(provider)s isn't answering. Try again in a few minutes, or use your password.", provider=provider)
    if reason is Reason.MISCONFIGURED:
        return _(
            "%(provider)s doesn't know this site. Whoever runs it has to look at its settings. Use your password meanwhile.",
            provider=provider,
        )
    return _("%(provider)s answered with something we can't use. Try again, or use your password.", provider=provider)
