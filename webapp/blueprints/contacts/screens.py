"""The two screens: who is here, and who may be invited; ticks, pages, and the mail as it would be sent."""

import hashlib
from typing import Any

from flask import Response, make_response, request, url_for
from flask_babel import gettext as _

from webapp.blueprints.contacts.end import finish, members_sent, note_sent, others_sent, sent
from webapp.blueprints.contacts.wizard import bp, names, ready
from webapp.config import setting
from webapp.domain import contacts, guests, relationships
from webapp.domain.contacts import Book, List
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.mail import outbox, render
from webapp.transaction import transaction, unlocked
from webapp.web import headers
from webapp.web.access import viewer
from webapp.web.errors import INVALID, sentence
from webapp.web.filters import number
from webapp.web.htmx import leave, leave_to, page, wants_part
from webapp.web.numbers import as_number, as_numbers

SCREENS: dict[str, List] = {"members": "member", "others": "guest"}


# Choosing: both screens


def _take_over(book: Book, which: List) -> None:
    """Take over what the form says: the ticks of the page it shows, and what is to be shown next."""
    form = request.form
    shown = as_numbers(form.get("shown", "").split(","))
    ticked = set(as_numbers(form.getlist("tick")))
    contacts.tick_shown(book, which, shown, ticked)
    do = form.get("do", "")
    if do in {"all", "none"}:
        contacts.tick_all(book, which, on=do == "all")
    elif do == "every":  # the box of Select all: it sends whether it is ticked
        contacts.tick_all(book, which, on="every" in form)
    elif do == "search":
        contacts.look(book, which, search=form.get("search", ""))
    elif "sort" in form:
        contacts.look(book, which, sort=form["sort"])
    elif "page" in form:
        contacts.look(book, which, page=as_number(form["page"]) or 1)


@bp.post("/<any(members, others):screen>/tick")
def tick(screen: str) -> Response:
    """Tick one box, or not: the wanted state is sent, so that pressing twice is not two changes."""
    which = SCREENS[screen]
    book = ready(lock=True)
    at = request.form.get("at", type=int)
    if at is None:
        raise Invalid(at="Which one?")
    on = request.form["on"] == "1" if "on" in request.form else str(at) in request.form.getlist("tick")
    contacts.tick(book, which, at, on=on)
    contacts.touch(book)
    if not wants_part():
        return leave(f".{screen}")
    return page("contacts/_ticked.html", screen=screen, selection=contacts.selection(book, which), **_bar(book, which))


def _choosing(screen: str) -> tuple[Book, str]:
    """Take over a form in a transaction of its own, so that a refusal afterwards does not undo the ticks."""
    with transaction():
        book = ready(lock=True)
        _take_over(book, SCREENS[screen])
        contacts.touch(book)
    return ready(), request.form.get("do", "")


def _bar(book: Book, which: List) -> dict[str, Any]:
    """Return what the action bar needs beside the numbers."""
    if which == "member":
        return {"can_send": True}
    return {"can_send": outbox.guest_mail_possible() and contacts.recipient(book, None) is not None}


# Screen 1: contacts who are members


@bp.get("/members")
def members() -> Response:
    """Show the contacts who are members, all ticked until the member says otherwise."""
    return _members(ready())


def _members(book: Book, *, status: int = 200, problem: str = "", over: int | None = None) -> Response:
    return page(
        "contacts/members.html",
        part="contacts/_members.html",
        status=status,
        screen="members",
        shown=contacts.members_shown(viewer(), book),
        summary=book.summary,
        door=names()[book.row.door],
        allowance_words=_members_allowed(),
        wants_part=wants_part(),
        sent=sent(),
        problem=problem,
        over=over,
        **_bar(book, "member"),
    )


@bp.post("/members")
@unlocked
def choose_members() -> Response:
    """Turn a page, search, select all or none; or connect with those who are ticked, or go on without."""
    book, do = _choosing("members")
    if do == "skip":
        return leave(".others")
    if do == "keep":
        most = relationships.allowance(viewer()).open
        with transaction():
            contacts.keep_closest(viewer(), ready(lock=True), most)
        return leave(".members")
    if do != "add":
        return _members(ready()) if wants_part() else leave(".members")
    return _add_members(book)


def _add_members(book: Book) -> Response:
    ids = contacts.chosen_members(book)
    if not ids:
        return _members(book, status=INVALID, problem=_("Choose at least one person, or skip."))
    try:
        with transaction():
            result = relationships.invite(viewer(), ids, by_address=True)
            note_sent("members", members_sent(result), result)
    except Refused as error:
        most = relationships.allowance(viewer()).open
        over = most if len(ids) > most else None
        return _members(ready(), status=409, problem=sentence(error), over=over)
    except NotFound:  # the only one who was chosen
        result = relationships.Result(gone=1)
        note_sent("members", members_sent(result), result)
    return leave(".others")


def _members_allowed() -> str:
    left = relationships.allowance(viewer())
    return _(
        "You can send %(open)s more invitations to members now, %(today)s of them today.",
        open=number(left.open),
        today=number(min(left.today, left.open)),
    )


