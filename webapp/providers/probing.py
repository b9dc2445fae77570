"""Asking a provider whether it knows this instance: what is wrong with a registration, found out without anybody signing in.

Its consent page is asked with `prompt=none` (OpenID Connect Core 3.1.2.1): a provider that knows client and redirect address answers there
that somebody would have to sign in, and one that does not says why on a page of its own, where its codes are looked for. Then a code that
cannot be one is offered for a key: only who knows client and secret hears that the code is the trouble. No redirect is followed.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError

from webapp import tokens
from webapp.providers.base import ProviderError
from webapp.providers.http import CONNECT_SECONDS, Deadline, Straight, read
from webapp.providers.origins import origin

SECONDS = 6.0
"""For each of at most four questions."""
BYTES = 2_000_000

What = Literal[
    "unreachable", "no_document", "client_unknown", "redirect_known", "redirect_unknown", "one_tenant", "scope_refused", "secret_known",
    "secret_wrong", "secret_expired", "secret_missing", "unclear",
]  # fmt: skip
GOOD = frozenset({"redirect_known", "secret_known"})
_SIGN_IN_FIRST = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})

# In this order: a page that refuses an address also names the client.
_CODES: tuple[tuple[What, re.Pattern[str]], ...] = (
    (
        "redirect_unknown",
        re.compile(r"redirect_uri_mismatch|AADSTS50011\b|input parameter 'redirect_uri' is not valid"),
    ),
    ("one_tenant", re.compile(r"AADSTS50194\b")),
    (
        "client_unknown",
        re.compile(r"AADSTS70001[67]\b|AADSTS700038\b|invalid_client|deleted_client|unauthorized_client"),
    ),
    ("scope_refused", re.compile(r"invalid_scope|AADSTS70011\b")),
)
# What providers of one's own say in words, on a page with the status of an error.
_WORDS: tuple[tuple[What, re.Pattern[str]], ...] = (
    ("redirect_unknown", re.compile(r"redirect[ _-]?ur[il]", re.IGNORECASE)),
    (
        "client_unknown",
        re.compile(r"client[ _]not[ _]found|(unknown|invalid)[ _]client|client does not exist", re.IGNORECASE),
    ),
)


@dataclass(frozen=True)
class Registration:
    """What this instance thinks a provider knows of it. `redirects`: each redirect address, and what is asked for there."""

    metadata_url: str
    client_id: str
    client_secret: str = field(repr=False)
    client_auth: str
    redirects: Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """One thing that was found out; `about`: the address it is about, ours or the provider's."""

    what: What
    about: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it is as it should be."""
        return self.what in GOOD


def probe(known: Registration) -> list[Finding]:
    """Return what is found out about a registration, good and bad. Asks the provider up to four times, each with a deadline."""
    try:
        document = _document(known.metadata_url)
        places = [document["authorization_endpoint"], document["token_endpoint"]]
        for place in places:
            origin(place)
    except ProviderError as error:
        return [Finding("unreachable" if error.kind == "unavailable" else "no_document", known.metadata_url)]
    except (ValueError, LookupError, TypeError, AttributeError):
        return [Finding("no_document", known.metadata_url)]
    found = [Finding(_consent(places[0], known, redirect), redirect) for redirect in known.redirects]
    if not known.client_secret:
        return [*found, Finding("secret_missing")]
    if any(each.what == "client_unknown" for each in found):
        return [Finding("client_unknown")]  # of a client it does not know, it knows nothing else
    key = _key(places[1], known)
    return [Finding(key)] if key == "client_unknown" else [*found, Finding(key)]


@dataclass(frozen=True)
class _Answer:
    status: int
    location: str
    body: bytes


def _ask(method: str, url: str, **given: Any) -> _Answer:
    """Ask once, under a deadline and a cap; ProviderError (unavailable) where there is no answer."""
    with Deadline(SECONDS) as deadline, Straight() as session:
        deadline.mount(session)
        try:
            answer = session.request(method, url, timeout=(CONNECT_SECONDS, SECONDS), stream=True, **given)
            with contextlib.closing(answer):
                body = read(answer, deadline, BYTES)
                return _Answer(answer.status_code, answer.headers.get("Location", ""), body)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise ProviderError("unavailable", deadline.why(error)) from None


def _document(url: str) -> dict[str, Any]:
    origin(url)
    answer = _ask("GET", url, headers={"Accept": "application/json"})
    if answer.status >= requests.codes.server_error:
        raise ProviderError("unavailable", f"status {answer.status}")
    if answer.status != requests.codes.ok:
        raise ProviderError("broken", f"status {answer.status}")
    found = json.loads(answer.body)
    if not isinstance(found, dict):
        raise ProviderError("broken", "no JSON object")
    return found


def _consent(place: str, known: Registration, redirect: str) -> What:
    asked = {
        "response_type": "code",
        "client_id": known.client_id,
        "redirect_uri": redirect,
        "scope": known.redirects[redirect],
        "state": tokens.new(),
        "nonce": tokens.new(),
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(tokens.new().encode()).digest())
        .rstrip(b"=")
        .decode(),
        "code_challenge_method": "S256",
        "prompt": "none",
    }
    try:
        answer = _ask("GET", f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}")
    except ProviderError:
        return "unreachable"
    if _is_at(redirect, answer.location):
        return _sent_back(parse_qs(urlsplit(answer.location).query))
    return _read(answer)


def _is_at(redirect: str, location: str) -> bool:
    try:
        ours, theirs = urlsplit(redirect), urlsplit(location)
    except ValueError:
        return False
    return (ours.scheme, ours.netloc, ours.path) == (theirs.scheme, theirs.netloc, theirs.path)


def _sent_back(answer: Mapping[str, list[str]]) -> What:
    """Return what it means that a provider answers at our own address: it knows that, whatever else it says."""
    error = "".join(answer.get("error", []))
    if error in _SIGN_IN_FIRST or not error:
        return "redirect_known"
    text = f"{error} {''.join(answer.get('error_description', []))}"
    return next((what for what, code in _CODES if what != "redirect_unknown" and code.search(text)), "redirect_known")


def _read(answer: _Answer) -> What:
    """Return what a page of the provider's own, or the address it leads to, says in its codes."""
    texts = [*_told_by(answer.location), answer.body.decode("utf-8", "replace")]
    refused = answer.status >= requests.codes.bad_request
    for what, pattern in (*_CODES, *(_WORDS if refused else ())):
        if any(pattern.search(text) for text in texts):
            return what
    return "unclear"


