"""Sentences in templates: what stands in them is escaped, and a percent sign is one, as with Jinja's own."""

from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
from flask_babel import gettext
from jinja2.nodes import Name
from markupsafe import Markup

from webapp import create_app
from webapp.extensions import babel
from webapp.web import filters

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


def test_a_sentence_is_escaped_with_what_stands_in_it(context):
    template = context.jinja_env.from_string(
        "{{ _('100%% of %(text)s', text=text) }}{{ _('It\\'s 5%%') }}{{ _(name) }}"
    )
    for _again in range(2):
        assert template.render(text="<i>", name='"<b>') == "100% of &lt;i&gt;It's 5%&#34;&lt;b&gt;"
    plain = context.jinja_env.from_string("{% autoescape false %}{{ _('of %(text)s', text=text) }}{% endautoescape %}")
    assert plain.render(text="<i>") == "of <i>"


def test_a_template_and_the_code_say_the_same(context):
    assert context.jinja_env.from_string("{{ _('Save') }}").render() == gettext("Save")


def test_an_address_in_a_link_is_written_once_and_what_looks_alike_is_not_mistaken(app):
    with app.test_request_context("/people"):
        url_for = app.jinja_env.globals["url_for"]
        for _again in range(2):
            for given in (
                {"q": "ma", "page": 1},
                {"q": "ma", "page": True},
                {"page": 1, "q": "ma"},
                {"q": ["a", "b"], "page": None},
            ):
                assert url_for("people.index", **given) == app.url_for("people.index", **given)
            assert url_for("people.index", _external=True).startswith("http")
            assert url_for("people.index", q="a", _anchor="top") == "/people?q=a#top"
        assert url_for("people.index", page=1) != url_for("people.index", page=True)


def test_what_is_always_the_same_is_written_into_the_template_and_nothing_else(app):
    environment = app.jinja_env

    def code(text):
        return environment.compile(text, raw=True)

    with app.test_request_context("/people", base_url="http://elsewhere.example"):
        once = "{{ icon('x') }}{{ _('It\\'s <5%%') }}{{ url_for('people.index') }}{{ asset('kith.css') }}"
        assert ".call(" not in code(once)
        said = environment.from_string(once).render()
        assert said.startswith('<svg class="i" aria-hidden="true"><use href="/static/')
        assert said.endswith(f"</svg>It's &lt;5%/people{environment.globals['asset']('kith.css')}")
        for each in ("icon(name)", "_('%(name)s', name=name)", "url_for('people.index', q=name)"):
            assert ".call(" in code(f"{{{{ {each} }}}}")
        for each in (
            "url_for('.index')",
            "url_for('people.index', _external=true)",
            "url_for('no.such')",
            "asset('no')",
        ):
            assert ".call(" in code(f"{{{{ {each} }}}}")
        assert "/people?q=a&amp;page=1" in code("{{ url_for('people.index', q='a', page=1) }}")
    assert ".call(" in code("{{ url_for('people.index', page=987654) }}")  # outside of a request


def test_sentences_are_looked_up_anew_where_there_are_several_languages(app, tmp_path, monkeypatch):
    monkeypatch.setattr(babel, "init_app", partial(babel.init_app, locale_selector=lambda: "de"))
    other = create_app({"INSTANCE": str(tmp_path / "other")})
    with app.app_context():
        assert ".call(" not in app.jinja_env.compile("{{ _('Save') }}", raw=True)
    with other.app_context():
        assert ".call(" in other.jinja_env.compile("{{ _('Save') }}", raw=True)


def test_no_template_has_another_meaning_for_what_is_written_into_it(app):
    names = {"_", "asset", "icon", "url_for"}
    for name in app.jinja_env.list_templates():
        tree = app.jinja_env.parse(app.jinja_env.loader.get_source(app.jinja_env, name)[0])
        stored = {each.name for each in tree.find_all(Name) if each.ctx != "load"}
        assert not stored & names or name == "ui/parts.html", name


def test_what_a_page_shows_is_escaped_once_whatever_it_is(context):
    class Said:
        def __html__(self):
            return "<u>"

    page = context.jinja_env.from_string(
        "{% macro row(what) %}<b>{{ what }}</b>{{ caller() }}{% endmacro %}"
        "{% for what in all %}{% set kept %}{{ what }}{% endset %}{% call row(what) %}{{ kept }}{% endcall %}{% endfor %}"
        "{% autoescape false %}{{ all[0] }}{% endautoescape %}"
    )
    shown = page.render(all=["<'", Markup("<i>"), Said(), 5, None])
    assert shown == "<b>&lt;&#39;</b>&lt;&#39;<b><i></b><i><b><u></b><u><b>5</b>5<b>None</b>None<'"


def test_a_sentence_about_so_many_is_escaped_as_any_other(context):
    words = "ngettext('%(num)s of %(text)s', '%(num)s of all %(text)s', many, text='<')"
    page = context.jinja_env.from_string(f"{{{{ {words} }}}}")
    assert page.render(many=1) == "1 of &lt;"
    assert page.render(many=2) == "2 of all &lt;"
    assert page.render(many="<") == "&lt; of all &lt;"
    words = words.replace("many,", "many, num='2,000',")
    plain = context.jinja_env.from_string(f"{{% autoescape false %}}{{{{ {words} }}}}{{% endautoescape %}}")
    assert plain.render(many=2000) == "2,000 of all <"


def test_moments_are_written_where_the_reader_is(context, monkeypatch):
    late = datetime(2026, 12, 31, 23, 5, tzinfo=UTC)
    assert (filters.moment(late), filters.day(late)) == ("31 December 2026, 23:05", "31 December 2026")
    monkeypatch.setattr(filters, "to_user_timezone", lambda value: value.astimezone(timezone(timedelta(hours=2))))
    assert (filters.moment(late), filters.day(late)) == ("1 January 2027, 01:05", "1 January 2027")
    assert filters.day("2026-05-03") == "3 May 2026"
    assert (filters.birthday("--02-29"), filters.birthday("1990-05-14")) == ("29 February", "14 May 1990")
    assert filters.number(1000) == "1,000"
