"""Every export in the folder beside is read right: names, every address, their order. Where each shape is documented: files/README.md."""

import json
from pathlib import Path

import pytest

from webapp.providers import files
from webapp.providers.files import Found

FOLDER = Path(__file__).parent / "files"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPECTED)
def test_an_export_is_read_right(name):
    found = files.read((FOLDER / name).read_bytes(), name)
    assert isinstance(found, Found), found
    assert [[each.name, *each.addresses] for each in found.page.cards] == EXPECTED[name]["contacts"]
    assert found.kind == EXPECTED[name]["kind"]
    assert found.left_out == 0
    links = EXPECTED[name].get("links") or [["", ""]] * found.page.read
    assert [[each.link, each.organisation] for each in found.page.cards] == links


@pytest.mark.parametrize("name", EXPECTED)
def test_the_name_of_a_file_makes_no_difference(name):
    data = (FOLDER / name).read_bytes()
    assert files.read(data, "contacts.bin") == files.read(data, name.partition(".")[0] + ".vcf") == files.read(data)


def test_each_export_is_expected_and_its_source_named():
    there = {each.name for each in FOLDER.glob("[!.]*")} - {"README.md", "expected.json"}
    assert there == set(EXPECTED)
    assert len(there) >= 25
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(" `"): line for line in readme.splitlines() if line.startswith("| `")}
    assert set(rows) == there
    assert all("http" in row for row in rows.values())
