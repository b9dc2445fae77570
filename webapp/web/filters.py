"""How names and moments look on a page."""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zlib import crc32

from babel import Locale
from flask import Flask
from flask_babel import format_date, format_decimal, get_locale, to_user_timezone
from markupsafe import Markup, escape

from webapp import clock
from webapp.config import setting
from webapp.domain import silence
from webapp.models.base import to_ms
from webapp.web.templating import gettext as _
from webapp.web.templating import ngettext

HUES = 8
REMEMBERED = 4096
"""So many dates as they are written, and as many numbers: a page shows the same few again and again."""
LEAP_YEAR = 2000
"""One in which every birthday is a day."""
_ADDRESS = re.compile(r"\bhttps?://[^\s<>\"'`]+", re.IGNORECASE)
_TRAILING = ".,;:!?…)]}»”’"


def bind(app: Flask) -> None:
    """Give every template these filters."""
    app.jinja_env.filters.update(
        initials=initials,
        hue=hue,
        day=day,
        birthday=birthday,
        leaves=leaves,
        moment=moment,
        ago=ago,
        hour=hour,
        short=short,
        number=number,
        ms=to_ms,
        without=without,
        linked=linked,
        deed=deed,
    )


def initials(name: str) -> str:
    """Return the first letters of the first and the last word: "MN" for "Maya van Nes"."""
    words = [word for word in name.split() if word[0].isalnum()] or [name or "?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def hue(handle: str) -> int:
    """Return which of the eight avatar colours somebody has; always the same one."""
    return crc32(handle.encode()) % HUES


def day(value: date | str) -> str:
    """Return a date, or its ISO text, as people write it: "3 May 2026"."""
    if isinstance(value, str):
        value = date.fromisoformat(value)
    return _date(value, "d MMMM yyyy")


def _date(value: date, pattern: str) -> str:
    """Return a date, or the date of a moment where the reader is, in the reader's language."""
    return _written(get_locale(), to_user_timezone(value).date() if isinstance(value, datetime) else value, pattern)


@lru_cache(REMEMBERED)
def _written(_language: Locale | None, value: date, pattern: str) -> str:
    """Write a date in the language of this moment, which `_language` names."""
    return str(format_date(value, pattern))


def leaves(value: datetime) -> str:
    """Return when something leaves that waits for its day, or for an operator."""
    if silence.is_open_ended(value):
        return str(_("Waits until an operator lets you invite"))
    return str(_("Leaves on %(date)s", date=day(value)))


def birthday(value: str) -> str:
    """Return a birthday as people write it: "14 May 1990" for 1990-05-14, "14 May" for --05-14."""
    if value.startswith("--"):
        return _date(date.fromisoformat(f"{LEAP_YEAR}-{value[2:]}"), "d MMMM")
    return day(value)


def hour(value: datetime) -> str:
    """Return the time of a day: "10:42"."""
    return f"{to_user_timezone(value):%H:%M}"


def short(value: datetime) -> str:
    """Return a moment for a narrow place: the time today, the weekday within a week, else the day."""
    passed = clock.now().date() - value.date()
    if passed < timedelta(days=1):
        return hour(value)
    return _date(value, "EEE" if passed < timedelta(days=7) else "d MMM")


def linked(text: str) -> Markup:
    """Return what somebody wrote, fit for a page, with its http and https addresses as links and everything else as it stands.

    What ends a sentence ends the address, too; a closing bracket only where none was opened in it.
    """
    parts = []
    end = 0
    for found in _ADDRESS.finditer(text):
        address = found[0]
        while address[-1] in _TRAILING and not (address[-1] == ")" and address.count("(") >= address.count(")")):
            address = address[:-1]
        parts.append(escape(text[end : found.start()]))
        if address.partition("://")[2]:
            link = Markup('<a class="link" href="{0}" rel="noopener noreferrer nofollow ugc">{0}</a>')
            parts.append(link.format(address))
        else:
            parts.append(escape(address))
        end = found.start() + len(address)
    return Markup("").join([*parts, escape(text[end:])])


def deed(post: Any) -> str:
    """Return in a few words what the author of something in the feed did; their name stands before it."""
    if post.kind == "post":
        return _("shared an update")
    if post.kind == "joined":
        return _("joined %(site)s", site=setting("SITE_NAME"))
    if post.kind == "connected":
        return _("connected with %(name)s", name=post.other_name)
    title, _newline, organisation = post.body.partition("\n")
    if title and organisation:
        return _("started as %(title)s at %(organisation)s", title=title, organisation=organisation)
    return (
        _("started as %(title)s", title=title) if title else _("started at %(organisation)s", organisation=organisation)
    )


def number(value: int) -> str:
    """Return a number as people write it: "1,000"."""
    return _decimal(get_locale(), value)


@lru_cache(REMEMBERED)
def _decimal(_language: Locale | None, value: int) -> str:
    return str(format_decimal(value))


def moment(value: datetime) -> str:
    """Return a date with the time."""
    here = to_user_timezone(value)
    return f"{day(here.date())}, {here:%H:%M}"


def ago(value: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits; a date after a month."""
    passed = clock.now() - value
    if passed < timedelta(minutes=1):
        return _("just now")
    if passed < timedelta(hours=1):
        return ngettext("%(num)d minute ago", "%(num)d minutes ago", passed.seconds // 60)
    if passed < timedelta(days=1):
        return ngettext("%(num)d hour ago", "%(num)d hours ago", passed.seconds // 3600)
    if passed < timedelta(days=31):
        return ngettext("%(num)d day ago", "%(num)d days ago", passed.days)
    return day(value)


def without(values: dict[str, str], *names: str) -> dict[str, str]:
    """Return what an address says, without some of it."""
    return {name: value for name, value in values.items() if name not in names}
