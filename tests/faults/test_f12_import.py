"""F12: an address book of 10,000 is read and compared while others use Kith. It is whole, nobody gets an error, and nothing is lost.

How long it takes, and how long the others wait, is measured, not tested: docs/performance.md.
"""

import signal
import threading

import pytest

from tests import houses, load, memory, wizard

OTHERS, TIMES = 8, 8
CONTACTS = 10_000
MEGABYTES = 300
"""What the server and all it started may hold together."""


@pytest.fixture
def house(tmp_path):
    made = houses.House(tmp_path).fill(OTHERS + 2)
    yield made
    if made.program:
        made.stop(signal.SIGKILL)


def test_f12_an_address_book_of_10_000_is_read_whole_while_others_read_and_write(house):
    owner, *others, _last = house.members
    found = [f"m{number}@post.example" for number in range(OTHERS + 2)]  # oneself, two connections, and strangers
    book = found + [f"guest{number}@out.example" for number in range(CONTACTS - len(found))]
    house.start()
    meanwhile = load.Load(house)
    using = threading.Thread(target=meanwhile.run, args=[others], kwargs={"times": TIMES})
    using.start()
    page, _seconds = load.bring(owner, book)
    using.join()
    read, counted = wizard.sum_of(wizard.Page(page))
    assert read == sum(counted) == CONTACTS
    assert counted[0] == len(found) - 3
    assert (meanwhile.errors, sum(meanwhile.answers.values())) == ({}, OTHERS * TIMES)
    assert memory.shared_out(house.program.pid) < MEGABYTES
    assert house.stop() == 0
    house.is_sound()
