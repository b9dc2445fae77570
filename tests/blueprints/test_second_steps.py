"""The pages of the second step: nothing of an account before it, each proof once, and what a member sets up."""

import html
import json
import re
from urllib.parse import unquote

import pyotp
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from tests import factories, security_keys
from tests.conftest import Client
from tests.domain.test_second_steps import later, mails
from webapp import clock, config
from webapp.domain import accounts, app_passwords, second_steps, tickets
from webapp.domain.second_steps import passkeys, recovery
from webapp.extensions import db
from webapp.models.member import SignIn, Ticket

EMAIL = "ana@friends.example"
SECRET = r'aria-labelledby="secret-is">([A-Z2-7 ]+)</pre>'
APP, CODES, KEYS = (f"/settings/second-step/{name}" for name in ("app", "codes", "passkeys"))


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", EMAIL)


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor", "ben@friends.example")


@pytest.fixture
def named(setting, monkeypatch):
    """The site under a name, which passkeys want."""
    setting(BASE_URL=security_keys.ORIGIN)
    monkeypatch.setattr(Client, "base_url", security_keys.ORIGIN)


def text_of(answer):
    return html.unescape(answer.text)


def set_up(browser):
    """Set an authenticator app up as a member does; the secret and the recovery codes."""
    assert browser.post(APP, {"old": factories.PASSWORD}).headers["Location"] == f"{APP}/confirm"
    secret = re.search(SECRET, browser.get(f"{APP}/confirm").text)[1]
    secret = secret.replace(" ", "")
    answer = browser.post(f"{APP}/confirm", {"code": pyotp.TOTP(secret).at(clock.now())})
    return secret, re.findall(
        r"(?:[a-z2-7]{4}-){5}[a-z2-7]{4}", answer.text.partition("<pre")[2].partition("</pre>")[0]
    )


def code(secret):
    later(2)
    return pyotp.TOTP(secret).at(clock.now())


def sign_in(browser, email=EMAIL, where="/signin"):
    return browser.post(where, {"email": email, "password": factories.PASSWORD})


def is_signed_in(browser):
    return browser.get("/network").status_code == 200


def next_of(browser, path):
    """The address of the sign-in page that leads back to `path`."""
    return browser.get(path).headers["Location"]


# Setting up


def test_an_app_is_set_up_and_its_codes_are_shown_once(ana, as_member):
    browser = as_member(ana)
    assert f'href="{APP}"' in browser.get("/settings/sign-in").text
    assert browser.post(APP, {"old": "not it"}).status_code == 422
    assert browser.get(f"{APP}/confirm").headers["Location"] == "/settings/sign-in"
    browser.post(APP, {"old": factories.PASSWORD})
    page = browser.get(f"{APP}/confirm").text
    assert 'src="data:image/svg' in page
    wrong = browser.post(f"{APP}/confirm", {"code": "123"})
    assert wrong.status_code == 422
    secret = re.search(SECRET, wrong.text)[1].replace(" ", "")
    assert secret == re.search(SECRET, page)[1].replace(" ", "")
    assert not second_steps.is_asked_of(ana)
    done = browser.post(f"{APP}/confirm", {"code": pyotp.TOTP(secret).at(clock.now())})
    codes = done.text.partition("<pre")[2].partition(">")[2].partition("</pre>")[0].split()
    assert len(codes) == 10
    download = unquote(html.unescape(re.search(r'href="data:text/plain;charset=utf-8,([^"]+)"', done.text)[1]))
    assert all(each in download for each in codes)
    assert "http://127.0.0.1:8000" in download
    again = browser.post(f"{APP}/confirm", {"code": pyotp.TOTP(secret).at(clock.now())})
    assert again.headers["Location"] == "/settings/sign-in"
    page = browser.get("/settings/sign-in").text
    assert "10 of ten left" in page
    assert not [each for each in codes if each in page]
    assert browser.get(APP).headers["Location"] == "/settings/sign-in"
    assert is_signed_in(browser)


