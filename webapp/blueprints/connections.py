"""My network: who a member is connected to, who asks, who could be, and the way a connection ends."""

from typing import Any

from flask import Blueprint, Response, flash, request, session
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp import addresses
from webapp.domain import (
    accounts,
    cards,
    connections,
    feed,
    guests,
    introductions,
    invitations,
    messages,
    people,
    profiles,
    suggestions,
)
from webapp.domain.connections import FILTERS
from webapp.domain.errors import N_, Invalid, Refused
from webapp.extensions import db
from webapp.models.base import from_ms, to_ms
from webapp.models.built import first_of
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.errors import INVALID, sentence
from webapp.web.htmx import leave, page, wants_part
from webapp.web.undo import by_press, sent_moment

bp = Blueprint("connections", __name__)

SHOWN = 6
ASKING = 3
FACES = 3
SEARCH_CHARACTERS = 100
FILTER_CHARACTERS = 120
ORDERS: dict[str, connections.Order] = {"first": "first", "last": "last", "contact": "contact"}
ORDERED_BY: dict[str, type] = {"recent": paging.Ms, "first": str, "last": str, "contact": int}
"""What stands in the place of a row, by the order of the list."""
CHOSEN = 100
"""Among how many at once several can be chosen."""
FILTER_WORDS = {"field": N_("Field"), "company": N_("Organisation"), "place": N_("Place"), "cohort": N_("Year")}


@bp.get("/network")
def network() -> Response:
    """Show a member's network at a glance; to somebody new, the way to fill it."""
    member = viewer()
    address, counts = accounts.primary_address(member), invitations.counts(member)
    lately = connections.recently(member, "removed", "connected", "ignored")
    if not (counts["connections"] or lately or counts["received"] or counts["sent"]):
        faces = db.session.execute(people.best_connected(member).limit(FACES)).all()
        return page("connections/start.html", address=address, members=people.total() - 1, faces=faces)
    asking = first_of(ASKING, invitations.of, member, "received") if counts["received"] > counts["cards"] else []
    sent = first_of(ASKING, guests.cards, member) if counts["cards"] else []
    ids = [row.id for row in asking] + [other.id for _card, other in sent]
    return page(
        "connections/network.html",
        address=address,
        removed=by_press([row for row in lately if row.state == "removed"]),
        answered=by_press([row for row in lately if row.state != "removed"]),
        counts=counts,
        asking=asking,
        cards=sent,
        introductions=first_of(ASKING, introductions.waiting, member),
        near=connections.badges(member, ids),
        alike=people.lookalikes(member, ids),
        due_most=cards.DUE,
        due=cards.due_people(member, messages.last_sent, cards.DUE + 1),
        newest=first_of(SHOWN, connections.newest, member),
        suggested=suggestions.of(member, suggestions.AT_A_GLANCE),
    )


@bp.post("/network/find")
def find() -> Response:
    """Take the address along to Find connections; it stands in no address bar and in no log."""
    session["contacts_address"] = request.form.get("address", "").strip()[: addresses.ADDRESS_OCTETS]
    return leave("contacts.index")


def _listed() -> dict[str, Any]:
    """Return the list as the address asks for it: its search, its filters, its order, one page of it."""
    q = request.values.get("q", "").strip()[:SEARCH_CHARACTERS]
    asked = request.values.get("sort", "")
    order: connections.Order = ORDERS.get(asked, "recent")
    quiet = request.values.get("quiet") == "1"
    given = {name: request.values.get(name, "").strip()[:FILTER_CHARACTERS] for name in FILTERS}
    if given["field"] not in profiles.FIELDS:  # it stands on the page as one of our own words, and may be no other
        given["field"] = ""
    only: dict[connections.Filter, str] = {name: value for name, value in given.items() if value}
    tag = _tag()
    choosing = bool(request.values.get("choose"))
    place = paging.place(ORDERED_BY[order], int)
    is_narrowed = bool(q or only or quiet or tag)
    keys = {"recent": "since", "first": "name_key", "last": "sort_key", "contact": "last_id"}

    def key(row: Any) -> tuple[str | int, int]:
        value = getattr(row, keys[order])
        return (to_ms(value) if order == "recent" else value, row.id)

    asked_for: dict[str, str] = {
        "q": q,
        "sort": "" if order == "recent" else order,
        "choose": "1" if choosing else "",
        "quiet": "1" if quiet else "",
        "tag": tag.key if tag else "",
    }
    size, matches = CHOSEN if choosing else paging.SIZE, None
    if order == "recent" and not is_narrowed and place is None:
        shown = paging.first(connections.newest, viewer(), key=key, size=size)
    else:
        talks = messages.with_each(viewer()) if order == "contact" or quiet else None
        found = connections.of(
            viewer(), search=q, order=order, only=only, tag=tag.key if tag else "", talks=talks, quiet=quiet
        )
        matches = people.count(found) if is_narrowed else None
        if place:
            found = connections.after(found, order, from_ms(place[0]) if order == "recent" else place[0], place[1])
        shown = paging.page(found, key, is_first=place is None, size=size)
    view = {name: value for name, value in asked_for.items() if value} | {str(name): only[name] for name in only}
    return {
        "shown": shown,
        "muted": set() if choosing else feed.muted_among(viewer(), [row.id for row in shown.rows]),
        "q": q,
        "order": order,
        "only": only,
        "quiet": quiet,
        "tag": tag,
        "matches": matches,
        "most": people.COUNTED,
        "choosing": choosing,
        "ticked": request.values.get("all") == "1",
        "view": view,
        "place": view | ({"after": request.values["after"]} if place else {}),
        "words": FILTER_WORDS,
    }


