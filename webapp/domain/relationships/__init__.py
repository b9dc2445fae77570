"""The states of a pair of members. The only writer of that row; races are decided here.

`states` is the table of states, pure. `store` locks, decides and writes a batch. `verbs` are what members do. `views` is how they see it.
"""

from webapp.domain.relationships.store import derive as rebuild
from webapp.domain.relationships.store import lock_members
from webapp.domain.relationships.verbs import (
    Allowance,
    Result,
    accept,
    allowance,
    block,
    check_note,
    end,
    expire,
    forget,
    ignore,
    invite,
    join,
    lift,
    may_ask,
    never_again,
    release,
    unblock,
    undo,
    undo_accept,
    undo_end,
    undo_ignore,
    withdraw,
)
from webapp.domain.relationships.views import Status, as_seen_by, blocked_between, gets_card, note_between, problems

__all__ = [
    "Allowance",
    "Result",
    "Status",
    "accept",
    "allowance",
    "as_seen_by",
    "block",
    "blocked_between",
    "check_note",
    "end",
    "expire",
    "forget",
    "gets_card",
    "ignore",
    "invite",
    "join",
    "lift",
    "lock_members",
    "may_ask",
    "never_again",
    "note_between",
    "problems",
    "rebuild",
    "release",
    "unblock",
    "undo",
    "undo_accept",
    "undo_end",
    "undo_ignore",
    "withdraw",
]
