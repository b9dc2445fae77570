"""The best door for an address that is neither Google's nor Microsoft's: which it is, where it leads, how to get what it asks for.

Each row was checked against the provider's own documentation, whose address it holds; without one, only what needs no checking is said.
Who is not here could not be checked, and is served as anybody else: by the name of a server, or by a file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

N_: Callable[[str], str] = str
"""Marks a sentence for translation; it is translated where it is shown."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the members with an address under `domains` bring their contacts; `how` is one sentence for them."""

    name: str
    door: Literal["carddav", "file"]
    how: str
    documentation: str
    domains: tuple[str, ...] = ()
    server: str = ""


_YAHOO = "com ca co.in co.jp co.nz co.uk com.ar com.au com.br com.mx com.sg de es fr ie in it pl se"

WAYS: tuple[Way, ...] = (
    Way(
        "iCloud",
        "carddav",
        N_("Make an app-specific password at account.apple.com: Sign-In and Security, App-Specific Passwords."),
        "https://support.apple.com/102654",
        ("icloud.com", "me.com", "mac.com"),
        "contacts.icloud.com",
    ),
    Way(
        "Fastmail",
        "carddav",
        N_("Make an app password in Fastmail: Settings, Privacy & Security, with access to contacts."),
        "https://www.fastmail.com/help/clients/apppassword.html",
        ("fastmail.com", "fastmail.fm"),
        "carddav.fastmail.com",
    ),
    Way(
        "mailbox.org",
        "carddav",
        N_("Make an application password at mailbox.org: All settings, Security, Application passwords."),
        "https://kb.mailbox.org/en/private/security-and-privacy/application-passwords-for-external-programs",
        ("mailbox.org",),
        "dav.mailbox.org",
    ),
    Way(
        "GMX",
        "carddav",
        N_("If you use two-factor authentication, make an application-specific password at GMX: My Account, Security."),
        "https://hilfe.gmx.net/sicherheit/2fa/anwendungsspezifisches-passwort.html",
        ("gmx.net", "gmx.de", "gmx.at", "gmx.ch"),
        "carddav.gmx.net",
    ),
    Way(
        "Zoho",
        "carddav",
        N_("If you use two-factor authentication, make an app password at accounts.zoho.com: Security, App passwords."),
        "https://help.zoho.com/portal/en/kb/solo/communication/settings/articles/how-to-generate-app-specific-password",
        ("zoho.com", "zohomail.com"),
        "contacts.zoho.com",
    ),
    Way(
        "Zoho (EU)",
        "carddav",
        N_("If you use two-factor authentication, make an app password at accounts.zoho.eu: Security, App passwords."),
        "https://help.zoho.com/portal/en/kb/solo/communication/settings/articles/how-to-generate-app-specific-password",
        ("zoho.eu", "zohomail.eu"),
        "contacts.zoho.eu",
    ),
    Way(
        "Proton Mail",
        "file",
        N_("Save your contacts as a vCard file in Proton Mail: Contacts, Settings, Export contacts."),
        "https://proton.me/support/autosave-contact-list",
        ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    ),
    Way(
        "Yahoo",
        "file",
        N_("Export your contacts from Yahoo Mail as a CSV file, and choose that file on the next page."),
        "",
        (*tuple(f"yahoo.{end}" for end in _YAHOO.split()), "ymail.com", "rocketmail.com"),
    ),
)
NEXTCLOUD = Way(
    "Nextcloud",
    "carddav",
    N_("The address is the one in your browser. Make an app password in Nextcloud: Personal settings, Security."),
    "https://docs.nextcloud.com/server/latest/user_manual/en/session_management.html",
)
"""It has no domain of its own: everybody runs one under theirs."""

_BY_DOMAIN = {domain: way for way in WAYS for domain in way.domains}


def way_of(address: str) -> Way | None:
    """Return the best door of a typed address (as `addresses.address` returned it); None for a domain that is not known."""
    return _BY_DOMAIN.get(address.rpartition("@")[2])
