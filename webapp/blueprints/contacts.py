"""Find connections: an address book is read once, compared, shown, and forgotten.

The browser drives the reading, a page a step. Handlers that ask a provider, and those whose refusals must not undo the ticks, are
`@unlocked` and write in short transactions of their own.
"""

import hashlib
import threading
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, g, make_response, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from flask_wtf import FlaskForm
from wtforms import EmailField

from webapp import addresses, clock, providers, tokens
from webapp.config import setting
from webapp.domain import accounts, contacts, guests, invitations, relationships, tickets
from webapp.domain.contacts import Book, Claim, List, Lost
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.mail import outbox, render
from webapp.models.base import from_ms, to_ms
from webapp.providers import paste
from webapp.providers.base import ProviderError
from webapp.transaction import transaction, unlocked
from webapp.web import address_book, headers, oauth
from webapp.web.access import viewer
from webapp.web.errors import sentence, show_on
from webapp.web.filters import day, number
from webapp.web.htmx import leave, leave_to, page, wants_part
from webapp.web.oauth import ConsentError, Pending, Reason

bp = Blueprint("contacts", __name__, url_prefix="/contacts")

STATE = "consent"
STATE_MINUTES = 10
PRESS_SECONDS = 3.0
"""How long one press reads on where the browser has no JavaScript."""
STEPS_AT_ONCE = 8
"""A quarter of the 32 threads of `kith serve`: however slow a provider is, the other members hardly notice."""
SCREENS: dict[str, List] = {"members": "member", "others": "guest"}

_steps = threading.BoundedSemaphore(STEPS_AT_ONCE)


def _names() -> dict[str, str]:
    return {"google": _("Google"), "microsoft": _("Outlook"), contacts.PASTE: _("the addresses you pasted")}


def _source(door: str) -> str:
    """Return what people are told who ask where their address came from. Not translated: the mail is not, either."""
    return {"google": "Google contacts", "microsoft": "Outlook contacts"}.get(door, "a list of addresses")


# The key in the cookie, and what happens without it


def _opened(*, lock: bool = False) -> Book:
    """Return the import of this browser; the cookie is renewed with the answer. Raises Lost."""
    member = viewer()
    book = contacts.opened(member, member.sign_in_id, address_book.key(), lock=lock)
    g.import_key = book.key
    return book


def _looked_at() -> Book:
    """Return the import for a page that only shows it; the hour starts anew."""
    book = _opened()
    if contacts.is_stale(book):
        with transaction():
            contacts.touch(_opened(lock=True))
        book = _opened()
    return book


class _Unread(Exception):
    """The book is still being read."""


def _ready(*, lock: bool = False) -> Book:
    """Return the import once it was compared; whoever comes before that is led back to the reading."""
    book = _opened(lock=lock) if lock else _looked_at()
    if not book.is_ready:
        raise _Unread
    return book


@bp.errorhandler(_Unread)
def _unread(_error: _Unread) -> Response:
    return leave(".reading")


@bp.after_request
def _cookies(response: Response) -> Response:
    if g.get("import_gone"):
        address_book.drop(response)
    elif "import_key" in g:
        address_book.keep(response, g.import_key)
    return response


@bp.errorhandler(Lost)
def _lost(lost: Lost) -> Response:
    """Lead back to the beginning, and say why; what nobody can open any more is deleted."""
    _delete_lost(lost)
    words = {
        "elsewhere": _("You started again in another browser."),
        "over": _("That took too long, so we stopped for safety. Start again."),
        "unreadable": _("What was read can't be opened any more, so it was deleted. Start again."),
    }
    if lost.why in words:
        flash(words[lost.why])
    return leave(".index")


def _delete_lost(lost: Lost) -> None:
    from webapp.extensions import db

    g.import_gone = True
    if lost.ended is not None:
        db.session.rollback()
        with transaction():
            contacts.forget_one(lost.ended)


# Find: whose address book


class FindForm(FlaskForm):
    """The address whose book is to be read."""

    address = EmailField(lazy_gettext("Your email address"))


