"""Reporting, also without an account; the pages of operators; what a member reads of what they did, suspended or not."""

import re

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock, jobs, tokens
from webapp.domain import accounts, acts, guests, introductions, moderation
from webapp.extensions import db
from webapp.models.act import Act
from webapp.models.mail import OutgoingMail
from webapp.models.member import SignIn
from webapp.models.report import Report


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima")


@pytest.fixture
def ben(context):
    return factories.member("Ben <b>Okafor</b>")


@pytest.fixture
def operator(context):
    return factories.member("Olga Operator", is_operator=True)


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split()).replace("&#39;", "'")


def test_a_report_is_asked_for_in_place_or_on_a_page_and_reaches_the_operators(ana, ben, operator, as_member):
    browser = as_member(ana)
    url = f"/people/{ben.handle}/report"
    assert "<dialog" in browser.part(url, method="GET").text
    page = browser.get(url)
    assert "<html" in page.text
    assert f'href="{url}?back=' in browser.get(f"/people/{ben.handle}").text
    answer = browser.post(url, {"reason": "pretending", "text": "It's <i>me</i>"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/people/{ben.handle}")
    assert "will look at it" in words(browser.get(f"/people/{ben.handle}"))
    shown = as_member(operator).get("/admin/reports")
    assert "Pretends to be somebody else a member It's &lt;i&gt;me&lt;/i&gt;" in words(shown)
    assert "Reported by Ana Lima" in words(shown)
    assert "Ben &lt;b&gt;Okafor&lt;/b&gt;" in shown.text
    assert words(as_member(ben).get("/notifications")).count("Ana") == 0


def test_a_report_without_a_reason_is_named_and_keeps_what_was_typed(ana, ben, as_member):
    answer = as_member(ana).post(f"/people/{ben.handle}/report", {"text": "Hmm & so"})
    assert answer.status_code == 422
    assert "Choose what it is about" in words(answer)
    assert "Hmm &amp; so" in answer.text
    assert "<title>Error: " in answer.text


def test_the_list_is_for_operators_and_gets_shorter(ana, ben, operator, as_member):
    moderation.report(ana, ben, "other", "They keep writing", "Buy now", "message")
    db.session.commit()
    browser = as_member(operator)
    action = re.search(r'href="(/admin/reports/\d+/settle)"', browser.get("/admin/reports").text)[1]
    assert "/admin/" not in as_member(ana).get("/network").text
    assert 'href="/admin"' in browser.get("/network").text
    asked = words(browser.get(action))
    assert "What was reported a message Buy now Reported by Ana Lima They keep writing" in asked
    assert "Neither side is told" in asked
    asked = browser.post(action, {"words": "Hmm & so"})
    assert (asked.status_code, "Choose what you decided" in words(asked), "Hmm &amp; so" in asked.text) == (
        422,
        True,
        True,
    )
    assert browser.post(action, {"decision": "nothing", "words": "He is a friend"}).status_code == 303
    assert "Nothing was reported" in words(browser.get("/admin/reports"))
    settled = words(browser.get("/admin/reports?settled=1"))
    assert "Nothing to do about it: He is a friend · Olga Operator" in settled
    assert "A report was settled" in words(browser.get("/admin/log"))
    assert browser.post("/admin/reports/999/settle", {"decision": "nothing"}).status_code == 404


def test_for_everybody_else_there_are_no_such_pages(app, ana, ben, operator, as_member):
    moderation.report(ana, ben, "other")
    acts.suspend(operator, ben, "Boats")
    db.session.commit()
    browser = as_member(ana)
    number = db.session.scalars(select(Report.id)).one()
    paths = ["reports", "log", f"reports/{number}/settle"]
    paths += [f"people/{ben.handle}{what}" for what in ("", "/suspend", "/lift", "/silence", "/unsilence")]
    for path in paths:
        answers = [
            browser.get(f"/admin/{path}"),
            browser.post(f"/admin/{path}", {"reason": "x", "decision": "nothing"}),
        ]
        assert [answer.status_code for answer in answers if answer.status_code != 405] == [404] * len(
            [answer for answer in answers if answer.status_code != 405]
        ), path
    assert db.session.query(Act).count() == 1


def test_a_long_list_is_paged(ben, operator, as_member):
    for number in range(60):
        moderation.report(factories.member(f"Reporter {number:02}"), ben, "other")
        clock.move(seconds=1)
    db.session.commit()
    browser, url, seen = as_member(operator), "/admin/reports", []
    while url:
        page = browser.get(url)
        seen += re.findall(r"Reported by (Reporter \d\d)", page.text)
        more = re.search(r'href="(/admin/reports\?after=[^"]+)"', page.text)
        url = more and more[1].replace("&amp;", "&")
    assert seen == [f"Reporter {number:02}" for number in range(60)]


def test_nobody_reports_themselves_or_whom_they_cannot_see(ana, ben, as_member):
    moderation.block(ben, ana)
    db.session.commit()
    browser = as_member(ana)
    for handle in (ana.handle, ben.handle, "nobody-at-all"):
        assert browser.get(f"/people/{handle}/report").status_code == 404
        assert browser.post(f"/people/{handle}/report", {"reason": "other"}).status_code == 404


def test_what_is_reported_is_named(ana, ben, operator, as_member):
    hub = factories.known(ana, "Hugo Hub", connections_shown="members")
    factories.connect(hub, ben)
    introductions.ask(ben, ana, hub.handle, "Buy my boat")
    db.session.commit()
    clock.move(seconds=61)
    browser = as_member(hub)
    url = re.search(r'href="(/introductions/[^"]+/report)', browser.get("/introductions").text)[1]
    assert "Buy my boat" in browser.get(url).text
    assert browser.post(url, {"reason": "advertising"}).status_code == 303
    assert as_member(ana).get(url).status_code == 404
    [row] = db.session.execute(moderation.reports()).all()
    assert (row.Report.what, row.Report.note, row.by_name) == ("introduction", "Buy my boat", "Hugo Hub")


# Without an account


@pytest.fixture
def mail(ana):
    """The signed address of the mail that Ana caused."""
    lookup = factories.lookup("grace@out.example")
    guests.invite(
        ana, [guests.Invitee("Grace Guest", "grace@out.example", lookup)], note="Buy my boat", source="a list"
    )
    db.session.commit()
    clock.move(seconds=61)
    jobs.run_due()
    db.session.rollback()
    return tokens.sign("optout", lookup)


def test_a_guest_reports_the_mail_without_signing_in(ana, mail, operator, as_member):
    client = as_member()
    url = f"/report/{mail}"
    for page in (f"/optout/{mail}", f"/erase?about={mail}"):
        assert f'href="{url}"' in client.get(page).text
    for _scan in range(3):
        assert "Buy my boat" in client.get(url).text
    assert db.session.query(Report).count() == 0
    assert client.post(url, {"text": "Hmm"}).status_code == 422
    answer = client.post(url, {"reason": "advertising", "text": "She sells boats"})
    assert (answer.status_code, "won't be told" in words(answer)) == (200, True)
    shown = as_member(operator).get("/admin/reports")
    assert "an email to somebody outside" in words(shown)
    assert "Reported by somebody who got an email" in words(shown)
    assert "Buy my boat" in shown.text
    for private in ("grace@out.example", "Grace Guest", factories.lookup("grace@out.example")):
        assert private not in shown.text
    assert "She sells" not in words(as_member(ana).get("/invitations/guests"))


def test_a_forged_link_and_an_address_without_a_mail_have_nothing_to_report(mail, as_member):
    client = as_member()
    for about in ("x", mail[:-2], tokens.sign("optout", factories.lookup("nobody@out.example"))):
        assert client.get(f"/report/{about}").status_code == 404
        assert client.post(f"/report/{about}", {"reason": "other"}).status_code == 404


def test_too_many_reports_of_one_mail_are_stopped_and_keep_what_was_typed(mail, as_member):
    client = as_member()
    for _try in range(5):
        assert client.post(f"/report/{mail}", {"reason": "other"}).status_code == 200
    answer = client.post(f"/report/{mail}", {"reason": "other", "text": "Once more & more"})
    assert (answer.status_code, "Once more &amp; more" in answer.text) == (429, True)
    assert db.session.query(Report).count() == 1


# Acts


def test_an_act_is_asked_once_with_its_reason_and_stands_on_the_members_page(ana, operator, as_member):
    browser, url = as_member(operator), f"/admin/people/{ana.handle}"
    assert f'href="{url}"' in browser.get(f"/people/{ana.handle}").text
    assert f'href="{url}"' not in as_member(ana).get(f"/people/{operator.handle}").text
    assert "Suspend Ana Lima?" in words(browser.get(f"{url}/suspend"))
    asked = browser.post(f"{url}/suspend", {"reason": " "})
    assert (asked.status_code, "Say why" in words(asked)) == (422, True)
    assert browser.post(f"{url}/suspend", {"reason": "Sold <b>boats</b>"}).status_code == 303
    shown = browser.get(url)
    assert "Sold &lt;b&gt;boats&lt;/b&gt;" in shown.text
    assert "Suspended since" in words(shown)
    refused = browser.post(f"{url}/suspend", {"reason": "Again & again"})
    assert (refused.status_code, "is suspended already" in words(refused), "Again &amp; again" in refused.text) == (
        409,
        True,
        True,
    )
    assert browser.post(f"{url}/silence", {"reason": "Boats", "days": "0"}).status_code == 303
    assert "until an operator lifts it" in words(browser.get(url))
    assert browser.post(f"{url}/silence", {"reason": "Boats", "days": "x"}).status_code == 422
    for what in ("lift", "unsilence"):
        assert browser.post(f"{url}/{what}", {"reason": "Talked"}).status_code == 303
    assert "Suspended since" not in words(browser.get(url))
    log = words(browser.get("/admin/log"))
    assert [log.index(text) for text in ("May invite again", "Suspension lifted", "May invite nobody", "Suspended ")]
    assert browser.get("/admin/people/nobody-abcd").status_code == 404


def test_operators_leave_their_own_account_alone(operator, as_member):
    browser, url = as_member(operator), f"/admin/people/{operator.handle}"
    assert "This is you" in words(browser.get(url))
    assert browser.post(f"{url}/suspend", {"reason": "Tired"}).status_code == 409


def test_i_dont_know_this_person_is_shown_to_operators_alone(ana, operator, as_member):
    for number in range(5):
        moderation.report(factories.member(f"Reporter {number}"), ana, "unknown")
    db.session.commit()
    assert "5 people said within 30 days" in words(as_member(operator).get(f"/admin/people/{ana.handle}"))


def test_who_is_suspended_sees_one_page_after_the_right_password(ana, ben, operator, as_member):
    client = as_member()
    address = accounts.primary_address(ana)
    factories.connect(ana, ben)
    acts.suspend(operator, ana, "Sold <b>boats</b>")
    db.session.commit()
    wrong = client.post("/signin", {"email": address, "password": "not the right one"})
    unknown = client.post("/signin", {"email": "nobody@example.org", "password": "not the right one"})
    assert (wrong.status_code, words(wrong).replace(address, "")) == (
        unknown.status_code,
        words(unknown).replace("nobody@example.org", ""),
    )
    assert client.post("/signin", {"email": address, "password": factories.PASSWORD}).status_code == 303
    db.session.rollback()
    assert db.session.query(SignIn).count() == 1
    for path in ("/", "/feed", "/messages", "/settings", f"/people/{ben.handle}", "/admin/log", "/settings/operators"):
        answer, hops = client.get(path), 0
        while answer.status_code == 303 and hops < 4:
            answer, hops = client.get(answer.headers["Location"]), hops + 1
        assert answer.status_code == 200
        if path.startswith("/people"):  # public: as somebody who is not signed in
            assert "Sold" in answer.text or "Sign in" in answer.text
            continue
        assert "Your account is suspended" in words(answer), path
        assert "Sold &lt;b&gt;boats&lt;/b&gt;" in answer.text
        assert "Ben" not in answer.text
    for path in ("/settings/export", "/settings/leave"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'class="nav"' not in page.text
    tried = client.post(f"/people/{ben.handle}/connect")
    assert (tried.status_code, tried.headers["Location"]) == (303, "/suspended")
    assert client.post("/signout").status_code == 303
    assert "Sign in" in words(client.get("/signin"))


def test_a_member_reads_in_settings_what_operators_did(ana, ben, operator, as_member):
    browser = as_member(ana)
    assert "No operator did anything about you" in words(browser.get("/settings/operators"))
    acts.silence_invitations(operator, ana, "Sold boats", 30)
    moderation.report(ben, ana, "other")
    db.session.commit()
    moderation.settle(operator, db.session.scalars(select(Report.id)).one(), "acted", "Hush")
    db.session.commit()
    shown = words(browser.get("/settings/operators"))
    assert "Sold boats" in shown
    assert "You can't invite anybody until" in shown
    for private in ("Olga", "Hush", "report"):
        assert private not in shown.partition("What operators did about you")[2].partition("Operators")[0]
    refused = browser.get(f"/people/{ben.handle}/connect")
    assert (refused.status_code, "Sold boats" in words(refused)) == (409, True)
    assert browser.post(f"/people/{ben.handle}/connect").status_code == 409
    assert browser.get("/suspended").headers["Location"] == "/"


# The desk: its rules are tried on both engines in tests/domain/test_desk.py

on_one = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def desk(ana, ben, operator, as_member, app):
    return as_member(operator)


@on_one
def test_members_are_listed_searched_and_narrowed_and_no_list_has_an_address(ana, ben, operator, desk):
    factories.member("Uma Unconfirmed", email="uma@out.example", verified=False)
    shown = desk.get("/admin/members")
    assert words(shown).index("Uma Unconfirmed") < words(shown).index("Ana Lima")
    assert "Ben &lt;b&gt;Okafor&lt;/b&gt;" in shown.text
    assert "@out.example" not in shown.text
    assert "@example.org" not in shown.text
    found = desk.get("/admin/members?q=ana")
    assert "Ana Lima" in found.text
    assert "Okafor" not in found.text
    by_address = desk.get("/admin/members?q=uma%40out.example&state=unconfirmed")
    assert "Uma Unconfirmed" in by_address.text
    assert "Nobody is found by that" in words(desk.get("/admin/members?q=xyz"))
    assert "Ana Lima" in desk.get("/admin/members?state=nonsense").text
    assert "Operator" in words(desk.get("/admin/members?state=operators"))


@on_one
def test_more_members_than_a_page_has_come_page_by_page(operator, desk):
    for number in range(30):
        factories.member(f"Member {number:02}")
    first = desk.get("/admin/members?q=member")
    more = re.search(r'href="(/admin/members\?after=[^"]+)"', first.text)[1].replace("&amp;", "&")
    seen = [re.findall(r"Member (\d\d)</bdi>", page.text) for page in (first, desk.get(more))]
    assert seen[0] + seen[1] == [f"{number:02}" for number in reversed(range(30))]


@on_one
def test_who_has_not_confirmed_gets_the_mail_again_and_nothing_else_is_offered(desk):
    uma = factories.member("Uma", email="uma@out.example", verified=False)
    url = f"/admin/people/{uma.handle}"
    page = desk.get(url)
    assert "uma@out.example" in page.text
    assert re.findall(rf'"({url}/[\w-]+)"', page.text) == [f"{url}/confirm"]
    assert desk.post(f"{url}/confirm").status_code == 303
    assert "on its way once more" in words(desk.get(url))
    for _time in range(2):
        desk.post(f"{url}/confirm")
    assert desk.post(f"{url}/confirm").status_code == 429
    for what in ("suspend", "delete", "sign-out"):
        assert desk.post(f"{url}/{what}", {"reason": "x"}).status_code == 404


@on_one
def test_a_deleted_member_reads_why_takes_their_data_and_cannot_call_it_off(ana, desk, as_member):
    url = f"/admin/people/{ana.handle}"
    page = desk.get(url)
    assert accounts.primary_address(ana) in page.text
    asked = desk.post(f"{url}/delete", {"reason": " "})
    assert (asked.status_code, "Say why" in words(asked)) == (422, True)
    assert "In 7 days the account is deleted" in words(asked)
    assert desk.post(f"{url}/delete", {"reason": "Sold <i>addresses</i>"}).status_code == 303
    shown = words(desk.get(url))
    assert "The account is deleted on" in shown
    assert "Keep the account" in shown
    assert "Lift the suspension" not in shown
    assert desk.post(f"{url}/lift", {"reason": "x"}).status_code == 409
    browser = as_member(ana)
    why = browser.get("/suspended")
    assert "Sold &lt;i&gt;addresses&lt;/i&gt;" in why.text
    assert "deletes your account on" in words(why)
    assert "<h1>Your account will be deleted</h1>" in why.text
    assert "/settings/leave" not in why.text
    assert browser.get("/settings/export").status_code == 200
    leave = browser.get("/settings/leave")
    assert "Operators delete your account" in words(leave)
    assert browser.post("/settings/leave", {"password": factories.PASSWORD}).status_code == 409
    assert desk.post(f"{url}/keep", {"reason": "It was somebody else"}).status_code == 303
    assert "Suspended since" in words(desk.get(url))
    assert "The account is deleted , on" in words(desk.get("/admin/log"))


@on_one
def test_a_member_is_signed_out_everywhere_and_reads_why(ana, desk, as_member):
    browser = as_member(ana)
    assert desk.post(f"/admin/people/{ana.handle}/sign-out", {"reason": "A lost phone"}).status_code == 303
    assert browser.get("/network").status_code == 303
    assert "A lost phone" in words(as_member(ana).get("/settings/operators"))


@on_one
def test_the_overview_names_what_needs_somebody_each_with_its_page(ana, ben, desk):
    assert "Nothing needs you" in words(desk.get("/admin"))
    moderation.report(ana, ben, "other")
    now = clock.now()
    for state in ("uncertain", "failed"):
        row = OutgoingMail(kind="reset", to_member_id=ana.id, state=state, created_at=now, not_before=now, facts={})
        db.session.add(row)
    db.session.commit()
    page = desk.get("/admin/")
    assert "1 report waits" in words(page)
    assert "1 mail may or may not have left" in words(page)
    assert "1 mail was refused for good" in words(page)
    assert set(re.findall(r'class="name cover" href="([^"]+)"', page.text)) == {"/admin/reports", "/admin/mail"}
    assert "kept in the mailbox, no mail server is set" in words(page)


@on_one
def test_a_mail_that_went_wrong_is_sent_again_after_a_question_or_put_aside(ana, desk):
    now = clock.now()
    given = {"to_member_id": ana.id, "created_at": now, "not_before": now, "facts": {}}
    for kind, state in (("reset", "uncertain"), ("invitation", "uncertain"), ("digest", "failed")):
        db.session.add(OutgoingMail(kind=kind, state=state, reason="550 <b>no</b>", **given))
    db.session.commit()
    page = desk.get("/admin/mail")
    assert "550 &lt;b&gt;no&lt;/b&gt;" in page.text
    assert re.findall(r"/admin/mail/(\d)/again", page.text) == ["3", "1"]
    assert "it may arrive twice" in words(desk.get("/admin/mail/1/again"))
    assert "refused it for good" in words(desk.get("/admin/mail/3/again"))
    assert desk.post("/admin/mail/2/again").status_code == 409
    assert desk.get("/admin/mail/99/again").status_code == 404
    for number in (1, 3):
        assert desk.post(f"/admin/mail/{number}/again").status_code == 303
    assert desk.post("/admin/mail/2/aside").status_code == 303
    assert desk.post("/admin/mail/2/aside").status_code == 404
    assert "Nothing went wrong" in words(desk.get("/admin/mail"))
    states = db.session.scalars(select(OutgoingMail.state).order_by(OutgoingMail.id)).all()
    assert states == ["queued", "skipped", "queued"]


@on_one
def test_an_operator_is_made_a_member_again_at_the_machine_but_not_the_last_one(app, ana, operator, monkeypatch):
    from click.testing import CliRunner

    from webapp.cli import members

    monkeypatch.setattr(members, "application", lambda **_how: app)
    address = accounts.primary_address(operator)
    db.session.rollback()
    refused = CliRunner().invoke(members.drop_admin, [address])
    assert refused.exit_code == 1
    assert "only one who runs this community" in refused.output
    assert CliRunner().invoke(members.make_admin, [accounts.primary_address(ana)]).exit_code == 0
    db.session.rollback()
    done = CliRunner().invoke(members.drop_admin, [address])
    assert (done.exit_code, "a member like any other now" in done.output) == (0, True)
    db.session.rollback()
    assert db.session.get(type(operator), operator.id).is_operator is False
