"""Find connections over HTTP: consent, the reading page by page, the two screens, and forgetting."""

import html
import re
import time

import pytest

from tests import factories
from tests.providers import live
from tests.providers.fixtures import settings_for
from tests.wizard import Page, Wizard, slots, sum_of
from webapp import clock, serve
from webapp.domain import promise
from webapp.extensions import db
from webapp.models.contact import AddressBookImport, ImportPart
from webapp.models.ledger import LookupCharge

CONNECTIONS = "/google/v1/people/me/connections"


@pytest.fixture
def registered_app(app, provider, setting):
    """The application, registered with the provider that listens; it has learnt nothing of it yet."""
    app.extensions["kith.oauth"].clear()
    setting(**settings_for(provider))
    return app


@pytest.fixture
def maya(context, registered_app, provider, as_member):
    """A member whose address leads to Google, in the wizard."""
    member = factories.member("Maya van Nes", email="maya@gmail.com")
    wizard = Wizard(as_member(member), provider)
    wizard.member_id = member.id
    return wizard


# The Find page


def test_the_sign_up_address_stands_there_already_and_can_be_changed(maya):
    page = maya.get()
    assert 'value="maya@gmail.com"' in page.html
    assert "Continue to Google" in page.words
    maya.post(data={"address": "other@nowhere.example"})
    assert 'value="other@nowhere.example"' in maya.get().html


def test_the_promise_stands_on_the_page_word_for_word(maya, setting):
    last = "Don't trust us: kith verify-promise tests all this on your own copy."
    whole = " ".join(each.words for each in promise.SENTENCES)
    assert f"Your contacts, in plain words. {whole} {last}" in maya.get().words
    setting(GUESTS_PRESELECTED=True)
    less = " ".join(each.words for each in promise.SENTENCES if each.name != "ticks")
    assert f"Your contacts, in plain words. {less} {last}" in maya.get().words


def test_an_unknown_domain_leads_to_the_choice_of_every_way(maya):
    page = maya.post(data={"address": "maya@firm.example"})
    assert page.status == 200
    assert [button["value"] for button in page.buttons if button.get("name") == "door"] == ["google", "microsoft"]
    assert "Paste addresses" in page.words
    assert 'value="maya@firm.example"' in page.html


def test_what_is_no_address_is_said_beside_the_field(maya):
    page = maya.post(data={"address": "maya at gmail"})
    assert page.status == 422
    assert "Enter an email address like name@example.com" in page.words
    assert 'value="maya at gmail"' in page.html


def test_a_provider_without_a_client_id_is_not_offered_and_the_page_says_who_can_add_one(maya, setting):
    setting(MICROSOFT_CLIENT_ID="")
    page = maya.post(data={"address": "maya@firm.example"})
    assert not page.button("microsoft")
    assert "Outlook is not offered: whoever runs Northgate has to register it with Outlook first." in page.words
    page = maya.post(data={"address": "maya@outlook.com"})
    assert "Your community hasn't set up Outlook yet. Choose another way." in page.words
    assert maya.post(data={"address": "m@x.example", "door": "fax"}).status == 404


def test_without_any_provider_there_is_still_pasting(maya, setting):
    setting(MICROSOFT_CLIENT_ID="", GOOGLE_CLIENT_ID="")
    page = maya.get()
    assert {"/contacts/file", "/contacts/paste"} <= set(page.links)
    assert "form-action 'self';" in page.response.headers["Content-Security-Policy"]


def test_only_the_page_with_continue_may_lead_to_the_providers(maya, provider):
    assert f"form-action 'self' {provider.url};" in maya.get().response.headers["Content-Security-Policy"]
    assert "form-action 'self';" in maya.get("/forget").response.headers["Content-Security-Policy"]


def test_the_hint_says_where_continue_leads_while_typing(maya):
    page = maya.part("/hint", {"address": "maya@hotmail.de"})
    assert "Outlook will ask whether Northgate may read your contacts." in page.words
    assert "Continue to Outlook" in page.words
    page = maya.part("/hint", {"address": "maya@firm.example"})
    assert "You choose on the next page" in page.words
    assert "Continue" not in maya.part("/hint", {"address": "maya@firm.example", "ways": "1"}).words


def test_a_provider_that_does_not_answer_is_said_so(maya, provider):
    provider.faults["/google/.well-known/openid-configuration"] = live.answer(503)
    page = maya.post(data={"address": maya.account})
    assert "Google isn't answering. Nothing was read. Try again in a few minutes, or choose another way." in page.words
    assert "Choose how" in page.words


