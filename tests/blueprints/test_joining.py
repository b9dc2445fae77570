"""Who may join: four ways to say it, and what each changes in forms, mails and on the operators' pages."""

import re
from io import BytesIO

import pytest
from sqlalchemy import select

from tests import factories, working
from tests.invited import GUEST, connected, fields, invite, link, words
from webapp import clock
from webapp.domain import accounts, joining, links, people, profiles, roster
from webapp.domain.errors import Refused
from webapp.extensions import db
from webapp.models.act import Act
from webapp.models.joining import Applicant, RosterEntry
from webapp.models.leaving import Departure
from webapp.models.member import EmailAddress, Member
from webapp.models.notification import Notification
from webapp.transaction import transaction

EVE = "eve@out.example"
TYPED = {"name": "Eve Adler", "email": EVE, "password": factories.PASSWORD}
WHY = "I was in the rowing club with <Ana>."
ON_SQLITE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)


@pytest.fixture
def olga(context):
    """An operator."""
    found = factories.member("Olga Operator", "olga@northgate.example", is_operator=True).id
    db.session.commit()
    return found


def named(name):
    db.session.rollback()
    return db.session.scalars(select(Member).where(Member.name == name)).one_or_none()


def sign_up(browser, url="/signup", **given):
    """Join by a form; the subject of the mail that came, and the path of its link if it has one."""
    answer = browser.post(url, TYPED | given)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signup/check-mail")
    working.run()
    mail = working.mails()[-1]
    found = re.search(r"(/confirm/[\w-]+)", mail.raw)
    return mail, found and found[1]


def confirm(browser, path):
    return browser.post(path, {"password": factories.PASSWORD})


def ask_in(browser, **given):
    """Join and confirm the address, where operators decide; the answer to the confirmation."""
    _mail, path = sign_up(browser, **given)
    return confirm(browser, path)


# approval


