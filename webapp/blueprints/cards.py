"""Private cards: what a member keeps about others, their own words for people, and both as files."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from webapp import spreadsheet
from webapp.config import setting
from webapp.domain import archives, cards, messages, people, profiles
from webapp.domain.cards.vcard import Version
from webapp.domain.errors import Invalid, NotFound
from webapp.models.base import to_ms
from webapp.models.member import Member
from webapp.transaction import transaction, unlocked
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.back import leave_back
from webapp.web.errors import INVALID
from webapp.web.htmx import leave, page, wants_part
from webapp.web.limits import takes
from webapp.web.numbers import as_number

bp = Blueprint("cards", __name__)

FORM_BYTES = cards.FILE_BYTES + 100_000


def _other(handle: str) -> Member:
    """Return somebody else; NotFound for the viewer's own handle, too."""
    other = people.one_of(viewer(), handle)
    if other.id == viewer().id:
        raise NotFound
    return other


# One card


def _card(other: Member, part: str | None = None, **values: Any) -> Response:
    return page(
        "cards/show.html",
        part=f"cards/_{part}.html" if part else None,
        **{
            "other": other,
            "card": cards.overlay(viewer(), other, messages.last_with(viewer(), other)),
            "tags": cards.tags(viewer()),
            "kinds": profiles.KIND_WORDS,
            "intervals": cards.INTERVALS,
            "note_characters": setting("PRIVATE_NOTE_CHARACTERS"),
            "met_characters": cards.MET_CHARACTERS,
            "problems": {},
            "typed": MultiDict(),
            "saved": False,
            **values,
        },
    )


def _save(handle: str, part: str, save: Callable[[Member, Member], None]) -> Response:
    """Save one thing, and show its part of the card again; nothing that was typed is lost."""
    other = _other(handle)
    try:
        save(viewer(), other)
    except Invalid as error:
        return _card(other, part, problems=error.fields, typed=request.form, status=INVALID)
    if wants_part():
        return _card(other, part, saved=True)
    flash(_("Saved"))
    return leave_back(".show", handle=other.handle)


@bp.get("/people/<handle>/card")
def show(handle: str) -> Response:
    """Show the viewer's private card about somebody, each thing to be saved by itself."""
    return _card(_other(handle))


@bp.post("/people/<handle>/card/detail")
def detail(handle: str) -> Response:
    """Add a detail of one's own, in place of one of theirs or beside them; or change the one that is named."""
    names = ("kind", "value", "label", "key", "instead")
    given = {name: request.form.get(name, "") for name in names}
    return _save(handle, "details", lambda me, other: cards.save_detail(me, other, **given))


@bp.post("/people/<handle>/card/remove")
def remove_detail(handle: str) -> Response:
    """Take one's own detail away: theirs counts."""
    key = request.form.get("key", "")
    return _save(handle, "details", lambda me, other: cards.remove_detail(me, other, key))


@bp.post("/people/<handle>/card/keep")
def keep_mine(handle: str) -> Response:
    """Keep one's own detail although theirs has changed."""
    key = request.form.get("key", "")
    return _save(handle, "details", lambda me, other: cards.keep_mine(me, other, key))


@bp.post("/people/<handle>/card/met")
def met(handle: str) -> Response:
    """Keep how the viewer met them."""
    text = request.form.get("met", "")
    return _save(handle, "met", lambda me, other: cards.set_met(me, other, text))


@bp.post("/people/<handle>/card/note")
def note(handle: str) -> Response:
    """Keep a note."""
    text = request.form.get("note", "")
    return _save(handle, "note", lambda me, other: cards.set_note(me, other, text))


@bp.post("/people/<handle>/card/tags")
def tag(handle: str) -> Response:
    """Let somebody have these tags and no others."""
    text = request.form.get("tags", "")
    return _save(handle, "tags", lambda me, other: cards.set_tags(me, other, text))


@bp.post("/people/<handle>/card/every")
def every(handle: str) -> Response:
    """Choose how often to be reminded of them."""
    months = as_number(request.form.get("every", ""))
    return _save(handle, "touch", lambda me, other: cards.set_every(me, other, months))


@bp.post("/people/<handle>/card/spoke")
def spoke(handle: str) -> Response:
    """Note that the viewer spoke with them today."""
    return _save(handle, "touch", cards.spoke_today)


@bp.route("/people/<handle>/card/delete", methods=["GET", "POST"])
def delete(handle: str) -> Response:
    """Ask, then delete all the viewer keeps about somebody."""
    other = _other(handle)
    if request.method == "GET":
        return page("cards/delete.html", part="cards/_delete.html", other=other)
    cards.forget(viewer(), other)
    flash(_("Your private card about %(name)s is deleted", name=other.name))
    return leave("people.show", handle=other.handle)


# All of them


