"""The fixtures of CardDAV: real servers over TLS on loopback, and the operator's list of hosts."""

import pytest

from tests.providers import dav
from tests.providers.dav import FETCHED, FEW
from webapp import create_app


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return dav.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """Three books: 2,000 people with two addresses each and what nobody asked for, two more and a group, and none."""
    many = [
        dav.vcard(
            f"Person {number}",
            f"p{number}@one.example",
            f"p{number}@two.example",
            more=f"NOTE:secret {number}\r\nTEL:+49 30 {number}\r\nORG:Works\r\nPHOTO;ENCODING=b;TYPE=JPEG:"
            + "QUJD" * 50,
        )
        for number in range(FETCHED)
    ]
    return dav.radicale(tmp_path_factory.mktemp("radicale"), {"many": many, "few": FEW, "none": []})


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """The same with a person in place of the 2,000: three to be read, with nobody's group."""
    one = [dav.vcard("Grace Hopper", "grace@navy.example")]
    return dav.radicale(tmp_path_factory.mktemp("shelf"), {"one": one, "few": FEW, "none": []})


@pytest.fixture(scope="module")
def app(tmp_path_factory, authority):
    return create_app(
        {"INSTANCE": str(tmp_path_factory.mktemp("carddav") / "instance"), "CARDDAV_CA_FILE": str(authority.file)}
    )


@pytest.fixture(autouse=True)
def allowed(app):
    """`allowed("127.0.0.1")`: the operator's list of hosts of their own network; empty at first."""
    before = dict(app.config["KITH"])

    def allow(*hosts):
        app.config["KITH"] = app.config["KITH"] | {"CARDDAV_ALLOWED_HOSTS": hosts}

    with app.app_context():
        yield allow
    app.config["KITH"] = before


@pytest.fixture
def serve(authority):
    """`serve(wsgi)`: it listens over TLS; gives the port."""
    open_ = []

    def start(wsgi, *hosts):
        found = dav.listening(wsgi, authority, *hosts)
        open_.append(found)
        return found.__enter__()

    yield start
    for each in reversed(open_):
        each.__exit__(None, None, None)


@pytest.fixture
def listener():
    made = dav.Listener()
    yield made
    made.close()
