"""Every address of the application: who may come in, what a GET leaves alone, and what another site cannot do."""

import pytest
from flask import url_for
from sqlalchemy import select

from tests import factories
from webapp.extensions import db

PUBLIC = {
    "accounts.ask_reset", "accounts.check_mail", "accounts.confirm", "accounts.confirm_again", "accounts.operator", "accounts.reset",
    "accounts.signin", "accounts.signup", "invitations.accept_by_mail", "join.erase", "join.join", "join.opt_out", "leaving.gone",
    "leaving.stay_by", "links.by", "dav.book", "dav.well_known", "log_ins.callback", "log_ins.prove", "log_ins.start",
    "feed.atom_feed", "mailbox.body", "mailbox.index", "mailbox.show", "people.show", "profiles.photo", "public.home", "public.livez",
    "public.manifest", "public.readyz", "public.security_txt", "unsubscribe.show",
}  # fmt: skip
ONE_CLICK = {"join.opt_out", "unsubscribe.show"}  # mail programs post there (RFC 8058)
VALUES = {
    "token": "x",
    "key": "x",
    "handle": "nobody-abcd",
    "mail_id": 1,
    "report_id": 1,
    "name": "x",
    "pixels": 64,
    "what": "accept",
    "sign_in_id": 1,
    "address_id": 1,
    "app_password_id": 1,
    "door": "google",
}


def rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def address(app, rule):
    values = {
        name: min(getattr(rule._converters[name], "items", None) or [VALUES.get(name, "x")])
        for name in rule.arguments - set(rule.defaults or ())
    }
    with app.test_request_context():
        return url_for(rule.endpoint, **values)


def dump():
    """Everything in the database but when sign-ins were last seen, and how often something was tried: a limit has to count."""
    db.session.rollback()
    return {
        table.name: sorted(
            str(
                [
                    value
                    for column, value in zip(table.columns.keys(), row, strict=True)
                    if column not in {"seen_at", "clicked_at"}
                ]
            )
            for row in db.session.execute(select(table))
        )
        for table in db.metadata.sorted_tables
        if table.name != "throttle"
    }


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


def test_no_get_changes_anything_and_none_breaks(app, as_member, context):
    ada = factories.member()
    browser = as_member(ada)
    before = dump()
    for rule in rules(app):
        if "GET" in rule.methods:
            response = browser.get(address(app, rule))
            assert response.status_code < 500, rule
            assert dump() == before, rule


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


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"X-CSRFToken": "forged"}]
)
def test_another_site_can_post_nowhere_but_to_one_click_unsubscribing(app, as_member, context, headers):
    ada = factories.member()
    browser = as_member(ada)
    before = dump()
    for rule in rules(app):
        if "POST" in rule.methods and rule.endpoint not in ONE_CLICK:
            response = browser.post(address(app, rule), {"anything": "x"}, headers=headers)
            assert response.status_code in {400, 403}, rule
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
