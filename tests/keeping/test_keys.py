"""`kith rotate-key`: every secret is another one afterwards, and nobody notices; whenever it is killed, all can be read."""

import re
import shutil
import stat
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import LargeBinary, String, func, select, type_coerce

from tests import dying, factories, programs
from webapp import clock, config, create_app, sealed, tokens
from webapp.config import Keys, SettingError
from webapp.domain import accounts, app_passwords, archives, cards, guests, held, profiles, throttles
from webapp.domain.second_steps import authenticators, recovery
from webapp.extensions import db
from webapp.keeping import backup, keys, restoring, serving
from webapp.keeping.errors import Refused
from webapp.mail import bounces
from webapp.models.base import Sealed
from webapp.models.invitation import GuestAddress, Inquiry
from webapp.models.joining import RosterEntry
from webapp.models.key import KeyGeneration
from webapp.models.mail import Lease
from webapp.models.member import EmailAddress, Member, Throttle
from webapp.transaction import transaction

GUEST, PAGE = "grace@out.example", "https://www.linkedin.com/in/ana-lima"
OTHER_DIGITS = {
    "guest_address.link_digest": "of a random token",
    "act.member_seal": "salted, with the salt beside it",
    "act.operator_seal": "as the member's",
    "act.digest": "of a line and the one before it",
    "contacts_ledger.digest": "as the log's",
    "contacts_ledger_line.digest": "as the log's",
    "feed_address.digest": "of a random token",
    "sign_in.digest": "of a random token",
    "ticket.digest": "of a random token",
}
"""Columns of 64 digits that are no keyed hashes, and why."""
OTHER_BYTES = {
    "adjacency.ids": "numbers of members",
    "saved_search.known": "numbers of members",
    "passkey.credential_id": "public",
    "passkey.public_key": "public",
    "passkey.user_handle": "a random name",
    "photo.webp": "a picture",
    "private_card.sealed": "under the owner's key, which is wrapped",
    "tag.sealed": "under the owner's key, which is wrapped",
    "address_book_import.secret": "under the browser's key",
    "address_book_import.summary": "under the browser's key",
    "address_book_import.member_ticks": "bits of positions",
    "address_book_import.guest_ticks": "bits of positions",
    "import_part.sealed": "under the browser's key",
    "mailbox_message.raw": "a mail as it left",
}
"""Columns of bytes that the wrapping key did not seal, and why."""


def columns():
    return {f"{table.name}.{column.name}": column for table in db.metadata.sorted_tables for column in table.columns}


def test_no_column_of_hashes_or_of_sealed_bytes_is_forgotten():
    digits = {name for name, each in columns().items() if isinstance(each.type, String) and each.type.length == 64}
    raw = {name for name, each in columns().items() if isinstance(each.type, (LargeBinary, Sealed))}
    keyed = {f"{each.table.name}.{each.name}" for each in keys.keyed_columns()}
    wrapped = {f"{each.table.name}.{each.name}" for each in keys.sealed_columns()}
    assert digits == keyed | OTHER_DIGITS.keys(), "say `info=KEYED` in the model, or why not here"
    assert raw == wrapped | OTHER_BYTES.keys(), "say `info=sealed_for(...)` in the model, or why not here"
    assert not keyed & OTHER_DIGITS.keys()
    assert not wrapped & OTHER_BYTES.keys()


