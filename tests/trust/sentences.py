"""The sentences that must hold, read from the tests that prove them, as a page of the docs.

A test here is called `test_NN_what_holds`, and its docstring is sentence NN. `make docs` writes the page; a test holds it true.
"""

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
LAST = 78
PARTS = {
    1: "Who learns what about membership",
    11: "Compare and forget",
    15: "Invitations to people who are not members",
    23: "Accounts and sign-ins",
    31: "In the browser",
    38: "Providers, and where the server connects to",
    47: "Bad input",
    55: "People's safety",
    61: "Who may do what",
    70: "Races and repetition",
    73: "Beginning, and running",
}
NOT_HERE: dict[int, str] = {}
"""What no test can show on one machine, with the reason: sentence number -> why."""
_NAME = re.compile(r"test_(\d\d)_\w+")


def found():
    """Return (number, sentence, file, test) of every sentence, in order."""
    rows = []
    for path in sorted(FOLDER.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (named := _NAME.fullmatch(node.name)):
                sentence = " ".join((ast.get_docstring(node) or "").split())
                rows.append((int(named[1]), sentence, path.name, node.name))
    return sorted(rows)


def as_markdown():
    """Return docs/trust.md."""
    lines = [
        "# What must hold",
        "",
        "Each sentence has a test that is named after it and proves it from outside: over HTTP, by mail, or in the files. This page is made from",
        "them (`make docs`). The rules behind the sentences are in [privacy.md](privacy.md) and [security.md](security.md). To try one: `.venv/bin/python -m pytest tests/trust -k test_19`.",
    ]
    rows = found()
    for number in range(1, LAST + 1):
        if number in PARTS:
            lines += ["", f"## {PARTS[number]}", "", "| | what holds | test |", "|---|---|---|"]
        lines += [
            f"| {number} | {sentence.replace('|', chr(92) + '|')} | [{name.removeprefix('test_')}](../tests/trust/{file}) |"
            for at, sentence, file, name in rows
            if at == number
        ]
    lines += ["", "## What one machine cannot show", ""]
    lines += [f"- {number}: {reason}" for number, reason in sorted(NOT_HERE.items())] or ["Nothing of it."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    page = FOLDER.parents[1] / "docs/trust.md"
    page.write_text(as_markdown(), encoding="utf-8")
    print(f"Wrote {page.relative_to(Path.cwd())}.")
