"""The demo provider's own manners."""

import json
import subprocess
import sys
import time

import pytest
import requests

from tests.providers import live
from webapp import create_app
from webapp.config import SettingError
from webapp.demo import provider as demo
from webapp.web import consents, oauth


@pytest.fixture
def pages(provider):
    return provider.app.test_client()


def asking(**changes):
    """The address of a request for consent, with changes (None takes a parameter away)."""
    asked = live.query(oauth.authorize(consents.pend("google"), "the-state"))
    return "/google/authorize", {name: value for name, value in (asked | changes).items() if value is not None}


def test_it_says_on_every_page_what_it_is(registered, pages):
    path, asked = asking()
    first = pages.get(path, query_string=asked)
    second = pages.post(path, query_string=asked, data={"account": "ada@gmail.com"})
    third = pages.get(path, query_string=asked | {"client_id": "unknown"})
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 400]
    for answer in (first, second, third):
        assert "Demo provider: fictitious accounts" in answer.text
        assert "<script" not in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "form-action 'self' http://127.0.0.1:8000;" in policy


def test_each_scope_has_its_box(registered, pages):
    asked = live.query(oauth.authorize(consents.pend("google", others=True), "s"))
    page = pages.post("/google/authorize", query_string=asked, data={"account": "ada@gmail.com"}).text
    assert page.count('type="checkbox"') == 2
    assert "See the contacts you saved" in page
    assert "See the people you have written to" in page


def test_an_unknown_account_may_try_again(registered, pages):
    path, asked = asking()
    page = pages.post(path, query_string=asked, data={"account": "<b>@x.example"}).text
    assert "There is no account with this address here." in page
    assert "&lt;b&gt;@x.example" in page


def test_the_hint_is_filled_in(registered, pages):
    path, asked = asking(login_hint="ada@gmail.com")
    assert 'value="ada@gmail.com" autocomplete' in pages.get(path, query_string=asked).text


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": "short"},
        {"scope": "openid everything"},
        {"nonce": None},
        {"response_type": "token"},
    ],
)
def test_a_request_without_pkce_or_with_a_strange_wish_goes_back_as_an_error(registered, pages, changes):
    path, asked = asking(**changes)
    answer = pages.get(path, query_string=asked)
    assert answer.status_code == 302
    back = live.query(answer.location)
    assert answer.location.startswith("http://127.0.0.1:8000/contacts/google/callback?")
    assert back["error"]
    assert back["state"] == "the-state"
    assert back["iss"]


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "http://127.0.0.1:8000/elsewhere"},
        {"redirect_uri": None},
        {"client_id": "x"},
        {"client_id": None},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(registered, pages, changes):
    path, asked = asking(**changes)
    answer = pages.get(path, query_string=asked)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_nonce_is_taken_once(registered, pages, provider):
    pending = consents.pend("google")
    url = oauth.authorize(pending, "the-state")
    live.consent(url, "ada@gmail.com")
    assert (
        live.query(requests.get(url, allow_redirects=False, timeout=5).headers["Location"])["error"]
        == "invalid_request"
    )


def test_a_code_does_not_keep(registered, provider, monkeypatch):
    from webapp.demo.provider import consent

    monkeypatch.setattr(consent, "CODE_SECONDS", -1)
    pending = consents.pend("google")
    back = live.consent(oauth.authorize(pending, "s"), "ada@gmail.com")
    with pytest.raises(consents.ConsentError) as caught:
        oauth.exchange(pending, back)
    assert caught.value.reason == consents.Reason.EXPIRED


def test_microsoft_refuses_select_account_with_a_hint(registered, pages):
    asked = live.query(oauth.authorize(consents.pend("microsoft"), "s")) | {
        "prompt": "select_account",
        "login_hint": "a@b.example",
    }
    assert pages.get("/microsoft/authorize", query_string=asked).status_code == 400


def test_only_this_machine_is_answered(provider, pages):
    path = "/google/.well-known/openid-configuration"
    assert pages.get(path).status_code == 200
    assert pages.get(path, environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 403
    assert pages.get(path, headers={"Host": "rebound.example"}).status_code == 403
    assert pages.get(path, headers={"Host": "127.0.0.1.rebound.example"}).status_code == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "kith.example.org", "127.example.org", ""])
