"""Second steps: codes of an authenticator app count once, recovery codes are spent, and guessing leads nowhere."""

import base64
import json
import re
import subprocess
import sys

import pyotp
import pytest
from sqlalchemy import func, select

from tests import factories, security_keys
from tests.together import together
from webapp import clock, tokens
from webapp.domain import accounts, second_steps, tickets
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.domain.second_steps import authenticators, passkeys, recovery
from webapp.extensions import db
from webapp.models.mail import OutgoingMail
from webapp.models.member import EmailAddress, Throttle
from webapp.models.second_step import Authenticator, Passkey, RecoveryCode


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@friends.example")


@pytest.fixture
def ben(context):
    return factories.member("Ben Okafor", "ben@friends.example")


class App:
    """An authenticator app that was set up; `code(-1)` is the code of half a minute ago."""

    def __init__(self, member):
        token = authenticators.begin(member)
        self.secret = authenticators.waiting(member, token).secret.replace(" ", "")
        self.codes = authenticators.confirm(member, token, self.code())
        db.session.commit()

    def code(self, steps=0):
        return pyotp.TOTP(self.secret).at(clock.now(), counter_offset=steps)


def later(steps=1):
    clock.move(seconds=30 * steps)


def use(member, typed):
    found = authenticators.use(member, typed)
    db.session.commit()
    return found


def mails():
    db.session.rollback()
    rows = db.session.execute(select(OutgoingMail.kind, OutgoingMail.facts).order_by(OutgoingMail.id))
    return [(row.kind, row.facts.get("what", row.facts.get("left"))) for row in rows]


# Authenticator apps


def test_without_any_nothing_is_asked_for(ana):
    assert not second_steps.is_asked_of(ana)
    assert second_steps.held_by(ana) == second_steps.Held(None, [], 0)


def test_an_app_is_there_once_it_has_shown_a_code(ana, ben):
    token = authenticators.begin(ana)
    db.session.commit()
    shown = authenticators.waiting(ana, token)
    assert not second_steps.is_asked_of(ana)
    assert authenticators.waiting(ben, token) is None, "what waits is the one member's"
    with pytest.raises(Invalid):
        authenticators.confirm(ana, token, "000000")
    db.session.rollback()
    assert authenticators.waiting(ana, token) == shown, "a wrong code loses nothing"
    with pytest.raises(Refused):
        authenticators.confirm(ben, token, "000000")
    db.session.rollback()
    code = pyotp.TOTP(shown.secret.replace(" ", "")).at(clock.now())
    assert len(authenticators.confirm(ana, token, f" {code[:3]} {code[3:]} ")) == 10
    db.session.commit()
    assert second_steps.is_asked_of(ana)
    assert not second_steps.is_asked_of(ben)
    assert authenticators.waiting(ana, token) is None
    assert mails() == [("second_step", "authenticator_added")]
    with pytest.raises(Refused):
        authenticators.begin(ana)


def test_the_address_in_the_square_is_what_apps_read(ana):
    shown = authenticators.waiting(ana, authenticators.begin(ana))
    secret = shown.secret.replace(" ", "")
    assert len(base64.b32decode(secret)) == 20
    assert shown.address == f"otpauth://totp/Northgate:ana%40friends.example?secret={secret}&issuer=Northgate"


def test_setting_up_ends_after_a_quarter_of_an_hour_and_with_the_next_beginning(ana):
    first = authenticators.begin(ana)
    second = authenticators.begin(ana)
    assert authenticators.waiting(ana, first) is None
    clock.move(minutes=16)
    assert authenticators.waiting(ana, second) is None


