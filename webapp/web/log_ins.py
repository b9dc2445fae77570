"""Which other log-ins are offered, and what they are called."""

from flask import Flask

from webapp.config import setting
from webapp.web import consents, headers

NAMES = {"google": "Google", "microsoft": "Microsoft"}


def bind(app: Flask) -> None:
    """Give the pages that offer other log-ins their list."""
    app.jinja_env.globals["log_in_name"] = name_of
    app.jinja_env.globals["log_ins_offered"] = lambda: [(door, name_of(door)) for door in _allowed()]


def offered() -> list[str]:
    """Return the doors that the operator offers and has registered this instance with."""
    return [door for door in (*NAMES, "oidc") if door in setting("SIGN_IN_WITH") and _is_set(door)]


def _is_set(door: str) -> bool:
    return bool(setting(f"{door.upper()}_CLIENT_ID") and setting(f"{door.upper()}_METADATA_URL"))


def _allowed() -> list[str]:
    """Return the doors, and let the page's form lead there: a browser holds the redirect that answers it to the page's policy."""
    doors = offered()
    if doors:
        origins = dict.fromkeys(each for door in doors for each in consents.origins(door))
        headers.allow(form_action=" ".join(["'self'", *origins]))
    return doors


def name_of(door: str) -> str:
    """Return what a provider is called."""
    return NAMES.get(door) or setting("OIDC_NAME") or "OpenID Connect"
