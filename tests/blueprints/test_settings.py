"""Settings: mails, being found, signing in, how pages look, whom one blocks."""

import re
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock, jobs
from webapp.domain import accounts, guests, moderation
from webapp.extensions import db
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.member import Member, SignIn

NEW = "an owl reads under the lamp"


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@example.org")


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def again(member):
    db.session.expire_all()
    return db.session.get(Member, member.id)


def test_every_page_of_settings_answers_and_leads_to_the_others(ana, as_member):
    browser = as_member(ana)
    links = set(re.findall(r'href="(/settings/[\w-]+)"', browser.get("/settings").text))
    assert links == {
        f"/settings/{name}"
        for name in (
            "profile",
            "background",
            "skills",
            "contact",
            "sign-in",
            "addresses",
            "email",
            "privacy",
            "dismissed",
            "muted",
            "feed",
            "devices",
            "contacts",
            "operators",
            "export",
            "leave",
            "blocked",
            "appearance",
        )
    }
    for link in links:
        page = browser.get(link)
        assert page.status_code == 200
        assert 'aria-current="page"' in page.text


def test_mails_are_turned_off_and_on(ana, as_member):
    browser = as_member(ana)
    assert "ana@example.org" in words(browser.get("/settings/email"))
    ticked = {"shown": ["invitation", "connected"], "app": ["invitation"], "email": ["connected"], "digest": "weekly"}
    assert browser.post("/settings/email", ticked).status_code == 303
    page = browser.get("/settings/email").text
    boxes = set(re.findall(r'name="(app|email)" value="(\w+)" checked', page))
    assert {box for box in boxes if box[1] in ticked["shown"]} == {("app", "invitation"), ("email", "connected")}
    assert re.search(r'value="weekly" checked', page)
    assert browser.post("/settings/email", ticked | {"digest": "hourly"}).status_code == 422
    assert again(ana).digest == "weekly"


def test_who_can_find_one_is_one_of_three(ana, as_member):
    browser = as_member(ana)
    for choice in ("second", "nobody", "everyone"):
        assert browser.post("/settings/privacy", {"findable": choice}).status_code == 303
        assert again(ana).findable == choice
        assert re.search(rf'value="{choice}" checked', browser.get("/settings/privacy").text)
    assert browser.post("/settings/privacy", {"findable": "friends"}).status_code == 422
    assert again(ana).findable == "everyone"


def test_blocks_are_listed_and_lifted(ana, as_member):
    ben = factories.member("Ben Okafor")
    moderation.block(ana, ben)
    db.session.commit()
    browser = as_member(ana)
    assert "Ben Okafor" in words(browser.get("/settings/blocked"))
    assert as_member(ben).post(f"/settings/blocked/{ana.handle}/unblock").status_code == 404
    assert browser.post(f"/settings/blocked/{ben.handle}/unblock").status_code == 303
    page = words(browser.get("/settings/blocked"))
    assert "Ben Okafor is not blocked any more" in page
    assert "You blocked nobody" in page


def test_sign_ins_are_listed_and_ended_one_by_one_or_all_others(ana, as_member):
    here, one, two = (as_member(ana) for _time in range(3))
    stranger = as_member(factories.member("Ben"))
    page = here.get("/settings/sign-in")
    assert "This browser" in words(page)
    ends = re.findall(r"/settings/sign-ins/(\d+)/end", page.text)
    assert len(ends) == 2
    stranger.post(f"/settings/sign-ins/{ends[0]}/end")
    assert db.session.query(SignIn).filter_by(member_id=ana.id).count() == 3
    here.post(f"/settings/sign-ins/{ends[0]}/end")
    assert db.session.query(SignIn).filter_by(member_id=ana.id).count() == 2
    here.post("/settings/sign-ins/end")
    assert [browser.get("/settings").status_code for browser in (here, one, two)] == [200, 303, 303]
    assert stranger.get("/settings").status_code == 200


def test_the_password_changes_with_the_present_one_only(ana, as_member):
    here, elsewhere = as_member(ana), as_member(ana)
    wrong = here.post("/settings/sign-in", {"old": "not the password", "password": NEW})
    assert wrong.status_code == 422
    assert "That is not your password" in words(wrong)
    weak = here.post("/settings/sign-in", {"old": factories.PASSWORD, "password": "short"})
    assert weak.status_code == 422
    assert elsewhere.get("/settings").status_code == 200
    assert here.post("/settings/sign-in", {"old": factories.PASSWORD, "password": NEW}).status_code == 303
    assert [browser.get("/settings").status_code for browser in (here, elsewhere)] == [200, 303]
    assert [row.kind for row in db.session.query(OutgoingMail)] == ["password_changed"]
    assert as_member().post("/signin", {"email": "ana@example.org", "password": NEW}).status_code == 303


def test_guessing_the_present_password_is_counted_with_the_tries_to_sign_in(ana, as_member):
    browser = as_member(ana)
    for _time in range(10):
        assert browser.post("/settings/sign-in", {"old": "wrong guess", "password": NEW}).status_code == 422
    refused = browser.post("/settings/sign-in", {"old": factories.PASSWORD, "password": NEW})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert as_member().post("/signin", {"email": "ana@example.org", "password": factories.PASSWORD}).status_code == 429
    assert accounts.primary_address(ana) == "ana@example.org"


