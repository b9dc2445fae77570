"""One's own skills in their order, and who endorses them."""

from typing import Any

from flask import Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import StringField

from webapp.blueprints.profiles.fields import SHOWN, held
from webapp.blueprints.profiles.forms import bp
from webapp.domain import profiles
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page, wants_part
from webapp.web.numbers import as_number


class SkillForm(FlaskForm):
    """A new skill."""

    name = StringField(lazy_gettext("Add a skill"))


def _list() -> dict[str, Any]:
    return {"own": profiles.seen_by(viewer(), viewer()).skills, "held": held(viewer()), "shown": SHOWN}


@bp.route("/settings/skills", methods=["GET", "POST"])
def skills() -> Response:
    """Show the list, and add to its end; with `row`, the row of who sees it again."""
    form = SkillForm()
    if not form.is_submitted():
        if wants_part() and "row" in request.args:
            return page("profiles/_field.html", name="skills", focus=True, held=held(viewer()), shown=SHOWN)
        return page("profiles/skills.html", form=form, **_list())
    try:
        profiles.add_skill(viewer(), form.name.data or "")
    except (Invalid, Refused) as error:
        return show_on(form, error, "profiles/skills.html", **_list())
    return leave(".skills")


@bp.get("/settings/skills/<key>")
def skill(key: str) -> Response:
    """Show who endorses a skill."""
    own = profiles.own_skill(viewer(), key)
    return page("profiles/skill.html", skill=own, endorsers=profiles.endorsers(viewer(), key))


@bp.post("/settings/skills/<key>/move")
def move_skill(key: str) -> Response:
    """Let a skill stand at the place that the button names: pressed twice it stands there still."""
    to = as_number(request.form.get("to", ""))
    if to is None:
        raise NotFound
    profiles.move_skill(viewer(), key, to)
    if wants_part():
        return page("profiles/_skills.html", **_list())
    return leave(".skills")


@bp.post("/settings/skills/<key>/remove")
def remove_skill(key: str) -> Response:
    """Delete a skill with its endorsements."""
    profiles.remove_skill(viewer(), key)
    flash(_("It is deleted"))
    return leave(".skills")


@bp.post("/settings/skills/<key>/endorsements/<handle>")
def hide_endorsement(key: str, handle: str) -> Response:
    """Hide one endorsement (`hide` is 1), or show it again (0)."""
    profiles.hide_endorsement(viewer(), key, handle, hide=request.form.get("hide") == "1")
    return leave(".skill", key=key)
