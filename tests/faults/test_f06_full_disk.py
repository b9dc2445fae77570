"""F6: the disk is full. Reading goes on, writing says so, and all is well as soon as there is room, without a restart."""

import signal
import subprocess

import pytest

from tests import houses, requires

SAYS = "the storage of this server is full"


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, as small as that."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", place], capture_output=True, check=False)
    if done.returncode:
        requires.cannot_run("the right to mount a small file system (root)")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_f6_a_full_disk_stops_writing_and_nothing_else(disk):
    house = houses.House(disk).fill(2)
    house.log = disk.parent / "said.txt"
    ana, ben = house.members
    try:
        house.start(when="/signin")  # a disk as small as this is never ready
        assert ana.send("before-") == 303
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        refused = [answer for number in range(40) if (answer := _write(ana, number)).status_code != 303]
        assert refused
        assert {answer.status_code for answer in refused} == {507}
        assert all(SAYS in answer.text and "Traceback" not in answer.text for answer in refused)
        for path in ("/feed", "/connections", f"/messages/{ben.talk}", "/settings", "/livez"):
            assert ben.get(path).status_code == 200, path
        assert ana.session.get(f"{house.url}/signin", cookies={}, timeout=30).status_code == 200
        said = ana.get(f"/messages/{ana.talk}").text
        ballast.unlink()
        assert ana.send("after-") == 303
        house.acknowledged += [("send", text) for text in ("before-", "after-")]
        assert "before-" in said
        house.is_sound()
    finally:
        house.stop(signal.SIGKILL)


def _write(browser, number):
    """Share a post; note it where that was acknowledged."""
    text = f"{number}-"
    answer = browser.post("/feed", body=text, audience="connections", form=f"{text:0<32}")
    if answer.status_code == 303:
        browser.house.acknowledged.append(("share", text))
    return answer
