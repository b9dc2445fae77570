"""Invitations a member has received, sent and ignored: answering, withdrawing, undoing; and the answer by a link in a mail."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from webapp.domain import connections, guests, invitations, links, people, relationships, tickets
from webapp.domain.errors import N_, NotFound
from webapp.extensions import db
from webapp.models.base import from_ms, to_ms
from webapp.models.invitation import GuestInvitation
from webapp.models.member import Member
from webapp.web import paging
from webapp.web.access import public, viewer
from webapp.web.back import leave_back
from webapp.web.errors import INVALID
from webapp.web.filters import day
from webapp.web.htmx import leave, page, wants_part
from webapp.web.undo import by_press, sent_moment

bp = Blueprint("invitations", __name__, url_prefix="/invitations")

NONE = N_("Choose at least one invitation")
CHOSEN = 100
"""Among how many at once several can be chosen."""


def _list(name: str, *, problem: str = "") -> Response:
    me = viewer()
    choosing = name != "ignored" and bool(request.args.get("choose") or problem)
    place = paging.place(paging.Ms, int)
    listed = paging.at(
        place,
        invitations.of,
        me,
        name,
        after=lambda found, ms, last: invitations.after(found, from_ms(ms), last),
        key=lambda row: (to_ms(row.at), row.id),
        size=CHOSEN if choosing else paging.SIZE,
    )
    with_cards = name == "received" and place is None and not choosing
    cards = guests.all_cards(me) if with_cards else []
    ids = [row.id for row in listed.rows] + [other.id for _card, other in cards]
    near = connections.badges(me, ids)
    least = request.args.get("least", type=int)
    return page(
        "invitations/index.html",
        status=INVALID if problem else 200,
        problem=problem and _(problem),
        tab=name,
        home={"received": ".index", "sent": ".sent", "ignored": ".ignored"}[name],
        counts=invitations.counts(me),
        listed=listed,
        cards=cards,
        near=near,
        alike={} if name == "sent" else people.lookalikes(me, ids),
        came_by={} if name == "sent" else links.came_by(me, ids),
        choosing=choosing,
        ticked={row.id for row in listed.rows if least is not None and near[row.id].mutual >= least},
        at={"after": request.args["after"]} if place else {},
        answered=by_press(connections.recently(me, "connected", "ignored")),
    )


@bp.get("")
def index() -> Response:
    """List who asks the viewer to connect."""
    return _list("received")


@bp.get("/sent")
def sent() -> Response:
    """List whom the viewer asked and who has not answered."""
    return _list("sent")


@bp.get("/ignored")
def ignored() -> Response:
    """List whom the viewer ignores."""
    return _list("ignored")


@bp.get("/guests")
def guest_list() -> Response:
    """List the people the viewer invited by mail."""
    me = viewer()
    found, place = guests.mine(me), paging.place(paging.Ms, int)
    if place:
        found = found.where(
            (GuestInvitation.created_at < from_ms(place[0]))
            | ((GuestInvitation.created_at == from_ms(place[0])) & (GuestInvitation.id < place[1]))
        )
    listed = paging.page(found, lambda row: (to_ms(row[0].created_at), row[0].id), is_first=place is None)
    return page("invitations/guests.html", tab="guests", counts=invitations.counts(me), listed=listed)


# What is pressed in a row. Without JavaScript every one leads back to the list, with a sentence on top.


def _someone(handle: str) -> Member:
    """Return whose row it is; NotFound for anybody the viewer may not know of."""
    return people.one_of(viewer(), handle)


def _answer(words: str, other: Any, *, undo: str = "", back: str = ".index", written: bool = False) -> Response:
    """Show what became of it; `written`: there is somebody to write to now."""
    if wants_part():
        return page("invitations/_answered.html", words=words, other=other, undo=undo, written=written)
    flash(words)
    return leave_back(back)


def _back(other: Member) -> Response:
    """Show the invitation again, to be answered."""
    words = _("The invitation is back under Received")
    row = db.session.execute(invitations.of(viewer(), "received").where(Member.id == other.id)).one_or_none()
    if row is None or not wants_part():
        return _answer(words, other)
    near = connections.badges(viewer(), [other.id])
    came_by = links.came_by(viewer(), [other.id])
    return page(
        "invitations/_again.html",
        words=words,
        row=row,
        person=row,
        card=None,
        tab="received",
        near=near,
        came_by=came_by,
    )


@bp.post("/<handle>/accept")
def accept(handle: str) -> Response:
    """Say yes."""
    other = _someone(handle)
    relationships.accept(viewer(), [other])
    undo = url_for(".undo_accept", handle=handle)
    return _answer(_("You and %(name)s are connected", name=other.name), other, undo=undo, written=True)


@bp.post("/<handle>/undo-accept")
def undo_accept(handle: str) -> Response:
    """Take the yes back, before anybody was told."""
    other = _someone(handle)
    relationships.undo_accept(viewer(), [other])
    return _back(other)


@bp.post("/<handle>/ignore")
def ignore(handle: str) -> Response:
    """Put an invitation aside; who asked sees no difference."""
    other = _someone(handle)
    relationships.ignore(viewer(), [other])
    undo = url_for(".undo_ignore", handle=handle)
    return _answer(_("Ignored. %(name)s won't be told", name=other.name), other, undo=undo)


@bp.post("/<handle>/undo-ignore")
def undo_ignore(handle: str) -> Response:
    """Bring an invitation back that was just ignored."""
    other = _someone(handle)
    relationships.undo_ignore(viewer(), [other])
    return _back(other)


@bp.post("/<handle>/never")
def never(handle: str) -> Response:
    """Ignore, and do not be asked by this member again."""
    other = _someone(handle)
    relationships.never_again(viewer(), other)
    undo = url_for(".lift", handle=handle)
    return _answer(_("%(name)s can't ask you again, and won't be told", name=other.name), other, undo=undo)


@bp.post("/<handle>/lift")
def lift(handle: str) -> Response:
    """Let a member ask again."""
    other = _someone(handle)
    relationships.lift(viewer(), other)
    return _answer(_("%(name)s can ask you again", name=other.name), other, back=".ignored")


@bp.post("/<handle>/withdraw")
def withdraw(handle: str) -> Response:
    """Take an invitation back; say from when it may be repeated."""
    other = _someone(handle)
    relationships.withdraw(viewer(), [other])
    stands = people.standing(viewer(), other)
    words = _("The invitation to %(name)s is withdrawn", name=other.name)
    if stands.may_ask_from is not None and stands.status == "withdrawn":
        words += ". " + _("You can invite again on %(date)s", date=day(stands.may_ask_from))
    return _answer(words, other, back=".sent")


@bp.post("/answer")
def answer_several() -> Response:
    """Accept or ignore the ticked invitations in one press, with one undo."""
    me, what = viewer(), request.form.get("do", "")
    verbs = {"accept": relationships.accept, "ignore": relationships.ignore}
    if what not in verbs:
        raise NotFound
    ids = invitations.among(me, "received", request.form.getlist("handle")[:CHOSEN])
    if not ids:
        return _list("received", problem=NONE)
    number = verbs[what](me, ids)
    if number < len(ids):
        flash(_("%(number)s of %(all)s could not be answered now", number=len(ids) - number, all=len(ids)))
    return leave(".index")


@bp.post("/answer/undo")
def undo_answers() -> Response:
    """Take back what one press answered, before anybody was told."""
    number = invitations.undo_answers(viewer(), sent_moment("until"))
    flash(ngettext("%(num)d invitation is back under Received", "%(num)d invitations are back under Received", number))
    return leave_back(".index")


@bp.post("/sent/withdraw")
def withdraw_several() -> Response:
    """Take the ticked invitations back; say from when they may be repeated."""
    me = viewer()
    ids = invitations.among(me, "sent", request.form.getlist("handle")[:CHOSEN])
    if not ids:
        return _list("sent", problem=NONE)
    number = relationships.withdraw(me, ids)
    words = ngettext("%(num)d invitation is withdrawn", "%(num)d invitations are withdrawn", number)
    again = [stand.may_ask_from for stand in people.standings(me, ids).values() if stand.status == "withdrawn"]
    if again and again[0]:
        words += ". " + _("You can invite again on %(date)s", date=day(again[0]))
    flash(words)
    return leave(".sent")


@bp.post("/<handle>/undo")
def undo_one(handle: str) -> Response:
    """Take one invitation back that has not left yet."""
    other = _someone(handle)
    relationships.undo(viewer(), others=[other])
    return _answer(_("Nothing was sent to %(name)s", name=other.name), other, back=".sent")


@bp.post("/undo/<key>")
def undo(key: str) -> Response:
    """Take back what has not left of one press of a sending button."""
    invitations.undo(viewer(), key)
    flash(_("Nothing was sent"))
    return leave_back("connections.network")


@bp.post("/guests/<key>/withdraw")
def withdraw_guest(key: str) -> Response:
    """Take an invitation by mail back; its link is dead at once."""
    if not guests.withdraw(viewer(), [key]):
        raise NotFound
    flash(_("The invitation is withdrawn"))
    return leave(".guest_list")


@bp.post("/cards/<key>/<any(accept, ignore):what>")
def answer_card(key: str, what: str) -> Response:
    """Answer an invitation that came by an address of the viewer's."""
    verbs: dict[str, Callable[[Member, str], GuestInvitation]] = {
        "accept": guests.accept_card,
        "ignore": guests.ignore_card,
    }
    row = verbs[what](viewer(), key)
    other = db.session.get_one(Member, row.inviter_id)
    yes = _("You and %(name)s are connected", name=other.name)
    return _answer(yes if what == "accept" else _("Ignored. %(name)s won't be told", name=other.name), other)


# The link in a mail


@bp.route("/accept/<token>", methods=["GET", "POST"])
@public
def accept_by_mail(token: str) -> Response:
    """Name who asks; one press accepts, for the invited member only, without signing in. Afterwards the link leads to signing in."""
    ticket = tickets.peek("accept", token)
    asked = db.session.get(Member, ticket.member_id) if ticket and ticket.member_id else None
    other = db.session.get(Member, int(ticket.payload["other"])) if ticket else None
    open_now = asked is not None and other is not None and asked.is_visible and other.is_visible
    if not open_now or asked is None or other is None:
        return page("invitations/over.html", status=410)
    status = people.standing(asked, other).status
    wrong = current_user.is_authenticated and viewer().id != asked.id
    if request.method == "GET" or status not in {"received", "ignored"}:
        code = 200 if status in {"received", "ignored", "connected"} else 410
        template = "invitations/accept_by_mail.html" if code == 200 else "invitations/over.html"  # noqa: PLR2004
        return page(template, status=code, asked=asked, other=other, wrong=wrong, state=status)
    relationships.accept(asked, [other])
    tickets.take("accept", token)
    return page("invitations/accept_by_mail.html", asked=asked, other=other, wrong=wrong, state="connected")
