"""Sentences 38 to 46: providers that misbehave, where the server connects to, and who may bring an answer of theirs."""

import base64
import gzip
import itertools
import logging
import re
import socket
import time
from email import message_from_bytes, policy
from urllib.parse import urlencode

import pytest
import requests.adapters
from sqlalchemy import func, select

from tests import factories
from tests.forging import altered
from tests.providers import dav, live
from tests.providers.addresses import FORMS, NOT_PUBLIC
from tests.providers.dav import failing, not_read
from tests.providers.fixtures import settings_for
from tests.wizard import Wizard, sum_of
from webapp import clock, jobs
from webapp.blueprints.contacts import reading
from webapp.domain import throttles
from webapp.extensions import db
from webapp.models.contact import AddressBookImport, ImportPart
from webapp.models.ledger import LookupCharge
from webapp.models.mail import MailboxMessage
from webapp.models.member import LogIn, Member
from webapp.proof.search import Search, keys_of
from webapp.providers import cursor, http
from webapp.providers.outside import is_public
from webapp.web import consents, oauth
from webapp.web.consents import ConsentError, Reason

CONNECTIONS = "/google/v1/people/me/connections"
GRAPH = "/microsoft/v1.0/me/contacts"
ADA = "ada@gmail.com"

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
"""What a provider says is the same to both engines."""


@pytest.fixture
def registered_app(app, provider, setting):
    """The application, registered with the provider that listens; all its log-ins are offered."""
    app.extensions["kith.oauth"].clear()
    setting(**settings_for(provider), SIGN_IN_WITH=("google", "microsoft"))
    return app


@pytest.fixture
def rows(context):
    """`rows(Model)`: how many there are, in a transaction of its own."""

    def count(model):
        db.session.rollback()
        found = db.session.scalar(select(func.count()).select_from(model))
        db.session.rollback()
        return found

    return count


@pytest.fixture
def maya(context, registered_app, provider, as_member):
    """A member in the wizard."""
    member = factories.member("Maya van Nes", email="maya@gmail.com")
    wizard = Wizard(as_member(member), provider, "many@gmail.com")
    wizard.member_id = member.id
    return wizard


def test_38_a_link_of_a_providers_leads_nowhere_else(maya, provider, trap, rows):
    """A link to the next page that leads anywhere but to the provider itself (another host, port or scheme, a user name in it, a file),
    and a redirect, are not followed: nothing is connected to there, the member reads "We could not read all contacts", what was read
    stays sealed to go on within the hour, and nothing is compared before the last page.
    """
    port = provider.url.rpartition(":")[2]
    links = [
        "https://127.0.0.1/next", "https://evil.example/next", f"http://localhost:{port}/next", f"http://127.0.0.1:{trap.port}/next",
        f"http://user@127.0.0.1:{port}/next", f"http://127.0.0.1:{port}@127.0.0.1:{trap.port}/next",
        f"http://127.0.0.1:{trap.port}\\@127.0.0.1:{port}/next", f"//127.0.0.1:{trap.port}/next", "/next", "file:///etc/passwd",
        "javascript:alert(1)", f"http://127.0.0.1:{port}/a b", f"http://127.0.0.1:{port}/a\r\nX: y", "http://[::1/next",
        "http://127.0.0.1:99999/next", "", 7,
    ]  # fmt: skip
    maya.account = "ada@outlook.com"
    for link in links:
        provider.reset()
        provider.change_json(GRAPH, lambda found, link=link: found | {"@odata.nextLink": link})
        maya.consent("microsoft")
        part = maya.part("/reading", {"page": "0"})
        assert "We could not read all contacts" in part.words, link
        assert {path for path, _headers in provider.seen if "/v1.0/" in path} == {GRAPH}, link
    assert rows(LookupCharge) == 0
    # In the middle of a book: a redirect at the second page. What was read is kept, and read on from there.
    provider.reset()
    maya.account = "many@gmail.com"
    maya.consent("google")
    maya.part("/reading", {"page": "0"})
    provider.faults[CONNECTIONS] = live.answer(302, Location=f"{trap.url}/next")
    part = maya.part("/reading", {"page": "1"})
    assert "We could not read all contacts" in part.words
    assert "Try again" in part.words
    for path in ("/members", "/others", "/preview", "/report.csv"):
        assert maya.get(path).response.headers["Location"] == "/contacts/reading"
    assert rows(LookupCharge) == 0
    assert rows(ImportPart) == 1
    provider.reset()
    clock.move(minutes=55)
    maya.browser.post("/contacts/reading", {"page": "1", "again": "1"})
    assert sum_of(maya.get("/members"))[0] == 2500
    assert provider.asked(CONNECTIONS) == 2
    assert rows(LookupCharge) == 1
    trap.close()
    assert trap.connections == 0


