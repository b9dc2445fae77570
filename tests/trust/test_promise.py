"""`kith verify-promise` finds every kind of leak: each is planted in the code itself, and the sentence it breaks is tried.

That all sentences are kept, and that the command says so and exits with 0, is tried first.
"""

import base64
import hashlib
import logging
import re
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import delete, insert, select, update

from webapp import clock, proof, tokens
from webapp.blueprints.contacts import carddav as carddav_door
from webapp.blueprints.contacts import reading as steps
from webapp.blueprints.contacts import screens, uploading
from webapp.cli import kith
from webapp.domain import contacts, guests, promise, relationships
from webapp.domain.contacts import book as books
from webapp.domain.contacts import choosing, matching
from webapp.domain.guests import shown as cards
from webapp.extensions import db
from webapp.jobs import housekeeping, mail
from webapp.keeping import tables
from webapp.mail import outbox
from webapp.models.invitation import GuestAddress, GuestInvitation
from webapp.models.mail import OutgoingMail
from webapp.models.member import Member, Throttle
from webapp.proof import forgetting, silence
from webapp.providers import BOOKS, files
from webapp.providers import google as google_provider
from webapp.web import consents, oauth

LOG = logging.getLogger("kith.planted")


@pytest.fixture(scope="module")
def ground():
    with proof.prepared() as made:
        yield made


@pytest.fixture
def broken(ground):
    """`broken(name)`: what was found against one sentence; a verdict that it is kept fails the test."""

    def judge(name):
        verdict = proof.check(ground, name)
        assert str(verdict).startswith(f"BROKEN: {verdict.sentence.words}")
        return "\n".join(verdict.found)

    return judge


@pytest.fixture
def leak(monkeypatch):
    """`leak(owner, name, with_)`: let something happen beside what really happens; `with_` gets the result and the arguments."""

    def plant(owner, name, with_):
        real = getattr(owner, name)

        def leaking(*args, **kwargs):
            result = real(*args, **kwargs)
            changed = with_(result, *args, **kwargs)
            return result if changed is None else changed

        monkeypatch.setattr(owner, name, leaking)

    return plant


@pytest.fixture
def chore(monkeypatch):
    """`chore(work)`: something more that the worker does every minute."""
    return lambda work: monkeypatch.setattr(housekeeping, "CHORES", (*housekeeping.CHORES, work))


@pytest.fixture
def one_way(monkeypatch):
    """Try forgetting through one door only: here it is about what is left, not about the ways."""

    ways = forgetting.WAYS

    def choose(name="pasted lines"):
        monkeypatch.setattr(forgetting, "WAYS", [way for way in ways if way[0] == name])

    choose()
    return choose


@pytest.fixture(scope="module")
def ran():
    """What the command says, run once, and its exit status."""
    made = CliRunner().invoke(kith, ["verify-promise"], catch_exceptions=False)
    return made.output.splitlines(), made.exit_code


def test_every_sentence_is_kept_and_the_command_says_so(ran):
    lines, status = ran
    assert lines[:-1] == [f"kept: {each.words}" for each in promise.SENTENCES]
    assert re.fullmatch(r"8 of 8 sentences kept, tried in \d+ seconds\.", lines[-1])
    assert status == 0


def kept(ran, name):
    return f"kept: {next(each.words for each in promise.SENTENCES if each.name == name)}" in ran[0]


def test_11_nothing_is_left_of_who_was_not_invited(ran):
    """After Skip, the end, Forget everything now, signing out, an hour without a click, four hours in all or another book,
    nothing is left of anybody who was not invited: not in the database, what SQLite writes ahead, the temporary folder, logs, mail
    or copies taken meanwhile, in no encoding and as no digest; whichever door they came by. `kith backup` leaves out even what is sealed.
    """
    ways = {name for name, _door, _ending in forgetting.WAYS}
    assert ways == {
        "Google",
        "Outlook",
        "a vCard file",
        "a CSV file",
        "LinkedIn's file",
        "pasted lines",
        "a CardDAV server",
    }
    assert kept(ran, "forget")


def test_12_only_names_and_addresses_are_read(ran):
    """Providers and servers are asked for names and addresses only, and of a file, which holds more, nothing else is kept (of
    LinkedIn's the profile's address and the organisation, too): no number, note, birthday, place, position or picture.
    """
    assert kept(ran, "read")


def test_the_docs_promise_what_the_page_promises():
    page = (Path(__file__).parents[2] / "docs/privacy.md").read_text(encoding="utf-8")
    said = " ".join(page.partition("## Your contacts, in plain words")[2].partition("Don't trust us")[0].split())
    assert said == " ".join(each.words for each in promise.SENTENCES)


