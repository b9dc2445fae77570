"""docs/asvs.md goes through every requirement of level 1 and 2 of OWASP ASVS 5.0.0, and every test it names is there."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/asvs.md"
STATUSES = ("Not met.", "In part.", "Operator.", "Does not apply.")

# Section by section, how many requirements it has (a range), without those of level 3.
LEVELS_1_AND_2 = """
1.1.1-2 1.2.1-9 1.3.1-11 1.4.1-3 1.5.1-2
2.1.1-3 2.2.1-3 2.3.1-4 2.4.1
3.2.1-2 3.3.1-4 3.4.1-6 3.5.1-5 3.7.1-2
4.1.1-3 4.2.1 4.3.1-2 4.4.1-4
5.1.1 5.2.1-3 5.3.1-2 5.4.1-3
6.1.1-3 6.2.1-12 6.3.1-4 6.4.1-4 6.5.1-5 6.6.1-3 6.8.1-4
7.1.1-3 7.2.1-4 7.3.1-2 7.4.1-5 7.5.1-2 7.6.1-2
8.1.1-2 8.2.1-3 8.3.1 8.4.1
9.1.1-3 9.2.1-4
10.1.1-2 10.2.1-2 10.3.1-4 10.4.1-11 10.5.1-5 10.6.1-2 10.7.1-3
11.1.1-2 11.2.1-3 11.3.1-3 11.4.1-4 11.5.1 11.6.1
12.1.1-3 12.2.1-2 12.3.1-4
13.1.1 13.2.1-5 13.3.1-2 13.4.1-5
14.1.1-2 14.2.1-4 14.3.1-3
15.1.1-3 15.2.1-3 15.3.1-7
16.1.1 16.2.1-5 16.3.1-4 16.4.1-3 16.5.1-3
17.1.1 17.2.1-4 17.3.1-2
"""
MANY = 253
"""70 of level 1 and 183 of level 2."""


def required():
    """The numbers of all requirements."""
    found = []
    for section in LEVELS_1_AND_2.split():
        head, _, numbers = section.rpartition(".")
        first, _, last = numbers.partition("-")
        found += [f"{head}.{number}" for number in range(int(first), int(last or first) + 1)]
    return found


def rows():
    """Each row of the tables of requirements: its numbers, its matter, how it is met, its tests."""
    lines = re.findall(
        r"^\| (\d+\.\d+\.\d+[^|]*) \| (.*) \| (.*) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return [(numbers.split(", "), matter, how, tests) for numbers, matter, how, tests in lines]


@cache
def named_in(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_requirement_of_levels_1_and_2_stands_in_it_once():
    numbers = [number for row in rows() for number in row[0]]
    assert len(required()) == MANY
    assert Counter(numbers) == Counter(required())


def test_every_test_it_names_is_there_under_that_name():
    page = PAGE.read_text(encoding="utf-8")
    links = re.findall(r"\[`(test_\w+)`\]\(([^)#]+)\)", page)
    assert len(links) > MANY / 2
    wrong = [f"{name} in {path}" for name, path in links if name not in named_in((PAGE.parent / path).resolve())]
    assert wrong == []
    assert len(re.findall(r"\btest_\w+`", page)) == len(links)  # none is named without its file


def test_what_kith_meets_by_its_code_has_a_test():
    """What is met on a page of the docs, by the operator, or not at all, may have none."""
    bare = [
        numbers
        for numbers, _matter, how, tests in rows()
        if not tests.strip() and not how.startswith(tuple(f"**{status}**" for status in STATUSES)) and "](" not in how
    ]
    assert [each for each in bare if each != ["6.1.2"]] == []


def test_every_module_it_names_is_there():
    named = set(re.findall(r"`([\w/.-]+\.(?:py|txt|js|md|toml))`", PAGE.read_text(encoding="utf-8")))
    named |= set(re.findall(r"`(webapp/[\w/]+)`", PAGE.read_text(encoding="utf-8")))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_its_figures_are_those_of_its_rows():
    counted = Counter()
    for numbers, _matter, how, _tests in rows():
        status = next((status for status in STATUSES if how.startswith(f"**{status}**")), "Met.")
        counted[status] += len(numbers)
    said = re.search(
        r"Of its (\d+) requirements (\d+) are met, (\d+) in part, (\d+) not, (\d+) are the operator's, and (\d+) do not apply",
        PAGE.read_text(encoding="utf-8"),
    )
    assert [int(number) for number in said.groups()] == [
        MANY,
        *(counted[status] for status in ("Met.", "In part.", "Not met.", "Operator.", "Does not apply.")),
    ]


# What it says of the code, where no other test does


def test_the_application_starts_no_program_and_runs_no_text():
    """Nothing typed can become a program: none is started but before serving, the provider of the demo and the migration of the server."""
    calls = {"eval", "exec", "compile", "__import__", "system", "popen", "Popen", "check_output", "check_call", "spawn"}
    modules = {"subprocess", "pickle", "marshal", "shelve", "yaml", "ctypes", "code", "pty"}
    found = []
    for path in (ROOT / "webapp").rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                function = node.func
                bare = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
                is_pattern = isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "re"
                if bare in calls and not is_pattern:
                    found.append((name, bare))
            imported = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [(name, each) for each in imported if each.partition(".")[0] in modules]
    assert {name for name, _what in found} <= {"webapp/demo/run.py", "webapp/serve.py"}
    assert {what for _name, what in found} <= {"subprocess", "Popen"}


def test_our_scripts_keep_nothing_and_make_no_markup():
    """They merge no data into objects, write texts and attributes only, keep nothing but the look, and hear no other window."""
    for path in (ROOT / "webapp/static").glob("*.js"):
        if path.name.startswith("htmx"):
            continue
        script = path.read_text(encoding="utf-8")
        for word in (
            *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "setTimeout('"),
            *("Object.assign", "__proto__", "prototype", "constructor["),
            *("localStorage", "sessionStorage", "indexedDB", "caches.", "postMessage", "onmessage"),
        ):
            assert word not in script, (path.name, word)
        assert script.count("document.cookie") <= 1


def test_every_library_is_pinned_by_hash():
    for name in ("requirements.txt", "requirements-dev.txt"):
        wanted = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip())
        pinned = [each for each in wanted if not each.startswith("#")]
        assert len(pinned) > 40
        for each in pinned:
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", each), each
            assert "--hash=sha256:" in each, each


def test_every_kind_of_line_in_the_security_log_is_listed():
    said = PAGE.read_text(encoding="utf-8").partition("### The log\n")[2].partition("\n###")[0]
    written = set()
    for path in (ROOT / "webapp").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "logs.security":
                written.add(ast.literal_eval(node.args[0]))
    assert len(written) > 10
    assert [what for what in sorted(written) if f"*{what}*" not in said] == []
