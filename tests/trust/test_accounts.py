"""Accounts and sign-ins: sentences 23 to 30."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import select, text
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from tests import factories
from tests.conftest import Browser, Client
from tests.forging import altered
from tests.providers import live
from tests.providers.fixtures import settings_for
from webapp import clock, config, create_app, jobs, passwords, schema, tokens
from webapp.domain import accounts, guessing, leaving, log_ins, notices, throttles, tickets
from webapp.domain.errors import Invalid
from webapp.extensions import db
from webapp.models.mail import MailboxMessage
from webapp.models.member import EmailAddress, LogIn, Member, SignIn
from webapp.models.second_step import Authenticator, RecoveryCode
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
    """The statuses that four processes on one database get, all of which guess at once.

    This process lets go of the database meanwhile. A test that read SQLite's file by itself has taken away its locks (POSIX drops all that
    a process has on a file as soon as it closes it once): the last of the four would think it is alone, and delete the -wal from under it.
    """
    db.session.rollback()
    db.engine.dispose()
    given = {"INSTANCE": str(app.config["KITH"]["INSTANCE"]), "DATABASE_URL": app.config["KITH"]["DATABASE_URL"]}
    given["REDIS_URL"] = app.config["KITH"]["REDIS_URL"]
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


@pytest.mark.parametrize(
    ("app", "counters"), [("sqlite", "table"), ("postgresql", "table"), ("sqlite", "redis")], indirect=True
)
def test_25_guessing_is_throttled_and_locks_nobody_out(app, counters, context, as_member):
    """Ten wrong passwords in five minutes are all that is heard for one account from one network (of IPv6 its /64), 50 for all accounts
    together, 1,000 for the whole site; X-Forwarded-For and a restart change nothing, and four processes together hear no more. The
    member still gets in with the right one: from another network, and whatever others do where they are signed in, or signed in
    before."""
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
def test_25_networks_and_the_whole_site_have_limits_too(app, counters, context, as_member):
    """Of IPv6 a /64 is one network; 50 wrong ones are heard from one network and 1,000 by the whole site in five minutes. Even then
    whoever signed in before in that browser gets in; ten wrong ones end that, there alone."""
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
        assert not heard(cookie=altered(value))
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
        throttles.storage_of(limit).clear(limit.key_for())


# 26

NEW = "an owl reads under the lamp"


def posted():
    """Every mail that has left, in order: (recipient, subject, text)."""
    jobs.run_due()
    found = []
    for row in db.session.scalars(select(MailboxMessage).order_by(MailboxMessage.id)):
        said = message_from_bytes(row.raw, policy=policy.default).get_body(("plain",)).get_content()
        found.append((row.recipient, row.subject, said))
    db.session.rollback()
    return found


def link_in(mail, where):
    """The path of a link in a mail."""
    return re.search(rf"http://127.0.0.1:8000(/{where}/[\w-]+)", mail[2])[1]


def test_26_a_link_for_a_new_password(app, context, as_member):
    """The link for a new password holds at least 128 bits of chance and is kept as a digest only; it works once, for an hour, until the
    next one is asked for, the password or an address of the account changes. It signs nobody in, ends every sign-in, tells by mail, and
    leads to this site, whatever host the question named."""
    ada = factories.member("Ada Lovelace", ADA)
    second = factories.address(ada, "second@example.org")

    def asked():
        assert as_member().post("/reset", {"email": ADA}).status_code == 200
        return link_in([mail for mail in posted() if "Set a new" in mail[1]][-1], "reset")

    token = asked().rpartition("/")[2]
    assert len(token) * 6 >= 128
    kept = db.session.execute(text("SELECT digest, purpose, payload FROM ticket")).all()
    db.session.rollback()
    assert [row.digest for row in kept if row.purpose == "reset"] == [tokens.digest(token)]
    assert token not in str(kept)

    # A mail scanner opens it, then it works once.
    browser, elsewhere = as_member(), as_member(ada)
    for _scanner in range(3):
        assert browser.get(f"/reset/{token}").status_code == 200
    assert elsewhere.get("/settings").status_code == 200
    done = browser.post(f"/reset/{token}", {"password": NEW})
    assert done.headers["Location"] == "/signin"
    assert browser.get("/settings").status_code == elsewhere.get("/settings").status_code == 303
    assert db.session.query(SignIn).count() == 0
    db.session.rollback()
    assert browser.get(f"/reset/{token}").status_code == 410
    assert browser.post(f"/reset/{token}", {"password": "yet another evening walk"}).status_code == 410
    told = [mail[0] for mail in posted() if mail[1] == "Your password for Northgate was changed"]
    assert told == [ADA, "second@example.org"]
    assert as_member().post("/signin", {"email": ADA, "password": NEW}).status_code == 303

    # What ends it.
    def is_over(link):
        return as_member().get(link).status_code == 410

    first, newer = asked(), asked()
    assert is_over(first)
    assert not is_over(newer)
    clock.move(minutes=59)
    assert not is_over(newer)
    clock.move(minutes=2)
    assert is_over(newer)
    clock.move(days=1)
    owner = as_member(ada)
    second_id = second.id
    first_id = db.session.scalar(select(EmailAddress.id).where(EmailAddress.address == ADA))
    db.session.rollback()
    for change in (
        lambda: owner.post("/settings/sign-in", {"old": NEW, "password": factories.PASSWORD}),
        lambda: owner.post(f"/settings/addresses/{second_id}", {"old": factories.PASSWORD, "do": "primary"}),
        lambda: owner.post(f"/settings/addresses/{first_id}", {"old": factories.PASSWORD, "do": "remove"}),
    ):
        link = asked()
        assert not is_over(link)
        assert change().status_code == 303
        assert is_over(link)

    # Another host, named in any way, gets no mail with its name.
    before = len(posted())
    spoofed = {"X-Forwarded-Host": "evil.example", "X-Original-Host": "evil.example", "Forwarded": "host=evil.example"}
    assert as_member().post("/reset", {"email": "second@example.org"}, headers=spoofed).status_code == 200
    assert as_member().post("/reset", {"email": "second@example.org"}, base_url="http://evil.example").status_code in {
        400,
        403,
    }
    mails = posted()[before:]
    assert len(mails) == 1
    assert "http://127.0.0.1:8000/reset/" in mails[0][2]
    assert "evil" not in mails[0][2]


# 27


def copy_of(browser, as_member):
    """Another browser with the same cookies, as a thief's."""
    other = as_member()
    for name in ("kith", "kith_known"):
        cookie = browser.client.get_cookie(name, domain="127.0.0.1")
        if cookie is not None:
            other.client.set_cookie(name, cookie.value, domain="127.0.0.1")
    return other


