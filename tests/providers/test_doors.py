"""Which door a typed address leads to, and which doors are open."""

import pytest

from webapp import providers


@pytest.mark.parametrize(
    ("address", "door"),
    [
        ("ada@gmail.com", "google"),
        ("ada@googlemail.com", "google"),
        ("ada@outlook.com", "microsoft"),
        ("ada@outlook.de", "microsoft"),
        ("ada@hotmail.co.uk", "microsoft"),
        ("ada@live.nl", "microsoft"),
        ("ada@msn.com", "microsoft"),
        ("ada@example.org", None),
        ("ada@notgmail.com", None),
        ("ada@outlook", None),
        ("gmail.com@example.org", None),
    ],
)
def test_the_domain_picks_the_door(registered, address, door):
    assert providers.door_of(address) == door


def test_a_domain_can_be_added(registered):
    registered.config["KITH"] = registered.config["KITH"] | {"GOOGLE_DOMAINS": ("northgate.example",)}
    assert providers.door_of("ada@northgate.example") == "google"
    assert providers.door_of("ada@gmail.com") is None


def test_a_provider_without_a_client_id_is_not_offered(registered):
    assert providers.is_offered("google")
    registered.config["KITH"] = registered.config["KITH"] | {"GOOGLE_CLIENT_ID": ""}
    assert not providers.is_offered("google")
    assert not providers.is_offered("paste")
