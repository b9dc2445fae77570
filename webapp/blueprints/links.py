"""Invitation links: making and closing one, printing it, seeing who came by it; and the page that it leads to."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from flask_babel import lazy_gettext, lazy_ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields import SelectChoice

from webapp.config import setting
from webapp.domain import accounts, connections, invitations, joining, links, people
from webapp.domain.errors import Invalid, Refused
from webapp.models.link import InviteLink
from webapp.models.member import Member
from webapp.transaction import transaction, unlocked
from webapp.web import paging
from webapp.web.access import public, sign_in_and_back, viewer, viewer_or_none
from webapp.web.errors import show_on
from webapp.web.htmx import leave, page
from webapp.web.numbers import as_number
from webapp.web.signing_up import say_met, sign_up

bp = Blueprint("links", __name__)


def _number(text: object) -> int:
    """Return the number that was chosen; 0, which is never offered, for what is none."""
    return as_number(text) or 0


class LinkForm(FlaskForm):
    """What a new link is for, how long it is open, and for how many."""

    comment = StringField(lazy_gettext("What it is for"))
    days = SelectField(
        lazy_gettext("Open for"),
        coerce=_number,
        choices=[SelectChoice(days, lazy_ngettext("%(num)d day", "%(num)d days", days)) for days in links.DAYS],
        default=30,
        validate_choice=False,
    )
    uses = SelectField(
        lazy_gettext("At most"),
        coerce=_number,
        choices=[SelectChoice(uses, lazy_ngettext("%(num)d person", "%(num)d people", uses)) for uses in links.USES],
        default=50,
        validate_choice=False,
    )
    connects = BooleanField(lazy_gettext("Connect with everybody who comes by it, without asking me"))


@bp.route("/invitations/links", methods=["GET", "POST"])
def index() -> Response:
    """List the viewer's links, and make one."""
    form = LinkForm()
    if not form.is_submitted():
        return page("links/index.html", form=form, **_listed())
    try:
        link = links.make(
            viewer(),
            form.comment.data or "",
            form.days.data,
            form.uses.data,
            connects=bool(form.connects.data),
            newest=request.form.get("newest"),
        )
    except (Invalid, Refused) as error:
        return show_on(form, error, "links/index.html", **_listed())
    return leave(".show", key=link.key)


def _listed() -> dict[str, Any]:
    me, place = viewer(), paging.place(int)
    listed = paging.page(links.of(me, *(place or ())), lambda row: (row[0].id,), is_first=place is None)
    newest = request.form.get("newest") or (listed.rows[0][0].key if listed.rows and place is None else "")
    return {"tab": "links", "counts": invitations.counts(me), "listed": listed, "newest": newest}


@bp.get("/invitations/links/<key>")
def show(key: str) -> Response:
    """Show one link as text and as a square to scan, and who came by it."""
    me, place = viewer(), paging.place(int)
    link, is_open = links.one_of(me, key)
    came = links.arrivals(me, link, *(place or ()))
    listed = paging.page(came, lambda row: (row.arrival_id,), is_first=place is None)
    near = connections.badges(me, [row.id for row in listed.rows])
    return page("links/show.html", link=link, open=is_open, listed=listed, near=near, **_address(link))


@bp.get("/invitations/links/<key>/print")
def printed(key: str) -> Response:
    """Show a link as a sheet to print and pin up."""
    link, is_open = links.one_of(viewer(), key)
    return page("links/print.html", link=link, open=is_open, **_address(link))


def _address(link: InviteLink) -> dict[str, Any]:
    import segno  # for these two pages only

    address = setting("BASE_URL") + url_for(".by", token=links.token_of(link))
    return {"address": address, "square": segno.make_qr(address).svg_data_uri(light="white")}


@bp.post("/invitations/links/<key>/close")
def close(key: str) -> Response:
    """Let nobody come by a link any more."""
    links.close(viewer(), key)
    return leave(".show", key=key)


@bp.route("/join/by/<token>", methods=["GET", "POST"])
@public
@unlocked
def by(token: str) -> Response:
    """Name who invites; a member asks them to connect, or is connected, and whoever is none signs up first.

    Opening the page uses nothing up; a stranger's press does not either, before they have proven their address.
    """
    me = viewer_or_none()
    try:
        link, owner = links.behind(token, me)
        if me is None:
            return _by_stranger(token, link, owner)
        if request.method == "GET":
            stands = "own" if owner.id == me.id else people.standing(me, owner).status
            return page("links/by_member.html", link=link, owner=owner, stands=stands)
        with transaction():
            met = links.use(me, token)
    except links.Over:
        return page("invitations/over.html", status=410)
    say_met(met)
    return leave("people.show", handle=met.owner.handle)


def _by_stranger(token: str, link: InviteLink, owner: Member) -> Response:
    def note(name: str, address: str, password_hash: str, why: str) -> None:
        joining.asking(links.sign_up(token, name, address, password_hash), why)

    known: dict[str, Any] = {
        "link": link,
        "owner": owner,
        "least": accounts.least_characters(),
        "sign_in": sign_in_and_back(),
    }
    return sign_up("links/by_stranger.html", note, **known)
