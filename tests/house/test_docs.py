"""What the docs say is what the code does."""

import re
from pathlib import Path

import pytest

from webapp import config
from webapp.mail import catalog

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


def test_every_target_of_the_makefile_is_listed_by_make():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    described = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets - described <= {"lint"}
