"""What is stored of a member's contacts now, and their ledger: what was read, what was sent because of it, and what was forgotten."""

import json
from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp import clock
from webapp.blueprints.contacts.wizard import names
from webapp.config import setting
from webapp.domain import contacts, ledger, promise
from webapp.domain.ledger import Line
from webapp.web import paging
from webapp.web.access import viewer
from webapp.web.filters import day, number
from webapp.web.htmx import page

bp = Blueprint("ledger", __name__, url_prefix="/settings/contacts")

ICONS = {
    "compared": "search",
    "forgotten": "trash-2",
    "sent": "send",
    "left": "mail",
    "undone": "undo-2",
    "withdrawn": "undo-2",
    "came back": "circle-alert",
    "uncertain": "circle-alert",
}


@bp.get("")
def index() -> Response:
    """Show what lies here now, the promise, and the ledger, the latest line first."""
    member = viewer()
    place = paging.place(int)
    found = ledger.of(member)
    shown = paging.page(
        ledger.before(found, place[0]) if place else found, lambda row: (row.number,), is_first=place is None
    )
    number_of_lines, digest = ledger.end_of(member)
    return page(
        "contacts/ledger.html",
        held=contacts.held(member),
        doors=names(),
        promise=promise.made(preselected=setting("GUESTS_PRESELECTED")),
        shown=shown,
        lines=[(line, ICONS[line.what], words(line)) for line in map(ledger.line, shown.rows)],
        number_of_lines=number_of_lines,
        digest=digest,
    )


@bp.get("/ledger.jsonl")
def export() -> Response:
    """Hand out the whole ledger, a line of JSON each, with its digest: anybody can verify it (docs/privacy.md)."""
    text = "".join(
        json.dumps({**line.plain(), "digest": line.digest}, sort_keys=True) + "\n"
        for lines in ledger.lines_of(viewer())
        for line in lines
    )
    response = Response(text, mimetype="application/x-ndjson")
    name = f"contacts-ledger-{clock.now():%Y-%m-%d}.jsonl"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def words(line: Line) -> str:
    """Return a line in words."""
    facts: Any = line.facts
    if line.what == "compared":
        return _compared(facts)
    if line.what == "forgotten":
        return _forgotten(facts)
    if line.what == "sent":
        return _sent(facts)
    return _became(line.what, to_members=facts["who"] == "members", count=facts["number"])


def _compared(facts: Any) -> str:
    parts = [
        _("%(members)s here", members=number(facts["members"])),
        _("%(guests)s not here", guests=number(facts["guests"])),
    ]
    for name, said in (
        ("connected", _("%(count)s already connected", count=number(facts["connected"]))),
        ("invited", _("%(count)s already invited", count=number(facts["invited"]))),
        ("blocked", _("%(count)s you blocked", count=number(facts["blocked"]))),
    ):
        if facts[name]:
            parts.append(said)
    read = ngettext("%(count)s contact read", "%(count)s contacts read", facts["read"], count=number(facts["read"]))
    return _(
        "%(door)s: %(read)s, %(addresses)s compared. %(found)s.",
        door=_capital(names()[facts["door"]]),
        read=read,
        addresses=ngettext(
            "%(count)s address", "%(count)s addresses", facts["addresses"], count=number(facts["addresses"])
        ),
        found=", ".join(parts),
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _forgotten(facts: Any) -> str:
    why = {
        "finished": _("you had finished"),
        "button": _("you pressed Forget everything"),
        "sign_out": _("the sign-in ended"),
        "late": _("its time was over"),
        "anew": _("you started again"),
        "empty": _("there were no contacts"),
        "refused": _("it was more than may be compared"),
        "unreadable": _("it couldn't be opened any more"),
        "leaving": _("you left"),
        "suspended": _("your account was suspended"),
    }[facts["how"]]
    forgotten = _(
        "%(door)s: everything that was read is forgotten, because %(why)s.",
        door=_capital(names()[facts["door"]]),
        why=why,
    )
    if facts["compared"]:
        return forgotten
    read = ngettext(
        "%(count)s contact had been read",
        "%(count)s contacts had been read",
        facts["read"],
        count=number(facts["read"]),
    )
    return _("%(forgotten)s %(read)s, and none compared.", forgotten=forgotten, read=read)


def _sent(facts: Any) -> str:
    count = facts["invited"] + facts["queued"]
    parts = []
    if count and facts["who"] == "members":
        parts.append(
            ngettext(
                "You asked %(count)s member to connect",
                "You asked %(count)s members to connect",
                count,
                count=number(count),
            )
        )
    elif count:
        parts.append(
            ngettext(
                "You invited %(count)s person by email",
                "You invited %(count)s people by email",
                count,
                count=number(count),
            )
        )
    if facts["queued"]:
        parts.append(
            _("%(count)s of them queued until %(date)s", count=number(facts["queued"]), date=day(facts["until"]))
        )
    if facts.get("connected"):
        parts.append(
            ngettext(
                "%(count)s connected (they had asked you)",
                "%(count)s connected (they had asked you)",
                facts["connected"],
                count=number(facts["connected"]),
            )
        )
    return ", ".join(parts) + "."


def _became(what: str, *, to_members: bool, count: int) -> str:
    said = number(count)
    if what == "came back":
        return ngettext(
            "%(count)s email couldn't be delivered.", "%(count)s emails couldn't be delivered.", count, count=said
        )
    if what == "uncertain":
        return ngettext(
            "Of %(count)s email nobody can say whether it left.",
            "Of %(count)s emails nobody can say whether they left.",
            count,
            count=said,
        )
    asked = (
        ngettext("%(count)s invitation to a member", "%(count)s invitations to members", count, count=said)
        if to_members
        else ngettext("%(count)s invitation by email", "%(count)s invitations by email", count, count=said)
    )
    return {
        "left": _("%(asked)s left.", asked=asked),
        "undone": _("%(asked)s taken back before leaving.", asked=asked),
        "withdrawn": _("%(asked)s withdrawn after leaving.", asked=asked),
    }[what]
