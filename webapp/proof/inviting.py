"""Whom we write to: those who were ticked, once, what was shown, and nobody who said no."""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parseaddr

from webapp.proof import books
from webapp.proof.books import Contact
from webapp.proof.browser import Page, Stuck
from webapp.proof.ground import Ground, Scratch
from webapp.proof.walk import Walk

GUEST = Contact("Gast van Buiten", ("gast@outside.example",))
OTHERS = [Contact("Vera Ander", ("vera@outside.example",)), Contact("Willem Ander", ("willem@outside.example",))]
_LINK = re.compile(r"/join/[\w-]+")
_YEAR = 365


def ticks(ground: Ground) -> Iterator[str]:
    """People who are not members start un-ticked, and only those who are ticked are mailed."""
    with ground.scratch() as scratch:
        walk = Walk(scratch)
        for door in ("google", "a file"):
            everybody = [GUEST, *OTHERS]
            if door == "google":
                walk.read(door, everybody)
            else:
                walk.upload(books.vcards(everybody), "contacts.vcf")
            page = walk.others()
            if not page.boxes("tick"):
                raise Stuck("nobody can be invited")
            if any(page.boxes("tick").values()):
                yield f"somebody who was read from {door} starts ticked"
            walk.browser.send(page, press="add")
            scratch.later(minutes=2)
            yield from _mailed(scratch, set(), "nobody was ticked")
        walk.invite(GUEST)
        scratch.later(minutes=2)
        yield from _mailed(scratch, {GUEST.addresses[0]}, "one was ticked")
        if not scratch.post.to(GUEST.addresses[0]):
            yield "who was ticked got no mail"


def _mailed(scratch: Scratch, may: set[str], when: str) -> Iterator[str]:
    outside = {recipient for recipient, _ in scratch.post.arrived if recipient.endswith("@outside.example")}
    if outside - may:
        yield f"{when}, but a mail went to {len(outside - may)} more"


def mail(ground: Ground) -> Iterator[str]:
    """At most one mail a year, whoever invites, worded as it was shown, and never a reminder."""
    (address,) = GUEST.addresses
    with ground.scratch() as scratch:
        walk = Walk(scratch)
        walk.upload(books.vcards([GUEST, *OTHERS]), "contacts.vcf")
        note = "It was good to see you.\nUntil soon?"
        shown = walk.show_mail(GUEST, note)
        framed = walk.browser.get("/contacts/preview")
        pressed = walk.browser.send(shown, press="add", tick=[walk.position(GUEST, shown)], note=note)
        if pressed.path != "/contacts/done":
            raise Stuck(f"the invitation was not taken: {pressed.words[:200]}")
        walk.browser.send(shown, press="add", tick=["0", "1", "2"], note=note)  # Back, and once more
        scratch.later(seconds=5)
        sent = scratch.post.to(address)
        if not sent:
            yield "who was invited got no mail"
            return
        yield from _worded(shown, framed, sent[0])
        yield from _over_a_year(scratch, walk)


def _over_a_year(scratch: Scratch, walk: Walk) -> Iterator[str]:
    (address,) = GUEST.addresses
    again = Contact("G. van Buiten", (address.upper(),))
    walk.upload(books.vcards([GUEST]), "contacts.vcf")
    page = walk.others()
    walk.browser.send(page, press="add", tick=list(page.boxes("tick")) or ["0"])
    _invite_as(scratch, "nora", again)
    for _ in range(20):
        scratch.later(days=3)
    if len(scratch.post.to(address)) > 1:
        yield f"{len(scratch.post.to(address))} mails went to one address within 60 days"
        return
    _invite_as(scratch, "otto", GUEST)
    scratch.later(minutes=2)
    scratch.later(days=_YEAR - 62)
    _invite_as(scratch, "hedda", again)
    scratch.later(minutes=2)
    if len(scratch.post.to(address)) > 1:
        yield f"{len(scratch.post.to(address))} mails went to one address within a year"


def _invite_as(scratch: Scratch, who: str, guest: Contact) -> None:
    walk = Walk(scratch, who)
    walk.upload(books.vcards([guest]), "contacts.vcf")
    walk.invite(guest)


def _worded(shown: Page, framed: Page, sent: EmailMessage) -> Iterator[str]:
    """What differs between a mail and its preview, but for the link of the recipient's own."""
    bodies = {kind: sent.get_body((kind,)) for kind in ("plain", "html")}
    texts = {kind: _LINK.sub("/join/", str(body.get_content()) if body else "") for kind, body in bodies.items()}
    text = texts["plain"].replace("\r\n", "\n").strip()
    if text not in {_LINK.sub("/join/", each).strip() for each in shown.preformatted}:
        yield "the text of the mail is not the one that was shown"
    if texts["html"].replace("\r\n", "\n").strip() != _LINK.sub("/join/", framed.html).strip():
        yield "the mail does not look as it was shown"
    for what, said in (("subject", str(sent["Subject"])), ("sender", parseaddr(str(sent["From"]))[0])):
        if said not in shown.words:
            yield f"the {what} of the mail is not the one that was shown"
    if len(sent.get_all("To", [])) != 1:
        yield "the mail names others, too"


def stop(ground: Ground) -> Iterator[str]:
    """One click, as mail programs make it, stops all invitations, from anybody, for good; also those that wait."""
    (address,) = GUEST.addresses
    with ground.scratch() as scratch:
        _invite_as(scratch, "maya", GUEST)
        scratch.later(seconds=5)
        sent = scratch.post.to(address)
        if not sent:
            yield "who was invited got no mail"
            return
        link = re.fullmatch(r"<(https?://[^>]+)>", str(sent[0]["List-Unsubscribe"] or ""))
        if link is None or sent[0]["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
            yield "the mail offers no one-click unsubscribing"
            return
        before = len(scratch.post.arrived)
        scratch.later(days=_YEAR + 1)
        _invite_as(scratch, "nora", GUEST)  # this one waits while the click is made
        path = link[1].removeprefix(scratch.app.config["KITH"]["BASE_URL"])
        answer = scratch.browser().post(path, {"List-Unsubscribe": "One-Click"})
        if answer.status != 200:  # noqa: PLR2004
            yield f"the click was answered with {answer.status}"
        scratch.later(minutes=2)
        for years, who in ((0, "otto"), (1, "hedda"), (2, "maya"), (5, "nora")):
            scratch.later(days=years * (_YEAR + 1))
            _invite_as(scratch, who, Contact("Gast", (address.upper(),)))
            scratch.later(minutes=2)
        if [recipient for recipient, _ in scratch.post.arrived[before:] if recipient.lower() == address]:
            yield "invitations went on after the click"
