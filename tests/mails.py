"""Every kind of mail with given facts, read as a mail program reads it."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.policy import SMTP
from html.parser import HTMLParser

from webapp.domain import acts
from webapp.domain.notifications import News
from webapp.mail import render
from webapp.mail.catalog import COMMON, KINDS

SITE = "https://kith.example"
LINKS = {"link", "reset_link", "settings_link", "unsubscribe_link", "opt_out_link", "not_me_link", "report_link"}


def facts_of(kind, said="Ada Lovelace"):
    """All facts a kind needs, with `said` wherever somebody else's words stand."""
    facts = dict.fromkeys((*COMMON, *KINDS[kind].facts), said)
    facts |= {name: f"{SITE}/{name}/0123" for name in LINKS & facts.keys()}
    facts |= {
        "base_url": SITE,
        "site": "Northgate",
        "operator": "the association",
        "postal_address": "1 Harbour Street",
    }
    facts |= {name: 30 for name in ("days", "hours", "minutes") if name in facts}
    if "deed" in facts:
        facts |= {
            "deed": acts.SAID["silenced_until"],
            "until": datetime(2026, 5, 14, tzinfo=UTC),
            "line": 12,
            "mark": "0" * 64,
        }
    if "number" in facts:
        facts |= {"number": 3}
    if "due" in facts:
        facts |= {"due": datetime(2026, 5, 14, tzinfo=UTC)}
    if "proof" in facts:
        facts |= {"proof": [("Connections", 1200), ("Posts and news", 1)]}
    if "lines" in facts:
        facts |= {
            "lines": [News("%(who)s accepted your invitation", said, number) for number in (0, 1, 36)],
            "more": True,
        }
    return facts | ({"reply_to": "ada@out.example"} if "reply_to" in facts else {})


def as_read(kind, facts):
    """The mail as a mail program reads it from the bytes that leave."""
    made = render.message(render.render(kind, facts), "ben@friends.example")
    return message_from_bytes(made.as_bytes(policy=SMTP), policy=policy.default)


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found, self.links, self.styles = set(), set(), 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found |= {tag} | {
            f"[{name}]" for name, _value in attrs if name.startswith("on") or name in {"src", "style"}
        }
        self.links |= {value for name, value in attrs if name == "href"}
        self.styles += tag == "style"
