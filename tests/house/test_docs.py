"""What the docs say is what the code does."""

import re
from pathlib import Path

import pytest

from tests.trust import sentences
from webapp import config
from webapp.extensions import db
from webapp.mail import catalog
from webapp.models.base import Sealed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "made"), [("configuration", config.as_markdown), ("mails", catalog.as_markdown)], ids=["settings", "mails"]
)
def test_a_page_that_is_made_from_a_table_is_as_the_table(name, made):
    assert (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") == made()


def test_every_link_between_the_docs_leads_somewhere():
    link = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for target in link.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_sentence_of_trust_has_its_test_and_stands_in_the_docs():
    numbers = {number for number, sentence, _file, _test in sentences.found() if sentence}
    assert numbers | sentences.NOT_HERE.keys() == set(range(1, sentences.LAST + 1))
    assert not numbers & sentences.NOT_HERE.keys()
    assert all(sentence for _number, sentence, _file, _test in sentences.found())
    assert (ROOT / "docs/trust.md").read_text(encoding="utf-8") == sentences.as_markdown()


FORMS = {
    "sealed": ("sealed", "wrapped", "secret"),
    "hash": ("lookup", "digest", "link_digest", "hashed", "password_hash"),
}
"""How a column is kept is told by its name, or its type."""


def test_what_is_kept_is_listed_table_by_table_with_how_and_how_long():
    page = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page.partition("## What is kept, where")[2], re.MULTILINE
    )
    listed = {name: (what, how, until) for name, what, how, until in rows}
    assert len(listed) == len(rows)
    tables = {table.name: table for table in db.metadata.sorted_tables}
    assert listed.keys() - {"secret_key"} == tables.keys()
    for name, table in tables.items():
        how = listed[name][1]
        sealed = any(column.name in FORMS["sealed"] or isinstance(column.type, Sealed) for column in table.columns)
        hashed = any(column.name in FORMS["hash"] for column in table.columns)
        assert ("sealed" in how.lower(), "hash" in how) == (sealed or name == "tagged", hashed or name == "throttle"), (
            name
        )


def test_every_target_of_the_makefile_is_listed_by_make():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    described = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets - described <= {"lint"}
