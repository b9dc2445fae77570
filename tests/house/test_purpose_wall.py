"""The purpose wall: what was read of an address book can be reached from one module, and shown by its wizard alone.

The contracts stand in pyproject.toml and fail the build; here a forbidden import is planted for each, to see that it does.
"""

import ast
import copy
import re
import tomllib
from pathlib import Path

import grimp
import pytest
from importlinter.contracts.protected import ProtectedContract

ROOT = Path(__file__).parents[2]
WALL = "The purpose wall: "


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("webapp", cache_dir=None)


def contracts():
    """The contracts of the wall, as the build checks them: (name, contract)."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    for each in told:
        if each["name"].startswith(WALL):
            options = {key: value for key, value in each.items() if key not in {"name", "type"}}
            assert each["type"] == "protected"
            yield each["name"].removeprefix(WALL), ProtectedContract(each["name"], {}, options)


def broken(graph):
    return [name for name, contract in contracts() if not contract.check(copy.deepcopy(graph), verbose=False).kept]


def test_the_wall_stands(graph):
    assert len(list(contracts())) == 4
    assert broken(graph) == []


ROWS, FRONT, SHOWN, KEY = (
    "the rows of an address book are read by one module",
    "what opens an address book is called through that module's front",
    "an address book is shown by its wizard and by nothing else",
    "the browser's key is taken by the wizard, by signing out and by leaving",
)


@pytest.mark.parametrize(
    ("importer", "imported", "breaks"),
    [
        ("webapp.domain.suggestions", "webapp.models.contact", [ROWS]),
        ("webapp.domain.search", "webapp.models.contact", [ROWS]),
        ("webapp.domain.archives.contents", "webapp.models.contact", [ROWS]),
        ("webapp.jobs.digests", "webapp.domain.contacts.book", [FRONT, SHOWN]),
        ("webapp.jobs.housekeeping", "webapp.domain.contacts.choosing", [FRONT]),
        ("webapp.blueprints.contacts.screens", "webapp.domain.contacts.book", [FRONT]),
        ("webapp.blueprints.people", "webapp.domain.contacts", [SHOWN]),
        ("webapp.blueprints.settings", "webapp.domain.contacts", [SHOWN]),
        ("webapp.domain.leaving.going", "webapp.domain.contacts", [SHOWN]),
        ("webapp.logs", "webapp.domain.contacts", [SHOWN]),
        ("webapp.web.shell", "webapp.web.address_book", [KEY]),
    ],
)
def test_a_forbidden_import_breaks_it(graph, importer, imported, breaks):
    assert {importer, imported} <= graph.modules
    planted = copy.deepcopy(graph)
    planted.add_import(importer=importer, imported=imported)
    assert broken(planted) == breaks


MAY_CALL = {
    "domain/acts.py": {"forget"},
    "domain/leaving/asking.py": {"forget"},
    "jobs/housekeeping.py": {"forget_idle", "sweep_charges"},
    "web/address_book.py": {"Key", "end_for_sign_in", "key_to_revoke"},
}
"""What those who are let in besides the wizard may call: nothing of it gives a name or an address."""


def called(path):
    """Which names of `contacts` a file uses."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("webapp.domain.contacts")
        for alias in node.names
    }
    return names | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "contacts"
    }


@pytest.mark.parametrize("file", MAY_CALL)
def test_who_is_let_in_to_forget_does_nothing_else(file):
    assert called(ROOT / "webapp" / file) == MAY_CALL[file]


TABLES = re.compile(r"\b(address_book_import|import_part|AddressBookImport|ImportPart)\b")
NAMED = {
    "models/contact.py": "what they are",
    "domain/archives/contents.py": "that an archive has nothing of them",
    "proof/forgetting.py": "kith verify-promise counts them, in an instance of its own that it deletes",
    "proof/reading.py": "as above",
    "proof/walk.py": "as above",
}


def test_nobody_goes_round_it_by_the_names_of_the_tables():
    found = {
        path.relative_to(ROOT / "webapp").as_posix()
        for path in (ROOT / "webapp").rglob("*.py")
        if TABLES.search(path.read_text("utf-8")) and "domain/contacts/" not in path.as_posix()
    }
    assert found == NAMED.keys()
