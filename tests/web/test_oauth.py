"""Consent, over real loopback HTTP against the demo provider: the suite, and each trap that was measured in the library."""

import json
import logging
import time
import traceback

import pytest

from tests.providers import live
from tests.providers.fixtures import *  # noqa: F403 - fixtures are found by name
from tests.providers.suite import ACCOUNT, ConsentSuite, reason
from webapp import create_app
from webapp.config import SettingError
from webapp.demo.provider.consent import TENANT
from webapp.demo.provider.memory import CONTACTS, GRAPH
from webapp.web import consents, oauth
from webapp.web.consents import ConsentError, Reason

DISCOVERY = {
    "google": "/google/.well-known/openid-configuration",
    "microsoft": "/microsoft/common/v2.0/.well-known/openid-configuration",
}


class Demo:
    """The demo provider, as the suite wants it."""

    def __init__(self, provider):
        self.provider = provider

    def consent(self, url, account, **choice):
        return live.consent(url, account, **choice)

    def contacts(self, door):
        return CONTACTS if door == "google" else GRAPH


@pytest.fixture
def server(provider):
    return Demo(provider)


@pytest.fixture
def house(registered):
    return registered


class TestDemoProvider(ConsentSuite):
    """The suite against the demo provider."""


def given(door="google", **more):
    """A pending consent and a good answer to it."""
    pending = consents.pend(door, **more)
    return pending, live.consent(oauth.authorize(pending, "the-state"), ACCOUNT)


def test_the_issuer_is_checked_at_every_sign_in_not_only_the_first(registered, provider):
    for _ in range(2):
        assert oauth.exchange(*given()).email == ACCOUNT
    provider.change_id_token("google", lambda claims: claims | {"iss": "https://evil.example"})
    for _ in range(3):
        assert reason(oauth.exchange, *given()) == Reason.FAULT


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["demo-google", "another-client"]},
        {"aud": ["another-client", "a-third"], "azp": "demo-google"},
        {"aud": []},
        {"aud": None},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": 2**40},
        {"iat": None},
        {"sub": None},
        {"azp": "another-client"},
        {"at_hash": "nonsense"},
    ],
)
def test_an_id_token_that_is_not_for_us_is_refused_and_the_key_ended(registered, provider, change):
    def changed(claims):
        found = claims | change
        return {name: value for name, value in found.items() if value is not None}

    provider.change_id_token("google", changed)
    pending, back = given()
    assert reason(oauth.exchange, pending, back) == Reason.FAULT
    tokens = provider.providers["google"].tokens
    assert list(tokens.values())[-1].ended


@pytest.mark.parametrize("change", [{"tid": None}, {"tid": "another"}, {"tid": 7}, {"tid": "../x"}, {"tid": ""}])
def test_microsofts_issuer_is_the_template_with_the_tenant_that_is_named(registered, provider, change):
    def changed(claims):
        found = claims | change
        return {name: value for name, value in found.items() if value is not None}

    provider.change_id_token("microsoft", changed)
    assert reason(oauth.exchange, *given("microsoft")) == Reason.FAULT


def test_microsofts_template_itself_is_no_issuer(registered, provider):
    template = f"{provider.url}/microsoft/{{tenantid}}/v2.0"
    provider.change_id_token("microsoft", lambda claims: claims | {"iss": template})
    assert reason(oauth.exchange, *given("microsoft")) == Reason.FAULT


def test_an_answer_may_name_the_tenants_issuer(registered, provider):
    pending, back = given("microsoft")
    back["iss"] = f"{provider.url}/microsoft/{TENANT}/v2.0"
    assert oauth.exchange(pending, back).email == ACCOUNT


def test_an_answer_must_name_its_sender_where_that_is_announced(registered):
    pending, back = given()
    assert reason(oauth.exchange, pending, {"code": back["code"]}) == Reason.FAULT


@pytest.mark.parametrize("status", [302, 307, 308])
def test_the_token_request_follows_no_redirect(registered, provider, trap, status):
    pending, back = given()
    good = {"access_token": "x", "token_type": "Bearer"}
    provider.faults["/google/token"] = live.answer(status, good, Location=f"{trap.url}/token")
    assert reason(oauth.exchange, pending, back) == Reason.FAULT
    trap.close()
    assert trap.connections == 0


def test_discovery_and_keys_follow_no_redirect(registered, provider, trap):
    document = provider.app.test_client().get(DISCOVERY["google"]).get_json()
    provider.faults[DISCOVERY["google"]] = live.answer(302, document, Location=trap.url)
    assert reason(oauth.authorize, consents.pend("google"), "s") == Reason.FAULT
    provider.faults.clear()
    pending, back = given()
    provider.faults["/google/keys"] = live.answer(302, Location=trap.url)
    assert reason(oauth.exchange, pending, back) == Reason.FAULT
    trap.close()
    assert trap.connections == 0