def _find(form: FindForm, *, status: int = 200, choose: bool = False, error: Any = None) -> Response:
    """Show the first screen. The one form of Kith that leads to another site: the providers' origins are allowed for it."""
    doors = [door for door in providers.BOOKS if providers.is_offered(door)]
    if doors:
        headers.allow(
            form_action=" ".join(["'self'", *dict.fromkeys(each for door in doors for each in _origins(door))])
        )
    values = {
        "form": form,
        "choose": choose,
        "names": _names(),
        "doors": doors,
        "absent": [door for door in providers.BOOKS if door not in doors],
        "hint": _hint(form.address.data or ""),
        "running": _running(),
        "pasted": request.form.get("text", ""),
        "preselected": setting("GUESTS_PRESELECTED"),
    }
    if error is not None:
        return show_on(form, error, "contacts/index.html", **values)
    return page("contacts/index.html", status=status, **values)


def _origins(door: str) -> list[str]:
    """Return where a provider asks for consent. Microsoft passes private accounts on to another host of its own."""
    parts = urlsplit(setting(f"{door.upper()}_METADATA_URL"))
    more = ["https://login.live.com"] if parts.hostname == "login.microsoftonline.com" else []
    return [f"{parts.scheme}://{parts.netloc}", *more]


def _hint(typed: str) -> str | None:
    """Return the door that the typed address leads to, where it is offered."""
    kept = addresses.address(typed)
    door = providers.door_of(kept) if kept else None
    return door if door and providers.is_offered(door) else None


def _running() -> str | None:
    """Return where an import of this browser goes on, if there is one."""
    try:
        book = _looked_at()
    except Lost as lost:
        if lost.ended is not None:
            _delete_lost(lost)
        return None
    return url_for(".members" if book.is_ready else ".reading")


@bp.get("")
def index() -> Response:
    """Ask whose address book is to be read; the sign-up address stands there already."""
    form = FindForm(formdata=None)
    form.address.data = session.get("contacts_address") or accounts.primary_address(viewer())
    return _find(form, choose=session.pop("contacts_choose", False))


@bp.post("/hint")
@unlocked
def hint() -> Response:
    """Say where Continue would lead, while the address is being typed."""
    hinted = _hint(request.form.get("address", ""))
    return page("contacts/_hinted.html", hint=hinted, names=_names(), choose="ways" in request.form)


@bp.post("")
@unlocked
def begin() -> Response:
    """Lead to the provider's consent page, by the address or by the way that was chosen."""
    form = FindForm()
    typed = (form.address.data or "").strip()
    session["contacts_address"] = typed[: addresses.ADDRESS_OCTETS]
    door = request.form.get("door", "")
    kept = addresses.address(typed)
    if not door:
        if kept is None:
            return _find(form, error=Invalid(address="Enter an email address like name@example.com"))
        door = providers.door_of(kept) or ""
    if not door:
        return _find(form, choose=True)
    if door not in providers.BOOKS:
        raise NotFound
    if not providers.is_offered(door):
        flash(_("Your community hasn't set up %(provider)s yet. Paste addresses instead.", provider=_names()[door]))
        return _find(form, choose=True)
    return _ask(form, door, kept)


def _ask(form: FindForm, door: str, kept: str | None) -> Response:
    member = viewer()
    pending = oauth.pend(door, others="others" in request.form)
    prompt = session.pop("contacts_prompt", None)
    with transaction():
        state = tickets.issue(STATE, minutes=STATE_MINUTES, member=member, sign_in=member.sign_in_id, **pending.dump())
    try:
        return leave_to(oauth.authorize(pending, state, login_hint=kept, prompt=prompt))
    except ConsentError as error:
        flash(_consent_words(error.reason, door))
        return _find(form, choose=True)


@bp.get("/google/callback", defaults={"door": "google"}, endpoint="google_callback")
@bp.get("/microsoft/callback", defaults={"door": "microsoft"}, endpoint="microsoft_callback")
def callback(door: str) -> Response:
    """Take the provider's answer: only for the sign-in that asked, only once, only from the provider that was asked."""
    member = viewer()
    sign_in_id = member.sign_in_id
    with transaction():
        ticket = tickets.take(STATE, request.args.get("state", ""))
        asked = dict(ticket.payload) if ticket is not None else {}
        mine = ticket is not None and ticket.member_id == member.id
    if not mine or asked.pop("sign_in", None) != sign_in_id or asked.get("door") != door:
        return _consent_failed(Reason.EXPIRED, door)
    try:
        grant = oauth.exchange(Pending.load(asked), request.args.to_dict())
    except ConsentError as error:
        return _consent_failed(error.reason, door)
    with transaction():
        book = contacts.start(
            viewer(),
            sign_in_id,
            door,
            token=grant.access_token,
            email=grant.email or "",
            source=_source(door),
            others=grant.others,
        )
        g.import_key = book.key
    session.pop("contacts_sent", None)
    return leave(".reading")


