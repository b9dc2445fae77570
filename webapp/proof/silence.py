"""What an address book changes for nobody: suggestions, profiles, pages of others; and that nobody can tell who hides."""

import re
from collections.abc import Callable, Iterator, Mapping

from webapp.proof import books
from webapp.proof.books import Contact
from webapp.proof.browser import Browser, Stuck
from webapp.proof.ground import PEOPLE, Ground, Scratch
from webapp.proof.walk import Walk

_CHANGING = re.compile(
    r'name="(csrf_token|back|form|client)" value="[^"]*"|"X-CSRFToken": ?"[^"]*"|'
    r"(?<=/undo/)[\w.-]+|(?<=/guests/)[\w.-]+|(?<=/optout/)[\w.-]+|(?<=preview\?v=)\w+"
)
"""What differs between any two servings of a page."""
_PAGES = ("/", "/network", "/suggestions", "/invitations", "/notifications", "/people")
NAMES = dict(PEOPLE.values())


def _plain(html: str) -> str:
    return _CHANGING.sub("", html)


def _seen(browser: Browser, paths: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Return what somebody gets at these addresses."""
    found = {}
    for path in paths:
        page = browser.get(path)
        found[path] = f"{page.status} {page.path} {_plain(page.html)}"
    return found


def _differ(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


# Never for suggestions, profiles or advertising


def purpose(ground: Ground) -> Iterator[str]:
    """The pages of everybody are the same before and after somebody read an address book with them in it, and nobody is written to."""
    with ground.scratch() as scratch:
        browsers = {who: scratch.browser(who) for who in ("maya", "otto", "hedda")}
        pages = [*_PAGES, *(f"/people/{handle}" for handle in sorted(_handles(browsers["hedda"])))]
        before = {who: _seen(browser, pages) for who, browser in browsers.items()}
        mails = len(scratch.post.arrived)
        for who in ("maya", "nora"):  # both know the same people, and each other
            walk = Walk(scratch, who)
            known = [Contact(f"My {name}", (address,)) for name, address in NAMES.items() if address != walk.address]
            walk.upload(books.vcards([*known, Contact("Gast", ("gast@outside.example",))]), "contacts.vcf")
            walk.browser.send(walk.browser.get("/contacts/members"), press="skip")
            walk.skip()
        scratch.later(seconds=30)
        yield from _changed(browsers, pages, before)
        for _ in range(6):
            scratch.later(days=10)
        if len(scratch.post.arrived) > mails:
            yield f"{len(scratch.post.arrived) - mails} mails were sent because of contacts that nobody was invited from"


def _handles(browser: Browser) -> set[str]:
    """Return the members whom the list of people shows."""
    links = {link.partition("?")[0] for link in browser.get("/people").links}
    return {found[1] for link in links if (found := re.fullmatch(r"/people/([\w-]+-\w{4})", link))}


def _changed(
    browsers: Mapping[str, Browser], pages: list[str], before: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    for who, browser in browsers.items():
        for path in _differ(before[who], _seen(browser, pages)):
            yield f"{path} is another page for {PEOPLE[who][0]} than before"


# If someone hides


def hidden(ground: Ground) -> Iterator[str]:
    """Everything an uploader gets over thirty days is the same, byte for byte, whether somebody hides, blocks them, or is not here."""
    stranger = _world(ground, _moves_away)
    for how, hide in WAYS_TO_HIDE.items():
        for path in _differ(stranger, _world(ground, hide)):
            yield f"{path} tells that somebody {how}"


def _world(ground: Ground, prepare: Callable[[Scratch, Browser], None]) -> dict[str, str]:
    """Return everything Maya gets, with Hedda's address in her book."""
    with ground.scratch() as scratch:
        prepare(scratch, scratch.browser("hedda"))
        walk = Walk(scratch)
        book = [
            Contact("H. Moe", (PEOPLE["hedda"][1],)),
            Contact("Otto", (PEOPLE["otto"][1],)),
            Contact("Gast van Buiten", ("gast@outside.example",)),
        ]
        found = {"the members screen": _plain(walk.upload(books.vcards(book), "contacts.vcf").html)}
        found["the other screen"] = _plain(walk.others().html)
        found["the file of rows"] = walk.browser.get("/contacts/report.csv").html
        found["a search"] = _plain(walk.search(PEOPLE["hedda"][1]).html)
        try:
            found["the page after inviting"] = _plain(walk.invite(book[0]).html)
        except Stuck as error:
            found["inviting"] = str(error)
        for day in (0, 31):
            scratch.later(days=day, seconds=5)
            walk = Walk(scratch)
            paths = ["/invitations/guests", "/invitations/sent", "/invitations", "/notifications"]
            found |= {f"{path} on day {day}": text for path, text in _seen(walk.browser, paths).items()}
            walk.upload(books.vcards([*book, Contact("Zed", ("zed@outside.example",))]), "contacts.vcf")
            found[f"the members screen on day {day}"] = _plain(walk.browser.get("/contacts/members").html)
            found[f"the other screen on day {day}"] = _plain(walk.others().html)
            found[f"the file of rows on day {day}"] = walk.browser.get("/contacts/report.csv").html
        return found


def _choose(browser: Browser, findable: str) -> None:
    browser.send(browser.get("/settings/privacy"), findable=findable)


def _hides(_scratch: Scratch, browser: Browser) -> None:
    _choose(browser, "nobody")


def _hides_from_far(_scratch: Scratch, browser: Browser) -> None:
    _choose(browser, "second")


def _blocks(_scratch: Scratch, browser: Browser) -> None:
    name = PEOPLE["maya"][0]
    handle = next(each for each in sorted(_handles(browser)) if each.startswith(name.lower().replace(" ", "-")))
    browser.send(browser.get(f"/people/{handle}/block"))


def _moves_away(scratch: Scratch, _browser: Browser) -> None:
    """Somebody is here, but not with that address."""
    from webapp.domain import accounts
    from webapp.models.member import EmailAddress
    from webapp.transaction import transaction

    def change() -> None:
        from webapp.extensions import db

        with transaction():
            row = db.session.query(EmailAddress).filter_by(address=PEOPLE["hedda"][1]).one()
            row.address = "elsewhere@post.example"
            row.lookup = accounts.lookup_of(row.address)

    scratch.within(change)


WAYS_TO_HIDE: dict[str, Callable[[Scratch, Browser], None]] = {
    "hides from everybody": _hides,
    "hides from all but the near": _hides_from_far,
    "blocks the uploader": _blocks,
}