def test_light_and_dark_are_kept_in_this_browser(ana, as_member):
    browser = as_member(ana)
    assert browser.post("/settings/appearance", {"theme": "dark"}).status_code == 303
    assert 'data-theme="dark"' in browser.get("/settings/appearance").text
    browser.post("/settings/appearance", {"theme": "device"})
    assert "data-theme" not in browser.get("/settings/appearance").text.split("<body")[0]


# Several addresses


def link(address):
    """The link of the confirmation that leaves now for this address."""
    jobs.run_due()
    [raw] = db.session.scalars(select(MailboxMessage.raw).where(MailboxMessage.recipient == address)).all()
    text = message_from_bytes(raw, policy=policy.default).get_body(("plain",)).get_content()
    db.session.commit()
    return re.search(r"/confirm/[\w-]+", text)[0]


def add(browser, address, password=factories.PASSWORD):
    return browser.post("/settings/addresses", {"email": address, "old": password})


def owned(member):
    db.session.expire_all()
    return {row.address: (row.verified_at is not None, row.is_primary) for row in accounts.addresses_of(member)}


def test_an_address_is_added_confirmed_made_primary_and_the_old_one_removed(ana, as_member):
    browser = as_member(ana)
    wrong = add(browser, "work@example.org", "not this one at all")
    assert wrong.status_code == 422
    assert 'value="work@example.org"' in wrong.text
    assert add(browser, "work@example.org").status_code == 303
    assert owned(ana) == {"ana@example.org": (True, True), "work@example.org": (False, False)}
    assert accounts.by_address("work@example.org") is None
    row = next(each for each in accounts.addresses_of(ana) if not each.is_primary)
    early = browser.post(f"/settings/addresses/{row.id}", {"do": "primary", "old": factories.PASSWORD})
    assert early.status_code == 409
    url = link("work@example.org")
    assert as_member().get(url).status_code == 200
    done = as_member().post(url, {"password": factories.PASSWORD})
    assert done.headers["Location"] == "/settings/addresses"
    assert accounts.by_address("work@example.org").id == ana.id
    assert browser.post(f"/settings/addresses/{row.id}", {"do": "primary", "old": "wrong"}).status_code == 422
    assert (
        browser.post(f"/settings/addresses/{row.id}", {"do": "primary", "old": factories.PASSWORD}).status_code == 303
    )
    assert owned(ana) == {"work@example.org": (True, True), "ana@example.org": (True, False)}
    kept = browser.post(f"/settings/addresses/{row.id}", {"do": "remove", "old": factories.PASSWORD})
    assert kept.status_code == 409
    old = next(each for each in accounts.addresses_of(ana) if not each.is_primary)
    assert browser.post(f"/settings/addresses/{old.id}", {"old": factories.PASSWORD}).status_code == 303
    assert browser.post(f"/settings/addresses/{old.id}", {"do": "remove", "old": factories.PASSWORD}).status_code == 303
    assert owned(ana) == {"work@example.org": (True, True)}
    assert accounts.by_address("ana@example.org") is None


def test_the_answer_is_the_same_for_an_address_of_somebody_else_who_hears_by_mail(ana, as_member):
    ben = factories.member("Ben", "ben@example.org")
    browser = as_member(ana)
    for address in ("ben@example.org", "new@example.org"):
        assert add(browser, address).status_code == 303
    page = words(browser.get("/settings/addresses"))
    assert page.count("Waiting for you to use the link in our mail") == 2
    mails = [(row.kind, row.to_member_id) for row in db.session.query(OutgoingMail).order_by(OutgoingMail.id)]
    assert mails == [("already_member", ben.id), ("new_address", ana.id)]
    assert accounts.by_address("ben@example.org").id == ben.id


def test_ones_own_address_twice_an_eleventh_and_somebody_elses_are_refused(ana, as_member):
    ben = factories.member("Ben", "ben@example.org")
    browser = as_member(ana)
    assert "You have this address already" in words(add(browser, "ana@example.org"))
    for number in range(9):
        factories.address(ana, f"ana{number}@example.org")
    assert add(browser, "eleventh@example.org").status_code == 409
    [theirs] = accounts.addresses_of(ben)
    for method in ("get", "post"):
        assert getattr(browser, method)(f"/settings/addresses/{theirs.id}").status_code == 404


def test_an_added_address_that_nobody_proves_is_forgotten_in_a_week(ana, as_member):
    add(as_member(ana), "work@example.org")
    clock.move(days=8)
    accounts.drop_unverified(clock.now())
    db.session.commit()
    assert list(owned(ana)) == ["ana@example.org"]


def test_an_invitation_that_waits_for_an_address_meets_who_adds_it(ana, as_member):
    ben = factories.member("Ben", "ben@example.org")
    guests.invite(
        ben, [guests.Invitee("Ana", "work@example.org", accounts.lookup_of("work@example.org"))], note="", source="x"
    )
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    db.session.query(MailboxMessage).delete()
    db.session.commit()
    browser = as_member(ana)
    add(browser, "work@example.org")
    as_member().post(link("work@example.org"), {"password": factories.PASSWORD})
    assert "Ben" in words(browser.get("/invitations"))
