"""A running `kith serve`, as it stands on a machine."""

import signal

import pytest

from tests import ports, programs


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The port of a running `kith serve`."""
    port, folder = ports.free(), tmp_path_factory.mktemp("served")
    url = f"http://127.0.0.1:{port}"
    running = programs.start(
        "serve", "--port", port, log=folder / "said.txt", INSTANCE=folder / "instance", BASE_URL=url
    )
    try:
        running.wait_until(lambda: programs.answers(f"{url}/readyz"))
        yield port
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait() == 0