def is_in(browser):
    return browser.get("/settings/leave").status_code == 200


def leave_for_good(browser, ada):
    browser.post("/settings/leave", {"password": factories.PASSWORD})
    browser.post("/settings/leave/now", {"password": factories.PASSWORD})


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("signing out", lambda browser, _ada: browser.post("/signout")),
        (
            "a new password",
            lambda browser, _ada: browser.post("/settings/sign-in", {"old": factories.PASSWORD, "password": NEW}),
        ),
        ("signing out everywhere", lambda browser, _ada: browser.post("/settings/sign-ins/end")),
        ("deleting the account", leave_for_good),
    ],
)
def test_27_a_copied_cookie_dies_with_the_sign_in(app, context, as_member, how, end):
    """A copy of the cookie is worth nothing after signing out; copies of a member's other sign-ins are worth nothing after a new
    password, after signing out everywhere, and after the account was deleted. The browser is told to forget every page it kept."""
    ada = factories.member("Ada Lovelace", ADA)
    here, there = as_member(), as_member()
    for browser in (here, there):
        assert browser.post("/signin", RIGHT).status_code == 303
    stolen = copy_of(here if how == "signing out" else there, as_member)
    assert is_in(stolen)
    answer = end(here, ada)
    assert not is_in(stolen)
    assert not is_in(copy_of(stolen, as_member))
    if how == "signing out":
        assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
        assert is_in(there), "one sign-in ends, not another"
    elif how == "deleting the account":
        assert not is_in(here)
        clock.move(days=8)
        jobs.run_due()
        assert not is_in(copy_of(here, as_member))
    else:
        assert is_in(here)


