"""kith.js and htmx in a real browser, under the real security headers, on pages made of the real layouts and macros."""

import threading

import pytest
from flask import make_response, render_template_string, request
from playwright.sync_api import expect
from werkzeug.serving import make_server

from webapp import create_app
from webapp.domain.errors import Refused
from webapp.web.access import public

LIST = """
{% extends "layouts/solo.html" %}
{% from "ui/parts.html" import toast %}{% from "ui/menu.html" import menu %}{% from "ui/forms.html" import post %}
{% block main %}
<h1>Bench</h1>
<form role="search" action="/bench"><input type="search" name="q" aria-label="Search"></form>
<section><h2 tabindex="-1" data-focus>People</h2>
<ul class="list">
  {% for name in ("ada", "ben", "cleo") %}
  <li class="row" id="row-{{ name }}"><span></span><a href="/bench#{{ name }}">{{ name }}</a><div class="acts">
    {{ post("/bench/go", "Ignore", hidden=name, target="closest li", swap="delete") }}
    {{ post("/bench/refuse", "Refuse", hidden=name, target="closest li", swap="delete") }}
    {% call menu("menu-" ~ name, "More for " ~ name) %}
    <a href="/bench">Profile</a><button type="button">Mute {{ name }}</button>
    <a href="/bench/{{ name }}" hx-get="/bench/{{ name }}" hx-target="#dialogs" hx-swap="innerHTML">Remove {{ name }}</a>
    {% endcall %}</div></li>
  {% endfor %}
</ul></section>
<input type="checkbox" class="check" aria-label="All" data-mixed>
<button hx-get="/bench/break" hx-target="#nowhere">Break</button>
<button hx-get="/bench/unreachable" hx-target="#nowhere">Unreachable</button>
<div class="panel"><fieldset><legend class="sr">Choose</legend><div><ul class="list"><li class="row">one</li></ul></div></fieldset></div>
<p id="nowhere">untouched</p>
<p id="ticks" hx-get="/bench/tick" hx-trigger="every 200ms" hx-swap="innerHTML">0</p>
<div class="reveal"><input id="secret" type="password" aria-label="Secret"><button type="button" aria-controls="secret"
  aria-pressed="false" data-show="Show" data-hide="Hide">Show</button></div>
<button type="button" data-theme-toggle="theme=%;path=/;samesite=lax">Light or dark</button>
{% endblock %}
{% block toasts %}{{ toast("One") }}{% endblock %}
"""
ASK = """
{% from "ui/dialog.html" import confirm %}
{% set url, row = "/bench/" ~ how, "#row-" ~ name %}
{{ confirm("ask", "Remove " ~ name ~ "?", "They won't be told.", url, "Remove", "/bench", modal=true, target=row) }}
"""


def bench(app):
    """Give the application the pages to try the script on."""

    @app.get("/bench")
    @public
    def page():
        return render_template_string(LIST)

    @app.get("/bench/<name>")
    @public
    def ask(name):
        if name == "break":
            return "<p>internal</p>", 500
        if name == "tick":
            return "1"
        return render_template_string(ASK, name=name, how={"cleo": "refuse", "ben": "fall"}.get(name, "go"))

    @app.post("/bench/<how>")
    @public
    def act(how):
        if how == "refuse":
            raise Refused("Not now.")
        if how == "fall":
            return "", 503
        answer = make_response(
            render_template_string(
                '{% from "ui/parts.html" import toast %}<div hx-swap-oob="beforeend:#toasts">{{ toast("Done.") }}</div>'
            )
        )
        assert request.headers["HX-Request"] == "true"
        return answer


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    app = create_app({"INSTANCE": str(tmp_path_factory.mktemp("bench") / "instance")})
    bench(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    base = f"http://127.0.0.1:{server.server_port}"
    app.config["KITH"] = app.config["KITH"] | {"BASE_URL": base}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield base
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium, address):
    """The bench, freshly opened. The browser may complain of nothing but the failures that a test provokes."""
    context = chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(5000)
    opened = context.new_page()
    complaints = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    opened.goto(f"{address}/bench")
    yield opened
    context.close()
    assert complaints == []


def open_dialog(page, name):
    page.get_by_role("button", name=f"More for {name}").press("Enter")
    page.get_by_role("link", name=f"Remove {name}").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_dialog_opens_on_the_safe_button_and_gives_the_focus_back(page):
    open_dialog(page, "ada")
    expect(page.get_by_role("dialog", name="Remove ada?")).to_have_accessible_description("They won't be told.")
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="More for ada")).to_be_focused()
    open_dialog(page, "ada")
    page.get_by_role("button", name="Keep").press("Enter")
    expect(page.get_by_role("button", name="More for ada")).to_be_focused()
    expect(page.locator("#row-ada")).to_have_count(1)


