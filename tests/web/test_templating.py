"""Sentences in templates: what stands in them is escaped, and a percent sign is one, as with Jinja's own."""

import pytest
from flask_babel import gettext

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


def test_what_stands_in_a_sentence_is_escaped_and_the_sentence_is_not(context):
    template = context.jinja_env.from_string("{{ _('<b>100%%</b> of %(text)s', text=text) }}{{ _('It\\'s 5%%') }}")
    for _again in range(2):
        assert template.render(text="<i>") == "<b>100%</b> of &lt;i&gt;It's 5%"
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
