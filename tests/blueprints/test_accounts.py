"""Joining, confirming, signing in and out, and setting a new password."""

import re

from tests import factories
from webapp import clock, tokens
from webapp.domain import accounts, tickets
from webapp.extensions import db
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Member, SignIn


def text_of(response):
    return re.sub(r'(csrf_token" value=|X-CSRFToken": )"[^"]+"', "", response.get_data(as_text=True))


def mails():
    return [(row.kind, row.to_member_id) for row in db.session.query(OutgoingMail).order_by(OutgoingMail.id)]


def join(browser, **given):
    values = {"name": "Ada Lovelace", "email": "ada@example.org", "password": factories.PASSWORD} | given
    return browser.post("/signup", values)


def confirm_token(context):
    row = db.session.query(EmailAddress).filter_by(verified_at=None).order_by(EmailAddress.id.desc()).first()
    token = tickets.issue("confirm", minutes=60, address_id=row.id)
    db.session.commit()
    return token


def test_bad_input_is_named_and_what_was_typed_stays(as_member, context):
    response = join(as_member(), name="Ada", email="ada@", password="short")
    page = text_of(response)
    assert response.status_code == 422
    assert "Enter an email address like name@example.com" in page
    assert "Use at least 12 characters for your password" in page
    assert 'value="ada@"' in page
    assert 'value="Ada"' in page
    assert "short" not in page.replace("short sentence", "")
    assert "<title>Error: " in page


def test_nobody_is_signed_in_before_the_address_is_confirmed(as_member, context):
    browser = as_member()
    join(browser)
    wrong = browser.post("/signin", {"email": "ada@example.org", "password": factories.PASSWORD})
    nobody = browser.post("/signin", {"email": "nobody@example.org", "password": factories.PASSWORD})
    assert wrong.status_code == nobody.status_code == 422
    assert text_of(wrong).replace("ada@", "") == text_of(nobody).replace("nobody@", "")
    assert accounts.WRONG in text_of(wrong).replace("&#39;", "'")


def test_the_link_asks_for_the_password_and_signs_in(as_member, context):
    join(as_member())
    token = confirm_token(context)
    browser = as_member()
    for _scanner in range(3):
        assert browser.get(f"/confirm/{token}").status_code == 200
    assert browser.post(f"/confirm/{token}", {"password": "not this one at all"}).status_code == 422
    done = browser.post(f"/confirm/{token}", {"password": factories.PASSWORD})
    assert done.status_code == 303
    assert db.session.query(Member).one().verified_at is not None
    assert db.session.query(SignIn).count() == 1
    assert browser.get(f"/confirm/{token}").status_code == 410


def test_confirming_drops_other_accounts_that_only_claimed_the_address(as_member, context):
    join(as_member(), name="Somebody Else")
    join(as_member())
    done = as_member().post(f"/confirm/{confirm_token(context)}", {"password": factories.PASSWORD})
    assert done.status_code == 303
    db.session.expire_all()
    assert [row.name for row in db.session.query(Member)] == ["Ada Lovelace"]


def test_unconfirmed_accounts_go_after_seven_days(as_member, context):
    join(as_member())
    factories.member("Stays")
    clock.move(days=6)
    assert accounts.drop_unverified(clock.now()) == 0
    clock.move(days=2)
    assert accounts.drop_unverified(clock.now()) == 1
    db.session.commit()
    assert [row.name for row in db.session.query(Member)] == ["Stays"]