# The callback


def test_consent_leads_to_the_reading_and_the_key_is_in_the_cookie_only(maya, rows):
    answer = maya.consent()
    assert answer.headers["Location"] == "/contacts/reading"
    cookies = {each.split("=")[0]: each for each in answer.headers.getlist("Set-Cookie")}
    for name, path in (("kith_import", "/contacts"), ("kith_import_end", "/signout")):
        assert f"Path={path}" in cookies[name]
        assert "HttpOnly" in cookies[name]
        assert "SameSite=Lax" in cookies[name]
        assert "Max-Age=3600" in cookies[name]
        assert "Secure" not in cookies[name]
    assert rows(AddressBookImport) == 1


def test_the_cookie_is_secure_where_the_site_is(maya, setting):
    maya.consent()
    setting(BASE_URL="https://127.0.0.1:8000")
    answer = maya.browser.get("/contacts/reading", base_url="https://127.0.0.1:8000")
    (kept,) = [each for each in answer.headers.getlist("Set-Cookie") if "kith_import=" in each]
    assert kept.startswith("__Secure-kith_import=")  # bound to one path, which the stricter prefix does not allow
    assert "; Secure" in kept


def test_an_answer_that_cannot_be_used_shows_none_of_the_providers_words(maya, provider):
    provider.faults["/google/token"] = live.answer(400, {"error": "weird", "error_description": "provider's own words"})
    maya.consent()
    page = maya.get()
    assert "Google answered with something we can't use, so nothing was read." in page.words
    assert "own words" not in page.html


def test_a_site_the_provider_does_not_know_is_said_to_need_its_operator(maya, provider):
    provider.faults["/google/token"] = live.answer(401, {"error": "invalid_client"})
    maya.consent()
    assert "Whoever runs it has to look at its settings." in maya.get().words


# Reading


def test_without_javascript_a_press_reads_on_and_ends_on_the_members_screen(maya, provider):
    maya.account = "many@gmail.com"
    page = maya.read()
    assert page.status == 200
    assert sum_of(page)[0] == 2500
    assert provider.asked(CONNECTIONS) == 3
    assert provider.asked("/google/revoke") == 1


def test_with_javascript_the_page_asks_for_one_step_after_another(maya, provider):
    maya.account = "many@gmail.com"
    maya.consent()
    page = maya.get("/reading")
    assert 'hx-trigger="load, submit"' in page.html
    part = maya.part("/reading", {"page": "0"})
    assert "1,000 of 2,500 read" in part.words
    assert part.hidden["page"] == "1"
    assert "<html" not in part.html
    assert provider.asked(CONNECTIONS) == 1
    maya.part("/reading", {"page": "1"})
    answer = maya.browser.part("/contacts/reading", {"page": "2"})
    assert answer.headers["HX-Redirect"] == "/contacts/members"
    assert maya.get("/reading").response.headers["Location"] == "/contacts/members"


def test_the_page_says_whose_book_is_read(maya):
    maya.consent()
    assert "From ada@gmail.com at Google." in maya.get("/reading").words


def test_outlook_is_read_with_all_its_folders(maya):
    maya.account = "ada@outlook.com"
    maya.provider.app.extensions["providers"]["microsoft"].books["ada@outlook.com"] = [
        {"name": "Main", "emails": ["main@x.example"]},
        {"name": "Choir", "emails": ["choir@x.example"], "folder": "Choir"},
    ]
    page = maya.read()
    assert sum_of(page)[0] == 2
    assert maya.provider.asked("/microsoft/revoke") == 0


def test_a_second_tab_gets_the_page_as_it_is_and_reads_nothing_twice(maya, provider):
    maya.account = "many@gmail.com"
    maya.consent()
    maya.part("/reading", {"page": "0"})
    part = maya.part("/reading", {"page": "0"})
    assert part.hidden["page"] == "1"
    assert provider.asked(CONNECTIONS) == 1


def test_a_provider_that_asks_to_wait_is_not_asked_meanwhile(maya, provider):
    maya.consent()
    provider.faults[CONNECTIONS] = live.answer(429, {}, Retry_After="7")
    part = maya.part("/reading", {"page": "0"})
    assert re.search(r"Google asked us to wait for [78] seconds", part.words)
    assert re.search(r'hx-trigger="load delay:[78]s, submit"', part.html)
    provider.reset()
    maya.part("/reading", {"page": "0"})
    assert provider.asked(CONNECTIONS) == 0
    clock.move(seconds=8)
    assert maya.browser.part("/contacts/reading", {"page": "0"}).headers["HX-Redirect"] == "/contacts/members"