def test_who_joins_waits_until_an_operator_lets_them_in(olga, as_member, setting):
    setting(JOIN="approval")
    eve, desk = as_member(), as_member(olga)
    assert "Why would you like to join?" in words(eve.get("/signup"))
    mail, path = sign_up(eve, why=WHY)
    assert "decides whether you can come in" in mail.raw
    assert joining.number_waiting() == 0, "the address is not confirmed"
    assert confirm(eve, path).status_code == 303
    working.run()
    assert [mail.to for mail in working.mails("Somebody waits to join Northgate")] == ["olga@northgate.example"]

    # One page, which says so. Whatever is public, they see as somebody who is not signed in.
    waiting = eve.get("/waiting")
    assert "Almost there" in words(waiting)
    assert "I was in the rowing club with &lt;Ana&gt;." in waiting.text
    for url in ("/network", "/contacts", "/people", "/messages", "/settings", "/admin/joining", "/suspended"):
        assert eve.get(url).headers["Location"] == "/waiting", url
    assert eve.post("/people/olga-xxxx/connect").status_code == 303
    assert as_member(olga).get("/waiting").headers["Location"] == "/"

    # For everybody else they are not there.
    someone = factories.member("Sam Someone")
    db.session.commit()
    handle = named("Eve Adler").handle
    browser = as_member(someone)
    assert browser.get(f"/people/{handle}").status_code == 404
    assert "Eve Adler" not in browser.get("/people?q=Eve").text
    assert people.total() == 2
    assert accounts.by_address(EVE) is not None, "the address is taken"

    # Operators are told, once, read what was written, and decide.
    assert db.session.scalars(select(Notification.kind).where(Notification.member_id == olga)).all() == ["joining"]
    assert "somebody waits to be let in" in words(desk.get("/notifications"))
    page = desk.get("/admin/joining")
    assert "Who may join is set as “join” in config.toml" in words(page)
    assert "I was in the rowing club with &lt;Ana&gt;." in page.text
    assert EVE in page.text
    assert "Waits to be let in" in words(desk.get(f"/admin/people/{handle}"))
    assert "Eve Adler" in desk.get("/admin/members?state=waiting").text
    assert "Eve Adler" not in desk.get("/admin/members?state=suspended").text
    assert "1 person waits to be let in" in words(desk.get("/admin"))
    refused = desk.post(f"/admin/people/{handle}/lift", {"reason": "Why not"})
    assert refused.status_code == 409
    assert "waits to be let in" in words(refused)
    assert (
        browser.get("/admin/joining").status_code == browser.post(f"/admin/joining/{handle}/approve").status_code == 404
    )

    # Pressed twice, taken back, pressed again; nothing happens before the minute is over.
    for _twice in range(2):
        assert desk.post(f"/admin/joining/{handle}/approve").status_code == 303
    assert "Eve Adler is let in. You can undo it for 60 seconds" in words(desk.get("/admin/joining"))
    desk.post(f"/admin/joining/{handle}/decline")
    assert "has decided about Eve Adler already" in words(desk.get("/admin/joining"))
    working.run()
    assert not named("Eve Adler").is_visible
    desk.post(f"/admin/joining/{handle}/undo")
    assert "Eve Adler waits again" in words(desk.get("/admin/joining"))
    clock.move(seconds=61)
    working.run()
    assert not named("Eve Adler").is_visible
    desk.post(f"/admin/joining/{handle}/approve")
    clock.move(seconds=61)
    working.run()

    # In, like everybody.
    assert named("Eve Adler").is_visible
    assert [mail.to for mail in working.mails("Welcome to Northgate")] == [EVE]
    assert db.session.scalars(select(Applicant)).all() == []
    assert db.session.scalars(select(Notification).where(Notification.kind == "joining")).all() == []
    assert [(act.kind, act.reason) for act in db.session.scalars(select(Act))] == [("approved", "")]
    assert eve.get("/network").status_code == 200
    assert eve.get("/waiting").headers["Location"] == "/"
    assert "Let in" in words(eve.get("/settings/operators"))
    assert browser.get(f"/people/{handle}").status_code == 200
    assert "Eve Adler" in browser.get("/people?q=Eve").text
    desk.post(f"/admin/joining/{handle}/undo")
    assert "taken back any more" in words(desk.get("/admin/joining"))
    assert named("Eve Adler").is_visible
    assert "Nobody waits" in words(desk.get("/admin/joining"))


def test_who_is_declined_is_deleted_and_told(olga, as_member, setting):
    setting(JOIN="approval")
    eve, desk = as_member(), as_member(olga)
    ask_in(eve, why=WHY)
    handle = named("Eve Adler").handle
    desk.post(f"/admin/joining/{handle}/decline")
    clock.move(seconds=61)
    working.run()
    assert "has not let you in" in words(eve.get("/waiting")) or eve.get("/waiting").status_code == 303
    for _step in range(60):
        working.run()
    assert [mail.to for mail in working.mails("Joining Northgate")] == [EVE]
    assert "Your account is deleted" in working.mails("Joining Northgate")[0].raw
    clock.move(hours=25)
    for _step in range(5):
        working.run()
    assert named("Eve Adler") is None
    for table in (Applicant, Departure):
        assert db.session.scalars(select(table)).all() == []
    assert db.session.scalars(select(EmailAddress).where(EmailAddress.lookup == factories.lookup(EVE))).all() == []
    lines = db.session.scalars(select(Act)).all()
    assert [(act.kind, act.member_id, act.reason) for act in lines] == [("declined", None, "")]
    assert accounts.sign_up("Eve Adler", EVE, "hash") is not None, "they may ask again"
    db.session.rollback()