# Screen 2: contacts who are not members


@bp.get("/others")
def others() -> Response:
    """Show the contacts who are not members, un-ticked, beside the mail they would get."""
    return _others(ready())


def _others(book: Book, *, status: int = 200, problem: str = "", note: str | None = None) -> Response:
    draft = contacts.draft_of(book)
    headers.allow(frame_src="'self'")
    return page(
        "contacts/others.html",
        part="contacts/_others.html",
        status=status,
        screen="others",
        shown=contacts.guests_shown(viewer(), book),
        summary=book.summary,
        door=names()[book.row.door],
        allowance_words=_others_allowed(),
        wants_part=wants_part(),
        note_characters=setting("NOTE_CHARACTERS"),
        not_people=contacts.not_people(book),
        sent=sent(),
        problem=problem,
        note_text=draft.note if note is None else note,
        draft=draft,
        mail=_mail(book),
        possible=outbox.guest_mail_possible(),
        **_bar(book, "guest"),
    )


def _others_allowed() -> str:
    left = guests.allowance(viewer())
    words = _(
        "You can invite %(open)s more people by email now, %(today)s of them today.",
        open=number(left.open),
        today=number(min(left.today, left.open)),
    )
    if not left.halved:
        return words
    why = _(
        "That is half of what is usual, because of your last %(last)s emails to guests more than %(most)s couldn't be delivered.",
        last=number(guests.BOUNCES_OF),
        most=number(guests.BOUNCES_MOST),
    )
    return f"{words} {why}"


@bp.post("/others")
@unlocked
def choose_others() -> Response:
    """Turn a page, search, select all or none, show the mail; or invite those who are ticked, or go on without."""
    book, do = _choosing("others")
    note, reply_to = request.form.get("note", "").replace("\r\n", "\n").strip(), "reply_to" in request.form
    if do == "skip":
        return finish()
    seen = contacts.was_shown(book, note, reply_to=reply_to)
    at = request.form.get("recipient", type=int)
    if do == "preview" or (do == "add" and not seen):
        return _show_mail(note, reply_to=reply_to, at=at, asked=do == "preview")
    if do == "add":
        return _add_others(book, note, reply_to=reply_to)
    return _others(book) if wants_part() else leave(".others")


def _show_mail(note: str, *, reply_to: bool, at: int | None, asked: bool) -> Response:
    """Show the mail as it would be sent now. What is sent was seen: an altered note is shown first."""
    try:
        guests.check_note(note)
    except Invalid as error:
        return _others(ready(), status=INVALID, problem=sentence(error), note=note)
    with transaction():
        contacts.keep_draft(ready(lock=True), note, reply_to=reply_to, at=at)
    book = ready()
    if asked and wants_part():
        headers.allow(frame_src="'self'")
        return page("contacts/_preview.html", mail=_mail(book), **_bar(book, "guest"))
    if asked:
        return leave_to(url_for(".others") + "#preview")
    return _others(
        book,
        status=409,
        problem=_("You changed the mail. Here is how it reads now; press the button again to send it."),
    )


def _add_others(book: Book, note: str, *, reply_to: bool) -> Response:
    if not outbox.guest_mail_possible():
        raise Refused("Invitations are off while email isn't set up. Ask your administrator.")
    people = contacts.chosen_guests(book)
    if not people:
        return _others(book, status=INVALID, problem=_("Choose at least one person, or skip."))
    source, read_on = book.summary.source, book.row.started_at.date()
    try:
        with transaction():
            result = guests.invite(viewer(), people, note=note, reply_to=reply_to, source=source, read_on=read_on)
            note_sent("others", others_sent(result), result)
    except (Refused, TooMany) as error:
        return _others(ready(), status=409, problem=sentence(error))
    return finish()


def _mail(book: Book) -> dict[str, Any] | None:
    """Return the mail as it would be sent to the recipient that was chosen for the preview; None where there is nobody."""
    draft = contacts.draft_of(book)
    found = contacts.recipient(book, draft.at)
    if found is None:
        return None
    at, invitee = found
    facts = guests.facts_for(
        viewer(),
        name=invitee.name,
        address=invitee.address,
        note=draft.note,
        reply_to=draft.reply_to,
        source=book.summary.source,
    )
    rendered = render.render("guest_invitation", facts)
    return {
        "at": at,
        "to": invitee,
        "rendered": rendered,
        "version": hashlib.sha256(rendered.html.encode()).hexdigest()[:8],
    }


@bp.get("/preview")
def preview() -> Response:
    """Show the mail itself, for the frame on the page: the real one, in which nothing runs and nothing is loaded."""
    mail = _mail(ready())
    if mail is None:
        raise NotFound
    html = mail["rendered"].html
    headers.only(
        default_src="'none'",
        style_src=render.style_hash(html),
        frame_ancestors="'self'",
        base_uri="'none'",
        form_action="'none'",
    )
    return make_response(html)