def _consent_failed(reason: Reason, door: str) -> Response:
    if reason is Reason.SCOPE_MISSING:
        session["contacts_prompt"] = "consent"  # else the provider would not ask again
    session["contacts_choose"] = True
    flash(_consent_words(reason, door))
    return leave(".index")


def _consent_words(reason: Reason, door: str) -> str:
    name = _names()[door]
    return {
        Reason.DENIED: _("You didn't give access, so nothing was read. Try again, or paste addresses."),
        Reason.EXPIRED: _("That took too long, so we stopped for safety. Start again."),
        Reason.UNAVAILABLE: _(
            "%(provider)s isn't answering. Nothing was read. Try again in a few minutes, or paste addresses.",
            provider=name,
        ),
        Reason.SCOPE_MISSING: _(
            "%(provider)s says that the box for contacts was left empty, so nothing was read. Try again and tick it, or paste addresses.",
            provider=name,
        ),
        Reason.MISCONFIGURED: _(
            "%(provider)s doesn't know this site, so nothing was read. Whoever runs it has to look at its settings. "
            "Paste addresses meanwhile.",
            provider=name,
        ),
        Reason.FAULT: _(
            "%(provider)s answered with something we can't use, so nothing was read. Try again, or paste addresses.",
            provider=name,
        ),
    }[reason]


# Pasting


@bp.post("/paste")
@unlocked
def pasted() -> Response:
    """Show what was understood of the pasted addresses, before anything happens; then take them as a book of one page."""
    text = request.form.get("text", "")
    found = paste.read(text)
    if not found.cards:
        form = FindForm(formdata=None)
        form.address.data = session.get("contacts_address") or accounts.primary_address(viewer())
        return _find(form, choose=True, error=Invalid(text="We found no email address in that text."))
    if "go" not in request.form:
        return page("contacts/paste.html", found=found, text=text)
    member = viewer()
    with transaction():
        book = contacts.start_pasted(member, member.sign_in_id, found.page, source=_source(contacts.PASTE))
        g.import_key = book.key
        key = book.key
    session.pop("contacts_sent", None)
    return _compare(key) or leave(".members")


# Reading, a page a step


@bp.get("/reading")
def reading() -> Response:
    """Show how far the reading is; with JavaScript the page asks for the next step by itself."""
    book = _looked_at()
    return leave(".members") if book.is_ready else _progress(book)


@bp.post("/reading")
@unlocked
def step() -> Response:
    """Read the next page; without JavaScript as many as fit in three seconds. The last one leads to the members screen."""
    book = _opened()
    if "again" in request.form:
        with transaction():
            contacts.go_on(_opened(lock=True))
    if not _steps.acquire(blocking=False):
        return _progress(_opened(), crowded=True)
    try:
        answer = _read_on(request.form.get("page", type=int) or 0)
    finally:
        _steps.release()
    if answer is not None:
        return answer
    book = _opened()
    if book.is_ready:
        return leave(".members")
    return _progress(book) if wants_part() else leave(".reading")


def _read_on(wanted: int) -> Response | None:
    """Read from page `wanted` on, as long as this step may; an answer where the import ended by it."""
    member = viewer()
    sign_in_id, key = member.sign_in_id, address_book.key()
    ends = time.monotonic() + (0 if wants_part() else PRESS_SECONDS)
    while True:
        with transaction():
            taken = contacts.claim(viewer(), sign_in_id, key, wanted)
        if taken is None:
            return None
        if taken.is_read:
            return _compare(key)
        is_last = _read_one(taken, sign_in_id, key)
        if not is_last and time.monotonic() >= ends:
            return None
        wanted += 1


def _read_one(taken: Claim, sign_in_id: int, key: Any) -> bool:
    """Read one page while no transaction is open; whether it was the last one that needs the provider's key."""
    found: Any
    try:
        found = providers.BOOKS[taken.door].read(taken.token, taken.cursor, others=taken.others)
    except ProviderError as error:
        found = error
    try:
        with transaction():
            verb: Any = contacts.fail if isinstance(found, ProviderError) else contacts.keep
            over = verb(viewer(), sign_in_id, key, taken, found)
    except Lost:
        oauth.revoke(taken.door, taken.token)  # forgotten, or begun anew elsewhere, while the page was read
        raise
    if over:
        oauth.revoke(taken.door, taken.token)
    return over