# 28


@ON_SQLITE
def test_28_a_sign_in_begins_anew(app, context, as_member, provider, setting):
    """Signing in, with a password or with an account elsewhere, gives the browser a new token, keeps nothing of what its cookie held
    before, and gives the cookie from before nothing: who planted it is not signed in."""
    ada = factories.member("Ada Lovelace", "ada@gmail.com")
    app.extensions["kith.oauth"].clear()
    setting(**settings_for(provider), SIGN_IN_WITH=("google",))

    def elsewhere(browser):
        back = live.consent(browser.post("/signin/google").headers["Location"], "ada@gmail.com")
        return browser.get(f"/signin/google/callback?{urlencode(back)}")

    def by_password(browser):
        return browser.post("/signin", {"email": "ada@gmail.com", "password": factories.PASSWORD})

    connecting = as_member()
    assert elsewhere(connecting).headers["Location"] == "/signin/connect"
    assert connecting.post("/signin/connect", {"password": factories.PASSWORD}).status_code == 303
    mallory = factories.member("Mallory", "mallory@example.org")
    for sign_in in (by_password, elsewhere):
        for owner in (None, mallory):
            victim = as_member(owner)
            victim.get("/signin")
            with victim.client.session_transaction() as kept:
                kept["planted"] = "yes"
                kept.setdefault("_user_id", "planted")
                before = dict(kept)
            thief = copy_of(victim, as_member)
            assert sign_in(victim).status_code == 303
            with victim.client.session_transaction() as kept:
                assert "planted" not in kept
                assert kept["_user_id"] != before["_user_id"]
                assert kept.get("csrf_token") != before.get("csrf_token", "none")
            page = thief.get("/settings/addresses")
            assert "ada@gmail.com" not in page.text
            assert page.status_code == 303, "the sign-in that was there before has ended"
    assert db.session.scalar(select(LogIn.member_id)) == ada.id


# 29