class House:
    """An instance with something of all that keys are for."""

    def __init__(self, app):
        self.app = app
        self.settings = {name: app.config["KITH"][name] for name in ("INSTANCE", "DATABASE_URL")}
        self.path = app.config["KITH"]["INSTANCE"] / "secret_key"

    @contextmanager
    def started(self):
        """The application as it is after a start."""
        with keyed(self.settings) as app, app.app_context():
            yield app

    def fill(self):
        ana, ben = factories.member("Ana Lima", "ana@keys.example"), factories.member("Ben Okafor", "ben@keys.example")
        self.ana, self.ben = ana.id, ben.id
        factories.connect(ana, ben)
        profiles.edit(ana, {"links": "members"}, links=PAGE)
        cards.set_note(ana, ben, "Met at the weir")
        self.device = app_passwords.make(ana, "Phone")
        token = authenticators.begin(ana)
        self.secret = authenticators.waiting(ana, token).secret.replace(" ", "")
        self.codes = authenticators.confirm(ana, token, pyotp.TOTP(self.secret).at(clock.now()))
        archives.ask(ana)
        held.ask("ben@keys.example")
        lookup = factories.lookup(GUEST)
        guests.invite(ana, [guests.Invitee("Grace", GUEST, lookup)], note="", reply_to=False, source="a list")
        db.session.add(GuestAddress(lookup=lookup, mailed_at=clock.now()))
        db.session.add(RosterEntry(lookup=lookup, cohort="2009", added_at=clock.now()))
        self.opt_out = tokens.sign_hash(tokens.OPT_OUT, lookup)
        self.unsubscribe = tokens.sign(tokens.UNSUBSCRIBE, ["x", "y"])
        self.held = held.issue(db.session.scalars(select(Inquiry)).one())
        self.returned = tokens.ever_keyed("return path of 7")[-1][: bounces.SIGNATURE_CHARACTERS]
        self.next = tokens.sign("next", "/network")
        self.sign_in = factories.sign_in(ana)
        self.uid = tokens.lasting_hash("vcard 1 2")
        db.session.commit()

    def check(self, app):
        """Everything is where it was, for who asks as one asks in the product."""
        ana = db.session.get_one(Member, self.ana)
        for address, lookup in db.session.execute(select(EmailAddress.address, EmailAddress.lookup)):
            assert lookup == accounts.lookup_of(address)
        assert accounts.by_address("ana@keys.example") is ana
        assert guests.status_of(ana, [factories.lookup(GUEST)]).keys() == {factories.lookup(GUEST)}
        assert db.session.get(GuestAddress, factories.lookup(GUEST)).mailed_at is not None
        for column in keys.keyed_columns():
            assert db.session.scalar(select(func.count()).select_from(column.table)), (
                f"nothing stands in {column.table}"
            )
        for column in keys.sealed_columns():
            raw = select(column.table, type_coerce(column, LargeBinary).label("raw")).where(column.is_not(None))
            rows = db.session.execute(raw).mappings().all()
            assert rows, f"nothing stands in {column}"
            for row in rows:
                place = column.type.place if isinstance(column.type, Sealed) else column.info["wrapped"].format(**row)
                assert sealed.unwrap(bytes(row["raw"]), place)
        assert cards.overlay(ana, db.session.get_one(Member, self.ben)).card.note == "Met at the weir"
        assert authenticators._opened(self.ana, authenticators.of(ana).wrapped) == self.secret
        assert app_passwords.opened("ana@keys.example", self.device).member is ana
        assert recovery.use(ana, self.codes[0])
        db.session.rollback()
        assert tokens.lasting_hash("vcard 1 2") == self.uid
        app.config["KITH"] = app.config["KITH"] | {"BOUNCE_ADDRESS": "back@keys.example"}
        assert bounces.mail_of(f"back+7-{self.returned}@keys.example") == 7
        assert tokens.signed_hash(tokens.OPT_OUT, self.opt_out) == factories.lookup(GUEST)
        assert held.behind(self.held).is_member
        assert throttles.DatabaseStorage().get(self.counter()) == 1

    def counter(self):
        found = list(
            db.session.scalars(select(Throttle.key).where(Throttle.key.contains(throttles.ABOUT_MAILS.namespace)))
        )
        assert len(found) == 1
        assert accounts.lookup_of("ben@keys.example") in found[0]
        return found[0]


@contextmanager
def keyed(settings):
    app = create_app(settings)
    keys.settle(app)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def house(app, context, tmp_path):
    made = House(app)
    before, kept = app.config["KEYS"], tmp_path / "key"
    shutil.copy(made.path, kept)
    made.fill()
    yield made
    db.session.rollback()
    app.config["KEYS"] = before
    shutil.copy(kept, made.path)


