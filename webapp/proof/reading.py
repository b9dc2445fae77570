"""Names and addresses, once, when asked for; and what opens an address book is thrown away."""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing

from webapp.proof import books
from webapp.proof.books import Contact, Strangers
from webapp.proof.ground import Ground, Scratch
from webapp.proof.search import Search, keys_of
from webapp.proof.walk import Walk

NAMES_AND_ADDRESSES = {
    "google": {"names", "emailAddresses"},
    "microsoft": {"displayName", "givenName", "surname", "emailAddresses", "id"},
    "carddav": {"VERSION", "KIND", "UID", "FN", "N", "EMAIL"},
}
"""What may be asked for. The id is a folder's, and what stands beside FN and EMAIL says what a vCard is."""
SCOPES = {
    "google": {"openid", "email", "https://www.googleapis.com/auth/contacts.readonly"},
    "microsoft": {"openid", "email", "profile", "Contacts.Read"},
}
_PATHS = re.compile(
    r"/google/v1/people/me/connections|/microsoft/v1\.0/me/(contacts|contactFolders(/[^/]+/(contacts|childFolders))?)"
)
_PROPERTY = re.compile(r'<C:prop name="([^"]+)"')
_BOOK = 1001
"""More than a provider gives at once."""


def read(ground: Ground) -> Iterator[str]:
    """Names and addresses, nothing else, once, when you ask; and of LinkedIn's file two things more."""
    with ground.scratch() as scratch:
        walk = Walk(scratch)
        people = Strangers()
        walk.browser.get("/network")
        walk.browser.get("/contacts")
        if scratch.provider.contacts_asked():
            yield "contacts were read before anybody asked for it"
        for door, number in (("google", _BOOK), ("microsoft", 5)):
            walk.read(door, people.some(number))
            walk.skip()
        yield from _more_than_asked(scratch)
        yield from _kept_besides(scratch, walk, people)
        asked = len(scratch.provider.contacts_asked()), len(scratch.shelf.asked)
        for _ in range(3):
            scratch.later(days=20)
        if (len(scratch.provider.contacts_asked()), len(scratch.shelf.asked)) != asked:
            yield "contacts were read again later, when nobody asked for it"


def _more_than_asked(scratch: Scratch) -> Iterator[str]:
    """What the providers were asked for, beside names and addresses."""
    for each in scratch.provider.asked:
        door = each.path.split("/")[1]
        if each.path.endswith("/authorize"):
            more = set(each.query.get("scope", "").split()) - SCOPES[door]
            if more or each.query.get("access_type") == "offline":
                yield f"the consent that {door} was asked for goes further: {' '.join(sorted(more)) or 'offline access'}"
    for each in scratch.provider.contacts_asked():
        door = each.path.split("/")[1]
        asked = each.query.get("personFields") or each.query.get("readMask") or each.query.get("$select") or ""
        fields = set(filter(None, re.split(r"[,\s]+", asked)))
        if not fields:
            yield f"{door} was asked for contacts without saying which fields"
        if fields - NAMES_AND_ADDRESSES[door] or not _PATHS.fullmatch(each.path):
            yield f"{door} was asked for {', '.join(sorted(fields - NAMES_AND_ADDRESSES[door])) or each.path}"
    often = Counter((each.path, *sorted(each.query.items())) for each in scratch.provider.contacts_asked())
    if any(count > 2 for count in often.values()):  # noqa: PLR2004
        yield "the same page of contacts was read more than once"


