"""Messages: the list of conversations, one of them, beginning one, and what is done to a message."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, Response, flash, make_response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import TextAreaField

from webapp import clock, tokens
from webapp.config import setting
from webapp.domain import cards, connections, messages, people
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.domain.messages import Line, Talk
from webapp.domain.names import fold
from webapp.extensions import db
from webapp.models.base import LAST_ID, LAST_MS, to_ms
from webapp.models.member import Member
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.errors import INVALID, show_on
from webapp.web.filters import day
from webapp.web.htmx import leave, page, wants_part
from webapp.web.numbers import as_number

bp = Blueprint("messages", __name__, url_prefix="/messages")

SHOWN = 50
CHOSEN = 50
SEARCH_CHARACTERS = 100
TAGGED = 200
"""How many with one tag are offered to choose from, where they are more than a conversation can have."""
FRESH = 20
"""How many messages that may still be taken back an open page asks about at most."""


class MessageForm(FlaskForm):
    """A message."""

    body = TextAreaField(lazy_gettext("Message"))


# The list


@dataclass(frozen=True)
class Spaced:
    """A message in its place: under a new day, or after somebody else's."""

    line: Line
    day: str
    turns: bool


def _spaced(lines: Sequence[Line], before: Line | None = None) -> list[Spaced]:
    found = []
    for line in lines:
        begins = before is None or before.sent_at.date() != line.sent_at.date()
        turns = before is not None and (before.mine, before.handle) != (line.mine, line.handle)
        found.append(Spaced(line, _day(line.sent_at.date()) if begins else "", turns))
        before = line
    return found


def _day(of: date) -> str:
    passed = (clock.now().date() - of).days
    return _("Today") if passed == 0 else _("Yesterday") if passed == 1 else day(of)


def _number(name: str, most: int = LAST_ID) -> int:
    """Return a number of the address; 0 for anything else."""
    return as_number(request.values.get(name, ""), most) or 0


def _rows(box: messages.Box) -> dict[str, Any]:
    """Return one page of the list, with who is in its groups and how many requests wait."""
    member, place = viewer(), paging.place(int)
    shown = paging.at(place, messages.listed, member, box, after=messages.older_than, key=lambda row: (row.last_id,))
    groups = [row.id for row in shown.rows if row.kind == "group"]
    return {"shown": shown, "people": messages.names_in(member, groups), "box": box}


def _talk(talk: Talk, form: MessageForm | None = None) -> dict[str, Any]:
    """Return what the pane of one conversation shows."""
    member = viewer()
    earlier = _number("before") or None
    lines = messages.before(member, talk, earlier, SHOWN + 1)
    more = len(lines) > SHOWN
    lines = lines[-SHOWN:]
    return (
        _box(talk, form or MessageForm(formdata=None))
        | {
            "lines": _spaced(lines),
            "more": lines[0].id if more else 0,
            "earlier": earlier,
            "last": lines[-1].id if lines and not earlier else talk.last_id,
            "final": lines[-1] if lines else None,
            "client": tokens.new(),
        }
        | _standing(talk, lines)
    )


def _standing(talk: Talk, lines: Sequence[Line]) -> dict[str, Any]:
    """Return what an open page asks with next: which of its messages may still be taken back, and the moment; and who has read."""
    return {
        "seen": messages.seen_by_all(viewer(), talk),
        "fresh": ",".join(line.key for line in lines if messages.may_undo(line.sent_at)),
        "may_undo": messages.may_undo,
        "at": to_ms(clock.now()),
    }


def _box(talk: Talk, form: MessageForm) -> dict[str, Any]:
    """Return what the place to write in needs."""
    others = messages.people_in(viewer(), talk) if talk.kind == "group" else []
    waits = talk.other is not None and talk.state != "open"
    alike = people.lookalikes(viewer(), [talk.other.id]) if waits and talk.other else {}
    return {"talk": talk, "others": others, "alike": alike, "form": form, "most": setting("MESSAGE_CHARACTERS")}


