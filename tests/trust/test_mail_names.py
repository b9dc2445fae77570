"""What people call themselves, in every mail."""

import re
import unicodedata
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from tests import factories
from tests.mails import LINKS, SITE, Tags, as_read, facts_of
from tests.working import run
from webapp import clock, config
from webapp.domain import guests, names, relationships
from webapp.extensions import db
from webapp.mail import render
from webapp.mail.catalog import KINDS
from webapp.models.mail import OutgoingMail

HOSTILE = (
    "Eve\r\nBcc: all@victims.example",
    "Eve\x0bBcc: all@victims.example\x0c\x85",
    "=?utf-8?q?Bank=40bank.example?= =?utf-8?b?QmFuaw==?=",
    '<img src="https://spy.example/x.png" onerror=alert(1)>',
    '"Bank" <support@bank.example>, "Other" <other@bank.example>',
    "Lima, Ana; (comment) \\ group:;",
    "\u202egnp.exe\u2066 right to left",
    "https://evil.example/click {{ 7 * 7 }} {% raw %}",
    "A" * 5000,
    "\x00\x07\x1b[31m control",
    "名前 🎶 Ämne",
)
HEADERS = {
    "subject", "from", "to", "reply-to", "date", "message-id", "auto-submitted", "mime-version", "content-type",
    "list-unsubscribe", "list-unsubscribe-post",
}  # fmt: skip


def check(mail, sender_address, recipient):
    """What holds of any mail, whatever stands in it."""
    assert not mail.defects
    assert {name.lower() for name in mail} <= HEADERS
    assert len({name.lower() for name in mail}) == len(mail.keys())
    assert [each.addr_spec for each in mail["To"].addresses] == [recipient]
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == sender_address
    assert not re.search(r"[@<>\"]|https?:|www\.", sender.display_name)
    assert len(sender.display_name) <= render.FROM_CHARACTERS == 64
    assert len(mail["Subject"]) <= render.SUBJECT_CHARACTERS
    for text in (sender.display_name, mail["Subject"]):
        assert "\n" not in text
        assert not any(unicodedata.category(letter) in {"Cc", "Cf"} for letter in text)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_53_names_stay_words_in_every_mail(app, context, setting, sink):
    """Whatever somebody calls themselves (line breaks, encoded words, quotes, commas, addresses, links, directions, 5,000
    letters), every kind of mail has one To and the headers it should have and no other, a sender's name of at most 64
    letters without an address or a link, and nothing in its body that runs or is fetched; and none is a 500 or a row
    that stays on the table.
    """
    with app.test_request_context():
        before = dict(app.config["KITH"])
        setting(BASE_URL=SITE)
        for kind in KINDS:
            for said in HOSTILE:
                facts = facts_of(kind, said)
                mail = as_read(kind, facts)
                check(mail, "invites@kith.example", "ben@friends.example")
                tags = Tags(mail.get_body(("html",)).get_content())
                assert not tags.found & {"img", "script", "[onerror]", "[src]"}
                assert tags.links == {value for name, value in facts.items() if name in LINKS}
                assert "49" not in mail["Subject"]
        app.config["KITH"] = before | {"SMTP_URL": sink.url}
    # And as they leave, of members who came by such a name.
    for number, said in enumerate(HOSTILE):
        eve = factories.member("Eve")
        ben = factories.member("Ben Okafor", f"ben{number}@friends.example")
        eve.name = eve.headline = said
        names.refresh(eve)
        db.session.commit()
        invitee = guests.Invitee(said, f"guest{number}@out.example", factories.lookup(f"guest{number}@out.example"))
        guests.invite(eve, [invitee], note="Hello", source=said)
        relationships.invite(eve, [ben], "Hello")
        db.session.commit()
    clock.move(seconds=61)
    db.session.rollback()
    run()
    db.session.rollback()
    assert set(db.session.scalars(select(OutgoingMail.state))) == {"sent"}
    assert len(sink.received) == 2 * len(HOSTILE)
    sender = config.sender()
    for recipient, content in sink.received:
        check(message_from_bytes(content, policy=policy.default), sender, recipient)