def test_nobody_reads_the_secret_in_the_database(ana):
    token = authenticators.begin(ana)
    secret = authenticators.waiting(ana, token).secret.replace(" ", "")
    db.session.commit()
    kept = [str(row) for table in db.metadata.sorted_tables for row in db.session.execute(select(table))]
    authenticators.confirm(ana, token, pyotp.TOTP(secret).at(clock.now()))
    db.session.commit()
    kept += [str(row) for table in db.metadata.sorted_tables for row in db.session.execute(select(table))]
    raw = base64.b32decode(secret)
    told = (secret, raw.hex(), base64.b64encode(raw).decode(), base64.b64encode(secret.encode()).decode())
    assert not [text for text in kept if any(each in text for each in told)]


def test_a_secret_is_bound_to_its_member(ana, ben):
    app, _other = App(ana), App(ben)
    rows = {row.member_id: row for row in db.session.scalars(select(Authenticator))}
    rows[ben.id].wrapped = rows[ana.id].wrapped
    db.session.commit()
    later(2)
    with pytest.raises(Refused, match="recovery code"):
        authenticators.use(ben, app.code())


def test_a_code_works_once_also_the_one_that_confirmed(ana):
    app = App(ana)
    assert not use(ana, app.code())
    later()
    code = app.code()
    assert use(ana, code)
    assert not use(ana, code)
    later()
    assert not use(ana, code), "still within the drift, and used"
    assert use(ana, app.code())


def test_a_clock_may_be_half_a_minute_off(ana):
    app = App(ana)
    for steps, right in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        later(4)
        assert use(ana, app.code(steps)) is right, steps


def test_an_earlier_code_does_not_work_after_a_later_one(ana):
    app = App(ana)
    later(4)
    assert use(ana, app.code(1))
    assert not use(ana, app.code(0))
    assert not use(ana, app.code(-1))


def test_what_is_no_code_is_a_wrong_one(ana):
    App(ana)
    for typed in ("", " ", "12345", "1234567", "abcdef", "１２３４５６", "0" * 1000, "\u0661" * 6):
        later(40)
        assert not use(ana, typed), typed


def test_a_code_of_another_member_is_a_wrong_one(ana, ben):
    _mine, theirs = App(ana), App(ben)
    later(2)
    assert not use(ana, theirs.code())
    assert use(ben, theirs.code())


def test_of_two_with_the_same_code_at_once_one_gets_in(app, ana):
    phone = App(ana)
    later(2)
    code, member_id = phone.code(), ana.id
    db.session.rollback()
    found = together(app, *[lambda: authenticators.use(db.session.get(type(ana), member_id), code)] * 4)
    assert sorted(found) == [False, False, False, True]


def test_after_five_wrong_codes_right_ones_wait_and_the_member_is_told(ana):
    app = App(ana)
    later(2)
    for _ in range(5):
        assert not use(ana, "000000")
    with pytest.raises(TooMany) as refused:
        authenticators.use(ana, app.code())
    db.session.rollback()
    assert 0 < refused.value.retry_after <= 15 * 60
    assert mails()[1:] == [("codes_tried", None)]
    assert recovery.use(ana, app.codes[0]), "who has a recovery code is not locked out"
    db.session.commit()
    clock.move(minutes=16)
    assert use(ana, app.code())


def test_guessing_goes_on_for_ten_codes_a_day(ana):
    app, tried = App(ana), 0
    for _hour in range(20):
        try:
            while True:
                use(ana, "000000")
                tried += 1
        except TooMany as error:
            refusal = str(error)
            db.session.rollback()
        clock.move(hours=1)
    assert tried == 10
    assert "tomorrow" in refusal
    clock.move(hours=5)
    assert use(ana, app.code())
    assert [kind for kind, _what in mails()].count("codes_tried") == 1


def test_right_codes_are_not_counted(ana):
    app = App(ana)
    for _ in range(12):
        later(2)
        assert use(ana, app.code())
    counts = db.session.scalars(select(Throttle.count).where(Throttle.key.contains("code-account"))).all()
    assert set(counts) == {0}


