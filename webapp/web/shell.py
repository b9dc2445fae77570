"""What every page shows around its own matter: the community's name, the colours, who is signed in, what is new."""

from typing import Any

from flask import Flask, request
from flask_babel import get_locale
from flask_login import current_user

from webapp.config import setting
from webapp.domain import notifications
from webapp.models.member import Member
from webapp.web.access import viewer
from webapp.web.htmx import wants_part

THEMES = ("light", "dark")


def bind(app: Flask) -> None:
    """Give every template what the layouts need."""
    app.context_processor(_shell)


def _shell() -> dict[str, Any]:
    theme = request.cookies.get("theme", "")
    return {
        "language": str(get_locale()).replace("_", "-"),
        "site_name": setting("SITE_NAME"),
        "accent": setting("ACCENT"),
        "theme": theme if theme in THEMES else "",
        "me": viewer() if current_user.is_authenticated else None,
        "unread": _unread,
        "keeps_mail": not setting("SMTP_URL"),
        "wants_part": wants_part(),
    }


def _unread(me: Member) -> int:
    return notifications.unread(me)
