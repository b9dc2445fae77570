"""The demo provider's contacts: the People API's and Graph's pages over a fictitious book."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from authlib.common.urls import add_params_to_uri
from flask import Blueprint, Response, abort, jsonify, request

from webapp.demo.provider.memory import CONTACTS, GRAPH, OTHERS, Provider, Token

PAGE_MAX = 1000
GRAPH_PAGE = 10


def _bearer(provider: Provider) -> Token | None:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    return provider.token(text) if kind.lower() == "bearer" else None


def _failed(status: int, error: Mapping[str, Any]) -> Response:
    response = jsonify(error=error)
    response.status_code = status
    return response


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class People:
    """Google's People API: connections, other contacts."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def bind(self, bp: Blueprint) -> None:
        """Give the blueprint its addresses."""
        bp.add_url_rule("/v1/people/me/connections", view_func=self.connections)
        bp.add_url_rule("/v1/otherContacts", view_func=self.others)

    def connections(self) -> Response:
        """The contacts that were filed."""
        rows = self._rows(CONTACTS, "personFields", other=False)
        return self._page(rows, "connections", "totalItems")

    def others(self) -> Response:
        """The people who were only written to."""
        rows = self._rows(OTHERS, "readMask", other=True)
        return self._page(rows, "otherContacts", "totalSize")

    def _rows(self, scope: str, mask: str, *, other: bool) -> list[Mapping[str, Any]]:
        token = _bearer(self.provider)
        if token is None:
            abort(_google_error(401, "UNAUTHENTICATED", "The request has no valid access token."))
        if scope not in token.scopes:
            reason = "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
            abort(_google_error(403, "PERMISSION_DENIED", "The token does not allow this.", reason))
        if not request.args.get(mask):
            abort(_google_error(400, "INVALID_ARGUMENT", f"{mask} is required."))
        return [each for each in self.provider.book(token.account) or () if bool(each.get("other")) == other]

    def _page(self, rows: Sequence[Mapping[str, Any]], name: str, total: str) -> Response:
        size = request.args.get("pageSize", 100, type=int)
        if not 1 <= size <= PAGE_MAX:
            abort(_google_error(400, "INVALID_ARGUMENT", f"pageSize is 1 to {PAGE_MAX}."))
        start = self._start()
        answer: dict[str, Any] = {name: [_person(each) for each in rows[start : start + size]], total: len(rows)}
        if start + size < len(rows):
            answer["nextPageToken"] = base64.urlsafe_b64encode(f"{self._mark()} {start + size}".encode()).decode()
        return jsonify(answer)

    def _mark(self) -> str:
        """What a page token holds for: these parameters only."""
        asked = sorted((name, value) for name, value in request.args.items() if name != "pageToken")
        return _digest(json.dumps([request.path, asked]))

    def _start(self) -> int:
        if "pageToken" not in request.args:
            return 0
        try:
            mark, place = base64.urlsafe_b64decode(request.args["pageToken"]).decode().split(" ")
            if mark == self._mark():
                return int(place)
        except ValueError:
            pass
        return abort(_google_error(400, "INVALID_ARGUMENT", "The pageToken is not of this request."))


def _google_error(code: int, name: str, message: str, reason: str | None = None) -> Response:
    error: dict[str, Any] = {"code": code, "message": message, "status": name}
    if reason is not None:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]
    return _failed(code, error)


def _person(contact: Mapping[str, Any]) -> dict[str, Any]:
    person: dict[str, Any] = {"resourceName": f"people/c{_digest(str(contact))}"}
    if contact["name"]:
        given, _, family = contact["name"].rpartition(" ")
        primary = {"metadata": {"primary": True}}
        person["names"] = [primary | {"displayName": contact["name"], "givenName": given, "familyName": family}]
    if contact["emails"]:
        person["emailAddresses"] = [
            {"metadata": {"primary": True} if place == 0 else {}, "value": each}
            for place, each in enumerate(contact["emails"])
        ]
    return person


class Graph:
    """Microsoft Graph: contacts, and the other contact folders."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def bind(self, bp: Blueprint) -> None:
        """Give the blueprint its addresses."""
        folder = "/v1.0/me/contactFolders/<folder_id>"
        bp.add_url_rule("/v1.0/me/contacts", view_func=self.contacts)
        bp.add_url_rule("/v1.0/me/contactFolders", view_func=self.folders)
        bp.add_url_rule(f"{folder}/contacts", view_func=self.folder)
        bp.add_url_rule(f"{folder}/childFolders", view_func=self.children)

    def contacts(self) -> Response:
        """The main folder."""
        return self._page([_graph_contact(each) for each in self._rows() if not each.get("folder")])

    def folders(self) -> Response:
        """The other folders."""
        names = dict.fromkeys(each["folder"] for each in self._rows() if each.get("folder"))
        return self._page([{"id": _digest(each), "displayName": each} for each in names])

    def folder(self, folder_id: str) -> Response:
        """The contacts of one of them."""
        rows = [each for each in self._rows() if each.get("folder") and _digest(each["folder"]) == folder_id]
        return self._page([_graph_contact(each) for each in rows])

    def children(self, folder_id: str) -> Response:
        """The folders in a folder: none."""
        self._rows()
        return self._page([])

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        token = _bearer(self.provider)
        if token is None:
            abort(_failed(401, {"code": "InvalidAuthenticationToken", "message": "The access token is not valid."}))
        if GRAPH not in token.scopes:
            abort(_failed(403, {"code": "ErrorAccessDenied", "message": "Access is denied."}))
        return self.provider.book(token.account) or ()

    def _page(self, rows: Sequence[Mapping[str, Any]]) -> Response:
        size = request.args.get("$top", GRAPH_PAGE, type=int)
        start = request.args.get("$skip", 0, type=int)
        if not 1 <= size <= PAGE_MAX or start < 0:
            return _failed(400, {"code": "ErrorInvalidUrlQuery", "message": "$top or $skip cannot be that."})
        found: dict[str, Any] = {"value": rows[start : start + size]}
        if request.args.get("$count") == "true":
            found["@odata.count"] = len(rows)
        if start + size < len(rows):
            kept = [(name, value) for name, value in request.args.items() if name != "$skip"]
            found["@odata.nextLink"] = add_params_to_uri(request.base_url, [*kept, ("$skip", str(start + size))])
        return jsonify(found)


def _graph_contact(contact: Mapping[str, Any]) -> dict[str, Any]:
    given, _, surname = contact["name"].rpartition(" ")
    return {
        "id": _digest(str(contact)),
        "displayName": contact["name"] or None,
        "givenName": given or None,
        "surname": surname or None,
        "emailAddresses": [{"name": contact["name"], "address": each} for each in contact["emails"]],
    }
