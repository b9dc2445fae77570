"""The first screen: whose address book, the provider's consent and its answer."""

from typing import Any

from flask import Response, flash, g, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import EmailField

from webapp import addresses, providers
from webapp.blueprints.contacts.wizard import SOURCES, bp, delete_lost, looked_at, names
from webapp.config import setting
from webapp.domain import accounts, contacts, doors, promise, tickets
from webapp.domain.contacts import Lost
from webapp.domain.errors import Invalid, NotFound
from webapp.providers.ways import Way, way_of
from webapp.transaction import transaction, unlocked
from webapp.web import consents, headers
from webapp.web.access import viewer
from webapp.web.consents import ConsentError, Pending, Reason
from webapp.web.errors import show_on
from webapp.web.htmx import leave, leave_to, page

STATE = "consent"
STATE_MINUTES = 10
LEADS_TO = {"carddav": ".server", "file": ".uploaded"}
"""Where Continue leads for a provider that is asked otherwise than Google and Microsoft."""
_COUNTED = {
    Reason.UNAVAILABLE: "unavailable",
    Reason.MISCONFIGURED: "misconfigured",
    Reason.FAULT: "broken",
    Reason.SCOPE_MISSING: "forbidden_scope",
}
"""What is counted for the operators; that somebody said no, or took too long, is their own affair."""


class FindForm(FlaskForm):
    """The address whose book is to be read."""

    address = EmailField(lazy_gettext("Your email address"))


def _find(form: FindForm, *, status: int = 200, choose: bool = False, error: Any = None) -> Response:
    """Show the first screen. The one form of Kith that leads to another site: the providers' origins are allowed for it."""
    doors = [door for door in providers.BOOKS if providers.is_offered(door)]
    if doors:
        headers.allow(
            form_action=" ".join(["'self'", *dict.fromkeys(each for door in doors for each in consents.origins(door))])
        )
    values: dict[str, Any] = {
        "form": form,
        "choose": choose or not doors,
        "names": names(),
        "doors": doors,
        "absent": [door for door in providers.BOOKS if door not in doors],
        "hint": _hint(form.address.data or ""),
        "way": _way(form.address.data or ""),
        "running": running(),
        "promise": promise.made(preselected=setting("GUESTS_PRESELECTED")),
    }
    if error is not None:
        return show_on(form, error, "contacts/index.html", **values)
    return page("contacts/index.html", status=status, **values)


def _hint(typed: str) -> str | None:
    """Return the door that the typed address leads to, where it is offered."""
    kept = addresses.address(typed)
    door = providers.door_of(kept) if kept else None
    return door if door and providers.is_offered(door) else None


def _way(typed: str) -> Way | None:
    """Return how the contacts of a typed address are brought here, where its provider is a known one."""
    kept = addresses.address(typed)
    return way_of(kept) if kept else None


def running() -> str | None:
    """Return where an import of this browser goes on, if there is one."""
    try:
        book = looked_at()
    except Lost as lost:
        if lost.ended is not None:
            delete_lost(lost)
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
    typed = request.form.get("address", "").strip()
    session["contacts_address"] = typed[: addresses.ADDRESS_OCTETS]  # for the door that was hinted at
    return page(
        "contacts/_hinted.html", hint=_hint(typed), way=_way(typed), names=names(), choose="ways" in request.form
    )


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
        way = _way(typed)
        return _find(form, choose=True) if way is None else leave(LEADS_TO[way.door])
    if door not in providers.BOOKS:
        raise NotFound
    if not providers.is_offered(door):
        flash(_("Your community hasn't set up %(provider)s yet. Choose another way.", provider=names()[door]))
        return _find(form, choose=True)
    return _ask(form, door, kept)


def _ask(form: FindForm, door: str, kept: str | None) -> Response:
    from webapp.web import oauth

    member = viewer()
    pending = consents.pend(door, others="others" in request.form)
    prompt = session.pop("contacts_prompt", None)
    with transaction():
        state = tickets.issue(STATE, minutes=STATE_MINUTES, member=member, sign_in=member.sign_in_id, **pending.dump())
    try:
        return leave_to(oauth.authorize(pending, state, login_hint=kept, prompt=prompt))
    except ConsentError as error:
        _count(error.reason, door)
        flash(_consent_words(error.reason, door))
        return _find(form, choose=True)


@bp.get("/google/callback", defaults={"door": "google"}, endpoint="google_callback")
@bp.get("/microsoft/callback", defaults={"door": "microsoft"}, endpoint="microsoft_callback")
def callback(door: str) -> Response:
    """Take the provider's answer: only for the sign-in that asked, only once, only from the provider that was asked."""
    from webapp.web import oauth

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
            source=SOURCES[door],
            others=grant.others,
        )
        g.import_key = book.key
    session.pop("contacts_sent", None)
    return leave(".reading")


def _consent_failed(reason: Reason, door: str) -> Response:
    _count(reason, door)
    if reason is Reason.SCOPE_MISSING:
        session["contacts_prompt"] = "consent"  # else the provider would not ask again
    session["contacts_choose"] = True
    flash(_consent_words(reason, door))
    return leave(".index")


def _count(reason: Reason, door: str) -> None:
    if reason in _COUNTED:
        with transaction():
            doors.note(door, _COUNTED[reason])


def _consent_words(reason: Reason, door: str) -> str:
    name = names()[door]
    return {
        Reason.DENIED: _("You didn't give access, so nothing was read. Try again, or choose another way."),
        Reason.EXPIRED: _("That took too long, so we stopped for safety. Start again."),
        Reason.UNAVAILABLE: _(
            "%(provider)s isn't answering. Nothing was read. Try again in a few minutes, or choose another way.",
            provider=name,
        ),
        Reason.SCOPE_MISSING: _(
            "%(provider)s says that the box for contacts was left empty, so nothing was read. "
            "Try again and tick it, or choose another way.",
            provider=name,
        ),
        Reason.MISCONFIGURED: _(
            "%(provider)s doesn't know this site, so nothing was read. Whoever runs it has to look at its settings. "
            "Choose another way meanwhile.",
            provider=name,
        ),
        Reason.FAULT: _(
            "%(provider)s answered with something we can't use, so nothing was read. Try again, or choose another way.",
            provider=name,
        ),
    }[reason]
