"""From facts to a mail. Pure: the preview and the job that sends call the same function, so both show the same bytes."""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
from email.utils import format_datetime, make_msgid
from typing import Any

from flask import current_app

from webapp import addresses, clock, config
from webapp.mail.catalog import COMMON, KINDS

FROM_CHARACTERS = 64
SUBJECT_CHARACTERS = 200
_INVISIBLE = {"Cc", "Cf", "Cs"}  # control, format (with the bidi controls), lone surrogates
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_ENCODED = re.compile(r"=\?|\?=")
"""What begins or ends an encoded word (RFC 2047): typed into a name, a mail program would read an address out of it."""
_ADDRESS_LIKE = re.compile(r"[@<>\"]|https?:|www\.", re.IGNORECASE)


class _Link(UnstructuredHeader, BaseHeader):
    """A header with a link, always on one line: folded, a long one would be encoded (RFC 2047), and no mail program could follow it."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Link)
_POLICY = EmailPolicy(header_factory=_HEADERS)


@dataclass(frozen=True)
class Rendered:
    """A mail without its recipient: subject, sender's name, where answers go, both bodies, and headers of its own."""

    subject: str
    from_name: str
    reply_to: str
    text: str
    html: str
    headers: Mapping[str, str] = field(default_factory=dict)


def common_facts() -> dict[str, str]:
    """Return what every mail knows of the site."""
    return {
        "site": config.setting("SITE_NAME"),
        "base_url": config.setting("BASE_URL"),
        "operator": config.setting("OPERATOR_NAME"),
        "postal_address": config.setting("POSTAL_ADDRESS"),
    }


def render(kind: str, facts: Mapping[str, Any]) -> Rendered:
    """Return the mail of this kind for these facts (those of the catalog, all of them); asks nothing of the database."""
    missing = {*COMMON, *KINDS[kind].facts} - facts.keys()
    if missing:
        raise KeyError(f"A mail of the kind {kind} needs {', '.join(sorted(missing))}.")
    template = current_app.jinja_env.get_template(f"mail/{kind}.html")
    context = template.new_context(dict(facts))
    subject = _one_line("".join(template.blocks["subject"](context)))
    text = "".join(template.blocks["text"](context)).strip() + "\n"
    headers = {}
    ends_at = facts.get("opt_out_link") or facts.get("unsubscribe_link")
    if ends_at:
        # RFC 8058: one press in the mail program, without opening a page.
        headers["List-Unsubscribe"] = f"<{ends_at}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    by = addresses.display_name(str(facts.get("by", "")))
    name = f"{by} via {facts['site']}" if by and kind == "guest_invitation" else str(facts["site"])
    return Rendered(
        subject, from_name(name), str(facts.get("reply_to", "")), text, template.render(dict(facts)), headers
    )


def _one_line(text: str) -> str:
    """Return what is fit for a subject: one line without anything that draws nothing or turns around what follows."""
    line = " ".join(text.split())
    drawn = "".join(letter for letter in line if unicodedata.category(letter) not in _INVISIBLE)
    return _ENCODED.sub(" ", drawn)[:SUBJECT_CHARACTERS]


def from_name(text: str) -> str:
    """Return a name fit to stand before the sender's address: nothing in it looks like an address or a link."""
    kept = _ADDRESS_LIKE.sub(" ", _ENCODED.sub(" ", addresses.display_name(text)))
    return " ".join(kept.split())[:FROM_CHARACTERS].strip() or "Kith"


def style_hash(html: str) -> str:
    """Return the hash of the mail's one style element, as a content security policy wants it."""
    found = _STYLE.search(html)
    digest = hashlib.sha256((found.group(1) if found else "").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def message(mail: Rendered, recipient: str) -> EmailMessage:
    """Return the message as a mail server gets it (RFC 5322), to one recipient."""
    sender = config.sender()
    made = EmailMessage(_POLICY)
    made["Subject"] = mail.subject
    made["From"] = Address(mail.from_name, addr_spec=sender)
    made["To"] = Address(addr_spec=recipient)
    if mail.reply_to:
        made["Reply-To"] = Address(addr_spec=mail.reply_to)
    made["Date"] = format_datetime(clock.now())
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    for name, value in mail.headers.items():
        made[name] = value
    made.set_content(mail.text)
    made.add_alternative(mail.html, subtype="html")
    return made
