"""One's own photo, and photos as they are served."""

from typing import Any

from flask import Response, flash, make_response
from flask_babel import gettext as _

from webapp.blueprints.profiles.fields import LISTED, SHOWN, PhotoForm, held
from webapp.blueprints.profiles.forms import FORM_BYTES, bp, cropped
from webapp.domain import profiles
from webapp.domain.errors import Invalid, NotFound
from webapp.transaction import transaction, unlocked
from webapp.web.access import ask_to_sign_in, public, viewer, viewer_or_none
from webapp.web.errors import show_on
from webapp.web.htmx import leave
from webapp.web.limits import takes

FOREVER = "private, max-age=31536000, immutable"


@bp.post("/settings/photo")
@takes(FORM_BYTES)
@unlocked
def upload() -> Response:
    """Take a new photo: cut from its middle, re-encoded, without what it carried besides."""
    form = PhotoForm()
    problems: dict[str, str] = {}
    made = cropped(problems)
    if made is None:
        found = Invalid(**(problems or {"photo": profiles.NO_PICTURE}))
        values: dict[str, Any] = {"listed": LISTED, "held": held(viewer()), "shown": SHOWN}
        return show_on(form, found, "profiles/edit.html", photo_form=form, **values)
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
@public
def photo(name: str, pixels: int) -> Response:
    """Send a photo to whom its owner shows it. Its name changes with the photo, so the browser may keep it."""
    member = viewer_or_none()
    try:
        response = make_response(profiles.photo(member, name, pixels))
    except NotFound:
        if member is None:
            return ask_to_sign_in()
        raise
    response.mimetype = "image/webp"
    response.headers["Cache-Control"] = FOREVER
    return response