def test_new_keys_of_every_kind_and_nobody_notices(house, as_member):
    browser = as_member(house.ana)
    assert browser.get("/network").status_code == 200
    cookie = browser.client.get_cookie("kith", domain="127.0.0.1").value
    before = house.app.config["KEYS"]
    for time in (1, 2):
        done = keys.rotate()
        assert (done.generation, done.was_unfinished, done.unreadable) == (time, False, 0)
    now = Keys.from_text(house.path.read_text())
    assert stat.S_IMODE(house.path.stat().st_mode) == 0o600
    assert [len(kind) for kind in (now.signing, now.wrapping, now.lookup)] == [3, 3, 3]
    assert (now.signing[2], now.wrapping[2], now.lookup[0]) == (before.signing[0], before.wrapping[0], before.lookup[0])
    with house.started() as app:
        house.check(app)
        app.config["KEYS"] = replace(now, wrapping=now.wrapping[:1])
        house.check(app)  # nothing needs an old wrapping key
        app.testing = True
        client = app.test_client()
        client.set_cookie("kith", cookie, domain="127.0.0.1")
        page = client.get("/network", base_url="http://127.0.0.1:8000")
        assert page.status_code == 200
        opted = client.post(
            f"/optout/{house.opt_out}", data={"List-Unsubscribe": "One-Click"}, base_url="http://127.0.0.1:8000"
        )
        assert opted.status_code == 200
        db.session.rollback()
        assert db.session.get(GuestAddress, factories.lookup(GUEST)).opted_out_at is not None


def test_a_form_that_was_open_meanwhile_is_still_taken(house, as_member):
    browser = as_member(house.ana)
    page = browser.get("/settings/sign-in")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    cookie = browser.client.get_cookie("kith", domain="127.0.0.1").value
    keys.rotate()
    with house.started() as app:
        client = app.test_client()
        client.set_cookie("kith", cookie, domain="127.0.0.1")
        answer = client.post("/signout", data={"csrf_token": token}, base_url="http://127.0.0.1:8000")
        assert answer.status_code == 303


