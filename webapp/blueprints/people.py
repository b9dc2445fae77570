"""People: searching for them, looking at a profile, asking them to connect, blocking and reporting."""

from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import TextAreaField

from webapp import clock
from webapp.config import setting
from webapp.domain import (
    cards,
    connections,
    feed,
    introductions,
    messages,
    moderation,
    people,
    profiles,
    relationships,
    search,
    silence,
)
from webapp.domain.errors import Invalid, NotFound
from webapp.models.member import Member
from webapp.web import limits, paging, reporting
from webapp.web.access import ask_to_sign_in, public, viewer, viewer_or_none
from webapp.web.back import leave_back
from webapp.web.errors import show_on
from webapp.web.filters import day
from webapp.web.htmx import leave, page, wants_part

bp = Blueprint("people", __name__, url_prefix="/people")


@bp.get("")
def index() -> Response:
    """Search people by words and filters, a page at a time, all of it in the address."""
    limits.result_page(viewer())
    query = search.asked(request.args.items(multi=True))
    place = paging.place(int, int, int, int)
    found = search.find(viewer(), query, place)
    return page(
        "people/index.html",
        part="people/_results.html",
        found=found,
        persons=people.persons(viewer(), found.rows, found.near),
        after=paging.cursor(*found.place) if found.place else "",
        is_first=place is None,
        query=query,
        counted=people.COUNTED,
    )


@bp.get("/<handle>")
@public
def show(handle: str) -> Response:
    """Show a profile, how near its owner is, and what there is to do; to somebody not signed in, what its owner shows to everyone."""
    member = viewer_or_none()
    if member is None:
        return _show_to_a_stranger(handle)
    other = people.one_of(member, handle)
    profile = profiles.seen_by(member, other)
    if other.id == member.id:
        return page("people/show.html", other=other, profile=profile, mine=True, lately=feed.by(member, other))
    connected = profile.relation == "connection"
    return page(
        "people/show.html",
        other=other,
        profile=profile,
        mine=False,
        near=connections.between(member, other),
        count=people.number_shown(member, other, connected=connected),
        most=people.COUNTED,
        standing=people.standing(member, other),
        introduction=None if connected else introductions.open_to(member, other),
        muted=feed.muted_among(member, [other.id]) if connected else set(),
        now=clock.now(),
        card=cards.overlay(member, other, shared=profile.contact),
        lately=feed.by(member, other),
        alike={} if connected else people.lookalikes(member, [other.id]),
    )


@bp.get("/<handle>/connections")
def known(handle: str) -> Response:
    """List somebody's connections, a page at a time, for whom they show them to; for others there is no such page."""
    other = people.one_of(viewer(), handle)
    if other.id == viewer().id:
        return leave("connections.index")
    return _circle(other, people.connections_of(viewer(), other), "known")


@bp.get("/<handle>/mutual")
def mutual(handle: str) -> Response:
    """List whom the viewer and somebody both know, a page at a time."""
    other = people.other_of(viewer(), handle)
    return _circle(other, people.shared_with(viewer(), other), "mutual")


def _circle(other: Member, found: Any, which: str) -> Response:
    place = paging.place(int)
    shown = paging.page(
        people.after_member(found, *place) if place else found, lambda row: (row.id,), is_first=place is None
    )
    count = people.count(found) if shown.next or place else len(shown.rows)
    return page(
        "people/circle.html",
        other=other,
        which=which,
        persons=people.persons(viewer(), shown.rows),
        shown=shown,
        count=count,
        most=people.COUNTED,
    )


def _show_to_a_stranger(handle: str) -> Response:
    """Show a public profile; where nothing is public, answer as for a handle that nobody has."""
    try:
        profile = profiles.public_one(handle)
    except NotFound:
        return ask_to_sign_in()
    return page("people/public.html", profile=profile, mine=False)


@bp.get("/<handle>/contact")
def contact(handle: str) -> Response:
    """Show the contact information of somebody alone: the panel of their profile, opened from a list."""
    other = people.one_of(viewer(), handle)
    profile = profiles.seen_by(viewer(), other)
    return page("people/contact.html", part="people/_contact_dialog.html", other=other, profile=profile)


