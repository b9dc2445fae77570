"""Which door is best for an address."""

from urllib.parse import urlsplit

import pytest

from webapp import addresses, config
from webapp.providers import carddav, outside, ways


@pytest.mark.parametrize(
    ("typed", "name", "door", "server"),
    [
        ("ada@icloud.com", "iCloud", "carddav", "contacts.icloud.com"),
        (" Ada@ME.com ", "iCloud", "carddav", "contacts.icloud.com"),
        ("ada@fastmail.com", "Fastmail", "carddav", "carddav.fastmail.com"),
        ("ada@mailbox.org", "mailbox.org", "carddav", "dav.mailbox.org"),
        ("ada@gmx.de", "GMX", "carddav", "carddav.gmx.net"),
        ("ada@zohomail.eu", "Zoho (EU)", "carddav", "contacts.zoho.eu"),
        ("ada@proton.me", "Proton Mail", "file", ""),
        ("ada@yahoo.co.uk", "Yahoo", "file", ""),
    ],
)
def test_a_known_address_leads_to_its_door(typed, name, door, server):
    way = ways.way_of(addresses.address(typed))
    assert (way.name, way.door, way.server) == (name, door, server)


@pytest.mark.parametrize("typed", ["ada@example.org", "ada@gmail.com", "ada@sub.icloud.com", "icloud.com@example.org"])
def test_an_unknown_address_leads_nowhere(typed):
    assert ways.way_of(typed) is None


def test_every_row_can_be_used_and_checked_again():
    for way in (*ways.WAYS, ways.NEXTCLOUD):
        assert urlsplit(way.documentation).scheme == "https" or (way.door == "file" and not way.documentation)
        assert len(way.how) <= 120
        assert way.how.endswith(".")
        if way.server:
            at = outside.place(f"https://{way.server}")
            assert outside.is_name(at.host)
            assert carddav._start(f"ada@{way.domains[0]}")[0] == at
    domains = [domain for way in ways.WAYS for domain in way.domains]
    assert len(domains) == len(set(domains))
    others = (*config.TABLE["GOOGLE_DOMAINS"].default, *config.TABLE["MICROSOFT_DOMAINS"].default)
    assert not set(domains) & set(others)