def test_a_broken_sentence_is_the_commands_exit_status_and_nothing_else_is_tried_twice(monkeypatch):
    monkeypatch.setattr(proof, "CHECKS", {name: lambda _ground: iter(()) for name in proof.CHECKS})
    monkeypatch.setitem(proof.CHECKS, "stop", lambda _ground: iter(["this", "that"]))
    made = CliRunner().invoke(kith, ["verify-promise"], catch_exceptions=False)
    assert made.exit_code == 1
    assert "BROKEN: One click stops all invitations from this site for good. Found: this; that." in made.output
    assert "7 of 8 sentences kept" in made.output


def test_what_an_operator_does_not_promise_is_not_tried_and_what_their_settings_break_is(monkeypatch):
    found = {}
    for name in proof.CHECKS:
        monkeypatch.setitem(
            proof.CHECKS, name, lambda ground, name=name: found.setdefault(name, ground.settings) and ()
        )
    monkeypatch.setenv("KITH_GUESTS_PRESELECTED", "true")
    monkeypatch.setenv("KITH_GUEST_MAIL_DAYS", "30")
    assert CliRunner().invoke(kith, ["verify-promise"], catch_exceptions=False).exit_code == 0
    assert found.keys() == proof.CHECKS.keys() - {"ticks"}
    assert found["mail"]["GUEST_MAIL_DAYS"] == 30


def test_settings_that_break_the_promise_are_told(one_way):
    one_way("Outlook")
    with proof.prepared({"GUEST_MAIL_DAYS": 30, "IMPORT_MINUTES": 120}) as ground:
        assert proof.check(ground, "mail").found == ("3 mails went to one address within a year",)
        assert proof.check(ground, "forget").found == (
            "the book of Outlook is still there, though it should be forgotten",
        )


def test_what_cannot_be_walked_to_its_end_is_not_kept(ground, monkeypatch):
    monkeypatch.setattr(screens, "SCREENS", {})
    assert "could not be tried to the end, because POST /contacts/others was answered with 500" in str(
        proof.check(ground, "ticks")
    )


# We read names and e-mail addresses, nothing else, once, when you ask


def test_wider_fields_are_noticed(broken, leak):
    leak(google_provider, "urlencode", lambda made, *_: made.replace("names", "names%2CphoneNumbers"))
    assert "google was asked for phoneNumbers" in broken("read")


def test_a_wider_consent_is_noticed(broken, monkeypatch):
    door = consents.DOORS["google"]
    monkeypatch.setitem(
        consents.DOORS,
        "google",
        consents.Door(f"{door.scope} {door.others}", door.contacts, None, door.client_auth),
    )
    assert f"the consent that google was asked for goes further: {door.others}" in broken("read")


def test_more_of_a_file_than_names_and_addresses_is_noticed(broken, leak):
    def keep(found, data, _name):
        if data.startswith(b"BEGIN:VCARD"):
            found.page.cards[0] = type(found.page.cards[0])(
                data.decode().partition("NOTE:")[2][:30], found.page.cards[0].addresses
            )

    leak(files, "read", keep)
    assert "of a vCard file more is kept than names and addresses" in broken("read")


def test_a_second_reading_is_noticed(broken, chore, ground):
    def again(_now):
        door = ground.provider.door("google")
        for token in list(door.tokens):
            url = google_provider.setting("GOOGLE_CONTACTS_URL")
            requests.get(
                f"{url}/v1/people/me/connections?personFields=names",
                headers={"Authorization": f"Bearer {token}"},
                timeout=5,
            )

    chore(again)
    assert "contacts were read again later, when nobody asked for it" in broken("read")


# Your provider's key or password is thrown away at the end


def test_a_key_that_is_not_revoked_is_noticed(broken, monkeypatch):
    monkeypatch.setattr(oauth, "revoke", lambda *_args, **_more: False)
    found = broken("key")
    assert "at the end of the reading the key still opens the address book at the provider" in found
    assert "after signing out the key still opens" in found


def test_a_key_that_is_kept_is_noticed(broken, leak):
    leak(contacts, "settle", lambda _none, _viewer, _sign_in, key, _compared: _keep_key(key))
    assert "the key is still kept here, sealed" in broken("key")


def _keep_key(key):
    row = db.session.get(books.AddressBookImport, key.import_id)
    row.secret = books.sealed.seal(key.secret, b"{}", books._place(row.id, "secret", 0))


def test_a_key_in_the_log_is_noticed(broken, leak):
    leak(BOOKS["google"], "read", lambda _page, token, *_args, **_more: LOG.debug("asking with %s", token))
    assert "the provider's key (as it is) in kith.log" in broken("key")


def test_a_password_that_the_browser_gets_back_is_noticed(broken, leak):
    leak(carddav_door, "_fetch", lambda _page, _where, _user, password: carddav_door.session.update(kept=password))
    assert "the password (as it is) stands in what is kept for the browser" in broken("key")


