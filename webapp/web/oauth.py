"""Consent at a provider, to read an address book or to sign in: the request, and its answer.

The protocol is Authlib's; the state is the caller's. What is asked for, and what may come of it, is in `consents`.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth, OAuthError
from authlib.integrations.requests_client import OAuth2Session
from flask import current_app
from joserfc.errors import JoseError
from urllib3.exceptions import HTTPError

from webapp import addresses, metrics
from webapp.config import setting
from webapp.providers.base import ProviderError
from webapp.providers.http import Deadline, read
from webapp.providers.origins import origin
from webapp.web.consents import (
    DOORS,
    EXTENSION,
    SIGN_IN_SCOPE,
    ConsentError,
    Grant,
    Identity,
    Pending,
    Reason,
    client_auth,
)

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
ANSWER_BYTES = 1_000_000
REVOKE_SECONDS = 3.0
WELL_KNOWN = "/.well-known/openid-configuration"
LEEWAY_SECONDS = 120
"""How far the provider's clock may be off."""

_ASYMMETRIC = re.compile(r"(?:RS|PS|ES)(?:256|384|512)|EdDSA")
_TENANT = re.compile(r"[0-9a-fA-F\-]{1,64}")
_CODE = re.compile(r"[a-z_]{1,40}")

# What the providers' error codes come to; any other is a fault.
_CODES: Mapping[str, Reason] = {
    "access_denied": Reason.DENIED,
    "consent_required": Reason.DENIED,
    "interaction_required": Reason.DENIED,
    "login_required": Reason.DENIED,
    "account_selection_required": Reason.DENIED,
    "invalid_grant": Reason.EXPIRED,
    "server_error": Reason.UNAVAILABLE,
    "temporarily_unavailable": Reason.UNAVAILABLE,
    "invalid_client": Reason.MISCONFIGURED,
    "unauthorized_client": Reason.MISCONFIGURED,
    "invalid_scope": Reason.MISCONFIGURED,
    "redirect_uri_mismatch": Reason.MISCONFIGURED,
    "unsupported_response_type": Reason.MISCONFIGURED,
}


class _Session(OAuth2Session):
    """Authlib's session under our rules: a total deadline and a byte cap for each answer, no redirects, nothing of the environment."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trust_env = False
        self.seconds = ANSWER_SECONDS

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: no redirect is followed, and no redirect's body is read uncapped."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs["stream"] = True
        with Deadline(self.seconds) as deadline:
            deadline.mount(self)
            answer: requests.Response = super().send(request, **kwargs)
            try:
                answer._content = read(answer, deadline, ANSWER_BYTES)  # noqa: SLF001 - requests offers no other way to cap it
                answer._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
            except ProviderError as error:
                raise requests.ConnectionError(error.detail) from None
            except (HTTPError, OSError) as error:
                raise requests.ConnectionError(deadline.why(error)) from None
            finally:
                answer.close()
        if answer.is_redirect:
            raise requests.TooManyRedirects("a redirect where none belongs")
        return answer


class _Client(FlaskOAuth2App):
    client_cls = _Session


def authorize(pending: Pending, state: str, *, login_hint: str | None = None, prompt: str | None = None) -> str:
    """Return the address of the provider's consent page. `state` is the single-use token under which `pending` is kept.

    Raises ConsentError where the provider cannot be reached or understood.
    """
    door = DOORS[pending.door]
    extra: dict[str, str] = {}
    if prompt is not None:
        extra["prompt"] = prompt
    if login_hint and prompt != "select_account":  # Microsoft refuses the two together
        extra["login_hint"] = login_hint
    scope = SIGN_IN_SCOPE if pending.signs_in else f"{door.scope} {door.others}" if pending.others else door.scope
    with metrics.calling(f"{pending.door} consent"), _guard(pending.door) as client:
        _metadata(client)
        made = client.create_authorization_url(
            pending.redirect_uri,
            state=state,
            nonce=pending.nonce,
            code_verifier=pending.code_verifier,
            scope=scope,
            **extra,
        )
        return str(made["url"])


def exchange(pending: Pending, answer: Mapping[str, str]) -> Grant:
    """Return the key that a callback's answer stands for. The caller has taken the state, so that it cannot be used again.

    Raises ConsentError. A key that comes with something wrong is revoked before.
    """
    with metrics.calling(f"{pending.door} consent"), _guard(pending.door) as client:
        metadata, token = _redeem(client, pending, answer)
        access_token = _access_token(token)
        try:
            return _grant(client, metadata, pending, token, access_token)
        except Exception:
            revoke(pending.door, access_token)
            raise


def identify(pending: Pending, answer: Mapping[str, str]) -> Identity:
    """Return who a callback's answer to a sign-in stands for. The key that comes with it opens nothing, and is thrown away.

    Raises ConsentError. The caller has taken the state, so that it cannot be used again.
    """
    with metrics.calling(f"{pending.door} consent"), _guard(pending.door) as client:
        metadata, token = _redeem(client, pending, answer)
        claims = _claims(client, metadata, pending, token)
        name = claims.get("name")
        return Identity(
            str(claims["iss"]),
            str(claims["sub"]),
            _proven_email(claims),
            addresses.display_name(name) if isinstance(name, str) else "",
        )


def _redeem(client: _Client, pending: Pending, answer: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the provider's discovery document, and what its token endpoint gives for the code of an answer."""
    metadata = _metadata(client)
    _check_sender(metadata, answer)
    if answer.get("error"):
        raise _of_code(answer["error"])
    if not answer.get("code"):
        raise ConsentError(Reason.FAULT, "no code")
    token = client.fetch_access_token(
        redirect_uri=pending.redirect_uri,
        code=answer["code"],
        code_verifier=pending.code_verifier,
        grant_type="authorization_code",
        allow_redirects=False,  # else it would hand code, verifier and client secret to another host
    )
    return metadata, token


