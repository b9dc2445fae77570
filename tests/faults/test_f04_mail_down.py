"""F4: a mail server that refuses, breaks off and is away for a day. What can still be sent is sent, once."""

from collections import Counter

import pytest
from sqlalchemy import select

from tests import factories, ports
from tests.working import run
from webapp import clock
from webapp.domain import accounts, relationships
from webapp.extensions import db
from webapp.jobs import health
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Member
from webapp.transaction import transaction

MEMBERS = 40
ANSWERS = ("250 OK", "421 4.3.2 shutting down", "550 5.1.1 no such user", "451 4.3.0 later")


@pytest.fixture
def asked(context):
    """Forty members whom one has asked to connect."""
    ada = factories.member("Ada Lovelace").id
    ids = [factories.member(f"Member {number}", f"m{number}@post.example").id for number in range(MEMBERS)]
    with transaction():
        relationships.invite(db.session.get_one(Member, ada), ids)
    clock.move(seconds=61)
    return ids


def states():
    return Counter(db.session.scalars(select(OutgoingMail.state)))


def test_f4_a_server_that_is_away_for_a_day_gets_everything_once_when_it_is_back(sink, asked, setting):
    for number in range(MEMBERS):
        sink.rcpt[f"m{number}@post.example"] = ANSWERS[number % len(ANSWERS)]
    run()
    quarter = MEMBERS // len(ANSWERS)
    assert states() == {"sent": quarter, "queued": 2 * quarter, "failed": quarter}

    setting(SMTP_URL=f"smtp://127.0.0.1:{ports.free()}")
    with transaction():
        accounts.ask_reset("m0@post.example")
    for _hour in range(26):
        run()
        clock.move(hours=1)
    assert states() == {"sent": quarter, "queued": 2 * quarter, "failed": quarter, "skipped": 1}, (
        "a link to a new password ended meanwhile"
    )
    assert any("again and again" in each for each in health.problems())

    setting(SMTP_URL=sink.url)
    sink.rcpt.clear()
    run()
    gone = select(EmailAddress.address).join(OutgoingMail, OutgoingMail.to_member_id == EmailAddress.member_id)
    assert set(db.session.scalars(gone.where(OutgoingMail.state == "sent"))) == set(sink.recipients)
    assert max(Counter(sink.recipients).values()) == 1
    assert states() == {"sent": 3 * quarter, "failed": quarter, "skipped": 1}, (
        "a link to a new password had ended meanwhile"
    )
