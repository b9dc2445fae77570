"""One's own profile: filling it, changing it, and the photo."""

from typing import Any

from flask import Blueprint, Response, flash, make_response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import FileField, SelectField, StringField, TextAreaField

from webapp.domain import profiles
from webapp.domain.errors import Invalid
from webapp.models.member import Member
from webapp.transaction import transaction, unlocked
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.limits import takes

bp = Blueprint("profiles", __name__)

FOREVER = "private, max-age=31536000, immutable"
FORM_BYTES = profiles.PHOTO_BYTES + 100_000
"""A form with a photo; a photo that is a little too large still gets its own sentence."""


class WelcomeForm(FlaskForm):
    """What a new member may say at once."""

    headline = StringField(lazy_gettext("What you do"))
    organisation = StringField(lazy_gettext("Organisation"))
    field = SelectField(lazy_gettext("Field"))
    place = StringField(lazy_gettext("Place"))
    photo = FileField(lazy_gettext("Photo"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.field.choices = [
            ("", _("Choose a field")),
            *sorted(((name, _(name)) for name in profiles.FIELDS), key=_words),
        ]


def _words(choice: tuple[str, str]) -> str:
    return choice[1]


class ProfileForm(WelcomeForm):
    """All a profile says."""

    name = StringField(lazy_gettext("Name"))
    sort_as = StringField(lazy_gettext("Sorted under"))
    title = StringField(lazy_gettext("Position"))
    cohort = StringField(lazy_gettext("Year"))
    tags = StringField(lazy_gettext("What you know about"))
    about = TextAreaField(lazy_gettext("About you"))
    links = TextAreaField(lazy_gettext("Your pages"))
    photo = None


class PhotoForm(FlaskForm):
    """A photo, and nothing else."""

    photo = FileField(lazy_gettext("Choose a photo"))


WELCOME = ("headline", "organisation", "field", "place")
PROFILE = ("name", "sort_as", "headline", "organisation", "title", "field", "place", "cohort", "tags", "about", "links")


def _fill(form: FlaskForm, member: Member, fields: tuple[str, ...]) -> None:
    for name in fields:
        value = getattr(member, name)
        form[name].data = (", " if name == "tags" else "\n").join(value) if isinstance(value, list) else value


def _typed(form: FlaskForm, fields: tuple[str, ...]) -> dict[str, str]:
    """Return what was typed into the fields that came with the form; one that did not come stays as it is."""
    return {name: form[name].data or "" for name in fields if name in request.form}


def _cropped(problems: dict[str, str]) -> dict[int, bytes] | None:
    """Return the photo of the form, cut and re-encoded; None without one. Slow, so outside any transaction."""
    file = request.files.get("photo")
    if file is None or not file.filename:
        return None
    try:
        return profiles.crop(file.stream.read(profiles.PHOTO_BYTES + 1))
    except Invalid as error:
        problems.update(error.fields)
        return None


@bp.route("/welcome", methods=["GET", "POST"])
@takes(FORM_BYTES)
@unlocked
def welcome() -> Response:
    """Ask a new member for a first few words and a photo, all optional; then on to Find connections."""
    form = WelcomeForm()
    if not form.is_submitted():
        _fill(form, viewer(), WELCOME)
        return page("profiles/welcome.html", form=form)
    problems: dict[str, str] = {}
    made = _cropped(problems)
    try:
        with transaction():
            profiles.edit(viewer(), **_typed(form, WELCOME))
            if made:
                profiles.set_photo(viewer(), made)
    except Invalid as error:
        problems.update(error.fields)
    if problems:
        return show_on(form, Invalid(**problems), "profiles/welcome.html")
    return leave("contacts.index")


@bp.route("/settings/profile", methods=["GET", "POST"])
def edit() -> Response:
    """Change what one's profile says; with a mistake, what was typed stays."""
    form = ProfileForm()
    member = viewer()
    values: dict[str, Any] = {"photo_form": PhotoForm(formdata=None), "lengths": profiles.LENGTHS}
    if not form.is_submitted():
        _fill(form, member, PROFILE)
        return page("profiles/edit.html", form=form, **values)
    try:
        profiles.edit(member, **_typed(form, PROFILE))
    except Invalid as error:
        return show_on(form, error, "profiles/edit.html", **values)
    flash(_("Your profile is saved"))
    return leave(".edit")


@bp.post("/settings/photo")
@takes(FORM_BYTES)
@unlocked
def upload() -> Response:
    """Take a new photo: cut from its middle, re-encoded, without what it carried besides."""
    form = PhotoForm()
    problems: dict[str, str] = {}
    made = _cropped(problems)
    if made is None:
        other = ProfileForm(formdata=None)
        _fill(other, viewer(), PROFILE)
        found = Invalid(**(problems or {"photo": profiles.NO_PICTURE}))
        return show_on(form, found, "profiles/edit.html", form=other, photo_form=form, lengths=profiles.LENGTHS)
    with transaction():
        profiles.set_photo(viewer(), made)
    flash(_("Your photo is saved"))
    return leave(".edit")


@bp.post("/settings/photo/remove")
def remove_photo() -> Response:
    """Show initials again."""
    profiles.remove_photo(viewer())
    flash(_("Your photo is deleted"))
    return leave(".edit")


@bp.get("/photos/<name>-<int:pixels>.webp")
def photo(name: str, pixels: int) -> Response:
    """Send a photo to a member who may see its owner. Its name changes with the photo, so the browser may keep it."""
    response = make_response(profiles.photo(viewer(), name, pixels))
    response.mimetype = "image/webp"
    response.headers["Cache-Control"] = FOREVER
    return response
