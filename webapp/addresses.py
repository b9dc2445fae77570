"""Names and e-mail addresses made comparable and safe; every door and sign-up go through here."""

import re
import unicodedata
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email

NAME_CHARACTERS = 100
ADDRESS_OCTETS = 254
LOCAL_OCTETS = 64
# What is longer than this is not read at all: normalising is not free, and no name or address gets shorter by so much.
INPUT_CHARACTERS = 1000

# Letters that draw nothing: a name made of them would look empty, or like another one.
_BLANK = dict.fromkeys((0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0), "")
_DROPPED = frozenset({"Cc", "Cf", "Cs"})  # control; format, with the bidi controls and zero widths; lone surrogates

# What most addresses look like. Whatever it does not match is asked of the validator; a test holds the two together.
_PLAIN = re.compile(
    r"(?=.{3,254}\Z)(?P<local>(?=[^@]{1,64}@)[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+(?:\.[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+)*)"
    r"@(?P<domain>(?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion|test)\Z)[A-Za-z]{2,63})\Z",
    re.IGNORECASE | re.ASCII,
)
_PROFILE = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/in/([^/?#\s]{1,100})(?:[/?#].*)?", re.IGNORECASE)
_AROUND = " \t\r\n\v\f\u00a0\u200b\u200e\u200f\u2060\ufeff"
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

_WORD = r"(?:^|[._+\-])(?:{})(?:$|[._+\-0-9])"
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "no_reply",
        re.compile(
            _WORD.format(
                r"no[._\-]?reply|(?:do|dont|does)[._\-]?(?:not[._\-]?)?reply|no[._\-]?responder?|ne[._\-]?pas[._\-]?repondre"
                r"|(?:bitte[._\-]?)?nicht[._\-]?antworten"
            )
        ),
    ),
    ("no_reply", re.compile(r"^(?:notifications?|notify|alerts?|automated|unattended)(?:[+\-].*)?$")),
    ("bounce", re.compile(r"^(?:mailer[._\-]?daemon|postmaster|bounces?|.*[+\-]bounces?|bounces?[+\-=].*|prvs=.*)$")),
    (
        "list",
        re.compile(
            r"^(?:list[._\-]?serv|majordomo|mailman|newsletters?|.*[+\-](?:request|owner|subscribe|unsubscribe|newsletters?)"
            r"|owner-.*|unsubscribe.*|subscribe)$"
        ),
    ),
    (
        "support",
        re.compile(
            r"^(?:support|help|help[._\-]?desk|service[._\-]?desk|customer[._\-]?(?:service|care|support)|abuse|webmaster"
            r"|hostmaster|support\+.*)$"
        ),
    ),
)
_LIST_DOMAIN = re.compile(r"^(?:lists?\.|listserv\.)|(?:^|\.)(?:googlegroups\.com|groups\.io|yahoogroups\.com)$")
_NO_REPLY_DOMAIN = re.compile(r"(?:^|\.)(?:no-?reply|reply|bounces?)\.")


def display_name(text: str, most: int = NAME_CHARACTERS) -> str:
    """Return a name fit to keep and show: composed (NFC), without invisible characters, single spaces, 100 characters (or as given).

    Empty for a name of which nothing is left; the caller shows the address then.
    """
    text = text[:INPUT_CHARACTERS]
    if not text.isprintable():  # what is dropped never is
        text = "".join(
            letter if letter.isspace() else ("" if unicodedata.category(letter) in _DROPPED else letter)
            for letter in text
        )
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_BLANK))
    return " ".join(text.split())[:most].rstrip()


def written(text: str) -> str:
    """Return a text of several lines fit to keep and show: composed, without invisible characters, at most one empty line in a row."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    kept = "".join(
        letter
        for letter in composed
        if letter in "\n\t\u200d" or unicodedata.category(letter) not in {*_DROPPED, "Co", "Cn"}
    )
    return re.sub(r"\n{3,}", "\n\n", kept).strip()


def address(text: str) -> str | None:
    """Return an address as it is kept: trimmed, the domain in lower-case ASCII (IDNA), the local part as written.

    None for what is no address, is too long, or passes for ASCII only once it is composed (KELVIN SIGN + "ate" is not "kate").
    """
    if len(text) > INPUT_CHARACTERS:
        return None
    text = text.strip(_AROUND)
    if text[:7].lower() == "mailto:":
        text = unquote(text[7:].partition("?")[0]).strip(_AROUND)
    plain = _PLAIN.match(text)
    if plain is not None:
        return f"{plain['local']}@{plain['domain'].lower()}"
    if len(text) > ADDRESS_OCTETS:
        return None
    try:
        found = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=True,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            test_environment=False,
            globally_deliverable=True,
            strict=True,
        )
    except (EmailNotValidError, UnicodeError):
        return None
    written = text.rpartition("@")[0]
    local = found.local_part if not written.isascii() else written
    kept = f"{local}@{found.ascii_domain}"
    if local.isascii() != written.isascii() or len(local.encode()) > LOCAL_OCTETS:
        return None
    return kept if len(kept.encode()) <= ADDRESS_OCTETS else None


def key(kept: str) -> str:
    """Return what an address (as `address` returned it) is compared by: ASCII letters in lower case, and nothing else folded."""
    return kept.translate(_LOWER)


def profile_link(text: str) -> str:
    """Return the page of somebody's profile at LinkedIn as two of them are compared: "linkedin.com/in/ada-lovelace"; empty for any other.

    The country in front, the scheme, what follows the name, and upper case make no difference there.
    """
    found = _PROFILE.fullmatch(text[:INPUT_CHARACTERS].strip(_AROUND))
    name = display_name(unquote(found[1])).casefold() if found else ""
    return f"linkedin.com/in/{name}" if name else ""


def is_mailable(kept: str) -> bool:
    """Whether a mail can be handed to any server for it. An address in another script matches members, but is not invited."""
    return kept.isascii()


def not_a_person(kept: str) -> str | None:
    """Return the rule that says an address belongs to no person: `no_reply`, `bounce`, `list` or `support`; None for a person's."""
    local, _, domain = key(kept).rpartition("@")
    for rule, pattern in _RULES:
        if pattern.search(local):
            return rule
    if _NO_REPLY_DOMAIN.search(domain):
        return "no_reply"
    return "list" if _LIST_DOMAIN.search(domain) else None
