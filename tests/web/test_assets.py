"""Static files come from memory, packed, and may be kept for ever, because their address changes with any byte."""

import gzip
from pathlib import Path

import pytest

from webapp import create_app
from webapp.web import assets

STATIC = Path(assets.__file__).parents[1] / "static"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return create_app({"INSTANCE": str(tmp_path_factory.mktemp("assets") / "instance")})


@pytest.fixture
def get(app):
    """Ask for a static file by its name, as a browser or as one that cannot unpack."""
    with app.app_context():
        address = assets.asset

        def ask(name, method="GET", **headers):
            return app.test_client().open(
                address(name), method=method, base_url="http://127.0.0.1:8000", headers=headers
            )

        yield ask


def test_a_browser_gets_it_packed_and_may_keep_it_for_ever(get):
    answer = get("kith.css", **{"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == (STATIC / "kith.css").read_bytes()
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "Set-Cookie" not in answer.headers


def test_one_that_cannot_unpack_gets_it_plain(get):
    answer = get("kith.css")
    assert "Content-Encoding" not in answer.headers
    assert answer.data == (STATIC / "kith.css").read_bytes()


def test_what_is_packed_already_is_sent_as_it_is(get):
    answer = get("kith-sans.woff2", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.data == (STATIC / "kith-sans.woff2").read_bytes()
    assert answer.headers["Content-Type"] == "font/woff2"


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.iterdir() if path.is_file()))
def test_a_browser_may_not_guess_what_a_file_is_nor_run_it_as_a_page(get, name):
    answer = get(name)
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_head_answers_without_a_body(get):
    answer = get("kith.js", method="HEAD")
    assert int(answer.headers["Content-Length"]) == (STATIC / "kith.js").stat().st_size
    assert answer.data == b""


def test_what_is_not_there_and_what_is_posted_is_left_to_the_application(app, get):
    for path in ("/static/00000000/kith.css", "/static/../config.py", "/static/%2e%2e/config.py"):
        assert app.test_client().get(path, base_url="http://127.0.0.1:8000").status_code == 404
    assert get("kith.css", method="POST").status_code in {400, 404, 405}


def test_a_page_cannot_link_to_a_file_that_is_not_there(app):
    with app.app_context(), pytest.raises(KeyError):
        assets.asset("nothing.css")


def test_the_stamp_changes_with_any_byte_and_any_name(tmp_path):
    seen = set()
    for name, text in (("a.css", "1"), ("a.css", "2"), ("b.css", "2")):
        for old in tmp_path.iterdir():
            old.unlink()
        (tmp_path / name).write_text(text, encoding="utf-8")
        seen.add(assets.stamp_of(tmp_path))
    assert len(seen) == 3
    assert assets.stamp_of(tmp_path) in seen
