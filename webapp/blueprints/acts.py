"""What operators did about a member, for that member: in Settings, and on the one page there is while they are suspended."""

from flask import Blueprint, Response

from webapp.domain import acts, joining, leaving, silence
from webapp.web import paging
from webapp.web.access import viewer, while_suspended
from webapp.web.htmx import leave, page

bp = Blueprint("acts", __name__)


@bp.app_context_processor
def _words() -> dict[str, object]:
    return {"deeds": acts.DONE}


@bp.get("/settings/operators")
def index() -> Response:
    """List what operators did about the member, the latest first, with when and why."""
    place = paging.place(int)
    shown = paging.page(acts.of(viewer(), *(place or ())), lambda row: (row.Act.number,), is_first=place is None)
    until = silence.ends(viewer())
    return page(
        "acts/index.html", shown=shown, until=until, open_ended=until is not None and silence.is_open_ended(until)
    )


@bp.get("/suspended")
@while_suspended
def suspended() -> Response:
    """Say that the member is suspended, since when and why; for everybody else there is no such page."""
    if joining.of(viewer()) is not None:
        return leave("joining.waiting")
    if viewer().suspended_at is None:
        return leave("public.home")
    return page("acts/suspended.html", acts=acts.own(viewer()), condemned=leaving.condemned(viewer()))
