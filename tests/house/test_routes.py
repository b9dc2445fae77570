"""Every address of the application: who may come in, what no address takes, and how an unknown thing is answered."""

import re
from pathlib import Path

import webapp
from tests import factories
from tests.routes import address, dump, rules

PUBLIC = {
    "about_me.index", "about_me.show",
    "accounts.ask_reset", "accounts.check_mail", "accounts.confirm", "accounts.confirm_again", "accounts.operator", "accounts.reset",
    "accounts.signin", "accounts.signup", "invitations.accept_by_mail", "join.erase", "join.join", "join.opt_out", "join.report", "leaving.gone",
    "leaving.stay_by", "links.by", "dav.book", "dav.well_known", "log_ins.callback", "log_ins.prove", "log_ins.start",
    "feed.atom_feed", "mailbox.body", "mailbox.index", "mailbox.show", "people.show", "profiles.photo", "public.home", "public.livez", "public.metrics_page",
    "public.manifest", "public.readyz", "recovering.undo", "public.security_txt", "second_steps.ask", "second_steps.options",
    "second_steps.recover", "second_steps.second_options", "second_steps.second_passkey", "second_steps.signin", "unsubscribe.show",
}  # fmt: skip


def test_the_public_ones_are_these_and_no_others(app):
    marked = {rule.endpoint for rule in rules(app) if getattr(app.view_functions[rule.endpoint], "public", False)}
    assert marked == PUBLIC


def test_signed_out_every_other_page_leads_to_signing_in(app, client):
    for rule in rules(app):
        if rule.endpoint not in PUBLIC and "GET" in rule.methods:
            response = client.get(address(app, rule))
            assert response.status_code == 303, rule
            assert response.headers["Location"].startswith("/signin"), rule
            part = client.get(address(app, rule), headers={"HX-Request": "true"})
            assert part.headers["HX-Redirect"] == "/signin", rule


def test_a_nul_anywhere_is_refused_and_changes_nothing(app, as_member, context):
    """No keyboard types one, and PostgreSQL can neither keep nor compare it."""
    ada = factories.member()
    browser = as_member(ada)
    before = dump()
    for path in ("/people?q=a%00b", "/people/a%00b", "/connections?after=%00", "/optout/%00", "/photos/%00-64.webp"):
        assert browser.get(path).status_code == 400, path
    for rule in rules(app):
        if "POST" in rule.methods:
            answer = browser.post(address(app, rule), {"name": "a\0b", "handle": "\0"})
            assert answer.status_code == 400, rule
            assert "couldn't read that" in answer.text.replace("&#39;", "'"), rule
    assert dump() == before


def test_missing_and_forbidden_look_alike(app, as_member, context):
    """With keys of nothing, every address of a thing answers as an unknown one does, to GET and to POST."""
    ada = factories.member()
    browser = as_member(ada)
    for rule in rules(app):
        if rule.arguments & {"handle", "key"} and rule.endpoint not in PUBLIC:
            for method in rule.methods & {"GET", "POST"}:
                answer = browser.get(address(app, rule)) if method == "GET" else browser.post(address(app, rule))
                assert answer.status_code == 404, (rule, method)


def test_whoever_joins_comes_by_the_one_gate():
    """An address counts as proven, and its owner as a member, in one function, which asks who may join; the sample communities aside."""
    folder = Path(webapp.__file__).parent
    setting = re.compile(r"\.verified_at\s*=[^=]|\bverified_at=(?!None)")
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if "/demo/" not in path.as_posix()
        and "/models/" not in path.as_posix()
        and setting.search(path.read_text("utf-8"))
    }
    assert found == {"domain/accounts.py"}
    text = (folder / "domain/accounts.py").read_text("utf-8")
    assert len(setting.findall(text)) == 2
    assert text.index("for ask in _GATE") < setting.search(text).start()
