"""Introductions: asking for one, passing it on, and the yes that connects two."""

from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField

from webapp import clock
from webapp.config import setting
from webapp.domain import introductions, people
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.web import paging, reporting
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page

bp = Blueprint("introductions", __name__, url_prefix="/introductions")


@bp.get("")
def index() -> Response:
    """Show what waits for the member, and what they asked for."""
    found = introductions.mine(viewer())
    place = paging.place(int)
    shown = paging.page(
        introductions.after(found, *place) if place else found,
        lambda row: (row.Introduction.id,),
        is_first=place is None,
    )
    return page(
        "introductions/index.html",
        waiting=db.session.execute(introductions.waiting(viewer()).limit(paging.SIZE)).all(),
        shown=shown,
        now=clock.now(),
    )


# Asking


class AskForm(FlaskForm):
    """Who could introduce the two, and why."""

    via = RadioField(lazy_gettext("Who could introduce you?"), validate_choice=False)
    why = TextAreaField(lazy_gettext("Why would you like to meet?"))


@bp.route("/to/<handle>", methods=["GET", "POST"])
def ask(handle: str) -> Response:
    """Ask somebody both know for an introduction; it leaves when the time to undo has passed."""
    other = people.other_of(viewer(), handle)
    could = introductions.could(viewer(), other)
    form = AskForm()
    form.via.choices = [(person.handle, person.name) for person in could]
    values: dict[str, Any] = {"form": form, "other": other, "could": could, "most": setting("NOTE_CHARACTERS")}
    if request.method == "GET":
        return page("introductions/ask.html", **values)
    try:
        introductions.ask(viewer(), other, form.via.data or "", form.why.data or "")
    except (Invalid, Refused) as error:
        return show_on(form, error, "introductions/ask.html", **values)
    name = next(person.name for person in could if person.handle == form.via.data)
    flash(_("%(name)s is asked. It leaves in one minute", name=name))
    return leave("people.show", handle=handle)


@bp.post("/<key>/undo")
def undo(key: str) -> Response:
    """Take back what was asked for: without a trace in the first minute, silently afterwards."""
    if introductions.take_back(viewer(), key):
        flash(_("Nothing was sent"))
    else:
        flash(_("You took it back"))
    return leave(".index")


# Passing on


class PassForm(FlaskForm):
    """What to add when passing it on."""

    words = TextAreaField(lazy_gettext("Your own words (optional)"))


@bp.route("/<key>/pass", methods=["GET", "POST"])
def pass_on(key: str) -> Response:
    """Ask for words of one's own, then pass it on to the one it is for."""
    form = PassForm()
    row = introductions.one_to_pass(viewer(), key)
    values: dict[str, Any] = {"form": form, "row": row, "most": setting("NOTE_CHARACTERS")}
    if request.method == "GET":
        return page("introductions/pass.html", **values)
    try:
        introductions.pass_on(viewer(), key, form.words.data or "")
    except Invalid as error:
        return show_on(form, error, "introductions/pass.html", **values)
    flash(_("You introduced %(asker)s to %(target)s", asker=row.asker_name, target=row.target_name))
    return leave(".index")


@bp.post("/<key>/decline")
def decline(key: str) -> Response:
    """Don't pass it on; nobody is told."""
    introductions.decline(viewer(), key)
    flash(_("You won't pass it on. Nobody is told"))
    return leave(".index")


# Answering


@bp.post("/<key>/accept")
def accept(key: str) -> Response:
    """Say yes: now the two are connected."""
    row = introductions.accept(viewer(), key)
    flash(_("You and %(name)s are connected", name=row.asker_name))
    return leave("people.show", handle=row.asker_handle)


@bp.post("/<key>/ignore")
def ignore(key: str) -> Response:
    """Put it aside; nobody is told."""
    introductions.ignore(viewer(), key)
    flash(_("It is put aside. Nobody is told"))
    return leave(".index")


@bp.route("/<key>/report", methods=["GET", "POST"])
def report(key: str) -> Response:
    """Report who asks for an introduction, with what they wrote."""
    row = introductions.waiting_one(viewer(), key)
    if row is None:
        raise NotFound
    other = people.other_of(viewer(), row.asker_handle)
    return reporting.report(other, "introduction", url_for(".index"), quote=row.Introduction.why)
