"""F7: the disk fails a write, or the order to make it last. What was acknowledged is there, nothing is half there, and it goes on."""

import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import houses, requires

FAILING = [
    *(("pwrite64", number) for number in (1, 2, 3, 4, 6, 9, 14)),
    *(("fdatasync", number) for number in (1, 2, 3)),
]
POSTS = 6


@pytest.fixture
def house(tmp_path):
    requires.require("strace")
    made = houses.House(tmp_path).fill(2)
    yield made.start()
    made.stop(signal.SIGKILL)


@contextmanager
def failing(house, call, number):
    """From now on, that call fails once in each thread, when it is made for this time."""
    children = Path(f"/proc/{house.program.pid}/task/{house.program.pid}/children").read_text().split()
    said = house.folder / "strace.txt"
    command = ["strace", "-f", "-o", said, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={number}"]
    for each in children:
        command += ["-p", each]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if "attached" in line:
                break
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def test_f7_a_disk_that_fails_at_any_moment_loses_nothing_that_was_acknowledged(house):
    ana, ben = house.members
    refused, failed = [], 0
    for call, number in FAILING:
        with failing(house, call, number) as said:
            for each in range(POSTS):
                text = f"{call}-{number}-{each}-"
                answer = ana.post("/feed", body=text, audience="connections", form=f"{text:0<40}"[:40])
                if answer.status_code == 303:
                    house.acknowledged.append(("share", text))
                else:
                    refused.append((answer.status_code, text))
                    assert "reach its database" in answer.text, answer.text
        failed += said.read_text().count("(INJECTED)")
        text = f"{call}-{number}-then-"
        assert ana.share(text) == 303
        house.acknowledged.append(("share", text))
    assert failed >= len(FAILING)
    assert len(refused) >= len(FAILING) // 2, (failed, refused)
    assert {status for status, _text in refused} == {503}
    shown = ben.get("/feed")
    assert shown.status_code == 200
    house.is_sound()