def test_setting_up_that_took_too_long_begins_again(ana, as_member):
    browser = as_member(ana)
    browser.post(APP, {"old": factories.PASSWORD})
    clock.move(minutes=16)
    assert browser.post(f"{APP}/confirm", {"code": "123456"}).headers["Location"] == "/settings/sign-in"
    assert "Start again" in browser.get("/settings/sign-in").text


def test_everything_asks_for_the_password_and_counts_wrong_ones(ana, as_member):
    browser = as_member(ana)
    set_up(browser)
    for path in (CODES, f"{APP}/remove"):
        assert "Your password" in browser.get(path).text
        for old in ("", "not it"):
            answer = browser.post(path, {"old": old})
            assert answer.status_code == 422
            assert "That is not your password" in answer.text
    for _ in range(6):
        browser.post(CODES, {"old": "not it"})
    assert [browser.post(path, {"old": factories.PASSWORD}).status_code for path in (CODES, f"{APP}/remove")] == [
        429
    ] * 2
    assert second_steps.held_by(ana).codes == 10
    assert mails() == [("second_step", "authenticator_added")]


def test_new_codes_end_the_old_ones(ana, as_member):
    browser = as_member(ana)
    _secret, old = set_up(browser)
    answer = browser.post(CODES, {"old": factories.PASSWORD})
    assert "The old codes have ended" in answer.text
    new = answer.text.partition("<pre")[2].partition(">")[2].partition("</pre>")[0].split()
    assert len(new) == 10
    assert not set(old) & set(new)
    assert not recovery.use(ana, old[0])
    assert mails()[1] == ("second_step", "codes_made")


def test_removing_the_app_leaves_the_password_alone(ana, as_member):
    browser = as_member(ana)
    set_up(browser)
    assert "It is your last second step" in browser.get(f"{APP}/remove").text
    assert browser.post(f"{APP}/remove", {"old": factories.PASSWORD}).headers["Location"] == "/settings/sign-in"
    page = browser.get("/settings/sign-in").text
    assert "The authenticator app is removed" in page
    assert "of ten left" not in page
    for path in (CODES, f"{APP}/remove"):
        assert browser.get(path).headers["Location"] == "/settings/sign-in"
    assert sign_in(as_member()).headers["Location"] == "/"
    assert mails()[1] == ("second_step", "authenticator_removed")


def test_enabling_it_ends_no_sign_in_and_no_device(ana, as_member):
    other, secret = as_member(ana), app_passwords.make(ana, "My phone")
    db.session.commit()
    set_up(as_member(ana))
    assert is_signed_in(other)
    assert app_passwords.opened(EMAIL, secret).member.id == ana.id


def test_without_a_name_passkeys_are_not_offered_and_the_page_says_why(ana, as_member):
    browser = as_member(ana)
    assert "only where a site has a name and an https:// address" in browser.get("/settings/sign-in").text
    assert browser.get(KEYS).headers["Location"] == "/settings/sign-in"
    assert browser.post(KEYS, {"name": "Phone", "old": factories.PASSWORD}).headers["Location"] == "/settings/sign-in"
    assert "passkey" not in as_member().get("/signin").text
    assert as_member().post("/signin/passkey/ask").status_code == 404
    assert as_member().post("/signin/passkey", {"answer": "{}"}).headers["Location"] == "/signin"


# Signing in