@bp.get("")
def index() -> Response:
    """List the conversations, the latest first; where there is room, the latest is open beside."""
    rows = _rows("open")
    first = next(iter(rows["shown"].rows), None)
    opened = _talk(messages.one_of(viewer(), first.key)) if first is not None else {"talk": None}
    return page("messages/show.html", only="list", waiting=messages.requests(viewer()), **rows, **opened)


@bp.get("/requests")
def requests() -> Response:
    """List who wrote without being connected and waits for an answer; or those that were put aside."""
    box: messages.Box = "ignored" if request.args.get("box") == "ignored" else "request"
    return page("messages/requests.html", **_rows(box))


@bp.get("/search")
def search() -> Response:
    """Find messages of one's own conversations by words."""
    q = request.args.get("q", "").strip()[:SEARCH_CHARACTERS]
    place = paging.place(int)
    shown = None
    if q:
        found = messages.found(viewer(), q)
        found = messages.older_than(found, place[0]) if place else found
        shown = paging.page(found, lambda row: (row.id,), is_first=place is None)
    return page("messages/search.html", part="messages/_found.html", q=q, shown=shown)


# One conversation


@bp.get("/<key>")
def show(key: str) -> Response:
    """Show a conversation, the latest messages last, with the list beside it where there is room."""
    return page("messages/show.html", **_shown(messages.one_of(viewer(), key)))


def _shown(talk: Talk, form: MessageForm | None = None) -> dict[str, Any]:
    """Return what the page of one conversation shows."""
    box: messages.Box = "open" if talk.state == "open" else "request"
    return {"only": "talk", "waiting": messages.requests(viewer()), **_rows(box), **_talk(talk, form)}


@bp.post("/<key>")
def send(key: str) -> Response:
    """Send a message: its line and a fresh form, or the page with what was typed where it cannot be sent."""
    member = viewer()
    form = MessageForm()
    try:
        messages.send(member, key, form.body.data or "", request.form.get("client", ""))
    except (Invalid, Refused) as error:
        if wants_part():
            raise
        return show_on(form, error, "messages/show.html", **_shown(messages.one_of(member, key), form))
    if not wants_part():
        return leave(".show", key=key, _anchor="last")
    return _news(key, sent=True)


def _news(key: str, *, sent: bool = False) -> Response:
    """Return what came after the last message the page shows, what changed before it, and where to look next."""
    member = viewer()
    talk = messages.one_of(member, key)
    after = _number("after")
    known = messages.before(member, talk, after + 1, 1)
    asked = [each for each in request.values.get("fresh", "").split(",") if each][:FRESH]
    there = messages.these(member, talk, asked)
    lines = messages.after(member, talk, after, SHOWN)
    return page(
        "messages/_news.html",
        talk=talk,
        lines=_spaced(lines, known[-1] if known else None),
        changed=messages.changed(member, talk, after, _number("at", LAST_MS), SHOWN),
        gone=set(asked) - {line.key for line in there},
        last=lines[-1].id if lines else after,
        final=next(reversed([*known, *lines]), None),
        sent=sent,
        client=tokens.new(),
        **_standing(talk, [*there, *lines]),
    )


@bp.get("/<key>/news")
def news(key: str) -> Response:
    """Tell an open page what is new: 204, after one question to the database, as long as nothing is."""
    now = messages.version(viewer(), key)
    if now is None:
        raise NotFound
    if now == _number("version"):
        return make_response("", 204)
    return _news(key)


@bp.post("/<key>/read")
def read(key: str) -> Response:
    """Note that what a page has shown was read."""
    all_read = messages.mark_read(viewer(), key, _number("last"))
    if wants_part():
        return page("messages/_count.html", key=key, all_read=all_read)
    return leave(".show", key=key)


@bp.post("/<key>/accept")
def accept(key: str) -> Response:
    """Take a request: both can write from now on."""
    messages.accept(viewer(), key)
    return leave(".show", key=key)


@bp.post("/<key>/ignore")
def ignore(key: str) -> Response:
    """Put a request aside; nobody is told."""
    messages.ignore(viewer(), key)
    flash(_("The request is put aside. Nobody is told"))
    return leave(".requests")


