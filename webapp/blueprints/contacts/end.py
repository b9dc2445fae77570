"""What was sent, and forgetting."""

from datetime import timedelta
from typing import Any

from flask import Response, flash, g, request, session, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp import clock, tokens
from webapp.blueprints.contacts.find import running
from webapp.blueprints.contacts.wizard import bp
from webapp.domain import contacts, invitations
from webapp.models.base import from_ms, to_ms
from webapp.transaction import transaction, unlocked
from webapp.web import address_book
from webapp.web.access import viewer
from webapp.web.filters import day, number
from webapp.web.htmx import leave, page


def note_sent(screen: str, words: str, result: Any) -> None:
    """Keep in the browser what was sent, for the next page to say and to undo. Numbers and a key; no names."""
    row = {"text": words, "batch": "", "until": 0, "leaves": bool(result.invited)}
    if result.batch is not None:
        row |= {"batch": result.batch.key, "until": to_ms(result.batch.held_until)}
    session["contacts_sent"] = session.get("contacts_sent", {}) | {screen: row}


def members_sent(result: Any) -> str:
    """Return what became of those who are here, in words."""
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


def others_sent(result: Any) -> str:
    """Return what became of the guests, in words."""
    invited = ngettext("%(num)d invitation is on its way", "%(num)d invitations are on their way", result.invited)
    return ", ".join([invited, *_queued(result)])


def _queued(result: Any) -> list[str]:
    if not result.queued:
        return []
    return [
        _("%(count)s queued until %(date)s", count=number(sum(result.queued.values())), date=day(max(result.queued)))
    ]


def sent(*, book: bool = True) -> list[dict[str, Any]]:
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


def finish() -> Response:
    """Forget the book: who was invited is kept as the invitation needs it, and nothing more."""
    with transaction():
        contacts.forget(viewer(), "finished")
    g.import_gone = True
    session.pop("contacts_address", None)
    return leave(".done")


@bp.get("/done")
def done() -> Response:
    """Say what will happen now, and that the rest is forgotten."""
    return page("contacts/done.html", sent=sent(book=False))


@bp.route("/forget", methods=["GET", "POST"])
@unlocked
def forget() -> Response:
    """Forget everything now, and have the provider's key revoked."""
    from webapp.web import oauth

    if request.method == "GET":
        return page("contacts/forget.html", part="contacts/_forget.html", running=running())
    member = viewer()
    revoked = contacts.key_to_revoke(member, member.sign_in_id, address_book.key())
    with transaction():
        contacts.forget(viewer(), "button")
    g.import_gone = True
    session.pop("contacts_address", None)
    if revoked:
        oauth.revoke(*revoked)
    flash(_("Forgotten. We hold no contacts of yours."))
    return leave(".index")
