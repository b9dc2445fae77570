"""The member's own contacts ledger: a line for each reading, sending and forgetting, and a file that anybody can verify."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from tests import factories
from tests.wizard import Wizard
from webapp import clock, jobs
from webapp.domain import accounts, guests, ledger, relationships
from webapp.domain.archives import contents
from webapp.extensions import db
from webapp.jobs import health, housekeeping
from webapp.models.invitation import GuestInvitation
from webapp.models.ledger import ContactsLedgerLine
from webapp.models.member import Member
from webapp.transaction import transaction

PRIVACY = Path(__file__).parents[2] / "docs/privacy.md"
PAGE = "/settings/contacts"


@pytest.fixture
def maya(context, as_member):
    member = factories.member("Maya van Nes", email="maya@home.example")
    wizard = Wizard(as_member(member))
    wizard.member_id = member.id
    return wizard


@pytest.fixture
def friends(context):
    return [factories.member(f"Friend {n:02}", email=f"f{n}@friends.example").id for n in range(3)]


def told(member_id):
    """What the ledger says: (what, facts) of each line."""
    db.session.rollback()
    lines = [each for batch in ledger.lines_of(db.session.get_one(Member, member_id)) for each in batch]
    assert [each.number for each in lines] == list(range(1, len(lines) + 1))
    return [(each.what, dict(each.facts)) for each in lines]


def words(browser, path=PAGE):
    page = re.sub(r"<[^>]+>", " ", browser.get(path).text).replace("&#39;", "'")
    return " ".join(page.split())


def send(wizard, screen, ticked=None):
    page = wizard.get(f"/{screen}")
    boxes = list(page.boxes) if ticked is None else ticked
    return wizard.post(f"/{screen}", {"shown": page.hidden["shown"], "tick": boxes, "note": "", "do": "add"})


def work(**moved):
    clock.move(**(moved or {"seconds": 61}))
    db.session.rollback()
    jobs.run_due()
    housekeeping.tidy()
    db.session.rollback()


BOOK = ("F <f0@friends.example>", "F <f1@friends.example>", "F <f2@friends.example>", "Canary Yellow <canary@cage.example>", "Zed <zed@out.example>", "no-reply@shop.example")  # fmt: skip


def test_a_walk_through_the_wizard_is_told_line_by_line(maya, friends):
    maya.paste(*BOOK)
    send(maya, "members", [0, 2])
    send(maya, "others")
    work()
    assert told(maya.member_id) == [
        (
            "compared",
            {"door": "paste", "read": 6, "addresses": 5, "members": 3, "guests": 2, "connected": 0, "invited": 0, "blocked": 0},
        ),
        ("sent", {"who": "members", "invited": 2, "queued": 0, "until": None, "connected": 0}),
        ("sent", {"who": "guests", "invited": 2, "queued": 0, "until": None}),
        ("forgotten", {"how": "finished", "door": "paste", "read": 6, "compared": True}),
        ("left", {"who": "members", "number": 2}),
        ("left", {"who": "guests", "number": 2}),
    ]  # fmt: skip
    said = words(maya.browser)
    assert "We hold no contacts of yours." in said
    for line in (
        "The addresses you pasted: 6 contacts read, 5 addresses compared. 3 here, 2 not here.",
        "You asked 2 members to connect.",
        "You invited 2 people by email.",
        "The addresses you pasted: everything that was read is forgotten, because you had finished.",
        "2 invitations to members left.",
        "2 invitations by email left.",
    ):
        assert line in said
    assert health.problems() == []


def test_no_name_and_no_address_of_a_contact_is_in_it(maya, friends):
    maya.paste(*BOOK)
    send(maya, "members")
    send(maya, "others")
    work()
    kept = json.dumps(
        [[str(value) for value in row] for row in db.session.execute(select(ContactsLedgerLine.__table__))]
    )
    exported = maya.browser.get(f"{PAGE}/ledger.jsonl").text
    for text in (kept, exported, words(maya.browser)):
        for canary in ("canary", "yellow", "cage", "zed", "friend", factories.lookup("canary@cage.example")):
            assert canary not in text.lower()


def test_what_is_undone_queued_withdrawn_and_comes_back_is_told(maya, friends, setting):
    setting(GUEST_MAILS_PER_DAY_NEW=1, INVITATIONS_PER_DAY=2)
    maya.paste(*BOOK)
    send(maya, "members")
    undo = re.search(r"/invitations/undo/[\w.-]+", maya.get("/others").html)[0]
    maya.browser.post(undo)
    send(maya, "members", [0])
    send(maya, "others")
    until = f"{clock.now().date().fromordinal(clock.now().date().toordinal() + 1)}"
    work()
    with transaction():
        member = db.session.get_one(Member, maya.member_id)
        rows = db.session.scalars(guests.mine(member)).all()
        guests.withdraw(member, [row.key for row in rows])
        relationships.withdraw(member, friends)
    found = told(maya.member_id)
    assert found[1:4] == [
        ("sent", {"who": "members", "invited": 2, "queued": 1, "until": until, "connected": 0}),
        ("undone", {"who": "members", "number": 3}),
        ("sent", {"who": "members", "invited": 1, "queued": 0, "until": None, "connected": 0}),
    ]
    assert found[4][1] == {"who": "guests", "invited": 1, "queued": 1, "until": until}
    assert found[6:] == [
        ("left", {"who": "members", "number": 1}),
        ("left", {"who": "guests", "number": 1}),
        ("undone", {"who": "guests", "number": 1}),
        ("withdrawn", {"who": "guests", "number": 1}),
        ("withdrawn", {"who": "members", "number": 1}),
    ]
    said = words(maya.browser)
    for line in (
        "You asked 3 members to connect, 1 of them queued until",
        "3 invitations to members taken back before leaving.",
        "1 invitation by email withdrawn after leaving.",
    ):
        assert line in said


def test_who_had_asked_is_connected_and_told(maya, friends):
    with transaction():
        relationships.invite(db.session.get_one(Member, friends[0]), [maya.member_id])
    work()
    maya.paste(*BOOK)
    send(maya, "members")
    assert told(maya.member_id)[1][1] | {"queued": 0} == {
        "who": "members", "invited": 2, "queued": 0, "until": None, "connected": 1,
    }  # fmt: skip
    assert "You asked 2 members to connect, 1 connected (they had asked you)." in words(maya.browser)


def test_inviting_without_an_address_book_is_no_line(maya, friends):
    with transaction():
        relationships.invite(db.session.get_one(Member, maya.member_id), friends)
    work()
    assert told(maya.member_id) == []
    assert "Nothing was read yet" in words(maya.browser)
    assert maya.browser.get(f"{PAGE}/ledger.jsonl").text == ""


def test_a_mail_that_comes_back_is_told(maya, sink):
    sink.rcpt["zed@out.example"] = "550 no such user"
    sink.cut.add("canary@cage.example")
    maya.paste(*BOOK)
    send(maya, "others")
    work()
    assert sorted(told(maya.member_id)[-2:]) == [
        ("came back", {"who": "guests", "number": 1}),
        ("uncertain", {"who": "guests", "number": 1}),
    ]
    said = words(maya.browser)
    assert "1 email couldn't be delivered." in said
    assert "Of 1 email nobody can say whether it left." in said


# Forgetting


def by_button(maya, _as_member):
    assert "Forget everything now" in words(maya.browser)
    maya.browser.post("/contacts/forget")


def by_signing_out(maya, _as_member):
    maya.browser.post("/signout")


def by_signing_out_elsewhere(maya, as_member):
    as_member(db.session.get_one(Member, maya.member_id)).post("/settings/sign-ins/end")


def by_the_operators_command(_maya, _as_member):
    with transaction():
        assert accounts.end_sign_ins(None)


def by_waiting(_maya, _as_member):
    work(minutes=61)


def by_coming_back_late(maya, _as_member):
    clock.move(minutes=61)
    maya.get("/members")


def by_starting_anew(maya, _as_member):
    maya.paste("a@x.example")


def by_losing_the_key(maya, _as_member):
    maya.browser.client.delete_cookie("kith_import", domain="127.0.0.1", path="/contacts")
    maya.get("/members")


def by_skipping(maya, _as_member):
    maya.post("/others", {"do": "skip"})


@pytest.mark.parametrize(
    ("forgets", "how", "said"),
    [
        (by_button, "button", "you pressed Forget everything"),
        (by_signing_out, "sign_out", "the sign-in ended"),
        (by_signing_out_elsewhere, "sign_out", "the sign-in ended"),
        (by_the_operators_command, "sign_out", "the sign-in ended"),
        (by_waiting, "late", "its time was over"),
        (by_coming_back_late, "late", "its time was over"),
        (by_starting_anew, "anew", "you started again"),
        (by_losing_the_key, "unreadable", "it couldn't be opened any more"),
        (by_skipping, "finished", "you had finished"),
    ],
)
def test_every_way_of_forgetting_is_told(maya, as_member, forgets, how, said):
    maya.paste(*BOOK)
    forgets(maya, as_member)
    found = told(maya.member_id)
    assert found[1] == ("forgotten", {"how": how, "door": "paste", "read": 6, "compared": True})
    assert f"because {said}." in words(as_member(db.session.get_one(Member, maya.member_id)))


def test_a_file_that_was_never_compared_is_told_when_it_is_forgotten(maya):
    maya.upload("Kto;Skad;Gdzie\nBen Okri;Porto;ben@friends.example\nAda;Lagos;ada@out.example\n")
    assert "An address book of yours is open." in words(maya.browser)
    maya.browser.post("/contacts/forget")
    assert told(maya.member_id) == [("forgotten", {"how": "button", "door": "csv", "read": 0, "compared": False})]
    assert "0 contacts had been read, and none compared." in words(maya.browser)


# The page and the file


def test_an_open_book_is_shown_with_its_end(maya):
    maya.paste(*BOOK)
    said = words(maya.browser)
    assert "6 contacts read from the addresses you pasted" in said
    assert "Your contacts, in plain words." in said
    clock.move(minutes=61)
    assert "We hold no contacts of yours." in words(maya.browser)


def test_the_find_page_and_the_last_page_lead_to_it(maya):
    assert f'href="{PAGE}"' in maya.get().html
    maya.paste(*BOOK)
    maya.post("/others", {"do": "skip"})
    assert f'href="{PAGE}"' in maya.get("/done").html
    assert f'href="{PAGE}"' in maya.browser.get("/settings").text


def many(member_id, number):
    with transaction():
        ledger.add_all(ledger.Entry(member_id, "left", {"who": "guests", "number": each}) for each in range(number))


def test_long_ledgers_have_pages(maya):
    many(maya.member_id, 60)
    seen, path = [], PAGE
    while path:
        page = maya.browser.get(path).text
        seen += re.findall(r"line (\d+) ·", page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        path = found and found[1]
    assert [int(each) for each in seen] == list(range(60, 0, -1))


def verify(text, folder):
    """Run the lines of the docs, exactly as they stand there."""
    (code,) = re.findall(r"```python\n(.*?)```", PRIVACY.read_text("utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    file = folder / "ledger.jsonl"
    file.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, "-I", "-c", code, str(file)], capture_output=True, text=True, check=False)


def test_anybody_can_verify_the_file_with_the_lines_of_the_docs(maya, friends, tmp_path):
    maya.paste(*BOOK)
    send(maya, "members")
    send(maya, "others")
    work()
    many(maya.member_id, 600)
    answer = maya.browser.get(f"{PAGE}/ledger.jsonl")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=contacts-ledger-")
    assert answer.headers["Cache-Control"] == "no-store"
    lines = answer.text.splitlines()
    digest = json.loads(lines[-1])["digest"]
    right = verify(answer.text, tmp_path)
    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout == f"{len(lines)} lines hold. The last digest is {digest}\n"
    assert digest in maya.browser.get(PAGE).text
    altered = lines[2].replace('"invited": 2', '"invited": 3')
    assert altered != lines[2]
    for wrong in (
        [*lines[:2], altered, *lines[3:]],
        lines[:3] + lines[4:],
        lines[1:],
        [*lines[:5], lines[6], lines[5], *lines[7:]],
    ):
        assert verify("\n".join(wrong) + "\n", tmp_path).returncode != 0
    member = db.session.get_one(Member, maya.member_id)
    archived = [row for rows in contents._contacts_ledger(member) for row in rows]
    assert archived == [json.loads(line) for line in lines]


def test_the_owner_of_a_guests_address_reads_from_what_it_came_and_when(maya, as_member):
    started = clock.now()
    maya.paste("Zed <zed@out.example>")
    send(maya, "others")
    clock.move(days=3)
    db.session.rollback()
    jobs.run_due()
    (row,) = db.session.scalars(select(GuestInvitation)).all()
    assert row.facts["read_on"] == started.date().isoformat()
    known = guests.provenance(factories.lookup("zed@out.example"))
    assert known[0].facts["source"] == "a list of addresses"
