"""The search of the proof: every form in which a text may lie in a file is found, wherever in it, and nothing else is."""

import base64
import gzip
import hashlib
import hmac
import io
import quopri
import sqlite3
import urllib.parse
import zipfile

import pytest

from webapp.proof.search import Search, Trace

NAME, ADDRESS, KEY = "Canaria Quillfeather", "quillfeather.x@cage.example", b"k" * 32
SEARCH = Search([NAME], [ADDRESS], [b"another key of the instance's ...", KEY])


def wrapped(content):
    """Base64 as mail has it, in short lines."""
    return base64.encodebytes(content)


FORMS = {
    "plain": NAME.encode(),
    "lower case": NAME.lower().encode(),
    "UTF-16": NAME.encode("utf-16-le"),
    "UTF-16 the other way": NAME.encode("utf-16-be"),
    "in an address": urllib.parse.quote(ADDRESS, safe="").encode(),
    "in an address, lower case": urllib.parse.quote(ADDRESS, safe="").lower().encode(),
    "wholly percent-encoded": "".join(f"%{byte:02X}" for byte in ADDRESS.encode()).encode(),
    "quoted-printable": quopri.encodestring(("x" * 68 + ADDRESS).encode()),
    "every letter quoted": "".join(f"={byte:02X}" for byte in ADDRESS.encode()).encode(),
    "hexadecimal": ADDRESS.encode().hex().upper().encode(),
    "base64": base64.b64encode(ADDRESS.encode()),
    "base64, after one": base64.b64encode(b"<" + ADDRESS.encode()),
    "base64, after two": base64.urlsafe_b64encode(b"--" + NAME.encode()),
    "base64 in lines": wrapped(b"a long text before it, so that the line breaks in the middle" + ADDRESS.encode()),
    "folded header": b"Subject: Canaria\r\n Quillfeather".replace(b"Canaria\r\n ", b"Canaria \r\n "),
    "sha256": hashlib.sha256(ADDRESS.encode()).hexdigest().encode(),
    "sha256 bytes": b"...." + hashlib.sha256(ADDRESS.encode()).digest() + b"....",
    "sha1 in base64": base64.b64encode(hashlib.sha1(ADDRESS.encode()).digest()),
    "md5, upper case": hashlib.md5(ADDRESS.encode()).hexdigest().upper().encode(),
    "hmac": b'{"lookup": "' + hmac.digest(KEY, ADDRESS.encode(), "sha256").hex().encode() + b'"}',
    "hmac bytes": hmac.digest(KEY, ADDRESS.encode(), "sha256"),
    "zip": None,
    "gzip": gzip.compress(b"well, " + ADDRESS.encode()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", [0, 1, 4090, 9000])
def test_every_form_is_found_wherever_it_stands(tmp_path, form, before):
    content = FORMS[form]
    if content is None:
        with zipfile.ZipFile(made := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside.txt", ADDRESS)
        content = made.getvalue()
    if form not in {"zip", "gzip"}:
        content = b"\0" * before + content + b"\0" * 5000
    (tmp_path / "some file").write_bytes(content)
    found = SEARCH.in_folder(tmp_path)
    assert found
    assert all(trace.where.startswith("some file") for trace in found)


def test_what_is_not_there_is_not_found(tmp_path):
    (tmp_path / "noise").write_bytes(hashlib.shake_256(b"noise").digest(300_000))
    (tmp_path / "another").write_text("Canaria Quillwort <quillwort.x@cage.example>")
    assert SEARCH.in_folder(tmp_path) == []


def test_a_value_that_sqlite_cuts_in_two_is_found_in_its_column(tmp_path):
    path = tmp_path / "some.sqlite3"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, said TEXT)")
    for length in range(4050, 4090):
        database.execute("INSERT INTO note (said) VALUES (?)", ("x" * length + ADDRESS,))
    database.commit()
    database.close()
    assert Trace("some.sqlite3, note.said", "as it is", ADDRESS) in SEARCH.in_folder(tmp_path)


def test_the_name_of_a_file_is_searched_as_well(tmp_path):
    (tmp_path / f"{NAME}.vcf").touch()
    (trace,) = SEARCH.in_folder(tmp_path)
    assert str(trace) == f"'{NAME}' (as it is) in the name of {NAME}.vcf"
