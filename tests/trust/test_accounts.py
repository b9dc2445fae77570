"""Accounts and sign-ins: sentences 23 to 30."""

import re

import pytest
from argon2 import PasswordHasher, extract_parameters
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from tests import factories
from webapp import config, passwords
from webapp.domain import accounts, guessing, tickets
from webapp.domain.errors import Invalid
from webapp.extensions import db

ADA = "ada@example.org"
ON_SQLITE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
"""For what the engine of the database has no part in."""


def refused(password, *context):
    """Why a password is not taken; None where it is."""
    try:
        accounts.check_new_password(password, *(context or ("Ada Lovelace", ADA)))
    except Invalid as error:
        return error.fields["password"]
    return None


def words(response):
    """What an answer says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


# 23


@ON_SQLITE
def test_23_a_password_nobody_would_guess(as_member, context, setting, tmp_path):
    """A password has 12 characters or more (an operator may say 8 to 64), any of them, spaces and emoji, too; every byte of up to 1,000
    counts, and it may be pasted. One that is on the lists of breached ones, or little more than the name of the site or one's own, is
    refused with a sentence that says why; nobody elsewhere is asked for that."""
    long_ones = [each for each in FREQUENCY_LISTS["passwords"] if len(each) >= 12]
    assert len(long_ones) > 200
    assert [each for each in long_ones if refused(each) is None] == []
    for password, why in (
        ("northgate2026", guessing.SENTENCES["user_inputs"]),
        ("Northgate-2026!", guessing.SENTENCES["user_inputs"]),
        ("adalovelace12", guessing.SENTENCES["user_inputs"]),
        ("ada@example.org", guessing.SENTENCES["user_inputs"]),
        ("P4$$w0rd1234", guessing.SENTENCES["passwords"]),
        ("misunderstand", guessing.SENTENCES["word"]),
        ("passwordpassword", guessing.SENTENCES["repeat"]),
        ("zxcvbnm,./zx", guessing.SENTENCES["spatial"]),
        ("abcdefghijklmn", guessing.SENTENCES["sequence"]),
        ("02.11.199512", guessing.SENTENCES["date"]),
        ("only eleven", "Use at least 12 characters for your password"),
        ("word " * 201, "Use at most 1,000 characters for your password"),
    ):
        assert refused(password) == why, password
    for password in (
        "correct horse battery",
        "🐎🔋 and a staple gun",
        "  a walk by the sea  ",
        "пятница у моря вдвоём",
    ):
        assert refused(password) is None, password

    # More than 72 bytes, where some ways of hashing stop.
    start = "an owl reads under the lamp while the rain goes on and on over the old town"
    one, other = (start + end + "night" for end in "ab")
    assert len(start) == 75
    assert len(one.encode()) > 72
    assert refused(one) is refused(other) is None
    hashed = passwords.hash_password(one)
    assert passwords.verify(hashed, one)
    assert not passwords.verify(hashed, other)
    spaced = passwords.hash_password("  a walk by the sea  ")
    assert not passwords.verify(spaced, "a walk by the sea")

    # What the operator may say.
    setting(PASSWORD_CHARACTERS=8)
    assert refused("k7#qwz2!") is None
    assert refused("sunshine") == guessing.SENTENCES["passwords"]
    assert refused("k7#qwz2") == "Use at least 8 characters for your password"
    for number in (7, 65):
        with pytest.raises(config.SettingError, match="from 8 to 64"):
            config.load({"INSTANCE": str(tmp_path), "PASSWORD_CHARACTERS": number}, {})
    for number in (8, 64):
        assert config.load({"INSTANCE": str(tmp_path), "PASSWORD_CHARACTERS": number}, {})

    # Every page on which a password is chosen checks it, says why, and lets password managers and pasting be.
    owner = factories.member("Ada Lovelace", ADA)
    token = tickets.issue("reset", minutes=60, member=owner)
    run = tickets.issue("operator", minutes=60, address="olga@example.org")
    db.session.commit()
    joins = {"name": "Ada Lovelace", "email": "new@example.org"}
    for browser, url, given in (
        (as_member(), "/signup", joins),
        (as_member(), f"/reset/{token}", {}),
        (as_member(), f"/operator/{run}", {"name": "Olga"}),
        (as_member(owner), "/settings/sign-in", {"old": factories.PASSWORD}),
    ):
        answer = browser.post(url, given | {"password": "northgate2026"})
        assert answer.status_code == 422, url
        assert guessing.SENTENCES["user_inputs"] in words(answer), url
        fields = re.findall(r'<input[^>]*type="password"[^>]*>', answer.text)
        assert fields
        assert {re.search(r'autocomplete="([^"]+)"', each)[1] for each in fields} <= {
            "new-password",
            "current-password",
        }
        assert any('autocomplete="new-password"' in each for each in fields), url
        assert not re.search(r"maxlength|onpaste|readonly|pattern=", "".join(fields)), url


@ON_SQLITE
def test_what_takes_the_measure_of_a_password_forgets_whose_it_was_and_takes_no_long_time(app, context):
    from zxcvbn import matching

    refused("northgate2026")
    assert matching.RANKED_DICTIONARIES["user_inputs"] == {}
    strange = "4@8({[<3691!|70$5+%2" * 4
    assert guessing._fewer_signs(strange).count("~") > 20
    assert refused(strange) is None


# 24


@ON_SQLITE
def test_24_passwords_are_kept_as_argon2id(as_member, context):
    """A password is kept as an argon2id hash of 19 MiB, two rounds or more; one hashed with less is hashed anew at the next sign-in."""
    made = passwords.hash_password(factories.PASSWORD)
    parameters = extract_parameters(made)
    assert made.startswith("$argon2id$")
    assert parameters.memory_cost >= 19456
    assert parameters.time_cost >= 2
    assert parameters.parallelism >= 1
    assert made != passwords.hash_password(factories.PASSWORD), "each has a salt of its own"
    owner = factories.member("Ada Lovelace", ADA)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(factories.PASSWORD)
    owner.password_hash = weak
    db.session.commit()
    wrong = as_member().post("/signin", {"email": ADA, "password": "not this one at all"})
    assert wrong.status_code == 422
    db.session.expire_all()
    assert owner.password_hash == weak
    assert as_member().post("/signin", {"email": ADA, "password": factories.PASSWORD}).status_code == 303
    db.session.expire_all()
    assert extract_parameters(owner.password_hash) == parameters
    assert as_member().post("/signin", {"email": ADA, "password": factories.PASSWORD}).status_code == 303


@ON_SQLITE
def test_an_account_without_a_hash_has_no_password_at_all(app, context):
    for guess in ("", "nobody's password"):
        assert not passwords.verify("", guess)
        assert not passwords.verify(None, guess)