def test_a_provider_that_stays_away_is_given_up_after_five_tries_and_tried_again_on_request(maya, provider, rows):
    maya.account = "many@gmail.com"
    maya.consent()
    maya.part("/reading", {"page": "0"})
    provider.faults[CONNECTIONS] = live.answer(503)
    for _ in range(5):
        part = maya.part("/reading", {"page": "1"})
        clock.move(seconds=80)
    assert "We read 1,000 of 2,500 contacts before Google stopped answering, and compared none." in part.words, (
        part.words
    )
    for path in ("/members", "/others", "/preview"):
        assert maya.get(path).response.headers["Location"] == "/contacts/reading"
    assert rows(LookupCharge) == 0
    provider.reset()
    maya.browser.post("/contacts/reading", {"page": "1", "again": "1"})
    assert sum_of(maya.get("/members"))[0] == 2500
    assert provider.asked(CONNECTIONS) == 2


def test_a_book_over_the_limit_names_it(maya, setting):
    setting(IMPORT_CONTACTS_MAX=1000)
    maya.account = "many@gmail.com"
    maya.consent()
    maya.part("/reading", {"page": "0"})
    part = maya.part("/reading", {"page": "1"})
    assert "This address book has more than the 1,000 contacts we read at most. We compared none." in part.words


def test_an_empty_book_is_said_and_forgotten(maya, rows):
    maya.account = "empty@gmail.com"
    maya.consent()
    maya.browser.post("/contacts/reading", {"page": "0"})
    assert "There are no contacts in Google, so there is nothing to show." in maya.get().words
    assert rows(AddressBookImport) == 0


