"""What every row of a list asks of Jinja and of Babel, without what these look up anew each time: the same words, the same parts.

A page of 25 people asks 140 times for a sentence, as often for a symbol, and takes macros from other files 50 times; that was more than a
third of the time it took.
"""

from collections.abc import Callable, MutableMapping
from functools import lru_cache
from types import FunctionType
from typing import Any

from babel import Locale
from flask import Flask, g
from flask.templating import Environment
from flask_babel import get_babel, get_locale, get_translations
from flask_wtf.csrf import generate_csrf
from jinja2 import pass_eval_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Call, Const, EvalContext, Impossible, Name, Node, Template, args_as_const
from jinja2.runtime import Context, Macro
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape
from markupsafe import _escape_inner as escaped  # type: ignore[attr-defined]

from webapp.web.assets import icon

SENTENCES = 4096
"""So many are remembered; the templates have fewer."""
ADDRESSES = 4096
"""The same of addresses in links; those that every page has stay."""


_PLAIN = frozenset({str, int})
"""No others: True is 1 to a dictionary, but not in an address."""


def written(value: Any) -> str:
    """Return a value as it stands on a page: escaped, unless it is markup. Jinja's own makes markup of it once more, for nobody."""
    kind = type(value)
    if kind is str:
        return escaped(value)
    return value if kind is Markup else escape(value)


class _Code(CodeGenerator):
    """Makes Python of a template, in which what it shows passes through `written`."""

    def _output_child_pre(self, node: Any, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.autoescape and not frame.eval_ctx.volatile:
            self.write("environment.written(")
        else:
            super()._output_child_pre(node, frame, finalize)


class _Context(Context):
    """Calls macros and functions of ours, as rows do most often, without asking what else they could be and want to be given."""

    def call(self, called: Any, /, *given: Any, **named: Any) -> Any:
        """Call what stands in a template with what is given there."""
        kind = type(called)
        if kind is Macro:
            given = (self.eval_ctx, *given)
        elif kind is not FunctionType or hasattr(called, "jinja_pass_arg"):
            return super().call(called, *given, **named)
        named.pop("_loop_vars", None)
        named.pop("_block_vars", None)
        return called(*given, **named)


class Templates(Environment):
    """Jinja for Flask, in which all templates share their globals, as none has any of its own.

    Jinja would put an empty layer of its own over them for each template, and compares the layers of two for every import in a row.
    """

    code_generator_class = _Code
    context_class = _Context
    written = staticmethod(written)
    said_once = frozenset({"asset", "icon", "url_for"})
    """What says the same as long as the process lives, to whomever, where it is told only what stands in the template."""

    def _generate(self, source: Template, name: str | None, *more: Any, **options: Any) -> str:
        """Return the code of a template (Jinja's own hook), where such a call has made way for what it says."""
        return super()._generate(_SaidOnce(EvalContext(self, name)).visit(source), name, *more, **options)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template."""
        return super().make_globals(d) if d else self.globals


class _SaidOnce(NodeTransformer):
    """Puts in the place of a call what it says, where that is always the same."""

    def __init__(self, context: EvalContext) -> None:
        self.context = context
        self.environment: Any = context.environment

    def visit_Call(self, node: Call) -> Node:  # noqa: N802 - as Jinja names it
        """Return what it says; the call itself where that depends on more, or where it fails, which is for the page to do."""
        call: Node = self.generic_visit(node)
        name = node.node.name if isinstance(node.node, Name) else None
        if name not in self.environment.said_once:
            return call
        try:
            given, named = args_as_const(node, self.context)
            if name == "url_for" and not _is_plain(*given, **named):
                return call
            said = self.environment.globals[name](*([self.context] if name == "_" else ()), *given, **named)
        except (Impossible, LookupError, RuntimeError):
            return call
        return Const(said, lineno=node.lineno)


def bind(app: Flask) -> None:
    """Give every template its sentences, its symbols and its addresses."""
    environment: Any = app.jinja_env
    environment.globals.update(
        _=translated, csrf=csrf, gettext=translated, icon=icon, ngettext=counted, url_for=_remembered(app)
    )
    if get_babel(app).locale_selector is None:  # one language for all
        environment.said_once |= {"_"}


def _is_plain(endpoint: str, /, **values: Any) -> bool:
    """Whether nothing but this decides what the address is: no route here depends on the request.

    One that begins at the page's own (".") and one with the name of the site ("_external") do.
    """
    for name, value in values.items():
        if type(value) not in _PLAIN or name.startswith("_"):
            return False
    return not endpoint.startswith(".")


def _remembered(app: Flask) -> Callable[..., str]:
    """Return Flask's `url_for`, which remembers what is plain. A page has some hundred links; writing each took a tenth of its time."""
    written = lru_cache(ADDRESSES)(lambda endpoint, *given: app.url_for(endpoint, **dict(given)))

    def url_for(endpoint: str, /, **values: Any) -> str:
        if _is_plain(endpoint, **values):
            return written(endpoint, *values.items())
        return app.url_for(endpoint, **values)

    return url_for


def csrf() -> Markup:
    """Return the hidden token that stands in every form that posts; it is the same in all of a page."""
    if "csrf_field" not in g:
        g.csrf_field = Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())
    return g.csrf_field


@pass_eval_context
def translated(context: EvalContext, text: str, /, **values: Any) -> str:
    """Return a sentence in the reader's language, escaped with the values in it where the template escapes.

    Sentences are ours and have no markup; should one ever come from elsewhere, it brings none either.
    """
    said, safe = _sentence(get_locale(), text)
    kept = safe if context.autoescape else said
    return kept % values if values or "%" in said else kept


def gettext(text: str, /, **values: Any) -> str:
    """Return a sentence of ours in the reader's language, for what stands in every row of a list."""
    said = _sentence(get_locale(), text)[0]
    return said % values if values else said


def ngettext(one: str, many: str, num: int, /, **values: Any) -> str:
    """Return a sentence of ours about so many of something."""
    said: str = _catalogue(get_locale()).ungettext(one, many, num)
    return said % {"num": num, **values}


@pass_eval_context
def counted(context: EvalContext, one: str, many: str, num: int, /, **values: Any) -> str:
    """Return the same for a template, with values in it that are escaped where the template escapes."""
    said: str = _catalogue(get_locale()).ungettext(one, many, num)
    kept = _safe(said) if context.autoescape else said
    return kept % {"num": num, **values}


@lru_cache(SENTENCES)
def _sentence(language: Locale | None, text: str) -> tuple[str, Markup]:
    """Look a sentence up."""
    said: str = _catalogue(language).ugettext(text)
    return said, _safe(said)


def _safe(said: str) -> Markup:
    """Return a sentence that a page may show. An apostrophe is one: no sentence stands in an attribute in single quotes."""
    return Markup(escaped(said).replace("&#39;", "'"))  # noqa: S704 - escaped but for that


@lru_cache
def _catalogue(_language: Locale | None) -> Any:
    """Return the sentences of the language of this moment, which `_language` names: they do not change while a process lives."""
    return get_translations()
