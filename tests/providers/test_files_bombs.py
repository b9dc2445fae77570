"""Files that would like to be too much are refused, or cost only what is too much of them; memory grows by less than 150 MB."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.providers import files
from webapp.providers.files import FileError, archives

ROOT = Path(__file__).parents[2]
MEGABYTES_MAX = 150
WATCHDOG_SECONDS = 600

# whole: the contacts before and after it are read. cut: 25,000 are read, the rest is counted. Else: what the file is refused as.
CUT = {
    *("vcard_odd_emails", "vcard_cards", "vcard_begins", "vcard_agents", "vcard_joined"),
    *("table_cell_of_lines", "table_lines_of_a_letter", "table_rows", "table_open_quotes", "table_torn_quotes"),
    *("table_odd_addresses", "table_at_signs", "table_no_header", "table_unknown", "table_unknown_wide"),
    *("table_wide_letters", "table_sixteen_bits", "ldif_entries", "ldif_dns"),
}
REFUSED = {
    "table_columns": "not_contacts",
    "table_commas_before_anything": "not_contacts",
    "table_unknown_without_address": "not_contacts",
    "zip_inflated": "too_large",
    "zip_lying": "broken",
    "zip_entries": "too_many",
    "zip_entries_201": "too_many",
    "zip_nested": "not_contacts",
    "zip_vcards": "too_large",
}
OTHERWISE = {"table_separators", "table_unknown_long", "ldif_mails", "ldif_folded"}
"""Read, with what the bomb itself is last."""


@pytest.mark.parametrize("kind", ["vcard_", "table_", "ldif_", "zip_"])
def test_a_bomb_is_survived_with_the_rest_of_the_book(kind, tmp_path):
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("bombs.py"), kind],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=WATCHDOG_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    told = [json.loads(line) for line in run.stdout.splitlines()]
    assert told
    for each in told:
        name = each["name"]
        assert each["megabytes"] < MEGABYTES_MAX, each
        if name in REFUSED:
            assert each["result"] == REFUSED[name], each
        elif name in CUT:
            assert each["read"] == 25_000, each
            assert each["left_out"] > 0, each
        elif name not in OTHERWISE:
            assert (each["first"], each["last"], each["left_out"]) == ("Ada", "Ben", 0), each
    assert list(tmp_path.iterdir()) == []


def zipped(monkeypatch, *entries, **flags):
    import io
    import zipfile

    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = flags.get("attributes", 0) << 16
            info.compress_type = flags.get("compression", zipfile.ZIP_DEFLATED)
            archive.writestr(info, data)
    data = written.getvalue()
    for flag in flags.get("flags", ()):
        at = data.index(b"PK\x01\x02")
        data = data[:6] + bytes([flag]) + data[7 : at + 8] + bytes([flag]) + data[at + 9 :]
    return data


TABLE = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\nAda,King,,ada@x.example,,,\n"


@pytest.mark.parametrize(
    "name",
    ["Connections.csv", "connections.CSV", "a/b/Connections.csv", "../../Connections.csv", "/Connections.csv", "C:\\x\\Connections.csv", "\\\\host\\Connections.csv"],
)  # fmt: skip
def test_an_archive_is_read_by_name_alone(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    found = files.read(zipped(monkeypatch, ("Other.csv", "a,b\n"), (name, TABLE), ("nested.zip", b"PK\x03\x04")))
    assert [(each.name, each.addresses) for each in found.page.cards] == [("Ada King", ("ada@x.example",))]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "entries", "flags"),
    [
        ("locked", [("Connections.csv", TABLE)], {"flags": [1]}),
        ("not_contacts", [("Connections.csv", "/etc/passwd")], {"attributes": 0o120777}),
        ("not_contacts", [("Connections.csv/", ""), ("Other.csv", TABLE)], {}),
        ("not_contacts", [("xl/workbook.xml", "<x/>")], {}),
        ("not_contacts", [("connections.vcf", "BEGIN:VCARD\nEND:VCARD\n")], {}),
        ("not_contacts", [("a/kith.json", "{}"), ("b/connections.vcf", "BEGIN:VCARD\nEND:VCARD\n")], {}),
        ("not_contacts", [("Connections.csv", "What,Who\nx,ada@x.example\n")], {}),
        ("not_contacts", [], {}),
        ("broken", [("Connections.csv", TABLE)], {"compression": 12}),
        ("broken", [("Connections.csv", TABLE)], {"compression": 14}),
    ],
)
def test_any_other_archive_says_what_is_wrong(monkeypatch, kind, entries, flags):
    with pytest.raises(FileError) as wrong:
        files.read(zipped(monkeypatch, *entries, **flags))
    assert wrong.value.kind == kind


def test_a_damaged_archive_says_so(monkeypatch):
    whole = zipped(monkeypatch, ("Connections.csv", TABLE * 100))
    for data in (whole[:-30], whole[: len(whole) // 2], whole[:60] + b"\xff" * 20 + whole[80:]):
        with pytest.raises(FileError) as wrong:
            files.read(data)
        assert wrong.value.kind == "broken"


def test_an_archive_of_kith_may_hold_more_files_than_others(monkeypatch):
    entries = [(f"me/photos/{each}.jpg", b"") for each in range(archives.ENTRIES_MAX * 2)]
    card = "BEGIN:VCARD\nVERSION:4.0\nFN:Ada\nEMAIL:ada@x.example\nEND:VCARD\n"
    found = files.read(zipped(monkeypatch, *entries, ("me/connections.vcf", card), ("me/kith.json", "{}")))
    assert (found.kind, [each.name for each in found.page.cards]) == ("kith", ["Ada"])