def test_guesses_at_the_same_moment_are_all_counted(app, ana):
    App(ana)
    later(2)
    member_id = ana.id
    db.session.rollback()

    def guess():
        try:
            return authenticators.use(db.session.get(type(ana), member_id), "000000")
        except TooMany as error:
            raise Refused(str(error)) from None

    found = together(app, *[guess] * 8)
    assert found.count(False) == 5
    assert sum(isinstance(each, Refused) for each in found) == 3


def test_removing_the_last_one_takes_the_recovery_codes_along(ana):
    App(ana)
    authenticators.remove(ana)
    db.session.commit()
    assert second_steps.held_by(ana) == second_steps.Held(None, [], 0)
    assert not second_steps.is_asked_of(ana)
    assert mails() == [("second_step", "authenticator_added"), ("second_step", "authenticator_removed")]
    with pytest.raises(NotFound):
        authenticators.remove(ana)


# Recovery codes


def test_ten_codes_of_120_bits_kept_as_keyed_hashes(ana):
    codes = App(ana).codes
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", code) for code in codes)
    kept = str(db.session.scalars(select(RecoveryCode.hashed)).all())
    for code in codes:
        assert code not in kept
        assert tokens.digest(code.replace("-", "")) not in kept, "not to be found without the key"


def test_each_works_once_however_it_is_typed_and_a_mail_tells(ana):
    codes = App(ana).codes
    assert recovery.use(ana, f" {codes[3].upper().replace('-', ' ')} ")
    assert not recovery.use(ana, codes[3])
    assert recovery.left(ana) == 9
    db.session.commit()
    assert mails()[1:] == [("recovery_code_used", 9)]


def test_of_two_with_the_same_recovery_code_one_gets_in(app, ana):
    code, member_id = App(ana).codes[0], ana.id
    db.session.rollback()
    found = together(app, *[lambda: recovery.use(db.session.get(type(ana), member_id), code)] * 2)
    assert sorted(found) == [False, True]


def test_codes_are_their_members_only(ana, ben):
    mine, theirs = App(ana).codes, App(ben).codes
    assert not recovery.use(ana, theirs[0])
    assert recovery.use(ben, theirs[0])
    assert not recovery.use(ben, mine[0])
    assert not recovery.use(ana, "")


def test_new_ones_end_the_old_ones(ana):
    old = App(ana).codes
    new = recovery.make(ana)
    db.session.commit()
    assert not set(old) & set(new)
    assert not recovery.use(ana, old[0])
    assert recovery.use(ana, new[0])
    assert mails()[1] == ("second_step", "codes_made")


def test_wrong_ones_are_counted_by_account_and_network(ana, ben):
    for _ in range(10):
        recovery.check_tries(ana, "192.0.2.1")
        recovery.count_try(ana, "192.0.2.1")
    with pytest.raises(TooMany):
        recovery.check_tries(ana, "192.0.2.1")
    recovery.check_tries(ana, "192.0.2.2")
    recovery.check_tries(ben, "192.0.2.1")


# The whole


def test_every_proven_address_is_told_and_no_other(ana):
    for address, verified in (("ana@work.example", True), ("ana@claimed.example", False)):
        row = accounts._new_address(ana, address, accounts.lookup_of(address), primary=False)
        row.verified_at = clock.now() if verified else None
    db.session.commit()
    App(ana)
    told = select(EmailAddress.address).join(OutgoingMail, OutgoingMail.address_id == EmailAddress.id)
    assert sorted(db.session.scalars(told)) == ["ana@friends.example", "ana@work.example"]


def test_lifting_removes_everything_and_says_so(ana, ben):
    App(ana)
    App(ben)
    keep(ana, "My phone")
    assert second_steps.lift(ana) == {"authenticator": 1, "passkey": 1, "recovery_code": 10}
    db.session.commit()
    assert not second_steps.is_asked_of(ana)
    assert mails()[-1] == ("second_step", "lifted")
    assert second_steps.is_asked_of(ben)
    assert second_steps.lift(ana) == {"authenticator": 0, "passkey": 0, "recovery_code": 0}
    assert len(mails()) == 4, "two apps, a passkey, one lifting"


