"""Lists a page at a time, by key: the address says after which row to go on, so that the last page is as quick as the first."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import request

from webapp.extensions import db
from webapp.models.base import LAST_ID, LAST_MS
from webapp.models.built import first_of

Row = TypeVar("Row")
SIZE = 25
CURSOR_CHARACTERS = 600
UNFIT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page; `next` names the place of the following one, None at the end; `is_first` whether anything is before it."""

    rows: Sequence[Row]
    next: str | None
    is_first: bool


def cursor(*values: str | int) -> str:
    """Return a place in a list as it stands in an address."""
    return urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


class Ms(int):
    """The kind of a moment in a place: milliseconds since 1970."""


def place(*kinds: type) -> tuple[Any, ...] | None:
    """Return the place the address names, as values of these kinds; None for the beginning, and for anything that is no place."""
    text = request.values.get("after", "")
    if not text or len(text) > CURSOR_CHARACTERS:
        return None
    try:
        values = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return None
    if not isinstance(values, list) or len(values) != len(kinds):
        return None
    return tuple(values) if all(map(_fits, values, kinds)) else None


def _fits(value: object, kind: type) -> bool:
    """Whether a value can stand in a row: a number, a moment, or a text that every database can compare."""
    if kind is str:
        return isinstance(value, str) and not UNFIT.search(value)
    return type(value) is int and abs(value) <= (LAST_MS if kind is Ms else LAST_ID)


def page(found: Any, key: Callable[[Any], tuple[str | int, ...]], *, is_first: bool, size: int = SIZE) -> Page[Any]:
    """Return one page of a Select that goes on after its place already; `key` tells the place of a row. One statement."""
    return cut(db.session.execute(found.limit(size + 1)).all(), key, is_first=is_first, size=size)


def first(
    listed: Callable[..., Any], viewer: Any, *shape: Any, key: Callable[[Any], tuple[str | int, ...]], size: int = SIZE
) -> Page[Any]:
    """Return the first page of what is listed `for_any_viewer`: the page that is asked for most, and soonest. One statement."""
    return cut(first_of(size + 1, listed, viewer, *shape), key, is_first=True, size=size)


def at(
    place: tuple[Any, ...] | None,
    listed: Callable[..., Any],
    viewer: Any,
    *shape: Any,
    after: Callable[..., Any],
    key: Callable[[Any], tuple[str | int, ...]],
    size: int = SIZE,
) -> Page[Any]:
    """Return the page of such a list that begins at a place, where `after` lets the list begin; None is the first. One statement."""
    if place is None:
        return first(listed, viewer, *shape, key=key, size=size)
    return page(after(listed(viewer, *shape), *place), key, is_first=False, size=size)


def cut(
    rows: Sequence[Row], key: Callable[[Row], tuple[str | int, ...]], *, is_first: bool, size: int = SIZE
) -> Page[Row]:
    """Return one page of rows that are known, from its place on."""
    more = len(rows) > size
    rows = rows[:size]
    return Page(rows, cursor(*key(rows[-1])) if more else None, is_first)
