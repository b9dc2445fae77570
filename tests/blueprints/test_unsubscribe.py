"""The link in the foot of a mail: a look changes nothing, one press turns off just that event for just that member."""

import re

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock, jobs, tokens
from webapp.domain import events, relationships
from webapp.extensions import db
from webapp.models.event_choice import EventChoice
from webapp.models.mail import MailboxMessage

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@example.org")


def kept():
    db.session.rollback()
    return {(row.member_id, row.event, row.channel, row.wanted) for row in db.session.scalars(select(EventChoice))}


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def asked(by, to):
    relationships.invite(by, [to])
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    db.session.rollback()


def test_the_header_of_a_mail_that_left_is_pressed_by_a_mail_program(ana, app):
    ben = factories.member("Ben Okafor")
    asked(ben, ana)
    raw = db.session.scalars(select(MailboxMessage.raw)).one().decode()
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    path = re.search(r"/unsubscribe/[\w.-]+", re.sub(r"\r\n\s|=\r\n", "", raw))[0]
    elsewhere = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}
    for _time in range(2):
        answer = app.test_client().post(path, data=ONE_CLICK, headers=elsewhere)
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert kept() == {(ana.id, "invitation", "email", False)}
    asked(factories.member("Carl"), ana)
    assert len(db.session.scalars(select(MailboxMessage)).all()) == 1
    assert not events.wants_mail(ana, "invitation")
    assert events.wants_mail(ana, "connected")


def test_looking_changes_nothing_and_the_button_does(ana, client):
    path = f"/unsubscribe/{events.unsubscribe_token(ana, 'connected')}"
    for _time in range(3):
        assert "Somebody accepts my invitation" in words(client.get(path))
        client.head(path)
    assert kept() == set()
    assert "These emails are off" in words(client.post(path))
    assert kept() == {(ana.id, "connected", "email", False)}


def test_the_digest_is_turned_off_by_its_own_link(ana, client):
    ana.digest = "weekly"
    db.session.commit()
    path = f"/unsubscribe/{events.unsubscribe_token(ana, events.DIGEST)}"
    assert "summary" in words(client.get(path))
    assert client.post(path, data=ONE_CLICK).status_code == 200
    db.session.rollback()
    db.session.refresh(ana)
    assert (ana.digest, kept()) == ("none", set())


def test_what_is_forged_altered_or_signed_for_something_else_changes_nothing(ana, client):
    token = events.unsubscribe_token(ana, "connected")
    others = (token[:-1], token[1:], "x", tokens.sign("optout", [ana.handle, "connected"]))
    for forged in others:
        for answer in (client.get(f"/unsubscribe/{forged}"), client.post(f"/unsubscribe/{forged}", data=ONE_CLICK)):
            assert answer.status_code == 404
    assert kept() == set()
