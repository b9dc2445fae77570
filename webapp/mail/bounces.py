"""Delivery reports: each mail that leaves names itself in its return path, signed, and a report that comes back says which one failed."""

import hmac
import re
from collections.abc import Iterator
from email.message import EmailMessage

from webapp import config, tokens

SIGNATURE_CHARACTERS = 20
"""80 bits, in lower case because some servers fold the local part; with the number they fit its 64 characters (RFC 5321)."""
_RETURN = re.compile(r"\+([0-9]{1,19})-([0-9a-f]{20})@", re.IGNORECASE)
_PERMANENT = re.compile(r"\s*5\.\d{1,3}\.\d{1,3}")


def return_path(mail_id: int) -> str:
    """Return the envelope's sender for a mail: BOUNCE_ADDRESS with the mail's signed number, else the plain sender."""
    local, _at, domain = config.setting("BOUNCE_ADDRESS").rpartition("@")
    return f"{local}+{mail_id}-{_signatures(mail_id)[-1]}@{domain}" if local else config.sender()


def mail_of(address: str) -> int | None:
    """Return the number of the mail whose return path this is; None for any other address and for a forged one."""
    found = _RETURN.search(address)
    if found is None:
        return None
    known = [hmac.compare_digest(each, found[2].lower()) for each in _signatures(int(found[1]))]
    return int(found[1]) if any(known) else None


def addressees(report: EmailMessage) -> Iterator[str]:
    """Yield where a report was delivered to, as mail servers note it."""
    for name in ("Delivered-To", "X-Original-To", "Envelope-To", "To"):
        yield from map(str, report.get_all(name, []))


def refusal(report: EmailMessage) -> str | None:
    """Return the status code of a permanent refusal in a delivery report (RFC 3464); None where there is none."""
    for part in report.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in part.get_payload():
            if not isinstance(block, str) and str(block.get("Action", "")).strip().lower() == "failed":
                status = _PERMANENT.match(str(block.get("Status", "")))
                if status is not None:
                    return status[0].strip()
    return None


def _signatures(mail_id: int) -> list[str]:
    """What signs a mail now comes last; a report may come back after new keys were made."""
    return [each[:SIGNATURE_CHARACTERS] for each in tokens.ever_keyed(f"return path of {mail_id}")]
