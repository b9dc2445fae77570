"""Files that would like to be too much: each is made, read, and what it took is told; tests/trust/test_bad_input.py has it done.

python bombs.py BEGINNING_OF_NAMES  ->  a line of JSON for each
"""

import contextlib
import io
import json
import re
import struct
import sys
import time
import zipfile
from pathlib import Path

from webapp.providers import files
from webapp.providers.files import FileError, Found

SIZE = 9_990_000
ADA = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nEMAIL:ada@x.example\r\nEND:VCARD\r\n"
BEN = ADA.replace("Ada", "Ben").replace("ada", "ben")
HEAD = "Name,Email,Note\n"
ROWS = "Ada,ada@x.example,\n", "Ben,ben@x.example,\n"


def filled(piece, before="", after=""):
    """Return as many pieces as fit between the two."""
    room = SIZE - len(before.encode()) - len(after.encode())
    return (before + piece * (room // max(len(piece.encode()), 1)) + after).encode()


def card(line, version="3.0"):
    return (
        ADA + f"BEGIN:VCARD\r\nVERSION:{version}\r\nFN:Big\r\nEMAIL:big@x.example\r\n{line}\r\n",
        "END:VCARD\r\n" + BEN,
    )


def around(line, piece, after=""):
    begin, end = card(line)
    return filled(piece, begin, after + "\r\n" + end)


def packed(entries, compression=zipfile.ZIP_DEFLATED):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        for name, data in entries:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=False) as entry:
                for piece in data:
                    entry.write(piece)
    return written.getvalue()


def zeros(megabytes):
    return (b"\0" * 1_000_000 for _ in range(megabytes))


def deflated(entries):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as entry:
                for piece in data:
                    entry.write(piece)
    return written.getvalue()


def lying():
    """Return an archive whose headers say that 20 megabytes are ten bytes."""
    data = deflated([("Connections.csv", zeros(25))])
    said = struct.pack("<L", 25_000_000)
    return data.replace(said, struct.pack("<L", 10))


def many(number):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for each in range(number):
            archive.writestr(f"{each}", b"")
    return written.getvalue()


table = (HEAD + ROWS[0], ROWS[1])
VCARDS = {
    "photo": lambda: around("PHOTO;ENCODING=b:", "QUJD"),
    "photo_folded": lambda: around("PHOTO;ENCODING=b:", "QUJDREVGR0g\r\n "),
    "photo_folded_without_blank": lambda: around("PHOTO;ENCODING=BASE64:", "QUJDREVGR0g\r\n"),
    "note_folded": lambda: around("NOTE:", "\r\n x"),
    "name_folded": lambda: around("NICKNAME:", "\r\n x"),
    "name_of_parts": lambda: around("N:", "\\;;,"),
    "quoted_printable": lambda: around("NOTE;ENCODING=QUOTED-PRINTABLE:", "=41=\r\n"),
    "quoted_printable_name": lambda: around("N;ENCODING=QUOTED-PRINTABLE:", "=\r\n"),
    "parameters": lambda: around("EMAIL;", "A=a=a;", ":ada@y.example"),
    "quotes": lambda: around("EMAIL;A=", '":', ":ada@y.example"),
    "emails": lambda: around("", "EMAIL:e@y.example\r\n"),
    "odd_emails": lambda: filled(
        "BEGIN:VCARD\nEMAIL:\u00e9@\u00e9.\u00e9\nEMAIL:\u00fc@\u00fc.\u00fc\nEND:VCARD\n", ADA, BEN
    ),
    "cards": lambda: filled("BEGIN:VCARD\nEMAIL:a@y.example\nEND:VCARD\n", ADA, BEN),
    "begins": lambda: filled("BEGIN:VCARD\n", ADA, BEN),
    "ends": lambda: filled("END:VCARD\n", ADA, BEN),
    "agents": lambda: filled("AGENT:\nBEGIN:VCARD\n", ADA, BEN),
    "deep": lambda: filled("", ADA + "BEGIN:VCARD\r\n" * 5000 + "END:VCARD\r\n" * 5000, BEN),
    "joined": lambda: filled("END:VCARDBEGIN:VCARD\n", ADA, BEN),
    "nul": lambda: filled("\0", ADA, BEN),
    "carriage_returns": lambda: filled("\r", ADA, BEN),
    "line_feeds": lambda: filled("\n", ADA, BEN),
    "short_lines": lambda: filled("x\n", ADA, BEN),
    "colons": lambda: filled(":\n", ADA, BEN),
    "groups": lambda: filled("KIND:group\n", ADA, BEN),
}
TABLES = {
    "cell": lambda: filled("x", table[0] + "Big,big@x.example,", "\n" + table[1]),
    "cell_quoted": lambda: filled("x", table[0] + 'Big,big@x.example,"', '"\n' + table[1]),
    "cell_of_lines": lambda: filled("word, word\n", table[0] + 'Big,big@x.example,"', '"\n' + table[1]),
    "cell_over_the_limit": lambda: filled("", table[0] + "Big,big@x.example," + "x" * 131_073 + "\n", table[1]),
    "columns": lambda: filled(
        "x," * 10_000 + "Ada,ada@x.example\n", ",".join(map(str, range(10_000))) + ",Name,Email\n"
    ),
    "commas": lambda: filled(",", table[0], "\n" + table[1]),
    "cells_of_two": lambda: filled("ab,", table[0], "\n" + table[1]),
    "commas_before_anything": lambda: filled(","),
    "separators": lambda: filled(",;\t|", "", "\n" + HEAD + ROWS[0]),
    "lines": lambda: filled("\n", table[0], table[1]),
    "lines_of_a_comma": lambda: filled(",\n", table[0], table[1]),
    "lines_of_a_letter": lambda: filled("a\n", table[0], table[1]),
    "rows": lambda: filled("P,p@x.example,\n", table[0], table[1]),
    "quotes": lambda: filled('"', table[0], "\n" + table[1]),
    "open_quotes": lambda: filled(',"\n', table[0], table[1]),
    "torn_quotes": lambda: filled('a"b,"c\n', table[0], table[1]),
    "odd_addresses": lambda: filled("P,\u00e9@\u00e9.\u00e9,\n", table[0], table[1]),
    "many_addresses": lambda: filled("\u00e9@\u00e9.\u00e9 ::: ", table[0] + "Big,", "\n" + table[1]),
    "at_signs": lambda: filled("@\n", table[0], table[1]),
    "angles": lambda: filled("<", table[0] + "Big,@", "\n" + table[1]),
    "no_header": lambda: filled("a@x.example\n"),
    "unknown": lambda: filled("Ab Cd,a@x.example,bb,cc,dd\n", "A,B,C,D,E\n"),
    "unknown_wide": lambda: filled("ab," * 59 + "a@x.example\n", "x," * 60 + "\n"),
    "unknown_long": lambda: filled("Ab Cd \u00e9" * 50 + ",a@x.example\n", "A,B\n"),
    "unknown_without_address": lambda: filled("ab,cd\n", "A,B\n"),
    "wide_letters": lambda: filled("\U0001f98a,p@x.example,\n", table[0], table[1]),
    "sixteen_bits": lambda: filled("P,p@x.example,\n", table[0], table[1])[: SIZE // 2].decode().encode("utf-16"),
}
LDIF = "dn: cn=Ada\ncn: Ada\nmail: ada@x.example\n\n"
LDIFS = {
    "entries": lambda: filled("dn: a\nmail: a@y.example\n\n", LDIF),
    "dns": lambda: filled("dn: a\n", LDIF),
    "mails": lambda: filled("mail: a@y.example\n", LDIF + "dn: b\n"),
    "folded": lambda: filled("\n x", LDIF + "dn: b\nmail: b@y.example\ncn:", "\n\n" + LDIF),
}
ARCHIVES = {
    "inflated": lambda: deflated([("Connections.csv", zeros(1000))]),
    "lying": lying,
    "entries": lambda: many(20_000),
    "entries_201": lambda: many(201),
    "nested": lambda: deflated([("Connections.csv.zip", [deflated([("Connections.csv", zeros(100))])])]),
    "vcards": lambda: deflated([("kith.json", [b"{}"]), ("connections.vcf", [ADA.encode() * 330_000])]),
}
BOMBS = {
    **{f"vcard_{name}": made for name, made in VCARDS.items()},
    **{f"table_{name}": made for name, made in TABLES.items()},
    **{f"ldif_{name}": made for name, made in LDIFS.items()},
    **{f"zip_{name}": made for name, made in ARCHIVES.items()},
}


def memory(line):
    """Return the megabytes that the system says of this process: `VmRSS` now, `VmHWM` at most."""
    found = re.search(rf"{line}:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024


def cost(name):
    """Read a bomb and return what came of it, and what it took."""
    data = BOMBS[name]()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # what making it took does not count
    before, began = memory("VmRSS"), time.process_time()
    told = {"name": name, "first": "", "last": "", "read": 0, "left_out": 0}
    try:
        result = files.read(data)
        told["result"] = result.kind if isinstance(result, Found) else "table"
        if not isinstance(result, Found):
            result = files.mapped(result, result.guess)
        cards = result.page.cards
        told |= {"read": len(cards), "left_out": result.left_out, "first": cards[0].name, "last": cards[-1].name}
    except FileError as wrong:
        told["result"] = wrong.kind
    return told | {"megabytes": round(memory("VmHWM") - before), "seconds": round(time.process_time() - began, 2)}


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        files.read(ADA.encode())
        for each in BOMBS:
            if each.startswith(wanted):
                print(json.dumps(cost(each)), flush=True)
