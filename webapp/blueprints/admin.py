"""For operators only: what was reported, what they do about a member, and the log of it. No address book, no message but a reported one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField

from webapp import logs
from webapp.domain import acts, moderation, silence
from webapp.domain.errors import Invalid
from webapp.extensions import db
from webapp.models.base import to_ms
from webapp.models.member import Member
from webapp.web import paging
from webapp.web.access import operators_only, viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.numbers import as_number

bp = Blueprint("admin", __name__, url_prefix="/admin")
operators_only(bp)
SHOWN = 50
"""So many reports and lines stand on the page of one member."""


@bp.context_processor
def _known() -> dict[str, Any]:
    return {
        "words": moderation.REASON_WORDS,
        "things": moderation.WHAT_WORDS,
        "decisions": moderation.DECISION_WORDS,
        "many": acts.UNKNOWN_MANY,
        "days": acts.UNKNOWN_DAYS,
    }


# Reports


@bp.get("/reports")
def reports() -> Response:
    """List what waits for an operator, the oldest first, or what was settled: what was reported, and nothing else of anybody."""
    place, settled = paging.place(paging.Ms, int), "settled" in request.args
    listed = paging.page(
        moderation.reports(place, settled=settled),
        lambda row: (to_ms(row.Report.settled_at if settled else row.Report.created_at), row.Report.id),
        is_first=place is None,
    )
    return page("admin/reports.html", listed=listed, settled=settled)


class SettleForm(FlaskForm):
    """What was decided."""

    decision = RadioField(lazy_gettext("What did you decide?"), validate_choice=False)
    words = TextAreaField(lazy_gettext("Note for other operators (optional)"))


@bp.route("/reports/<int:report_id>/settle", methods=["GET", "POST"])
def settle(report_id: int) -> Response:
    """Ask what was decided, then take the report off the list. Neither side is told."""
    form = SettleForm()
    form.decision.choices = [(name, _(words)) for name, words in moderation.DECISION_WORDS.items()]
    values: dict[str, Any] = {
        "form": form,
        "row": moderation.one_report(report_id),
        "most": moderation.REPORT_CHARACTERS,
    }
    if request.method == "GET":
        return page("admin/settle.html", **values)
    try:
        moderation.settle(viewer(), report_id, form.decision.data or "", form.words.data or "")
    except Invalid as error:
        return show_on(form, error, "admin/settle.html", **values)
    flash(_("The report is settled"))
    return leave(".reports")


# One member


@bp.get("/people/<handle>")
def person(handle: str) -> Response:
    """Show what operators need to know of one member: reports, how guests took their mails, and what operators did."""
    other = acts.one_of(handle)
    until = silence.ends(other)
    return page(
        "admin/person.html",
        other=other,
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
}


@bp.route("/people/<handle>/<any(suspend, lift, silence, unsilence):what>", methods=["GET", "POST"])
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
        "text": asked.what % {"name": other.name},
        "button": asked.button,
        "most": acts.REASON_CHARACTERS,
    }
    if request.method == "GET":
        return page("admin/act.html", **values)
    days = as_number(form.days.data or "")
    try:
        asked.do(viewer(), other, form.reason.data or "", -1 if days is None else days)
    except Invalid as error:
        return show_on(form, error, "admin/act.html", **values)
    logs.security("an operator acted on a member", other.id, deed=what)
    flash(asked.done % {"name": other.name})
    return leave(".person", handle=handle)


# The log


@bp.get("/log")
def log() -> Response:
    """List everything operators did, the latest first."""
    place = paging.place(int)
    shown = paging.page(acts.log(*(place or ())), lambda row: (row.Act.number,), is_first=place is None)
    return page("admin/log.html", shown=shown)