def _compare(key: Any) -> Response | None:
    """Compare a book that was read; an answer where there is nothing to show."""
    member = viewer()
    sign_in_id = member.sign_in_id
    book = contacts.opened(member, sign_in_id, key)
    door = book.row.door
    try:
        compared = contacts.compare(member, book)
        if not compared.counts["read"]:
            return _ended(
                _("There are no contacts in %(provider)s, so there is nothing to show.", provider=_names()[door])
            )
        with transaction():
            contacts.settle(viewer(), sign_in_id, key, compared)
    except TooMany as error:
        return _ended(sentence(error))
    return None


def _ended(words: str) -> Response:
    with transaction():
        contacts.forget(viewer())
    g.import_gone = True
    session["contacts_choose"] = True
    flash(words)
    return leave(".index")


def _progress(book: Book, *, crowded: bool = False) -> Response:
    return page(
        "contacts/reading.html",
        part="contacts/_reading.html",
        progress=contacts.progress(book),
        door=_names()[book.row.door],
        email=book.summary.email,
        crowded=crowded,
        most=setting("IMPORT_CONTACTS_MAX"),
    )


# Choosing: both screens


def _take_over(book: Book, which: List) -> None:
    """Take over what the form says: the ticks of the page it shows, and what is to be shown next."""
    form = request.form
    shown = [int(at) for at in form.get("shown", "").split(",") if at.isascii() and at.isdigit()]
    ticked = {int(at) for at in form.getlist("tick") if at.isascii() and at.isdigit()}
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
        contacts.look(book, which, page=form.get("page", type=int) or 1)


@bp.post("/<any(members, others):screen>/tick")
def tick(screen: str) -> Response:
    """Tick one box, or not: the wanted state is sent, so that pressing twice is not two changes."""
    which = SCREENS[screen]
    book = _ready(lock=True)
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
        book = _ready(lock=True)
        _take_over(book, SCREENS[screen])
        contacts.touch(book)
    return _ready(), request.form.get("do", "")


def _bar(book: Book, which: List) -> dict[str, Any]:
    """Return what the action bar needs beside the numbers."""
    if which == "member":
        return {"can_send": True}
    return {"can_send": outbox.guest_mail_possible() and contacts.recipient(book, None) is not None}


# Screen 1: contacts who are members


@bp.get("/members")
def members() -> Response:
    """Show the contacts who are members, all ticked until the member says otherwise."""
    return _members(_ready())


def _members(book: Book, *, status: int = 200, problem: str = "", over: int | None = None) -> Response:
    return page(
        "contacts/members.html",
        part="contacts/_members.html",
        status=status,
        screen="members",
        shown=contacts.members_shown(viewer(), book),
        summary=book.summary,
        door=_names()[book.row.door],
        allowance_words=_members_allowed(),
        wants_part=wants_part(),
        sent=_sent(),
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
            contacts.keep_closest(viewer(), _ready(lock=True), most)
        return leave(".members")
    if do != "add":
        return _members(_ready()) if wants_part() else leave(".members")
    return _add_members(book)


def _add_members(book: Book) -> Response:
    ids = contacts.chosen_members(book)
    if not ids:
        return _members(book, status=422, problem=_("Choose at least one person, or skip."))
    try:
        with transaction():
            result = relationships.invite(viewer(), ids)
            _note_sent("members", _members_sent(result), result)
    except Refused as error:
        most = relationships.allowance(viewer()).open
        over = most if len(ids) > most else None
        return _members(_ready(), status=409, problem=sentence(error), over=over)
    except NotFound:  # the only one who was chosen
        result = relationships.Result(gone=1)
        _note_sent("members", _members_sent(result), result)
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
    return _others(_ready())


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
        door=_names()[book.row.door],
        allowance_words=_others_allowed(),
        wants_part=wants_part(),
        note_characters=setting("NOTE_CHARACTERS"),
        not_people=contacts.not_people(book),
        sent=_sent(),
        problem=problem,
        note_text=draft.note if note is None else note,
        draft=draft,
        mail=_mail(book),
        possible=outbox.guest_mail_possible(),
        **_bar(book, "guest"),
    )


def _others_allowed() -> str:
    left = guests.allowance(viewer())
    return _(
        "You can invite %(open)s more people by email now, %(today)s of them today.",
        open=number(left.open),
        today=number(min(left.today, left.open)),
    )