@pytest.mark.parametrize(
    "token",
    [
        {},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": 7},
        {"access_token": "a b"},
        {"access_token": "x\r\nY: z"},
        {"access_token": "é"},
        {"access_token": "x", "token_type": "mac"},
        {"access_token": "x", "token_type": "Bearer"},
        {"access_token": "x", "token_type": "Bearer", "id_token": None},
        {"access_token": "x", "token_type": "Bearer", "id_token": ""},
        {"access_token": "x", "token_type": "Bearer", "id_token": "not.a.token"},
        {"access_token": "x", "token_type": "Bearer", "id_token": "e30.e30."},
        {"access_token": "x", "expires_in": "soon", "id_token": "x"},
        [],
        None,
        "text",
    ],
)
def test_an_empty_or_strange_token_answer_is_a_fault(registered, provider, token):
    pending, back = given()
    provider.faults["/google/token"] = live.answer(200, json.dumps(token))
    assert reason(oauth.exchange, pending, back) == Reason.FAULT


def test_a_token_answer_that_is_no_json_is_a_fault(registered, provider):
    for body in (b"", b"<html>", b'{"a":' * 100_000, b"\xff"):
        pending, back = given()
        provider.faults["/google/token"] = live.answer(200, body)
        assert reason(oauth.exchange, pending, back) == Reason.FAULT
        provider.reset()


def test_an_unsigned_id_token_is_refused_even_where_it_is_announced(registered, provider):
    provider.change_json(
        DISCOVERY["google"], lambda found: found | {"id_token_signing_alg_values_supported": ["none", "HS256"]}
    )
    provider.change_json("/google/token", lambda token: token | {"id_token": _unsigned(token["id_token"])})
    assert reason(oauth.exchange, *given()) == Reason.FAULT


def _unsigned(token):
    import base64

    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("access_denied", Reason.DENIED),
        ("consent_required", Reason.DENIED),
        ("temporarily_unavailable", Reason.UNAVAILABLE),
        ("server_error", Reason.UNAVAILABLE),
        ("invalid_scope", Reason.MISCONFIGURED),
        ("unauthorized_client", Reason.MISCONFIGURED),
        ("<script>alert(1)</script>", Reason.FAULT),
        ("something_new", Reason.FAULT),
    ],
)
def test_the_providers_error_becomes_our_own_and_its_text_is_never_kept(registered, caplog, code, why):
    pending, back = given()
    answer = {"error": code, "error_description": "Call 555 <b>now</b>", "state": "the-state", "iss": back["iss"]}
    with pytest.raises(ConsentError) as caught:
        oauth.exchange(pending, answer)
    assert caught.value.reason == why
    assert "555" not in f"{caught.value} {caplog.text}"
    assert "<" not in f"{caught.value} {caplog.text}"


@pytest.mark.parametrize(
    ("status", "error", "why"),
    [
        (400, "invalid_grant", Reason.EXPIRED),
        (401, "invalid_client", Reason.MISCONFIGURED),
        (400, "redirect_uri_mismatch", Reason.MISCONFIGURED),
        (400, "invalid_request", Reason.FAULT),
        (500, "server_error", Reason.UNAVAILABLE),
        (503, "anything", Reason.UNAVAILABLE),
        (429, "slow_down", Reason.FAULT),
        (400, None, Reason.FAULT),
        (400, {"a": 1}, Reason.FAULT),
    ],
)
def test_the_token_endpoints_refusals_are_told_apart(registered, provider, status, error, why):
    pending, back = given()
    provider.faults["/google/token"] = live.answer(status, {"error": error})
    assert reason(oauth.exchange, pending, back) == why


def test_an_answer_without_a_code_is_a_fault(registered, provider):
    pending, back = given()
    before = provider.asked("/google/token")
    assert reason(oauth.exchange, pending, {"iss": back["iss"]}) == Reason.FAULT
    assert provider.asked("/google/token") == before


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"issuer": 7}',
        b'{"issuer": "https://x.example"}',
        b'{"a":' * 100_000,
    ],
)
def test_broken_discovery_is_a_fault_and_is_not_remembered(registered, provider, document):
    provider.faults[DISCOVERY["google"]] = live.answer(200, document)
    assert reason(oauth.authorize, consents.pend("google"), "s") == Reason.FAULT
    provider.faults.clear()
    assert oauth.authorize(consents.pend("google"), "s").startswith(provider.url)


