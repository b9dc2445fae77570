"""Of a CardDAV server nothing is kept: neither password nor user stand in any file, whether it worked or not."""

import re
import signal

import pytest

from tests.faults.test_forgetting import CANARIES, Kith
from tests.providers import dav, live
from webapp.proof.search import Search, keys_of

USER, PASSWORD, WRONG = "quokka-canary-user", "zx9q-canary-app-password", "zx9q-canary-wrong-word"
CARDS = CANARIES[:40]


@pytest.fixture
def server(tmp_path):
    """A Radicale with the canaries' cards; its port, and what it was asked."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    authority = dav.Authority(tmp_path / "elsewhere")
    cards = [dav.vcard(name, address) for name, address in CARDS]
    watched = dav.Watched(dav.radicale(folder, {"book": cards}, user=USER, password=PASSWORD))
    with dav.listening(watched, authority) as port:
        watched.port, watched.authority = port, authority
        yield watched


@pytest.fixture
def kith(tmp_path, server):
    (tmp_path / "kith").mkdir()
    made = Kith(tmp_path / "kith")
    with live.listening(made.provider) as port:
        allowed = {"CARDDAV_ALLOWED_HOSTS": f"127.0.0.1:{server.port}", "CARDDAV_CA_FILE": str(server.authority.file)}
        settings = made.settings
        made.settings = lambda url: settings(url) | allowed
        made.prepare(f"http://127.0.0.1:{port}")
        made.start()
        try:
            yield made
        finally:
            made.stop(signal.SIGKILL)


def traces(kith):
    search = Search([], (USER, PASSWORD, WRONG), keys_of(kith.keys))
    kept = str([(each.name, each.value) for each in kith.browser.cookies])
    return search.in_folder(kith.folder) + [("cookie", *found) for found in search.in_value(kept)]


def test_neither_password_nor_user_is_left_in_any_file(kith, server):
    kith.sign_in()
    typed = {"server": f"127.0.0.1:{server.port}", "user": USER, "password": WRONG}
    answer = kith.post("/contacts/carddav", typed)
    assert answer.status_code == 422
    assert USER in answer.text
    assert WRONG not in answer.text
    assert traces(kith) == []
    kith.post("/contacts/carddav", typed | {"password": PASSWORD})
    assert server.with_password
    text = kith.get("/contacts/others").text
    assert re.search(rf"\b{len(CARDS)}\b", text)
    assert traces(kith) == []
    assert kith.traces(CARDS[:5]) == []  # sealed, as every book is
    kith.post("/contacts/others", {"do": "skip", "shown": ""})
    kith.stop()
    assert traces(kith) == []
    assert kith.traces(CARDS[:5]) == []
    log = (kith.folder / "log.txt").read_text()
    assert "127.0.0.1:" + str(server.port) not in log
