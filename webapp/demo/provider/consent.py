"""The demo provider's OpenID Connect: discovery, sign-in, consent, token, revocation. The protocol is Authlib's server side."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Blueprint, Flask, Response, jsonify, render_template, request, url_for
from joserfc.jwk import KeySet, RSAKey

from webapp.demo.provider.memory import CONTACTS, GRAPH, OTHERS, SCOPES, Client, Code, Provider, Token

TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
CODE_SECONDS = 60
TOKEN_SECONDS = 3600
# Scopes that a person decides about, and in which words; the others only say who they are.
_BOXES = {
    CONTACTS: "See the contacts you saved",
    OTHERS: "See the people you have written to",
    GRAPH: "Read your contacts",
}


class _PkceS256(CodeChallenge):  # type: ignore[misc]
    """PKCE, with the one method that is worth having, and demanded of everybody."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        if grant.request.payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256")
        if not grant.request.payload.data.get("code_challenge"):
            raise InvalidRequestError("code_challenge is missing")
        super().validate_code_challenge(grant, redirect_uri)


def _grant_of(provider: Provider) -> type[AuthorizationCodeGrant]:
    class Grant(AuthorizationCodeGrant):  # type: ignore[misc]
        def save_authorization_code(self, code: str, asked: Any) -> None:
            allowed = set(request.form.getlist("allow"))
            scopes = [each for each in asked.scope.split() if each not in _BOXES or each in allowed]
            data = asked.payload.data
            provider.keep_code(
                Code(
                    code,
                    asked.client.client_id,
                    asked.payload.redirect_uri,
                    " ".join(scopes),
                    data.get("nonce"),
                    asked.user,
                    data["code_challenge"],
                    data["code_challenge_method"],
                    time.time() + CODE_SECONDS,
                )
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return provider.take_code(code, client)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            """Keep it: a second use has to be noticed."""

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.account

    return Grant


def _id_token_of(provider: Provider) -> OpenIDCode:
    class IdToken(OpenIDCode):  # type: ignore[misc]
        def resolve_client_private_key(self, client: Client) -> RSAKey:
            return provider.key

        def get_encode_header(self, client: Client) -> dict[str, str]:
            return {"alg": "RS256", "kid": str(provider.key.kid)}

        def get_client_claims(self, client: Client) -> dict[str, Any]:
            return {"iss": provider.issuer.replace("{tenantid}", TENANT), "aud": client.client_id}

        def exists_nonce(self, nonce: str, asked: Any) -> bool:
            with provider.lock:
                return any(code.nonce == nonce for code in provider.codes.values())

        def generate_user_info(self, user: str, scope: str) -> UserInfo:
            subject = hashlib.sha256(f"{provider.door} {user}".encode()).hexdigest()[:21]
            info = UserInfo(sub=subject, email=user)
            if provider.door == "google":
                info["email_verified"] = True
            else:
                info |= {"tid": TENANT, "preferred_username": user}
            return info

    return IdToken(require_nonce=True)


def _server_of(provider: Provider, app: Flask) -> AuthorizationServer:
    def query_client(client_id: str) -> Client | None:
        return provider.client if client_id == provider.client.client_id else None

    def save_token(token: Mapping[str, Any], asked: Any) -> None:
        with provider.lock:
            provider.tokens[token["access_token"]] = Token(
                asked.client.client_id,
                asked.user,
                frozenset(token["scope"].split()),
                asked.authorization_code.code,
                time.time() + TOKEN_SECONDS,
            )

    class Issuer(IssuerParameter):  # type: ignore[misc]
        def get_issuer(self) -> str | None:
            return provider.issuer if provider.door == "google" else None

    class Revocation(RevocationEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
            return provider.token(token_string)

        def revoke_token(self, token: Token, asked: Any) -> None:
            token.ended = True

    server = AuthorizationServer(app, query_client, save_token)
    server.scopes_supported = list(SCOPES[provider.door])
    server.register_grant(_grant_of(provider), [_PkceS256(), _id_token_of(provider)])
    server.register_extension(Issuer())
    server.register_endpoint(Revocation)
    return server


class Consent:
    """The pages and endpoints of one provider."""

    def __init__(self, provider: Provider, app: Flask) -> None:
        self.provider = provider
        self.google = provider.door == "google"
        self.server = _server_of(provider, app)

    def bind(self, bp: Blueprint) -> None:
        """Give the blueprint its addresses."""
        discovery = (
            "/.well-known/openid-configuration" if self.google else "/common/v2.0/.well-known/openid-configuration"
        )
        bp.add_url_rule(discovery, view_func=self.metadata)
        bp.add_url_rule("/keys", view_func=self.keys)
        bp.add_url_rule("/authorize", view_func=self.authorize, methods=["GET", "POST"])
        bp.add_url_rule("/token", view_func=self.token, methods=["POST"])
        if self.google:  # Microsoft has no such endpoint
            bp.add_url_rule("/revoke", view_func=self.revoke, methods=["POST"])

    def metadata(self) -> Response:
        """The discovery document."""
        found: dict[str, Any] = {
            "issuer": self.provider.issuer,
            "authorization_endpoint": self._at("authorize"),
            "token_endpoint": self._at("token"),
            "jwks_uri": self._at("keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": list(SCOPES[self.provider.door]),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
        }
        if self.google:
            found |= {
                "revocation_endpoint": self._at("revoke"),
                "authorization_response_iss_parameter_supported": True,
            }
        return jsonify(found)

    def _at(self, endpoint: str) -> str:
        return url_for(f"{self.provider.door}.{endpoint}", _external=True)

    def keys(self) -> Response:
        """The public half of the signing key."""
        return jsonify(KeySet([self.provider.key]).as_dict(private=False))

    def authorize(self) -> Response | str:
        """Ask who it is, then what is allowed; each step asks anew whether the request may be answered at all."""
        account = request.form.get("account", "").strip().lower()
        known = "@" in account and self.provider.book(account) is not None
        try:
            grant = self.server.get_consent_grant(end_user=account if known else None)
            if not self.google and request.args.get("prompt") == "select_account" and request.args.get("login_hint"):
                raise InvalidRequestError("prompt=select_account and login_hint exclude each other")
        except OAuth2Error as error:
            return self._refused(error)
        decision = request.form.get("decision")
        if decision == "deny" or (decision == "allow" and known):
            user = account if decision == "allow" else None
            answer: Response = self.server.create_authorization_response(grant=grant, grant_user=user)
            return answer
        return self._consent_page(grant, account) if known else self._sign_in_page(account)

    def _sign_in_page(self, account: str) -> str:
        return render_template(
            "signin.html",
            provider=self.provider,
            accounts=[each for each in self.provider.books if each != "*"],
            hint=account or request.args.get("login_hint", ""),
            wrong=request.method == "POST",
        )

    def _consent_page(self, grant: Any, account: str) -> str:
        home = urlsplit(grant.redirect_uri)
        boxes = [(each, _BOXES[each]) for each in grant.request.scope.split() if each in _BOXES]
        return render_template(
            "consent.html", provider=self.provider, account=account, boxes=boxes, application=home.netloc
        )

    def _refused(self, error: OAuth2Error) -> Response:
        """Send an error back where that is safe; else show it here."""
        if error.redirect_uri is None:
            what = error.get_error_description() or error.error
            return Response(render_template("refused.html", provider=self.provider, what=what), 400)
        response: Response = self.server.handle_error_response(self.server.create_oauth2_request(None), error)
        if self.google:
            response.location = add_params_to_uri(response.location, {"iss": self.provider.issuer})
        return response

    def token(self) -> Response:
        """Give a token for a code."""
        answer: Response = self.server.create_token_response()
        return answer

    def revoke(self) -> Response:
        """End a token."""
        answer: Response = self.server.create_endpoint_response("revocation")
        return answer
