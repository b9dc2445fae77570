"""The feed: what a member's connections are up to, sharing, answering, muting, and the feed for programs."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, flash, make_response, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import SelectField, TextAreaField

from webapp import tokens
from webapp.config import setting
from webapp.domain import connections, feed, invitations, people
from webapp.domain.errors import Invalid, TooMany
from webapp.extensions import db
from webapp.models.built import first_of
from webapp.transaction import aside
from webapp.web import atom, paging, reporting
from webapp.web.access import public, viewer
from webapp.web.back import leave_back, opened_on
from webapp.web.errors import show_on
from webapp.web.filters import deed
from webapp.web.htmx import leave, page, wants_part
from webapp.web.paging import Page

bp = Blueprint("feed", __name__)

ASKING = 2
NEW_ADDRESS = "feed_address"
"""Where the browser's own cookie keeps a new address from the press to the page that shows it, once."""


class PostForm(FlaskForm):
    """What to share, and with whom."""

    body = TextAreaField(lazy_gettext("What are you working on?"))
    audience = SelectField(lazy_gettext("Who sees it"), validate_choice=False)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.audience.choices = [("connections", _("My connections")), ("members", _("All members"))]


class CommentForm(FlaskForm):
    """What to say to a post."""

    body = TextAreaField(lazy_gettext("Your comment"))


def _form_key() -> str:
    """Return what names this form, however often it is sent: the one it was shown with, else a new one."""
    return request.form.get("form", "") or tokens.new()


def _page(rows: Sequence[Any], before: int | None) -> Page[Any]:
    """Return one page of rows of which one more than fits was asked for."""
    more = len(rows) > feed.SIZE
    shown = rows[: feed.SIZE]
    return Page(shown, paging.cursor(shown[-1].id) if more else None, before is None)


def _before() -> int | None:
    place = paging.place(int)
    return place[0] if place else None


# Reading


def _home() -> dict[str, Any]:
    member = viewer()
    before = _before()
    asking = first_of(ASKING, invitations.of, member, "received")
    return {
        "shown": _page(feed.items(member, before=before, most=feed.SIZE + 1), before),
        "asking": asking,
        "near": connections.badges(member, [row.id for row in asking]) if asking else {},
        "alike": people.lookalikes(member, [row.id for row in asking]),
        "most": feed.BODY_CHARACTERS,
        "form_key": _form_key(),
    }


@bp.route("/feed", methods=["GET", "POST"])
def index() -> Response:
    """Show what the member's connections are up to; share something with them."""
    form = PostForm()
    if request.method == "GET":
        return page("feed/index.html", form=form, **_home())
    try:
        key = feed.share(viewer(), form.body.data or "", form.audience.data or "", request.form.get("form", ""))
    except (Invalid, TooMany) as error:
        return show_on(form, error, "feed/index.html", **_home())
    flash(
        _("All members can see it") if form.audience.data == "members" else _("Your connections see it in their feed")
    )
    return leave(".show", key=key)


@bp.get("/feed/by/<handle>")
def by(handle: str) -> Response:
    """List what somebody shared, as far as the member may see it."""
    member = viewer()
    other = people.one_of(member, handle)
    before = _before()
    rows = feed.by(member, other, before=before, most=feed.SIZE + 1)
    return page("feed/by.html", other=other, shown=_page(rows, before))


def _one(key: str) -> dict[str, Any]:
    member = viewer()
    post = feed.one_of(member, key)
    before = _before()
    found = feed.comments(member, post, before=before)
    return {
        "post": post,
        "editing": feed.may_edit(member, post),
        "shown": paging.page(found, lambda row: (row.id,), is_first=before is None),
        "answerable": post.kind in feed.ANSWERED,
        "most": feed.COMMENT_CHARACTERS,
        "form_key": _form_key(),
    }


@bp.get("/feed/<key>")
def show(key: str) -> Response:
    """Show one post with its comments."""
    return page("feed/show.html", form=CommentForm(), **_one(key))


# Answering


@bp.post("/feed/<key>/comment")
def comment(key: str) -> Response:
    """Comment on a post; what was typed stays where it cannot be taken."""
    form = CommentForm()
    try:
        feed.comment(viewer(), key, form.body.data or "", request.form.get("form", ""))
    except (Invalid, TooMany) as error:
        return show_on(form, error, "feed/show.html", **_one(key))
    return leave(".show", key=key, _anchor="answer")


@bp.post("/feed/<key>/congratulate")
def congratulate(key: str) -> Response:
    """Congratulate, or take it back: the form says which, so that a late or doubled press is harmless."""
    post = feed.congratulate(viewer(), key, on=request.form.get("on") == "1")
    if wants_part():
        return page("feed/_reacted.html", post=post)
    return leave_back(".show", key=key)


