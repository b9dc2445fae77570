"""Accounts and sign-ins: sentences 23 to 30."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from tests import factories
from webapp import clock, config, passwords
from webapp.domain import accounts, guessing, throttles, tickets
from webapp.domain.errors import Invalid
from webapp.extensions import db
from webapp.transaction import transaction

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


# 25

RIGHT, WRONG = {"email": ADA, "password": factories.PASSWORD}, {"email": ADA, "password": "not this one at all"}
GUESSING = """
import sys
from tests.conftest import Browser, Client
from webapp import create_app
app = create_app()
app.test_client_class = Client
browsers = [Browser(app) for _ in range(2)]
print("ready", flush=True)
sys.stdin.readline()
for number in range(6):
    for browser in browsers:
        answer = browser.post("/signin", {"email": "ada@example.org", "password": f"a guess of {number}"})
        print(answer.status_code, flush=True)
"""


def guesses_of_four_processes(app):
    """The statuses that four processes on one database get, all of which guess at once."""
    given = {"INSTANCE": str(app.config["KITH"]["INSTANCE"]), "DATABASE_URL": app.config["KITH"]["DATABASE_URL"]}
    environment = os.environ | {f"KITH_{name}": value for name, value in given.items()}
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", GUESSING],
            cwd=root,
            env=environment | {"PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _process in range(4)
    ]
    for process in processes:
        assert process.stdout.readline().strip() == "ready"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    return [int(status) for each in said for status in each]


def at(where):
    """The network that a request comes from."""
    return {"environ_overrides": {"REMOTE_ADDR": where}}


def test_25_guessing_is_throttled_and_locks_nobody_out(app, context, as_member):
    """Ten wrong passwords in five minutes are all that is heard for one account from one network (of IPv6 its /64), 50 for all accounts
    together, 1,000 for the whole site; X-Forwarded-For and a restart change nothing, and four processes together hear no more. The member
    still gets in with the right one: from another network, and whatever others do where they are signed in, or signed in before."""
    ada = factories.member("Ada Lovelace", ADA)
    at_home = as_member()
    assert at_home.post("/signin", RIGHT).status_code == 303
    heard = guesses_of_four_processes(app)
    assert len(heard) == 48
    assert heard.count(422) == 10
    assert heard.count(429) == 38

    # Those processes have ended; this one counts on, and is told no other network by a header.
    stranger = as_member()
    refused = stranger.post("/signin", RIGHT)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        assert stranger.post("/signin", RIGHT, headers={header: "198.51.100.7"}).status_code == 429

    # But the member is heard: at once from elsewhere, signed in, and in the browser they used before.
    assert as_member().post("/signin", RIGHT, **at("203.0.113.9")).status_code == 303
    assert (
        at_home.post("/settings/addresses", {"email": "new@example.org", "old": factories.PASSWORD}).status_code == 303
    )
    at_home.post("/signout")
    assert at_home.post("/signin", RIGHT).status_code == 303
    clock.move(minutes=5, seconds=1)
    assert stranger.post("/signin", RIGHT).status_code == 303
    assert ada.suspended_at is None


@ON_SQLITE
def test_25_networks_and_the_whole_site_have_limits_too(app, context, as_member):
    """Of IPv6 a /64 is one network; 50 wrong ones are heard from one network and 1,000 by the whole site in five minutes. Even then whoever
    signed in before in that browser gets in; ten wrong ones end that, there alone."""
    factories.member("Ada Lovelace", ADA)
    at_home, stranger = as_member(), as_member()
    assert at_home.post("/signin", RIGHT).status_code == 303
    at_home.post("/signout")

    def tries(number, where):
        return [stranger.post("/signin", WRONG, **at(where(each))).status_code for each in range(number)]

    assert tries(11, lambda each: f"2001:db8:1:2:{each + 1:x}::1") == [422] * 10 + [429]
    assert tries(1, lambda _each: "2001:db8:1:3::1") == [422]
    assert tries(1, lambda _each: "::ffff:192.0.2.1") == tries(1, lambda _each: "192.0.2.1")
    many = [
        stranger.post("/signin", {"email": f"p{number}@example.org", "password": "guess"}, **at("198.51.100.1"))
        for number in range(51)
    ]
    assert [each.status_code for each in many] == [422] * 50 + [429]

    with throttled(throttles.SIGN_IN_PER_INSTANCE):
        assert stranger.post("/signin", RIGHT, **at("203.0.113.9")).status_code == 429
        assert at_home.post("/signin", RIGHT, **at("203.0.113.9")).status_code == 303
        at_home.post("/signout")
        guesses = [at_home.post("/signin", WRONG, **at(f"203.0.113.{each}")).status_code for each in range(11)]
        assert guesses == [422] * 10 + [429]
    assert as_member().post("/signin", RIGHT, **at("203.0.113.99")).status_code == 303


@ON_SQLITE
def test_the_cookie_of_a_known_browser_is_worth_nothing_elsewhere(app, context, as_member):
    ada = factories.member("Ada Lovelace", ADA)
    factories.member("Ben Okafor", "ben@example.org")
    browser = as_member()
    browser.post("/signin", RIGHT)
    value = browser.client.get_cookie("kith_known", domain="127.0.0.1").value
    assert "ada" not in value.lower()

    def heard(email=ADA, cookie=value):
        other = as_member()
        other.client.set_cookie("kith_known", cookie, domain="127.0.0.1")
        return other.post("/signin", {"email": email, "password": "wrong"}, **at("203.0.113.1")).status_code == 422

    with throttled(throttles.SIGN_IN_PER_INSTANCE):
        assert heard()
        assert not heard("ben@example.org")
        assert not heard(cookie=value[:-1] + ("A" if value[-1] != "A" else "B"))
        assert not heard(cookie="nonsense")
        assert as_member().get("/settings").status_code == 303, "it signs nobody in"
        # A new password makes those of other browsers worthless, and goes on in the browser where it was chosen.
        new = "another walk by the sea"
        assert browser.post("/settings/sign-in", {"old": factories.PASSWORD, "password": new}).status_code == 303
        assert not heard()
        assert heard(cookie=browser.client.get_cookie("kith_known", domain="127.0.0.1").value)
    assert ada.is_active


@contextmanager
def throttled(limit):
    """As if this limit were reached."""
    with transaction():
        for _each in range(limit.amount):
            throttles.count(limit)
    yield
    with transaction():
        throttles._storage.clear(limit.key_for())
