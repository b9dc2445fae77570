"""What holds for every page: it stands on the layouts, uses what exists, works without JavaScript and needs no inline code."""

import re
from pathlib import Path

import pytest

from webapp import create_app

ROOT = Path(__file__).parents[2] / "webapp"
TEMPLATES = ROOT / "templates"
# Mails, and the pages inside an archive, have rules of their own: see tests/mail and tests/jobs/test_archives.py.
MAILS = {"mail", "layouts/mail.html", "layouts/mail_foot.html", "archive"}
ONE_CLICK = {"join/opt_out.html", "unsubscribe/show.html"}  # mail programs post there too, with nothing but the link
ALONE = {"errors/500.html", "errors/storage.html"}  # needs nothing, because anything may be what broke

NAMES = sorted(
    name
    for name in (path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
    if name not in MAILS and name.split("/")[0] not in MAILS
)
PAGES = [name for name in NAMES if name.split("/")[0] not in {"layouts", "ui"}]


def text_of(name):
    """The template without its comments."""
    return re.sub(r"\{#.*?#\}", "", (TEMPLATES / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def tags_of(name, tag):
    """The opening tags of one kind, with all their attributes."""
    return re.findall(rf"<{tag}\b(?:[^<>{{]|\{{\{{.*?\}}\}}|\{{%.*?%\}})*>", text_of(name), re.DOTALL)


def test_no_sentence_stands_in_single_quotes():
    """A sentence may have an apostrophe, which is left as it is (`web/templating.py`)."""
    quoted = re.compile(r"[\w:-]='[^'<>]*\{\{-?\s*(_|ngettext)\(")
    assert quoted.search("<b title='{{ _(\"It's\") }}'>")
    assert [name for name in NAMES if quoted.search(text_of(name))] == []


def test_every_template_compiles(tmp_path):
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


@pytest.mark.parametrize("name", PAGES)
def test_pages_extend_a_layout_and_parts_never_do(name):
    extends = "{% extends" in text_of(name)
    assert extends != (name.rsplit("/", 1)[-1].startswith("_") or name in ALONE)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_a_title_that_names_the_community(name):
    if name.rsplit("/", 1)[-1].startswith("_") or name in ALONE:
        return
    text = text_of(name)
    assert "{% block title %}" in text
    assert "site_name" in re.search(r"\{% block title %\}(.*?)\{% endblock %\}", text, re.DOTALL)[1]


def test_every_symbol_that_is_used_is_in_the_sprite():
    there = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/icons.svg").read_text(encoding="utf-8")))
    used = {(name, symbol) for name in NAMES for symbol in re.findall(r"""icon\(["']([\w-]+)["']""", text_of(name))}
    assert {(name, symbol) for name, symbol in used if symbol not in there} == set()


def test_every_class_that_is_used_has_a_rule():
    css = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "static").glob("*.css"))
    there = set(re.findall(r"\.([a-z][\w-]*)", css))
    used = set()
    for name in NAMES:
        for written in re.findall(r'\bclass="([^"]*)"', text_of(name)):
            plain = re.sub(r"\S*\{\{.*?\}\}\S*|\{%.*?%\}", " ", written)
            used |= {(name, word) for word in plain.split()}
    assert {(name, word) for name, word in used if word not in there} == set()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_from_elsewhere(name):
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", text_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_what_htmx_does_a_browser_without_it_can_do(name):
    for tag in tags_of(name, "a"):
        asked = re.search(r'hx-get="([^"]*)"', tag)
        if asked:
            assert f'href="{asked[1]}"' in tag, tag
        assert "hx-post" not in tag, "a link changes nothing"
    for tag in tags_of(name, "form"):
        if "hx-post" in tag:
            assert 'method="post"' in tag, tag


@pytest.mark.parametrize("name", NAMES)
def test_every_form_that_posts_carries_the_token(name):
    for form in re.findall(r'<form\b[^>]*method="post".*?</form>', text_of(name), re.DOTALL):
        assert ("csrf()" in form) != (name in ONE_CLICK), form[:200]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_says_what_it_is_and_keeps_its_place(name):
    for tag in tags_of(name, "img"):
        assert all(part in tag for part in ("alt=", "width=", "height=")), tag
    for tag in tags_of(name, "iframe"):
        assert "sandbox" in tag, tag
        assert "title=" in tag, tag
