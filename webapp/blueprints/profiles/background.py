"""One's own experience and education: positions and studies with their years."""

from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField

from webapp.blueprints.profiles.fields import SHOWN, held
from webapp.blueprints.profiles.forms import bp
from webapp.domain import feed, profiles
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page, wants_part

FIELDS = ("what", "at", "from_year", "to_year")


class EntryForm(FlaskForm):
    """A position or a study; a study says so on its labels."""

    what = StringField(lazy_gettext("Position"))
    at = StringField(lazy_gettext("Organisation"))
    from_year = StringField(lazy_gettext("From year"))
    to_year = StringField(lazy_gettext("To year"))
    tell = BooleanField(lazy_gettext("Tell my connections"))

    def __init__(self, section: str) -> None:
        super().__init__()
        if section == "education":
            self.what.label.text, self.at.label.text = _("What you learned"), _("School")
        if section == "education" or not viewer().title:  # what the profile does not name is no news
            del self.tell


def _typed(form: EntryForm) -> dict[str, str]:
    return {name: form[name].data or "" for name in FIELDS}


@bp.get("/settings/background")
def background() -> Response:
    """Show both sections and who sees them; with `row`, the row of one entry or of who sees a section again."""
    values: dict[str, Any] = {"held": held(viewer()), "shown": SHOWN}
    key = request.args.get("row", "")
    if wants_part() and key in SHOWN:
        return page("profiles/_field.html", name=key, focus=True, **values)
    if wants_part() and key:
        return page("profiles/_entry.html", entry=profiles.own_entry(viewer(), key), focus=True)
    seen = profiles.seen_by(viewer(), viewer())
    entries = {"experience": seen.experience, "education": seen.education}
    return page("profiles/background.html", entries=entries, **values)


@bp.route("/settings/background/add/<section>", methods=["GET", "POST"])
def add_entry(section: str) -> Response:
    """Ask for a new entry, and add it."""
    if section not in ("experience", "education"):
        raise NotFound
    form, member = EntryForm(section), viewer()
    if not form.is_submitted():
        return page("profiles/new_entry.html", form=form, which=section)
    told = wanted = "tell" in form and form["tell"].data
    try:
        row = profiles.add_entry(member, section, **_typed(form))
        told = wanted and profiles.is_said_on_top(member, row)
        if told:
            feed.announce_position(member)
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "profiles/new_entry.html", which=section)
    if wanted and not told:
        flash(_("It is added. Nobody was told: it is not the position that your profile names at its top"))
    else:
        flash(_("It is added"))
    return leave(".background")


@bp.route("/settings/background/<key>", methods=["GET", "POST"])
def entry(key: str) -> Response:
    """Change one entry, in its row or on a page of its own."""
    row = profiles.own_entry(viewer(), key)
    form = EntryForm(row.section)
    if not form.is_submitted():
        for name in FIELDS:
            form[name].data = getattr(row, name) or ""
        return page("profiles/entry.html", part="profiles/_entry_form.html", form=form, entry=row)
    try:
        profiles.change_entry(viewer(), key, **_typed(form))
    except Invalid as error:
        return show_on(form, error, "profiles/entry.html", part="profiles/_entry_form.html", entry=row)
    if wants_part():
        return page("profiles/_entry.html", entry=row, focus=True)
    flash(_("It is saved"))
    return leave(".background")


@bp.post("/settings/background/<key>/remove")
def remove_entry(key: str) -> Response:
    """Delete one entry."""
    profiles.remove_entry(viewer(), key)
    flash(_("It is deleted"))
    return leave(".background")
