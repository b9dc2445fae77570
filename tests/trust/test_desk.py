"""What operators' pages never show, looked for with words planted wherever members keep something; and how these pages are read."""

import re

import pytest
from sqlalchemy import select

from tests import crawl, factories
from tests.house.test_query_plans import whole_reads
from webapp import clock, jobs
from webapp.domain import cards, contacts, feed, guests, introductions, messages, moderation
from webapp.domain.desk import numbers
from webapp.extensions import db
from webapp.models.ledger import LookupCharge
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member, SignIn
from webapp.providers.base import Card, Page

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
COUNTED = {"member_degree_index", "lookup_charge_member_id_index", "roster_entry_cohort_index"}
"""Members and connections are counted one by one, at most every five minutes; of look-ups only those of LOOKUP_DAYS are kept; of the
roster only numbers can be shown."""


@pytest.fixture
def planted(sample):
    """A community in which every private thing holds a word of its own, and one message was reported; its operator."""
    olga = factories.member("Olga Operator", is_operator=True)
    ana, ben = factories.member("Ana Lima", email="ana@out.example"), factories.member("Ben Okafor")
    uma = factories.member("Uma Unconfirmed", email="uma@out.example", verified=False)
    ana_id = ana.id
    factories.connect(ana, ben)
    cards.set_note(ana, ben, "canarycardnote")
    cards.set_met(ana, ben, "canarycardmet")
    cards.set_tags(ana, ben, "canarytag")
    cards.save_detail(ana, ben, kind="email", value="canarycard@out.example", label="")
    messages.write_to(ana, ben, "canarymessage")
    messages.write_to(ben, ana, "canaryanswer")
    moderation.report(ana, ben, "harassment", "Look", "reportedwords", "message")
    feed.share(ana, "canarypost", "connections")
    guests.invite(
        ana,
        [guests.Invitee("Canaryguest", "canaryguest@out.example", factories.lookup("canaryguest@out.example"))],
        source="a list",
        note="canarynote",
    )
    introductions.ask(ben, ana, olga.handle, "canaryintroduction") if olga.degree else None
    token = factories.sign_in(ana)
    sign_in = db.session.scalars(select(SignIn).where(SignIn.member_id == ana_id)).one()
    book = contacts.start_whole(
        ana, sign_in.id, "file", Page([Card("Canarycontact", ("canarycontact@out.example",))], None), source="a file"
    )
    compared = contacts.compare(ana, book)
    contacts.settle(ana, sign_in.id, book.key, compared)
    now = clock.now()
    for state in ("failed", "uncertain", "queued"):
        db.session.add(
            OutgoingMail(kind="reset", to_member_id=uma.id, state=state, created_at=now, not_before=now, facts={})
        )
    db.session.commit()
    assert token
    assert db.session.query(LookupCharge).count() == 1
    clock.move(seconds=61)
    jobs.run_due()
    guest_mail = db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == "guest_invitation")).first()
    guest_mail.state, guest_mail.reason = "failed", "550 no such mailbox"
    db.session.commit()
    numbers._sizes.clear()
    return olga


def test_no_page_for_operators_shows_an_address_book_a_card_or_a_message_that_was_not_reported(app, planted, as_member):
    """Every page that links lead to from /admin, and the log, for an operator."""
    browser = as_member(planted)
    handles = db.session.scalars(select(Member.handle).where(Member.name.in_(["Ana Lima", "Uma Unconfirmed"]))).all()
    db.session.rollback()

    def get(address):
        if address.startswith("/admin"):
            return browser.get(address)
        return browser.get("/livez")  # what lies beyond has its own tests

    start = ["/admin", *(f"/admin/people/{handle}" for handle in handles)]
    with whole_reads() as read_whole:
        site = crawl.crawl(app, get, start, each=30)
    shown = {path: text for path, text in site.texts.items() if path.startswith("/admin")}
    wanted = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "GET" in rule.methods
    }
    assert wanted <= site.pages.keys()
    for path, text in shown.items():
        assert re.findall(r"canary\w*", text.lower()) == [], path
    assert "reportedwords" in "".join(shown.values())
    assert "To a guest" in " ".join(re.sub(r"<[^>]+>", " ", shown["/admin/mail"]).split())
    with_address = {path for path, text in shown.items() if "@out.example" in text}
    assert with_address == {f"/admin/people/{handle}" for handle in handles}
    left = {
        each: steps for each, steps in read_whole.items() if not any(step.endswith(tuple(COUNTED)) for step in steps)
    }
    assert left == {}
    assert len(read_whole) <= len(COUNTED)