def test_who_takes_the_account_back_loses_what_others_may_have_added_or_know(ana, ben):
    phone = App(ana)
    App(ben)
    clock.move(days=2)
    since = clock.now()
    keep(ana, "Not mine")
    codes = recovery.make(ana)
    second_steps.forget_since(ana, since)
    db.session.commit()
    held = second_steps.held_by(ana)
    assert (held.passkeys, held.codes) == ([], 0)
    assert not recovery.use(ana, codes[0])
    assert use(ana, phone.code()), "what was there before stays"
    assert second_steps.held_by(ben).codes == 10


def test_they_go_with_their_member(ana):
    App(ana)
    keep(ana, "My phone")
    db.session.delete(ana)
    db.session.commit()
    for table in (Authenticator, Passkey, RecoveryCode):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0


def test_a_new_password_ends_what_waits_for_the_second_step(ana):
    token = tickets.issue(tickets.SECOND_STEP, minutes=10, member=ana, then="/", log_in=None)
    accounts.set_password(ana, factories.password_hash())
    assert tickets.peek(tickets.SECOND_STEP, token) is None


# Passkeys


@pytest.fixture
def named(setting):
    """The site under a name, which passkeys want."""
    setting(BASE_URL=security_keys.ORIGIN)


def keep(member, name, credential_id=None):
    row = Passkey(
        member_id=member.id, name=name, credential_id=credential_id or tokens.new().encode(), public_key=b"public",
        user_handle=b"handle", transports=[], sign_count=0, created_at=clock.now(),
    )  # fmt: skip
    db.session.add(row)
    recovery.ensure(member)
    second_steps.telling.tell(member, "passkey_added")
    db.session.commit()
    return row


def registered(member, device, name="My phone"):
    challenge = passkeys.begin(member, name)
    db.session.commit()
    _name, wanted = passkeys.waiting(member, challenge)
    new = passkeys.read(device.create(json.loads(wanted)), challenge)
    found = passkeys.add(member, challenge, new)
    db.session.commit()
    return found


