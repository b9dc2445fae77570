"""Outlook contacts, through Microsoft Graph."""

from typing import Any
from urllib.parse import quote

from webapp import metrics
from webapp.config import setting
from webapp.providers.base import Card, Page, ProviderError, card
from webapp.providers.cursor import Cursor
from webapp.providers.origins import same_origin

PAGE_SIZE = 1000
_CONTACTS, _FOLDERS = "contacts", "folders"
_FORBIDDEN = 403
_ID = "$select=id"
"""What a folder is called is nobody's name."""
_SELECT = f"$select=displayName,givenName,surname,emailAddresses&$top={PAGE_SIZE}"


class Microsoft:
    """The contacts in a member's Outlook: the main folder, then every other one."""

    def read(self, token: str, cursor: str | None, *, others: bool = False) -> Page:
        """Return one page of the book, or of the list of folders (then without contacts); see AddressBook. There are no `others`."""
        base = setting("MICROSOFT_CONTACTS_URL").rstrip("/")
        me = f"{base}/v1.0/me"
        first = f"{me}/contacts?{_SELECT}&$count=true"
        at = (
            Cursor([[_CONTACTS, first], [_FOLDERS, f"{me}/contactFolders?{_ID}"]])
            if cursor is None
            else Cursor.load(cursor)
        )
        what, url = at.take()
        answer = _ask(base, url, token)
        rows = answer.get("value")
        if not isinstance(rows, list):
            raise ProviderError("broken", "contacts that are no list")
        following = answer.get("@odata.nextLink")
        if following is not None:
            if not isinstance(following, str):
                raise ProviderError("broken", "a link that is no text")
            at.todo.insert(0, [what, same_origin(base, following)])
        if what == _FOLDERS:
            for row in rows:
                if isinstance(row, dict) and isinstance(row.get("id"), str):
                    folder = f"{me}/contactFolders/{quote(row['id'], safe='')}"
                    at.todo += [[_CONTACTS, f"{folder}/contacts?{_SELECT}"], [_FOLDERS, f"{folder}/childFolders?{_ID}"]]
            return Page([], at.dump())
        cards = [_card(row) for row in rows]
        total = answer.get("@odata.count")
        return Page(cards, at.dump(), total if isinstance(total, int) and url == first else None)


def _ask(base: str, url: str, token: str) -> dict[str, Any]:
    from webapp.providers.http import get_json

    try:
        with metrics.calling("microsoft"):
            return get_json(base, url, token)
    except ProviderError as error:
        if error.status == _FORBIDDEN:
            raise ProviderError("forbidden_scope", "Contacts.Read is missing", status=_FORBIDDEN) from None
        raise


def _card(row: object) -> Card:
    if not isinstance(row, dict):
        return Card("", why="invalid")
    emails = row.get("emailAddresses")
    rows = [each for each in emails if isinstance(each, dict)] if isinstance(emails, list) else []
    return card(_name(row), [each.get("address") for each in rows])


def _name(row: dict[str, Any]) -> str:
    whole = row.get("displayName")
    if isinstance(whole, str) and whole.strip():
        return whole
    return " ".join(part for part in (row.get("givenName"), row.get("surname")) if isinstance(part, str)).strip()