def test_after_the_password_comes_the_second_step_and_nothing_before_it(ana, as_member):
    secret, _codes = set_up(as_member(ana))
    before = len(db.session.scalars(select(SignIn)).all())
    db.session.rollback()
    browser = as_member()
    wanted = next_of(browser, "/settings/addresses")
    assert sign_in(browser, where=wanted).headers["Location"] == "/signin/second"
    for path in ("/network", "/settings/addresses", "/messages", "/settings/second-step/app"):
        assert browser.get(path).headers["Location"].startswith("/signin?next=")
    assert (
        browser.post("/settings/second-step/app/remove", {"old": factories.PASSWORD}).headers["Location"] == "/signin"
    )
    assert len(db.session.scalars(select(SignIn)).all()) == before
    db.session.rollback()
    page = browser.get("/signin/second").text
    assert "Ana" not in page
    assert EMAIL not in page
    wrong = browser.post("/signin/second", {"code": "000000"})
    assert wrong.status_code == 422
    assert "each works once" in text_of(wrong)
    assert not is_signed_in(browser)
    assert browser.post("/signin/second", {"code": code(secret)}).headers["Location"] == "/settings/addresses"
    assert is_signed_in(browser)
    assert browser.get("/signin/second").headers["Location"] == "/"
    with browser.client.session_transaction() as kept:
        assert tickets.SECOND_STEP not in kept


def test_a_wrong_password_says_nothing_of_a_second_step(ana, as_member):
    set_up(as_member(ana))
    answer = as_member().post("/signin", {"email": EMAIL, "password": "not the one"})
    assert answer.status_code == 422
    assert accounts.WRONG in text_of(answer)


def test_a_used_code_signs_nobody_in(ana, as_member):
    secret, _codes = set_up(as_member(ana))
    first, second = as_member(), as_member()
    for browser in (first, second):
        sign_in(browser)
    shown = code(secret)
    assert first.post("/signin/second", {"code": shown}).status_code == 303
    assert second.post("/signin/second", {"code": shown}).status_code == 422
    assert not is_signed_in(second)


def test_the_step_belongs_to_the_browser_and_to_ten_minutes(ana, as_member):
    secret, codes = set_up(as_member(ana))
    asking, other = as_member(), as_member()
    sign_in(asking)
    for path, given in (("/signin/second", code(secret)), ("/signin/second/recovery", codes[0])):
        assert other.get(path).headers["Location"] == "/signin"
        assert other.post(path, {"code": given}).headers["Location"] == "/signin"
    assert other.post("/signin/second/passkey", {"answer": "{}"}).headers["Location"] == "/signin"
    assert other.post("/signin/second/passkey/ask").status_code == 409
    clock.move(minutes=11)
    assert asking.post("/signin/second", {"code": code(secret)}).headers["Location"] == "/signin"
    assert "Sign in again" in asking.get("/signin").text
    assert not is_signed_in(asking)


def test_one_members_password_with_anothers_second_step_is_nothing(ana, ben, as_member):
    set_up(as_member(ana))
    secret, codes = set_up(as_member(ben))
    mallory = as_member()
    sign_in(mallory)
    assert mallory.post("/signin/second", {"code": code(secret)}).status_code == 422
    assert mallory.post("/signin/second/recovery", {"code": codes[0]}).status_code == 422
    assert not is_signed_in(mallory)
    assert recovery.use(ben, codes[0]), "and it is not used up"


def test_a_recovery_code_works_once(ana, as_member):
    _secret, codes = set_up(as_member(ana))
    browser = as_member()
    sign_in(browser, where=next_of(browser, "/settings/addresses"))
    assert "Use a recovery code" in browser.get("/signin/second").text
    wrong = browser.post("/signin/second/recovery", {"code": "abcd-efgh-ijkl-mnop"})
    assert wrong.status_code == 422
    assert "none of your recovery codes" in text_of(wrong)
    answer = browser.post("/signin/second/recovery", {"code": codes[4].upper()})
    assert answer.headers["Location"] == "/settings/addresses"
    assert "9 of ten left" in browser.get("/settings/sign-in").text
    assert mails()[-1] == ("recovery_code_used", 9)
    again = as_member()
    sign_in(again)
    assert again.post("/signin/second/recovery", {"code": codes[4]}).status_code == 422