def _index(**values: Any) -> Response:
    shown = {"tags": cards.tags(viewer()), "left": cards.left(viewer()), "problem": "", **values}
    return page("cards/index.html", **shown)


@bp.get("/cards")
def index() -> Response:
    """Show the viewer's tags, the cards about people who left, and the way out and back in."""
    return _index()


@bp.get("/cards/due")
def due() -> Response:
    """List all with whom it is time to get in touch, the longest due first, a page at a time."""
    place = paging.place(paging.Ms, int)

    def key(person: cards.Due) -> tuple[int, int]:
        return to_ms(person.due_at), person.id

    found = [
        each for each in cards.due_people(viewer(), messages.last_sent, None) if place is None or key(each) > place
    ]
    return page("cards/due.html", shown=paging.cut(found, key, is_first=place is None))


@bp.get("/cards/tags/<key>")
def show_tag(key: str) -> Response:
    """Show who has a tag, a page at a time."""
    return _tag(cards.tag_one_of(viewer(), key))


def _tag(tag: cards.TagSeen, **values: Any) -> Response:
    place = paging.place(str, int)
    found = cards.people_with(viewer(), tag.key)
    shown = paging.page(
        cards.after(found, *place) if place else found, lambda row: (row.name_key, row.id), is_first=place is None
    )
    return page("cards/tag.html", **{"tag": tag, "shown": shown, "problems": {}, "typed": MultiDict(), **values})


@bp.post("/cards/tags/<key>/rename")
def rename_tag(key: str) -> Response:
    """Give a tag another name."""
    try:
        cards.rename_tag(viewer(), key, request.form.get("name", ""))
    except Invalid as error:
        return _tag(cards.tag_one_of(viewer(), key), problems=error.fields, typed=request.form, status=INVALID)
    flash(_("Saved"))
    return leave(".show_tag", key=key)


@bp.route("/cards/tags/<key>/delete", methods=["GET", "POST"])
def delete_tag(key: str) -> Response:
    """Ask, then delete a tag."""
    tag = cards.tag_one_of(viewer(), key)
    if request.method == "GET":
        return page("cards/delete_tag.html", part="cards/_delete_tag.html", tag=tag)
    cards.delete_tag(viewer(), key)
    flash(_("The tag is deleted"))
    return leave(".index")


@bp.route("/cards/left/<key>", methods=["GET", "POST"])
def show_left(key: str) -> Response:
    """Show a card about somebody who is not here any more; a POST deletes it."""
    one = cards.left_one(viewer(), key)
    if request.method == "GET":
        return page("cards/left.html", one=one)
    cards.forget_left(viewer(), key)
    flash(_("The card is deleted"))
    return leave(".index")


# As files


def _file(name: str, *parts: Iterable[str]) -> Response:
    response = Response(chain(*parts), mimetype="text/vcard")
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.vcf")
    return response


def _version() -> Version:
    return "3.0" if request.args.get("version") == "3" else "4.0"


@bp.get("/people/<handle>/vcard")
def download_one(handle: str) -> Response:
    """Hand out one person as a vCard: what they share with the viewer, and what the viewer keeps."""
    other = _other(handle)
    return _file(other.handle, cards.vcards(viewer(), _version(), [other.id]))


@bp.get("/cards/tags/<key>/vcard")
def download_tag(key: str) -> Response:
    """Hand out everybody with a tag."""
    tag = cards.tag_one_of(viewer(), key)
    return _file("tag", cards.vcards(viewer(), _version(), cards.tagged(viewer(), tag.key)))


@bp.get("/cards/vcard")
def download_all() -> Response:
    """Hand out everybody the viewer is connected to or keeps something about."""
    me, version = viewer(), _version()
    return _file("cards", cards.vcards(me, version, cards.everybody(me)), cards.vcards_of_left(me, version))


@bp.get("/cards/csv")
def download_csv() -> Response:
    """Hand out all connections as a table for a spreadsheet: what each shares with the viewer, and what the viewer keeps."""
    people = archives.known(viewer())
    response = Response(spreadsheet.csv_lines(archives.HEADER, archives.table(people)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename="connections.csv")
    return response


@bp.post("/cards")
@takes(FORM_BYTES)
@unlocked
def take() -> Response:
    """Bring back a file of cards that was downloaded here; read before anything is locked."""
    try:
        given = request.files.get("file")
        found = cards.parse(given.read() if given else b"")
    except Invalid as error:
        return _index(problem=error.fields["file"], status=INVALID)
    with transaction():
        taken = cards.take(viewer(), found)
    flash(
        ngettext("%(num)d card changed", "%(num)d cards changed", taken.changed)
        + (" · " + ngettext("%(num)d was the same", "%(num)d were the same", taken.same) if taken.same else "")
        + (
            " · " + ngettext("%(num)d is about nobody here", "%(num)d are about nobody here", taken.unknown)
            if taken.unknown
            else ""
        )
    )
    return leave(".index")