def test_a_digest_of_the_password_is_noticed(broken, leak):
    leak(
        carddav_door,
        "_fetch",
        lambda _page, _where, _user, password: _note(hashlib.sha1(password.encode()).hexdigest()),
    )
    assert "the password (its sha1 digest) in instance/kith.sqlite3, throttle.key" in broken("key")


def _note(text):
    """Leave a text in a table."""
    with db.engine.begin() as connection:
        connection.execute(insert(Throttle).values(key=text, count=1, expires_at=clock.now() + timedelta(days=9)))


# No readable trace


def each_address(with_):
    """A leak of each address of a book that is compared."""
    return lambda compared, *_: [with_(row[1]) for row in compared.guests] and None


@pytest.mark.parametrize(
    ("with_", "said"),
    [
        (lambda address: LOG.debug("compared %s", address), "(as it is) in kith.log"),
        (lambda address: LOG.debug("%s", address.upper().encode("utf-16-be").decode("latin-1")), "(in UTF-16, the other way around) in kith.log"),
        (lambda address: LOG.debug("compared %r", base64.b64encode(f"<{address}>".encode())), "(in base64) in kith.log"),
        (lambda address: LOG.debug("%s", "".join(f"%{byte:02X}" for byte in address.encode())), "(percent-encoded) in kith.log"),
        (lambda address: LOG.debug("%s", hashlib.md5(address.encode()).hexdigest()), "(its md5 digest) in kith.log"),
        (lambda address: LOG.debug("%s", base64.b64encode(hashlib.sha256(address.encode()).digest())), "(its sha256 digest, in base64) in kith.log"),
        (lambda address: _note(tokens.keyed_hash(address)), "(its keyed hash) in instance/kith.sqlite3, throttle.key"),
        (lambda address: _note(address.encode().hex()), "(as hexadecimal digits) in instance/kith.sqlite3, throttle.key"),
    ],
    ids=["log", "utf-16", "base64", "percent", "md5", "sha256", "hmac", "hex"],
)  # fmt: skip
def test_an_address_left_behind_is_noticed_in_any_form(broken, leak, one_way, with_, said):
    leak(steps.contacts, "compare", each_address(with_))
    assert said in broken("forget")


def test_a_page_that_is_not_sealed_is_noticed_in_the_backups(broken, one_way, monkeypatch):
    one_way("Google")
    monkeypatch.setattr(books.sealed, "seal", lambda _key, plain, _place: plain)
    monkeypatch.setattr(books.sealed, "unseal", lambda _key, plain, _place: plain)
    found = broken("forget")
    assert "(as it is) in backups/the middle of the reading/copy.sqlite3, import_part.sealed" in found


def test_a_backup_that_holds_what_is_sealed_is_noticed(broken, one_way, monkeypatch):
    one_way()
    monkeypatch.setattr(tables, "left_out", frozenset)
    assert "a backup taken in the middle of pasted lines holds what was read" in broken("forget")


def test_a_file_that_is_left_in_the_temporary_folder_is_noticed(broken, leak, one_way):
    one_way("LinkedIn's file")

    def spool(_found, data, _name):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(data)

    leak(uploading.files, "read", spool)
    assert "in tmp/" in broken("forget")


@pytest.mark.parametrize(
    ("way", "owner", "name"),
    [("pasted lines", books, "is_over"), ("a CSV file", books, "_delete"), ("Google", books, "_delete")],
)
def test_a_book_that_is_not_forgotten_is_noticed(broken, one_way, monkeypatch, way, owner, name):
    one_way(way)
    monkeypatch.setattr(owner, name, lambda *_args: False)
    if name == "is_over":
        monkeypatch.setattr(housekeeping, "CHORES", ())
    assert f"the book of {way} is still there, though it should be forgotten" in broken("forget")


# People who are not members start un-ticked


def test_ticks_that_are_set_beforehand_are_noticed(broken, leak):
    def tick(compared, *_args):
        compared.guest_ticks = books.Ticks.full(compared.guest_ticks.size)

    leak(steps.contacts, "compare", tick)
    assert "somebody who was read from google starts ticked" in broken("ticks")


def test_a_mail_to_who_was_not_ticked_is_noticed(broken, leak):
    leak(
        contacts,
        "chosen_guests",
        lambda _chosen, book: [choosing._invitee(entry) for part in books.parts(book, "guest") for entry in part],
    )
    assert "a mail went to" in broken("ticks")


# At most one e-mail a year, worded as you saw it, never a reminder


def test_a_second_mail_is_noticed(broken, monkeypatch):
    real = mail._guest

    def forgetful(row, now, facts):
        db.session.execute(delete(GuestAddress))
        return real(row, now, facts)

    monkeypatch.setattr(mail, "_guest", forgetful)
    assert "2 mails went to one address within 60 days" in broken("mail")


