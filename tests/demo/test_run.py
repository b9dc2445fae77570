"""The demo and the provider beside it."""

import json
import socket
import urllib.request

import pytest

from tests import ports
from webapp.config import SettingError
from webapp.demo import run


@pytest.fixture
def book(tmp_path):
    (tmp_path / "books.json").write_text(json.dumps({"*": []}))
    return tmp_path / "books.json"


def test_the_provider_answers_once_it_is_beside_and_is_gone_after(book):
    port = ports.free()
    with (
        run.provider_beside(port, book),
        urllib.request.urlopen(f"http://127.0.0.1:{port}{run.DISCOVERY['microsoft']}", timeout=5) as answer,
    ):
        assert answer.status == 200
    assert ports.is_free(port)


def test_a_port_taken_while_the_community_was_made_ends_the_demo_with_one_sentence(book):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingError, match=f"could not start on port {port}"), run.provider_beside(port, book):
            pytest.fail("the demo must not go on without its provider")