@pytest.mark.parametrize(
    ("door", "issuer"),
    [
        ("google", "https://evil.example"),
        ("google", "{url}/google/other"),
        ("google", "{url}/google/.well-known"),
        ("google", "{url}/microsoft"),
        ("microsoft", "https://evil.example/{{tenantid}}/v2.0"),
        ("microsoft", "{url}0/microsoft/{{tenantid}}/v2.0"),
        ("microsoft", "nonsense"),
    ],
)
def test_discovery_that_names_another_issuer_is_a_fault(registered, provider, door, issuer):
    other = issuer.format(url=provider.url)
    provider.change_json(DISCOVERY[door], lambda found: found | {"issuer": other})
    assert reason(oauth.authorize, consents.pend(door), "s") == Reason.FAULT
    provider.reset()
    assert oauth.authorize(consents.pend(door), "s").startswith(provider.url)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_an_endpoint_that_is_neither_https_nor_loopback_is_refused(registered, provider, name):
    provider.change_json(DISCOVERY["google"], lambda found: found | {name: "http://login.example/x"})
    assert reason(oauth.authorize, consents.pend("google"), "s") == Reason.FAULT


@pytest.mark.parametrize("keys", [b"{}", b"[]", b"null", b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}', b"<html>"])
def test_broken_keys_are_a_fault_and_are_not_remembered(registered, provider, keys):
    pending, back = given()
    provider.faults["/google/keys"] = live.answer(200, keys)
    assert reason(oauth.exchange, pending, back) == Reason.FAULT
    provider.faults.clear()
    assert oauth.exchange(*given()).email == ACCOUNT


def test_a_key_that_was_changed_at_the_provider_is_learnt(registered, provider):
    from joserfc.jwk import RSAKey

    assert oauth.exchange(*given()).email == ACCOUNT
    google = provider.providers["google"]
    before = google.key
    google.key = RSAKey.generate_key(2048, {"kid": "the-new-one", "use": "sig", "alg": "RS256"})
    try:
        assert oauth.exchange(*given()).email == ACCOUNT
    finally:
        google.key = before


def test_a_provider_that_is_down_is_unavailable(registered, trap):
    trap.close()
    registered.config["KITH"] = registered.config["KITH"] | {"GOOGLE_METADATA_URL": f"{trap.url}/x"}
    assert reason(oauth.authorize, consents.pend("google"), "s") == Reason.UNAVAILABLE


@pytest.mark.parametrize("part", ["discovery", "token"])
def test_a_drip_holds_nobody_long(registered, provider, raw, monkeypatch, part):
    monkeypatch.setattr(oauth, "ANSWER_SECONDS", 0.6)
    slow = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b" " * 900, pause=0.05, piece=1)
    pending, back = given()
    if part == "discovery":
        registered.config["KITH"] = registered.config["KITH"] | {"GOOGLE_METADATA_URL": slow.url}
    else:
        provider.change_json(DISCOVERY["google"], lambda found: found | {"token_endpoint": slow.url})
        registered.extensions["kith.oauth"].clear()
    start = time.perf_counter()
    assert reason(oauth.exchange, pending, back) == Reason.UNAVAILABLE
    assert time.perf_counter() - start < 2


def test_a_huge_answer_is_cut_off(registered, provider):
    pending, back = given()
    provider.faults["/google/token"] = live.answer(200, b'{"access_token": "' + b"x" * 3_000_000 + b'"}')
    assert reason(oauth.exchange, pending, back) == Reason.UNAVAILABLE


@pytest.mark.parametrize(
    ("door", "scope", "why"),
    [
        ("google", "openid email", Reason.SCOPE_MISSING),
        ("google", "", Reason.SCOPE_MISSING),
        ("google", "openid contacts.readonly", Reason.SCOPE_MISSING),
        ("google", f"openid {CONTACTS}", None),
        ("microsoft", "https://graph.example/contacts.read openid", None),
        ("microsoft", "Contacts.Read", None),
        ("microsoft", "Contacts.ReadWrite", Reason.SCOPE_MISSING),
        ("microsoft", "User.Read", Reason.SCOPE_MISSING),
    ],
)
def test_the_scope_that_was_given_is_read(registered, provider, door, scope, why):
    provider.change_json(f"/{door}/token", lambda token: token | {"scope": scope})
    pending, back = given(door)
    if why is None:
        assert oauth.exchange(pending, back).scopes == tuple(scope.split())
    else:
        assert reason(oauth.exchange, pending, back) == why


def test_a_scope_that_is_not_said_means_as_asked(registered, provider):
    provider.change_json(
        "/google/token", lambda token: {name: value for name, value in token.items() if name != "scope"}
    )
    grant = oauth.exchange(*given(others=True))
    assert (grant.scopes, grant.others) == (None, True)


def test_a_key_without_the_scope_is_ended(registered, provider):
    provider.change_json("/google/token", lambda token: token | {"scope": "openid"})
    assert reason(oauth.exchange, *given()) == Reason.SCOPE_MISSING
    assert provider.asked("/google/revoke") == 1
    assert list(provider.providers["google"].tokens.values())[-1].ended


