"""F1: `kill -9` of the server, twelve times under four who write."""

import random
import signal
import threading
import time

import pytest

from tests import houses

KILLS = 12


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, tmp_path, worker_id):
    database = ""
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres").database(f"kith_f1_{worker_id}")
    made = houses.House(tmp_path, database).fill()
    yield made
    if made.program:
        made.stop(signal.SIGKILL)


def test_f1_twelve_kills_lose_nothing_that_was_acknowledged(house):
    house.start()
    ends = threading.Event()
    threads = house.writing(ends)
    pauses = random.Random(1)
    for kill in range(KILLS):
        before = len(house.acknowledged)
        house.program.wait_until(lambda before=before: len(house.acknowledged) > before + 3)
        time.sleep(pauses.uniform(0, 0.2))
        assert house.stop(signal.SIGKILL) == -signal.SIGKILL, kill
        house.start()
    ends.set()
    for thread in threads:
        thread.join()
    assert house.stop() == 0
    assert house.answers["none"] > 0, "no kill met a writer"
    assert house.answers.keys() <= {"none", 303, 503}, "503: it is about to start"
    house.is_sound()