def test_guessing_codes_ends_and_leaves_the_recovery_codes(ana, as_member):
    secret, codes = set_up(as_member(ana))
    mallory, owner = as_member(), as_member()
    sign_in(mallory)
    statuses = [mallory.post("/signin/second", {"code": f"{number:06}"}).status_code for number in range(7)]
    assert statuses == [422] * 5 + [429] * 2
    assert mails()[-1] == ("codes_tried", None)
    sign_in(owner)
    answer = owner.post("/signin/second", {"code": code(secret)})
    assert answer.status_code == 429
    assert "recovery code or a passkey" in text_of(answer)
    assert int(answer.headers["Retry-After"]) > 0
    assert owner.post("/signin/second/recovery", {"code": codes[0]}).status_code == 303
    assert is_signed_in(owner)


def test_guessing_recovery_codes_ends_for_that_network(ana, as_member):
    _secret, codes = set_up(as_member(ana))
    mallory, owner = as_member(), as_member()
    sign_in(mallory)
    tried = [mallory.post("/signin/second/recovery", {"code": f"{number}"}).status_code for number in range(11)]
    assert tried == [422] * 10 + [429]
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    sign_in(owner)
    answer = owner.post("/signin/second/recovery", {"code": codes[0]}, environ_overrides=elsewhere)
    assert answer.status_code == 303


def test_a_reset_password_leaves_the_second_step(ana, as_member):
    set_up(as_member(ana))
    half = as_member()
    sign_in(half)
    token = tickets.issue("reset", minutes=60, member=ana, only=True)
    db.session.commit()
    new = "another quiet walk home"
    as_member().post(f"/reset/{token}", {"password": new})
    assert half.get("/signin/second").headers["Location"] == "/signin", "begun with the old password"
    browser = as_member()
    answer = browser.post("/signin", {"email": EMAIL, "password": new})
    assert answer.headers["Location"] == "/signin/second"
    assert not is_signed_in(browser)


def test_the_link_that_confirms_an_address_asks_for_it_too(ana, as_member):
    secret, _codes = set_up(as_member(ana))
    accounts.add_address(ana, "ana@work.example")
    row = accounts.addresses_of(ana)[1]
    token = tickets.issue("confirm", minutes=60, member=ana, address_id=row.id)
    db.session.commit()
    browser = as_member()
    answer = browser.post(f"/confirm/{token}", {"password": factories.PASSWORD})
    assert answer.headers["Location"] == "/signin/second"
    assert not is_signed_in(browser)
    assert browser.post("/signin/second", {"code": code(secret)}).headers["Location"] == "/settings/addresses"


def test_who_leaves_is_asked_too_and_sees_what_somebody_sees_who_leaves(ana, as_member):
    owner = as_member(ana)
    secret, _codes = set_up(owner)
    owner.post("/settings/leave", {"password": factories.PASSWORD})
    browser = as_member()
    assert sign_in(browser).headers["Location"] == "/signin/second"
    assert browser.post("/signin/second", {"code": code(secret)}).status_code == 303
    assert browser.get("/network").headers["Location"] == "/settings/leave"


def test_a_suspended_member_is_asked_too_and_sees_the_one_page_there_is_for_them(ana, as_member):
    secret, _codes = set_up(as_member(ana))
    ana.suspended_at = clock.now()
    db.session.commit()
    browser = as_member()
    assert sign_in(browser, where=next_of(browser, "/network")).headers["Location"] == "/signin/second"
    assert browser.get("/suspended").headers["Location"].startswith("/signin")
    assert browser.post("/signin/second", {"code": code(secret)}).headers["Location"] == "/"
    assert not is_signed_in(browser)
    assert browser.get("/network").headers["Location"] == "/suspended"


def test_who_had_it_lifted_meanwhile_signs_in_again(ana, as_member):
    set_up(as_member(ana))
    browser = as_member()
    sign_in(browser)
    second_steps.lift(ana)
    db.session.commit()
    assert browser.get("/signin/second").headers["Location"] == "/signin"
    assert sign_in(browser).headers["Location"] == "/"