@ON_SQLITE
def test_whom_a_member_invited_waits_too_and_is_connected_when_let_in(olga, as_member, setting):
    ana, ben = factories.member("Ana Lima").id, factories.member("Ben Okafor").id
    mail = invite(ana, ben)
    setting(JOIN="approval")
    guest = as_member()
    page = guest.get(link(mail))
    assert "Why would you like to join?" in words(page)
    given = fields(page) | {"inviter": [str(ana)], "name": "Grace Hopper", "password": factories.PASSWORD, "why": WHY}
    assert guest.post(link(mail), given).status_code == 303
    assert "Almost there" in words(guest.get("/waiting"))
    db.session.rollback()
    assert db.session.scalars(select(Applicant)).one().why == WHY
    assert not connected(ana, named("Grace Hopper").id)
    assert "no answer yet" in words(as_member(ana).get("/invitations/guests"))
    clock.move(days=40)  # the invitation has ended by itself; their yes has not
    working.run(tidying=True)
    handle = named("Grace Hopper").handle
    as_member(olga).post(f"/admin/joining/{handle}/approve")
    clock.move(seconds=61)
    working.run()
    assert connected(ana, named("Grace Hopper").id)
    assert not connected(ben, named("Grace Hopper").id)
    assert accounts.by_address(GUEST).is_visible


@ON_SQLITE
def test_whoever_comes_by_a_link_waits_too_and_meets_its_owner_when_let_in(olga, as_member, setting):
    ana = factories.member("Ana Lima").id
    db.session.commit()
    with transaction():
        made = links.make(db.session.get_one(Member, ana), "Reunion", 30, 50, connects=True)
        url = f"/join/by/{links.token_of(made)}"
    setting(JOIN="approval")
    eve = as_member()
    assert "Why would you like to join?" in words(eve.get(url))
    _mail, path = sign_up(eve, url, why=WHY)
    confirm(eve, path)
    db.session.rollback()
    assert db.session.scalars(select(Applicant)).one().why == WHY
    assert not connected(ana, named("Eve Adler").id)
    as_member(olga).post(f"/admin/joining/{named('Eve Adler').handle}/approve")
    clock.move(seconds=61)
    working.run()
    assert connected(ana, named("Eve Adler").id)


@ON_SQLITE
def test_make_admin_lets_in_who_waits(olga, as_member, setting):
    setting(JOIN="approval")
    ask_in(as_member())
    with transaction():
        assert joining.make_operator(EVE) is None
    assert named("Eve Adler").is_visible
    assert named("Eve Adler").is_operator
    with transaction():
        token = joining.make_operator("new@northgate.example")
    who = {"name": "Nora New", "password": factories.PASSWORD}
    assert as_member().post(f"/operator/{token}", who).status_code == 303
    assert named("Nora New").is_visible


@ON_SQLITE
def test_a_decision_of_who_is_no_operator_any_more_is_somebody_elses(olga, as_member, setting):
    setting(JOIN="approval")
    ask_in(as_member())
    as_member(olga).post(f"/admin/joining/{named('Eve Adler').handle}/approve")
    db.session.get_one(Member, olga).is_operator = False
    db.session.commit()
    clock.move(seconds=61)
    working.run()
    assert not named("Eve Adler").is_visible
    assert db.session.scalars(select(Applicant.decision)).all() == [""]


@ON_SQLITE
def test_what_they_write_has_a_limit_and_stays_in_the_form(olga, as_member, setting):
    setting(JOIN="approval")
    answer = as_member().post("/signup", TYPED | {"why": "x" * 1001})
    assert answer.status_code == 422
    assert "Use at most 1,000 characters" in answer.text
    assert "x" * 1001 in answer.text
    setting(JOIN="open")
    assert "Why would you" not in as_member().get("/signup").text


@ON_SQLITE
def test_who_waits_can_leave(olga, as_member, setting):
    setting(JOIN="approval")
    eve = as_member()
    ask_in(eve)
    assert eve.get("/settings/leave").status_code == 200
    handle = named("Eve Adler").handle
    assert eve.post("/settings/leave", {"password": factories.PASSWORD}).status_code == 303
    assert "Eve Adler" not in as_member(olga).get("/admin/joining").text
    assert as_member(olga).post(f"/admin/joining/{handle}/approve").status_code == 303
    working.run()
    assert not named("Eve Adler").is_visible


# invitation, and switching