def test_39_no_form_of_an_address_reaches_this_machine_or_its_network(context, as_member, monkeypatch):
    """However an address of this machine or of a network that is not public is written (in decimal, octal or hexadecimal, shortened, as
    IPv6, mapped, translated, in other digits, with a user name), and whatever a name leads to, CardDAV connects to nothing there; a
    name that leads to a public address first and to this machine afterwards is resolved once.
    """
    listener = dav.Listener()
    tried = []
    connect = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda *args, **more: tried.append(args[0]) or connect(*args, **more)
    )
    monkeypatch.setattr(throttles, "check", lambda *_args, **_more: None)
    browser = as_member(factories.member("Maya", email="maya@nowhere.example"))
    try:
        for form in FORMS:
            for where in (
                f"https://{form}:{listener.port}/",
                f"{form}:{listener.port}",
                f"http://{form}:{listener.port}/x",
            ):
                answer = browser.post("/contacts/carddav", {"server": where, "user": "ada", "password": "a-word"})
                assert answer.status_code == 422, (where, answer.status_code)
                assert "a-word" not in answer.text
        for address in NOT_PUBLIC:
            assert not is_public(address)
            names = dav.Names({"dav.example.org": [address]})
            not_read(f"https://dav.example.org:{listener.port}/", "not_allowed", resolver=names)
        assert tried == []
        monkeypatch.setattr(
            socket, "create_connection", lambda address, *_rest, **_more: tried.append(address) or _no_network()
        )
        names = dav.Names({"dav.example.org": [["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]]})
        failing(f"https://dav.example.org:{listener.port}/", resolver=names)
        assert names.asked == ["dav.example.org"]
        assert set(tried) == {("93.184.216.34", listener.port)}
    finally:
        monkeypatch.setattr(socket, "create_connection", connect)
        listener.close()
    assert listener.connections == 0


def _no_network():
    raise OSError("no network in tests")


def test_40_a_provider_that_never_ends_is_left_and_said_so(maya, provider, raw, monkeypatch, setting, rows):
    """A provider whose pages go in circles or do not end, that sends a page of 100 MB, a bomb, a byte a second, something that is no JSON,
    or asks to wait for an hour, is left by the limits (30 s and 20 MB a page, 300 pages, a wait of 300 s at most): the member reads
    what happened, nothing is compared, and the place for reading is free again.
    """
    assert (http.PAGE_SECONDS, http.PAGE_BYTES, cursor.PAGES_MAX) == (30, 20_000_000, 300)
    huge = gzip.compress(b'{"connections": [' + b" " * 100_000_000 + b"]}", 1)
    monkeypatch.setattr(cursor, "PAGES_MAX", 12)
    said = {
        "circle": (live.answer(200, {"connections": [], "nextPageToken": "the same"}), "It answered with something we can't use."),
        "no end": (_endless(itertools.count()), "It sent more at once than we take."),
        "100 MB": (live.answer(200, huge, Content_Encoding="gzip"), "It sent more at once than we take."),
        "bomb": (live.answer(200, gzip.compress(b"0" * 200_000_000, 9), Content_Encoding="gzip"), "It sent more at once than we take."),
        "no JSON": (live.answer(200, b"{}", Content_Type="text/html"), "It answered with something we can't use."),
    }  # fmt: skip
    for what, (fault, words) in said.items():
        provider.reset()
        maya.consent()
        provider.faults[CONNECTIONS] = fault
        for page in range(20):
            part = maya.part("/reading", {"page": str(page)})
            if "could not read" in part.words:
                break
        assert "We could not read all contacts" in part.words, what
        assert words in part.words, (what, part.words)
        assert "compared none" in part.words
    # A byte now and then: five tries, each of them ended by the total time.
    provider.reset()
    maya.consent()
    monkeypatch.setitem(http.get_json.__kwdefaults__, "seconds", 0.3)
    slow = raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n" + b" " * 900,
        pause=0.05,
        piece=1,
    )
    setting(GOOGLE_CONTACTS_URL=slow.url)
    begun = time.monotonic()
    for _ in range(5):
        part = maya.part("/reading", {"page": "0"})
        clock.move(seconds=80)
    assert time.monotonic() - begun < 6
    assert "before Google stopped answering, and compared none." in part.words
    # An hour is more than anybody waits with a page open: after five minutes it is tried again.
    setting(**settings_for(provider))
    monkeypatch.setitem(http.get_json.__kwdefaults__, "seconds", 30)
    maya.consent()
    provider.faults[CONNECTIONS] = live.answer(429, {}, Retry_After="3600")
    assert re.search(r"Google asked us to wait for 30[01] seconds", maya.part("/reading", {"page": "0"}).words)
    assert rows(LookupCharge) == 0
    assert reading._steps._value == reading.STEPS_AT_ONCE


def _endless(numbers):
    """A fault: empty pages, each with another one after it."""

    def fault():
        return live.answer(200, {"connections": [], "nextPageToken": f"{next(numbers)}"})()

    return fault


def test_41_a_provider_has_to_prove_its_name(maya, provider, tmp_path, setting, monkeypatch, registered_app):
    """A provider, or a CardDAV server, whose certificate nobody trusted has signed, or that is for another name, gets neither a question
    nor a key; with a trusted one the same provider is read.
    """
    authority = dav.Authority(tmp_path, "Authority of the provider")
    asked = []

    def noted(environ, start_response):
        asked.append((environ["PATH_INFO"], environ.get("HTTP_AUTHORIZATION", "")))
        return provider.app(environ, start_response)

    maya.account = ADA
    maya.consent()
    with live.listening(noted, authority.context("127.0.0.1")) as port:
        setting(GOOGLE_CONTACTS_URL=f"https://127.0.0.1:{port}/google")
        part = maya.part("/reading", {"page": "0"})
        assert asked == []
        assert "0 read" in part.words
        registered_app.extensions["kith.oauth"].clear()
        setting(GOOGLE_METADATA_URL=f"https://127.0.0.1:{port}/google/.well-known/openid-configuration")
        with pytest.raises(ConsentError) as caught:
            oauth.authorize(consents.pend("google"), "s")
        assert caught.value.reason == Reason.UNAVAILABLE
        assert asked == []
        setting(CARDDAV_ALLOWED_HOSTS=("127.0.0.1",))
        not_read(f"127.0.0.1:{port}", "certificate")
        assert asked == []
        monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(authority.file))
        clock.move(seconds=80)
        assert maya.browser.part("/contacts/reading", {"page": "0"}).headers["HX-Redirect"] == "/contacts/members"
        assert [path for path, key in asked if key.startswith("Bearer ")] == [CONNECTIONS]
    asked.clear()
    with live.listening(noted, authority.context("dav.example.org")) as port:  # trusted, but somebody else
        setting(**settings_for(provider))
        registered_app.extensions["kith.oauth"].clear()
        maya.consent()
        setting(GOOGLE_CONTACTS_URL=f"https://127.0.0.1:{port}/google")
        maya.part("/reading", {"page": "0"})
        setting(CARDDAV_CA_FILE=str(authority.file))
        not_read(f"127.0.0.1:{port}", "certificate")
        assert asked == []


def test_42_an_answer_counts_once_for_the_sign_in_that_asked_within_ten_minutes(maya, provider, as_member, rows):
    """An answer of a provider whose state is missing, altered, used, of another sign-in, of another member, of another door, or older than
    ten minutes is refused, and the provider hears nothing of it; a code that is used twice gives nothing, and ends what the first use
    gave.
    """
    other = factories.member("Ben", email="ben@x.example").id
    mine = maya.browser
    for wrong in ("missing", "altered", "used", "other sign-in", "other member", "other door", "old"):
        maya.browser = mine
        answer = live.consent(maya.ask(), maya.account)
        door = "google"
        if wrong == "missing":
            del answer["state"]
        elif wrong == "altered":
            answer["state"] = altered(answer["state"])
        elif wrong == "used":
            maya.come_back(answer)
            maya.post("/forget")
        elif wrong == "old":
            clock.move(minutes=10, seconds=1)
        elif wrong == "other sign-in":
            maya.browser = as_member(maya.member_id)
        elif wrong == "other member":
            maya.browser = as_member(other)
        else:
            door = "microsoft"
        provider.seen.clear()
        back = maya.come_back(answer, door)
        assert back.headers["Location"] == "/contacts", wrong
        assert "That took too long, so we stopped for safety. Start again." in maya.get().words
        assert provider.seen == [], wrong
        assert rows(AddressBookImport) == 0
    maya.browser = mine
    first = live.consent(maya.ask(), maya.account)
    assert maya.come_back(first).headers["Location"] == "/contacts/reading"
    second = live.consent(maya.ask(), maya.account)
    back = maya.come_back(second | {"code": first["code"]})  # a good state, and somebody's code that was used
    assert back.headers["Location"] == "/contacts"
    assert list(provider.providers["google"].tokens.values())[-1].ended


def test_43_the_consent_that_is_asked_for_is_the_least(maya, provider):
    """The consent is asked for with PKCE S256, a nonce, the one registered callback of that provider, and the least that reads contacts;
    never for longer than this once. Who refuses it, or leaves the box for contacts empty, reads what that means and can go on.
    """
    least = {
        "google": "openid email https://www.googleapis.com/auth/contacts.readonly",
        "microsoft": "openid email profile Contacts.Read",
    }
    for door, scope in least.items():
        url = maya.ask(door=door)
        asked = live.query(url)
        assert url.startswith(f"{provider.url}/{door}/")
        assert len(asked.pop("state")) >= 22
        assert len(asked.pop("nonce")) >= 22
        assert len(asked.pop("code_challenge")) == 43
        assert asked == {
            "response_type": "code",
            "client_id": f"demo-{door}",
            "redirect_uri": f"http://127.0.0.1:8000/contacts/{door}/callback",
            "scope": scope,
            "login_hint": maya.account,
            "code_challenge_method": "S256",
        }  # neither offline access nor what was allowed earlier
        for wrong in (f"http://127.0.0.1:8000/contacts/{door}/callback/", "http://127.0.0.1:8000/contacts"):
            answer = requests.get(
                url.replace(urlencode({"redirect_uri": asked["redirect_uri"]}), urlencode({"redirect_uri": wrong})),
                timeout=5,
            )
            assert answer.status_code == 400, "the provider takes nothing but the registered address"
    assert "contacts.other.readonly" in maya.ask(others="1")
    maya.consent(decision="deny")
    page = maya.get()
    assert "You didn't give access, so nothing was read. Try again, or choose another way." in page.words
    assert f'value="{maya.account}"' in page.html
    assert "Choose how" in page.words
    maya.consent(untick=("https://www.googleapis.com/auth/contacts.readonly",))
    assert "Google says that the box for contacts was left empty, so nothing was read." in maya.get().words
    assert "prompt=consent" in maya.ask()
    assert "prompt" not in maya.ask()
    assert provider.asked(CONNECTIONS) == 0


def test_44_the_key_is_read_by_nobody_and_ends(maya, provider, app, caplog, rows):
    """A provider's key can be read nowhere: not in the database, a log at DEBUG, an address, a page or a cookie. It is revoked at the end
    of the reading, after a failure for good, by Forget everything now and by signing out; an import that ends without its browser
    cannot be revoked, and its key ends by itself within the hour.
    """
    caplog.set_level(logging.DEBUG)
    caplog.handler.addFilter(lambda record: record.name != "werkzeug")  # the provider's own log
    google = provider.providers["google"]
    google.tokens.clear()
    answers = [maya.consent()]
    answers.append(maya.browser.part("/contacts/reading", {"page": "0"}))
    (token,) = google.tokens
    search = Search([], [token, *google.codes], keys_of(app.config["KEYS"]))
    assert search.in_folder(app.config["KITH"]["INSTANCE"]) == []
    assert search.in_value(caplog.text) == set()
    for answer in answers:
        assert search.in_value(f"{answer.headers}{answer.text}") == set()
        for cookie in answer.headers.getlist("Set-Cookie"):
            for piece in re.findall(r"[\w-]{8,}", cookie):
                packed = piece[: len(piece) // 4 * 4]
                assert search.in_value(base64.urlsafe_b64decode(packed)) == set()
    assert not google.tokens[token].ended
    maya.browser.part("/contacts/reading", {"page": "1"})
    maya.browser.part("/contacts/reading", {"page": "2"})
    assert google.tokens[token].ended, "at the end"
    assert [row.secret for row in db.session.scalars(select(AddressBookImport))] == [None]
    maya.consent()
    provider.faults[CONNECTIONS] = live.answer(401, {})
    assert "It no longer accepts the key it gave us." in maya.part("/reading", {"page": "0"}).words
    assert all(each.ended for each in google.tokens.values()), "after a failure"
    provider.reset()
    maya.consent()
    maya.post("/forget")
    assert all(each.ended for each in google.tokens.values()), "by Forget everything now"
    maya.consent()
    key = maya.cookie()
    maya.browser.client.delete_cookie("kith_import", domain="127.0.0.1", path="/contacts")
    maya.post("/forget")
    assert key
    assert rows(AddressBookImport) == 0
    left = [each for each in google.tokens.values() if not each.ended]
    assert len(left) == 1, "nobody can read it any more, and so nobody revokes it"
    assert left[0].expires_at <= time.time() + 3600
    left[0].ended = True
    maya.consent()
    maya.browser.post("/signout")
    assert all(each.ended for each in google.tokens.values()), "by signing out"


def test_45_an_answer_of_one_provider_is_worth_nothing_at_the_other(maya, provider, rows):
    """A code that one provider gave is refused at the other's callback, whichever state it comes with, and so is an answer that names
    another sender than the one that was asked.
    """
    given = [len(each.tokens) for each in provider.providers.values()]
    google = live.consent(maya.ask(door="google"), maya.account)
    microsoft = live.consent(maya.ask(door="microsoft"), maya.account)
    provider.seen.clear()
    assert maya.come_back(google, "microsoft").headers["Location"] == "/contacts"
    assert provider.seen == []
    mixed = microsoft | {"code": google["code"]}
    mixed.pop("iss", None)
    assert maya.come_back(mixed, "microsoft").headers["Location"] == "/contacts"
    assert provider.asked("/google/token") == 0
    for sender in ("https://evil.example", f"{provider.url}/microsoft", None):
        answer = live.consent(maya.ask(door="google"), maya.account)
        changed = {name: value for name, value in (answer | {"iss": sender}).items() if value is not None}
        provider.seen.clear()
        assert maya.come_back(changed, "google").headers["Location"] == "/contacts"
        assert provider.asked("/google/token") == 0
    assert [len(each.tokens) for each in provider.providers.values()] == given, "nothing was given for any of them"
    assert rows(AddressBookImport) == 0


# 46: who typed the address of somebody else at sign-up, and waits for them to come by


def go(browser, account, door="google", **decided):
    """Press the button on the sign-in page, decide at the provider, and come back; the last answer."""
    asked = browser.post(f"/signin/{door}")
    back = live.consent(asked.headers["Location"], account, **decided)
    return browser.get(f"/signin/{door}/callback?{urlencode(back)}")


@pytest.fixture
def mails(app):
    """`mails()`: what the mailbox holds once the worker has worked, as text."""

    def read():
        jobs.run_due()
        rows = [
            message_from_bytes(row.raw, policy=policy.default)
            for row in db.session.scalars(select(MailboxMessage).order_by(MailboxMessage.id))
        ]
        db.session.rollback()
        return [row.get_body(("plain",)).get_content() for row in rows]

    return read


def is_signed_in(browser):
    return browser.get("/network").status_code == 200


def test_46_who_came_before_with_ones_address_gets_nothing(registered_app, context, provider, as_member, mails):
    """Somebody signs up with another's address and a password of their own, and waits: when the owner comes with an account elsewhere,
    nothing is connected to that sign-up; once the owner has joined, the other's password and link are dead. An account elsewhere whose
    provider has not proven the address is never connected, and another account elsewhere with the same address is not taken for the
    first one.
    """
    attacker = as_member()
    theirs, own = "the attackers long password", "a quiet walk by the sea"
    attacker.post("/signup", {"name": "Ada Lovelace", "email": ADA, "password": theirs})
    planted = _confirmation(mails)
    ada = as_member()
    assert go(ada, ADA).headers["Location"] == "/signup"
    assert not is_signed_in(ada)
    assert db.session.scalars(select(LogIn)).all() == []
    ada.post("/signup", {"name": "Ada Lovelace", "email": ADA, "password": own})
    link = _confirmation(mails)
    assert ada.post(link, {"password": theirs}).status_code == 422
    assert ada.post(link, {"password": own}).status_code == 303
    assert is_signed_in(ada)
    assert not is_signed_in(attacker)
    attacker.post("/signin", {"email": ADA, "password": theirs})
    assert not is_signed_in(attacker)
    for old in {planted, link}:
        assert attacker.post(old, {"password": theirs}).status_code >= 400
    assert not is_signed_in(attacker)
    db.session.rollback()
    (member,) = db.session.scalars(select(Member)).all()
    # An address that was not proven elsewhere connects nothing, whoever asks.
    provider.change_id_token("google", lambda claims: claims | {"email_verified": False})
    assert go(as_member(), ADA).headers["Location"] == "/signin"
    back = live.consent(ada.post("/settings/log-ins/google").headers["Location"], ADA)
    ada.get(f"/signin/google/callback?{urlencode(back)}")
    assert db.session.scalars(select(LogIn)).all() == []
    db.session.rollback()
    # Two accounts elsewhere with one address: the second one needs the password, too.
    provider.reset()
    back = live.consent(ada.post("/settings/log-ins/google").headers["Location"], ADA)
    ada.get(f"/signin/google/callback?{urlencode(back)}")
    assert go(as_member(), ADA).headers["Location"] == "/"
    provider.change_id_token("google", lambda claims: claims | {"sub": "somebody-else"})
    stranger = as_member()
    assert go(stranger, ADA).headers["Location"] == "/signin/connect"
    assert stranger.post("/signin/connect", {"password": theirs}).status_code == 422
    assert not is_signed_in(stranger)
    provider.reset()
    other = as_member()
    provider.change_id_token("microsoft", lambda claims: claims | {"xms_edov": True, "email": ADA})
    assert go(other, "ada@outlook.com", "microsoft").headers["Location"] == "/signin/connect"
    assert not is_signed_in(other)
    db.session.rollback()
    assert [row.member_id for row in db.session.scalars(select(LogIn))] == [member.id]


def _confirmation(mails):
    """The address in the newest mail that confirms one."""
    (mail,) = mails()[-1:]
    return re.search(r"/confirm/[\w-]+", str(mail))[0]