def test_with_another_wrapping_key_codes_are_refused_in_a_sentence(ana, as_member, app):
    _secret, codes = set_up(as_member(ana))
    keys = app.config["KEYS"]
    app.config["KEYS"] = config.Keys(keys.signing, (bytes(32),), keys.lookup)
    try:
        browser = as_member()
        sign_in(browser)
        answer = browser.post("/signin/second", {"code": "123456"})
        assert answer.status_code == 409
        assert "Use a recovery code" in answer.text
        assert browser.post("/signin/second/recovery", {"code": codes[0]}).status_code == 303
    finally:
        app.config["KEYS"] = keys


def test_the_mails_say_what_happened(ana, as_member, app):
    from webapp import jobs
    from webapp.models.mail import MailboxMessage

    _secret, codes = set_up(as_member(ana))
    recovery.use(ana, codes[0])
    second_steps.telling.tell_tried(ana)
    db.session.commit()
    jobs.run_due()
    texts = [row.raw.decode() for row in db.session.scalars(select(MailboxMessage).order_by(MailboxMessage.id))]
    assert [re.search(r"^Subject: (.*)\r$", text, re.MULTILINE)[1] for text in texts] == [
        "How you sign in to Northgate was changed",
        "A recovery code of yours was used at Northgate",
        "Wrong codes at signing in to Northgate",
    ]
    assert "An authenticator app was added" in texts[0]
    assert "You have 9 codes left" in texts[1].replace("=\r\n", "")
    assert all("http://127.0.0.1:8000/reset" in text for text in texts)
    assert not [each for each in codes for text in texts if each in text]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_each_door_is_a_line_of_the_log(ana, as_member):
    with capture_logs() as lines:
        _secret, codes = set_up(as_member(ana))
        browser = as_member()
        sign_in(browser)
        browser.post("/signin/second", {"code": "000000"})
        browser.post("/signin/second/recovery", {"code": "nothing"})
        browser.post("/signin/second/recovery", {"code": codes[0]})
    assert [(line["what"], line["member"]) for line in lines if line["event"] == "security"] == [
        ("second steps changed", ana.id),
        ("second step asked", ana.id),
        ("wrong code", ana.id),
        ("wrong recovery code", ana.id),
        ("signed in", ana.id),
    ]
    assert codes[0] not in str(lines)


# Passkeys


def wanted_by(browser):
    page = browser.get(f"{KEYS}/create").text
    return json.loads(html.unescape(re.search(r'data-wanted="([^"]+)"', page)[1]))


def add_passkey(browser, device, name="My phone"):
    assert browser.post(KEYS, {"name": name, "old": factories.PASSWORD}).headers["Location"] == f"{KEYS}/create"
    return browser.post(f"{KEYS}/create", {"answer": device.create(wanted_by(browser))})


def asked(browser, where="/signin/passkey"):
    return json.loads(browser.post(f"{where}/ask").text)


def test_a_passkey_is_added_with_the_password_and_signs_in_alone(ana, as_member, named):
    owner, device = as_member(ana), security_keys.Device()
    for given, words in (
        ({"name": "", "old": factories.PASSWORD}, "Enter a name"),
        ({"name": "Phone", "old": "x"}, "not your"),
    ):
        answer = owner.post(KEYS, given)
        assert answer.status_code == 422
        assert words in answer.text
    assert 'value="Phone"' in owner.post(KEYS, {"name": "Phone", "old": "x"}).text
    page = add_passkey(owner, device)
    assert "My phone signs you in from now on" in page.text
    assert page.text.count("-") > 30, "with recovery codes"
    assert "My phone" in owner.get("/settings/sign-in").text
    browser = as_member()
    where = next_of(browser, "/settings/addresses").replace("/signin", "/signin/passkey")
    assert "Sign in with a passkey" in browser.get("/signin").text
    answer = browser.post(where, {"answer": device.get(asked(browser))})
    assert answer.headers["Location"] == "/settings/addresses"
    assert is_signed_in(browser)
    assert "Last used on" in browser.get("/settings/sign-in").text


