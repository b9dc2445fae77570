"""What a provider says about a registration, in the answers that the providers document, over real HTTP."""

import base64
import dataclasses

import pytest

from tests.providers import live
from webapp.config import GOOGLE_METADATA_URL
from webapp.providers import probing
from webapp.providers.probing import Finding, Registration

CALLBACK = f"{live.BASE_URL}/contacts/google/callback"
DISCOVERY = {
    "google": "/google/.well-known/openid-configuration",
    "microsoft": "/microsoft/common/v2.0/.well-known/openid-configuration",
}
SCOPES = {
    "google": "openid email https://www.googleapis.com/auth/contacts.readonly",
    "microsoft": "openid email Contacts.Read",
}


@pytest.fixture
def known(provider):
    """`known(door)`: a registration that is as it should be; `known(door, client_id=...)`: one that is not."""

    def make(door="google", **given):
        right = Registration(
            f"{provider.url}{DISCOVERY[door]}",
            f"demo-{door}",
            f"secret-of-demo-{door}",
            {"google": "client_secret_basic", "microsoft": "client_secret_post"}[door],
            {
                f"{live.BASE_URL}/contacts/{door}/callback": SCOPES[door],
                f"{live.BASE_URL}/signin/{door}/callback": "openid",
            },
        )
        return dataclasses.replace(right, **given)

    return make


def said(registration):
    return [each.what for each in probing.probe(registration)]


@pytest.mark.parametrize("door", ["google", "microsoft"])
def test_a_right_registration_is_said_to_be_right_and_nobody_is_signed_in(known, provider, door):
    registration = known(door)
    assert probing.probe(registration) == [
        *(Finding("redirect_known", each) for each in registration.redirects),
        Finding("secret_known"),
    ]
    assert provider.providers[door].codes == {}
    assert "secret-of" not in repr(registration)


@pytest.mark.parametrize("door", ["google", "microsoft"])
def test_each_wrong_thing_is_named(known, door):
    wrong = f"{live.BASE_URL}/elsewhere"
    right = known(door)
    assert probing.probe(known(door, redirects={**right.redirects, wrong: "openid"}))[2:] == [
        Finding("redirect_unknown", wrong),
        Finding("secret_known"),
    ]
    assert said(known(door, client_id="nobody")) == ["client_unknown"]
    assert said(known(door, client_secret="typo")) == ["redirect_known", "redirect_known", "secret_wrong"]
    assert said(known(door, client_secret="")) == ["redirect_known", "redirect_known", "secret_missing"]


def told(code):
    """What Google puts into the address of its error page."""
    return (
        base64.urlsafe_b64encode(b"\x0a\x15" + code.encode() + b"\x12\x9b\x01Something about it").decode().rstrip("=")
    )


GOOGLE_ERROR = "https://accounts.example/signin/oauth/error?client_id=demo-google&authError="


@pytest.mark.parametrize(
    ("door", "answer", "what"),
    [
        ("google", (302, "", {"Location": GOOGLE_ERROR + told("redirect_uri_mismatch")}), "redirect_unknown"),
        ("google", (302, "", {"Location": GOOGLE_ERROR + told("invalid_client")}), "client_unknown"),
        ("google", (302, "", {"Location": GOOGLE_ERROR + "%%%"}), "unclear"),
        ("google", (302, "", {"Location": GOOGLE_ERROR + told("deleted_client")}), "client_unknown"),
        ("google", (400, "<p>Error 400: redirect_uri_mismatch</p>", {}), "redirect_unknown"),
        ("google", (200, "<p>Sign in</p>", {}), "unclear"),
        ("google", (302, "", {"Location": f"{CALLBACK}?error=invalid_scope"}), "scope_refused"),
        ("google", (302, "", {"Location": f"{CALLBACK}?error=interaction_required&state=x"}), "redirect_known"),
        ("google", (302, "", {"Location": "http://["}), "unclear"),
        ("google", (302, "", {"Location": f"{CALLBACK}.evil.example/?error=login_required"}), "unclear"),
        (
            "microsoft",
            (200, "AADSTS50011: The redirect URI does not match the application &#x27;x&#x27;", {}),
            "redirect_unknown",
        ),
        (
            "microsoft",
            (400, "AADSTS700016: Application with identifier was not found in the directory", {}),
            "client_unknown",
        ),
        (
            "microsoft",
            (200, "AADSTS50194: Application is not configured as a multi-tenant application", {}),
            "one_tenant",
        ),
        (
            "microsoft",
            (400, "invalid_request: The provided value for the input parameter 'redirect_uri' is not valid.", {}),
            "redirect_unknown",
        ),
        ("google", (400, "Invalid parameter: redirect_uri", {}), "redirect_unknown"),
        ("google", (400, "Client not found.", {}), "client_unknown"),
    ],
)
def test_the_codes_of_the_consent_page_are_understood(known, provider, door, answer, what):
    status, body, headers = answer
    provider.faults[f"/{door}/authorize"] = live.answer(status, body.encode(), **headers)
    found = probing.probe(known(door))
    assert found[0].what == what
    assert provider.asked(f"/{door}/authorize") == 2


