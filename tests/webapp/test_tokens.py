"""Tokens: what is signed is signed with HMAC-SHA-256, for one purpose, under a key that can be replaced."""

import re
import stat

import pytest
from itsdangerous.encoding import base64_decode

from webapp import config, create_app, tokens
from webapp.config import SettingError

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


def test_a_random_token_has_144_bits_and_its_digest_is_no_way_back():
    made = {tokens.new() for _ in range(1000)}
    assert len(made) == 1000
    for token in made:
        assert re.fullmatch(r"[A-Za-z0-9_-]{24}", token)
        assert token not in tokens.digest(token)
    assert {len(tokens.digest(token)) for token in made} == {64}


def test_the_first_start_makes_three_keys_of_256_bits_for_its_owner_alone(app, tmp_path):
    path = tmp_path / "instance/secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = app.config["KEYS"]
    three = (*keys.signing, *keys.wrapping, *keys.lookup)
    assert [len(key) for key in three] == [32, 32, 32]
    assert len(set(three)) == 3
    assert create_app({"INSTANCE": str(tmp_path / "instance")}).config["KEYS"] == keys
    assert create_app({"INSTANCE": str(tmp_path / "another")}).config["KEYS"].signing != keys.signing


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_stops_the_start(app, tmp_path, mode):
    path = tmp_path / "instance/secret_key"
    path.chmod(mode)
    with pytest.raises(SettingError, match="can be read by others"):
        create_app({"INSTANCE": str(tmp_path / "instance")})
    path.chmod(0o600)
    assert create_app({"INSTANCE": str(tmp_path / "instance")})
