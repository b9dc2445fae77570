"""Notifications: what a member is told, and what they have read."""

from datetime import timedelta
from itertools import groupby

from flask import Blueprint, Response, make_response, request
from flask_babel import gettext as _

from webapp import clock
from webapp.domain import events, notifications, people
from webapp.domain.errors import N_, NotFound
from webapp.domain.notifications import Line
from webapp.models.base import from_ms, to_ms
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.htmx import leave, page, wants_part
from webapp.web.numbers import as_numbers
from webapp.web.shell import news_of

bp = Blueprint("notifications", __name__, url_prefix="/notifications")

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@bp.get("")
def index() -> Response:
    """List what the member is told, the newest first; what is shown is marked read by a POST that the page sends."""
    member = viewer()
    shown = paging.at(
        paging.place(paging.Ms, int),
        notifications.lines,
        member,
        after=lambda found, ms, last: notifications.after(found, from_ms(ms), last),
        key=lambda row: (to_ms(row.visible_from), row.id),
    )
    lines = notifications.gather(member, shown.rows)
    now = clock.now()

    def age(line: Line) -> str:
        passed = now - line.row.visible_from
        return N_("Today") if passed < DAY else N_("This week") if passed < WEEK else N_("Earlier")

    return page(
        "notifications/index.html",
        shown=shown,
        groups=[(_(words), list(group)) for words, group in groupby(lines, age)],
        new=[line.row.id for line in lines if line.is_new],
        told=events.KINDS,
        stands=people.standings(member, [row.actor_id for row in shown.rows]),
    )


@bp.get("/people")
def people_of() -> Response:
    """List everybody of one line."""
    kind, about = request.args.get("kind", ""), request.args.get("about", "")
    day = request.args.get("day", default=-1, type=int)
    found = notifications.people(viewer(), kind, about, day)
    place = paging.place(paging.Ms, int)
    if place:
        found = notifications.after(found, from_ms(place[0]), place[1])
    shown = paging.page(found, lambda row: (to_ms(row.visible_from), row.id), is_first=place is None)
    if not shown.rows:
        raise NotFound
    line = {"kind": kind, "about": about or None, "day": day}
    return page("notifications/people.html", shown=shown, told=events.KINDS[kind], line=line)


@bp.get("/news")
def news() -> Response:
    """Tell an open page which numbers stand beside Messages and Notifications now: 204 while they are those it shows."""
    now = news_of(viewer())
    if all(request.args.get(name) == str(number) for name, number in now.items()):
        return make_response("", 204)
    return page("notifications/_news.html", news=now)


@bp.post("/read")
def read() -> Response:
    """Mark as read: what a page has shown, or everything."""
    shown = request.form.get("shown")
    if shown is None:
        notifications.read_all(viewer())
    else:
        notifications.read(viewer(), as_numbers(shown.split(",")[: paging.SIZE]))
    if wants_part():
        return page("notifications/_count.html")
    return leave(".index")
