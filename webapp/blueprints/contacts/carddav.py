"""An address book at a server of the member's choice (CardDAV): asked once, with a password that is kept nowhere."""

import re
from typing import TYPE_CHECKING, Any

from flask import Response, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField

from webapp import addresses, providers
from webapp.blueprints.contacts.reading import begin_whole, turn
from webapp.blueprints.contacts.wizard import bp
from webapp.config import setting
from webapp.domain import accounts, throttles
from webapp.domain.errors import N_, DomainError, Invalid, Refused
from webapp.providers import ways
from webapp.providers.base import Page, ProviderError
from webapp.transaction import transaction, unlocked
from webapp.web.access import ask_to_sign_in, sign_in_token, viewer
from webapp.web.errors import show_on
from webapp.web.htmx import page

if TYPE_CHECKING:
    from webapp.providers.outside import NotRead

_CHARACTERS = 1000
_WITH_PASSWORD = re.compile(r"(?<=//)[^/?#]*@")


class ServerForm(FlaskForm):
    """Which server, and who asks it. The password is never shown again, and so has to be typed again."""

    server = StringField(lazy_gettext("Address of the server"))
    user = StringField(lazy_gettext("User name there"))
    password = PasswordField(lazy_gettext("App password"))


@bp.get("/carddav")
def server() -> Response:
    """Ask for the server; what the typed address tells stands there already."""
    form = ServerForm(formdata=None)
    typed = addresses.address(session.get("contacts_address") or "") or accounts.primary_address(viewer())
    way = ways.way_of(typed)
    if way is not None and way.door == "carddav":
        form.server.data = way.server
    elif providers.door_of(typed) is None and way is None:
        form.server.data = typed  # its domain may say where its address books are
    form.user.data = typed
    return _show(form)


@bp.post("/carddav")
@unlocked
def read_server() -> Response:
    """Read all address books of the user, and compare them; whatever goes wrong is said beside what was typed."""
    form = ServerForm()
    where, user = (form.server.data or "").strip()[:_CHARACTERS], (form.user.data or "").strip()[:_CHARACTERS]
    password = (form.password.data or "")[:_CHARACTERS]
    form.server.data, form.user.data, form.password.data = _WITH_PASSWORD.sub("", where), user, None
    try:
        found = _fetch(where, user, password)
    except DomainError as error:
        return _show(form, error)
    if accounts.signed_in(sign_in_token()) is None:  # ended elsewhere, while the server was asked
        return ask_to_sign_in()
    return begin_whole("carddav", found)


def _show(form: ServerForm, error: DomainError | None = None) -> Response:
    typed = addresses.address(form.user.data or "")
    way = ways.way_of(typed) if typed else None
    values: dict[str, Any] = {
        "form": form,
        "way": way if way is not None and way.door == "carddav" else None,
        "ways": [*(each for each in ways.WAYS if each.door == "carddav"), ways.NEXTCLOUD],
    }
    if error is not None:
        return show_on(form, error, "contacts/carddav.html", **values)
    return page("contacts/carddav.html", **values)


def _fetch(where: str, user: str, password: str) -> Page:
    """Return what the server gave. Raises the sentence for what went wrong."""
    missing = {
        name: sentence
        for name, given, sentence in (
            ("server", where, N_("Enter the address of your server, or your email address.")),
            ("user", user, N_("Enter your user name at that server; often it is your email address.")),
            ("password", password, N_("Enter the password, or an app password made for this.")),
        )
        if not given
    }
    if missing:
        raise Invalid(**missing)
    from webapp.providers import carddav
    from webapp.providers.outside import NotRead

    with turn():
        _count_try()
        try:
            return carddav.fetch(where, user, password)
        except NotRead as error:
            raise _not_read(error) from None
        except ProviderError as error:
            raise Refused(_FAILED.get(error.kind, _FAILED["broken"])) from None


def _count_try() -> None:
    member = viewer()
    limit, key = throttles.ADDRESS_BOOKS_PER_MEMBER, str(member.id)
    with transaction():
        throttles.check(
            limit,
            key,
            words=N_("That were many tries. Go on in %(minutes)s minutes, or bring your contacts another way."),
        )
        throttles.count(limit, key)


_FAILED = {
    "busy": N_("The server is busy, so nothing was read. Enter the password again in a few minutes."),
    "unavailable": N_(
        "The server isn't answering, so nothing was read. Check its address, or try again in a few minutes."
    ),
    "too_large": N_(
        "The server sent more than we can read at once, so nothing was read. Enter the address of one address book."
    ),
    "broken": N_("The server answered with something we can't use, so nothing was read. Check its address."),
}


def _not_read(error: "NotRead") -> DomainError:
    """Return what the member can do about it, beside the field where they can."""
    from webapp.providers import carddav

    host = error.host
    if error.reason == "password":
        return Invalid(
            password=_(
                "%(host)s doesn't accept this user name with this password. Many providers want an app password here: "
                "make one, and enter it.",
                host=host,
            )
        )
    words = {
        "address": _("Enter the address of a server like dav.example.org, or your email address."),
        "insecure": _(
            "We ask servers only over https, so that nobody else can read along. Enter an address that has it."
        ),
        "not_allowed": _(
            "We ask only servers that everybody on the Internet can reach. For one of your own network, ask whoever runs %(site)s.",
            site=setting("SITE_NAME"),
        ),
        "no_host": _("There is no server called %(host)s. Check its address.", host=host),
        "certificate": _(
            "%(host)s can't prove that it is the server of that name, so your password wasn't sent. Check its address.",
            host=host,
        ),
        "elsewhere": _(
            "This leads to %(host)s, and your password wasn't sent there. If that is your provider, enter %(host)s here.",
            host=host,
        ),
        "no_book": _(
            "We found no address book at %(host)s. Enter the CardDAV address that your provider names.", host=host
        ),
        "too_many_books": _(
            "You have more than %(num)s address books there. Enter the address of one of them.", num=carddav.BOOKS_MAX
        ),
        "too_many": _(
            "There are more than %(num)s contacts, more than we read at once. Enter the address of one address book.",
            num=f"{setting('IMPORT_CONTACTS_MAX'):,}",
        ),
    }
    return Invalid(server=words[error.reason])
