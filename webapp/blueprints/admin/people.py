"""Every member, in a list to search; one member, as operators see them, and what they do about them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField

from webapp import logs
from webapp.blueprints.admin.desk import bp
from webapp.config import setting
from webapp.domain import acts, joining, leaving, moderation, second_steps, silence
from webapp.domain.desk import deeds, members
from webapp.domain.errors import Invalid, Refused
from webapp.extensions import db
from webapp.models.member import Member
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.numbers import as_number

SHOWN = 50
"""So many reports and lines stand on the page of one member."""


@bp.get("/members")
def listed() -> Response:
    """List the members, who joined last first: those in one state, those who are searched for, or all. No address stands here."""
    q, state, place = request.args.get("q", ""), request.args.get("state", ""), paging.place(int)
    state = state if state in members.STATE_WORDS else ""
    shown = paging.page(members.listed(q, state, *(place or ())), lambda row: (row.Member.id,), is_first=place is None)
    return page("admin/members.html", shown=shown, q=q[: members.Q_CHARACTERS], state=state, states=members.STATE_WORDS)


@bp.get("/people/<handle>")
def person(handle: str) -> Response:
    """Show what operators need to know of one member: the address they sign in with, reports, how guests took mails, what was done."""
    other = members.one(handle)
    if other.verified_at is None:
        return page("admin/unconfirmed.html", other=other, address=members.address_of(other))
    until = silence.ends(other)
    return page(
        "admin/person.html",
        other=other,
        address=members.address_of(other),
        secured=second_steps.is_asked_of(other),
        condemned=leaving.condemned(other),
        waits=joining.of(other) is not None,
        until=until,
        open_ended=until is not None and silence.is_open_ended(until),
        unknown=acts.unknown_to(other),
        mailed=acts.mailed(other),
        reports=db.session.execute(moderation.reports_about(other).limit(SHOWN)).all(),
        lines=db.session.execute(acts.about(other).limit(SHOWN)).all(),
        own=other.id == viewer().id,
    )


class ActForm(FlaskForm):
    """Why, and where it is for a time, for how long."""

    reason = TextAreaField(lazy_gettext("Why?"))
    days = RadioField(lazy_gettext("For how long?"), validate_choice=False, default="30")


@dataclass(frozen=True)
class Asked:
    """What an operator is asked before something is done, and what is said afterwards."""

    do: Callable[[Member, Member, str, int], None]
    title: Any
    what: Any
    button: Any
    done: Any


ACTS = {
    "suspend": Asked(
        lambda operator, other, reason, _days: acts.suspend(operator, other, reason),
        lazy_gettext("Suspend %(name)s?"),
        lazy_gettext(
            "For everybody else %(name)s is as if gone: profile, posts, invitations. They are signed out everywhere, and after signing in "
            "they see one page with your reason. What they sent and has not left is taken back. It ends when an operator lifts it."
        ),
        lazy_gettext("Suspend"),
        lazy_gettext("%(name)s is suspended, and told by email"),
    ),
    "lift": Asked(
        lambda operator, other, reason, _days: acts.lift(operator, other, reason),
        lazy_gettext("Lift the suspension of %(name)s?"),
        lazy_gettext("Everybody sees %(name)s as before. What was taken back when they were suspended stays so."),
        lazy_gettext("Lift the suspension"),
        lazy_gettext("%(name)s can use everything again, and is told by email"),
    ),
    "silence": Asked(
        acts.silence_invitations,
        lazy_gettext("Let %(name)s invite nobody?"),
        lazy_gettext(
            "%(name)s can't ask members, guests or for introductions, and their invitation links lead nowhere. What waits leaves when "
            "this is over; they can take it back. Everything else stays as it is."
        ),
        lazy_gettext("Stop their invitations"),
        lazy_gettext("%(name)s can't invite anybody, and is told by email"),
    ),
    "unsilence": Asked(
        lambda operator, other, reason, _days: acts.unsilence(operator, other, reason),
        lazy_gettext("Let %(name)s invite again?"),
        lazy_gettext("What %(name)s had waiting leaves as it would have."),
        lazy_gettext("Let them invite"),
        lazy_gettext("%(name)s can invite again, and is told by email"),
    ),
    "delete": Asked(
        lambda operator, other, reason, _days: deeds.delete(operator, other, reason),
        lazy_gettext("Delete the account of %(name)s?"),
        lazy_gettext(
            "For everybody else %(name)s is as if gone from now on. In %(days)s days the account is deleted, and nothing brings it back; "
            "until then they can sign in to read your reason and to download their data, and you can change your mind."
        ),
        lazy_gettext("Delete the account"),
        lazy_gettext("The account of %(name)s will be deleted, and they are told by email"),
    ),
    "keep": Asked(
        lambda operator, other, reason, _days: deeds.keep(operator, other, reason),
        lazy_gettext("Keep the account of %(name)s?"),
        lazy_gettext("It is not deleted. %(name)s stays suspended until you lift that, too."),
        lazy_gettext("Keep the account"),
        lazy_gettext("The account of %(name)s stays, and they are told by email"),
    ),
    "sign-out": Asked(
        lambda operator, other, reason, _days: deeds.sign_out(operator, other, reason),
        lazy_gettext("Sign %(name)s out everywhere?"),
        lazy_gettext(
            "In every browser %(name)s has to sign in again, as after a lost phone. The password stays what it is, and devices that read "
            "the address book go on."
        ),
        lazy_gettext("Sign them out"),
        lazy_gettext("%(name)s is signed out everywhere, and told by email"),
    ),
}


@bp.route(
    "/people/<handle>/<any(suspend, lift, silence, unsilence, delete, keep, 'sign-out'):what>", methods=["GET", "POST"]
)
def act(handle: str, what: str) -> Response:
    """Ask once, with the reason that the member will read, and do it then."""
    other, asked, form = acts.one_of(handle), ACTS[what], ActForm()
    form.days.choices = [
        (str(days), _("%(number)s days", number=days) if days else _("Until an operator lifts it"))
        for days in acts.SILENCES
    ]
    values: dict[str, Any] = {
        "form": form,
        "other": other,
        "what": what,
        "title": asked.title % {"name": other.name},
        "text": asked.what % {"name": other.name, "days": setting("DELETE_DAYS")},
        "button": asked.button,
        "most": acts.REASON_CHARACTERS,
    }
    if request.method == "GET":
        return page("admin/act.html", **values)
    days = as_number(form.days.data or "")
    try:
        asked.do(viewer(), other, form.reason.data or "", -1 if days is None else days)
    except (Invalid, Refused) as error:  # refused: another operator was faster; the reason stays
        return show_on(form, error, "admin/act.html", **values)
    logs.security("an operator acted on a member", other.id, deed=what)
    flash(asked.done % {"name": other.name})
    return leave(".person", handle=handle)


@bp.post("/people/<handle>/confirm")
def confirm(handle: str) -> Response:
    """Send the confirmation once more to who has not confirmed their address."""
    other = members.one(handle)
    members.confirm_again(other)
    logs.security("an operator had a confirmation sent", other.id)
    flash(_("The confirmation is on its way once more"))
    return leave(".person", handle=handle)