def _tag() -> cards.TagSeen | None:
    """Return the viewer's tag that the address names by its key, which says nothing to others; NotFound where it is not theirs."""
    key = request.values.get("tag", "")
    return cards.tag_one_of(viewer(), key) if key else None


def _removals() -> list[list[Any]]:
    """Return what can be brought back, one list for each press."""
    return by_press(connections.recently(viewer(), "removed"))


@bp.get("/connections")
def index() -> Response:
    """List all connections: searched, filtered, sorted, a page at a time, all of it in the address."""
    return page(
        "connections/index.html",
        part="connections/_found.html",
        total=connections.count(viewer()),
        removed=[] if wants_part() else _removals(),
        **_listed(),
    )


@bp.get("/connections/filter")
def choose_filter() -> Response:
    """Offer what the viewer's own connections can be filtered by."""
    return page(
        "connections/filter.html",
        part="connections/_filters.html",
        options=connections.options(viewer()),
        tags=cards.tags(viewer()),
        **_listed(),
    )


def _place() -> dict[str, str]:
    """Return where the press was made: on the profile, or in which list, to bring the row back there."""
    names = ("q", "sort", "after", "on", "choose", "quiet", "tag", *FILTERS)
    kept = {name: request.values.get(name, "")[: paging.CURSOR_CHARACTERS] for name in names}
    return {name: value for name, value in kept.items() if value}


def _leave_to_place(handle: str) -> Response:
    place = _place()
    return leave("people.show", handle=handle) if place.pop("on", "") == "profile" else leave(".index", **place)


@bp.route("/connections/remove", methods=["GET", "POST"])
def remove_several() -> Response:
    """Name the chosen ones and ask, then end these connections in one press, with one undo for all."""
    member = viewer()
    chosen = connections.among(member, request.values.getlist("handle")[:CHOSEN])
    if request.method == "GET":
        if not chosen:
            raise Invalid(handle=N_("Choose at least one connection"))
        return page(
            "connections/remove_several.html", part="connections/_remove_several.html", chosen=chosen, place=_place()
        )
    notes_too = bool(request.form.get("notes"))
    number = connections.remove(member, *(row.id for row in chosen), notes_too=notes_too) if chosen else 0
    if wants_part():
        return page("connections/_removed_several.html", removed=_removals(), number=number, **_after_removal())
    return leave(".index", **_place())


@bp.route("/connections/tag", methods=["GET", "POST"])
def tag_several() -> Response:
    """Ask for words of the viewer's own, then give them to the chosen ones beside those they have."""
    member = viewer()
    chosen = connections.among(member, request.values.getlist("handle")[:CHOSEN])
    if not chosen:
        raise Invalid(handle=N_("Choose at least one connection"))
    text = request.form.get("tags", "")
    values: dict[str, Any] = {"chosen": chosen, "place": _place(), "typed": text, "tags": cards.tags(member)}
    if request.method == "GET":
        return page("connections/tag_several.html", part="connections/_tag_several.html", problem="", **values)
    try:
        cards.add_tags(member, [row.id for row in chosen], text)
    except (Invalid, Refused) as error:
        problem = _(error.fields["tags"]) if isinstance(error, Invalid) else sentence(error)
        return page("connections/tag_several.html", status=INVALID, problem=problem, **values)
    flash(_("Saved"))
    return leave(".index", **_place())


@bp.post("/connections/restore")
def restore_several() -> Response:
    """Bring back all that was removed in one press."""
    number = connections.restore_removed_at(viewer(), sent_moment("until"))
    text = ngettext("%(num)d connection is back", "%(num)d connections are back", number)
    if wants_part():
        return page("connections/_restored.html", focus="", text=text, **_after_removal())
    flash(text)
    return leave(".index", **_place())


def _after_removal() -> dict[str, Any]:
    """Return the list and its number as they are now."""
    return {"total": connections.count(viewer()), **_listed()}


@bp.route("/connections/<handle>/remove", methods=["GET", "POST"])
def remove(handle: str) -> Response:
    """Ask, then end a connection: the row goes, the number is one less, and Undo is offered. Removing twice is one removal."""
    member = viewer()
    if request.method == "GET":
        other = connections.one_of(member, handle)
        return page("connections/remove.html", part="connections/_remove.html", other=other, place=_place())
    other = people.one_of(member, handle)
    connections.remove(member, other, notes_too=bool(request.form.get("notes")))
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
        return page("connections/_restored.html", focus=handle, text=text, **_after_removal())
    flash(text)
    return _leave_to_place(handle)