@bp.post("/<key>/mute")
def mute(key: str) -> Response:
    """Let a conversation be quiet, or not any more."""
    on = request.form.get("on") == "1"
    messages.mute(viewer(), key, on=on)
    flash(_("This conversation is quiet now") if on else _("This conversation is counted again"))
    return leave(".show", key=key)


@bp.route("/<key>/leave", methods=["GET", "POST"], endpoint="leave")
def leave_group(key: str) -> Response:
    """Ask, then leave a group."""
    talk = messages.one_of(viewer(), key)
    if request.method == "GET":
        if talk.kind != "group" or talk.until_id is not None:
            raise NotFound
        return page("messages/leave.html", part="messages/_leave.html", talk=talk)
    messages.leave(viewer(), key)
    flash(_("You left the conversation"))
    return leave(".index")


@bp.route("/<key>/people", methods=["GET", "POST"])
def group(key: str) -> Response:
    """Show who is in a group, and add connections to it."""
    member = viewer()
    talk = messages.one_of(member, key)
    if talk.kind != "group":
        raise NotFound
    form = FlaskForm()
    others = messages.people_in(member, talk)
    values = {"talk": talk, "others": others, **_choices(others)}
    if request.method == "GET":
        return page("messages/group.html", form=form, **values)
    if values["problem"]:
        return page("messages/group.html", form=form, status=INVALID, **values)
    try:
        messages.add(member, key, values["chosen"])
    except Invalid as error:
        return show_on(form, error, "messages/group.html", **values)
    flash(_("Added. They see what is written from now on"))
    return leave(".show", key=key)


@bp.get("/<key>/export/<any(text, json):form>")
def export(key: str, form: str) -> Response:
    """Send a conversation as a file."""
    member = viewer()
    talk = messages.one_of(member, key)
    lines = messages.exported(member, talk)
    title = talk.name or (talk.other.name if talk.other else _("Former member"))
    if form == "text":
        response = make_response(messages.as_text(lines, member.name, _("Former member")))
        response.mimetype = "text/plain"
    else:
        response = make_response(
            {
                "conversation": title,
                "messages": [
                    {
                        "at": line.sent_at.isoformat(),
                        "by": member.name if line.mine else line.author,
                        "text": line.body,
                        "edited": line.edited,
                        "deleted": line.deleted,
                    }
                    for line in lines
                ],
            }
        )
    stem = re.sub(r"[^a-z0-9]+", "-", fold(title)).strip("-")[:60] or "conversation"
    ending = "txt" if form == "text" else "json"
    response.headers["Content-Disposition"] = f'attachment; filename="{stem}.{ending}"'
    return response


# One message


def _line(key: str, message_key: str) -> tuple[Talk, Line]:
    member = viewer()
    talk = messages.one_of(member, key)
    return talk, messages.line(member, talk, message_key)


@bp.get("/<key>/<message>")
def options(key: str, message: str) -> Response:
    """Show what can be done with a message."""
    talk, line = _line(key, message)
    changeable = line.mine and not line.deleted and messages.may_change(line.sent_at)
    return page("messages/options.html", part="messages/_options.html", talk=talk, line=line, changeable=changeable)


@bp.post("/<key>/<message>/undo")
def undo(key: str, message: str) -> Response:
    """Take a message back that was sent just now; its text goes back into the form."""
    member = viewer()
    text = messages.undo(member, key, message).body
    talk, form = messages.one_of(member, key), MessageForm(formdata=None)
    if wants_part():
        return page("messages/_undone.html", text=text, **_box(talk, form))
    form.body.data = text  # shown at once: another page would have to be told the text in its address or in a cookie
    flash(_("Nothing was sent"))
    return page("messages/show.html", **_shown(talk, form))


@bp.route("/<key>/<message>/edit", methods=["GET", "POST"])
def edit(key: str, message: str) -> Response:
    """Change a message that was sent a short while ago."""
    talk, line = _line(key, message)
    form = MessageForm()
    values: dict[str, Any] = {"talk": talk, "line": line, "most": setting("MESSAGE_CHARACTERS")}
    if request.method == "GET":
        if not line.mine or line.deleted:
            raise NotFound
        form.body.data = line.body
        return page("messages/edit.html", form=form, **values)
    try:
        messages.edit(viewer(), key, message, form.body.data or "")
    except (Invalid, Refused) as error:
        return show_on(form, error, "messages/edit.html", **values)
    return leave(".show", key=key, _anchor=f"message-{message}")