def test_29_every_cookie_is_bound_to_this_host(tmp_path_factory, provider):
    """With an https BASE_URL every cookie is called __Host-... and goes to no other host (the key to an address book, which goes to one
    path only, __Secure-...), is Secure, SameSite=Lax and HttpOnly, but for light or dark, which our script writes. Plain http is this
    machine's own: there, they lack prefix and Secure. A sign-in ends after 14 days without use and after 90 days in any case, and no
    other cookie signs anybody in."""
    for base in ("https://kith.example", live.BASE_URL):
        folder = tmp_path_factory.mktemp("cookies") / "instance"
        given = settings_for(provider) | {"INSTANCE": str(folder), "BASE_URL": base, "SIGN_IN_WITH": "google"}
        app = create_app(given)
        app.testing = True
        app.test_client_class = type("Client", (Client,), {"base_url": base})
        with app.app_context():
            schema.upgrade()
            ada = factories.member("Ada Lovelace", "ada@gmail.com")
            ada_id = ada.id
            db.session.remove()
        browser = Browser(app)
        seen = {}

        def note(answer, seen=seen):
            for header in answer.headers.getlist("Set-Cookie"):
                name, _, rest = header.partition("=")
                seen.setdefault(name, []).append({part.strip() for part in rest.split(";")[1:]})
            return answer

        note(browser.get("/signup"))
        note(browser.post("/signin/google"))
        note(browser.post("/signin", {"email": "ada@gmail.com", "password": factories.PASSWORD}))
        note(browser.post("/settings/appearance", {"theme": "dark"}))
        dark = browser.get("/settings/appearance").text
        note(browser.post("/settings/appearance", {"theme": "device"}))
        paste = {"people": "Grace Hopper <grace@navy.example>", "text": "Grace Hopper <grace@navy.example>"}
        note(browser.post("/contacts/paste", paste))
        assert browser.get("/contacts/members").status_code in {200, 303}
        settings = browser.get("/settings/appearance").text
        note(browser.post("/contacts/forget"))
        note(browser.post("/signout"))
        https = base.startswith("https")
        paths = {
            "kith": "/",
            "kith_known": "/",
            "theme": "/",
            "kith_import": "/contacts",
            "kith_import_end": "/signout",
        }
        prefixes = {name: ("__Host-" if path == "/" else "__Secure-") if https else "" for name, path in paths.items()}
        assert set(seen) == {prefixes[name] + name for name in paths}
        for name, path in paths.items():
            for attributes in seen[prefixes[name] + name]:
                assert ("Secure" in attributes) == https, name
                assert {f"Path={path}", "SameSite=Lax"} <= attributes, name
                assert not any(part.startswith("Domain") for part in attributes), name
                assert ("HttpOnly" in attributes) == (name != "theme"), name
        assert 'data-theme="dark"' in dark
        assert "data-theme=" not in settings.split("<body")[0]
        written = re.search(r'data-theme-toggle="([^"]+)"', settings)[1]
        assert written == f"{prefixes['theme']}theme=%;path=/;max-age=31536000;samesite=lax" + (
            ";secure" if https else ""
        )

        with app.app_context():
            idle, used, old = (factories.sign_in(db.session.get_one(Member, ada_id)) for _each in range(3))

            def holds(token):
                found = accounts.signed_in(token)
                db.session.rollback()
                return found is not None

            def use(token):
                accounts.note_seen(accounts.signed_in(token)[1].id)
                db.session.commit()

            clock.move(days=13, hours=23)
            assert holds(idle)
            use(used)
            use(old)
            clock.move(hours=2)
            assert not holds(idle)
            assert holds(used)
            for _week in range(10):
                clock.move(days=7)
                use(used)
            clock.move(days=5, hours=22)
            assert holds(used), "after 89 days and 23 hours"
            clock.move(hours=2)
            assert not holds(used)
            clock.reset()
            db.session.remove()
            db.engine.dispose()


# 30

THIEF = "thief@evil.example"


@pytest.fixture
def taken(app, context, as_member):
    """Ada, and a thief who has her password and a sign-in; `taken(step)` goes so far: the thief's address is added, primary, hers
    removed."""
    ada = factories.member("Ada Lovelace", ADA)
    factories.address(ada, "old@example.org")
    thief = as_member()
    thief.post("/signin", RIGHT)

    def own(address):
        found = db.session.scalar(
            select(EmailAddress.id).where(EmailAddress.member_id == ada.id, EmailAddress.address == address)
        )
        db.session.rollback()
        return found

    def change(address, do):
        given = {"old": factories.PASSWORD, "do": do}
        assert thief.post(f"/settings/addresses/{own(address)}", given).status_code == 303

    def go(*steps):
        for step in steps:
            if step == "add":
                thief.post("/settings/addresses", {"email": THIEF, "old": factories.PASSWORD})
                link = link_in([mail for mail in posted() if mail[0] == THIEF][-1], "confirm")
                assert thief.post(link, {"password": factories.PASSWORD}).status_code == 303
            elif step == "primary":
                change(THIEF, "primary")
            elif step == "remove":
                change(ADA, "remove")
                change("old@example.org", "remove")
            elif step == "password":
                assert thief.post("/settings/sign-in", {"old": factories.PASSWORD, "password": NEW}).status_code == 303
            clock.move(seconds=1)
        return thief

    go.ada = ada
    return go


def addresses_now(member):
    db.session.expire_all()
    found = {row.address: row.is_primary for row in accounts.addresses_of(member) if row.verified_at}
    db.session.rollback()
    return found