@ON_SQLITE
def test_a_switch_counts_for_who_has_not_confirmed_yet(olga, as_member, setting):
    eve = as_member()
    _mail, path = sign_up(eve)
    setting(JOIN="invitation")
    assert "Joining is by invitation" in words(eve.get("/signup"))
    refused = confirm(eve, path)
    assert refused.status_code == 409
    assert "Joining here is by invitation" in words(refused)
    assert named("Eve Adler").verified_at is None
    setting(JOIN="open")
    assert confirm(eve, path).status_code == 303
    assert named("Eve Adler").is_visible


# roster

CSV = "Name;E-Mail-Adresse;Jahrgang\nEve Adler; EVE@out.example ;2009\nFay;fay@out.example;Class of 1999\n;;\n"


def upload(desk, text, how="add"):
    raw = text.encode() if isinstance(text, str) else text
    return desk.post(
        "/admin/roster", {"file": (BytesIO(raw), "list.csv"), "how": how}, content_type="multipart/form-data"
    )


def test_who_is_on_the_roster_joins_and_has_their_year_confirmed(olga, as_member, setting):
    setting(JOIN="roster")
    desk = as_member(olga)
    assert "The roster is empty" in words(desk.get("/admin/roster"))
    upload(desk, "email,class\neve@out.example,2008\n")
    assert desk.post("/admin/roster/remove", {"all": "1", "sure": "1"}).status_code == 303
    db.session.rollback()
    assert db.session.scalars(select(RosterEntry.cohort)).all() == []
    assert upload(desk, CSV).status_code == 303
    page = words(desk.get("/admin/roster"))
    assert "2 addresses are read, and kept as hashes" in page
    assert "Class of 1999 1" in page
    db.session.rollback()
    kept = str([tuple(row) for row in db.session.execute(select(RosterEntry.lookup, RosterEntry.cohort))])
    assert "out.example" not in kept
    assert "Eve" not in kept

    # The forms answer the same to whoever types an address; the mail tells.
    answers = []
    for address in (EVE, "mallory@out.example", "olga@northgate.example"):
        browser = as_member()
        answers.append(browser.post("/signup", TYPED | {"email": address}))
        assert f"<b hx-ignore>{address}</b>" in browser.get("/signup/check-mail").text
    assert len({(answer.status_code, answer.headers["Location"], answer.text) for answer in answers}) == 1
    working.run()
    assert [(mail.to, mail.subject) for mail in working.mails()] == [
        (EVE, "Confirm your address for Northgate"),
        ("mallory@out.example", "Joining Northgate"),
        ("olga@northgate.example", "You already have an account at Northgate"),
    ]
    assert named("Eve Adler") is not None
    assert len(db.session.scalars(select(Member)).all()) == 2, "no account was made for Mallory"
    for _again in range(5):
        as_member().post("/signup", TYPED | {"email": "mallory@out.example"})
    working.run()
    assert len(working.mails("Joining Northgate")) <= 3

    eve = as_member()
    confirm(eve, re.search(r"(/confirm/[\w-]+)", working.mails()[0].raw)[1])
    found = named("Eve Adler")
    assert (found.is_visible, found.roster_cohort, found.cohort) == (True, "2009", "2009")
    sam = factories.member("Sam Someone").id
    db.session.commit()
    assert "2009, confirmed by Northgate" in words(as_member(sam).get(f"/people/{found.handle}"))

    # What stands in the profile is the member's; what is confirmed is the roster's, for those who see the year.
    for audience, seen in (("me", False), ("members", True)):
        with transaction():
            profiles.edit(named("Eve Adler"), {"cohort": audience}, cohort="2010")
        assert ("2009, confirmed by" in words(as_member(sam).get(f"/people/{found.handle}"))) is seen
        assert "2009, confirmed by" in words(eve.get(f"/people/{found.handle}"))
    upload(desk, "email,class\neve@out.example,2008\n", "replace")
    db.session.rollback()
    assert db.session.scalars(select(RosterEntry.cohort)).all() == ["2008"]
    assert named("Eve Adler").roster_cohort == "2008"
    asked = desk.post("/admin/roster/remove", {"all": "1"})
    assert (asked.status_code, "Tick that you mean all of them" in words(asked)) == (422, True)
    assert db.session.scalars(select(RosterEntry.cohort)).all() == ["2008"]
    assert desk.post("/admin/roster/remove", {"email": EVE}).status_code == 303
    assert named("Eve Adler").roster_cohort == ""
    assert named("Eve Adler").is_visible, "who joined with it stays"
    assert "The roster is empty" in words(desk.get("/admin/roster"))