def test_at_most_a_quarter_of_the_threads_read(maya, provider):
    maya.consent()
    with slots(serve.THREADS // 4):
        part = maya.part("/reading", {"page": "0"})
        assert "One moment: many people are reading at once." in part.words
        assert 'hx-trigger="load delay:2s, submit"' in part.html
    assert provider.asked(CONNECTIONS) == 0
    assert maya.browser.part("/contacts/reading", {"page": "0"}).headers["HX-Redirect"]


def test_beyond_the_lookups_nothing_is_compared_and_both_numbers_and_the_date_are_said(maya, setting, rows):
    setting(LOOKUPS_MAX=7)
    maya.read()
    assert rows(LookupCharge) == 1
    clock.move(days=2)
    maya.read()
    words = maya.get().words
    assert "You had 5 of 7 addresses compared in the last 10 days, and this address book has 5." in words
    assert "You can compare it from 3 December 2026." in words or re.search(r"from \d+ \w+ \d{4}\.", words)
    assert rows(AddressBookImport) == 0
    clock.move(days=8)
    assert sum_of(maya.read())[0] == 6
    setting(LOOKUPS_MAX=4)
    maya.read()
    assert "has 5 different addresses, and at most 4 may be compared in 10 days." in maya.get().words


def test_starting_elsewhere_ends_the_first_import_and_the_first_browser_is_told(maya, provider, as_member, rows):
    maya.read()
    second = Wizard(as_member(maya.member_id), provider)
    second.consent()
    assert maya.get("/members").response.headers["Location"] == "/contacts"
    assert "You started again in another browser." in maya.get().words
    assert rows(AddressBookImport) == 1
    assert second.get("/reading").status == 200


def test_without_its_cookie_an_import_is_deleted(maya, rows):
    maya.read()
    maya.browser.client.delete_cookie("kith_import", domain="127.0.0.1", path="/contacts")
    assert maya.get("/members").response.headers["Location"] == "/contacts"
    assert "so it was deleted. Start again." in maya.get().words
    assert rows(AddressBookImport) == rows(ImportPart) == 0


def test_coming_back_within_the_hour_goes_on(maya):
    maya.account = "many@gmail.com"
    maya.consent()
    maya.part("/reading", {"page": "0"})
    clock.move(minutes=50)
    assert "/contacts/reading" in maya.get().links
    clock.move(minutes=50)
    maya.browser.post("/contacts/reading", {"page": "1"})
    assert sum_of(maya.get("/members"))[0] == 2500
    assert "/contacts/members" in maya.get().links


def test_an_hour_after_the_last_click_the_page_says_so(maya, rows):
    maya.read()
    clock.move(minutes=61)
    assert maya.get("/members").response.headers["Location"] == "/contacts"
    assert "That took too long, so we stopped for safety. Start again." in maya.get().words
    assert rows(AddressBookImport) == 0


def test_the_find_page_itself_deletes_what_is_over(maya, rows):
    maya.read()
    clock.move(minutes=61)
    assert "/contacts/members" not in maya.get().links
    assert rows(AddressBookImport) == 0


def test_an_import_that_is_forgotten_while_a_page_is_read_has_its_key_revoked(maya, provider, app):
    maya.consent()

    def forgotten():
        from sqlalchemy import delete

        with app.app_context():
            db.session.execute(delete(AddressBookImport))
            db.session.commit()

    provider.faults[CONNECTIONS] = forgotten
    answer = maya.browser.part("/contacts/reading", {"page": "0"})
    assert answer.headers["HX-Redirect"] == "/contacts"
    assert provider.asked("/google/revoke") == 1


# Pasting


def test_pasting_shows_first_what_was_understood(maya, rows):
    page = maya.post("/paste", {"text": "Ben <ben@x.example>, nonsense; chen@y.example"})
    assert "We understood 2 addresses" in page.words
    assert "Line 1: nonsense" in page.words
    assert rows(AddressBookImport) == 0
    assert sum_of(maya.paste(html.unescape(re.search(r"hidden>(.*?)</textarea>", page.html, re.DOTALL)[1])))[0] == 3


def test_a_text_without_an_address_is_refused_and_kept(maya):
    page = maya.post("/paste", {"text": "hello there"})
    assert page.status == 422
    assert "We found no email address in that text." in page.words
    assert ">hello there</textarea>" in page.html


def test_more_than_500_are_counted(maya):
    text = "\n".join(f"p{number}@x.example" for number in range(510))
    page = maya.post("/paste", {"text": text})
    assert "10 addresses more than we take at once were left out." in page.words
    assert len(page.response.data) < 40_000


# Forgetting


def test_forgetting_takes_two_clicks_and_leaves_nothing(maya, provider, rows):
    maya.read()
    page = maya.get("/forget")
    assert "Forget everything now?" in page.words
    assert rows(AddressBookImport) == 1
    maya.post("/forget")
    assert rows(AddressBookImport) == rows(ImportPart) == 0
    assert maya.cookie() is None
    assert "Forgotten. We hold no contacts of yours." in maya.get().words
    assert "Nothing stored" in maya.get("/forget").words


def test_forgetting_works_without_the_cookie_too(maya, rows):
    maya.read()
    maya.browser.client.delete_cookie("kith_import", domain="127.0.0.1", path="/contacts")
    maya.post("/forget")
    assert rows(AddressBookImport) == 0


def test_signing_out_forgets_and_revokes(maya, provider, rows):
    maya.consent()
    maya.browser.post("/signout")
    assert rows(AddressBookImport) == 0
    assert provider.asked("/google/revoke") == 1
    assert maya.cookie() is None
    assert maya.cookie("kith_import_end", "/signout") is None


def test_a_provider_that_hangs_does_not_hold_up_signing_out(maya, provider, rows):
    maya.consent()
    provider.faults["/google/revoke"] = lambda: time.sleep(3.5)
    begun = time.monotonic()
    assert maya.browser.post("/signout").status_code == 303
    assert time.monotonic() - begun < 3.4
    assert rows(AddressBookImport) == 0


def test_get_changes_nothing_but_the_last_click(maya, rows):
    maya.read()
    before = rows(ImportPart)
    for path in ("", "/members", "/others", "/preview", "/done", "/forget", "/reading"):
        maya.get(path)
    assert rows(ImportPart) == before
    assert rows(AddressBookImport) == 1
    assert isinstance(maya.get("/members"), Page)


def test_signing_out_without_the_cookie_or_after_the_reading_has_nothing_to_revoke(maya, provider, rows):
    maya.consent()
    maya.browser.client.delete_cookie("kith_import_end", domain="127.0.0.1", path="/signout")
    maya.browser.post("/signout")
    assert rows(AddressBookImport) == 0
    assert provider.asked("/google/revoke") == 0


def test_signing_out_of_a_book_that_was_read_forgets_it(maya, provider, rows):
    maya.read()
    provider.seen.clear()
    maya.browser.post("/signout")
    assert rows(AddressBookImport) == 0
    assert provider.asked("/google/revoke") == 0
