"""Every mail, with pleasant and with hostile facts: one line of subject, the same links in both bodies, nothing that runs or reports."""

import re
import unicodedata
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path

import pytest

from webapp import create_app
from webapp.domain import acts
from webapp.domain.notifications import News
from webapp.mail import render
from webapp.mail.catalog import CHOOSING, COMMON, KINDS, subject

WEBAPP = Path(__file__).parents[2] / "webapp"
SITE = "https://kith.example"
LINKS = {"link", "reset_link", "settings_link", "unsubscribe_link", "opt_out_link", "not_me_link", "report_link"}
HOSTILE = (
    "Eve\r\nBcc: all@victims.example",
    '<img src="https://spy.example/x.png" onerror=alert(1)>',
    '"Bank" <support@bank.example>',
    "\u202egnp.exe\u2066 right to left",
    "https://evil.example/click {{ 7 * 7 }} {% raw %}",
    "A" * 5000,
    "\x00\x07\x1b[31m control",
    "名前 🎶 Ämne",
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    made = create_app({"INSTANCE": str(tmp_path_factory.mktemp("mail") / "instance"), "BASE_URL": SITE})
    with made.test_request_context():
        yield made


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


@pytest.mark.parametrize("kind", KINDS)
def test_both_bodies_have_the_same_links_and_nothing_is_fetched(app, kind):
    facts = facts_of(kind)
    said = as_read(kind, facts)
    text, html = (said.get_body((part,)).get_content() for part in ("plain", "html"))
    tags = Tags(html)
    assert tags.styles == 1
    assert not tags.found & {"img", "script", "iframe", "link", "form", "[src]", "[style]", "video", "audio", "object"}
    assert tags.links == set(re.findall(r"https?://[^\s<>]+", text))
    assert tags.links == {value for name, value in facts.items() if name in LINKS}
    assert render.style_hash(html).startswith("'sha256-")


@pytest.mark.parametrize("said", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_what_somebody_calls_themselves_stays_words(app, kind, said):
    facts = facts_of(kind, said)
    mail = as_read(kind, facts)
    assert not mail.defects
    assert {name.lower() for name in mail} <= {
        "subject", "from", "to", "reply-to", "date", "message-id", "auto-submitted", "mime-version", "content-type",
        "list-unsubscribe", "list-unsubscribe-post",
    }  # fmt: skip
    assert mail["To"] == "ben@friends.example"
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "invites@kith.example"
    assert not re.search(r"[@<>\"]|https?:|www\.", sender.display_name)
    assert len(sender.display_name) <= render.FROM_CHARACTERS
    assert len(mail["Subject"]) <= render.SUBJECT_CHARACTERS
    assert "\n" not in mail["Subject"]
    html = mail.get_body(("html",)).get_content()
    tags = Tags(html)
    assert not tags.found & {"img", "script", "[onerror]", "[src]"}
    assert tags.links == {value for name, value in facts.items() if name in LINKS}
    assert "49" not in mail["Subject"]
    assert not any(unicodedata.category(letter) in {"Cc", "Cf"} for letter in sender.display_name)
    assert not any(unicodedata.category(letter) in {"Cc", "Cf"} for letter in mail["Subject"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_guests_mail_and_every_mail_of_an_event_can_be_ended_in_one_press(app, kind):
    said = as_read(kind, facts_of(kind))
    guest, wish = kind == "guest_invitation", bool(KINDS[kind].preference)
    link = "opt_out_link" if guest else "unsubscribe_link"
    assert said["List-Unsubscribe"] == (f"<{SITE}/{link}/0123>" if guest or wish else None)
    assert said["List-Unsubscribe-Post"] == ("List-Unsubscribe=One-Click" if guest or wish else None)
    assert (said["Reply-To"] == "ada@out.example") is guest
    if guest or wish:
        long = f"{SITE}/{'x' * 300}"
        sent = render.message(render.render(kind, facts_of(kind) | {link: long}), "ben@friends.example")
        assert f"\r\nList-Unsubscribe: <{long}>\r\n" in sent.as_bytes(policy=SMTP).decode(), "as mail programs read it"
    assert wish is set(CHOOSING).issubset(KINDS[kind].facts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_that_is_missing_is_named(app, kind):
    facts = facts_of(kind)
    missing = "link" if "link" in facts else "name"
    del facts[missing]
    with pytest.raises(KeyError, match=f"{kind} needs {missing}"):
        render.render(kind, facts)


def test_a_kind_that_nobody_knows_is_an_error(app):
    with pytest.raises(KeyError, match="greeting"):
        render.render("greeting", facts_of("reset"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_docs_say_the_subject_that_is_sent(app, kind):
    facts = facts_of(kind, "(by)") | {"site": "(site)"}
    assert render.render(kind, facts).subject == subject(kind)


def test_the_catalog_the_templates_and_what_is_sent_are_the_same():
    templates = {path.stem for path in (WEBAPP / "templates" / "mail").glob("*.html")}
    assert templates == set(KINDS)
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in WEBAPP.rglob("*.py") if path.parent.name not in {"mail", "jobs"}
    )
    assert {kind for kind in KINDS if f'"{kind}"' not in code} == set()