@pytest.mark.parametrize(
    ("base", "host"),
    [
        ("http://127.0.0.1:8000", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
        ("http://kith.example.org", None),
        ("https://kith.example.org", "kith.example.org"),
        ("https://kith.example.org:8443", "kith.example.org"),
        ("http://localhost:8000", "localhost"),
        ("http://kith.localhost", "kith.localhost"),
    ],
)
def test_where_browsers_have_passkeys(context, setting, base, host):
    setting(BASE_URL=base)
    assert passkeys.host() == host


def test_a_passkey_is_added_and_is_a_second_step(ana, named):
    device = security_keys.Device()
    name, codes = registered(ana, device, "  My   phone ")
    assert name == "My phone"
    assert len(codes) == 10
    [row] = passkeys.of(ana)
    assert (row.name, row.sign_count, row.transports, row.used_at) == ("My phone", 0, ["internal"], None)
    assert row.user_handle == device.handle
    assert len(device.handle) == 32
    assert second_steps.is_asked_of(ana)
    assert mails() == [("second_step", "passkey_added")]
    assert registered(ana, security_keys.Device(), "Key")[1] == (), "who has codes keeps them"


def test_all_of_a_member_have_one_random_handle(ana, ben, named):
    devices = [security_keys.Device() for _ in range(3)]
    for device, member in zip(devices, (ana, ana, ben), strict=True):
        registered(member, device)
    handles = [device.handle for device in devices]
    assert handles[0] == handles[1] != handles[2]


def test_what_the_device_is_asked(ana, named):
    registered(ana, device := security_keys.Device())
    _name, wanted = passkeys.waiting(ana, passkeys.begin(ana, "Another"))
    said = json.loads(wanted)
    assert said["rp"] == {"id": "localhost", "name": "Northgate"}
    assert said["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert [security_keys.unpacked(each["id"]) for each in said["excludeCredentials"]] == [device.credential_id]
    assert said["attestation"] == "none"


def refused_creation(member, device, change=lambda wanted: wanted):
    challenge = passkeys.begin(member, "Other")
    _name, wanted = passkeys.waiting(member, challenge)
    with pytest.raises(Refused):
        passkeys.read(device.create(change(json.loads(wanted))), challenge)
    db.session.rollback()


def test_what_another_site_or_no_user_made_is_refused(ana, named):
    refused_creation(ana, security_keys.Device(origin="http://localhost:9000"))
    refused_creation(ana, security_keys.Device(origin="https://evil.example"))
    refused_creation(ana, security_keys.Device(host="evil.example"))
    for flags in (0, security_keys.PRESENT, security_keys.VERIFIED):
        device = security_keys.Device()
        device.flags = flags
        refused_creation(ana, device)
    old = passkeys.begin(ana, "Other")
    refused_creation(
        ana, security_keys.Device(), lambda wanted: wanted | {"challenge": security_keys.packed(old.encode())}
    )


def test_a_key_belongs_to_one_account(ana, ben, named):
    device = security_keys.Device()
    registered(ana, device)
    with pytest.raises(Refused):
        registered(ben, device)
    db.session.rollback()
    assert passkeys.of(ben) == []


def test_a_challenge_adds_one_passkey_for_the_member_it_was_given_to(ana, ben, named):
    challenge = passkeys.begin(ana, "My phone")
    _name, wanted = passkeys.waiting(ana, challenge)
    new = passkeys.read(security_keys.Device().create(json.loads(wanted)), challenge)
    db.session.commit()
    with pytest.raises(Refused):
        passkeys.add(ben, challenge, new)
    db.session.rollback()
    passkeys.add(ana, challenge, new)
    db.session.commit()
    again = passkeys.read(security_keys.Device().create(json.loads(wanted)), challenge)
    with pytest.raises(Refused):
        passkeys.add(ana, challenge, again)


def test_there_are_twenty_at_most(ana, named):
    waits = passkeys.begin(ana, "Late")
    db.session.commit()
    for number in range(passkeys.MOST):
        keep(ana, f"Key {number}")
    with pytest.raises(Refused):
        passkeys.begin(ana, "One more")
    with pytest.raises(Refused):
        passkeys.add(ana, waits, passkeys.New(b"1", b"1", 0, []))


def proven(device, member=None, change=lambda wanted: wanted):
    challenge, wanted = passkeys.ask(member)
    db.session.commit()
    return passkeys.prove(device.get(change(json.loads(wanted))), challenge, member)


def test_a_passkey_proves_whose_it_is(ana, named):
    registered(ana, device := security_keys.Device())
    assert passkeys.use(proven(device)) == ana
    assert passkeys.use(proven(device, ana)) == ana
    db.session.commit()
    assert passkeys.of(ana)[0].used_at == clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


def test_asked_of_nobody_nothing_is_named(ana, named):
    registered(ana, device := security_keys.Device())
    anybody, mine = (json.loads(passkeys.ask(member)[1]) for member in (None, ana))
    assert anybody["allowCredentials"] == []
    assert anybody["userVerification"] == "required"
    assert [(each["id"], each["transports"]) for each in mine["allowCredentials"]] == [
        (security_keys.packed(device.credential_id), ["internal"])
    ]


def test_alone_its_user_has_to_unlock_it_and_as_a_second_step_to_be_there(ana, named):
    registered(ana, device := security_keys.Device())
    device.flags = security_keys.PRESENT
    with pytest.raises(Refused):
        proven(device)
    assert proven(device, ana)
    device.flags = 0
    with pytest.raises(Refused):
        proven(device, ana)


@pytest.mark.parametrize("lie", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"handle": b"other"}])
def test_another_origin_host_or_handle_is_refused(ana, named, lie):
    registered(ana, device := security_keys.Device())
    for name, value in lie.items():
        setattr(device, name, value)
    for member in (None, ana):
        with pytest.raises(Refused):
            proven(device, member)


