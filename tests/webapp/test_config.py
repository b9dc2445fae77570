"""The settings."""

import re

import pytest

from webapp import config
from webapp.config import SettingError

NUMBERS = """
`CONNECTIONS_MAX` 30000, `INVITATIONS_OPEN_MAX` 500, `INVITATIONS_PER_DAY` 200, `INVITATION_DAYS` 180, `REINVITE_DAYS` 21, `QUIET_DAYS` 90,
`NOTE_CHARACTERS` 300, `UNDO_SECONDS` 60, `GUEST_MAILS_PER_DAY` 50, `GUEST_MAILS_PER_DAY_NEW` 20, `NEW_MEMBER_DAYS` 7, `GUEST_MAILS_PER_WEEK` 250,
`GUESTS_UNANSWERED_MAX` 200, `GUEST_MAILS_PER_DAY_INSTANCE` 1000, `GUEST_MAIL_DAYS` 365, `GUEST_LINK_DAYS` 30, `IMPORT_CONTACTS_MAX` 25000,
`IMPORT_BYTES_MAX` 10000000, `IMPORT_MINUTES` 60, `LOOKUPS_MAX` 50000, `LOOKUP_DAYS` 10, `PRIVATE_NOTE_CHARACTERS` 10000, `PASSWORD_CHARACTERS` 12
"""
"""Every number that the product promises, with its default."""


def test_every_number_is_a_setting_with_its_default_and_can_be_set(tmp_path):
    numbers = {name: int(number) for name, number in re.findall(r"`(\w+)` (\d+)", NUMBERS)}
    assert len(numbers) == 23
    usual = config.load({"INSTANCE": str(tmp_path)}, {})
    assert {name: usual[name] for name in numbers} == numbers
    assert usual["GUESTS_PRESELECTED"] is False
    for name, number in numbers.items():
        assert config.TABLE[name].type == "integer"
        assert config.load({"INSTANCE": str(tmp_path)}, {f"KITH_{name}": str(number + 1)})[name] == number + 1
    for setting in config.SETTINGS:
        if setting.type == "integer":
            with pytest.raises(
                SettingError, match=rf"^KITH_{setting.name} must be a whole number, 0 or more, but is '-1'\.$"
            ):
                config.load({"INSTANCE": str(tmp_path)}, {f"KITH_{setting.name}": "-1"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAIL_FROM", "nonsense", "must be an email address like kith@example.org, without a name, but is 'nonsense'."),
        ("MAIL_FROM", "Kith <kith@example.org>", "without a name"),
        ("BOUNCE_ADDRESS", "bounces", "must be an email address like bounces@example.org"),
        ("SIGN_IN_WITH", "google, gogle", "must be any of google, microsoft, oidc, but is 'google, gogle'."),
        ("METRICS_TOKEN", "short", "must have at least 16 characters, or others guess it."),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(name, value, said, tmp_path):
    with pytest.raises(SettingError, match=re.escape(said)) as refused:
        config.load({"INSTANCE": str(tmp_path)}, {f"KITH_{name}": value})
    assert str(refused.value).startswith(f"KITH_{name} must ")


def test_settings_in_force_can_be_given_again(tmp_path):
    """As `kith verify-promise` does."""
    there = config.load({"INSTANCE": str(tmp_path)}, {"KITH_SIGN_IN_WITH": "google, oidc"})
    assert there["SIGN_IN_WITH"] == ("google", "oidc")
    assert config.load(there, {}) == there


def test_a_setting_that_is_in_the_file_twice_is_said_to_be(tmp_path):
    (tmp_path / "config.toml").write_text('site_name = "A"\nsite_name = "B"\njoin = "open"\n')
    with pytest.raises(SettingError, match=r"config\.toml cannot be read: a setting is there twice \(at line 2, "):
        config.load({"INSTANCE": str(tmp_path)}, {})


@pytest.mark.parametrize("value", ["kith@example.org", "kith@alumni.local", "kith@localhost"])
def test_a_sender_may_be_one_of_an_own_network(value, tmp_path):
    assert config.load({"INSTANCE": str(tmp_path)}, {"KITH_MAIL_FROM": value})["MAIL_FROM"] == value