def revoke(door: str, access_token: str, *, seconds: float = REVOKE_SECONDS) -> bool:
    """Ask the provider to end a key, where it has a way to; return whether it said yes. A failure is logged, not raised."""
    try:
        with _guard(door) as client:
            endpoint = client.load_server_metadata().get("revocation_endpoint")
            if not isinstance(endpoint, str):
                return False  # Microsoft has none
            origin(endpoint)
            with _Session(
                client.client_id, client.client_secret, revocation_endpoint_auth_method=client_auth(door)
            ) as session:
                session.seconds = seconds
                answered = session.revoke_token(endpoint, token=access_token, timeout=seconds)
            return bool(answered.ok)
    except ConsentError:
        return False


@contextmanager
def _guard(door: str) -> Iterator[_Client]:
    """Give the door's client; turn whatever goes wrong with it into one ConsentError, and log that without secrets."""
    client = _client(door)
    try:
        yield client
    except ConsentError as error:
        failed = error
    except OAuthError as error:
        failed = _of_code(error.error)
    except requests.exceptions.InvalidJSONError as error:
        failed = ConsentError(Reason.FAULT, type(error).__name__)
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        failed = ConsentError(Reason.UNAVAILABLE, f"status {status}")
    except (requests.ConnectionError, requests.Timeout) as error:
        failed = ConsentError(Reason.UNAVAILABLE, type(error).__name__)
    except (
        AuthlibBaseError,
        JoseError,
        ProviderError,
        requests.RequestException,
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # Broken discovery and broken JSON come as any of these.
        failed = ConsentError(Reason.FAULT, type(error).__name__)
    else:
        return
    if failed.reason is Reason.FAULT:
        _clients().pop(_key(door), None)  # it may have learnt something wrong; the next request learns anew
    log.warning("consent at %s: %s", door, failed)
    raise failed from None


def _of_code(code: object) -> ConsentError:
    """Return what an error code of the provider's means. It is logged only if it looks like a code."""
    text = code if isinstance(code, str) and _CODE.fullmatch(code) else "unreadable"
    return ConsentError(_CODES.get(text, Reason.FAULT), text)


def _clients() -> dict[tuple[str, ...], _Client]:
    clients: dict[tuple[str, ...], _Client] = current_app.extensions[EXTENSION]
    return clients


def _key(door: str) -> tuple[str, ...]:
    return (door, *(setting(f"{door.upper()}_{name}") for name in ("CLIENT_ID", "CLIENT_SECRET", "METADATA_URL")))


def _client(door: str) -> _Client:
    """Return Authlib's client for a door as it is configured now."""
    key = _key(door)
    found = _clients().get(key)
    if found is None:
        _, client_id, client_secret, metadata_url = key
        found = OAuth(current_app._get_current_object()).register(  # type: ignore[attr-defined]  # noqa: SLF001 - the documented way
            door,
            client_cls=_Client,
            client_id=client_id,
            client_secret=client_secret or None,
            server_metadata_url=metadata_url,
            client_kwargs={
                "scope": DOORS[door].scope,
                "code_challenge_method": "S256",  # off by default
                "token_endpoint_auth_method": client_auth(door),
                "default_timeout": (3.0, ANSWER_SECONDS),
                "trust_env": False,
            },
        )
        _clients()[key] = found
    return found


def _metadata(client: _Client) -> dict[str, Any]:
    """Return the provider's discovery document, once it names what is needed at addresses that may be used."""
    metadata: dict[str, Any] = client.load_server_metadata()
    if not isinstance(metadata.get("issuer"), str):
        raise ConsentError(Reason.FAULT, "no issuer")
    if not _is_named_there(client.name, metadata["issuer"]):
        raise ConsentError(Reason.FAULT, "the discovery document of another provider")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(metadata.get(name), str):
            raise ConsentError(Reason.FAULT, f"no {name}")
        origin(metadata[name])
    given = metadata.get("id_token_signing_alg_values_supported")
    named = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    # Neither "none" nor a shared secret signs for us, whatever is announced.
    metadata["id_token_signing_alg_values_supported"] = [each for each in named if _ASYMMETRIC.fullmatch(each)] or [
        "RS256"
    ]
    return metadata


def _is_named_there(door: str, issuer: str) -> bool:
    """Whether an issuer is the one whose discovery document is asked (OpenID Connect Discovery 1.0, 4.3).

    Microsoft's documents name a template, or a tenant's number, at whatever address of the same host they are asked for.
    """
    asked: str = setting(f"{door.upper()}_METADATA_URL").removesuffix(WELL_KNOWN)
    if door == "microsoft":
        return origin(issuer) == origin(asked)
    return issuer.removesuffix("/") == asked.removesuffix("/")


def _check_sender(metadata: Mapping[str, Any], answer: Mapping[str, str]) -> None:
    """Refuse an answer of another provider (RFC 9207), where this one announces that it signs its answers with its name."""
    announced = metadata.get("authorization_response_iss_parameter_supported") is True
    named = answer.get("iss")
    if (announced or named is not None) and (named is None or not _is_issuer(metadata["issuer"], named, None)):
        raise ConsentError(Reason.FAULT, "an answer of another provider")


def _is_issuer(announced: str, named: object, tenant: object) -> bool:
    """Whether `named` is the announced issuer. Microsoft announces a template; the tenant's id (any, where None) stands in it."""
    if not isinstance(named, str):
        return False
    before, placeholder, after = announced.partition("{tenantid}")
    if not placeholder:
        return named == announced
    if tenant is None:
        middle = named[len(before) : len(named) - len(after)]
        return named == f"{before}{middle}{after}" and _TENANT.fullmatch(middle) is not None
    return isinstance(tenant, str) and _TENANT.fullmatch(tenant) is not None and named == f"{before}{tenant}{after}"


def _access_token(token: Any) -> str:
    """Return the key from the token endpoint's answer, which Authlib lets pass even when it is empty."""
    found = token.get("access_token") if isinstance(token, dict) else None
    if not isinstance(found, str) or not found:
        raise ConsentError(Reason.FAULT, "no access token")
    if not found.isascii() or not found.isprintable() or " " in found:
        raise ConsentError(Reason.FAULT, "an access token that cannot be one")
    if str(token.get("token_type", "bearer")).lower() != "bearer":
        raise ConsentError(Reason.FAULT, "a key of another type")
    return found


def _grant(
    client: _Client, metadata: Mapping[str, Any], pending: Pending, token: dict[str, Any], access_token: str
) -> Grant:
    claims = _claims(client, metadata, pending, token)
    scopes = None
    others = pending.others
    if "scope" in token:
        scopes = tuple(str(token["scope"]).split())
        door = DOORS[pending.door]
        if not _allows(scopes, door.contacts):
            raise ConsentError(Reason.SCOPE_MISSING)
        others = others and door.others is not None and _allows(scopes, door.others)
    return Grant(access_token, scopes, others, _shown_email(claims))


def _claims(client: _Client, metadata: Mapping[str, Any], pending: Pending, token: Any) -> Mapping[str, Any]:
    """Return what the id token says, once it is signed, for us, and for this very request."""
    if not isinstance(token, dict) or not isinstance(token.get("id_token"), str):
        raise ConsentError(Reason.FAULT, "no id token")
    claims: Mapping[str, Any] = client.parse_id_token(
        token,
        nonce=pending.nonce,
        claims_options=_claims_options(metadata["issuer"], client.client_id),
        leeway=LEEWAY_SECONDS,
    )
    return claims


def _claims_options(issuer: str, client_id: str) -> dict[str, Any]:
    """Return what the id token must say. Built anew for each call: Authlib takes the checks out of what it is given.

    Giving any options drops Authlib's own check of the issuer, so both are said here.
    """
    return {
        "iss": {"essential": True, "validate": lambda claims, named: _is_issuer(issuer, named, claims.get("tid", ""))},
        "aud": {"essential": True, "validate": lambda _claims, named: named in (client_id, [client_id])},
        "sub": {"essential": True},
        "exp": {"essential": True},
    } | ({"tid": {"essential": True}} if "{tenantid}" in issuer else {})


def _allows(scopes: tuple[str, ...], wanted: str) -> bool:
    """Whether a scope was given. Microsoft may put its address before the name, in any case; Google's are addresses and must be equal."""
    if wanted.startswith("https://"):
        return wanted in scopes
    return any(each.rpartition("/")[2].lower() == wanted.lower() for each in scopes)


def _shown_email(claims: Mapping[str, Any]) -> str | None:
    for name in ("email", "preferred_username"):
        found = claims.get(name)
        kept = addresses.address(found) if isinstance(found, str) else None
        if kept is not None:
            return kept
    return None


def _proven_email(claims: Mapping[str, Any]) -> str | None:
    """Return the address that the provider says it has proven, else None.

    Microsoft's addresses are whatever an administrator typed, unless it adds `xms_edov` (the domain's owner is verified), which a
    registration has to ask for.
    """
    if not any(claims.get(name) in (True, 1, "true", "1") for name in ("email_verified", "xms_edov")):
        return None
    found = claims.get("email")
    return addresses.address(found) if isinstance(found, str) else None
