"""Inviting people who are not members: who was ticked, one mail, the one that was shown, ended by one press, nothing to learn from it."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select

from tests import crawl, factories
from tests.forging import altered
from tests.wizard import Wizard
from webapp import clock, config, jobs
from webapp.domain import acts, guests, ledger, relationships
from webapp.extensions import db
from webapp.jobs import housekeeping, mail
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member
from webapp.transaction import transaction

ONE_ENGINE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
"""Where what is tested lies above the database."""
GUEST = "grace@out.example"


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@home.example", headline="River ecologist").id


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor", "ben@home.example").id


def member(member_id):
    return db.session.get_one(Member, member_id)


def invite(by, *addresses, **more):
    db.session.rollback()
    with transaction():
        people = [guests.Invitee("Grace Hopper", address, factories.lookup(address)) for address in addresses]
        return guests.invite(member(by), people, source="Google contacts", **more)


def work(**moved):
    """Let time pass, and the worker and the housekeeping do what is due."""
    clock.move(**(moved or {"seconds": 61}))
    db.session.rollback()
    jobs.run_due()
    housekeeping.tidy()
    db.session.rollback()


def states(of):
    db.session.rollback()
    return [row.state for row in db.session.scalars(guests.mine(member(of)))]


def told(of):
    db.session.rollback()
    return [(line.what, dict(line.facts)) for batch in ledger.lines_of(member(of)) for line in batch]


def text_of(message, part="plain"):
    return message.get_body((part,)).get_content().replace("\r\n", "\n")


def link_in(message, what="join"):
    return re.search(rf"/{what}/\S+", text_of(message))[0]


def tick_all(wizard, note=""):
    """Tick everybody on the second screen and send."""
    page = wizard.get("/others")
    form = {"shown": page.hidden["shown"], "tick": list(page.boxes), "note": note, "do": "add"}
    return wizard.post("/others", form)


@ONE_ENGINE
def test_15_only_who_was_ticked(ana, ben, as_member):
    """People who are not members arrive un-ticked; the number on the button is that of the ticks, and is counted by the
    server; it sends to who is ticked in this member's own book and to nobody else, whatever positions, addresses or ids
    a request names.
    """
    wizard, other = Wizard(as_member(ana)), Wizard(as_member(ben))
    other.paste("Other <other@out.example>", "More <more@out.example>", "Most <most@out.example>")
    wizard.paste("Ada <ada@out.example>", "Bo <bo@out.example>")
    page = wizard.get("/others")
    assert page.boxes == {0: False, 1: False}
    assert "Add to network" in page.words
    assert "Add 1 to network" in wizard.part("/others/tick", {"at": "1", "on": "1"}).words
    assert "Add 2 to network" in wizard.part("/others/tick", {"at": "0", "on": "1"}).words
    assert "Add 1 to network" in wizard.part("/others/tick", {"at": "0", "on": "0"}).words
    page = wizard.get("/others")
    assert page.boxes == {0: False, 1: True}
    assert page.words.count("Add 1 to network") >= 1
    forged = {
        "do": "add", "note": "", "shown": "0,1,2,7,-1,x", "tick": ["1", "2", "7", "-1", "x"],
        "address": "other@out.example", "member_id": str(ben), "import_id": "1", "id": "1", "lookup": factories.lookup("more@out.example"),
    }  # fmt: skip
    assert wizard.post("/others", forged).response.headers["Location"] == "/contacts/done"
    db.session.rollback()
    assert [row.address for row in db.session.scalars(select(GuestInvitation))] == ["bo@out.example"]
    assert other.get("/others").boxes == {0: False, 1: False, 2: False}


def test_16_one_mail_a_year(sink, ana, ben, as_member):
    """At most one mail for an address and this site in 365 days, over all inviters and however it is written: ticked
    again, pressed twice, sent again after Back, in two tabs, from a second import, by a second inviter, undone by the
    first, by two workers at once.
    """

    def mails():
        return [each.lower() for each in sink.recipients].count(GUEST)

    wizard = Wizard(as_member(ana))
    wizard.paste("Grace <Grace@OUT.example>", "Grace <grace@out.example>")
    page = wizard.get("/others")
    form = {"shown": page.hidden["shown"], "tick": list(page.boxes), "note": "", "do": "add"}
    assert wizard.post("/others", form).response.headers["Location"] == "/contacts/done"
    assert wizard.post("/others", form).response.headers["Location"] == "/contacts"  # pressed twice, or after Back
    second = Wizard(as_member(ana))
    second.paste("G. Hopper <grace@out.example>")
    assert second.get("/others").boxes == {}  # no box, until it may be repeated
    assert second.post("/others", {"do": "add", "note": "", "shown": "0", "tick": ["0"]}).status == 422
    first = invite(ben, GUEST, "undone@out.example")
    assert first.invited == 2
    assert invite(ben, GUEST).already == 1
    work()
    work(days=29)
    work(days=300)
    invite(ana, GUEST)
    work()
    assert mails() == 1
    assert states(ben)[-1:] in (["expired"], [])
    clock.move(days=40)
    again = invite(ana, GUEST)
    invite(ben, GUEST)
    assert again.invited == 1
    assert mails() == 1
    with transaction():
        assert guests.undo(member(ana), db.session.merge(again.batch)) == 1
    clock.move(seconds=61)
    db.session.rollback()
    jobs.release()
    claimed = [mail.claim(), mail.claim()]  # two at the table at once
    assert [each and each.recipient for each in claimed] == [GUEST, None]
    mail.deliver(claimed[0])
    work()
    assert mails() == 2  # a year later, and once


@ONE_ENGINE
def test_17_what_was_shown_is_what_leaves(sink, ana, as_member):
    """The mail shown beside the list before sending is the one that leaves, letter by letter, but for the link of its own:
    subject, sender's name, reply-to and both bodies. A note that was altered since is shown first.
    """
    wizard = Wizard(as_member(ana))
    wizard.paste(f"Grace Hopper <{GUEST}>")
    note = 'Come & see "us" <now>'
    form = {"shown": "0", "tick": ["0"], "note": note, "reply_to": "1"}
    altered = wizard.post("/others", form | {"do": "add"})
    assert altered.status == 409
    assert "Here is how it reads now" in altered.words
    assert states(ana) == []
    page = wizard.get("/others")
    shown = wizard.get("/preview").html
    plain = re.search(r"<pre[^>]*>(.*?)</pre>", page.html, re.DOTALL)
    assert wizard.post("/others", form | {"do": "add"}).response.headers["Location"] == "/contacts/done"
    with transaction():
        member(ana).name = "Renamed Meanwhile"
    work()
    (recipient,) = sink.recipients
    said = sink.last()
    own = link_in(said).removeprefix("/join/")
    assert recipient == GUEST
    assert text_of(said, "html").replace(own, guests.LINK_OF_PREVIEW).strip() == shown.strip()
    assert plain is not None
    assert unescape(plain[1]).strip() == text_of(said).replace(own, guests.LINK_OF_PREVIEW).strip()
    for told_before in (str(said["Subject"]), said["From"].addresses[0].display_name, str(said["Reply-To"])):
        assert told_before in page.words
    assert said["Reply-To"] == "ana@home.example"


@ONE_ENGINE
@pytest.mark.parametrize("reply_to", [True, False])
def test_18_what_the_mail_says(sink, ana, as_member, setting, reply_to):
    """The mail names who invites, who runs the site and where, why its reader gets it and what is kept of them; it has
    links to end all mail, to say "that's not me" and to see and erase what is kept. It comes from the site's own
    address, answers go to the inviter only where they chose that, there is a plain text, nothing in it is loaded or
    counted, and every link leads to this site.
    """
    setting(OPERATOR_NAME="the association", POSTAL_ADDRESS="1 Harbour Street, Porto")
    invite(ana, GUEST, note="Do come", reply_to=reply_to)
    work()
    said = sink.last()
    (sender,) = said["From"].addresses
    assert sender.display_name == "Ana Lima via Northgate"
    assert sender.addr_spec == config.sender()
    assert sender.addr_spec != "ana@home.example"
    assert said["Reply-To"] == ("ana@home.example" if reply_to else None)
    assert [part.get_content_type() for part in said.iter_parts()] == ["text/plain", "text/html"]
    base = config.setting("BASE_URL")
    for part in ("plain", "html"):
        body = text_of(said, part)
        for words in (
            "Ana Lima",
            "Northgate is run by the association",
            "1 Harbour Street, Porto",
            "your address came from Google contacts",
        ):
            assert words in body
        assert "kept for this invitation only" in body
        links = re.findall(r"https?://[^\s<>\"]+", body)
        assert all(each.startswith(f"{base}/") for each in links)
        assert {"/join/" in each for each in links} == {True, False}
        assert sum("/optout/" in each for each in links) >= 2
        assert any(each.endswith("not-me=1") for each in links)
    html = text_of(said, "html")
    assert not re.search(r"<(img|script|iframe|link|object|video|audio|form)\b|\bsrc=|url\(", html)
    landing = as_member().get(link_in(said))
    day = f"{clock.now():%-d %B %Y}"
    assert f"Ana Lima, from Google contacts, imported {day}" in landing.text
    assert "/erase?about=" in landing.text


def test_19_one_press_ends_it(app, sink, ana, ben, as_member):
    """One press in the mail program ends it (RFC 8058): a POST without cookie, token or Referer, from anywhere, is a 200
    without a redirect; from then on no invitation and no other mail that a member causes reaches the address from
    anybody, not even what was waiting, and for good. Opening the link changes nothing, twice is once, a forged or
    altered one is not found, and the token never grows old. What is asked for at the site itself still comes, once a
    month, and proving the address in an account lifts it; no inviter can tell.
    """
    sink.rcpt["later@out.example"] = "451 later"
    invite(ana, GUEST, "later@out.example")
    work()
    before = states(ana)
    said = sink.last()
    assert said["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = said["List-Unsubscribe"].strip("<>").removeprefix(config.setting("BASE_URL"))
    other = guests.facts_for(member(ana), name="", address="later@out.example", note="", reply_to=False, source="")
    strange = app.test_client()

    def press(where, **more):
        return strange.post(
            where,
            data={"List-Unsubscribe": "One-Click"},
            headers={"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"},
            environ_base={"REMOTE_ADDR": "203.0.113.9"},
            **more,
        )

    for ask in (strange.get, strange.head):
        assert ask(path).status_code == 200
    assert opted_out() == 0
    for forged in (altered(path), "/optout/nonsense", path.replace("/optout/", "/optout/x")):
        assert press(forged).status_code == 404
    assert opted_out() == 0
    clock.move(days=700)
    for _ in range(2):
        answer = press(path)
        assert (answer.status_code, answer.text, answer.headers.get("Set-Cookie")) == (200, "ok\n", None)
    clock.move(days=-700)
    assert press(other["opt_out_link"].removeprefix(config.setting("BASE_URL"))).status_code == 200
    assert opted_out() == 2
    sink.rcpt.clear()
    work(minutes=10)  # what had been waiting does not leave either
    assert sink.recipients == [GUEST]
    invite(ben, GUEST, "later@out.example")
    work()
    assert sink.recipients == [GUEST]
    assert set(states(ben)) == {"invited"}
    assert before == ["invited", "invited"] == states(ana)
    clock.move(days=800)
    invite(ana, GUEST)
    work()
    assert sink.recipients == [GUEST]
    # What its owner asks for at the site comes, once a month.
    browser = as_member()
    for _ in range(3):
        given = {"name": "Grace", "email": GUEST, "password": factories.PASSWORD}
        assert browser.post("/signup", given).status_code in {200, 303}
    work()
    assert sink.recipients == [GUEST, GUEST]
    assert "/confirm/" in text_of(sink.last())
    token = link_in(sink.last(), "confirm").removeprefix("/confirm/")
    assert browser.post(f"/confirm/{token}", {"password": factories.PASSWORD}).status_code in {200, 303}
    db.session.rollback()
    assert db.session.get(GuestAddress, factories.lookup(GUEST)).opted_out_at is None
    grace = db.session.scalars(select(Member).where(Member.name == "Grace")).one().id
    work()
    before = sink.recipients.count(GUEST)
    with transaction():
        relationships.invite(member(ben), [grace])
    work()
    assert sink.recipients.count(GUEST) == before + 1


def opted_out():
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(GuestAddress.opted_out_at.is_not(None)))


@ONE_ENGINE
def test_20_no_reminder_in_sixty_days(sink, ana):
    """In sixty days with the worker running, an invitation nobody answers is exactly one mail: there is no reminder. It
    ends after 30 days, in the following night its address is gone, thirty days later the name, and only a keyed hash
    stays: with the date for 365 days, for good where the address wants no more.
    """
    invite(ana, GUEST, "never@out.example")
    work()
    guests.opt_out(factories.lookup("never@out.example"))
    db.session.commit()
    for day in range(1, 62):
        rows = db.session.scalars(select(GuestInvitation).order_by(GuestInvitation.id)).all()
        assert {row.state for row in rows} == {"invited" if day <= 30 else "expired"}, day
        assert {row.address is None for row in rows} == {day > 30}, day
        work(days=1)
    assert sink.recipients == [GUEST, "never@out.example"]
    rows = db.session.scalars(select(GuestInvitation)).all()
    assert [(row.address, row.name, row.facts) for row in rows] == [(None, None, {})] * 2
    assert {GUEST, "never@out.example"}.isdisjoint(everything().split())
    assert "Grace" not in everything()
    assert db.session.scalar(select(func.count()).select_from(GuestAddress)) == 2
    work(days=366 - 61)
    left = db.session.scalars(select(GuestAddress)).one()
    assert left.lookup == factories.lookup("never@out.example")
    assert db.session.scalar(select(func.count()).where(OutgoingMail.kind.contains("remind"))) == 0


def everything():
    """All texts of the database, opened as the application reads them."""
    db.session.rollback()
    texts = []
    for table in db.metadata.sorted_tables:
        if table.name in {"member", "email_address"} or "CREATE VIRTUAL" in str(table):
            continue
        texts += [str(value) for row in db.session.execute(select(table)) for value in row if value is not None]
    return " ".join(texts)


def test_21_caps_with_dates(sink, ana, ben, as_member, setting):
    """How many more may be invited is said before choosing. What is over the day's, the week's or the site's number is
    queued with its date and not lost; above the number of open invitations nothing is sent and the ticks stay. Of the
    last 50 mails more than 10 % undeliverable halves a member's numbers, and they are told; who wants no mail changes
    none of them.
    """
    setting(GUEST_MAILS_PER_DAY_NEW=4, GUEST_MAILS_PER_WEEK=10, GUESTS_UNANSWERED_MAX=20)
    wizard = Wizard(as_member(ana))
    people = [f"guest{number:02}@out.example" for number in range(13)]
    wizard.paste(*people)
    assert "You can invite 20 more people by email now, 4 of them today." in wizard.get("/others").words
    assert tick_all(wizard).response.headers["Location"] == "/contacts/done"
    last = f"{clock.now() + timedelta(days=7, seconds=60):%-d %B %Y}"
    assert f"4 invitations are on their way, 9 queued until {last}" in wizard.get("/done").words
    seen = []
    for _day in range(9):
        work(days=1)
        seen.append(len(sink.recipients))
    assert seen == [4, 8, 10, 10, 10, 10, 10, 13, 13]
    assert sorted(sink.recipients) == people
    assert sum(facts["number"] for what, facts in told(ana) if what == "left") == 13
    assert guests.allowance(member(ana)).open == 7
    for address in people[:6]:
        guests.opt_out(factories.lookup(address))
    db.session.commit()
    assert guests.allowance(member(ana)).open == 7
    wizard = Wizard(as_member(ana))
    wizard.paste(*[f"more{number}@out.example" for number in range(8)])
    page = tick_all(wizard)
    assert page.status == 409
    assert "You chose 8, but only 7 more guests may be invited at once. Choose fewer." in page.words
    assert set(wizard.get("/others").boxes.values()) == {True}
    assert len(states(ana)) == 13
    setting(GUEST_MAILS_PER_DAY_INSTANCE=1)
    assert [list(invite(by, f"site{by}@out.example").queued.values()) for by in (ben, ana)] == [[], [1]]
    setting(GUEST_MAILS_PER_DAY_INSTANCE=1000)
    # More than 10 % of the last 50 came back.
    rows = db.session.scalars(select(OutgoingMail).where(OutgoingMail.state == "sent").order_by(OutgoingMail.id)).all()
    for number, row in enumerate(rows[-6:], 1):
        assert not guests.allowance(member(ana)).halved, number
        with transaction():
            mail._record(row.id, "failed", "5.1.1 in a delivery report")
    assert guests.allowance(member(ana)).halved
    assert [facts["number"] for what, facts in told(ana) if what == "came back"] == [1] * 6
    words = Wizard(as_member(ana))
    words.paste("one@out.example")
    page = words.get("/others").words
    assert (
        "That is half of what is usual, because of your last 50 emails to guests more than 5 couldn't be delivered."
        in page
    )
    left = guests.allowance(member(ana))
    assert left.open == 10 - sum(state in {"held", "queued", "invited", "uncertain"} for state in states(ana))


def test_22_withdrawn(sink, ana, ben, as_member):
    """Withdrawing kills the link at once and stops a mail that has not left; the guest is not told, and the inviter may
    ask the address again after a year. What guests answer, "that's not me" five times in thirty days too, changes
    nothing the inviter can see; operators see the number.
    """
    invite(ana, GUEST, "waiting@out.example")
    db.session.rollback()
    waiting = db.session.scalars(
        select(GuestInvitation).where(GuestInvitation.lookup == factories.lookup("waiting@out.example"))
    ).one()
    with transaction():
        assert guests.withdraw(member(ana), [waiting.key]) == 1
    work()
    assert sink.recipients == [GUEST]
    path = link_in(sink.last())
    stranger = as_member()
    assert stranger.get(path).status_code == 200
    browser = as_member(ana)
    (row,) = db.session.scalars(guests.mine(member(ana))).all()
    assert browser.post(f"/invitations/guests/{row.key}/withdraw").status_code in {200, 303}
    assert states(ana) == ["withdrawn"]
    assert stranger.get(path).status_code == 410
    work()
    assert sink.recipients == [GUEST]
    assert invite(ana, GUEST).already == 1
    kinds = [what for what, _facts in told(ana)]
    assert kinds == ["sent", "undone", "left", "withdrawn"]
    people = [f"person{number}@out.example" for number in range(5)]
    invite(ben, *people)
    work()
    pages = ("/invitations/guests", "/invitations/sent", "/settings/contacts", "/notifications")

    def seen():
        db.session.rollback()
        every = [as_member(ben).get(url).text for url in pages]
        return [crawl.without_tokens(page) for page in every], guests.allowance(member(ben))

    before = seen()
    for address in people:
        with transaction():
            guests.opt_out(factories.lookup(address), "not_me")
    assert seen() == before
    mailed = acts.mailed(member(ben))
    assert (mailed.sent, mailed.not_me) == (5, 5)
    clock.move(days=366)
    assert invite(ana, GUEST).invited == 1
