"""What is set up to read address books and to sign in with, what to register where, and whether the providers agree."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Response
from flask_babel import gettext as _

from webapp import logs
from webapp.blueprints.admin.desk import bp
from webapp.config import setting
from webapp.domain import doors
from webapp.domain.errors import N_, NotFound, TooMany
from webapp.transaction import unlocked
from webapp.web import consents, log_ins
from webapp.web.htmx import page

if TYPE_CHECKING:
    from webapp.providers import probing

DOORS = ("google", "microsoft", "oidc")
WHERE = {
    "google": N_("Google Cloud console: APIs & Services, Credentials, your OAuth client, Authorized redirect URIs"),
    "microsoft": N_(
        "Microsoft Entra admin center: App registrations, your application, Authentication, Web, Redirect URIs"
    ),
    "oidc": N_("the settings of your provider, where this site is registered as a client"),
}
WORDS: Mapping["probing.What", str] = {
    "redirect_known": N_("The redirect address is registered."),
    "secret_known": N_("The client secret is right."),
    "unreachable": N_(
        "It could not be reached from this machine. Is the address right, and may the machine connect to it?"
    ),
    "no_document": N_("There is no OpenID discovery document at this address."),
    "client_unknown": N_("It does not know the client id. Compare it with what stands there, letter by letter."),
    "redirect_unknown": N_("The redirect address is not registered. Copy it, and add it there."),
    "one_tenant": N_(
        "The registration is for one organisation only. Let it take any organisation and personal accounts, or name your own directory in "
        "KITH_MICROSOFT_METADATA_URL."
    ),
    "scope_refused": N_("It refuses what this site asks for. Allow the contacts scope in the registration."),
    "secret_wrong": N_("The client secret is wrong. Copy the secret itself, not its number, and no space with it."),
    "secret_expired": N_("The client secret has expired. Make a new one there."),
    "secret_missing": N_("No client secret is set."),
    "unclear": N_("It answered in a way this check does not know. Try it as a member would."),
}
BUSY = N_("A provider is being asked at this moment. Try again in a few seconds.")
_asking = threading.Lock()


@bp.get("/providers")
def providers() -> Response:
    """Show what is set up, with the client id but never the secret, and the exact addresses to register."""
    return _shown()


@bp.post("/providers/<any(google, microsoft, oidc):door>/check")
@unlocked
def check(door: str) -> Response:
    """Ask a provider whether it knows this instance, and say what is wrong. One at a time; nobody is signed in, nothing is kept."""
    from webapp.providers import probing

    if not setting(f"{door.upper()}_CLIENT_ID"):
        raise NotFound
    if not _asking.acquire(blocking=False):
        raise TooMany(BUSY, retry_after=5)
    try:
        found = probing.probe(consents.registration(door))
    finally:
        _asking.release()
    logs.security("an operator checked a provider", door=door, wrong=sum(not each.is_good for each in found))
    return _shown({door: found})


def _shown(found: Mapping[str, "list[probing.Finding]"] | None = None) -> Response:
    return page(
        "admin/providers.html",
        doors=[_described(door) for door in DOORS],
        found=found or {},
        words={what: _(text) for what, text in WORDS.items()},
        hosts=setting("CARDDAV_ALLOWED_HOSTS"),
        certificates=setting("CARDDAV_CA_FILE"),
    )


def _described(door: str) -> dict[str, Any]:
    known, name = consents.registration(door), door.upper()
    met = doors.last("api_disabled", door=door)
    read = doors.last(doors.READ, door=door)
    return {
        "door": door,
        "name": log_ins.name_of(door),
        "where": _(WHERE[door]),
        "settings": f"KITH_{name}_CLIENT_ID, KITH_{name}_CLIENT_SECRET"
        + (", KITH_OIDC_METADATA_URL" if door == "oidc" else ""),
        "client_id": known.client_id,
        "has_secret": bool(known.client_secret),
        "metadata_url": known.metadata_url,
        "redirects": list(known.redirects) or [consents.sign_in_url(door)],
        "signs_in": door in log_ins.offered(),
        "reads": door != "oidc",
        # Only a member's key tells that the interface is off, so what the last reading met is remembered.
        "off_since": met if met is not None and (read is None or read < met) else None,
        "read_at": read,
    }