@bp.post("/<handle>/skills/<key>")
def endorse(handle: str, key: str) -> Response:
    """Endorse a skill of a connection (`on` is 1) or take it back (0): one button that says what will be, so twice is once."""
    other = people.other_of(viewer(), handle)
    profiles.endorse(viewer(), other, key, on=request.form.get("on") == "1")
    if not wants_part():
        return leave(".show", handle=handle, _anchor=f"skill-{key}")
    profile = profiles.seen_by(viewer(), other)
    [skill] = [each for each in profile.skills if each.key == key]
    return page("people/_skill.html", profile=profile, skill=skill)


def _answer(other: Member, text: str) -> Response:
    """Show what became of it: the row or card anew and a toast, or the page the form stood on."""
    if not wants_part():
        flash(text)
        return leave_back(".show", handle=other.handle)
    [person] = people.persons(viewer(), [other])
    look = "card" if request.form.get("look") == "card" else "row"
    return page("people/_answer.html", person=person, look=look, text=text)


# Asking to connect


class NoteForm(FlaskForm):
    """What to say with an invitation."""

    note = TextAreaField(lazy_gettext("Your note (optional)"))


def _compose(form: NoteForm, other: Member) -> dict[str, Any]:
    return {"form": form, "other": other, "most": setting("NOTE_CHARACTERS")}


@bp.route("/<handle>/connect", methods=["GET", "POST"])
def connect(handle: str) -> Response:
    """Ask for a note, then ask somebody to connect; who asked first is connected at once. It leaves when the time to undo has passed."""
    other = people.other_of(viewer(), handle)
    form = NoteForm()
    if request.method == "GET":
        status = people.standing(viewer(), other).status
        if status == "closed":
            raise NotFound
        if status in people.ASKING:
            silence.check(viewer())
        return page("people/connect.html", part="people/_connect.html", **_compose(form, other))
    try:
        result = relationships.invite(viewer(), [other], form.note.data or "")
    except Invalid as error:
        return show_on(form, error, "people/connect.html", **_compose(form, other))
    if result.connected:
        return _answer(other, _("You and %(name)s are connected", name=other.name))
    leaves_at = people.standing(viewer(), other).leaves_at
    if result.queued and leaves_at:
        return _answer(other, _("Your invitation to %(name)s leaves on %(date)s", name=other.name, date=day(leaves_at)))
    if result.already:
        return _answer(other, _("You invited %(name)s already", name=other.name))
    return _answer(other, _("%(name)s is invited. It leaves in one minute", name=other.name))


@bp.post("/<handle>/undo")
def undo(handle: str) -> Response:
    """Take an invitation back that has not left; nobody ever hears of it."""
    other = people.other_of(viewer(), handle)
    relationships.undo(viewer(), others=[other])
    return _answer(other, _("Nothing was sent"))


@bp.post("/<handle>/withdraw")
def withdraw(handle: str) -> Response:
    """Withdraw an invitation that has left; it may be repeated later, and the date is told."""
    other = people.other_of(viewer(), handle)
    relationships.withdraw(viewer(), [other])
    again = people.standing(viewer(), other).may_ask_from
    if again is None:
        return _answer(other, _("Your invitation is withdrawn"))
    return _answer(other, _("Your invitation is withdrawn. You can invite again on %(date)s", date=day(again)))


# Blocking


@bp.route("/<handle>/block", methods=["GET", "POST"])
def block(handle: str) -> Response:
    """Ask, then block: from now on the two do not exist for each other."""
    other = people.other_of(viewer(), handle)
    if request.method == "GET":
        return page("people/block.html", part="people/_block.html", other=other)
    moderation.block(viewer(), other)
    flash(_("%(name)s is blocked. You can lift it here at any time", name=other.name))
    return leave("settings.blocked")


# Reporting


@bp.route("/<handle>/report", methods=["GET", "POST"])
def report(handle: str) -> Response:
    """Ask what it is about, and tell the operators; an open invitation of that member is put aside, too."""
    other = people.other_of(viewer(), handle)
    key = request.values.get("message", "")
    quote = messages.quoted(viewer(), other, key) if key else ""
    otherwise = url_for(".show", handle=other.handle)
    what: reporting.What = "message" if key else "member"
    if not key and people.standing(viewer(), other).status in {"received", "ignored"}:
        what = "invitation"
    return reporting.report(other, what, otherwise, quote=quote, message=key)