@bp.post("/others")
@unlocked
def choose_others() -> Response:
    """Turn a page, search, select all or none, show the mail; or invite those who are ticked, or go on without."""
    book, do = _choosing("others")
    note, reply_to = request.form.get("note", "").replace("\r\n", "\n").strip(), "reply_to" in request.form
    if do == "skip":
        return _done()
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
        return _others(_ready(), status=422, problem=sentence(error), note=note)
    with transaction():
        contacts.keep_draft(_ready(lock=True), note, reply_to=reply_to, at=at)
    book = _ready()
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
        return _others(book, status=422, problem=_("Choose at least one person, or skip."))
    source = book.summary.source
    try:
        with transaction():
            result = guests.invite(viewer(), people, note=note, reply_to=reply_to, source=source)
            _note_sent("others", _others_sent(result), result)
    except (Refused, TooMany) as error:
        return _others(_ready(), status=409, problem=sentence(error))
    return _done()


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
    mail = _mail(_ready())
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


# The end


def _note_sent(screen: str, words: str, result: Any) -> None:
    """Keep in the browser what was sent, for the next page to say and to undo. Numbers and a key; no names."""
    row = {"text": words, "batch": "", "until": 0, "leaves": bool(result.invited)}
    if result.batch is not None:
        row |= {"batch": result.batch.key, "until": to_ms(result.batch.held_until)}
    session["contacts_sent"] = session.get("contacts_sent", {}) | {screen: row}


def _members_sent(result: Any) -> str:
    parts = []
    if result.invited or not (result.connected or result.queued or result.gone):
        parts.append(ngettext("%(num)d invitation sent", "%(num)d invitations sent", result.invited))
    if result.connected:
        parts.append(
            ngettext(
                "%(num)d connected (they had asked you)", "%(num)d connected (they had asked you)", result.connected
            )
        )
    parts += _queued(result)
    if result.gone:
        parts.append(ngettext("%(num)d no longer here", "%(num)d no longer here", result.gone))
    return ", ".join(parts)


def _others_sent(result: Any) -> str:
    invited = ngettext("%(num)d invitation is on its way", "%(num)d invitations are on their way", result.invited)
    return ", ".join([invited, *_queued(result)])


def _queued(result: Any) -> list[str]:
    if not result.queued:
        return []
    return [
        _("%(count)s queued until %(date)s", count=number(sum(result.queued.values())), date=day(max(result.queued)))
    ]


def _sent(*, book: bool = True) -> list[dict[str, Any]]:
    """Return what was sent by this wizard, with the way to undo it as long as there is one. What was undone is no longer said."""
    kept: dict[str, Any] = session.get("contacts_sent", {})
    now = clock.now()
    undoable = invitations.undoable(viewer(), [row["batch"] for row in kept.values()]) if kept else set()
    rows = []
    for screen, row in kept.items():
        until = from_ms(row["until"])
        undo = row["batch"] in undoable and until > now
        if row["batch"] and until > now and not undo:
            continue
        seconds = max(1, int((until - now) / timedelta(seconds=1)))
        back = tokens.sign("back", url_for(".members")) if screen == "members" and book else ""
        rows.append(row | {"screen": screen, "undo": undo, "seconds": seconds, "back": back})
    if len(rows) < len(kept):
        session["contacts_sent"] = {row["screen"]: kept[row["screen"]] for row in rows}
    return rows


def _done() -> Response:
    """Forget the book: who was invited is kept as the invitation needs it, and nothing more."""
    with transaction():
        contacts.forget(viewer())
    g.import_gone = True
    session.pop("contacts_address", None)
    return leave(".done")


@bp.get("/done")
def done() -> Response:
    """Say what will happen now, and that the rest is forgotten."""
    return page("contacts/done.html", sent=_sent(book=False))


@bp.route("/forget", methods=["GET", "POST"])
@unlocked
def forget() -> Response:
    """Forget everything now, and have the provider's key revoked."""
    if request.method == "GET":
        return page("contacts/forget.html", part="contacts/_forget.html", running=_running())
    member = viewer()
    door, token = "", None
    try:
        book = contacts.opened(member, member.sign_in_id, address_book.key())
        door, token = book.row.door, contacts.key_of(book)
    except Lost:
        pass  # what cannot be opened is deleted all the same
    with transaction():
        contacts.forget(viewer())
    g.import_gone = True
    session.pop("contacts_address", None)
    if token:
        oauth.revoke(door, token)
    flash(_("Forgotten. We hold no contacts of yours."))
    return leave(".index")
