"""Invitations by mail and look-ups of addresses, in numbers."""

from collections.abc import Mapping

from flask import Response

from webapp.blueprints.admin.desk import bp
from webapp.config import setting
from webapp.domain import doors
from webapp.domain.desk import guests, lookups
from webapp.domain.errors import N_
from webapp.extensions import db
from webapp.mail import outbox
from webapp.web import log_ins
from webapp.web.htmx import page

DAYS = 7
FAILED: Mapping[str, str] = {
    "misconfigured": N_("refused this instance's registration"),
    "api_disabled": N_("its interface for contacts is switched off"),
    "unavailable": N_("did not answer"),
    "busy": N_("asked to wait"),
    "broken": N_("answered what can't be right"),
    "expired": N_("took the key back"),
    "forbidden_scope": N_("the member did not allow it"),
    "too_large": N_("the book was too large"),
}
"""Why no book was read, the worst first: kinds of `ProviderError`, and a registration that was refused."""


@bp.get("/invitations")
def invitations() -> Response:
    """Show how many invitations by mail are where; nobody's in particular."""
    return page("admin/invitations.html", invited=guests.invited(), possible=outbox.guest_mail_possible())


@bp.get("/look-ups")
def look_ups() -> Response:
    """Show who had most addresses compared, and how often which provider gave an address book or failed to."""
    return page(
        "admin/look_ups.html",
        rows=db.session.execute(lookups.heaviest()).all(),
        most=setting("LOOKUPS_MAX"),
        window=setting("LOOKUP_DAYS"),
        much=lookups.MUCH,
        tally=doors.tally(DAYS),
        tally_days=DAYS,
        read=doors.READ,
        door_names=log_ins.NAMES | {"carddav": "CardDAV"},
        failed=FAILED,
    )
