"""F11: a hundred browsers at once, of ten requests nine read and one writes. Nobody gets an error, everything acknowledged is there once.

How long the answers take is measured, not tested: docs/performance.md.
"""

import signal

import pytest

from tests import houses, load, memory

BROWSERS, TIMES = 100, 2
MEGABYTES = 300
"""What the server and all it started may hold together."""


@pytest.fixture
def house(tmp_path):
    made = houses.House(tmp_path).fill(BROWSERS)
    yield made
    if made.program:
        made.stop(signal.SIGKILL)


@pytest.mark.parametrize("processes", [1, 2])
def test_f11_a_hundred_browsers_at_once_get_no_error_and_lose_nothing(house, processes):
    house.start("--workers", processes)
    done = load.Load(house).run(house.members, times=TIMES)
    assert (done.errors, sum(done.answers.values())) == ({}, BROWSERS * TIMES)
    assert done.answers[303] > BROWSERS * TIMES / 20, "some wrote"
    assert memory.shared_out(house.program.pid) < MEGABYTES
    assert house.stop() == 0
    house.is_sound()