def _kept_besides(scratch: Scratch, walk: Walk, people: Strangers) -> Iterator[str]:
    """What is kept of a contact beside names and addresses, sealed or not, of what stands in files and at a server unasked."""
    more = books.word()
    besides = f"TEL:{more}\r\nNOTE:{more}\r\nADR:;;{more};;;;\r\nBDAY:{more}\r\nTITLE:{more}\r\nX-SPOUSE:{more}"
    brought: tuple[tuple[str, Callable[[list[Contact]], object]], ...] = (
        ("a vCard file", lambda some: walk.upload(books.vcards(some, besides), "contacts.vcf")),
        ("a CSV file", lambda some: walk.upload(books.csv(some, more), "contacts.csv")),
        (
            "a CSV file without names",
            lambda some: walk.name_columns(walk.upload(books.nameless_csv(some, more), "c.csv")),
        ),
        ("LinkedIn's file", lambda some: walk.upload(books.linkedin(some, more), "Connections.csv")),
        ("a CardDAV server", lambda some: walk.from_server("somebody", "their password", some, besides)),
    )
    search = Search([more])
    for what, bring in brought:
        bring(people.some(3))
        kept = walk.opened()
        if people.word.encode() not in kept.lower():
            yield f"nothing was read of {what}"
        if search.in_bytes(kept):
            yield f"of {what} more is kept than names and addresses"
        walk.skip()
    fields = {name for body in scratch.shelf.asked for name in _PROPERTY.findall(body)}
    if not fields or fields - NAMES_AND_ADDRESSES["carddav"]:
        yield f"the CardDAV server was asked for {', '.join(sorted(fields)) or 'everything'}"
    yield from (str(trace) for trace in scratch.traces([more]))


def key(ground: Ground) -> Iterator[str]:
    """The provider's key or password is thrown away at the end, and stands nowhere in between."""
    with ground.scratch() as scratch:
        walk, people = Walk(scratch), Strangers()
        secrets: dict[str, str] = {}
        seen = [walk.consent("google", people.some(3)).html]
        scratch.back_up("with the key")
        seen += [*walk.browser.cookies(), walk.step().html]
        secrets |= scratch.provider.secrets()
        yield from _not_ended(scratch, walk, "google", "at the end of the reading")
        walk.skip()
        for how, end in (("Forget everything now", walk.forget), ("signing out", walk.sign_out)):
            walk.consent("google", people.some(2))
            secrets |= scratch.provider.secrets()
            end()
            yield from _not_ended(scratch, walk, "google", f"after {how}", forgotten=True)
        walk = Walk(scratch)
        walk.read("microsoft", people.some(3))
        secrets |= scratch.provider.secrets()
        yield from _not_ended(scratch, walk, "microsoft", "at the end of the reading")
        user, password, wrong = books.word(), books.word(), books.word()
        walk.from_server(user, password, people.some(2))
        seen += [*walk.browser.cookies(), walk.others().html]
        kept = walk.opened()
        page = walk.ask_server(user, wrong)
        scratch.back_up("at the end")
        scratch.later(minutes=2)
        secrets |= {user: "the user name at the server", password: "the password", wrong: "a wrong password"}
        search = Search([], secrets, keys_of(scratch.app.config["KEYS"]))
        for text, form in search.in_bytes(kept) | search.in_bytes("\n".join(seen).encode()):
            yield f"{secrets[text]} ({form}) stands in what is kept for the browser, or in what it was sent"
        if wrong in page.html or password in page.html:
            yield "the password is shown again"
        for trace in scratch.traces([], list(secrets)):
            yield f"{secrets[trace.text]} ({trace.form}) in {trace.where}"


def _not_ended(scratch: Scratch, walk: Walk, door: str, when: str, *, forgotten: bool = False) -> Iterator[str]:
    """Whether the key is gone: at the provider, where it has a way to end it, and here."""
    tokens = list(scratch.provider.door(door).tokens.values())
    if not tokens:
        yield f"{door} gave no key"
    if door == "google" and any(not token.ended for token in tokens):
        yield f"{when} the key still opens the address book at the provider"
    with closing(sqlite3.connect(scratch.folder / "instance" / "kith.sqlite3")) as database:
        kept = database.execute("SELECT count(*) FROM address_book_import WHERE secret IS NOT NULL").fetchone()[0]
    if kept or (not forgotten and any(text.encode() in walk.opened() for text in scratch.provider.secrets())):
        yield f"{when} the key is still kept here, sealed"