def test_a_reminder_is_noticed(broken, chore):
    def remind(now):
        old = select(GuestInvitation.id).where(
            GuestInvitation.state == "invited", GuestInvitation.leaves_at < now - timedelta(days=7)
        )
        for row_id in db.session.scalars(old).all():
            db.session.execute(update(GuestAddress).values(mailed_at=None))
            db.session.execute(update(GuestInvitation).values(leaves_at=now))
            db.session.add(
                OutgoingMail(
                    kind="guest_invitation", guest_invitation_id=row_id, facts={}, created_at=now, not_before=now
                )
            )
        return 0

    chore(remind)
    assert "mails went to one address within 60 days" in broken("mail")


def test_other_words_than_were_shown_are_noticed(broken, leak):
    leak(mail, "_guest", lambda made, *_: (made[0], made[1] | {"note": f"{made[1]['note']} And buy our hats."}))
    found = broken("mail")
    assert "the text of the mail is not the one that was shown" in found
    assert "the mail does not look as it was shown" in found


def test_another_sender_than_was_shown_is_noticed(broken, leak):
    leak(mail, "_guest", lambda made, *_: (made[0], made[1] | {"by": "Hats for You"}))
    assert "the sender of the mail is not the one that was shown" in broken("mail")


# One click stops all


def test_an_ignored_click_is_noticed(broken, monkeypatch):
    monkeypatch.setattr(guests, "opt_out", lambda *_args: None)
    assert "invitations went on after the click" in broken("stop")


def test_a_click_that_is_forgotten_is_noticed(broken, chore):
    def forget(now):
        old = now - timedelta(days=400)
        db.session.execute(delete(GuestAddress).where(GuestAddress.opted_out_at < old))
        return 0

    chore(forget)
    assert "invitations went on after the click" in broken("stop")


def test_a_mail_that_offers_no_click_is_noticed(broken, leak):
    leak(
        mail.render,
        "message",
        lambda made, *_: made.__delitem__("List-Unsubscribe") if "List-Unsubscribe" in made else None,
    )
    assert "the mail offers no one-click unsubscribing" in broken("stop")


# Never for suggestions, profiles or advertising


@pytest.fixture
def few_pages(monkeypatch):
    monkeypatch.setattr(silence, "_PAGES", ("/network", "/suggestions", "/people"))


def test_a_suggestion_is_noticed(broken, leak, few_pages):
    def connect(_none, viewer, _sign_in, _key, compared):
        relationships.join(viewer, [row[0] for row in compared.members][:1])

    leak(contacts, "settle", connect)
    assert "is another page for" in broken("purpose")


def test_a_profile_that_changes_is_noticed(broken, leak, few_pages):
    def call(_none, _viewer, _sign_in, _key, compared):
        for row in compared.members:
            db.session.execute(update(Member).where(Member.id == row[0]).values(headline="Known to somebody"))

    leak(contacts, "settle", call)
    assert "is another page for Otto Brandt than before" in broken("purpose")


def test_advertising_is_noticed(broken, leak, few_pages):
    def advertise(_none, _viewer, _sign_in, _key, compared):
        for row in compared.members:
            outbox.put("already_member", to=db.session.get(Member, row[0]))

    leak(contacts, "settle", advertise)
    assert "mails were sent because of contacts that nobody was invited from" in broken("purpose")


# If someone hides, you cannot tell


@pytest.fixture
def hiding(monkeypatch):
    """`hiding(how)`: try one way to hide only."""
    return lambda how: monkeypatch.setattr(silence, "WAYS_TO_HIDE", {how: silence.WAYS_TO_HIDE[how]})


def test_a_hidden_member_who_is_shown_is_noticed(broken, hiding, monkeypatch):
    hiding("hides from everybody")
    monkeypatch.setattr(matching, "_findable", lambda viewer: Member.id != viewer.id)
    monkeypatch.setattr(matching, "_match", _without_asking(matching._match))
    assert "the members screen tells that somebody hides from everybody" in broken("hidden")


def _without_asking(real):
    def match(viewer, clues):
        db.session.execute(update(Member).where(Member.findable == "nobody").values(findable="everyone"))
        found = real(viewer, clues)
        db.session.rollback()
        return found

    return match


def test_an_answer_that_tells_of_a_block_is_noticed(broken, hiding, leak):
    hiding("blocks the uploader")

    def tell(_none, cards, now):
        for row, _member_id in cards:
            if row.quiet_at is not None:
                row.state, row.ended_at = "withdrawn", now

    leak(cards, "deal", tell)
    assert "/invitations/guests on day 0 tells that somebody blocks the uploader" in broken("hidden")
