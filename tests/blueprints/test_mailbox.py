"""The mailbox: what would have left, for operators where no mail server is set, and for nobody else."""

import base64
import hashlib
import re

import pytest

from tests import factories
from webapp import jobs
from webapp.domain import accounts
from webapp.extensions import db
from webapp.models.mail import MailboxMessage
from webapp.transaction import transaction


@pytest.fixture
def operator(context):
    row = factories.member("Olga Operator", is_operator=True)
    return row.id


@pytest.fixture
def mail_id(context):
    factories.member("Ben <b>Okafor</b>", "ben@example.org")
    with transaction():
        accounts.ask_reset("ben@example.org")
    jobs.run_due()
    db.session.rollback()
    return db.session.query(MailboxMessage).one().id


def test_an_operator_reads_what_would_have_left(operator, mail_id, as_member):
    browser = as_member(operator)
    page = browser.get("/mailbox")
    assert "ben@example.org" in page.text
    assert f'href="/mailbox/{mail_id}"' in page.text
    page = browser.get(f"/mailbox/{mail_id}")
    assert "/reset/" in page.text
    assert "Ben &lt;b&gt;Okafor&lt;/b&gt;" in page.text
    assert f'src="/mailbox/{mail_id}/html"' in page.text
    assert "sandbox" in page.text


def test_the_html_of_a_mail_may_do_nothing_but_look(operator, mail_id, as_member):
    answer = as_member(operator).get(f"/mailbox/{mail_id}/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "Ben &lt;b&gt;Okafor&lt;/b&gt;" in answer.text


def test_nobody_else_learns_that_there_is_one(operator, mail_id, as_member, setting):
    stranger, member = as_member(), as_member(factories.member("Eve"))
    unknown = member.get("/nowhere").status_code
    for path in ("/mailbox", f"/mailbox/{mail_id}", f"/mailbox/{mail_id}/html"):
        assert member.get(path).status_code == unknown == 404
        assert stranger.get(path).status_code == 404
    setting(SMTP_URL="smtp://mail.example")
    assert as_member(operator).get("/mailbox").status_code == 404


def test_in_the_demo_whoever_sits_at_the_machine_reads_it(app, mail_id, as_member, monkeypatch):
    monkeypatch.setitem(app.config, "DEMO", True)
    stranger = as_member()
    assert stranger.get(f"/mailbox/{mail_id}").status_code == 200
    assert stranger.get("/mailbox", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404


def test_a_mail_that_is_not_there_and_an_empty_box(operator, as_member):
    browser = as_member(operator)
    assert "No mail yet" in browser.get("/mailbox").text
    assert browser.get("/mailbox/99").status_code == 404
    assert browser.get("/mailbox/99/html").status_code == 404