def test_after_a_removal_the_focus_is_on_the_next_row_and_the_result_is_said(page):
    open_dialog(page, "ada")
    page.get_by_role("button", name="Remove").press("Enter")
    expect(page.locator("#row-ada")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#toasts")).to_contain_text("Done.")
    expect(page.get_by_role("button", name="More for ben")).to_be_focused()


def test_the_last_row_hands_the_focus_back_and_an_empty_list_to_its_heading(page):
    for name, after in (("cleo", "Ignore ben"), ("ben", "Ignore ada")):
        page.get_by_role("button", name=f"Ignore {name}").press("Enter")
        expect(page.locator(f"#row-{name}")).to_have_count(0)
        expect(page.get_by_role("button", name=after)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="People")).to_be_focused()


def test_a_refusal_is_said_and_the_row_stays(page):
    page.get_by_role("button", name="Refuse ada").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Not now.")
    expect(page.locator("#row-ada")).to_have_count(1)
    expect(page.get_by_role("button", name="Refuse ada")).to_be_focused()


def test_a_refusal_closes_the_dialog_that_would_hide_it(page):
    open_dialog(page, "cleo")
    page.get_by_role("button", name="Remove").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Not now.")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#row-cleo")).to_have_count(1)


def test_a_failure_is_said_inside_the_dialog_which_stays(page):
    open_dialog(page, "ben")
    page.get_by_role("button", name="Remove").press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Something broke on our side")
    expect(page.locator("#row-ben")).to_have_count(1)


def test_a_failure_changes_nothing_and_is_said_once(page):
    for _ in range(2):
        page.get_by_role("button", name="Break").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing you typed is lost")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.locator("#nowhere")).to_have_text("untouched")


def test_a_site_that_cannot_be_reached_is_said(page):
    page.route("**/unreachable", lambda route: route.abort())
    page.get_by_role("button", name="Unreachable").click()
    expect(page.get_by_role("alert")).to_contain_text("couldn't reach the site")
    page.get_by_role("button", name="Dismiss").last.click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_arrives_by_itself_never_moves_the_focus(page):
    expect(page.locator("#ticks")).to_have_text("1")
    assert page.evaluate("document.activeElement === document.body")


def test_the_arrows_walk_a_menu_and_escape_leaves_it(page):
    button = page.get_by_role("button", name="More for ada")
    button.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Profile")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("link", name="Remove ada")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Profile")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("link", name="Remove ada")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Remove ada")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_menu_closes_when_something_in_it_was_chosen(page):
    button = page.get_by_role("button", name="More for ben")
    button.click()
    page.get_by_role("button", name="Mute ben").click()
    expect(page.get_by_role("button", name="Mute ben")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_slash_goes_to_the_search_but_stays_a_slash_in_a_field(page):
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_have_value("/")


def test_a_box_is_half_ticked_where_the_server_says_so(page):
    assert page.get_by_role("checkbox", name="All").evaluate("box => box.indeterminate")


def test_a_list_in_a_fieldset_is_no_container(page):
    """Chromium lays such a container out with no height in about a third of all loads, and its rows vanish."""
    kinds = "list => [list, list.closest('.panel')].map(part => getComputedStyle(part).containerType)"
    assert page.locator("fieldset .list").evaluate(kinds) == ["normal", "inline-size"]
    assert page.locator(".list").first.evaluate("list => getComputedStyle(list).containerType") == "inline-size"


def test_a_password_can_be_shown_and_hidden(page):
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Secret")).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide").click()
    expect(page.get_by_label("Secret")).to_have_attribute("type", "password")


def test_the_theme_is_kept_in_a_cookie_that_the_server_reads(page):
    page.get_by_role("button", name="Light or dark").click()
    chosen = page.locator("html").get_attribute("data-theme")
    assert chosen == "dark"
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_toast_goes_after_twelve_seconds_but_not_while_it_is_looked_at(chromium, address):
    context = chromium.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(f"{address}/bench")
    toast = page.get_by_text("One", exact=True)
    toast.hover()
    page.clock.run_for(60_000)
    expect(toast).to_be_visible()
    page.mouse.move(0, 0)
    page.clock.run_for(11_000)
    expect(toast).to_be_visible()
    page.clock.run_for(3_000)
    expect(toast).to_have_count(0)
    context.close()