@bp.route("/feed/<key>/edit", methods=["GET", "POST"])
def edit(key: str) -> Response:
    """Change an own post while that is possible."""
    member = viewer()
    post = feed.editable(member, key)
    form = PostForm()
    values: dict[str, Any] = {"post": post, "most": feed.BODY_CHARACTERS}
    if request.method == "GET":
        form.body.data = post.body
        return page("feed/edit.html", form=form, **values)
    try:
        feed.edit(member, key, form.body.data or "")
    except Invalid as error:
        return show_on(form, error, "feed/edit.html", **values)
    return leave(".show", key=key)


@bp.route("/feed/<key>/delete", methods=["GET", "POST"])
def delete(key: str) -> Response:
    """Ask, then delete an own post with all that was said to it."""
    member = viewer()
    if request.method == "GET":
        return page("feed/delete.html", part="feed/_delete.html", post=feed.own(member, key))
    feed.delete_post(member, key)
    flash(_("Your post is deleted"))
    return leave(".index")


@bp.route("/feed/comments/<key>/delete", methods=["GET", "POST"])
def delete_comment(key: str) -> Response:
    """Ask, then delete an own comment, or one on an own post."""
    member = viewer()
    if request.method == "GET":
        found = feed.deletable_comment(member, key)
        return page("feed/delete_comment.html", part="feed/_delete_comment.html", comment=found)
    feed.delete_comment(member, key)
    flash(_("The comment is deleted"))
    return leave_back(".index")


# Reporting


def _report(found: Any, what: reporting.What) -> Response:
    """Ask what it is about, and tell the operators, with the words as they stand now."""
    other = people.other_of(viewer(), found.handle)
    return reporting.report(other, what, url_for(".index"), quote=found.body)


@bp.route("/feed/<key>/report", methods=["GET", "POST"])
def report(key: str) -> Response:
    """Report somebody for what they shared."""
    return _report(feed.one_of(viewer(), key), "post")


@bp.route("/feed/comments/<key>/report", methods=["GET", "POST"])
def report_comment(key: str) -> Response:
    """Report somebody for a comment."""
    return _report(feed.comment_of(viewer(), key), "comment")


# Muting


@bp.route("/feed/mute/<handle>", methods=["GET", "POST"])
def mute(handle: str) -> Response:
    """Ask for how long, then leave a connection out of the feed; where they are left out already, offer to hear from them again."""
    member = viewer()
    if request.method == "GET":
        muted = feed.mute_of(member, handle)
        other = muted or connections.one_of(member, handle)
        values = {"other": other, "muted": muted, "days": feed.MUTE_DAYS, "back": opened_on()}
        return page("feed/mute.html", part="feed/_mute.html", **values)
    other = feed.mute(member, handle, None if request.form.get("for") == "good" else feed.MUTE_DAYS)
    flash(_("You won't see in your feed what %(name)s shares. They aren't told", name=other.name))
    return leave_back(".muted")


@bp.get("/settings/muted")
def muted() -> Response:
    """List whom the member has muted, and until when."""
    return page("feed/muted.html", muted=db.session.execute(feed.muted(viewer())).all())


@bp.post("/settings/muted/<handle>/unmute")
def unmute(handle: str) -> Response:
    """Hear from somebody again."""
    other = feed.unmute(viewer(), handle)
    flash(_("You see again what %(name)s shares", name=other.name))
    return leave_back(".muted")


# For programs


@bp.route("/settings/feed", methods=["GET", "POST"])
def subscribe() -> Response:
    """Show whether there is an address for programs, and make a new one, which is shown this once."""
    member = viewer()
    if request.method == "POST":
        session[NEW_ADDRESS] = feed.new_address(member)
        return leave(".subscribe")
    token = session.pop(NEW_ADDRESS, None)
    address = f"{setting('BASE_URL')}{url_for('.atom_feed', token=token)}" if token else ""
    return page("feed/subscribe.html", address=address, since=feed.address_since(member))


@bp.post("/settings/feed/end")
def unsubscribe() -> Response:
    """End the address for programs."""
    feed.end_address(viewer())
    flash(_("The address doesn't work any more"))
    return leave(".subscribe")


@bp.get("/feed/<token>.atom")
@public
def atom_feed(token: str) -> Response:
    """Send a member's feed to whoever has its secret address: what the page shows, and nothing else of anybody."""
    owner_id = feed.owner_of(token).id
    with aside():
        feed.count_read(owner_id)
    owner = feed.owner_of(token)
    base = setting("BASE_URL")
    entries = [
        atom.Entry(
            key=row.key,
            title=f"{row.name} {deed(row)}",
            author=row.name,
            url=f"{base}{url_for('.show', key=row.key)}",
            text=row.body if row.kind == "post" else "",
            published=row.created_at,
            updated=row.edited_at or row.created_at,
        )
        for row in feed.items(owner, most=feed.IN_ATOM)
    ]
    body = atom.render(owner.handle, setting("SITE_NAME"), f"{base}{url_for('.index')}", owner.created_at, entries)
    response = make_response(body)
    response.mimetype = "application/atom+xml"
    response.headers["Cache-Control"] = "private, max-age=300"
    return response
