"""My network: who a member is connected to, who asks, who could be, and the way a connection ends."""

from typing import Any

from flask import Blueprint, Response, flash, request, session
from flask_babel import gettext as _

from webapp import addresses
from webapp.domain import accounts, connections, guests, invitations, people, suggestions
from webapp.extensions import db
from webapp.models.base import from_ms, to_ms
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.htmx import leave, page, wants_part

bp = Blueprint("connections", __name__)

SHOWN = 6
ASKING = 3
FACES = 3
SEARCH_CHARACTERS = 100


@bp.get("/network")
def network() -> Response:
    """Show a member's network at a glance; to somebody new, the way to fill it."""
    member = viewer()
    asking = db.session.execute(invitations.of(member, "received").limit(ASKING)).all()
    cards = db.session.execute(guests.cards(member).limit(ASKING)).all()
    return page(
        "connections/network.html",
        address=accounts.primary_address(member),
        members=0 if member.degree else people.total() - 1,
        faces=[] if member.degree else db.session.execute(people.best_connected(member).limit(FACES)).all(),
        removed=connections.recently_removed(member),
        counts=invitations.counts(member),
        asking=asking,
        cards=cards,
        near=connections.badges(member, [row.id for row in asking] + [other.id for _card, other in cards]),
        newest=db.session.execute(connections.of(member).limit(SHOWN)).all(),
        suggested=suggestions.of(member, suggestions.AT_A_GLANCE),
    )


@bp.post("/network/find")
def find() -> Response:
    """Take the address along to Find connections; it stands in no address bar and in no log."""
    session["contacts_address"] = request.form.get("address", "").strip()[: addresses.ADDRESS_OCTETS]
    return leave("contacts.index")


def _listed() -> dict[str, Any]:
    """Return the list as the address asks for it: its search, its order, one page of it."""
    q = request.values.get("q", "").strip()[:SEARCH_CHARACTERS]
    asked = request.values.get("sort", "")
    order: connections.Order = "first" if asked == "first" else "last" if asked == "last" else "recent"
    found = connections.of(viewer(), search=q, order=order)
    place = paging.place(int if order == "recent" else str, int)
    if place:
        found = connections.after(found, order, from_ms(place[0]) if order == "recent" else place[0], place[1])
    keys = {"recent": "since", "first": "name_key", "last": "sort_key"}

    def key(row: Any) -> tuple[str | int, int]:
        value = getattr(row, keys[order])
        return (to_ms(value) if order == "recent" else value, row.id)

    view = {name: value for name, value in (("q", q), ("sort", "" if order == "recent" else order)) if value}
    return {
        "shown": paging.page(found, key, is_first=place is None),
        "q": q,
        "order": order,
        "view": view,
        "place": view | ({"after": request.values["after"]} if place else {}),
    }


@bp.get("/connections")
def index() -> Response:
    """List all connections: searched, sorted, a page at a time, all of it in the address."""
    removed = [] if wants_part() else connections.recently_removed(viewer())
    return page(
        "connections/index.html",
        part="connections/_list.html",
        total=connections.count(viewer()),
        removed=removed,
        **_listed(),
    )


def _place() -> dict[str, str]:
    """Return where the press was made: on the profile, or in which list, to bring the row back there."""
    kept = {name: request.values.get(name, "")[: paging.CURSOR_CHARACTERS] for name in ("q", "sort", "after", "on")}
    return {name: value for name, value in kept.items() if value}


def _leave_to_place(handle: str) -> Response:
    place = _place()
    return leave("people.show", handle=handle) if place.pop("on", "") == "profile" else leave(".index", **place)


@bp.route("/connections/<handle>/remove", methods=["GET", "POST"])
def remove(handle: str) -> Response:
    """Ask, then end a connection: the row goes, the number is one less, and Undo is offered. Removing twice is one removal."""
    member = viewer()
    if request.method == "GET":
        other = connections.one_of(member, handle)
        return page("connections/remove.html", part="connections/_remove.html", other=other, place=_place())
    other = people.one_of(member, handle)
    connections.remove(member, other)
    if wants_part():
        return page("connections/_removed.html", other=other, total=connections.count(member), place=_place())
    return _leave_to_place(handle)


@bp.post("/connections/<handle>/restore")
def restore(handle: str) -> Response:
    """Bring back a connection that was just removed, where it was in the list."""
    member = viewer()
    other = people.one_of(member, handle)
    connections.restore(member, other)
    text = _("You and %(name)s are connected again", name=other.name)
    if wants_part():
        return page("connections/_restored.html", focus=handle, total=connections.count(member), text=text, **_listed())
    flash(text)
    return _leave_to_place(handle)
