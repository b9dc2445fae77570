"""Google contacts, through the People API."""

from typing import Any
from urllib.parse import urlencode

from webapp import metrics
from webapp.config import setting
from webapp.providers.base import Card, Page, ProviderError, card
from webapp.providers.cursor import Cursor

PAGE_SIZE = 1000
_CONTACTS, _OTHERS = "connections", "others"
_FORBIDDEN = 403
_SCOPE = frozenset({"ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions"})
_DISABLED = frozenset({"SERVICE_DISABLED", "accessNotConfigured"})
_QUOTA = frozenset(
    {"RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"}
)


class Google:
    """The contacts a member filed at Google and, on their own tick, the people they have written to."""

    def read(self, token: str, cursor: str | None, *, others: bool = False) -> Page:
        """Return one page of the book; see AddressBook."""
        at = Cursor([[_CONTACTS, ""]] + ([[_OTHERS, ""]] if others else [])) if cursor is None else Cursor.load(cursor)
        which, page_token = at.take()
        answer = _ask(which, page_token, token)
        following = answer.get("nextPageToken")
        if isinstance(following, str) and following:
            at.todo.insert(0, [which, following])
        rows = answer.get("connections" if which == _CONTACTS else "otherContacts", [])
        if not isinstance(rows, list):
            raise ProviderError("broken", "contacts that are no list")
        cards = [_card(row) for row in rows]
        total = answer.get("totalItems")
        return Page(cards, at.dump(), total if isinstance(total, int) and which == _CONTACTS else None)


def _ask(which: str, page_token: str, token: str) -> dict[str, Any]:
    base = setting("GOOGLE_CONTACTS_URL").rstrip("/")
    if which == _CONTACTS:
        path = "/v1/people/me/connections"
        query = {"personFields": "names,emailAddresses", "sources": "READ_SOURCE_TYPE_CONTACT", "pageSize": PAGE_SIZE}
    else:
        path = "/v1/otherContacts"
        query = {"readMask": "names,emailAddresses", "pageSize": PAGE_SIZE}
    if page_token:
        query["pageToken"] = page_token
    from webapp.providers.http import get_json

    try:
        with metrics.calling("google"):
            return get_json(base, f"{base}{path}?{urlencode(query)}", token)
    except ProviderError as error:
        if error.status == _FORBIDDEN:
            raise _forbidden(error) from None
        raise


def _forbidden(error: ProviderError) -> ProviderError:
    """Return what a 403 means: Google says it in one of two places."""
    reasons = set(_reasons(error.answer))
    if reasons & _QUOTA:
        return ProviderError("busy", "quota", retry_after=error.retry_after, status=_FORBIDDEN)
    if reasons & _DISABLED:
        return ProviderError("api_disabled", "the People API is off in this project", status=_FORBIDDEN)
    if reasons & _SCOPE:
        return ProviderError("forbidden_scope", "the contacts scope is missing", status=_FORBIDDEN)
    return error


def _reasons(answer: dict[str, Any]) -> list[str]:
    inner = answer.get("error")
    if not isinstance(inner, dict):
        return []
    rows = [row for place in ("details", "errors") if isinstance(inner.get(place), list) for row in inner[place]]
    return [str(row["reason"]) for row in rows if isinstance(row, dict) and "reason" in row]


def _card(row: object) -> Card:
    if not isinstance(row, dict):
        return Card("", why="invalid")
    names = _primary_first(row.get("names"))
    name = next((_name(each) for each in names if _name(each)), "")
    return card(name, [each.get("value") for each in _primary_first(row.get("emailAddresses"))])


def _name(row: dict[str, Any]) -> str:
    whole = row.get("displayName") or row.get("unstructuredName")
    if isinstance(whole, str) and whole.strip():
        return whole
    return " ".join(part for part in (row.get("givenName"), row.get("familyName")) if isinstance(part, str)).strip()


def _primary_first(rows: object) -> list[dict[str, Any]]:
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted(
        found, key=lambda row: not (isinstance(row.get("metadata"), dict) and row["metadata"].get("primary") is True)
    )