def test_another_challenge_or_another_key_is_refused(ana, named):
    registered(ana, device := security_keys.Device())
    with pytest.raises(Refused):
        proven(device, change=lambda wanted: wanted | {"challenge": security_keys.packed(tokens.new().encode())})
    other = security_keys.Device()
    other.credential_id, other.handle = device.credential_id, device.handle
    with pytest.raises(Refused):
        proven(other)


def test_another_members_passkey_is_no_second_step(ana, ben, named):
    registered(ana, security_keys.Device())
    registered(ben, device := security_keys.Device())
    with pytest.raises(Refused):
        proven(device, ana)
    assert passkeys.use(proven(device)) == ben


def test_a_copy_that_counts_less_is_refused(ana, named):
    device = security_keys.Device()
    device.count = 5
    registered(ana, device)
    passkeys.use(proven(device))
    db.session.commit()
    device.count = 4
    with pytest.raises(Refused):
        proven(device)
    device.count = 9
    assert passkeys.use(proven(device)) == ana


def test_two_uses_at_once_of_what_counts_are_one(ana, named):
    device = security_keys.Device()
    device.count = 5
    registered(ana, device)
    first, second = proven(device), proven(device)
    passkeys.use(first)
    with pytest.raises(Refused):
        passkeys.use(second)


def test_one_that_is_removed_meanwhile_proves_nothing(ana, named):
    registered(ana, device := security_keys.Device())
    proof = proven(device)
    passkeys.remove(ana, proof.id)
    db.session.commit()
    with pytest.raises(Refused):
        passkeys.use(proof)


def test_only_ones_own_is_removed(ana, ben, named):
    registered(ana, security_keys.Device())
    [row] = passkeys.of(ana)
    with pytest.raises(NotFound):
        passkeys.remove(ben, row.id)
    with pytest.raises(NotFound):
        passkeys.one_of(ben, row.id)
    assert passkeys.remove(ana, row.id) == "My phone"
    assert second_steps.held_by(ana) == second_steps.Held(None, [], 0)


def pieces(text):
    """An answer cut, and with each of its parts missing or of another kind."""
    whole = json.loads(text)
    yield from ("", "null", "[]", "1", '"x"', "{}", text[:-1], "[" * 5000, '{"response": []}')
    for name in whole:
        for value in (None, 1, [], "", "\u20ac", "A"):
            yield json.dumps(whole | {name: value})
    for name in whole["response"]:
        for value in (
            None,
            1,
            {},
            "",
            "\u20ac",
            "A",
            "AAAA",
            whole["response"][name][:-5],
            whole["response"][name] * 2,
        ):
            yield json.dumps(whole | {"response": whole["response"] | {name: value}})


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_no_forged_answer_breaks_anything(ana, named):
    registered(ana, device := security_keys.Device())
    challenge = passkeys.begin(ana, "Other")
    _name, wanted = passkeys.waiting(ana, challenge)
    good = security_keys.Device().create(json.loads(wanted))
    db.session.commit()
    refused = 0
    for text in pieces(good):
        try:
            passkeys.read(text, challenge)
        except Refused:
            refused += 1
    assert refused > 40
    challenge, wanted = passkeys.ask()
    good = device.get(json.loads(wanted))
    db.session.commit()
    for text in pieces(good):
        try:
            assert passkeys.prove(text, challenge).member_id == ana.id
        except Refused:
            refused += 1
    assert refused > 90


def test_a_process_that_checks_no_passkey_does_not_load_what_does(tmp_path):
    """It would cost every idle process 23 MB."""
    asked = "import sys; from webapp import create_app; create_app({'INSTANCE': sys.argv[1]}); print('webauthn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