def test_a_passkey_is_the_second_step_after_the_password(ana, as_member, named):
    owner, device = as_member(ana), security_keys.Device()
    add_passkey(owner, device)
    browser = as_member()
    assert sign_in(browser).headers["Location"] == "/signin/second"
    page = browser.get("/signin/second").text
    assert "Use a passkey" in page
    assert 'name="code"' not in page
    device.flags = security_keys.PRESENT  # no need to unlock it: the password was given
    answer = browser.post("/signin/second/passkey", {"answer": device.get(asked(browser, "/signin/second/passkey"))})
    assert answer.headers["Location"] == "/"
    assert is_signed_in(browser)


def test_a_challenge_counts_once_for_the_browser_and_for_what_it_was_given(ana, as_member, named):
    device = security_keys.Device()
    add_passkey(as_member(ana), device)
    first, other = as_member(), as_member()
    answer = device.get(asked(first))
    asked(other)
    assert other.post("/signin/passkey", {"answer": answer}).headers["Location"] == "/signin"
    assert first.post("/signin/passkey", {"answer": answer}).headers["Location"] == "/"
    assert first.post("/signout").status_code == 303
    assert first.post("/signin/passkey", {"answer": answer}).headers["Location"] == "/signin", "replayed"
    assert not is_signed_in(first)
    late = device.get(asked(first))
    clock.move(minutes=11)
    assert first.post("/signin/passkey", {"answer": late}).headers["Location"] == "/signin"
    assert "Try again" in first.get("/signin").text
    sign_in(first)
    alone = device.get(asked(first))
    assert first.post("/signin/second/passkey", {"answer": alone}).status_code == 409, "given for signing in alone"
    second = device.get(asked(first, "/signin/second/passkey"))
    assert first.post("/signin/passkey", {"answer": second}).headers["Location"] == "/signin", "and the other way round"
    assert not is_signed_in(first)


def test_a_failed_answer_uses_the_challenge_up(ana, as_member, named):
    device = security_keys.Device()
    add_passkey(as_member(ana), device)
    browser = as_member()
    wanted = asked(browser)
    assert browser.post("/signin/passkey", {"answer": "{}"}).headers["Location"] == "/signin"
    assert browser.post("/signin/passkey", {"answer": device.get(wanted)}).headers["Location"] == "/signin"
    assert not is_signed_in(browser)


def test_one_members_password_with_anothers_passkey_is_nothing(ana, ben, as_member, named):
    add_passkey(as_member(ana), security_keys.Device())
    theirs = security_keys.Device()
    add_passkey(as_member(ben), theirs)
    mallory = as_member()
    sign_in(mallory)
    wanted = asked(mallory, "/signin/second/passkey")
    assert mallory.post("/signin/second/passkey", {"answer": theirs.get(wanted)}).status_code == 409
    assert not is_signed_in(mallory)


def test_what_another_site_got_is_refused(ana, as_member, named):
    device = security_keys.Device()
    add_passkey(as_member(ana), device)
    device.origin = "https://kith.evil.example"
    browser = as_member()
    assert browser.post("/signin/passkey", {"answer": device.get(asked(browser))}).headers["Location"] == "/signin"
    assert not is_signed_in(browser)


def test_passkeys_are_listed_and_removed_one_by_one(ana, ben, as_member, named):
    owner = as_member(ana)
    add_passkey(owner, security_keys.Device(), "<b>Phone</b>")
    answer = add_passkey(owner, security_keys.Device(), "Key ring")
    assert answer.headers["Location"] == "/settings/sign-in", "codes are there already"
    page = owner.get("/settings/sign-in").text
    assert "&lt;b&gt;Phone&lt;/b&gt;" in page
    assert "10 of ten left" in page
    newest, oldest = (row.id for row in passkeys.of(ana))
    assert as_member(ben).post(f"{KEYS}/{oldest}", {"old": factories.PASSWORD}).status_code == 404
    assert "Your other second steps stay" in owner.get(f"{KEYS}/{newest}").text
    assert owner.post(f"{KEYS}/{newest}", {"old": "not it"}).status_code == 422
    assert owner.post(f"{KEYS}/{newest}", {"old": factories.PASSWORD}).status_code == 303
    assert "Key ring can't sign you in any more" in text_of(owner.get("/settings/sign-in"))
    assert owner.get(f"{KEYS}/{newest}").status_code == 404
    assert second_steps.is_asked_of(ana)


