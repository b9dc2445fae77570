"""Asking what is held about an address, and the page behind the link in the mail."""

import re

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock, jobs, tokens
from webapp.domain import guests, held
from webapp.extensions import db
from webapp.models.mail import MailboxMessage


@pytest.fixture
def ana(context):
    return factories.member("Ana <b>Lima</b>")


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def link_to(address):
    db.session.commit()
    jobs.run_due()
    db.session.rollback()
    raw = db.session.scalars(
        select(MailboxMessage.raw).where(MailboxMessage.recipient == address).order_by(MailboxMessage.id.desc())
    ).first()
    return re.search(rb"/about-me/[\w-]+", raw)[0].decode()


def test_the_answer_is_the_same_for_every_address(ana, as_member):
    browser, seen = as_member(), []
    factories.member("Ben", "ben@example.org")
    guests.opt_out(factories.lookup("gone@example.org"))
    db.session.commit()
    for name in ("ben", "gone", "nope"):
        answer = browser.post("/about-me", {"email": f"{name}@example.org"})
        headers = [
            (key, value) for key, value in answer.headers if key not in {"Content-Length", "Set-Cookie", "X-Request-Id"}
        ]
        text = re.sub(r'"X-CSRFToken": "[^"]+"', "", answer.text).replace(f"{name}@example.org", "")
        seen.append((answer.status_code, headers, text))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == 200
    wrong = browser.post("/about-me", {"email": "no address & all"})
    assert (wrong.status_code, "no address &amp; all" in wrong.text) == (422, True)


def test_the_link_shows_and_a_press_erases(ana, as_member):
    lookup = factories.lookup("grace@out.example")
    guests.invite(
        ana, [guests.Invitee("Gracie", "grace@out.example", lookup)], note="We <i>sailed</i>", source="a list"
    )
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    browser = as_member()
    browser.post("/about-me", {"email": "grace@out.example"})
    url = link_to("grace@out.example")
    assert "We &lt;i&gt;sailed" in browser.post(url).text  # without a button, nothing changes
    for _scan in range(3):
        page = browser.get(url)
    for said in (
        "Ana &lt;b&gt;Lima&lt;/b&gt;",
        "a list",
        "We &lt;i&gt;sailed&lt;/i&gt;",
        "grace@out.example",
        "Gracie",
    ):
        assert said in page.text
    erased = browser.get(browser.post(url, {"do": "erase"}).headers["Location"])
    assert "Your address is erased" in words(erased)
    for said in ("grace@out.example", "Gracie", "sailed"):
        assert said not in erased.text
    never = browser.get(browser.post(url, {"do": "never"}).headers["Location"])
    assert "The code stays for good" in words(never)
    clock.move(hours=held.HOURS, minutes=1)
    assert browser.get(url).status_code == browser.get("/about-me/forged").status_code == 410
    assert browser.post(url, {"do": "never"}).status_code == 410


def test_an_account_is_named_and_nothing_of_it_shown(as_member, context):
    ben = factories.member("Ben Okafor", "ben@example.org", headline="Boatbuilder")
    browser = as_member()
    browser.post("/about-me", {"email": "ben@example.org"})
    page = browser.get(link_to("ben@example.org"))
    assert "belongs to an account here" in words(page)
    for private in ("Ben Okafor", "Boatbuilder", ben.handle):
        assert private not in page.text
    db.session.rollback()


def test_too_many_questions_from_one_place_wait(as_member, context):
    browser = as_member()
    statuses = {browser.post("/about-me", {"email": f"a{number}@out.example"}).status_code for number in range(21)}
    assert statuses == {200, 429}


def test_public_pages_lead_there(client):
    for path in ("/", "/signin", "/signup"):
        assert 'href="/about-me"' in client.get(path).text


def test_what_was_erased_can_be_looked_at_again(ana, as_member):
    lookup = factories.lookup("grace@out.example")
    guests.invite(ana, [guests.Invitee("Gracie", "grace@out.example", lookup)], source="a list")
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    guests.erase(lookup)
    db.session.commit()
    assert as_member().get(f"/erase?about={tokens.sign('optout', lookup)}").status_code == 200
