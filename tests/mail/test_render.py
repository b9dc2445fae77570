"""Every mail, with pleasant and with hostile facts: one line of subject, the same links in both bodies, nothing that runs or reports."""

import re
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.mails import LINKS, SITE, Tags, as_read, facts_of
from webapp import create_app
from webapp.mail import render
from webapp.mail.catalog import CHOOSING, KINDS, subject

WEBAPP = Path(__file__).parents[2] / "webapp"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    made = create_app({"INSTANCE": str(tmp_path_factory.mktemp("mail") / "instance"), "BASE_URL": SITE})
    with made.test_request_context():
        yield made


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


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].facts])
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
