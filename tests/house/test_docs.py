"""What the docs say is what the code does."""

import re
from pathlib import Path

from webapp import config

ROOT = Path(__file__).parents[2]


def test_the_page_of_settings_is_the_table():
    assert (ROOT / "docs/configuration.md").read_text(encoding="utf-8") == config.as_markdown()


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
