"""Fixtures for what talks to a provider: one that listens, and the application that is registered with it."""

import pytest

from tests.providers import live
from webapp import create_app

__all__ = ["_listening", "_registered", "keys", "provider", "raw", "registered", "trap"]

BOOKS = {
    "ada@gmail.com": [
        {"name": "Grace Hopper", "emails": ["grace@navy.example", "g.hopper@yard.example"]},
        {"name": "", "emails": ["nameless@x.example"]},
        {"name": "No Address", "emails": []},
        {"name": "Bad Address", "emails": ["not an address"]},
        {"name": "Written To", "emails": ["written@x.example"], "other": True},
        {"name": "Choir Friend", "emails": ["alto@choir.example"], "folder": "Choir / Alto"},
        {"name": "Tennis Friend", "emails": ["ace@tennis.example"], "folder": "Tennis"},
    ],
    "empty@gmail.com": [],
    "many@gmail.com": [{"name": f"Person {number}", "emails": [f"p{number}@x.example"]} for number in range(2500)],
    "huge@gmail.com": [{"name": f"Person {number}", "emails": [f"p{number}@x.example"]} for number in range(25_000)],
}
BOOKS |= {account.replace("gmail", "outlook"): book for account, book in BOOKS.items()}


@pytest.fixture(scope="session")
def _listening():
    faulty = live.Faulty(BOOKS)
    with live.listening(faulty.app) as port:
        faulty.url = f"http://127.0.0.1:{port}"
        yield faulty


@pytest.fixture
def provider(_listening):
    """The demo provider with its switches off, which has given nobody anything; `provider.url` is where it listens."""
    _listening.reset()
    _listening.forget_given()
    yield _listening
    _listening.reset()


@pytest.fixture(scope="session")
def _registered(_listening, tmp_path_factory):
    return create_app({"INSTANCE": str(tmp_path_factory.mktemp("registered") / "instance")} | settings_for(_listening))


def settings_for(faulty):
    """The settings of an application that is registered with a provider."""
    found = {"BASE_URL": live.BASE_URL}
    for door, path in (("google", ""), ("microsoft", "/common/v2.0")):
        client = faulty.providers[door].client
        found |= {
            f"{door.upper()}_CLIENT_ID": client.client_id,
            f"{door.upper()}_CLIENT_SECRET": client.client_secret,
            f"{door.upper()}_METADATA_URL": f"{faulty.url}/{door}{path}/.well-known/openid-configuration",
            f"{door.upper()}_CONTACTS_URL": f"{faulty.url}/{door}",
        }
    return found


@pytest.fixture
def registered(_registered, provider):
    """The application that is registered with the provider, in a context; it has learnt nothing yet."""
    before = dict(_registered.config["KITH"])
    _registered.extensions["kith.oauth"].clear()
    with _registered.app_context():
        yield _registered
    _registered.config["KITH"] = before


@pytest.fixture
def keys(provider):
    """`keys(door, account, *scopes)`: a key as the provider would give it after consent."""

    def give(door, account, *scopes):
        from webapp.demo.provider.memory import SCOPES, Token

        token = f"key-{door}-{account}-{len(provider.providers[door].tokens)}"
        provider.providers[door].tokens[token] = Token(
            provider.providers[door].client.client_id, account, frozenset(scopes or SCOPES[door]), "none", 2**40
        )
        return token

    return give


@pytest.fixture
def trap():
    """A listener that nothing may reach."""
    made = live.Trap()
    yield made
    made.close()


@pytest.fixture
def raw():
    """`raw(bytes, pause=, piece=)`: a server that sends just that."""
    made = []

    def start(*args, **kwargs):
        made.append(live.Raw(*args, **kwargs))
        return made[-1]

    yield start
    for each in made:
        each.close()