@bp.post("/<key>/<message>/delete")
def delete(key: str, message: str) -> Response:
    """Delete a message, for everybody or for oneself."""
    for_all = request.form.get("for") == "all"
    if for_all:
        messages.delete_for_all(viewer(), key, message)
    else:
        messages.delete_for_me(viewer(), key, message)
    flash(_("The message is deleted"))
    return leave(".show", key=key, _anchor=f"message-{message}" if for_all else "last")  # Tab goes on from there


# Beginning one


def _named() -> list[Member]:
    """Return whom the form names, each once; NotFound for somebody the viewer may not know of."""
    handles = [handle for handle in dict.fromkeys(request.values.getlist("to")) if handle][: CHOSEN + 1]
    return people.all_of(viewer(), handles) if handles else []


def _choices(present: Sequence[Any] = ()) -> dict[str, Any]:
    """Return connections to choose from, as the search says, without who is there already; and who is chosen.

    A tag, named by its key, chooses everybody who has it; where that is more than a conversation can have, they are what is chosen from.
    """
    member = viewer()
    q = request.values.get("q", "").strip()[:SEARCH_CHARACTERS]
    tag, chosen = request.values.get("tag", ""), _named()
    values: dict[str, Any] = {"q": q, "tags": cards.tags(member), "chosen": chosen, "problem": ""}
    if tag:
        if tag not in {each.key for each in values["tags"]}:
            raise NotFound
        known = {each.id for each in (*chosen, *present)}
        tagged = [each for each in connections.tagged(member, tag, TAGGED) if each.id not in known]
        most = setting("GROUP_MEMBERS_MAX")
        if len(tagged) + len(known) >= most:
            text = _(
                "A conversation has at most %(most)s people, and more have this tag. Choose among them.", most=most
            )
            return values | {"found": tagged, "problem": text}
        if not tagged and not known:
            values["problem"] = _("None of your connections has this tag.")
        values["chosen"] = [*chosen, *tagged]
    there = {each.id for each in (*values["chosen"], *present)}
    found = db.session.execute(connections.of(member, search=q, order="recent").limit(paging.SIZE)).all()
    return values | {"found": [row for row in found if row.id not in there]}


@bp.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Choose to whom, then write. One person leads to the conversation with them, where there is one."""
    member = viewer()
    form = MessageForm()
    choices = _choices() if request.method == "GET" else {"chosen": _named()}
    chosen: list[Member] = choices["chosen"]
    if request.method == "GET" and ("choose" in request.args or not chosen or choices["problem"]):
        return page("messages/choose.html", **choices)
    if not chosen:
        raise NotFound
    if len(chosen) == 1 and request.method == "GET":
        key = messages.between(member, chosen[0])
        if key is not None:
            return leave(".show", key=key, _anchor="last")
        if not messages.may_write_to(member, chosen[0]):
            raise Refused(messages.NOT_OPEN, name=chosen[0].name)
    values: dict[str, Any] = {
        "chosen": chosen,
        "most": setting("MESSAGE_CHARACTERS"),
        "name": request.values.get("name", ""),
    }
    client = request.form.get("client") or tokens.new()
    if request.method == "GET":
        return page("messages/new.html", form=form, client=client, **values)
    try:
        key = _begin(chosen, form.body.data or "", client)
    except (Invalid, Refused, TooMany) as error:
        return show_on(form, error, "messages/new.html", client=client, **values)
    return leave(".show", key=key, _anchor="last")


def _begin(chosen: list[Member], body: str, client: str) -> str:
    if len(chosen) == 1:
        return messages.key_of(messages.write_to(viewer(), chosen[0], body, client))
    return messages.key_of(messages.write_to_group(viewer(), chosen, request.form.get("name", ""), body, client))