def _told_by(location: str) -> Iterator[str]:
    """Yield what an address says: itself, and what stands in it in base64 (Google's `authError`)."""
    yield unquote(location)
    try:
        given = parse_qs(urlsplit(location).query)
    except ValueError:
        return
    for value in given.get("authError", []):
        with contextlib.suppress(ValueError, binascii.Error):
            yield base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_").decode("utf-8", "replace")


def _key(place: str, known: Registration) -> What:
    asked = {
        "grant_type": "authorization_code",
        "code": f"no-code-{tokens.new()}",
        "redirect_uri": next(iter(known.redirects)),
        "code_verifier": tokens.new() + tokens.new(),
    }
    given: dict[str, Any] = {"data": asked, "headers": {"Accept": "application/json"}}
    if known.client_auth == "client_secret_basic":
        given["auth"] = (known.client_id, known.client_secret)
    else:
        asked |= {"client_id": known.client_id, "client_secret": known.client_secret}
    try:
        answer = _ask("POST", place, **given)
        found = json.loads(answer.body)
        error, why = str(found["error"]), str(found.get("error_description", ""))
    except ProviderError:
        return "unreachable"
    except (ValueError, LookupError, TypeError, AttributeError):
        return "unclear"
    if error == "invalid_grant":
        return "secret_known"
    if "AADSTS7000222" in why:
        return "secret_expired"
    if error == "unauthorized_client" or "AADSTS700016" in why or "not found" in why:
        return "client_unknown"
    return "secret_wrong" if error == "invalid_client" else "unclear"
