"""What the macros promise to every page: names that stay text, words for the ear, errors that are tied to their fields."""

import re

import pytest
from flask import render_template_string
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from webapp import create_app

NASTY = """<img src=x onerror=alert(1)>"' hx-get=/x hx-trigger=load"""


class Someone:
    def __init__(self, name="Maya Lindqvist", photo=None):
        self.name, self.handle, self.photo, self.headline = name, "maya-abcd", photo, ""


class Form(FlaskForm):
    name = StringField("Your name")
    secret = PasswordField("Password")
    field = SelectField("Field", choices=[SelectChoice("e", "Ecology"), SelectChoice("m", "Medicine")])
    findable = BooleanField("People can find me")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    made = create_app({"INSTANCE": str(tmp_path_factory.mktemp("macros") / "instance")})
    present = {rule.endpoint for rule in made.url_map.iter_rules()}
    for endpoint, rule in (("people.show", "/people/<handle>"), ("profiles.photo", "/photos/<name>-<int:pixels>.webp")):
        if endpoint not in present:
            made.add_url_rule(rule, endpoint, lambda **_: "")
    return made


@pytest.fixture
def render(app):
    """Render a line of template with the macros of one file: `render("parts", "avatar(who)", who=...)`."""
    with app.test_request_context(base_url="http://127.0.0.1:8000"):

        def one(file, call, body=None, **values):
            name = call.split("(")[0]
            line = f"{{% call {call} %}}{body}{{% endcall %}}" if body else f"{{{{ {call} }}}}"
            return render_template_string(f'{{% from "ui/{file}.html" import {name} %}}{line}', **values)

        yield one


@pytest.mark.parametrize(
    ("file", "call"),
    [
        ("parts", "avatar(who)"),
        ("parts", "guest_avatar(who.name)"),
        ("parts", "name_link(who)"),
        ("parts", "note(who.name)"),
        ("parts", "toast(who.name)"),
        ("parts", "empty(who.name, who.name)"),
        ("forms", "post('/x', who.name, hidden=who.name)"),
        ("dialog", "confirm('a', who.name, who.name, '/x', who.name, '/y')"),
        ("dialog", "confirm('a', who.name, who.name, '/x', who.name, '/y', modal=true, target='#r')"),
    ],
)
def test_a_name_is_never_markup(render, file, call):
    html = render(file, call, who=Someone(NASTY))
    assert "<img" not in html
    assert 'hx-get=/x"' not in html
    for tag in re.findall(r"<[a-z][^>]*>", html):
        assert "onerror" not in tag
        assert "hx-trigger" not in tag


def test_an_avatar_is_decoration_of_a_fixed_size(render):
    assert 'aria-hidden="true">ML<' in render("parts", "avatar(who)", who=Someone())
    photo = render("parts", "avatar(who)", who=Someone(photo="q1"))
    assert 'alt=""' in photo
    assert 'width="48" height="48" loading="lazy"' in photo
    assert 'src="/photos/q1-64.webp"' in photo
    assert 'src="/photos/q1-256.webp"' in render("parts", "avatar(who, 'xl', lazy=false)", who=Someone(photo="q1"))


