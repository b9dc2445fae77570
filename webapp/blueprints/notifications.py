"""Notifications: what a member is told, and what they have read."""

from datetime import timedelta
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from webapp import clock
from webapp.domain import events, notifications, people
from webapp.models.base import from_ms, to_ms
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.htmx import leave, page, wants_part

bp = Blueprint("notifications", __name__, url_prefix="/notifications")

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
ID_DIGITS = 18  # what fits into 64 bit


@bp.get("")
def index() -> Response:
    """List what the member is told, the newest first; what is shown is marked read by a POST that the page sends."""
    member = viewer()
    place = paging.place(int, int)
    found = notifications.of(member)
    if place:
        found = notifications.after(found, from_ms(place[0]), place[1])
    shown = paging.page(found, lambda row: (to_ms(row.visible_from), row.id), is_first=place is None)
    now = clock.now()

    def age(row: Any) -> str:
        passed = now - row.visible_from
        return _("Today") if passed < DAY else _("This week") if passed < WEEK else _("Earlier")

    return page(
        "notifications/index.html",
        shown=shown,
        groups=[(words, list(rows)) for words, rows in groupby(shown.rows, age)],
        new=[row.id for row in shown.rows if row.read_at is None],
        told=events.KINDS,
        stands=people.standings(member, [row.actor_id for row in shown.rows]),
    )


@bp.post("/read")
def read() -> Response:
    """Mark as read: what a page has shown, or everything."""
    shown = request.form.get("shown")
    if shown is None:
        notifications.read_all(viewer())
    else:
        parts = shown.split(",")[: paging.SIZE]
        numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= ID_DIGITS]
        notifications.read(viewer(), numbers)
    if wants_part():
        return page("notifications/_count.html")
    return leave(".index")
