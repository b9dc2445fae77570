"""Two thousand files made of the exports by chance: nothing but FileError, nothing unsafe, and the same again each time."""

import json
import random
from pathlib import Path

import pytest

from webapp import addresses
from webapp.providers import files
from webapp.providers.base import Page, merge
from webapp.providers.files import FileError, Found, Table

FOLDER = Path(__file__).parent / "files"
EXPORTS = [path.read_bytes() for path in sorted(FOLDER.glob("[!.]*")) if path.suffix not in {".md", ".json"}]
MUTATIONS = 2_000
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


def mutated(seed):
    chance = random.Random(seed)
    data = chance.choice(EXPORTS)
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


@pytest.mark.parametrize("share", range(SHARES))
def test_a_mutated_export_is_read_or_refused(share):
    read = 0
    for seed in range(share, MUTATIONS, SHARES):
        data = mutated(seed)
        try:
            result = files.read(data)
            if isinstance(result, Table):
                assert all(len(row) == len(result.header) for row in result.rows)
                result = files.mapped(result, result.guess)
        except FileError:
            continue
        assert isinstance(result, Found)
        assert [each for each in result.page.cards if not is_safe(each)] == [], seed
        assert merge([Page.load(json.loads(json.dumps(result.page.dump())))]).read == result.page.read
        read += 1
    assert read > MUTATIONS / SHARES / 3  # most mutations leave something to read
