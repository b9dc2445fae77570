"""Saved searches: keeping one, the list of them, opening one, deleting it."""

from typing import Any

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import StringField

from webapp.domain import saved_searches, search
from webapp.domain.errors import Invalid, Refused
from webapp.web.access import viewer
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page

bp = Blueprint("saved_searches", __name__, url_prefix="/people/saved")


class NameForm(FlaskForm):
    """What to call it."""

    name = StringField(lazy_gettext("Name of this search"))


@bp.get("")
def index() -> Response:
    """List the viewer's saved searches."""
    rows = [(each, saved_searches.asked(each)) for each in saved_searches.of(viewer())]
    return page("saved_searches/index.html", rows=rows)


@bp.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Ask for a name, then keep the search that stands in the address."""
    query = search.asked(request.args.items(multi=True))
    form = NameForm()
    values: dict[str, Any] = {"query": query, "most": saved_searches.NAME_CHARACTERS}
    if request.method == "GET":
        form.name.data = " ".join(
            [query.q, *(value for kind, value in query.chosen if kind not in {"degree", "mentors"})]
        )
        return page("saved_searches/new.html", form=form, **values)
    try:
        saved_searches.save(viewer(), form.name.data or "", query)
    except (Invalid, Refused) as error:
        return show_on(form, error, "saved_searches/new.html", **values)
    flash(_("Saved. You are told here when it finds somebody new"))
    return leave(".index")


@bp.get("/<key>")
def show(key: str) -> Response:
    """Lead to what a saved search finds now."""
    query = saved_searches.asked(saved_searches.one_of(viewer(), key))
    return leave("people.index", **query.address())


@bp.post("/<key>/delete")
def delete(key: str) -> Response:
    """Delete a saved search."""
    saved_searches.delete(viewer(), key)
    flash(_("The saved search is deleted"))
    return leave(".index")
