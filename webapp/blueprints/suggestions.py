"""People you may know: all of them with their reasons, and dismissing one."""

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _

from webapp.domain import suggestions
from webapp.web.access import viewer
from webapp.web.back import leave_back
from webapp.web.htmx import page, wants_part

SHOWN = 18
"""As many as a page of forty thousand bytes has room for; the next ones move up as people are connected or dismissed."""

bp = Blueprint("suggestions", __name__, url_prefix="/suggestions")


@bp.get("")
def index() -> Response:
    """Show everybody who is suggested, each with the whole reason."""
    return page("suggestions/index.html", suggested=suggestions.of(viewer(), SHOWN))


@bp.post("/<handle>/dismiss")
def dismiss(handle: str) -> Response:
    """Never suggest somebody again: the card goes, and Undo is offered."""
    other = suggestions.dismiss(viewer(), handle)
    if wants_part():
        return page("suggestions/_dismissed.html", other=other, look=_look())
    flash(_("%(name)s won't be suggested again. You can change that in Settings, under Dismissed", name=other.name))
    return leave_back(".index")


@bp.post("/<handle>/restore")
def restore(handle: str) -> Response:
    """Let somebody be suggested again, where the card was."""
    other = suggestions.restore(viewer(), handle)
    text = _("%(name)s may be suggested again", name=other.name)
    if wants_part():
        look = _look()
        found = suggestions.of(viewer(), suggestions.AT_A_GLANCE if look == "card" else SHOWN)
        return page("suggestions/_restored.html", suggested=found, focus=handle, look=look, text=text)
    flash(text)
    return leave_back("settings.dismissed")


def _look() -> str:
    """Return what the button was pressed on: a card of My network, or a row of all."""
    return "card" if request.form.get("look") == "card" else "row"