@ON_SQLITE
def test_the_roster_confirms_in_every_mode_and_for_added_addresses(olga, as_member, setting):
    upload(as_member(olga), CSV)
    ana = factories.member("Ana Lima", cohort="1990")
    factories.address(ana, "fay@out.example", verified=False, primary=False)
    db.session.commit()
    with transaction():
        row = db.session.scalars(
            select(EmailAddress).where(EmailAddress.lookup == factories.lookup("fay@out.example"))
        ).one()
        accounts.verify(row)
    found = named("Ana Lima")
    assert (found.roster_cohort, found.cohort) == ("Class of 1999", "1990")


@ON_SQLITE
def test_with_a_roster_a_members_invitation_lets_in_too(olga, as_member, setting):
    ana = factories.member("Ana Lima").id
    mail = invite(ana)
    setting(JOIN="roster")
    by_form, path = sign_up(as_member(), email=GUEST, name="Grace Hopper")
    assert by_form.subject == "Confirm your address for Northgate", "they were invited at this address"
    assert confirm(as_member(), path).status_code == 303
    assert named("Grace Hopper").is_visible
    with transaction():
        made = links.make(db.session.get_one(Member, ana), "Reunion", 30, 50, connects=False)
        url = f"/join/by/{links.token_of(made)}"
    _mail, path = sign_up(as_member(), url)
    assert confirm(as_member(), path).status_code == 303
    assert named("Eve Adler").is_visible
    assert mail


@ON_SQLITE
def test_an_address_that_was_taken_off_before_it_was_confirmed_does_not_join(olga, as_member, setting):
    setting(JOIN="roster")
    upload(as_member(olga), CSV)
    eve = as_member()
    _mail, path = sign_up(eve)
    with transaction():
        roster.replace({})
    refused = confirm(eve, path)
    assert refused.status_code == 409
    assert "not on the list of those who can join" in words(refused)
    member = factories.member("Pat Pending", verified=False)
    factories.address(member, "pat@out.example", verified=False)
    row = db.session.scalars(
        select(EmailAddress).where(EmailAddress.lookup == factories.lookup("pat@out.example"))
    ).one()
    with pytest.raises(Refused):
        accounts.verify(row)
    db.session.rollback()


@ON_SQLITE
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is nothing in that file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "We found no email addresses"),
        ("Name,Year\nEve,2009\n", "We found no email addresses"),
    ],
)
def test_a_file_without_addresses_is_one_sentence(olga, as_member, text, said):
    desk = as_member(olga)
    answer = upload(desk, text)
    assert answer.status_code == 422
    assert said in words(answer)
    assert "Choose a file first" in words(desk.post("/admin/roster", {"how": "add"}))
    assert "Choose one of the answers" in words(upload(desk, CSV, "whatever"))
    assert "Enter an email address" in words(desk.post("/admin/roster/remove", {"email": "nobody"}))
    assert db.session.scalars(select(RosterEntry)).all() == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a@x.example\nb@x.example, c@x.example\n", [("a@x.example", ""), ("b@x.example", ""), ("c@x.example", "")]),
        ("Promotion\tCourriel\n2001\ta@x.example\n", [("a@x.example", "2001")]),
        (
            "A note before it\n\nFirst Name,Last Name,E-mail 1 - Value,Class Year\nA,B,a@x.example,1987\n",
            [("a@x.example", "1987")],
        ),
        ('Email,Year\n"a@x.example; b@x.example",1999\n,2000\n', [("a@x.example", "1999"), ("b@x.example", "1999")]),
    ],
)
def test_whatever_the_columns_are_called(text, read):
    from webapp.providers import files

    assert files.roster(text.encode()) == read
    assert files.roster(text.encode("utf-16")) == read