@pytest.mark.parametrize("claims", [{"email": "not an address"}, {"email": 7}, {"email": None}])
def test_an_unreadable_email_is_none(registered, provider, claims):
    provider.change_id_token("google", lambda found: found | claims)
    assert oauth.exchange(*given()).email is None


def test_revoking_ignores_a_provider_that_fails_and_takes_three_seconds_at_most(registered, provider, raw):
    grant = oauth.exchange(*given())
    provider.faults["/google/revoke"] = live.answer(500, {})
    assert oauth.revoke("google", grant.access_token) is False
    slow = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b" " * 900, pause=0.05, piece=1)
    provider.change_json(DISCOVERY["google"], lambda found: found | {"revocation_endpoint": slow.url})
    registered.extensions["kith.oauth"].clear()
    start = time.perf_counter()
    assert oauth.revoke("google", grant.access_token, seconds=0.5) is False
    assert time.perf_counter() - start < 2
    assert oauth.REVOKE_SECONDS == 3


def test_a_key_is_not_sent_to_a_revocation_endpoint_without_https(registered, provider, monkeypatch):
    grant = oauth.exchange(*given())
    sent = []
    monkeypatch.setattr(oauth._Session, "revoke_token", lambda _self, url, **_more: sent.append(url))
    provider.change_json(DISCOVERY["google"], lambda found: found | {"revocation_endpoint": "http://x.example/"})
    registered.extensions["kith.oauth"].clear()
    assert oauth.revoke("google", grant.access_token) is False
    assert sent == []


def test_the_client_proves_itself_as_each_provider_wants(registered, provider):
    oauth.exchange(*given("google"))
    oauth.exchange(*given("microsoft"))
    sent = dict(provider.forms)
    headers = dict(provider.seen)
    assert headers["/google/token"]["Authorization"].startswith("Basic ")
    assert "client_secret" not in sent["/google/token"]
    assert "Authorization" not in headers["/microsoft/token"]
    assert sent["/microsoft/token"]["client_secret"] == "secret-of-demo-microsoft"


def test_select_account_and_a_hint_never_go_together(registered):
    asked = live.query(oauth.authorize(consents.pend("microsoft"), "s", login_hint=ACCOUNT, prompt="select_account"))
    assert asked["prompt"] == "select_account"
    assert "login_hint" not in asked


def test_neither_offline_access_nor_earlier_scopes_are_asked_for(registered):
    for door in ("google", "microsoft"):
        url = oauth.authorize(consents.pend(door, others=True), "s")
        for word in ("offline", "include_granted_scopes", "access_type"):
            assert word not in url


def test_only_google_has_other_contacts(registered):
    assert consents.pend("google", others=True).others
    assert not consents.pend("microsoft", others=True).others


def test_nothing_secret_reaches_the_log(registered, provider, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("authlib").setLevel(logging.INFO)
    pending, back = given()
    grant = oauth.exchange(pending, back)
    oauth.revoke("google", grant.access_token)
    with pytest.raises(ConsentError) as caught:
        oauth.exchange(pending, back)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name != "werkzeug")
    text = ours + "".join(traceback.format_exception(caught.value))
    for secret in (grant.access_token, pending.code_verifier, back["code"], "secret-of-demo-google", ACCOUNT):
        assert secret not in text


def test_the_library_is_kept_from_logging_the_verifier(registered, caplog):
    logging.getLogger("authlib").setLevel(logging.DEBUG)
    consents.register(registered)
    assert logging.getLogger("authlib").level == logging.INFO


def test_each_application_has_its_own_client(registered, tmp_path):
    other = create_app(dict(registered.config["KITH"]) | {"INSTANCE": str(tmp_path), "GOOGLE_CLIENT_ID": "another"})
    assert live.query(oauth.authorize(consents.pend("google"), "s"))["client_id"] == "demo-google"
    with other.app_context():
        assert live.query(oauth.authorize(consents.pend("google"), "s"))["client_id"] == "another"


@pytest.mark.parametrize(
    "name", ["GOOGLE_METADATA_URL", "GOOGLE_CONTACTS_URL", "MICROSOFT_METADATA_URL", "MICROSOFT_CONTACTS_URL"]
)
@pytest.mark.parametrize("url", ["http://provider.example/x", "ftp://127.0.0.1", "nonsense", "http://127.example.org"])
def test_the_application_does_not_start_with_a_provider_that_is_neither_https_nor_loopback(tmp_path, name, url):
    with pytest.raises(SettingError, match=f"KITH_{name} must start with https"):
        create_app({"INSTANCE": str(tmp_path), name: url})