@pytest.mark.parametrize(
    ("door", "status", "body", "what"),
    [
        ("google", 401, {"error": "invalid_client", "error_description": "Unauthorized"}, "secret_wrong"),
        ("google", 401, {"error": "invalid_client", "error_description": "The OAuth client was not found."}, "client_unknown"),
        ("google", 400, {"error": "invalid_grant", "error_description": "Malformed auth code."}, "secret_known"),
        ("microsoft", 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}, "secret_wrong"),
        ("microsoft", 401, {"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired."}, "secret_expired"),
        ("microsoft", 400, {"error": "unauthorized_client", "error_description": "AADSTS700016: not found in the directory"}, "client_unknown"),
        ("microsoft", 400, {"error": "invalid_request", "error_description": "AADSTS9002313: Invalid request."}, "unclear"),
        ("google", 500, {}, "unclear"),
    ],
)  # fmt: skip
def test_the_codes_of_the_token_endpoint_are_understood(known, provider, door, status, body, what):
    provider.faults[f"/{door}/token"] = live.answer(status, body)
    assert said(known(door))[-1] == what


def test_a_discovery_document_that_is_none_or_cannot_be_had_is_named(known, provider, monkeypatch):
    path = DISCOVERY["google"]
    nowhere = f"http://127.0.0.1:1{path}"
    assert probing.probe(known(metadata_url=nowhere)) == [Finding("unreachable", nowhere)]
    for fault, what in (
        (live.answer(503, "{}"), "unreachable"),
        (live.answer(404, "{}"), "no_document"),
        (live.answer(200, b"<p>Welcome</p>"), "no_document"),
        (live.answer(200, ["a"]), "no_document"),
        (
            live.answer(
                200, {"authorization_endpoint": "http://far.example/a", "token_endpoint": "http://far.example/t"}
            ),
            "no_document",
        ),
        (live.answer(302, b"", Location=GOOGLE_METADATA_URL), "no_document"),
    ):
        provider.faults[path] = fault
        assert said(known()) == [what]
    monkeypatch.setattr(probing, "BYTES", 1000)
    provider.faults[path] = live.answer(200, b"{" + b" " * 5000)
    assert said(known()) == ["no_document"]
    assert said(known(metadata_url="http://far.example/x")) == ["no_document"]


def test_an_endpoint_that_never_answers_costs_a_deadline_and_no_more(known, provider, monkeypatch):
    monkeypatch.setattr(probing, "SECONDS", 0.2)
    silent = live.Raw(b"")
    silent.pause = 1.0
    silent.answer = b"HTTP/1.1 200 OK\r\n"
    silent.piece = 1
    try:
        provider.change_json(
            DISCOVERY["google"],
            lambda found: found | {"authorization_endpoint": f"{silent.url}/a", "token_endpoint": f"{silent.url}/t"},
        )
        assert set(said(known())) == {"unreachable"}
    finally:
        silent.close()
