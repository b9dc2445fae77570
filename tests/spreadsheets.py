"""Texts that a spreadsheet would like to take for something else, and how LibreOffice opens a file."""

import os
import signal
import subprocess
import xml.etree.ElementTree as ET

from tests import requires

OFFICE, TABLE, TEXT = (f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "table", "text"))
NAMES = (
    "=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://evil.example","Click")', "=SUM(1;2)", "=1+1;=2", "=", '="quoted"', "={1;2}",
    "+1", "+351215550148", "+351 21 555 0148", "-1", "-", "--05-14", "@x", "@SUM(1)", "\t=", "\t=1+1", "＝1+1", "＋1",
    '"=1+1', "'=1+1", "''", '"', '""', ",", ";", "a;b\tc", "x,=1+1", 'Ana"; =1', "a\\", "0123", "007", "1e5", "1E+5", "1.5", "1,5", "1,234", "12%",
    "€5", "$5", "(5)", "TRUE", "false", "1-2", "1/2", "2020-01-02", "14.5.1990", "12:30", "12:30 PM", "3 May", "May 3", "May-20", "3. März 2020", "5 août",
    "Jan 1", "Ana Lima", "O'Brien", "田中太郎", "علي أحمد", "Rua 5", "Studio 54", "Mary",
)  # fmt: skip
LINES = ("a\r\nEND:VCARD", "- one\n- two", "=1+1\n=2+2", "Ana\nLima", "-" * 5_000, "=" + "1+" * 400)
"""Of several lines, or too long for a formula: what would be misread has a tab in front there."""


def opened(folder, **texts):
    """Open files in LibreOffice, as it does by itself, and return of each the rows of (type, shown text)."""
    requires.require("soffice")
    for name, text in texts.items():
        (folder / f"{name}.csv").write_bytes(text.encode())
    command = ("soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to", "fods")
    reading = "--infilter=Text - txt - csv (StarCalc):44,34,76,1"  # comma, quotes, UTF-8, from the first row
    process = subprocess.Popen(
        [*command, reading, "--outdir", folder, *(folder / f"{name}.csv" for name in texts)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0, said
    return {name: _rows(folder / f"{name}.fods") for name in texts}


def _rows(path):
    rows = []
    for row in ET.parse(path).getroot().iter(f"{TABLE}table-row"):
        cells = []
        for cell in row.iter(f"{TABLE}table-cell"):
            paragraphs = ["".join(_letters(each)) for each in cell.findall(f"{TEXT}p")]
            cells += [(cell.get(f"{OFFICE}value-type"), "\n".join(paragraphs))] * int(
                cell.get(f"{TABLE}number-columns-repeated", "1")
            )
        rows += [cells] * int(row.get(f"{TABLE}number-rows-repeated", "1"))
    return rows


def _letters(node):
    """Return what a paragraph says: tabs and runs of blanks are elements there."""
    yield node.text or ""
    for each in node:
        if each.tag == f"{TEXT}tab":
            yield "\t"
        elif each.tag == f"{TEXT}s":
            yield " " * int(each.get(f"{TEXT}c", "1"))
        else:
            yield from _letters(each)
        yield each.tail or ""
