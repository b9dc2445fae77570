"""What every row of a list asks of Jinja and of Babel, without what these look up anew each time: the same words, the same parts.

A page of 25 people asks 140 times for a sentence and takes macros from other files 50 times; that was a quarter of the time it took.
"""

from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any

from babel import Locale
from flask import Flask
from flask.templating import Environment
from flask_babel import get_locale, get_translations
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

SENTENCES = 4096
"""So many are remembered; the templates have fewer."""
ADDRESSES = 4096
"""The same of addresses in links; those that every page has stay."""


_PLAIN = frozenset({str, int})
"""No others: True is 1 to a dictionary, but not in an address."""


class Templates(Environment):
    """Jinja for Flask, in which all templates share their globals, as none has any of its own.

    Jinja would put an empty layer of its own over them for each template, and compares the layers of two for every import in a row.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template."""
        return super().make_globals(d) if d else self.globals


def bind(app: Flask) -> None:
    """Give every template its sentences."""
    app.jinja_env.globals.update(_=translated, gettext=translated, url_for=_remembered(app))


def _remembered(app: Flask) -> Callable[..., str]:
    """Return Flask's `url_for` with a memory. A page has some hundred links; writing each anew took a tenth of its time.

    What an address is made of is all in the key: no route here depends on the request, and none that begins at the page's own ("." or
    "_external") is remembered.
    """
    written = lru_cache(ADDRESSES)(lambda endpoint, *given: app.url_for(endpoint, **dict(given)))

    def url_for(endpoint: str, /, **values: Any) -> str:
        is_plain = all(type(value) in _PLAIN and not name.startswith("_") for name, value in values.items())
        if is_plain and not endpoint.startswith("."):
            return written(endpoint, *values.items())
        return app.url_for(endpoint, **values)

    return url_for


@pass_eval_context
def translated(context: EvalContext, text: str, /, **values: Any) -> str:
    """Return a sentence of ours in the reader's language, with values in it that are escaped where the template escapes."""
    said, safe = _sentence(get_locale(), text)
    kept = safe if context.autoescape else said
    return kept % values if values or "%" in said else kept


@lru_cache(SENTENCES)
def _sentence(_language: Locale | None, text: str) -> tuple[str, Markup]:
    """Look a sentence up in the language of this moment, which `_language` names: catalogues do not change while a process lives."""
    said: str = get_translations().ugettext(text)
    return said, Markup(said)  # noqa: S704 - our own words; what stands in them is escaped
