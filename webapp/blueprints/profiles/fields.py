"""The fields of one's own profile, saved one by one, each with who sees it beside it; and the page that welcomes a new member."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, FileField, SelectField, StringField, TextAreaField

from webapp.blueprints.profiles.forms import FORM_BYTES, AudienceForm, bp, cropped, fields_of_work
from webapp.domain import feed, profiles
from webapp.domain.errors import N_, Invalid, NotFound, TooMany
from webapp.models.member import Member
from webapp.transaction import transaction, unlocked
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page, wants_part
from webapp.web.limits import takes


@dataclass(frozen=True)
class Shown:
    """How a field stands in the list and in its form. `kind` is the class of its input; None: only its audience can be chosen."""

    words: str
    hint: str = ""
    kind: type[Field] | None = StringField
    rows: int = 0
    complete: str = ""


SHOWN: Mapping[str, Shown] = {
    "name": Shown(N_("Name"), complete="name"),
    "headline": Shown(N_("What you do"), N_("One line, for example “River ecologist at the water agency”")),
    "title": Shown(N_("Position"), complete="organization-title"),
    "organisation": Shown(N_("Organisation"), complete="organization"),
    "field": Shown(N_("Field"), kind=SelectField),
    "place": Shown(N_("Place")),
    "cohort": Shown(N_("Year"), N_("The year or group you belong to, if your community has such")),
    "tags": Shown(N_("What you know about"), N_("Up to 10 words or short phrases, with commas between them")),
    "about": Shown(N_("About you"), kind=TextAreaField, rows=6),
    "links": Shown(N_("Your pages"), N_("Up to 5, one a line, each starting with https://"), TextAreaField, rows=3),
    "sort_as": Shown(N_("Sorted under"), N_("Only if lists sort you wrongly: the word you want to be sorted under")),
    "photo": Shown(N_("Photo"), kind=None),
    "experience": Shown(N_("Experience"), kind=None),
    "education": Shown(N_("Education"), kind=None),
    "skills": Shown(N_("Skills"), kind=None),
}
LISTED = tuple(name for name, shown in SHOWN.items() if shown.kind)
"""What the page of the profile lists; photo and sections have places of their own, and lead here to choose who sees them."""
TOLD = ("title", "organisation")
"""Which changes connections may be told of, if the member says so with that very change."""
HOME = {"experience": ".background", "education": ".background", "skills": ".skills"}
"""Where a section is edited; everything else, on the page of the profile."""


def held(member: Member) -> dict[str, profiles.Held]:
    """Return everything of the list with who sees it; the name has no choice."""
    always = {name: profiles.Held(getattr(member, name), "") for name in ("name", "sort_as")}
    return always | profiles.all_of(member)


def _form(name: str) -> FlaskForm:
    """Return the form of one field: its input under its own name, and who sees it."""
    shown = SHOWN[name]
    inputs = {name: shown.kind(_(shown.words))} if shown.kind else {}
    if name in TOLD:
        inputs["tell"] = BooleanField(_("Tell my connections"))
    base = AudienceForm if name in profiles.FIELD_NAMES or name in profiles.PARTS else FlaskForm
    form = type("FieldForm", (base,), inputs)()
    if name == "field":
        form.field.choices = fields_of_work()
    return form


def _text(value: Any, name: str) -> str:
    return (", " if name == "tags" else "\n").join(value) if isinstance(value, list) else value or ""


@bp.get("/settings/profile")
def edit() -> Response:
    """Show the photo and the list of fields; with `row`, the row of one field again."""
    member = viewer()
    values: dict[str, Any] = {"held": held(member), "shown": SHOWN}
    name = request.args.get("row", "")
    if wants_part() and name in SHOWN:
        return page("profiles/_field.html", name=name, focus=True, **values)
    return page("profiles/edit.html", listed=LISTED, photo_form=PhotoForm(formdata=None), **values)


@bp.route("/settings/profile/<name>", methods=["GET", "POST"])
def field(name: str) -> Response:
    """Change one field and who sees it, in its row or on a page of its own; with a mistake, what was typed stays."""
    if name not in SHOWN:
        raise NotFound
    member = viewer()
    form = _form(name)
    values: dict[str, Any] = {
        "name": name,
        "shown": SHOWN,
        "lengths": profiles.LENGTHS,
        "home": HOME.get(name, ".edit"),
    }
    if not form.is_submitted():
        now = held(member)[name]
        if name in form:
            form[name].data = _text(now.value, name)
        if "audience" in form:
            form["audience"].data = now.audience
        return page("profiles/field.html", part="profiles/_field_form.html", form=form, **values)
    try:
        _save(member, name, form)
    except (Invalid, TooMany) as error:
        return show_on(form, error, "profiles/field.html", part="profiles/_field_form.html", **values)
    if wants_part():
        return page("profiles/_field.html", held=held(member), focus=True, **values)
    flash(_("It is saved"))
    return leave(HOME.get(name, ".edit"))


def _save(member: Member, name: str, form: FlaskForm) -> None:
    """Keep what the form of one field says. A form that came without its audience leaves that as it is."""
    audiences = {name: form["audience"].data} if "audience" in form and form["audience"].data else {}
    texts = {name: form[name].data or ""} if name in form and name in request.form else {}
    profiles.edit(member, audiences, **texts)
    if "tell" in form and form["tell"].data:
        feed.announce_position(member)


# A new member


class WelcomeForm(FlaskForm):
    """What a new member may say at once."""

    headline = StringField(lazy_gettext("What you do"))
    organisation = StringField(lazy_gettext("Organisation"))
    field = SelectField(lazy_gettext("Field"))
    place = StringField(lazy_gettext("Place"))
    photo = FileField(lazy_gettext("Photo"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.field.choices = fields_of_work()


class PhotoForm(FlaskForm):
    """A photo, and nothing else."""

    photo = FileField(lazy_gettext("Choose a photo"))


WELCOME = ("headline", "organisation", "field", "place")


@bp.route("/welcome", methods=["GET", "POST"])
@takes(FORM_BYTES)
@unlocked
def welcome() -> Response:
    """Ask a new member for a first few words and a photo, all optional; then on to Find connections."""
    form = WelcomeForm()
    if not form.is_submitted():
        now = profiles.all_of(viewer())
        for name in WELCOME:
            form[name].data = now[name].value
        return page("profiles/welcome.html", form=form)
    problems: dict[str, str] = {}
    made = cropped(problems)
    try:
        with transaction():
            typed = {name: form[name].data or "" for name in WELCOME if name in request.form}
            profiles.edit(viewer(), **typed)
            if made:
                profiles.set_photo(viewer(), made)
    except Invalid as error:
        problems.update(error.fields)
    if problems:
        return show_on(form, Invalid(**problems), "profiles/welcome.html")
    return leave("contacts.index")