def test_a_sign_in_is_kept_as_a_digest_of_a_token_nobody_guesses(as_member, context):
    ada = factories.member("Ada Lovelace", "ada@example.org")
    browser = as_member()
    browser.post("/signin", {"email": "ada@example.org", "password": factories.PASSWORD})
    with browser.client.session_transaction() as kept:
        token = kept["_user_id"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", token)  # 144 bits
    [row] = accounts.sign_ins_of(ada)
    assert row.digest == tokens.digest(token)
    assert token not in " ".join(str(getattr(row, column.key)) for column in row.__table__.columns)


def test_signing_in_again_in_a_browser_ends_the_sign_in_it_had(app, as_member, context):
    ada = factories.member("Ada Lovelace", "ada@example.org")
    ben = factories.member("Ben Okafor", "ben@example.org")
    elsewhere = factories.sign_in(ada)
    browser = as_member(ben)
    with browser.client.session_transaction() as kept:
        before = kept["_user_id"]
    for member, address in ((ada, "ada@example.org"), (ada, "ada@example.org"), (ben, "ben@example.org")):
        assert browser.post("/signin", {"email": address, "password": factories.PASSWORD}).status_code == 303
        db.session.rollback()
        assert accounts.signed_in(before) is None
        with browser.client.session_transaction() as kept:
            before = kept["_user_id"]
        assert accounts.signed_in(before)[0].id == member.id
    assert accounts.signed_in(elsewhere)[0].id == ada.id


def test_an_address_that_wants_no_mail_gets_one_a_month_and_confirming_lifts_that(as_member, context):
    from webapp.models.invitation import GuestAddress

    lookup = factories.lookup("new@example.org")
    db.session.add(GuestAddress(lookup=lookup, opted_out_at=clock.now()))
    db.session.commit()
    for _time in range(3):
        join(as_member(), email="new@example.org")
    assert len(mails()) == 1
    as_member().post(f"/confirm/{confirm_token(context)}", {"password": factories.PASSWORD})
    db.session.expire_all()
    assert db.session.get(GuestAddress, lookup).opted_out_at is None


def test_joining_by_invitation_only_says_so(as_member, setting):
    setting(JOIN="invitation")
    assert "Joining is by invitation" in text_of(as_member().get("/signup"))


def test_another_name_of_this_host_is_led_to_the_right_one(client):
    response = client.get("/signin?next=x", base_url="http://localhost:8000")
    assert response.status_code == 307
    assert response.headers["Location"] == "http://127.0.0.1:8000/signin?next=x"
    assert client.post("/signin", base_url="http://localhost:8000").status_code in {400, 403}


def test_an_address_that_no_mail_could_reach_is_refused_and_stays(as_member, context):
    answer = join(as_member(), email="zoë@example.org")
    assert answer.status_code == 422
    assert "Enter an address in plain letters, a to z" in text_of(answer)
    assert 'value="zoë@example.org"' in text_of(answer)


def test_the_confirmation_is_sent_once_more_on_request_and_the_answer_is_the_same_for_all(as_member, context):
    browser = as_member()
    join(browser)
    assert 'value="ada@example.org"' in browser.get("/confirm").text
    answers = [as_member().post("/confirm", {"email": email}) for email in ("ada@example.org", "nobody@example.org")]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, "/signup/check-mail")}
    assert [kind for kind, _to in mails()] == ["confirmation", "confirmation"]
    wrong = as_member().post("/confirm", {"email": "ada@"})
    assert wrong.status_code == 422
    assert 'value="ada@"' in wrong.text


def test_a_link_that_was_used_is_over(as_member, context):
    join(as_member())
    token = confirm_token(context)
    as_member().post(f"/confirm/{token}", {"password": factories.PASSWORD})
    for browser in (as_member(), as_member(factories.member("Eve"))):
        assert browser.get(f"/confirm/{token}").status_code == 410
    for path in ("/confirm/nonsense", "/reset/nonsense", "/operator/nonsense"):
        over = as_member().get(path)
        assert over.status_code == 410
        is_printed = path.startswith("/operator/")
        assert ("kith init" in over.text) == is_printed, "who runs the machine prints another"
        assert ("Send the confirmation again" in over.text) != is_printed


def test_a_reset_names_a_bad_password_and_a_bad_address(as_member, context):
    owner = factories.member("Ada Lovelace", "ada@example.org")
    assert as_member().get("/reset").status_code == 200
    wrong = as_member().post("/reset", {"email": "ada@"})
    assert wrong.status_code == 422
    assert 'value="ada@"' in wrong.text
    token = tickets.issue("reset", minutes=60, member=owner, only=True)
    db.session.commit()
    answer = as_member().post(f"/reset/{token}", {"password": "short"})
    assert answer.status_code == 422
    assert as_member().get(f"/reset/{token}").status_code == 200


def test_an_operator_joins_by_the_link_that_the_command_printed(as_member, context):
    token = accounts.make_operator("olga@example.org")
    db.session.commit()
    browser = as_member()
    page = browser.get(f"/operator/{token}")
    assert "olga@example.org" in page.text
    wrong = browser.post(f"/operator/{token}", {"name": "", "password": "short"})
    assert wrong.status_code == 422
    answer = browser.post(f"/operator/{token}", {"name": "Olga Operator", "password": factories.PASSWORD})
    assert answer.headers["Location"] == "/welcome"
    assert browser.get("/mailbox").status_code == 200
    assert as_member().get(f"/operator/{token}").status_code == 410
    assert accounts.make_operator("olga@example.org") is None


def test_who_only_waits_for_a_confirmation_is_confirmed_by_who_runs_the_machine(as_member, context):
    join(as_member())
    assert accounts.make_operator("ada@example.org") is None
    db.session.commit()
    ada = db.session.query(Member).one()
    assert ada.is_operator
    assert ada.is_visible