@ON_SQLITE
def test_30_what_matters_asks_for_the_password_again(app, context, as_member):
    """Whoever is signed in is asked for the password again before an address is added, made primary or removed, before the password
    changes, the account is deleted, an archive is made or handed out, or an app password is made; a wrong one changes nothing."""
    ada = factories.member("Ada Lovelace", ADA)
    other = factories.address(ada, "other@example.org")
    browser = as_member(ada)

    def everything():
        db.session.rollback()
        tables = [table for table in db.metadata.sorted_tables if table.name not in {"throttle", "sign_in"}]
        found = {table.name: db.session.execute(table.select()).all() for table in tables}
        db.session.rollback()
        return found

    before = everything()
    for url, field, given in (
        ("/settings/addresses", "old", {"email": "new@example.org"}),
        (f"/settings/addresses/{other.id}", "old", {"do": "primary"}),
        (f"/settings/addresses/{other.id}", "old", {"do": "remove"}),
        ("/settings/sign-in", "old", {"password": NEW}),
        ("/settings/leave", "password", {}),
        ("/settings/export", "password", {}),
        ("/settings/export", "password", {"do": "download"}),
        ("/settings/devices", "old", {"name": "Phone"}),
    ):
        for typed in ({}, {field: "not this one at all"}):
            clock.move(minutes=6)
            browser = as_member(ada)
            answer = browser.post(url, given | typed)
            assert answer.status_code == 422, (url, given)
            assert "That is not your password" in words(answer)
    assert everything() == before
    browser.post("/settings/leave", {"password": factories.PASSWORD})
    assert browser.post("/settings/leave/now", {"password": "not this one at all"}).status_code == 422
    assert leaving.of(db.session.get(Member, ada.id)) is not None


def test_30_an_old_address_hears_and_can_undo_for_seven_days(taken, as_member):
    """When an address is added, removed or becomes the primary one, or the password changes, every other proven address of the member
    is told at once, with a link that for seven days puts everything back as it was before, signs everybody out and leads to a new
    password. Whoever has the sign-in and the password cannot cut the owner off: the link works for an address that was removed, and
    when the account is to be deleted."""
    thief = taken("add", "primary", "remove", "password")
    ada = taken.ada
    assert addresses_now(ada) == {THIEF: True}
    mails = posted()
    told = [(mail[0], mail[1]) for mail in mails if "wasnt-me" in mail[2]]
    both = (ADA, "old@example.org")
    assert told == [
        *((each, "An address was added to your account at Northgate") for each in both),
        *((each, "Mail from Northgate goes to another address now") for each in both),
        *((each, "An address was taken off your account at Northgate") for each in (*both, THIEF)),
        *((each, "An address was taken off your account at Northgate") for each in ("old@example.org", THIEF)),
        (THIEF, "Your password for Northgate was changed"),
    ]
    links = {(mail[0], mail[1].split()[1]): link_in(mail, "wasnt-me") for mail in mails if "wasnt-me" in mail[2]}
    # The thief wants to be quicker: the account is to be deleted at once, and it is not.
    assert thief.post("/settings/leave", {"password": NEW}).status_code == 303
    refused = thief.post("/settings/leave/now", {"password": NEW})
    assert refused.status_code == 409
    assert "it is not deleted at once" in words(refused)
    clock.move(days=6, hours=23)
    jobs.run_due()
    log_ins.connect(ada, "google", "https://issuer.example", "thief", THIEF, "Google")
    db.session.add(Authenticator(member_id=ada.id, wrapped=b"theirs", last_step=0, created_at=clock.now()))
    db.session.add(RecoveryCode(member_id=ada.id, hashed="0" * 64))
    db.session.commit()

    # Ada opens the first mail she got, as her mail scanner did before.
    first = next(link_in(mail, "wasnt-me") for mail in mails if mail[0] == ADA and "wasnt-me" in mail[2])
    owner = as_member()
    for _scanner in range(3):
        page = owner.get(first)
        assert page.status_code == 200
        assert THIEF in page.text
        assert as_member().client.head(first).status_code == 200
    assert addresses_now(ada) == {THIEF: True}
    assert is_in(thief)
    done = owner.post(first)
    assert addresses_now(ada) == {ADA: True, "old@example.org": False}
    assert not is_in(thief)
    assert db.session.get(Member, ada.id).deleted_at is None
    for table in (LogIn, Authenticator, RecoveryCode):
        assert db.session.scalar(select(table)) is None
    db.session.rollback()
    for password in (NEW, factories.PASSWORD):
        for email in (THIEF, ADA):
            assert as_member().post("/signin", {"email": email, "password": password}).status_code == 422
    # The link leads to a new password; nothing the thief was sent works any more.
    assert done.headers["Location"].startswith("/reset/")
    assert "choose a new one" in words(owner.get(done.headers["Location"]))
    assert owner.post(done.headers["Location"], {"password": "a third evening by the sea"}).status_code == 303
    assert owner.post("/signin", {"email": ADA, "password": "a third evening by the sea"}).status_code == 303
    for (address, _which), link in links.items():
        expected = 410 if address == THIEF or link == first else {200, 410}
        status = as_member().get(link).status_code
        assert status == expected or (isinstance(expected, set) and status in expected)
        if status == 200:
            pytest.fail("what was undone cannot be undone again")


