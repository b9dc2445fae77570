"""A running `kith serve`, as it stands on a machine."""

import os
import signal
import subprocess
import sys
import time

import pytest
import requests

from tests import ports

PATIENCE = 60


def answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The port of a running `kith serve`."""
    port, folder = ports.free(), tmp_path_factory.mktemp("served")
    with (folder / "said.txt").open("w") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve", "--port", str(port)],
            env={
                **os.environ,
                "KITH_INSTANCE": str(folder / "instance"),
                "KITH_BASE_URL": f"http://127.0.0.1:{port}",
            },
            stdout=said,
            stderr=said,
        )
        try:
            until = time.monotonic() + PATIENCE
            while not answers(port):
                assert time.monotonic() < until, (folder / "said.txt").read_text()
                time.sleep(0.1)
            yield port
        finally:
            running.send_signal(signal.SIGTERM)
            assert running.wait(PATIENCE) == 0
