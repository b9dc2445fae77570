"""Tokens: what is signed is signed with HMAC-SHA-256, for one purpose, under a key that can be replaced."""

import pytest
from itsdangerous.encoding import base64_decode

from webapp import config, create_app, tokens

SHA256_BYTES = 32


@pytest.fixture
def app(tmp_path):
    return create_app({"INSTANCE": str(tmp_path / "instance")})


def signature(token):
    return base64_decode(token.rpartition(".")[2])


def test_links_and_the_cookie_are_signed_with_sha_256(app):
    with app.app_context():
        assert len(signature(tokens.sign("next", "/network"))) == SHA256_BYTES
    cookie = app.session_interface.get_signing_serializer(app).dumps({"_user_id": "x"})
    assert len(signature(cookie)) == SHA256_BYTES


def test_a_token_counts_for_its_purpose_only_and_not_once_altered(app):
    with app.app_context():
        token = tokens.sign("next", "/network")
        assert tokens.signed("next", token) == "/network"
        assert tokens.signed("back", token) is None
        for other in ("", ".", "x", token[:-1], token + "x", token.swapcase(), f"x{token}", token.rpartition(".")[0]):
            assert tokens.signed("next", other) is None


def test_a_new_key_signs_and_the_old_one_still_counts_until_it_goes(app):
    with app.app_context():
        keys = app.config["KEYS"]
        before = tokens.sign("next", "/network")
        app.config["KEYS"] = config.Keys((b"n" * 32, *keys.signing), keys.wrapping, keys.lookup)
        after = tokens.sign("next", "/network")
        assert signature(after) != signature(before)
        assert tokens.signed("next", before) == tokens.signed("next", after) == "/network"
        app.config["KEYS"] = config.Keys((b"n" * 32,), keys.wrapping, keys.lookup)
        assert tokens.signed("next", before) is None
        assert tokens.signed("next", after) == "/network"
