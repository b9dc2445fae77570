"""Find connections through a CardDAV server: the form, what goes wrong and what stays typed, and the screens that follow."""

import html

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.providers import dav
from tests.wizard import Wizard, slots, sum_of
from webapp import clock
from webapp.extensions import db
from webapp.models.contact import AddressBookImport
from webapp.models.member import SignIn
from webapp.providers import carddav
from webapp.providers.base import ProviderError
from webapp.providers.outside import NotRead
from webapp.transaction import transaction

TYPED = {"server": "dav.example.org", "user": "maya.there", "password": "zxq-canary-app-password"}


@pytest.fixture
def maya(context, as_member):
    """A member whose provider is nobody's, in the wizard."""
    member = factories.member("Maya van Nes", email="maya@nowhere.example")
    wizard = Wizard(as_member(member))
    wizard.member_id = member.id
    return wizard


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return dav.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    cards = [
        dav.vcard("Grace Hopper", "grace@navy.example", "g.hopper@yard.example"),
        dav.vcard("Ben Aldiss", "ben@x.example"),
        dav.vcard("No Address"),
    ]
    return dav.Watched(dav.radicale(tmp_path_factory.mktemp("shelf"), {"one": cards, "two": cards[:1]}))


@pytest.fixture
def there(shelf, authority, setting):
    """A server of the operator's own network that answers; what to type to read it."""
    shelf.seen.clear()
    with dav.listening(shelf, authority) as port:
        setting(CARDDAV_ALLOWED_HOSTS=("127.0.0.1",), CARDDAV_CA_FILE=str(authority.file))
        yield {"server": f"127.0.0.1:{port}", "user": dav.USER, "password": dav.PASSWORD}


@pytest.fixture
def failing(monkeypatch):
    """`failing(error)`: the server is asked, and this comes of it."""

    def fail(error):
        def fetch(*_asked):
            raise error

        monkeypatch.setattr(carddav, "fetch", fetch)

    return fail


def imports():
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(AddressBookImport))


def value_of(page, name):
    found = page.html.split(f'name="{name}"')[1].split(">")[0]
    return html.unescape(found.split('value="')[1].split('"')[0]) if 'value="' in found else ""


# The form


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("maya@icloud.com", "contacts.icloud.com"),
        ("maya@fastmail.com", "carddav.fastmail.com"),
        ("maya@nowhere.example", "maya@nowhere.example"),
        ("maya@gmail.com", ""),
        ("maya@proton.me", ""),
    ],
)
def test_what_the_typed_address_tells_stands_there_already(maya, address, server):
    maya.post(data={"address": address})
    page = maya.get("/carddav")
    assert (value_of(page, "server"), value_of(page, "user"), value_of(page, "password")) == (server, address, "")
    assert ("Make an app-specific password at account.apple.com" in page.words.split("Where do I get")[0]) is (
        address == "maya@icloud.com"
    )
    assert "https://support.apple.com/102654" in page.links


def test_the_sign_up_address_stands_there_where_none_was_typed(maya):
    assert value_of(maya.get("/carddav"), "user") == "maya@nowhere.example"


def test_browsers_are_asked_to_remember_nothing(maya):
    assert maya.get("/carddav").html.count('autocomplete="off"') == 4
    assert maya.get("/carddav").response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("missing", ["server", "user", "password"])
def test_each_field_is_needed_and_says_so_itself(maya, missing):
    page = maya.post("/carddav", TYPED | {missing: "  " if missing != "password" else ""})
    assert page.status == 422
    assert page.html.count('aria-invalid="true"') == 1
    assert f'id="{missing}-error"' in page.html