def test_killed_at_any_step_all_can_be_read_and_the_next_time_finishes(house, tmp_path):
    db.session.rollback()
    killed, steps = dying.run("rotate-key", log=tmp_path / "whole", **house.settings)
    assert not killed
    seen = set()
    for at in (5, steps // 4, steps // 2, steps - 3, steps):
        before = Keys.from_text(house.path.read_text())
        killed, reached = dying.run("rotate-key", log=tmp_path / f"at-{at}", at=at, **house.settings)
        assert (killed, reached) == (True, at)
        with house.started() as app:
            house.check(app)
            there, known = Keys.from_text(house.path.read_text()), keys.generation()
        seen.add((len(there.lookup) - len(before.lookup), known - (len(before.lookup) - 1)))
        if known < len(there.lookup) - 1:
            answer = programs.run("rotate-key", **house.settings)
            assert "A change of keys that was interrupted is finished now." in answer.stdout, answer.stderr
            assert Keys.from_text(house.path.read_text()) == there
            with house.started() as app:
                house.check(app)
                assert keys.generation() == len(there.lookup) - 1
    assert {(0, 0), (1, 0)} <= seen
    assert not list(house.path.parent.glob(".secret_key-*"))


def test_an_older_copy_of_the_database_works_with_newer_keys_and_is_lifted(house):
    """As after a backup of before was put back."""
    before = house.app.config["KEYS"]
    keys.rotate()
    newer = house.app.config["KEYS"]
    house.app.config["KEYS"] = before
    db.session.rollback()
    with transaction():  # the database as it was
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
    house.fill()
    with house.started() as app:
        assert app.config["KEYS"].lookup == before.lookup
        house.check(app)
        app.config["KEYS"] = newer
        keys.lift()
        house.check(app)
    with house.started() as app:
        assert app.config["KEYS"].lookup == newer.lookup


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_backup_of_before_is_restored_and_lifted(house, tmp_path):
    backup.back_up(tmp_path / "before.kith")
    keys.rotate()
    newer = Keys.from_text(house.path.read_text())
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(house.path, other)
    restoring.restore(tmp_path / "before.kith", lambda: config.load({"INSTANCE": str(other)}))
    with keyed({"INSTANCE": str(other)}) as app, app.app_context():
        assert app.config["KEYS"] == newer
        assert tokens.signed_hash(tokens.OPT_OUT, house.opt_out) == factories.lookup(GUEST)
        assert accounts.by_address("ana@keys.example").id == house.ana
        assert db.session.get(GuestAddress, factories.lookup(GUEST))
    keys.drop_old(at_once=True)
    shutil.copy(house.path, other)
    (other / "kith.sqlite3").unlink()
    with pytest.raises(Refused, match="other keys"):
        restoring.restore(tmp_path / "before.kith", lambda: config.load({"INSTANCE": str(other)}))


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_an_older_key_file_stops_the_start(house):
    kept = house.path.read_text()
    keys.rotate()
    house.path.write_text(kept)
    with pytest.raises(SettingError, match=r"newer keys than .*secret_key holds\. Copy the key file"), house.started():
        pass
    answer = programs.run("doctor", **house.settings)
    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: The database was given newer keys")


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_old_keys_go_when_nothing_needs_them_but_links_in_mails(house):
    keys.rotate()
    assert keys.drop_old() == keys.Dropped(0, 1, clock.now().date() + keys.KEPT)
    clock.move(days=89)
    assert keys.drop_old().gone == 0
    clock.move(days=1)
    assert keys.drop_old() == keys.Dropped(1, 0, None)
    now = Keys.from_text(house.path.read_text())
    assert [len(kind) for kind in (now.signing, now.wrapping, now.lookup, now.mailed)] == [1, 1, 2, 1]
    with house.started():
        assert tokens.signed("next", house.next) is None
        assert tokens.signed(tokens.UNSUBSCRIBE, house.unsubscribe) == ["x", "y"]
        assert tokens.signed_hash(tokens.OPT_OUT, house.opt_out) == factories.lookup(GUEST)
    keys.rotate()
    answer = programs.run("rotate-key", "--drop-old", "--at-once", **house.settings)
    assert "1 old keys dropped, 0 kept." in answer.stdout, answer.stderr
    assert len(Keys.from_text(house.path.read_text()).mailed) == 2


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_keys_are_not_changed_under_a_server(house, tmp_path):
    """Of this folder, seen by a lock that ends with the process; of another machine, by its lease."""
    kept = house.path.read_text()
    db.session.rollback()
    (tmp_path / "worker").touch()
    worker = programs.start("worker", log=tmp_path / "worker", **house.settings)
    worker.wait_until(lambda: "The worker runs" in worker.log.read_text())
    answer = programs.run("rotate-key", **house.settings)
    assert answer.returncode == 1
    assert "stop `kith serve` and `kith worker`" in answer.stderr
    worker.send_signal(15)
    assert worker.wait() == 0
    with transaction():
        db.session.merge(Lease(name="work", holder="another-machine-1", until=clock.now() + timedelta(seconds=20)))
    with pytest.raises(SettingError, match="another-machine-1 did less than half a minute ago"):
        keys.rotate()
    with pytest.raises(SettingError, match="another-machine-1"):
        keys.drop_old()
    assert house.path.read_text() == kept
    with transaction():
        db.session.query(Lease).delete()
    with serving.alone(house.path.parent, "Keys are changed"):
        answer = programs.run("worker", **house.settings)
    assert (answer.returncode, "Somebody works on this instance" in answer.stderr) == (1, True)
    assert db.session.get(KeyGeneration, 1) is None


def test_keys_that_follow_from_a_setting_are_written_into_a_file_first(tmp_path):
    secret = "k3mQ" * 12
    given = {"INSTANCE": str(tmp_path / "instance"), "SECRET_KEY": secret}
    programs.run("migrate", **given)
    answer = programs.run("rotate-key", **given)
    assert (answer.returncode, "Run `kith rotate-key --write-file`" in answer.stderr) == (1, True)
    assert "Now unset KITH_SECRET_KEY" in programs.run("rotate-key", "--write-file", **given).stdout
    assert "is there already" in programs.run("rotate-key", "--write-file", **given).stderr
    with_file = {"INSTANCE": given["INSTANCE"]}
    assert create_app(with_file).config["KEYS"] == create_app(given).config["KEYS"]
    assert "KITH_SECRET_KEY is not set" in programs.run("rotate-key", "--write-file", **with_file).stderr
    assert programs.run("rotate-key", **with_file).returncode == 0
    assert "newer keys than KITH_SECRET_KEY" in programs.run("doctor", **given).stderr


def test_a_damaged_value_stays_as_it_is_and_is_told(house):
    with transaction():
        table = db.metadata.tables["card_key"]
        db.session.execute(table.update().values(wrapped=b"noise"))
    assert keys.rotate().unreadable == 1
    assert db.session.scalar(select(table.c.wrapped)) == b"noise"


@pytest.mark.parametrize("text", ["", "signing = []", 'signing = ["00"]\nwrapping = "zz"\nlookup = "00"', "x"])
def test_what_is_no_key_file_stops_the_start(tmp_path, text):
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    path = tmp_path / "instance/secret_key"
    made = app.config["KEYS"]
    assert Keys.from_text(path.read_text()) == made
    path.write_text(text)
    with pytest.raises(SettingError, match="is not a key file of Kith"):
        config.keys(app.config["KITH"], has_data=lambda: True)