def test_a_removed_passkey_signs_nobody_in(ana, as_member, named):
    owner, device = as_member(ana), security_keys.Device()
    add_passkey(owner, device)
    [row] = passkeys.of(ana)
    browser = as_member()
    wanted = asked(browser)
    owner.post(f"{KEYS}/{row.id}", {"old": factories.PASSWORD})
    assert browser.post("/signin/passkey", {"answer": device.get(wanted)}).headers["Location"] == "/signin"
    assert not is_signed_in(browser)


def test_creating_one_that_fails_is_said_and_can_be_tried_again(ana, as_member, named):
    owner = as_member(ana)
    owner.post(KEYS, {"name": "My phone", "old": factories.PASSWORD})
    wanted = wanted_by(owner)
    answer = owner.post(
        f"{KEYS}/create", {"answer": security_keys.Device(origin="https://evil.example").create(wanted)}
    )
    assert answer.status_code == 409
    assert not second_steps.is_asked_of(ana)
    assert "Create My phone" in answer.text
    assert owner.post(f"{KEYS}/create", {"answer": security_keys.Device().create(wanted)}).status_code == 200
    assert owner.post(f"{KEYS}/create", {"answer": "{}"}).headers["Location"] == "/settings/sign-in"
    assert owner.get(f"{KEYS}/create").headers["Location"] == "/settings/sign-in"


def test_forged_answers_are_counted(ana, as_member, named, monkeypatch):
    browser = as_member()
    for _ in range(50):
        browser.post("/signin/passkey", {"answer": "{}"})
    browser.post("/signin/passkey", {"answer": "{}"})
    assert "Too many tries" in browser.get("/signin").text


def test_what_waits_is_kept_as_a_digest(ana, as_member, named):
    browser = as_member()
    wanted = asked(browser)
    challenge = security_keys.unpacked(wanted["challenge"]).decode()
    rows = db.session.scalars(select(Ticket)).all()
    assert [row.purpose for row in rows] == [passkeys.ALONE]
    assert challenge not in str([(row.digest, row.payload) for row in rows])


# The command


def test_whoever_runs_the_machine_lifts_it(ana, as_member, app, monkeypatch):
    from click.testing import CliRunner

    from webapp import cli

    monkeypatch.setattr(cli.members, "application", lambda **_how: app)
    set_up(as_member(ana))
    db.session.rollback()
    done = CliRunner().invoke(cli.kith, ["lift-second-step", EMAIL])
    assert done.exit_code == 0
    assert (
        f"Removed (authenticators: 1, passkeys: 0, recovery codes: 10). {EMAIL} signs in with the password alone"
        in done.output
    )
    assert mails()[-1] == ("second_step", "lifted")
    assert sign_in(as_member()).headers["Location"] == "/"
    again = CliRunner().invoke(cli.kith, ["lift-second-step", EMAIL])
    assert (again.exit_code, again.output) == (0, f"{EMAIL} has no second step. Nothing was changed.\n")
    nobody = CliRunner().invoke(cli.kith, ["lift-second-step", "nobody@friends.example"])
    assert nobody.exit_code == 1
    assert "There is no account with nobody@friends.example" in nobody.output


def test_every_way_in_asks(app):
    """Only what asks for the second step itself may sign somebody in without asking."""
    from pathlib import Path

    root = Path(app.root_path)
    begun = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"access\.begin\(|login_user\(|\bstart_sign_in\(", path.read_text(encoding="utf-8"))
    }
    assert begun == {"blueprints/second_steps.py", "web/access.py", "domain/accounts.py"}