def test_it_does_not_listen_to_others(host):
    with pytest.raises(SettingError, match="for this machine only"):
        demo.serve(host, 0, base_url=live.BASE_URL)


@pytest.mark.parametrize(
    "base_url", ["https://kith.example.org", "http://192.0.2.1:8000", "http://127.0.0.1.evil.example"]
)
def test_it_does_not_start_beside_a_public_instance(base_url):
    with pytest.raises(SettingError, match="does not start beside a public instance"):
        demo.serve("127.0.0.1", 0, base_url=base_url)


def test_books_are_read_from_a_file(tmp_path):
    file = tmp_path / "books.json"
    file.write_text(json.dumps({"Ada@Gmail.example": [{"name": None, "emails": ["a@x.example"], "folder": "Choir"}]}))
    assert demo.read_books(file) == {"Ada@Gmail.example": [{"name": "", "emails": ["a@x.example"], "folder": "Choir"}]}


@pytest.mark.parametrize("text", ["", "[]", "{}x", '{"a": [{"name": "x"}]}', '{"a": ["x"]}', '{"a": 3}', "null"])
def test_a_file_without_books_is_named(tmp_path, text):
    file = tmp_path / "books.json"
    file.write_text(text)
    with pytest.raises(SettingError, match="holds no address books"):
        demo.read_books(file)
    with pytest.raises(SettingError, match="holds no address books"):
        demo.read_books(tmp_path / "missing.json")


def test_any_address_has_the_book_of_the_star(tmp_path):
    clients = demo.default_clients(live.BASE_URL)
    app = demo.create_provider(demo.DEFAULT_BOOKS, clients)
    with live.listening(app) as port:
        url = f"http://127.0.0.1:{port}"
        found = {"INSTANCE": str(tmp_path), "GOOGLE_CLIENT_ID": clients["google"].client_id}
        found |= {"GOOGLE_CLIENT_SECRET": clients["google"].client_secret, "GOOGLE_CONTACTS_URL": f"{url}/google"}
        found |= {"GOOGLE_METADATA_URL": f"{url}/google/.well-known/openid-configuration"}
        with create_app(found).app_context():
            pending = consents.pend("google")
            back = live.consent(oauth.authorize(pending, "s"), "anybody@gmail.example")
            assert oauth.exchange(pending, back).email == "anybody@gmail.example"


@pytest.mark.parametrize(
    ("door", "path", "status"),
    [
        ("google", "/google/v1/people/me/connections", 400),
        ("google", "/google/v1/people/me/connections?personFields=names&pageSize=2000", 400),
        ("google", "/google/v1/people/me/connections?personFields=names&pageToken=x", 400),
        ("google", "/google/v1/people/me/connections?personFields=names&pageToken=eCAx", 400),
        ("google", "/google/v1/otherContacts", 400),
        ("microsoft", "/microsoft/v1.0/me/contacts?$top=0", 400),
        ("microsoft", "/microsoft/v1.0/me/contacts?$skip=-1", 400),
        ("microsoft", "/microsoft/v1.0/me/contacts?$top=1", 200),
    ],
)
def test_a_request_that_the_real_one_would_refuse_is_refused(pages, keys, door, path, status):
    headers = {"Authorization": f"Bearer {keys(door, 'ada@gmail.com')}"}
    assert pages.get(path, headers=headers).status_code == status


def test_it_runs_as_a_process_of_its_own(tmp_path, trap):
    trap.close()  # its port is free now
    (tmp_path / "books.json").write_text(json.dumps({"ada@x.example": []}))
    code = (
        "import pathlib, sys; from webapp.demo import provider; "
        "provider.serve('127.0.0.1', int(sys.argv[1]), base_url='http://127.0.0.1:8000', books=pathlib.Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(trap.port), str(tmp_path / "books.json")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            assert _answered(f"{trap.url}/livez") == "ok\n"
            assert "--paper" in _answered(f"{trap.url}/provider.css")
        finally:
            process.terminate()


def _answered(url, seconds=20):
    """What an address answers, once it answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            return requests.get(url, timeout=2).text
        except requests.ConnectionError:
            assert time.monotonic() < end, "it never answered"
            time.sleep(0.05)