def test_the_colour_of_somebody_stays_the_same(render):
    assert len({render("parts", "avatar(who)", who=Someone()) for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1st degree"), (2, "2nd degree"), (3, "3rd degree"), (0, ""), (None, "")]
)
def test_a_degree_is_said_in_full(render, number, words):
    assert " ".join(re.sub(r"<[^>]+>", "", render("parts", "degree(number)", number=number)).split()) == words


def test_a_field_with_an_error_names_its_hint_and_its_error(render):
    form = Form()
    form.name.errors = ["Enter a name."]
    html = render("forms", "field(form.name, hint='As people call you.')", form=form)
    assert 'aria-describedby="name-hint name-error" aria-invalid="true"' in html
    assert 'id="name-hint">As people call you.' in html
    assert re.search(r'id="name-error">.*Enter a name\.', html, re.DOTALL)
    assert '<label for="name">Your name</label>' in html


def test_a_field_without_an_error_says_nothing_of_one(render):
    html = render("forms", "field(form.name)", form=Form())
    assert "aria-describedby" not in html
    assert "aria-invalid" not in html


def test_what_was_typed_stands_there_again_but_a_password_never_does(render):
    form = Form(data={"name": 'Ada "The" <b>', "secret": "hidden words", "field": "m", "findable": True})
    assert 'value="Ada &#34;The&#34; &lt;b&gt;"' in render("forms", "field(form.name)", form=form)
    assert "hidden words" not in render("forms", "password(form.secret)", form=form)
    assert '<option value="m" selected>' in render("forms", "field(form.field)", form=form)
    assert " checked" in render("forms", "check(form.findable)", form=form)


def test_the_summary_of_errors_leads_to_every_field(render):
    form = Form()
    assert render("forms", "errors(form)", form=form).strip() == ""
    form.name.errors, form.secret.errors, form.form_errors = ["Enter a name."], ["Too short."], ["Nothing was saved."]
    html = render("forms", "errors(form)", form=form)
    assert 'role="alert" tabindex="-1" id="errors"' in html
    assert re.findall(r'href="#(\w+)">([^<]+)', html) == [("name", "Enter a name."), ("secret", "Too short.")]
    assert "<li>Nothing was saved.</li>" in html


def test_asking_has_the_same_words_in_a_dialog_and_on_a_page(render):
    call = "confirm('ask', 'Remove Ada?', 'She is not told.', '/remove', 'Remove', '/back', modal={}, target='#row')"
    dialog, page = (render("dialog", call.format(modal)) for modal in ("true", "false"))
    for html in (dialog, page):
        for words in ("Remove Ada?", "She is not told.", "Keep", 'action="/remove"', "csrf_token"):
            assert words in html
    assert 'aria-labelledby="ask-title" aria-describedby="ask-text"' in dialog
    assert dialog.index("autofocus") < dialog.index(">Keep<") < dialog.index(">Remove<")
    assert "hx-" not in page.replace("hx-ignore", "")


def test_a_button_is_a_form_that_works_alone_and_says_whom_it_is_about(render):
    html = render(
        "forms", "post('/accept', 'Accept', hidden='Noor', target='closest li', swap='delete')", body="<i>more</i>"
    )
    assert 'method="post" action="/accept"' in html
    assert 'hx-post="/accept" hx-target="closest li" hx-swap="delete"' in html
    assert "csrf_token" in html
    assert "<i>more</i>" in html
    assert re.sub(r"<[^>]+>", "", html).replace("more", "").strip() == "Accept Noor"


def test_a_menu_belongs_to_its_button(render):
    html = render("menu", "menu('m1', 'More for Noor')", body='<a href="/x">One</a>')
    assert 'popovertarget="m1"' in html
    assert 'aria-label="More for Noor"' in html
    assert 'id="m1" popover><a href="/x">' in html


def test_there_is_a_pager_only_where_there_is_more(render):
    assert render("pager", "pager('')").strip() == ""
    assert "Show more" in render("pager", "pager('/n')")
    assert "Back to the start" in render("pager", "pager('', '/p')")


def test_a_page_whose_part_was_refused_gets_it_as_a_toast(app):
    parts = app.test_client().get("/nowhere", base_url="http://127.0.0.1:8000", headers={"HX-Request": "true"})
    assert (parts.status_code, parts.headers["HX-Retarget"], parts.headers["HX-Reswap"]) == (
        404,
        "#toasts",
        "beforeend",
    )
    assert 'class="toast"' in parts.text
    assert "<html" not in parts.text
    page = app.test_client().get("/nowhere", base_url="http://127.0.0.1:8000")
    assert "HX-Retarget" not in page.headers
    assert "<h1>We can&#39;t find that page.</h1>" in page.text
