"""Every mail Kith can send: what it needs to know, to whom it may go, and what happens to it after a crash."""

from collections.abc import Mapping
from dataclasses import dataclass

COMMON = ("site", "base_url", "operator", "postal_address")


@dataclass(frozen=True)
class Kind:
    """One kind of mail.

    `facts`: what its template needs besides `COMMON`. `unproven`: it may go to an address nobody has proven, and to one that wants no
    invitations, because somebody asked for it at the site. `again`: it is sent anew when it is not known whether it left.
    `preference`: the member's switch that turns it off. `days`: after so many days it is not sent any more.
    """

    facts: tuple[str, ...]
    unproven: bool = False
    again: bool = False
    preference: str = ""
    days: int = 3


KINDS: Mapping[str, Kind] = {
    "confirmation": Kind(("name", "link", "hours"), unproven=True, again=True, days=1),
    "already_member": Kind(("name", "link", "reset_link"), days=1),
    "reset": Kind(("name", "link", "minutes"), unproven=True, again=True, days=1),
    "password_changed": Kind(("name", "link"), days=7),
    "operator_link": Kind(("link", "minutes"), unproven=True, again=True, days=1),
    "invitation": Kind(
        ("name", "by", "by_headline", "by_organisation", "note", "link", "settings_link"),
        preference="mails_invitations",
        days=30,
    ),
    "guest_card": Kind(("name", "by", "by_headline", "link", "settings_link"), preference="mails_invitations", days=30),
    "connected": Kind(("name", "by", "by_headline", "link", "settings_link"), preference="mails_acceptances", days=30),
    "guest_invitation": Kind(
        ("name", "by", "by_headline", "note", "reply_to", "source", "link", "opt_out_link", "not_me_link", "days"),
        days=30,
    ),
}
