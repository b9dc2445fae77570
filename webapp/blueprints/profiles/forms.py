"""What the pages of one's own profile share: the blueprint, who sees what, and the list of fields."""

from typing import Any

from flask import Blueprint, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import SelectField

from webapp.domain import profiles
from webapp.domain.errors import Invalid

bp = Blueprint("profiles", __name__)

FORM_BYTES = profiles.PHOTO_BYTES + 100_000
"""A form with a photo; a photo that is a little too large still gets its own sentence."""


class AudienceForm(FlaskForm):
    """Who sees something; the forms of everything that has an audience extend it."""

    audience = SelectField(lazy_gettext("Who sees it"), validate_choice=False)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.audience.choices = [(name, _(words)) for name, words in profiles.AUDIENCE_WORDS.items()]


def fields_of_work() -> list[tuple[str, str]]:
    """Return the choices of a profile's field, by their words."""
    return [("", _("Choose a field")), *sorted(((name, _(name)) for name in profiles.FIELDS), key=lambda each: each[1])]


def cropped(problems: dict[str, str]) -> dict[int, bytes] | None:
    """Return the photo of the form, cut and re-encoded; None without one. Slow, so outside any transaction."""
    file = request.files.get("photo")
    if file is None or not file.filename:
        return None
    try:
        return profiles.crop(file.stream.read(profiles.PHOTO_BYTES + 1))
    except Invalid as error:
        problems.update(error.fields)
        return None
