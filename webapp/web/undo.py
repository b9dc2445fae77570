"""Taking back what one press did: all of it has the same moment until when it can be, and a form names it by that moment."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from flask import request

from webapp.domain.errors import NotFound
from webapp.models.base import LAST_MS, from_ms
from webapp.web.numbers import as_number


def sent_moment(name: str) -> datetime:
    """Return the moment a form sends in milliseconds since 1970; NotFound for what is none."""
    given = as_number(request.form.get(name, ""), LAST_MS)
    if given is None:
        raise NotFound
    return from_ms(given)


def by_press(rows: Sequence[Any]) -> list[list[Any]]:
    """Return what can be taken back, one list for each press: those of one have the same `undo_until`, and stand together."""
    return [list(group) for _until, group in groupby(rows, key=attrgetter("undo_until"))]
