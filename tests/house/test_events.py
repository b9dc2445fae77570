"""The table of events and what uses it: every kind that is told is in it, reads well and leads somewhere; every mail belongs to one."""

import re
from pathlib import Path

import pytest

from webapp import create_app
from webapp.domain import events
from webapp.domain.relationships import states
from webapp.mail.catalog import CHOOSING, KINDS, TEMPLATES

WEBAPP = Path(__file__).parents[2] / "webapp"
TOLD = re.compile(r"""\btelling\.tell\(\s*(?:"(\w+)"|([A-Z]\w*))""")
EFFECT = re.compile(r"""\bTell\((?:"low", |"high", |[^"]*?)"(\w+)\"""")


def told_anywhere():
    """Every kind that some code tells, by its name or by a constant of the same file."""
    found = set(EFFECT.findall(Path(states.__file__).read_text("utf-8")))
    for path in WEBAPP.rglob("*.py"):
        text = path.read_text("utf-8")
        for kind, constant in TOLD.findall(text):
            found.add(kind or re.search(rf"""^{constant} = "(\w+)\"""", text, re.MULTILINE)[1])
    return found


def test_every_kind_that_is_told_is_in_the_table_and_no_other():
    assert told_anywhere() == events.KINDS.keys()


def test_the_matrix_stays_small_enough_to_read():
    assert len(events.EVENTS) <= 12
    assert len({event.name for event in events.EVENTS}) == len(events.EVENTS)
    assert len(events.KINDS) == sum(len(event.kinds) for event in events.EVENTS)


@pytest.mark.parametrize("kind", events.KINDS)
def test_every_kind_reads_as_a_sentence_about_somebody_and_leads_to_a_page(kind, tmp_path):
    told = events.KINDS[kind]
    assert "Ana" in told.sentence % {"who": "Ana"}
    app = create_app({"INSTANCE": str(tmp_path / "instance")})
    path = told.path.format(handle="ana-abcd", about="x").partition("#")[0].partition("?")[0]
    endpoint, _values = app.url_map.bind("localhost").match(path, "GET")
    assert endpoint


def test_every_mail_that_can_be_turned_off_belongs_to_an_event():
    wishes = {name: kind.preference for name, kind in KINDS.items() if kind.preference}
    assert set(wishes.values()) <= {*events.BY_NAME, events.DIGEST}
    for name, kind in KINDS.items():
        assert bool(kind.preference) is set(CHOOSING).issubset(kind.facts), name


def test_there_is_a_template_for_every_mail_and_a_mail_for_every_template():
    assert {path.stem for path in TEMPLATES.iterdir()} == KINDS.keys()
