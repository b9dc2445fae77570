"""Leaving: a member asks to be deleted, has DELETE_DAYS to change their mind, and is then deleted in small steps.

`asking` is what the member does; from the first moment they are for all others as if gone (`visible`). `going` deletes, a step at a time.
"""

from webapp.domain.leaving.asking import (
    CANCEL,
    Counted,
    ask,
    at_once,
    awaiting,
    condemn,
    condemned,
    counted,
    of,
    sole_operator,
    spare,
    stay,
    stay_by,
)
from webapp.domain.leaving.going import MAILS, due, proof, put_off, step

__all__ = [
    "CANCEL",
    "MAILS",
    "Counted",
    "ask",
    "at_once",
    "awaiting",
    "condemn",
    "condemned",
    "counted",
    "due",
    "of",
    "proof",
    "put_off",
    "sole_operator",
    "spare",
    "stay",
    "stay_by",
    "step",
]
