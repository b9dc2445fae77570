"""Sentence 13: what a log may hold. (11 and 12 are proven by the proof of the promise itself, in test_promise.py.)"""

import re

import pytest

from webapp import proof
from webapp.domain import contacts
from webapp.proof import books
from webapp.proof.browser import Stuck
from webapp.proof.ground import PASSWORD, PEOPLE
from webapp.proof.search import Search, keys_of
from webapp.proof.walk import Walk


@pytest.fixture(scope="module")
def ground():
    with proof.prepared() as made:
        yield made


def test_13_no_log_holds_what_is_anybodys(ground, monkeypatch):
    """Logs, even at DEBUG, hold no address, name, password, key, code, cookie or link of an invitation: not of a whole way
    through Find connections, not when the provider fails, and not of a crash whose error itself holds them.
    """
    real = contacts.settle
    crashes = iter([True])

    def crash(viewer, sign_in, key, compared):
        if next(crashes, False):
            raise KeyError(f"{compared.guests} {key.secret!r}") from ValueError(viewer.name)
        return real(viewer, sign_in, key, compared)

    monkeypatch.setattr(contacts, "settle", crash)
    with ground.scratch() as scratch:
        walk, people = Walk(scratch), books.Strangers()
        some = people.some(3)
        scratch.provider.failing["/google/v1/people/me/connections"] = 1
        walk.consent("google", some)
        walk.step()
        scratch.later(minutes=2)
        with pytest.raises(Stuck, match="answered with 500"):
            walk.step()
        scratch.later(minutes=1)  # nobody waits any more for the step that died
        page = walk.step()
        assert page.path == "/contacts/members"
        kept = list(walk.browser.cookies())
        walk.invite(some[0], "Good to see you")
        scratch.later(seconds=5)
        (mail,) = scratch.post.to(some[0].addresses[0])
        links = re.findall(r"/(?:join|optout)/([\w.-]+)", str(mail.get_body(("plain",)).get_content()))
        assert len(links) >= 2
        guest = scratch.browser()
        guest.get(f"/join/{links[0]}")
        guest.send(guest.get(f"/join/{links[0]}"), name=some[0].name, password=f"{people.word} is long enough")
        user, password = books.word(), books.word()
        walk.from_server(user, password, people.some(2))
        walk.sign_out()
        wrong = scratch.browser()
        wrong.send(wrong.get("/signin"), email=PEOPLE["maya"][1], password=f"not {people.word}")
        secrets = [user, password, PASSWORD, *links, *scratch.provider.secrets()]
        secrets += [piece for cookie in kept for piece in cookie.partition("=")[2].split(".") if len(piece) > 12]
        secrets += [each for name, address in PEOPLE.values() for each in (name, address)]
        ground.log.flush()
        log = (scratch.folder / "kith.log").read_text()
        assert '"kind": "KeyError"' in log, "the crash is told"
        assert '"event": "request"' in log
        assert "consent" in log or "unexpected" in log
        found = Search([people.word], secrets, keys_of(scratch.app.config["KEYS"])).in_value(log)
        assert found == set()
