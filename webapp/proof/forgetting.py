"""We compare, show you the result, and forget: no readable trace remains, anywhere, however the import ends."""

from collections.abc import Callable, Iterator

from webapp.proof import books
from webapp.proof.books import Contact, Strangers
from webapp.proof.ground import PEOPLE, Ground, Scratch
from webapp.proof.walk import Walk

_BOOK = 1001
_PAGE = "/google/v1/people/me/connections"


def forget(ground: Ground) -> Iterator[str]:
    """Every door, every ending, with a backup taken in the middle of each; then all files are searched."""
    with ground.scratch() as scratch:
        people = Strangers()
        texts: list[str] = []
        for name, door, ending in WAYS:
            some = people.some(4)
            texts += people.texts(some[:2])
            walk = Walk(scratch)
            door(scratch, walk, some, people)
            scratch.back_up(name)
            held = scratch.kith_backup(name)
            if held["address_book_import"] or held["import_part"]:
                yield f"a backup taken in the middle of {name} holds what was read"
            walk.browser.get("/contacts/report.csv")
            walk.browser.get("/contacts/members")
            walk.search(some[0].addresses[0])
            scratch.back_up(f"{name}, looked through")
            ending(scratch, walk, people)
            if scratch.rows("address_book_import") or scratch.rows("import_part"):
                yield f"the book of {name} is still there, though it should be forgotten"
        scratch.later(minutes=5)
        scratch.back_up("after all")
        yield from (str(each) for each in scratch.traces([people.word], texts))


Door = Callable[[Scratch, Walk, list[Contact], Strangers], object]
Ending = Callable[[Scratch, Walk, Strangers], object]


def _google(scratch: Scratch, walk: Walk, some: list[Contact], people: Strangers) -> None:
    """A long book, in whose middle the provider fails once; somebody in it is here, under a name of the uploader's own."""
    here = Contact(people.one().name, (PEOPLE["otto"][1],))
    scratch.provider.failing[_PAGE] = 2
    walk.consent("google", [*some, here, *people.some(_BOOK)])
    walk.step()
    scratch.later(minutes=2)
    scratch.back_up("the middle of the reading")
    walk.step()


def _other_columns(_scratch: Scratch, walk: Walk, some: list[Contact], people: Strangers) -> None:
    page = walk.upload(books.nameless_csv(some, people.word), "contacts.csv")
    walk.browser.get("/contacts/columns")
    walk.name_columns(page)


def _invite_one(scratch: Scratch, walk: Walk, people: Strangers) -> None:
    """Invite one, who has a second address; of the others nothing may remain, and neither of that address."""
    guest = Contact("Gast van Buiten", ("gast@outside.example", people.one().addresses[0]))
    walk.upload(books.vcards([guest, *people.some(2)]), "contacts.vcf")
    walk.invite(guest, "Good to see you")
    scratch.later(seconds=5)


def _wait(scratch: Scratch, _walk: Walk, _people: Strangers) -> None:
    scratch.later(minutes=60, seconds=1)


def _click_for_hours(scratch: Scratch, walk: Walk, _people: Strangers) -> None:
    for _ in range(4):
        scratch.later(minutes=50)
        walk.browser.get("/contacts/others")
    scratch.later(minutes=40, seconds=1)


def _again(_scratch: Scratch, walk: Walk, people: Strangers) -> None:
    walk.paste(people.some(2))
    walk.skip()


WAYS: tuple[tuple[str, Door, Ending], ...] = (
    ("Google", _google, lambda _scratch, walk, _people: walk.skip()),
    ("Outlook", lambda _scratch, walk, some, _people: walk.read("microsoft", some), _wait),
    ("a vCard file", lambda _scratch, walk, some, _people: walk.upload(books.vcards(some), "a.vcf"), _invite_one),
    ("a CSV file", _other_columns, lambda _scratch, walk, _people: walk.forget()),
    (
        "LinkedIn's file",
        lambda _scratch, walk, some, people: walk.upload(books.linkedin(some, people.word), "Connections.csv"),
        lambda _scratch, walk, _people: walk.sign_out(),
    ),
    ("pasted lines", lambda _scratch, walk, some, _people: walk.paste(some), _click_for_hours),
    (
        "a CardDAV server",
        lambda _scratch, walk, some, _people: walk.from_server("somebody", "their password", some),
        _again,
    ),
)
