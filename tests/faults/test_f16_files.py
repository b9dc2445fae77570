"""Two thousand files made of real ones by chance, for everything that reads some: refused with a sentence, or read; the same each time."""

import io
import json
import random
import time
from pathlib import Path

import pytest
from PIL import Image

from tests import memory
from webapp import addresses
from webapp.domain import profiles
from webapp.domain.errors import Invalid
from webapp.jobs import mail
from webapp.mail import bounces
from webapp.providers import files, paste
from webapp.providers.base import Page, merge
from webapp.providers.files import FileError, Found, Table

FOLDER = Path(__file__).parents[1] / "providers/files"
EXPORTS = [path.read_bytes() for path in sorted(FOLDER.glob("[!.]*")) if path.suffix not in {".md", ".json"}]
MUTATIONS = 2_000
SECONDS_MAX = 2
MEGABYTES_MAX = 100
SHARES = 8
INSERTED = [
    *(bytes([octet]) for octet in (0, 1, 7, 8, 9, 10, 11, 12, 13, 26, 27, 34, 44, 58, 59, 61, 64, 92, 127, 128, 255)),
    *("\u202e", "\u2028", "\ufeff", "\u200d", "\ud83e\udd8a".encode("utf-16", "surrogatepass").decode("utf-16")),
    *(b"BEGIN:VCARD\n", b"END:VCARD\n", b"AGENT:\n", b"=\n", b"\n ", b'""', b'",\n"', b" ::: ", b"PK\x03\x04", b"\xff\xfe", b"mailto:", b"<", b"@"),
]  # fmt: skip


def flipped(data, chance):
    made = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def cut(data, chance):
    one, other = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[one:other] if chance.random() < 0.5 else data[:one] + data[other:]


def repeated(data, chance):
    one, other = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:one] + data[one:other] * chance.randint(2, 40) + data[other:]


def spliced(data, chance):
    other = chance.choice(EXPORTS)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


def inserted(data, chance):
    made = data
    for _ in range(chance.randint(1, 10)):
        what = chance.choice(INSERTED)
        octets = what if isinstance(what, bytes) else what.encode()
        at = chance.randrange(len(made) + 1)
        made = made[:at] + octets * chance.choice([1, 1, 1, 50]) + made[at:]
    return made


def shuffled(data, chance):
    lines = data.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def recoded(data, chance):
    return data.decode("latin-1").encode(chance.choice(["utf-8", "utf-16", "utf-16-be", "utf-7", "utf-32"]))


WAYS = [flipped, cut, repeated, spliced, inserted, shuffled, recoded]


def mutated(seed, of=EXPORTS):
    chance = random.Random(seed)
    data = chance.choice(of)
    for way in chance.sample(WAYS, chance.choice([1, 1, 2, 3])):
        data = way(data, chance) or b"x"
    return data[: files.FILE_BYTES]


def is_safe(card):
    return (
        card.name == addresses.display_name(card.name)
        and card.organisation == addresses.display_name(card.organisation)
        and all(addresses.address(each) == each for each in card.addresses)
        and (card.is_usable or card.why)
    )


def test_f16_a_mutated_export_is_read_or_refused_in_time():
    read, before = 0, memory.megabytes()
    for seed in range(MUTATIONS):
        data, began = mutated(seed), time.thread_time()
        try:
            result = files.read(data)
            if isinstance(result, Table):
                assert all(len(row) == len(result.header) for row in result.rows)
                result = files.mapped(result, result.guess)
        except FileError:
            continue
        finally:
            assert time.thread_time() - began < SECONDS_MAX, seed
        assert isinstance(result, Found)
        assert [each for each in result.page.cards if not is_safe(each)] == [], seed
        assert merge([Page.load(json.loads(json.dumps(result.page.dump())))]).read == result.page.read
        read += 1
    assert read > MUTATIONS / 3  # most mutations leave something to read
    assert memory.megabytes() - before < MEGABYTES_MAX


def test_f16_mutated_lines_that_somebody_pastes_are_understood_or_named():
    for seed in range(500):
        found, began = (
            paste.read(mutated(seed).decode("utf-8", "replace").replace("\0", "")[: paste.CHARACTERS_MAX]),
            time.thread_time(),
        )
        assert [each for each in found.page.cards if not is_safe(each)] == [], seed
        assert time.thread_time() - began < SECONDS_MAX, seed


def pictures():
    image = Image.effect_noise((90, 60), 90).convert("RGB")
    for kind in ("JPEG", "PNG", "WEBP"):
        exif = Image.Exif()
        exif[274] = 3
        buffer = io.BytesIO()
        image.save(buffer, kind, exif=exif, icc_profile=b"x" * 200)
        yield buffer.getvalue()


def test_f16_a_mutated_picture_is_cut_or_refused():
    whole, cut_out, before = list(pictures()), 0, memory.megabytes()
    for seed in range(300):
        data, began = mutated(seed, whole), time.thread_time()
        try:
            made = profiles.crop(data)
        except Invalid:
            continue
        finally:
            assert time.thread_time() - began < SECONDS_MAX, seed
        assert sorted(made) == [64, 256]
        cut_out += 1
    assert cut_out > 15
    assert memory.megabytes() - before < MEGABYTES_MAX


REPORT = b"""From: MAILER-DAEMON@out.example\r
To: %s\r
Subject: =?utf-8?q?Undelivered?=\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type="delivery-status"; boundary="edge"\r
\r
--edge\r
Content-Type: text/plain; charset=utf-8\r
\r
I'm sorry\r
--edge\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.out.example\r
\r
Final-Recipient: rfc822; grace@out.example\r
Action: failed\r
Status: 5.1.1\r
\r
--edge\r
Content-Type: message/rfc822\r
\r
To: Grace <grace@out.example>\r
Subject: x\r
\r
x\r
--edge--\r
"""


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_f16_a_mutated_delivery_report_says_something_or_nothing(context, setting):
    setting(BOUNCE_ADDRESS="bounces@northgate.example")
    whole = [REPORT % bounces.return_path(7).encode()]
    said = 0
    for seed in range(300):
        began = time.thread_time()
        said += mail.read_report(mutated(seed, whole))
        assert time.thread_time() - began < SECONDS_MAX, seed
    assert 15 < said < 285
