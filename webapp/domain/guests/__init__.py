"""Guests: inviting people who are not members by mail, and what becomes of it.

What an inviter sees is the row's `state`. Whatever must not be seen (no mail because the address had one, opted out, a member who hides or
ignores) changes nothing in it: outwardly such an invitation is "invited, no answer yet" until its 30 days end. So inviting never asks
whether the address belongs to a member; the worker does, after the hold.

`inviting` asks people and takes it back, `running` is what happens by itself. `shown` shows invitations to members who turned out to
hold the address; `joining` is the link in the mail, `owners` what whoever has the address may ask.
"""

from webapp.domain.guests.inviting import (
    BOUNCES_MOST,
    BOUNCES_OF,
    LINK_OF_PREVIEW,
    Allowance,
    Invitee,
    Result,
    Status,
    allowance,
    cancel_unsent,
    check_note,
    facts_for,
    invite,
    mine,
    put_off,
    status_of,
    undo,
    withdraw,
)
from webapp.domain.guests.joining import (
    Link,
    connect_accepted,
    join,
    join_as,
    of_link,
    take,
)
from webapp.domain.guests.owners import (
    erase,
    free_addresses,
    opt_out,
    provenance,
)
from webapp.domain.guests.running import (
    expire,
    release,
    sweep,
)
from webapp.domain.guests.shown import (
    accept_card,
    all_cards,
    cards,
    ignore_card,
    meet,
    part,
)

__all__ = [
    "BOUNCES_MOST",
    "BOUNCES_OF",
    "LINK_OF_PREVIEW",
    "Allowance",
    "Invitee",
    "Link",
    "Result",
    "Status",
    "accept_card",
    "all_cards",
    "allowance",
    "cancel_unsent",
    "cards",
    "check_note",
    "connect_accepted",
    "erase",
    "expire",
    "facts_for",
    "free_addresses",
    "ignore_card",
    "invite",
    "join",
    "join_as",
    "meet",
    "mine",
    "of_link",
    "opt_out",
    "part",
    "provenance",
    "put_off",
    "release",
    "status_of",
    "sweep",
    "take",
    "undo",
    "withdraw",
]
