"""App passwords: made, used by whom they belong to and nobody else, ended."""

import re

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain import accounts, app_passwords
from webapp.domain.errors import Invalid, NotFound, Refused, TooMany
from webapp.extensions import db
from webapp.models.member import AppPassword


@pytest.fixture
def ana(context):
    return factories.member("Ana Lima", "ana@friends.example")


def made(member, name="My phone"):
    secret = app_passwords.make(member, name)
    db.session.commit()
    return secret


def opened(name, secret):
    found = app_passwords.opened(name, secret)
    db.session.rollback()
    return found and found.id


def test_one_is_shown_once_and_kept_as_a_hash(ana):
    secret = made(ana)
    assert re.fullmatch(r"([a-z2-7]{4}-){6}[a-z2-7]{4}", secret)
    row = db.session.scalars(select(AppPassword)).one()
    assert (row.name, row.used_at) == ("My phone", None)
    kept = " ".join(str(getattr(row, column.key)) for column in AppPassword.__table__.columns)
    assert secret not in kept
    assert secret.replace("-", "") not in kept
    assert made(ana) != secret


def test_it_lets_in_with_each_proven_address_and_the_handle(ana):
    factories.address(ana, "ana@work.example")
    factories.address(ana, "ana@claimed.example", verified=False)
    ben = factories.member("Ben Okafor", "ben@friends.example")
    secret = made(ana)
    for name in ("ana@friends.example", " Ana@Friends.example ", "ana@work.example", ana.handle, ana.handle.upper()):
        assert opened(name, secret), name
    for name in ("ana@claimed.example", "ben@friends.example", ben.handle, "", "ana", "\0", "x" * 5000):
        assert not opened(name, secret), name


def test_dashes_blanks_and_capitals_make_no_difference_and_letters_do(ana):
    secret = made(ana)
    for typed in (secret, secret.replace("-", ""), secret.replace("-", " ").upper(), f" {secret}\n"):
        assert opened("ana@friends.example", typed), typed
    for typed in ("", secret[:-1], secret + "a", secret[::-1], factories.PASSWORD):
        assert not opened("ana@friends.example", typed), typed


def test_it_does_not_let_in_who_may_not_be_here(ana):
    secret = made(ana)
    for column in ("suspended_at", "deleted_at"):
        setattr(ana, column, clock.now())
        db.session.commit()
        assert not opened("ana@friends.example", secret)
        setattr(ana, column, None)
        db.session.commit()
    assert opened("ana@friends.example", secret)
    ana.verified_at = None
    db.session.commit()
    assert not opened("ana@friends.example", secret)


def test_a_revoked_one_ends_and_the_others_go_on(ana):
    phone, laptop = made(ana), made(ana, "Laptop")
    mallory = factories.member("Mallory Quint")
    row = db.session.scalars(select(AppPassword).where(AppPassword.name == "My phone")).one()
    for member, number in ((mallory, row.id), (ana, row.id + 1000)):
        with pytest.raises(NotFound):
            app_passwords.revoke(member, number)
    assert app_passwords.revoke(ana, row.id) == "My phone"
    db.session.commit()
    assert not opened("ana@friends.example", phone)
    assert opened("ana@friends.example", laptop)
    with pytest.raises(NotFound):
        app_passwords.revoke(ana, row.id)


def test_a_new_account_password_ends_them_all_and_signing_out_elsewhere_none(ana):
    ben = factories.member("Ben Okafor", "ben@friends.example")
    secrets = [made(ana), made(ana, "Laptop")]
    other = made(ben)
    accounts.end_other_sign_ins(ana)
    db.session.commit()
    assert all(opened("ana@friends.example", secret) for secret in secrets)
    accounts.set_password(ana, factories.password_hash())
    db.session.commit()
    assert not any(opened("ana@friends.example", secret) for secret in secrets)
    assert opened("ben@friends.example", other)
    assert app_passwords.of(ana) == []


def test_they_go_with_their_member(ana):
    made(ana)
    db.session.delete(ana)
    db.session.commit()
    assert db.session.scalars(select(AppPassword)).all() == []


def test_the_day_of_the_last_use_is_kept_and_no_more(ana):
    secret = made(ana)
    found = app_passwords.opened(ana.handle, secret)
    assert found.is_first_today
    app_passwords.note_used(found.id)
    db.session.commit()
    assert not app_passwords.opened(ana.handle, secret).is_first_today
    [row] = app_passwords.of(ana)
    assert row.used_at == clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    db.session.rollback()
    clock.move(days=1)
    assert app_passwords.opened(ana.handle, secret).is_first_today


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u200b", "x" * 41])
def test_a_name_has_to_be_one(ana, name):
    with pytest.raises(Invalid):
        app_passwords.make(ana, name)


def test_a_name_is_one_line(ana):
    made(ana, "  My\nold\tphone ")
    assert app_passwords.of(ana)[0].name == "My old phone"


def test_there_are_twenty_at_most(ana):
    for number in range(app_passwords.MOST):
        made(ana, f"Device {number}")
    with pytest.raises(Refused):
        app_passwords.make(ana, "One more")
    made(factories.member("Ben Okafor"))


def test_wrong_ones_are_counted_by_name_and_network(ana):
    for _ in range(10):
        app_passwords.check_tries("ana@friends.example", "192.0.2.1")
        app_passwords.count_try("ana@friends.example", "192.0.2.1")
        db.session.commit()
    with pytest.raises(TooMany):
        app_passwords.check_tries("ANA@friends.example", "192.0.2.1")
    app_passwords.check_tries("ana@friends.example", "192.0.2.2")
    app_passwords.check_tries("ben@friends.example", "192.0.2.1")
    clock.move(minutes=6)
    app_passwords.check_tries("ana@friends.example", "192.0.2.1")