def test_the_find_page_says_how_the_contacts_of_a_known_provider_are_brought_and_continue_leads_there(maya):
    page = maya.part("/hint", {"address": "maya@fastmail.com"})
    assert "Fastmail. Make an app password in Fastmail" in page.words
    assert value_of(maya.get("/carddav"), "server") == "carddav.fastmail.com"
    answer = maya.browser.post("/contacts", {"address": "maya@icloud.com"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/contacts/carddav")
    assert value_of(maya.get("/carddav"), "server") == "contacts.icloud.com"
    page = maya.part("/hint", {"address": "maya@proton.me"})
    assert "Proton Mail. Save your contacts as a vCard file" in page.words
    assert maya.browser.post("/contacts", {"address": "maya@proton.me"}).headers["Location"] == "/contacts/file"
    page = maya.post(data={"address": "maya@nowhere.example"})  # nobody's: the choice
    assert (page.status, "/contacts/carddav" in page.links) == (200, True)
    assert "You choose on the next page" in maya.part("/hint", {"address": "maya@nowhere.example"}).words
    assert maya.part("/hint", {"address": "not an address"}).status == 200


# Reading


def test_all_address_books_are_read_and_compared_and_nothing_else_is_kept(maya, there, context):
    factories.member("Grace Hopper", email="grace@navy.example")
    answer = maya.browser.post("/contacts/carddav", there)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/contacts/members")
    page = maya.get("/members")
    assert "Grace Hopper" in page.words
    read, rest = sum_of(page)
    assert read == 4
    assert read == sum(rest)
    assert "Ben Aldiss" in maya.get("/others").words
    row = db.session.scalars(select(AddressBookImport)).one()
    assert (row.door, row.member_id) == ("carddav", maya.member_id)


def test_reading_the_same_books_again_changes_nothing(maya, there, context):
    factories.member("Grace Hopper", email="grace@navy.example")
    shown = []
    for _time in range(2):
        maya.browser.post("/contacts/carddav", there)
        shown.append((sum_of(maya.get("/members")), maya.get("/members").boxes, maya.get("/others").boxes))
        assert imports() == 1
    assert shown[0] == shown[1]


def test_empty_address_books_lead_back_with_a_sentence(maya, tmp_path, authority, setting):
    with dav.listening(dav.radicale(tmp_path, {"none": []}), authority) as port:
        setting(CARDDAV_ALLOWED_HOSTS=("127.0.0.1",), CARDDAV_CA_FILE=str(authority.file))
        answer = maya.browser.post(
            "/contacts/carddav", {"server": f"127.0.0.1:{port}", "user": dav.USER, "password": dav.PASSWORD}
        )
    assert answer.headers["Location"] == "/contacts"
    assert "There are no contacts in the address book" in maya.get().words
    assert imports() == 0


def test_a_wrong_password_is_said_beside_it_and_the_rest_stays(maya, there):
    page = maya.post("/carddav", there | {"password": "zxq-wrong"})
    assert page.status == 422
    assert "127.0.0.1 doesn't accept this user name with this password" in page.words
    assert (value_of(page, "server"), value_of(page, "user")) == (there["server"], dav.USER)
    assert "zxq-wrong" not in page.html
    assert imports() == 0


def test_a_server_of_the_own_network_is_refused_where_the_operator_does_not_allow_it(maya, there, setting, shelf):
    setting(CARDDAV_ALLOWED_HOSTS=())
    page = maya.post("/carddav", there)
    assert page.status == 422
    assert "We ask only servers that everybody on the Internet can reach" in page.words
    assert shelf.seen == []


# What goes wrong


@pytest.mark.parametrize(
    ("error", "status", "field", "words"),
    [
        (NotRead("address"), 422, "server", "Enter the address of a server like dav.example.org"),
        (NotRead("insecure", "dav.example.org"), 422, "server", "only over https"),
        (NotRead("not_allowed", "dav.example.org"), 422, "server", "ask whoever runs Northgate"),
        (NotRead("no_host", "dav.example.org"), 422, "server", "There is no server called dav.example.org"),
        (NotRead("certificate", "dav.example.org"), 422, "server", "dav.example.org can't prove"),
        (NotRead("elsewhere", "dav.other.example"), 422, "server", "leads to dav.other.example"),
        (NotRead("password", "dav.example.org"), 422, "password", "dav.example.org doesn't accept"),
        (NotRead("no_book", "dav.example.org"), 422, "server", "We found no address book at dav.example.org"),
        (NotRead("too_many_books"), 422, "server", "more than 20 address books"),
        (NotRead("too_many"), 422, "server", "more than 25,000 contacts"),
        (ProviderError("busy"), 409, "", "The server is busy"),
        (ProviderError("unavailable", "too slow"), 409, "", "The server isn't answering"),
        (ProviderError("broken"), 409, "", "something we can't use"),
        (ProviderError("too_large"), 409, "", "more than we can read at once"),
    ],
    ids=lambda value: getattr(value, "reason", getattr(value, "kind", None)),
)
def test_every_failure_is_one_sentence_and_loses_nothing_but_the_password(maya, failing, error, status, field, words):
    failing(error)
    page = maya.post("/carddav", TYPED)
    assert page.status == status
    assert words in page.words
    assert page.html.count('aria-invalid="true"') == bool(field)
    if field:
        assert f'id="{field}-error"' in page.html
    assert (value_of(page, "server"), value_of(page, "user")) == (TYPED["server"], TYPED["user"])
    assert TYPED["password"] not in page.html
    assert page.html.startswith("<!doctype html>")
    assert "Error: " in page.html.split("</title>")[0]
    assert imports() == 0


def test_a_password_inside_the_address_is_not_shown_again(maya):
    page = maya.post("/carddav", TYPED | {"server": "https://maya:zxq-canary@dav.example.org/x"})
    assert page.status == 422
    assert "zxq-canary" not in page.html
    assert value_of(page, "server") == "https://dav.example.org/x"


def test_at_most_a_quarter_of_the_threads_ask_servers(maya, there, shelf):
    with slots(8):
        page = maya.post("/carddav", there)
    assert page.status == 429
    assert "in a few seconds" in page.words
    assert value_of(page, "server") == there["server"]
    assert shelf.seen == []
    assert maya.post("/carddav", there).status == 303  # the places are free again


def test_somebody_who_tries_twenty_times_waits(maya, failing):
    failing(NotRead("password", "dav.example.org"))
    for _try in range(20):
        assert maya.post("/carddav", TYPED).status == 422
    page = maya.post("/carddav", TYPED)
    assert page.status == 429
    assert "That were many tries" in page.words
    clock.move(hours=1)
    assert maya.post("/carddav", TYPED).status == 422


def test_a_place_is_free_again_after_an_error_nobody_thought_of(maya, failing, app):
    failing(RuntimeError("a surprise"))
    app.testing = False
    try:
        for _try in range(9):
            page = maya.post("/carddav", TYPED)
            assert page.status == 500
            assert TYPED["password"] not in page.html
    finally:
        app.testing = True


def test_a_sign_in_that_ended_meanwhile_keeps_nothing(maya, monkeypatch, app):
    def fetch(*_asked):
        with app.app_context(), transaction():
            db.session.query(SignIn).delete()
        from webapp.providers.base import Page

        return Page([])

    monkeypatch.setattr(carddav, "fetch", fetch)
    answer = maya.browser.post("/contacts/carddav", TYPED)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/signin")
    assert imports() == 0


def test_nothing_is_logged_of_what_was_typed(maya, there, caplog, capfd):
    caplog.set_level("DEBUG")
    maya.browser.post("/contacts/carddav", there | {"password": "zxq-wrong"})
    maya.browser.post("/contacts/carddav", there)
    theirs = {"radicale", "werkzeug"}  # what the server of the test says itself
    ours = [record.getMessage() for record in caplog.records if record.name not in theirs]
    said = "".join([*ours, *capfd.readouterr()]).replace("%40", "@")
    assert not {word for word in (dav.PASSWORD, "zxq-wrong", dav.USER, "127.0.0.1") if word in said}
