"""What every page shows around its own matter: the community's name, the colours, who is signed in, what is new."""

from typing import Any

from flask import Flask, request
from flask_babel import get_locale
from flask_login import current_user
from sqlalchemy import select

from webapp.config import setting
from webapp.domain import messages, notifications
from webapp.extensions import db
from webapp.models.member import AnyViewer, Member
from webapp.web import cookies
from webapp.web.access import viewer
from webapp.web.htmx import wants_part

THEME, THEMES = "theme", ("light", "dark")
YEAR_SECONDS = 365 * 24 * 3600
# Built once: every page shows it, and asks again as long as it is open.
NEWS = select(
    messages.unread_of(AnyViewer).label("messages"), notifications.unread_of(AnyViewer).label("notifications")
)


def bind(app: Flask) -> None:
    """Give every template what the layouts need."""
    app.context_processor(_shell)


def _shell() -> dict[str, Any]:
    name = cookies.called(THEME)
    theme = request.cookies.get(name, "")
    secure = ";secure" if cookies.is_secure() else ""
    return {
        "language": str(get_locale()).replace("_", "-"),
        "site_name": setting("SITE_NAME"),
        "accent": setting("ACCENT"),
        "has_logo": bool(setting("LOGO")),
        "theme": theme if theme in THEMES else "",
        "theme_cookie": f"{name}=%;path=/;max-age={YEAR_SECONDS};samesite=lax{secure}",
        "me": viewer() if current_user.is_authenticated else None,
        "news_of": news_of,
        "keeps_mail": not setting("SMTP_URL"),
        "undo_seconds": setting("UNDO_SECONDS"),
        "wants_part": wants_part(),
    }


def news_of(me: Member) -> dict[str, int]:
    """Return how much is unread, as the navigation names it. One statement."""
    return dict(db.session.execute(NEWS, {"viewer": me.id}).mappings().one())
