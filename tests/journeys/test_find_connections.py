"""Find connections, as the product tells it: my network, the address book, those who are here, the others, and then nothing is left."""

import html
import re
from email import message_from_bytes
from email.policy import SMTP

import pytest
from sqlalchemy import func, select

from tests import factories
from tests.providers.fixtures import settings_for
from tests.wizard import Wizard
from webapp import clock, jobs
from webapp.domain import relationships
from webapp.extensions import db
from webapp.models.contact import AddressBookImport
from webapp.models.mail import MailboxMessage
from webapp.models.member import Member


@pytest.fixture
def registered_app(app, provider, setting):
    """The application, registered with the provider that listens."""
    app.extensions["kith.oauth"].clear()
    setting(**settings_for(provider))
    return app


def a_minute_later():
    """The worker does what is due."""
    clock.move(seconds=61)
    db.session.rollback()
    jobs.run_due()


def test_from_my_network_to_one_connection_and_one_mail(context, registered_app, provider, as_member):
    provider.app.extensions["providers"]["google"].books["maya@gmail.com"] = [
        {"name": "Ben", "emails": ["ben@friends.example"]},
        {"name": "Chen", "emails": ["chen@friends.example"]},
        {"name": "Ada Lovelace", "emails": ["ada@out.example"]},
        {"name": "Zoe Quinn", "emails": ["zoe@out.example"]},
    ]
    maya_id = factories.member("Maya van Nes", email="maya@gmail.com", headline="Gardener").id
    ben_id = factories.member("Ben Okri", email="ben@friends.example").id
    factories.member("Chen Wei", email="chen@friends.example")
    browser = as_member(maya_id)
    assert 'value="maya@gmail.com"' in browser.get("/network").text
    assert browser.post("/network/find", {"address": "maya@gmail.com"}).headers["Location"] == "/contacts"

    maya = Wizard(browser, provider, "maya@gmail.com")
    assert 'value="maya@gmail.com"' in maya.get().html
    page = maya.read()
    assert "2 people you know are here" in page.words
    assert page.boxes == {0: True, 1: True}

    maya.post("/members", {"shown": page.hidden["shown"], "tick": ["0"], "do": "add"})
    page = maya.get("/others")
    assert page.boxes == {0: False, 1: False}
    form = {"shown": page.hidden["shown"], "tick": ["0"], "note": "It was good to see you", "recipient": "0"}
    maya.part("/others", form | {"do": "preview"})
    previewed = maya.get("/preview").html
    page = maya.get("/others")
    text = re.search(r"<pre[^>]*>(.*?)</pre>", page.html, re.DOTALL)[1]
    assert maya.post("/others", form | {"do": "add"}).response.headers["Location"] == "/contacts/done"
    assert db.session.scalar(select(func.count()).select_from(AddressBookImport)) == 0

    # For a minute nobody hears anything.
    db.session.rollback()
    jobs.run_due()
    assert db.session.scalar(select(func.count()).select_from(MailboxMessage)) == 0

    a_minute_later()
    mails = {row.recipient: row for row in db.session.scalars(select(MailboxMessage))}
    assert set(mails) == {"ben@friends.example", "ada@out.example"}
    sent = message_from_bytes(mails["ada@out.example"].raw, policy=SMTP)
    bodies = {part: sent.get_body((part,)).get_content().replace("\r\n", "\n") for part in ("plain", "html")}
    assert without_links(bodies["html"]).strip() == without_links(previewed).strip()
    assert without_links(bodies["plain"]).strip() == without_links(html.unescape(text)).strip()
    assert "It was good to see you" in bodies["plain"]
    assert sent["From"].startswith("Maya van Nes via ")

    ben = db.session.get_one(Member, ben_id)
    assert relationships.accept(ben, [maya_id]) == 1
    db.session.commit()
    assert db.session.get_one(Member, maya_id).degree == 1


def without_links(body):
    """A mail without the one link of its own."""
    return re.sub(r"/join/[\w-]+", "/join/", body)