@pytest.mark.parametrize(
    ("steps", "back"),
    [
        (("add",), {ADA: True, "old@example.org": False}),
        (("add", "primary"), {ADA: True, "old@example.org": False}),
        (("password",), {ADA: True, "old@example.org": False}),
    ],
)
def test_30_each_change_alone_is_undone_by_its_own_link(taken, as_member, steps, back):
    """Each change alone is undone by the link in its own mail, once, and not after seven days."""
    thief = taken(*steps)
    mails = [mail for mail in posted() if "wasnt-me" in mail[2]]
    link, other = (
        link_in([mail for mail in mails if mail[0] == each][-1], "wasnt-me") for each in (ADA, "old@example.org")
    )
    if steps[-1] == "primary":
        back = {ADA: True, "old@example.org": False, THIEF: False}
    assert as_member().post(link).headers["Location"].startswith("/reset/")
    assert addresses_now(taken.ada) == back
    assert not is_in(thief)
    for each in (link, other):
        assert as_member().get(each).status_code == as_member().post(each).status_code == 410


@ON_SQLITE
def test_30_who_was_told_at_another_address_gets_the_new_password_by_mail(taken, as_member):
    """Where it was not the primary address that was told, the link for a new password is mailed to the primary one; after seven days a
    notice is over."""
    taken("password")
    mails = posted()
    link = next(link_in(mail, "wasnt-me") for mail in mails if mail[0] == "old@example.org")
    page = as_member().post(link)
    assert page.status_code == 200
    assert ADA in page.text
    assert posted()[len(mails) :][0][:2] == (ADA, "Set a new password for Northgate")

    reset = link_in(posted()[-1], "reset")
    assert as_member().post(reset, {"password": factories.PASSWORD}).status_code == 303
    late = [link_in(mail, "wasnt-me") for mail in posted()[len(mails) :] if "wasnt-me" in mail[2]]
    assert len(late) == 2
    clock.move(days=7, seconds=1)
    assert [as_member().get(each).status_code for each in late] == [410, 410]
    assert notices.sweep(clock.now()) == 2
    db.session.rollback()


@ON_SQLITE
def test_an_address_that_belongs_to_somebody_else_by_now_does_not_come_back(taken, as_member):
    taken("add", "primary", "remove")
    link = next(link_in(mail, "wasnt-me") for mail in posted() if mail[0] == ADA)
    accounts.create_verified("Ada again", ADA, factories.password_hash())
    db.session.commit()
    refused = as_member().post(link)
    assert refused.status_code == 409
    assert "belongs to another account now" in words(refused)
    assert addresses_now(taken.ada) == {THIEF: True}
    assert as_member().get(link).status_code == 200
